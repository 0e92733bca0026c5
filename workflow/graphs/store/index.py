"""A hash index over one property column, made at the first question and kept up to date."""

from __future__ import annotations

from typing import Any

from workflow.graphs.store.columns import Cells, Column


class PropertyIndex:
    """Rows by value. It may name rows whose value has changed since, so every answer is checked against the column."""

    __slots__ = ("_rows", "column")

    def __init__(self, column: Column) -> None:
        self.column = column
        self._rows: dict[Any, list[int]] | None = None

    def find(self, value: Any) -> list[int] | None:
        """Ascending rows that hold an equal value (1 == 1L == 1.0, true is no number); None if it cannot be hashed."""
        try:
            hash(value)
        except TypeError:
            return None
        if self.column.listener is not self or self._rows is None:
            self._build()
        assert self._rows is not None
        rows = self._rows.get(value, [])
        return sorted({row for row in rows if self._holds(row, value)})

    def note(self, row: int, cell: Any) -> None:
        """A row was written."""
        if self._rows is not None:
            self._add(self._rows, row, cell)

    def forget(self) -> None:
        """Many rows were written at once: begin anew at the next question."""
        self._rows = None

    def _build(self) -> None:
        rows: dict[Any, list[int]] = {}
        for row, cell in self.column.items():
            self._add(rows, row, cell)
        self._rows = rows
        self.column.listener = self

    @staticmethod
    def _add(rows: dict[Any, list[int]], row: int, cell: Any) -> None:
        for value in [one.value for one in cell] if type(cell) is Cells else (cell,):
            try:
                rows.setdefault(value, []).append(row)
            except TypeError:
                # an unhashable value is never asked for by a hashable one
                continue

    def _holds(self, row: int, value: Any) -> bool:
        cell = self.column.get(row)
        values = [one.value for one in cell] if type(cell) is Cells else (cell,)
        return any(held == value and isinstance(held, bool) is isinstance(value, bool) for held in values)
