"""Functions that make durations."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from typing import Any

from workflow.cypher.errors import CypherArgumentError, CypherTypeError
from workflow.cypher.functions.function import Function, Table
from workflow.cypher.functions.temporal import clock_part, day_part, zone_part
from workflow.cypher.functions.temporal_text import duration_of, parsed_duration
from workflow.cypher.semantics.arithmetic import kind_of
from workflow.cypher.semantics.relations import is_number
from workflow.values.calendar import date_of, plus_months
from workflow.values.moment_parts import DAY, SECOND
from workflow.values.moments import MOMENTS, Duration, ZonedDateTime, of_python

_UNITS = (
    "years", "quarters", "months", "weeks", "days", "hours", "minutes", "seconds", "milliseconds", "microseconds",
    "nanoseconds",
)  # fmt: skip


def duration(value: Any) -> Duration:
    """A duration out of a text or fields, which may have fractions."""
    if isinstance(value, datetime.timedelta):
        value = of_python(value)
    if isinstance(value, Duration):
        return value
    if isinstance(value, str):
        return parsed_duration(value)
    if not isinstance(value, Mapping):
        raise CypherTypeError(f"duration() does not take a value of type {kind_of(value)}", "InvalidArgumentValue")
    parts = []
    for name in _UNITS:
        part = value.get(name)
        if part is not None and not is_number(part):
            raise CypherTypeError(f"{name} is a number, not {kind_of(part)}", "InvalidArgumentValue")
        parts.append(part or 0)
    unknown = sorted(set(value) - set(_UNITS))
    if unknown:
        raise CypherArgumentError(
            f"A duration has no {unknown[0]!r}; it has {', '.join(_UNITS)}", "InvalidArgumentValue"
        )
    years, quarters, months, weeks, days, hours, minutes, seconds, milli, micro, nano = parts
    return duration_of(
        years * 12 + quarters * 3 + months,
        weeks * 7 + days,
        hours,
        minutes,
        seconds,
        milli * 1_000_000 + micro * 1_000 + nano,
    )


def _moments(a: Any, b: Any) -> tuple[int | None, int, int | None, int, Any, Any]:
    """Days and times of day of two values, as the zone of one of them has both, and their offsets."""
    for value in (a, b):
        if not isinstance(value, MOMENTS):
            raise CypherTypeError(f"A duration lies between moments, not {kind_of(value)}", "InvalidArgumentValue")
    zone_a, zone_b = zone_part(a), zone_part(b)
    if isinstance(b, ZonedDateTime) and isinstance(a, ZonedDateTime):
        b = ZonedDateTime.then(b.instant(), a.zone, a.offset)
        zone_b = zone_part(b)
    return day_part(a), clock_part(a) or 0, day_part(b), clock_part(b) or 0, zone_a, zone_b


def _difference(a: Any, b: Any) -> tuple[int, int, int]:
    """Day of the first, its nanoseconds since 1970, and those of the second, both as local as they can be compared."""
    day_a, clock_a, day_b, clock_b, zone_a, zone_b = _moments(a, b)
    if day_a is None or day_b is None:
        day_a = day_b = day_a if day_a is not None else day_b if day_b is not None else 0
    start, end = day_a * DAY + clock_a, day_b * DAY + clock_b
    dated = day_part(a) is not None and day_part(b) is not None
    if zone_a is not None and zone_b is not None and not dated:
        end += (zone_a[0] - zone_b[0]) * SECOND
    return day_a, start, end


def _instants(a: Any, b: Any) -> int:
    """The nanoseconds of the world's clock between two values: the zone of one is that of the other without one."""
    day_a, clock_a, day_b, clock_b, zone_a, zone_b = _moments(a, b)
    if day_a is None or day_b is None:
        day_a = day_b = day_a if day_a is not None else day_b if day_b is not None else 0
    if zone_a is None and zone_b is None:
        return (day_b - day_a) * DAY + clock_b - clock_a
    first = ZonedDateTime.local(day_a, clock_a, *_zone(zone_a or zone_b))
    second = ZonedDateTime.local(day_b, clock_b, *_zone(zone_b or zone_a))
    return second.instant() - first.instant()


def _zone(found: Any) -> tuple[str | None, int]:
    return found[1], found[0]


def _seconds(nanoseconds: int) -> Duration:
    return Duration.of(0, 0, 0, nanoseconds)


def between(a: Any, b: Any) -> Duration:
    """Whole months, then whole days, then the rest between two moments, all of one sign."""
    if day_part(a) is None or day_part(b) is None:
        return _seconds(_instants(a, b))
    months, days, rest = _parts(a, b)
    if isinstance(a, ZonedDateTime) and isinstance(b, ZonedDateTime):  # what is less than a day, by the world's clock
        rest = b.instant() - a.plus(Duration(months, days)).instant()
    return Duration.of(months, days, 0, rest)


def _parts(a: Any, b: Any) -> tuple[int, int, int]:
    day, start, end = _difference(a, b)
    clock = start - day * DAY
    last = end // DAY
    (year_a, month_a, _), (year_b, month_b, _) = date_of(day), date_of(last)
    months = (year_b - year_a) * 12 + month_b - month_a
    forward = end >= start

    def moved(count: int) -> int:
        return plus_months(day, count) * DAY + clock

    if forward and moved(months) > end:
        months -= 1
    if not forward and moved(months) < end:
        months += 1
    rest = end - moved(months)
    days = abs(rest) // DAY * (1 if rest >= 0 else -1)
    return months, days, rest - days * DAY


def in_months(a: Any, b: Any) -> Duration:
    """Whole months between two moments."""
    if day_part(a) is None or day_part(b) is None:
        return Duration()
    return Duration(_parts(a, b)[0])


def in_days(a: Any, b: Any) -> Duration:
    """Whole days between two moments."""
    if day_part(a) is None or day_part(b) is None:
        return Duration()
    _, start, end = _difference(a, b)
    return Duration(0, abs(end - start) // DAY * (1 if end >= start else -1))


def in_seconds(a: Any, b: Any) -> Duration:
    """Seconds and nanoseconds between two moments."""
    return _seconds(_instants(a, b))


def _of_two(function: Callable[[Any, Any], Duration]) -> Function:
    def call(a: Any, b: Any) -> Duration:
        first, second = (of_python(one) if isinstance(one, datetime.date) else one for one in (a, b))
        return function(first, second)

    return Function(call, 2, 2, returns="duration")


FUNCTIONS: Table = {
    "duration": Function(duration, 1, 1, returns="duration"),
    "duration.between": _of_two(between),
    "duration.inmonths": _of_two(in_months),
    "duration.indays": _of_two(in_days),
    "duration.inseconds": _of_two(in_seconds),
}
