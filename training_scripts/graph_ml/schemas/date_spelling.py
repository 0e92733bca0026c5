"""Dates that are not spelt as ISO 8601 has them: 1.3.2024, 03/01/2024, 1 March 2024, 20240301 and their like."""

from __future__ import annotations

import re
from collections.abc import Iterable

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_CLOCK = r"(?P<hour>[0-9]{1,2})(?P<rest>:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?) ?(?P<half>[AaPp][Mm])?"
_TIME = rf"(?:[ Tt,]+{_CLOCK} ?(?P<zone>[Zz]|UTC|GMT|[+-][0-9]{{2}}:?[0-9]{{2}})?)?"
_DAY, _YEAR, _NAME = r"(?P<day>[0-9]{1,2})", r"(?P<year>[0-9]{4})", r"(?P<name>[A-Za-z]{3,9})\.?"
_WEEKDAY = r"(?:[A-Za-z]{3,9}, ?)?"
_SPELLINGS = [
    re.compile(pattern + _TIME)
    for pattern in (
        _YEAR + r"[-/.](?P<month>[0-9]{1,2})[-/.]" + _DAY,
        _YEAR + r"(?P<month>[0-9]{2})(?P<day>[0-9]{2})",
        _WEEKDAY + _DAY + r"(?:st|nd|rd|th)?[ -]" + _NAME + r",?[ -]" + _YEAR,
        _WEEKDAY + _NAME + r"[ -]" + _DAY + r"(?:st|nd|rd|th)?,?[ -]" + _YEAR,
    )
]
_NUMBERS = re.compile(r"(?P<first>[0-9]{1,2})(?P<mark>[-/.])(?P<second>[0-9]{1,2})(?P=mark)" + _YEAR + _TIME)


def iso(text: str, day_first: bool | None, exact: bool = False) -> str | None:
    """A date as ISO 8601 has it, to the hour; None where it cannot be read.

    Args:
        text: the date; English names of months.
        day_first: whether 1/2/2024 is in February; None: where points or hyphens are between the numbers, or the first
            is no month.
        exact: to the fraction of a second, with the zone where it has one.
    """
    text = text.strip()
    if (match := _NUMBERS.fullmatch(text)) is not None:
        first = day_first
        if first is None:  # a number above twelve is no month
            first = (
                match["mark"] != "/"
                if max(int(match["first"]), int(match["second"])) <= 12
                else int(match["first"]) > 12
            )
        day, month = (match["first"], match["second"]) if first else (match["second"], match["first"])
    else:
        match = next((found for pattern in _SPELLINGS if (found := pattern.fullmatch(text))), None)
        if match is None:
            return None
        parts = match.groupdict()
        name = parts.get("name", "")[:3].lower()
        if name and name not in _MONTHS:
            return None
        day, month = parts["day"], str(_MONTHS.index(name) + 1) if name else parts["month"]
    if not (1 <= int(month) <= 12 and 1 <= int(day) <= 31):
        return None
    date = f"{match['year']}-{int(month):02d}-{int(day):02d}"
    if match["hour"] is None:
        return date
    hour = int(match["hour"]) % 12 + 12 * (match["half"].lower() == "pm") if match["half"] else int(match["hour"])
    if hour >= 24:
        return None
    zone = match["zone"] or ""
    zone = zone if zone[:1] in ("+", "-") else "Z" if zone else ""
    return f"{date}T{hour:02d}{match['rest']}{zone}" if exact else f"{date}T{hour:02d}:00"


def day_first(texts: Iterable[str]) -> tuple[bool | None, bool]:
    """Whether the day comes before the month, as numbers above twelve show, and whether that is a guess.

    The first is None where it makes no difference, or where the marks between the numbers have to tell.
    """
    numbers = [match for text in texts if (match := _NUMBERS.fullmatch(text.strip()))]
    if any(int(match["first"]) > 12 for match in numbers):
        return True, False
    if any(int(match["second"]) > 12 for match in numbers):
        return False, False
    return None, any(match["first"] != match["second"] for match in numbers)
