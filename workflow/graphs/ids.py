"""Ids of one kind of element: row to id and back."""

from __future__ import annotations

from typing import Any


class Ids:
    """A list of ids by row and the rows of those that live."""

    __slots__ = ("_ids", "_rows")

    def __init__(self) -> None:
        self._ids: list[Any] = []
        self._rows: dict[Any, int] = {}

    def __len__(self) -> int:
        return len(self._ids)

    def __getitem__(self, row: int) -> Any:
        return self._ids[row]

    def find(self, id: Any) -> int | None:
        """The living row of an id; 1 and 1L are one id."""
        return self._rows.get(id)

    def append(self, id: Any) -> int:
        """Give the next row to an id that is not taken."""
        row = len(self._ids)
        self._ids.append(id)
        self._rows[id] = row
        return row

    def extend(self, ids: list[Any]) -> None:
        """Give the next rows to ids that are distinct and not taken."""
        first = len(self._ids)
        self._ids += ids
        self._rows.update(zip(ids, range(first, len(self._ids)), strict=True))

    def first_taken(self, ids: list[Any]) -> Any | None:
        """The first of these that lives already or stands twice among them."""
        distinct = dict.fromkeys(ids)
        if len(distinct) < len(ids):
            seen: set[Any] = set()
            for id in ids:
                if id in seen:
                    return id
                seen.add(id)
        if not self._rows.keys().isdisjoint(distinct):
            return next(id for id in ids if id in self._rows)
        return None

    def all(self) -> list[Any]:
        """The ids of all rows, the dead ones included; a copy."""
        return self._ids.copy()

    def forget(self, row: int) -> None:
        """The row died: its id may be given again."""
        del self._rows[self._ids[row]]

    def restore(self, row: int) -> None:
        """The row lives again."""
        self._rows[self._ids[row]] = row
