"""Dates, times and durations: the calendar, text, arithmetic, and what lies between."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow.cypher.errors import CypherArgumentError
from workflow.cypher.functions import durations, temporal
from workflow.graphs.store.journal.encoding import decode, encode
from workflow.values import calendar
from workflow.values.moments import Date, Duration, LocalDateTime, LocalTime, ZonedDateTime, ZonedTime, of_python


@given(st.dates())
def test_the_calendar_is_pythons_as_far_as_that_goes(day: datetime.date) -> None:
    number = day.toordinal() - datetime.date(1970, 1, 1).toordinal()
    assert calendar.day_of(day.year, day.month, day.day) == number
    assert calendar.date_of(number) == (day.year, day.month, day.day)
    assert (*calendar.week_of(number), calendar.weekday(number)) == tuple(day.isocalendar())
    assert calendar.day_of_week(*day.isocalendar()) == number


@given(st.integers(-365_000_000_000, 365_000_000_000))
def test_years_may_have_nine_digits(day: int) -> None:
    assert calendar.day_of(*calendar.date_of(day)) == day


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("2015-07-21", "2015-07-21"),
        ("20150721", "2015-07-21"),
        ("2015-W30-2", "2015-07-21"),
        ("2015202", "2015-07-21"),
        ("2015-Q3-21", "2015-07-21"),
        ("2015-07", "2015-07-01"),
        ("2015", "2015-01-01"),
        ("-0001-01-01", "-0001-01-01"),
    ],
)
def test_dates_are_read_in_every_form(text: str, made: str) -> None:
    assert str(temporal.date(text)) == made


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("2015-07-21T21:40:32.142+0100", "2015-07-21T21:40:32.142+01:00"),
        ("2015-07-21T21", "2015-07-21T21:00Z"),
        ("1818-07-21T21:40:32.142[Europe/Stockholm]", "1818-07-21T21:40:32.142+00:53:28[Europe/Stockholm]"),
        ("2015-07-21T21:40:32.142-00:30", "2015-07-21T21:40:32.142-00:30"),
    ],
)
def test_date_times_keep_offset_and_zone(text: str, made: str) -> None:
    assert str(temporal.date_time(text)) == made
    assert str(temporal.date_time(made)) == made


@pytest.mark.parametrize(
    "text", ["2015-13-01", "2015-02-30", "2015-W54", "2015-366", "nonsense", "2015-07-21T25:00", "21:40[Nowhere/Land]"]
)
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(CypherArgumentError):
        temporal.date_time(text)


@pytest.mark.parametrize(
    ("fields", "made"),
    [
        ({"year": 1984, "month": 10}, "1984-10-01"),
        ({"year": 1984, "week": 10, "dayOfWeek": 3}, "1984-03-07"),
        ({"date": Date(5428), "week": 2}, "1984-01-15"),  # 1984-11-11 is a Sunday, and Sunday stays
        ({"date": Date(5428), "quarter": 3}, "1984-08-11"),
        ({"date": Date(5428), "day": 28}, "1984-11-28"),
        ({"date": Date(5428), "ordinalDay": 28}, "1984-01-28"),
    ],
)
def test_a_date_of_fields_keeps_what_its_base_says_more_finely(fields: dict[str, Any], made: str) -> None:
    assert calendar.date_of(5428) == (1984, 11, 11)
    assert str(temporal.date(fields)) == made


def test_months_end_where_they_end() -> None:
    assert str(Date(calendar.day_of(2020, 1, 31)).plus(Duration(1))) == "2020-02-29"
    assert str(Date(calendar.day_of(2021, 3, 31)).minus(Duration(1))) == "2021-02-28"


def test_a_day_is_a_day_of_the_calendar_and_24_hours_are_not() -> None:
    before = temporal.date_time({"year": 2017, "month": 10, "day": 28, "hour": 12, "timezone": "Europe/Stockholm"})
    assert str(before.plus(Duration(0, 1))) == "2017-10-29T12:00+01:00[Europe/Stockholm]"
    assert str(before.plus(Duration(0, 0, 86_400))) == "2017-10-29T11:00+01:00[Europe/Stockholm]"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"months": 1.5}, "P1M15DT5H14M33S"),  # half a month is 1,314,873 seconds
        ({"days": 14, "hours": 16, "minutes": 12}, "P14DT16H12M"),
        ({"weeks": 2.5}, "P17DT12H"),
        ({"seconds": 1, "milliseconds": -1}, "PT0.999S"),
        ("P12Y5M14DT16H12M70S", "P12Y5M14DT16H13M10S"),
        ("PT-0.4S", "PT-0.4S"),
        ("-P1M", "P-1M"),
        ("P2012-02-02T14:37:21.545", "P2012Y2M2DT14H37M21.545S"),
        ({}, "PT0S"),
    ],
)
def test_durations_cascade_their_fractions_and_nothing_else(value: Any, text: str) -> None:
    assert str(durations.duration(value)) == text
    assert durations.duration(text) == durations.duration(value)


@pytest.mark.parametrize(
    ("first", "second", "between", "seconds"),
    [
        ("1984-10-11", "2015-06-24", "P30Y8M13D", "PT269112H"),
        ("2018-03-11", "2016-06-24", "P-1Y-8M-17D", "PT-15000H"),
    ],
)
def test_between_counts_months_then_days(first: str, second: str, between: str, seconds: str) -> None:
    a, b = temporal.date(first), temporal.date(second)
    assert str(durations.between(a, b)) == between
    assert str(durations.in_seconds(a, b)) == seconds
    assert a.plus(durations.between(a, b)) == b


def test_truncation_goes_to_the_beginning_of_a_unit() -> None:
    cut = temporal.FUNCTIONS["datetime.truncate"].call
    moment = temporal.date_time("2017-11-11T12:31:14.645876123+03:00")
    assert str(cut("decade", moment)) == "2010-01-01T00:00+03:00"
    assert str(cut("week", moment)) == "2017-11-06T00:00+03:00"
    assert str(cut("millisecond", moment, {"nanosecond": 2})) == "2017-11-11T12:31:14.645000002+03:00"


MOMENTS = [
    Date(1),
    LocalTime(2),
    ZonedTime(3, 4),
    LocalDateTime(5, 6),
    ZonedDateTime(7, 8, 9),
    Duration(1, -2, 3, 4),
    ZonedDateTime(7, 8, 3600, "Europe/Stockholm"),
]


@pytest.mark.parametrize("moment", MOMENTS)
def test_the_store_keeps_them(moment: Any) -> None:
    assert decode(encode(moment)) == moment
    assert type(decode(encode(moment))) is type(moment)


def test_pythons_own_are_read_as_ours() -> None:
    stamp = datetime.datetime(2024, 2, 29, 12, 30, 1, 5, tzinfo=datetime.UTC)
    assert str(of_python(stamp)) == "2024-02-29T12:30:01.000005Z"
    assert str(of_python(stamp.replace(tzinfo=None))) == "2024-02-29T12:30:01.000005"
    assert of_python(datetime.timedelta(days=2, seconds=3)) == Duration(0, 2, 3)
