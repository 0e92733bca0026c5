"""A hash index over one property column, made at the first question and kept up to date."""

from __future__ import annotations

from typing import Any

from workflow.graphs.store.versions.columns import Cells, Column


class PropertyIndex:
    """Rows by value, for a column and all its forks. It may name rows whose value is another now, or in another fork,
    so every answer is checked against the column that was asked.
    """

    __slots__ = ("_rows",)

    def __init__(self, column: Column) -> None:
        self._rows: dict[Any, list[int]] = {}
        for row, cell in column.items():
            self._add(self._rows, row, cell)

    def find(self, value: Any, column: Column) -> list[int] | None:
        """Ascending rows that hold an equal value (1 == 1L == 1.0, true is no number); None if it cannot be hashed."""
        try:
            rows = self._rows.get(value, [])
        except TypeError:
            return None
        return sorted({row for row in rows if _holds(column, row, value)})

    def note(self, row: int, cell: Any) -> None:
        """A row was written."""
        self._add(self._rows, row, cell)

    @staticmethod
    def _add(rows: dict[Any, list[int]], row: int, cell: Any) -> None:
        for value in [one.value for one in cell] if type(cell) is Cells else (cell,):
            try:
                rows.setdefault(value, []).append(row)
            except TypeError:
                # an unhashable value is never asked for by a hashable one
                continue


def _holds(column: Column, row: int, value: Any) -> bool:
    cell = column.get(row)
    values = [one.value for one in cell] if type(cell) is Cells else (cell,)
    return any(held == value and isinstance(held, bool) is isinstance(value, bool) for held in values)
