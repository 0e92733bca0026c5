"""Columns of dates in any usual spelling; see ``schemas.date_spelling``."""

from __future__ import annotations

from ...schemas.date_spelling import iso
from .column import BadValue, Column, TextColumn


def is_iso(column: Column) -> bool:
    """Whether all dates are spelt as ISO 8601 has them."""
    try:
        column.dates()
    except BadValue:
        return False
    return True


def respelt(column: Column, first: bool | None) -> Column:
    """The same dates as ISO 8601 has them; what cannot be read stays as it is."""
    if is_iso(column):
        return column
    return TextColumn([text and (iso(text, first) or text) for text in column.texts()])
