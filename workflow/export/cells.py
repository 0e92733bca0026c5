"""How values look in a data file."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import numpy as np

from workflow.graphs.source import RunColumn
from workflow.values.numbers import Float
from workflow.values.numerals import PLAIN_BELOW, PLAIN_FROM, shortest, to_float


def quoted(text: str, *, escape_newline: bool = False) -> str:
    """A text cell: in quotes, inner quotes doubled; an empty text is an empty cell without quotes."""
    if not text:
        return ""
    if escape_newline:
        text = text.replace("\r", "\\r").replace("\n", "\\n")
    return '"' + text.replace('"', '""') + '"'


def all_quoted(texts: Sequence[str]) -> list[str]:
    """Many text cells, as ``quoted`` makes them: all at once where none is empty and none needs a second look."""
    whole = "\0".join(texts)
    if '"' in whole or whole.count("\0") != len(texts) - 1 or not all(texts):
        return list(map(quoted, texts))
    return ('"' + whole.replace("\0", '"\0"') + '"').split("\0")


def plain(value: Any) -> str:
    """A value that is no text, bare: numbers in Java's form, ``true``, ISO instants; others by their text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, date):
        return instant(datetime(value.year, value.month, value.day, tzinfo=UTC))
    if isinstance(value, float):
        return shortest(to_float(value) if isinstance(value, Float) else value)
    if isinstance(value, int):
        return int.__repr__(value)
    return str(value)


def instant(value: datetime) -> str:
    """``2024-03-01T00:00:00Z``; a time without a zone is UTC; fractions in groups of three digits."""
    utc = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    fraction = ""
    if utc.microsecond:
        digits = f"{utc.microsecond:06d}"
        fraction = "." + (digits[:3] if digits.endswith("000") else digits)
    return f"{utc.year:04d}-{utc.month:02d}-{utc.day:02d}T{utc.hour:02d}:{utc.minute:02d}:{utc.second:02d}{fraction}Z"


def number_cells(column: RunColumn) -> list[str]:
    """The cells of numbers of one class, empty where an element has none."""
    numbers: Any = column.cells
    plain_numbers = numbers.astype(np.float32) if column.kind is Float else numbers
    if column.kind in (float, Float):
        size = np.abs(plain_numbers)
        # within these bounds Java writes a number as Python does
        usual = ((size >= PLAIN_FROM) & (size < PLAIN_BELOW)) | (plain_numbers == 0)
        texts = list(map(repr, plain_numbers.tolist()) if column.kind is float else plain_numbers.astype(str).tolist())
        for place in np.flatnonzero(~usual).tolist():
            texts[place] = plain(column.kind(numbers[place].item()))
    else:
        texts = list(map(repr, numbers.tolist()))
    if column.present is not None:
        for place in np.flatnonzero(~column.present).tolist():
            texts[place] = ""
    return texts


def one_by_one(column: RunColumn) -> list[Any]:
    """The values of a column as they are for a single element; None where it has none."""
    cells: Any = column.cells
    if column.kind is None:
        return list(cells)
    kind, present = column.kind, column.present
    return [kind(value) if present is None or present[place] else None for place, value in enumerate(cells.tolist())]


def cell(values: Sequence[Any], separator: str, *, as_text: bool, escape_single: bool, escape_newline: bool) -> str:
    """All values of one property of one element.

    Args:
        values: at least one.
        separator: between several values; inside a text element of several it is escaped by a backslash.
        as_text: the column holds texts, so every value is written as one.
        escape_single: escape the separator in a single text too, for in this column others hold several.
        escape_newline: write line ends inside texts as ``\\n``.
    """
    if len(values) == 1 and not escape_single:
        value = values[0]
        if isinstance(value, str):
            return quoted(value, escape_newline=escape_newline)
        return quoted(plain(value)) if as_text else plain(value)
    if not (as_text or any(isinstance(value, str) for value in values)):
        return separator.join(map(plain, values))
    texts = [value if isinstance(value, str) else plain(value) for value in values]
    if len(texts) > 1 or escape_single:
        texts = [text.replace(separator, "\\" + separator) for text in texts]
    return quoted(separator.join(texts), escape_newline=escape_newline)
