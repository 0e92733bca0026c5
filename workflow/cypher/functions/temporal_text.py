"""Dates, times and durations out of texts of ISO 8601, with and without the separators."""

from __future__ import annotations

import re
from typing import Any, Final

from workflow.cypher.errors import CypherArgumentError
from workflow.values.calendar import day_of, day_of_week, days_in_month, days_in_year, weeks_in_year
from workflow.values.moment_parts import SECOND
from workflow.values.moments import Duration

_YEAR: Final = r"(?P<year>[+-]\d{4,9}|\d{4})"
_DATES: Final = [
    re.compile(_YEAR + pattern)
    for pattern in (
        r"-(?P<month>\d\d)-(?P<day>\d\d)", r"(?P<month>\d\d)(?P<day>\d\d)",
        r"-W(?P<week>\d\d)-(?P<weekday>\d)", r"W(?P<week>\d\d)(?P<weekday>\d)",
        r"-W(?P<week>\d\d)", r"W(?P<week>\d\d)",
        r"-Q(?P<quarter>\d)-(?P<quarterday>\d\d)", r"Q(?P<quarter>\d)(?P<quarterday>\d\d)",
        r"-Q(?P<quarter>\d)", r"Q(?P<quarter>\d)",
        r"-(?P<ordinal>\d{3})", r"(?P<ordinal>\d{3})",
        r"-(?P<month>\d\d)", r"(?P<month>\d\d)", r"",
    )
]  # fmt: skip
_CLOCK: Final = re.compile(r"(\d\d)(?::?(\d\d)(?::?(\d\d)(?:[.,](\d{1,9}))?)?)?")
_OFFSET: Final = re.compile(r"([+-])(\d\d)(?::?(\d\d)(?::?(\d\d))?)?")
_ZONED: Final = re.compile(r"(?P<clock>[^Z+\-\[]*)(?P<offset>Z|[+-][\d:]+)?(?:\[(?P<zone>[^\]]+)\])?")
_NUMBER: Final = r"([+-]?\d+(?:[.,]\d+)?)"
_DURATION: Final = re.compile(
    rf"([+-])?P(?:{_NUMBER}Y)?(?:{_NUMBER}M)?(?:{_NUMBER}W)?(?:{_NUMBER}D)?"
    rf"(?:T(?:{_NUMBER}H)?(?:{_NUMBER}M)?(?:{_NUMBER}S)?)?",
    re.IGNORECASE,
)
_DATED_DURATION: Final = re.compile(r"P(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d(?:\.\d+)?)")


def _refused(what: str, text: str) -> CypherArgumentError:
    return CypherArgumentError(f"{text!r} is no {what}", "InvalidArgumentValue")


def parsed_date(text: str) -> int:
    """The day of a calendar, week, quarter or ordinal date; what is left out is the first."""
    for pattern in _DATES:
        found = pattern.fullmatch(text)
        if found is not None:
            return checked_day({key: int(value) for key, value in found.groupdict().items() if value is not None})
    raise _refused("date", text)


def checked_day(fields: dict[str, int]) -> int:
    """The day that the fields of a date say; raises CypherArgumentError beyond their ranges."""
    year = fields["year"]
    if "week" in fields:
        _within("week", fields["week"], 1, weeks_in_year(year))
        return day_of_week(year, fields["week"], _within("dayOfWeek", fields.get("weekday", 1), 1, 7))
    if "quarter" in fields:
        first = day_of(year, 3 * _within("quarter", fields["quarter"], 1, 4) - 2, 1)
        return first + _within("dayOfQuarter", fields.get("quarterday", 1), 1, 92) - 1
    if "ordinal" in fields:
        return day_of(year, 1, 1) + _within("ordinalDay", fields["ordinal"], 1, days_in_year(year)) - 1
    month = _within("month", fields.get("month", 1), 1, 12)
    return day_of(year, month, _within("day", fields.get("day", 1), 1, days_in_month(year, month)))


def _within(name: str, value: int, least: int, most: int) -> int:
    if least <= value <= most:
        return value
    raise CypherArgumentError(f"{name} lies from {least} to {most}, not at {value}", "NumberOutOfRange")


def parsed_clock(text: str) -> int:
    """The nanosecond of a time of day."""
    found = _CLOCK.fullmatch(text)
    if found is None:
        raise _refused("time", text)
    hour, minute, second, fraction = found.groups()
    return checked_clock(int(hour), int(minute or 0), int(second or 0), int((fraction or "0").ljust(9, "0")))


def checked_clock(hour: int, minute: int, second: int, nanosecond: int) -> int:
    """The nanosecond of a time of day by its fields; raises CypherArgumentError beyond their ranges."""
    _within("hour", hour, 0, 23)
    _within("minute", minute, 0, 59)
    _within("second", second, 0, 59)
    _within("nanosecond", nanosecond, 0, SECOND - 1)
    return ((hour * 60 + minute) * 60 + second) * SECOND + nanosecond


def parsed_offset(text: str) -> int:
    """An offset in seconds: ``Z``, ``+01``, ``+0100``, ``+01:00:30``."""
    if text in ("Z", "z"):
        return 0
    found = _OFFSET.fullmatch(text)
    if found is None:
        raise _refused("offset", text)
    sign, hours, minutes, seconds = found.groups()
    total = int(hours) * 3600 + int(minutes or 0) * 60 + int(seconds or 0)
    _within("an offset", total, 0, 18 * 3600)
    return -total if sign == "-" else total


def parsed_zoned(text: str) -> tuple[int, int | None, str | None]:
    """Nanosecond, offset and zone of a time of day; the last two as far as they are said."""
    found = _ZONED.fullmatch(text)
    if found is None:
        raise _refused("time", text)
    offset = found["offset"]
    return parsed_clock(found["clock"]), None if offset is None else parsed_offset(offset), found["zone"]


def parsed_moment(text: str) -> tuple[int, int, int | None, str | None]:
    """Day, nanosecond, offset and zone of a date-time; midnight where no time is said."""
    date, _, clock = text.partition("T")
    return parsed_date(date), *(parsed_zoned(clock) if clock else (0, None, None))


def parsed_duration(text: str) -> Duration:
    """``P1Y2M3W4DT5H6M7.8S``, with fractions and signs anywhere, or ``P2012-02-02T14:37:21.545``."""
    dated = _DATED_DURATION.fullmatch(text)
    if dated is not None:
        years, months, days, hours, minutes, seconds = dated.groups()
        whole, _, fraction = seconds.partition(".")
        return Duration.of(
            int(years) * 12 + int(months),
            int(days),
            int(hours) * 3600 + int(minutes) * 60 + int(whole),
            int(fraction.ljust(9, "0")[:9] or 0),
        )
    found = _DURATION.fullmatch(text)
    if found is None or not any(found.groups()[1:]):
        raise _refused("duration", text)
    sign, *parts = found.groups()
    years, months, weeks, days, hours, minutes, seconds = (_number(part) for part in parts)
    duration = duration_of(years * 12 + months, weeks * 7 + days, hours, minutes, *_seconds(parts[-1]))
    return duration.times(-1) if sign == "-" else duration


def _number(part: str | None) -> Any:
    if part is None:
        return 0
    part = part.replace(",", ".")
    return float(part) if "." in part else int(part)


def _seconds(part: str | None) -> tuple[int, int]:
    """Whole seconds and nanoseconds, without going through a float."""
    if part is None:
        return 0, 0
    whole, _, fraction = part.replace(",", ".").partition(".")
    nanoseconds = int(fraction.ljust(9, "0")[:9] or 0)
    return int(whole or 0), -nanoseconds if whole.startswith("-") else nanoseconds


def duration_of(months: Any, days: Any, hours: Any, minutes: Any, seconds: Any, nanoseconds: Any = 0) -> Duration:
    """A duration of parts that may have fractions: those of months go to days, those of days to seconds."""
    if all(isinstance(one, int) for one in (months, days, hours, minutes, seconds, nanoseconds)):
        return Duration.of(months, days, hours * 3600 + minutes * 60 + seconds, nanoseconds)
    return Duration.approximate(months, days, hours * 3600 + minutes * 60 + seconds, nanoseconds)
