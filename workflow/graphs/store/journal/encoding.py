"""Property values and ids as JSON, without losing their class: what the log and the snapshots hold.

Text, Int, Double, Boolean and null stand for themselves; everything else is ``{"@": class, "v": …}``.
"""

from __future__ import annotations

import base64
import uuid
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from workflow.errors import IllegalArgument
from workflow.graphs.store.versions.cells import MISSING, Cell, Cells
from workflow.values.moments import Date, Duration, LocalDateTime, LocalTime, ZonedDateTime, ZonedTime
from workflow.values.numbers import BigInteger, Byte, Char, Float, Long, Short

_PLAIN: Final = frozenset({str, int, float, bool, type(None)})


def encode(value: Any) -> Any:
    """A value as JSON; IllegalArgument for a class that cannot be kept."""
    if type(value) in _PLAIN:
        return value
    found = _ENCODERS.get(type(value))
    if found is not None:
        name, dump = found
        return {"@": name, "v": dump(value)}
    if isinstance(value, Mapping):
        return {"@": "Map", "v": [[encode(key), encode(item)] for key, item in value.items()]}
    if isinstance(value, list | tuple):
        return {"@": "List", "v": [encode(item) for item in value]}
    if isinstance(value, set | frozenset):
        return {"@": "Set", "v": [encode(item) for item in value]}
    raise IllegalArgument(f"a value of type {type(value).__name__} cannot be stored in a graph")


def decode(value: Any) -> Any:
    """The reverse of ``encode``."""
    return _DECODERS[value["@"]](value["v"]) if type(value) is dict else value


def encode_cell(cell: Any) -> list[Any]:
    """A cell of a column: empty for nothing, one value, or all values with ids and meta-properties."""
    if cell is MISSING:
        return []
    if type(cell) is Cells:
        return [[encode(one.id), encode(one.value), encode(one.meta)] for one in cell]
    return [encode(cell)]


def encode_cells(cells: list[Any]) -> Any:
    """Many cells without ids and meta-properties, in few objects where they are of one class."""
    kinds = set(map(type, cells))
    if kinds <= _PLAIN:
        return {"@": "", "v": cells}
    if kinds == {Long}:
        return {"@": "Long", "v": cells}
    return [encode_cell(cell) for cell in cells]


def decode_cells(cells: Any) -> list[Any]:
    """The reverse of ``encode_cells``."""
    if isinstance(cells, dict):
        return cells["v"] if not cells["@"] else list(map(_DECODERS[cells["@"]], cells["v"]))
    return list(map(decode_cell, cells))


def decode_cell(cell: list[Any]) -> Any:
    """The reverse of ``encode_cell``."""
    if not cell:
        return MISSING
    if type(cell[0]) is list:
        return Cells(Cell(decode(id), decode(value), decode(meta)) for id, value, meta in cell)
    return decode(cell[0])


def _timedelta(parts: list[int]) -> timedelta:
    return timedelta(days=parts[0], seconds=parts[1], microseconds=parts[2])


def _parts(moment: Any) -> list[Any]:
    return [getattr(moment, field.name) for field in fields(moment)]


def _made(kind: Callable[..., Any]) -> Callable[[Any], Any]:
    return lambda parts: kind(*parts)


_MOMENTS: Final[dict[str, Any]] = {
    "Day": Date,
    "LocalTime": LocalTime,
    "ZonedTime": ZonedTime,
    "LocalDateTime": LocalDateTime,
    "ZonedDateTime": ZonedDateTime,
    "CalendarDuration": Duration,
}
"""Dates, times and durations beyond what Python's own hold, each as the list of its fields."""

_ENCODERS: Final[dict[type, tuple[str, Callable[[Any], Any]]]] = {
    Long: ("Long", int),
    Byte: ("Byte", int),
    Short: ("Short", int),
    BigInteger: ("BigInteger", int),
    Float: ("Float", float),
    Char: ("Char", str),
    Decimal: ("Decimal", str),
    datetime: ("DateTime", datetime.isoformat),
    date: ("Date", date.isoformat),
    timedelta: ("Duration", lambda value: [value.days, value.seconds, value.microseconds]),
    uuid.UUID: ("UUID", str),
    bytes: ("Binary", lambda value: base64.b64encode(value).decode("ascii")),
    **{kind: (name, _parts) for name, kind in _MOMENTS.items()},
}
_DECODERS: Final[dict[str, Callable[[Any], Any]]] = {
    "Long": Long,
    "Byte": Byte,
    "Short": Short,
    "BigInteger": BigInteger,
    "Float": Float,
    "Char": Char,
    "Decimal": Decimal,
    "DateTime": datetime.fromisoformat,
    "Date": date.fromisoformat,
    "Duration": _timedelta,
    **{name: _made(kind) for name, kind in _MOMENTS.items()},
    "UUID": uuid.UUID,
    "Binary": base64.b64decode,
    "List": lambda items: [decode(item) for item in items],
    "Set": lambda items: {decode(item) for item in items},
    "Map": lambda pairs: {decode(key): decode(item) for key, item in pairs},
}
