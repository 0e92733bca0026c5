"""Functions that make dates, times and date-times: out of texts, fields, other values, and the clock."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from workflow.cypher.errors import CypherArgumentError, CypherTypeError
from workflow.cypher.functions.function import Function, FunctionRun, Table
from workflow.cypher.functions.temporal_text import (
    checked_clock,
    checked_day,
    parsed_date,
    parsed_moment,
    parsed_offset,
    parsed_zoned,
)
from workflow.cypher.semantics.arithmetic import kind_of
from workflow.values.calendar import date_of, day_of, day_of_week, week_of, weekday
from workflow.values.moment_parts import DAY, SECOND, UnknownZone
from workflow.values.moments import MOMENTS, Date, LocalDateTime, LocalTime, Moment, ZonedDateTime, ZonedTime, of_python

Made = TypeVar("Made")

_WEEK: Final = ("week", "dayOfWeek", "weekYear")
_QUARTER: Final = ("quarter", "dayOfQuarter")
_CLOCK: Final = ("hour", "minute", "second", "millisecond", "microsecond", "nanosecond")


def _refused(name: str, value: Any) -> CypherTypeError:
    return CypherTypeError(f"{name}() does not take a value of type {kind_of(value)}", "InvalidArgumentValue")


# -- parts of other values


def day_part(value: Any) -> int | None:
    """The day of a value that has one."""
    return value.day if isinstance(value, Date | LocalDateTime | ZonedDateTime) else None


def clock_part(value: Any) -> int | None:
    """The time of day of a value that has one."""
    return value.nanosecond if isinstance(value, LocalTime | ZonedTime | LocalDateTime | ZonedDateTime) else None


def zone_part(value: Any) -> tuple[int, str | None] | None:
    """Offset and zone of a value that has them."""
    if isinstance(value, ZonedDateTime):
        return value.offset, value.zone
    return (value.offset, None) if isinstance(value, ZonedTime) else None


# -- from fields


def _field(fields: Mapping[str, Any], name: str) -> int | None:
    value = fields.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise CypherTypeError(f"{name} is an integer, not {kind_of(value)}", "InvalidArgumentValue")
    return int(value)


def day_of_fields(fields: Mapping[str, Any], base: int | None) -> int:
    """The day that fields describe; what they leave out comes from the base, or is the first.

    Fields of a week, a quarter or a year (``ordinalDay``) keep the place of the base in that, not its day of the month.
    """
    known: int | None = None
    month = number = 1
    if base is not None:
        known, month, number = date_of(base)
    given = _field(fields, "year")
    if any(_field(fields, name) is not None for name in _WEEK):
        week_year, week, day = (given, 1, 1) if base is None else (*week_of(base), weekday(base))
        week_year = _first(_field(fields, "weekYear"), given, week_year)
        chosen = {"year": _wanted(week_year), "week": _first(_field(fields, "week"), week)}
        return checked_day({**chosen, "weekday": _first(_field(fields, "dayOfWeek"), day)})
    year = _wanted(given if given is not None else known)
    if _field(fields, "ordinalDay") is not None:
        return checked_day({"year": year, "ordinal": _first(_field(fields, "ordinalDay"))})
    if any(_field(fields, name) is not None for name in _QUARTER):
        quarter = (month - 1) // 3 + 1
        place = 1 if base is None else base - day_of(date_of(base)[0], 3 * quarter - 2, 1) + 1
        quarter, place = _first(_field(fields, "quarter"), quarter), _first(_field(fields, "dayOfQuarter"), place)
        return checked_day({"year": year, "quarter": quarter, "quarterday": place})
    return checked_day(
        {"year": year, "month": _first(_field(fields, "month"), month), "day": _first(_field(fields, "day"), number)}
    )


def _first(*values: int | None) -> int:
    return next(value for value in values if value is not None)


def _wanted(year: int | None) -> int:
    if year is None:
        raise CypherArgumentError("A date needs its year", "InvalidArgumentValue")
    return year


def clock_of_fields(fields: Mapping[str, Any], base: int | None) -> int:
    """The time of day that fields say; parts of a second add up, and the base's stay where none is given."""
    hour, minute, second, fraction = 0, 0, 0, 0
    if base is not None:
        seconds, fraction = divmod(base, SECOND)
        hour, minute, second = seconds // 3600, seconds // 60 % 60, seconds % 60
    parts = [_field(fields, name) for name in ("millisecond", "microsecond", "nanosecond")]
    if any(part is not None for part in parts):
        fraction = sum((part or 0) * unit for part, unit in zip(parts, (1_000_000, 1_000, 1), strict=True))
    return checked_clock(
        _first(_field(fields, "hour"), hour),
        _first(_field(fields, "minute"), minute),
        _first(_field(fields, "second"), second),
        fraction,
    )


def zone_of(value: Any) -> tuple[int, str | None]:
    """Offset and zone of ``timezone``; the offset of a zone is known with the moment only."""
    if not isinstance(value, str):
        raise _refused("timezone", value)
    if value[:1] in ("+", "-") or value in ("Z", "z"):
        return parsed_offset(value), None
    return 0, value


def _zoned(day: int, nanosecond: int, offset: int, name: str | None) -> ZonedDateTime:
    try:
        return ZonedDateTime.local(day, nanosecond, name, offset)
    except UnknownZone as error:
        raise CypherArgumentError(str(error), "InvalidArgumentValue") from error


def _then(instant: int, offset: int, name: str | None) -> ZonedDateTime:
    try:
        return ZonedDateTime.then(instant, name, offset)
    except UnknownZone as error:
        raise CypherArgumentError(str(error), "InvalidArgumentValue") from error


def _moved(value: Any, zone: tuple[int, str | None] | None) -> Any:
    """A base as it is in the zone that is asked for: the same instant."""
    if zone is None:
        return value
    if isinstance(value, ZonedDateTime):
        return _then(value.instant(), *zone)
    if isinstance(value, ZonedTime) and zone[1] is None:
        return ZonedTime((value.instant() + zone[0] * SECOND) % DAY, zone[0])
    return value


class _Fields:
    """The fields of a map, with the day, the time of day and the zone of the values it is based on."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self.fields = fields
        self.zone = None if fields.get("timezone") is None else zone_of(fields["timezone"])
        both = fields.get("datetime")
        bases = {"date": fields.get("date", both), "time": fields.get("time", both)}
        for name, base in bases.items():
            if base is not None and not isinstance(base, MOMENTS):
                raise _refused(name, base)
        self.based_on_zone = zone_part(bases["time"])
        moved = {name: _moved(base, self.zone) for name, base in bases.items()}
        time_base = bases["time"] if bases["time"] is not bases["date"] else None
        if isinstance(time_base, ZonedTime | ZonedDateTime) and self.zone is not None and self.zone[1] is not None:
            moved["time"] = self._in_zone(time_base, day_part(bases["date"]), self.zone[1])
        self.day_base = day_part(moved["date"])
        self.clock_base = clock_part(moved["time"])

    def _in_zone(self, time: ZonedTime | ZonedDateTime, day: int | None, name: str) -> ZonedTime:
        """A time with an offset as a zone has it on its day; the time's own zone may have another offset on it, too."""
        at = day_of_fields(self.fields, day)
        if isinstance(time, ZonedTime):
            instant = at * DAY + time.instant()
        else:
            instant = ZonedDateTime.local(at, time.nanosecond, time.zone, time.offset).instant()
        there = _then(instant, 0, name)
        return ZonedTime(there.nanosecond, there.offset)

    def day(self) -> int:
        return day_of_fields(self.fields, self.day_base)

    def clock(self) -> int:
        return clock_of_fields(self.fields, self.clock_base)

    def offset(self) -> tuple[int, str | None]:
        return self.zone or self.based_on_zone or (0, None)


# -- the five makers


def date(value: Any) -> Date:
    """A date out of a text, fields, or what has one."""
    if isinstance(value, str):
        return Date(parsed_date(value))
    if isinstance(value, Mapping):
        return Date(_Fields(value).day())
    day = day_part(value)
    if day is None:
        raise _refused("date", value)
    return Date(day)


def local_time(value: Any) -> LocalTime:
    """A time of day."""
    if isinstance(value, str):
        return LocalTime(parsed_zoned(value)[0])
    if isinstance(value, Mapping):
        return LocalTime(_Fields(value).clock())
    clock = clock_part(value)
    if clock is None:
        raise _refused("localtime", value)
    return LocalTime(clock)


def time(value: Any) -> ZonedTime:
    """A time of day with an offset, UTC where none is said."""
    if isinstance(value, str):
        nanosecond, offset, _ = parsed_zoned(value)
        return ZonedTime(nanosecond, offset or 0)
    if isinstance(value, Mapping):
        found = _Fields(value)
        offset, name = found.offset()
        if name is not None:
            day = found.day_base if found.day_base is not None else 0
            offset = _zoned(day, found.clock(), 0, name).offset
        return ZonedTime(found.clock(), offset)
    clock = clock_part(value)
    if clock is None:
        raise _refused("time", value)
    return ZonedTime(clock, (zone_part(value) or (0, None))[0])


def local_date_time(value: Any) -> LocalDateTime:
    """A day and a time of day."""
    if isinstance(value, str):
        return LocalDateTime(*parsed_moment(value)[:2])
    if isinstance(value, Mapping):
        found = _Fields(value)
        return LocalDateTime(found.day(), found.clock())
    day = day_part(value)
    if day is None:
        raise _refused("localdatetime", value)
    return LocalDateTime(day, clock_part(value) or 0)


def date_time(value: Any) -> ZonedDateTime:
    """A day and a time of day with an offset or a zone, UTC where none is said."""
    if isinstance(value, str):
        day, nanosecond, offset, name = parsed_moment(value)
        if name is not None and offset is not None:
            return _then(day * DAY + nanosecond - offset * SECOND, offset, name)
        return _zoned(day, nanosecond, offset or 0, name)
    if isinstance(value, Mapping):
        return _date_time_of(value)
    own = day_part(value)
    if own is None:
        raise _refused("datetime", value)
    return _zoned(own, clock_part(value) or 0, *(zone_part(value) or (0, None)))


def _date_time_of(fields: Mapping[str, Any]) -> ZonedDateTime:
    seconds, millis = _field(fields, "epochSeconds"), _field(fields, "epochMillis")
    if seconds is not None or millis is not None:
        start = seconds * SECOND if seconds is not None else (millis or 0) * 1_000_000
        zone = (0, None) if fields.get("timezone") is None else zone_of(fields["timezone"])
        return _then(start + (_field(fields, "nanosecond") or 0), *zone)
    found = _Fields(fields)
    return _zoned(found.day(), found.clock(), *found.offset())


# -- the clock


def _now(run: FunctionRun, make: Callable[[Any], Made]) -> Callable[[Any], Made]:
    """What makes a value of this moment, in the zone that is asked for."""

    def at(zone: Any) -> Made:
        where = (0, None) if zone is None else zone_of(zone)
        return make(_then(getattr(run, "began_ns", 0), *where))

    return at


def _maker(make: Callable[[Any], Any]) -> Callable[..., Any]:
    """``date()`` is now, ``date(null)`` is null, anything else is made a date of."""

    def call(run: FunctionRun, *arguments: Any) -> Any:
        if not arguments:
            return _now(run, make)(None)
        (value,) = arguments
        if value is None:
            return None
        if isinstance(value, Mapping) and set(value) == {"timezone"} and make is not time and make is not local_time:
            return _now(run, make)(value["timezone"])
        return make(_own(value))

    return call


def _clock(make: Callable[[Any], Any]) -> Callable[..., Any]:
    def call(run: FunctionRun, *arguments: Any) -> Any:
        if arguments and arguments[0] is None:
            return None
        return _now(run, make)(arguments[0] if arguments else None)

    return call


def _own(value: Any) -> Any:
    """A value with Python's own dates made ours; those come from other languages over the same graph."""
    return of_python(value) if isinstance(value, datetime.date | datetime.timedelta) else value


# -- truncate

_UNITS: Final = (
    "millennium", "century", "decade", "year", "weekYear", "quarter", "month", "week", "day", "hour", "minute",
    "second", "millisecond", "microsecond",
)  # fmt: skip
_NANOSECONDS: Final = {
    "day": DAY, "hour": 3600 * SECOND, "minute": 60 * SECOND, "second": SECOND, "millisecond": 1_000_000,
    "microsecond": 1_000,
}  # fmt: skip


def truncated_day(day: int, unit: str) -> int:
    """The first day of the unit that a day lies in."""
    year, month, _ = date_of(day)
    match unit:
        case "millennium" | "century" | "decade" | "year":
            length = {"millennium": 1000, "century": 100, "decade": 10, "year": 1}[unit]
            return day_of(year // length * length, 1, 1)
        case "weekYear":
            return day_of_week(week_of(day)[0], 1, 1)
        case "quarter":
            return day_of(year, (month - 1) // 3 * 3 + 1, 1)
        case "month":
            return day_of(year, month, 1)
        case "week":
            return day - weekday(day) + 1
    return day


def _truncate(make: Callable[[Any], Any]) -> Callable[..., Any]:
    def call(unit: Any, value: Any, fields: Any = None) -> Any:
        value = _own(value)
        if unit is None or value is None:
            return None
        if unit not in _UNITS:
            raise CypherArgumentError(f"{unit!r} is no unit; use one of {', '.join(_UNITS)}", "InvalidArgumentValue")
        base: dict[str, Any] = {}
        day, clock, zone = day_part(value), clock_part(value), zone_part(value)
        if day is not None and make not in (time, local_time):
            base["date"] = Date(truncated_day(day, unit))
        if clock is not None and make is not date:
            base["time"] = LocalTime(clock - clock % _NANOSECONDS[unit] if unit in _NANOSECONDS else 0)
        if zone is not None and make in (time, date_time):
            base["timezone"] = _zone_text(*zone)
        return make(_adjusted(base, fields or {}))

    return call


def _zone_text(offset: int, name: str | None) -> str:
    return name or str(ZonedTime(0, offset))[5:]


def _adjusted(base: dict[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """A truncated value with fields set; smaller parts of a second add to those that are left."""
    if "time" in base and any(name in fields for name in ("millisecond", "microsecond", "nanosecond")):
        left = base["time"].nanosecond % SECOND
        parts = {"millisecond": left // 1_000_000, "microsecond": left // 1_000 % 1_000, "nanosecond": left % 1_000}
        return {**base, **parts, **fields}
    return {**base, **fields}


def from_epoch(seconds: Any, nanoseconds: Any) -> ZonedDateTime:
    """The moment so many seconds after 1970."""
    return _date_time_of({"epochSeconds": seconds, "nanosecond": nanoseconds})


def from_epoch_millis(milliseconds: Any) -> ZonedDateTime:
    """The moment so many milliseconds after 1970."""
    return _date_time_of({"epochMillis": milliseconds})


def _family(name: str, make: Callable[[Any], Moment]) -> dict[str, Function]:
    clock = Function(_clock(make), 0, 1, returns=name, null=True, contextual=True)
    return {
        name: Function(_maker(make), 0, 1, returns=name, null=True, contextual=True),
        f"{name}.transaction": clock,
        f"{name}.statement": clock,
        f"{name}.realtime": clock,
        f"{name}.truncate": Function(_truncate(make), 2, 3, returns=name, null=True),
    }


FUNCTIONS: Table = {
    **_family("date", date),
    **_family("localtime", local_time),
    **_family("time", time),
    **_family("localdatetime", local_date_time),
    **_family("datetime", date_time),
    "datetime.fromepoch": Function(from_epoch, 2, 2, returns="datetime"),
    "datetime.fromepochmillis": Function(from_epoch_millis, 1, 1, returns="datetime"),
}
