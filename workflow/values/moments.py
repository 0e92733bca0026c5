"""Dates, times and durations to the nanosecond, for any year, with offsets to the second and zones by name.

Python's own end at the year 9999, at microseconds, and lose zones. All here are immutable; a ``rank`` says which kind
comes first where values of several kinds are put in order.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from workflow.values.calendar import (
    day_of,
    plus_months,
)
from workflow.values.moment_parts import (
    DAY,
    DAY_S,
    MONTH_S,
    SECOND,
    clock_part,
    clock_text,
    date_part,
    date_text,
    offset_at,
    offset_part,
    offset_text,
    offset_then,
)


@dataclass(frozen=True, slots=True)
class Duration:
    """Months, days and seconds, which are never made into each other; ``nanoseconds`` from 0 to 999,999,999."""

    months: int = 0
    days: int = 0
    seconds: int = 0
    nanoseconds: int = 0

    rank: ClassVar[int] = 5

    @classmethod
    def of(cls, months: int = 0, days: int = 0, seconds: int = 0, nanoseconds: int = 0) -> Duration:
        """The duration with its nanoseconds in their range."""
        return cls(months, days, seconds + nanoseconds // SECOND, nanoseconds % SECOND)

    @classmethod
    def approximate(cls, months: float, days: float, seconds: float, nanoseconds: float = 0) -> Duration:
        """Parts with fractions: those of a month go to the days, those of a day to the seconds."""
        whole_months = int(months)
        days += (months - whole_months) * MONTH_S / DAY_S
        whole_days = int(days)
        rest = (days - whole_days) * DAY_S
        whole_seconds = int(seconds)
        fraction = (seconds - whole_seconds) * SECOND + nanoseconds
        rest_seconds = int(rest)
        return cls.of(
            whole_months,
            whole_days,
            whole_seconds + rest_seconds,
            int(round((rest - rest_seconds) * SECOND + fraction, 3)),
        )

    def order_key(self) -> tuple[int, ...]:
        """By its mean length."""
        return (self.months * MONTH_S + self.days * DAY_S + self.seconds, self.nanoseconds)

    def plus(self, other: Any) -> Any:
        """The sum with a duration, or the moment later by it."""
        if isinstance(other, Duration):
            return Duration.of(
                self.months + other.months,
                self.days + other.days,
                self.seconds + other.seconds,
                self.nanoseconds + other.nanoseconds,
            )
        return other.plus(self)

    def minus(self, other: Duration) -> Duration:
        """The difference."""
        found = self.plus(other.times(-1))
        assert isinstance(found, Duration)
        return found

    def times(self, factor: float) -> Duration:
        """So many times as long."""
        if isinstance(factor, int):
            return Duration.of(
                self.months * factor, self.days * factor, self.seconds * factor, self.nanoseconds * factor
            )
        return Duration.approximate(
            self.months * factor, self.days * factor, self.seconds * factor, self.nanoseconds * factor
        )

    def divided(self, divisor: float) -> Duration:
        """A part of it."""
        return Duration.approximate(
            self.months / divisor, self.days / divisor, self.seconds / divisor, self.nanoseconds / divisor
        )

    def part(self, name: str) -> int | None:
        """A field by its name: of all the months, all the days or all the seconds."""
        total = self.seconds * SECOND + self.nanoseconds
        # toward zero, as all fields of a negative duration
        whole = abs(total) // SECOND * (1 if total >= 0 else -1)
        match name:
            case "years":
                return _toward_zero(self.months, 12)
            case "quarters":
                return _toward_zero(self.months, 3)
            case "months":
                return self.months
            case "weeks":
                return _toward_zero(self.days, 7)
            case "days":
                return self.days
            case "hours":
                return _toward_zero(self.seconds, 3600)
            case "minutes":
                return _toward_zero(self.seconds, 60)
            case "seconds":
                return self.seconds
            case "milliseconds":
                return total // 1_000_000
            case "microseconds":
                return total // 1_000
            case "nanoseconds":
                return total
            case "quartersOfYear":
                return _rest(_toward_zero(self.months, 3), 4)
            case "monthsOfQuarter":
                return _rest(self.months, 3)
            case "monthsOfYear":
                return _rest(self.months, 12)
            case "daysOfWeek":
                return _rest(self.days, 7)
            case "minutesOfHour":
                return _rest(_toward_zero(self.seconds, 60), 60)
            case "secondsOfMinute":
                return _rest(whole if total < 0 else self.seconds, 60)
            case "millisecondsOfSecond":
                return self.nanoseconds // 1_000_000
            case "microsecondsOfSecond":
                return self.nanoseconds // 1_000
            case "nanosecondsOfSecond":
                return self.nanoseconds
        return None

    def __str__(self) -> str:
        total = self.seconds * SECOND + self.nanoseconds
        sign, whole = (-1 if total < 0 else 1), abs(total)
        seconds, fraction = divmod(whole, SECOND)
        years, months = _toward_zero(self.months, 12), _rest(self.months, 12)
        date = "".join(f"{value}{unit}" for value, unit in ((years, "Y"), (months, "M"), (self.days, "D")) if value)
        hours, minutes, seconds = seconds // 3600, seconds // 60 % 60, seconds % 60
        clock = "".join(f"{sign * value}{unit}" for value, unit in ((hours, "H"), (minutes, "M")) if value)
        if seconds or fraction:
            digits = f".{fraction:09d}".rstrip("0") if fraction else ""
            clock += f"{'-' if sign < 0 else ''}{seconds}{digits}S"
        return "P" + date + (f"T{clock}" if clock else "") if date or clock else "PT0S"


def _toward_zero(value: int, divisor: int) -> int:
    return abs(value) // divisor * (1 if value >= 0 else -1)


def _rest(value: int, divisor: int) -> int:
    return abs(value) % divisor * (1 if value >= 0 else -1)


@dataclass(frozen=True, slots=True)
class Date:
    """A day, counted from 1970-01-01."""

    day: int

    rank: ClassVar[int] = 2

    def compared(self, other: Date) -> int:
        """Negative, zero or positive."""
        return self.day - other.day

    def order_key(self) -> tuple[int, ...]:
        return (self.day,)

    def plus(self, duration: Duration) -> Date:
        """Later by a duration; of its seconds only whole days count."""
        return Date(plus_months(self.day, duration.months) + duration.days + _toward_zero(duration.seconds, DAY_S))

    def minus(self, duration: Duration) -> Date:
        return self.plus(duration.times(-1))

    def part(self, name: str) -> Any:
        return date_part(self.day, name)

    def __str__(self) -> str:
        return date_text(self.day)


@dataclass(frozen=True, slots=True)
class LocalTime:
    """A time of day, in nanoseconds since midnight."""

    nanosecond: int

    rank: ClassVar[int] = 4

    def compared(self, other: LocalTime) -> int:
        return self.nanosecond - other.nanosecond

    def order_key(self) -> tuple[int, ...]:
        return (self.nanosecond,)

    def plus(self, duration: Duration) -> LocalTime:
        """Later by the seconds of a duration, past midnight and on."""
        return LocalTime((self.nanosecond + duration.seconds * SECOND + duration.nanoseconds) % DAY)

    def minus(self, duration: Duration) -> LocalTime:
        return self.plus(duration.times(-1))

    def part(self, name: str) -> Any:
        return clock_part(self.nanosecond, name)

    def __str__(self) -> str:
        return clock_text(self.nanosecond)


@dataclass(frozen=True, slots=True)
class ZonedTime:
    """A time of day with its offset from UTC in seconds."""

    nanosecond: int
    offset: int

    rank: ClassVar[int] = 3

    def compared(self, other: ZonedTime) -> int:
        return self.instant() - other.instant() or self.offset - other.offset

    def instant(self) -> int:
        """Nanoseconds since midnight of UTC."""
        return self.nanosecond - self.offset * SECOND

    def order_key(self) -> tuple[int, ...]:
        return self.instant(), self.offset

    def plus(self, duration: Duration) -> ZonedTime:
        moved = (self.nanosecond + duration.seconds * SECOND + duration.nanoseconds) % DAY
        return ZonedTime(moved, self.offset)

    def minus(self, duration: Duration) -> ZonedTime:
        return self.plus(duration.times(-1))

    def part(self, name: str) -> Any:
        if name == "timezone":
            return offset_text(self.offset)
        found = clock_part(self.nanosecond, name)
        return offset_part(self.offset, name) if found is None else found

    def __str__(self) -> str:
        return clock_text(self.nanosecond) + offset_text(self.offset)


@dataclass(frozen=True, slots=True)
class LocalDateTime:
    """A day and a time of day."""

    day: int
    nanosecond: int

    rank: ClassVar[int] = 1

    def compared(self, other: LocalDateTime) -> int:
        return self.total() - other.total()

    def total(self) -> int:
        """Nanoseconds since 1970-01-01T00:00."""
        return self.day * DAY + self.nanosecond

    def order_key(self) -> tuple[int, ...]:
        return (self.total(),)

    def plus(self, duration: Duration) -> LocalDateTime:
        """Later by the months, then the days, then the seconds of a duration."""
        day = plus_months(self.day, duration.months) + duration.days
        total = day * DAY + self.nanosecond + duration.seconds * SECOND + duration.nanoseconds
        return LocalDateTime(*divmod(total, DAY))

    def minus(self, duration: Duration) -> LocalDateTime:
        return self.plus(duration.times(-1))

    def part(self, name: str) -> Any:
        found = date_part(self.day, name)
        return clock_part(self.nanosecond, name) if found is None else found

    def __str__(self) -> str:
        return f"{date_text(self.day)}T{clock_text(self.nanosecond)}"


@dataclass(frozen=True, slots=True)
class ZonedDateTime:
    """A local day and time of day with its offset in seconds, and the zone that this comes from where there is one."""

    day: int
    nanosecond: int
    offset: int
    zone: str | None = None

    rank: ClassVar[int] = 0

    @classmethod
    def local(cls, day: int, nanosecond: int, zone_name: str | None, offset: int = 0) -> ZonedDateTime:
        """A local moment in a zone, or at an offset where there is none."""
        if zone_name is None:
            return cls(day, nanosecond, offset)
        found = offset_at(zone_name, day, nanosecond)
        return cls.then(day * DAY + nanosecond - found * SECOND, zone_name)  # moves on where clocks skip an hour

    @classmethod
    def then(cls, instant: int, zone_name: str | None, offset: int = 0) -> ZonedDateTime:
        """An instant, in nanoseconds since 1970, as a zone or an offset has it."""
        if zone_name is not None:
            offset = offset_then(zone_name, instant // SECOND)
        return cls(*divmod(instant + offset * SECOND, DAY), offset, zone_name)

    def instant(self) -> int:
        """Nanoseconds since 1970 of UTC."""
        return self.day * DAY + self.nanosecond - self.offset * SECOND

    def compared(self, other: ZonedDateTime) -> int:
        return self.instant() - other.instant() or self.offset - other.offset

    def order_key(self) -> tuple[Any, ...]:
        return self.instant(), self.offset, self.zone or ""

    def plus(self, duration: Duration) -> ZonedDateTime:
        """Months and days by the calendar of the zone, seconds by the clock of the world."""
        day = plus_months(self.day, duration.months) + duration.days
        moved = ZonedDateTime.local(day, self.nanosecond, self.zone, self.offset)
        instant = moved.instant() + duration.seconds * SECOND + duration.nanoseconds
        return ZonedDateTime.then(instant, self.zone, self.offset)

    def minus(self, duration: Duration) -> ZonedDateTime:
        return self.plus(duration.times(-1))

    def part(self, name: str) -> Any:
        if name == "timezone":
            return self.zone or offset_text(self.offset)
        if name == "epochSeconds":
            return self.instant() // SECOND
        if name == "epochMillis":
            return self.instant() // 1_000_000
        found: Any = date_part(self.day, name)
        found = clock_part(self.nanosecond, name) if found is None else found
        return offset_part(self.offset, name) if found is None else found

    def __str__(self) -> str:
        tail = f"[{self.zone}]" if self.zone else ""
        return f"{date_text(self.day)}T{clock_text(self.nanosecond)}{offset_text(self.offset)}{tail}"


Moment = Date | LocalTime | ZonedTime | LocalDateTime | ZonedDateTime
MOMENTS: Final = (Date, LocalTime, ZonedTime, LocalDateTime, ZonedDateTime)


def of_python(value: datetime.datetime | datetime.date | datetime.timedelta) -> Moment | Duration:
    """What Python's own date, date-time or duration is here."""
    if isinstance(value, datetime.timedelta):
        return Duration.of(0, value.days, value.seconds, value.microseconds * 1000)
    day = day_of(value.year, value.month, value.day)
    if not isinstance(value, datetime.datetime):
        return Date(day)
    nanosecond = ((value.hour * 60 + value.minute) * 60 + value.second) * SECOND + value.microsecond * 1000
    offset = value.utcoffset()
    if offset is None:
        return LocalDateTime(day, nanosecond)
    return ZonedDateTime(day, nanosecond, int(offset.total_seconds()))
