"""What a property of one element holds: nothing, one bare value, or values with ids and meta-properties."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from workflow.values.numbers import Long


class _Missing:
    """The value of a row that holds nothing."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"

    def __bool__(self) -> bool:
        return False


MISSING: Final = _Missing()
_DERIVED_IDS: Final = 1 << 44
_MANY_KEYS: Final = 1 << 50
VALUE_IDS: Final = 1 << 52
"""Where the ids of values begin that are given out by counting. All ids of values stay below 2**53, which is as much as
every client can hold, and ascend with the vertex and then with the key or the order of writing."""


def derived_id(index: int, row: int) -> Long:
    """The id of the single value of a column in a row, which is not stored."""
    if index < 1 << 12:
        return Long(_DERIVED_IDS + (row << 12) + index)
    return Long(_MANY_KEYS + (index << 31) + row)


class Cell(NamedTuple):
    """One value of a vertex property with its id and meta-properties."""

    id: Any
    value: Any
    meta: dict[str, Any] | None = None


class Cells(tuple[Cell, ...]):
    """All values of one property of one vertex, never empty."""

    __slots__ = ()
