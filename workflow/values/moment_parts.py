"""What days and nanoseconds since midnight are made of, as numbers and as text, and the offsets of zones."""

from __future__ import annotations

import datetime
import zoneinfo
from functools import cache
from importlib import resources
from typing import Final

from workflow.values.calendar import (
    date_of,
    day_of,
    week_of,
    weekday,
)

SECOND: Final = 1_000_000_000
DAY: Final = 86_400 * SECOND
DAY_S: Final = 86_400
MONTH_S: Final = 2_629_746  # a twelfth of the mean year of the calendar


class UnknownZone(ValueError):
    """A zone that the tz database does not know."""


@cache
def zone(name: str) -> zoneinfo.ZoneInfo:
    """A zone of the tz database as PyPI's tzdata has it; systems' own, read without it, differ before 1970."""
    try:
        with resources.files("tzdata.zoneinfo").joinpath(*name.split("/")).open("rb") as file:
            return zoneinfo.ZoneInfo.from_file(file, key=name)
    except ModuleNotFoundError:
        pass
    except (OSError, ValueError) as error:
        raise UnknownZone(f"there is no time zone {name!r}") from error
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, OSError, ValueError) as error:
        raise UnknownZone(f"there is no time zone {name!r}") from error


def offset_at(name: str, day: int, nanosecond: int) -> int:
    """The offset in seconds of a zone at a local moment; the earlier one where clocks are put back."""
    year, month, number = date_of(day)
    seconds = nanosecond // SECOND
    local = datetime.datetime(min(max(year, 2), 9998), month, min(number, 28) if not 2 <= year <= 9998 else number)
    local += datetime.timedelta(seconds=seconds)
    offset = local.replace(tzinfo=zone(name)).utcoffset()
    return 0 if offset is None else int(offset.total_seconds())


def offset_then(name: str, second: int) -> int:
    """The offset of a zone at an instant, in seconds since 1970."""
    bounded = min(max(second, -62_000_000_000), 253_000_000_000)
    instant = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(seconds=bounded)
    offset = instant.astimezone(zone(name)).utcoffset()
    return 0 if offset is None else int(offset.total_seconds())


# -- text


def date_text(day: int) -> str:
    """``2024-02-29``; years beyond four digits have a sign."""
    year, month, number = date_of(day)
    head = f"{year:04d}" if 0 <= year <= 9999 else f"{year:+05d}"
    return f"{head}-{month:02d}-{number:02d}"


def clock_text(nanosecond: int) -> str:
    """``12:31``, ``12:31:14.645``: seconds and fractions only where there are any."""
    seconds, fraction = divmod(nanosecond, SECOND)
    text = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}"
    if seconds % 60 or fraction:
        text += f":{seconds % 60:02d}"
    if fraction:
        digits = f"{fraction:09d}"
        while digits.endswith("000"):
            digits = digits[:-3]
        text += f".{digits}"
    return text


def offset_text(offset: int) -> str:
    """``Z``, ``+01:00`` or ``+00:53:28``."""
    if not offset:
        return "Z"
    sign, total = "-" if offset < 0 else "+", abs(offset)
    text = f"{sign}{total // 3600:02d}:{total // 60 % 60:02d}"
    return f"{text}:{total % 60:02d}" if total % 60 else text


# -- parts


def date_part(day: int, name: str) -> int | None:
    """A field of a date by its name; None for a name of no such field."""
    year, month, number = date_of(day)
    quarter = (month - 1) // 3 + 1
    match name:
        case "year":
            return year
        case "quarter":
            return quarter
        case "month":
            return month
        case "week":
            return week_of(day)[1]
        case "weekYear":
            return week_of(day)[0]
        case "day":
            return number
        case "ordinalDay":
            return day - day_of(year, 1, 1) + 1
        case "weekDay" | "dayOfWeek":
            return weekday(day)
        case "dayOfQuarter":
            return day - day_of(year, 3 * quarter - 2, 1) + 1
    return None


def clock_part(nanosecond: int, name: str) -> int | None:
    """A field of a time of day by its name."""
    seconds, fraction = divmod(nanosecond, SECOND)
    match name:
        case "hour":
            return seconds // 3600
        case "minute":
            return seconds // 60 % 60
        case "second":
            return seconds % 60
        case "millisecond":
            return fraction // 1_000_000
        case "microsecond":
            return fraction // 1_000
        case "nanosecond":
            return fraction
    return None


def offset_part(offset: int, name: str) -> int | str | None:
    """A field of an offset by its name."""
    match name:
        case "offset":
            return offset_text(offset)
        case "offsetMinutes":
            return offset // 60
        case "offsetSeconds":
            return offset
    return None
