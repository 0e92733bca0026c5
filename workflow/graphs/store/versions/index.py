"""An index over one property column, made at the first question and kept up to date.

What was loaded in bulk is found in the order of its values, which takes four bytes a row and one sort; what was written
since is in a dictionary.
"""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right
from typing import Any, Final

import numpy as np

from workflow.graphs.store.versions.cells import Cells
from workflow.graphs.store.versions.columns import BaseNumbers, KeyColumn

FEW_ADDED: Final = 4096


class SortedRows:
    """Rows of a column's base in the order of their numbers."""

    __slots__ = ("_named", "_numbers", "_order")

    def __init__(self, base: BaseNumbers) -> None:
        numbers, present, self._named = base
        rows = np.arange(len(numbers)) if present is None else np.flatnonzero(present)
        order: Any = rows[np.argsort(numbers[rows], kind="stable")].astype(np.int32)
        shown: Any = numbers
        # views of the same memory, whose items are Python numbers
        self._order, self._numbers = memoryview(order), memoryview(shown)

    def find(self, value: Any) -> list[int]:
        """Rows whose number is one of those of a value."""
        found: list[int] = []
        for number in self._named(value):
            first = bisect_left(self._order, number, key=self._numbers.__getitem__)
            stop = bisect_right(self._order, number, first, key=self._numbers.__getitem__)
            found += self._order[first:stop].tolist()
        return found


class PropertyIndex:
    """Rows by value, for a column and all its forks. It may name rows whose value is another now, or in another fork,
    so every answer is checked against the column that was asked. Where it names more rows than the column has, it is
    ``stale``, and the next question to a fork made from then on makes a new one.
    """

    __slots__ = ("_added", "_lock", "_most", "_rows", "_sorted")

    def __init__(self, column: KeyColumn) -> None:
        self._lock = threading.Lock()  # guards the writing of what is here; reading needs none
        self._rows: dict[Any, int | set[int]] = {}
        self._added, self._most = 0, 0
        numbers = column.base_numbers()
        self._sorted = None if numbers is None else SortedRows(numbers)
        for row, cell in column.items() if numbers is None else column.written():
            self._add(row, cell)
        self._added, self._most = 0, max(FEW_ADDED, self._added)

    @property
    def stale(self) -> bool:
        """Whether it is time for a new one."""
        return self._added > self._most

    def find(self, value: Any, column: KeyColumn) -> list[int] | None:
        """Ascending rows that hold an equal value (1 == 1L == 1.0, true is no number); None if it cannot be hashed."""
        try:
            rows = self._rows.get(value, ())
        except TypeError:
            return None
        named = {rows} if isinstance(rows, int) else set(rows)
        if self._sorted is not None:
            named.update(self._sorted.find(value))
        return sorted(row for row in named if _holds(column, row, value))

    def note(self, row: int, cell: Any) -> None:
        """A row was written."""
        with self._lock:
            self._add(row, cell)

    def _add(self, row: int, cell: Any) -> None:
        for value in [one.value for one in cell] if type(cell) is Cells else (cell,):
            try:
                rows = self._rows.get(value)
            except TypeError:
                # an unhashable value is never asked for by a hashable one
                continue
            if rows is None:
                self._rows[value] = row
            elif isinstance(rows, int):
                if rows == row:
                    continue
                self._rows[value] = {rows, row}
            elif row in rows:
                continue
            else:
                rows.add(row)
            self._added += 1


def _holds(column: KeyColumn, row: int, value: Any) -> bool:
    cell = column.get(row)
    if type(cell) is not Cells:
        return bool(cell == value) and isinstance(cell, bool) is isinstance(value, bool)
    values = [one.value for one in cell]
    return any(held == value and isinstance(held, bool) is isinstance(value, bool) for held in values)
