"""Date-times and durations as text, in the notation of ISO 8601 that Java prints."""

from __future__ import annotations

import datetime


def date_text(value: datetime.datetime) -> str:
    """ISO 8601 as Java's OffsetDateTime prints it: seconds and fraction only where there are any."""
    text = value.strftime("%Y-%m-%dT%H:%M").rjust(16, "0")
    if value.second or value.microsecond:
        text += f":{value.second:02d}"
    if value.microsecond:
        digits = f"{value.microsecond:06d}"
        text += "." + (digits[:3] if digits.endswith("000") else digits)
    return text + _offset_text(value.utcoffset())


def _offset_text(offset: datetime.timedelta | None) -> str:
    seconds = 0 if offset is None else int(offset.total_seconds())
    if seconds == 0:
        return "Z"
    hours, rest = divmod(abs(seconds), 3600)
    minutes, left = divmod(rest, 60)
    text = f"{'-' if seconds < 0 else '+'}{hours:02d}:{minutes:02d}"
    return f"{text}:{left:02d}" if left else text


def duration_text(value: datetime.timedelta) -> str:
    """ISO 8601 as Java's Duration prints it, such as ``PT51H4M`` or ``PT0S``."""
    micros = value // datetime.timedelta(microseconds=1)
    sign = -1 if micros < 0 else 1
    seconds, fraction = divmod(abs(micros), 1_000_000)
    hours, rest = divmod(seconds, 3600)
    minutes, left = divmod(rest, 60)
    text = f"{sign * hours}H" if hours else ""
    text += f"{sign * minutes}M" if minutes else ""
    if left or fraction:
        tail = f".{fraction:06d}".rstrip("0") if fraction else ""
        text += f"{'-' if sign < 0 else ''}{left}{tail}S"
    return f"PT{text or '0S'}"
