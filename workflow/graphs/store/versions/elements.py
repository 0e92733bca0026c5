"""The vertices or the edges of one version of a graph."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import compress as pick
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workflow.graphs.store.versions.cells import MISSING
from workflow.graphs.store.versions.columns import KeyColumn
from workflow.graphs.store.versions.ids import first_twice
from workflow.graphs.store.versions.layers import Alive
from workflow.graphs.store.versions.rows import Rows, cells_of, with_room
from workflow.graphs.store.versions.text_block import Texts


class Elements:
    """What vertices and edges have in common: ids, labels, life, columns.

    Versions share everything that they need not change. Rows are given by ``shared`` and written there; the rest is
    copied by the first change of a fork.
    """

    def __init__(self, ends: int = 0) -> None:
        self.shared = Rows(ends)
        self.ids = self.shared.ids
        self.label = self.shared.cells[0]
        self.label_names = self.shared.label_names
        self.label_codes = self.shared.label_codes
        self.alive = Alive()
        self.dead = 0
        self.columns: dict[str, KeyColumn] = {}
        self.keys_of_label: list[dict[str, int]] = []
        """For each label the keys its elements may have, with the places of their columns; ``keys_of`` orders them."""
        self._untidy: set[int] = set()
        self._much_written: frozenset[str] = frozenset()
        self.removed: list[int] = []
        """Rows that this fork has taken out."""
        self._relabelled = 0
        self._new_labels: dict[int, int] = {}
        self._own: set[Any] | None = None

    def fork(self) -> Elements:
        """The same to be changed, while this one never changes again."""
        twin = Elements.__new__(Elements)
        twin.__dict__.update(self.__dict__)
        twin._own, twin._new_labels, twin.removed, twin._untidy = set(), {}, [], set()
        return twin

    def owns(self, part: Any) -> bool:
        """Whether a part is of this fork alone; said once, it is, for whoever asks copies it."""
        if self._own is None or part in self._own:
            return True
        self._own.add(part)
        return False

    def __len__(self) -> int:
        """Rows, the dead among them."""
        return self.alive.size

    @property
    def living(self) -> int:
        return self.alive.size - self.dead

    def find(self, id: Any) -> int | None:
        """The living row of an id; 1 and 1L are one id. TypeError for what cannot be hashed."""
        return self.ids.find(id, self.alive)

    def find_many(self, ids: Sequence[Any]) -> NDArray[np.int32]:
        """A living row for each id, (n,); -1 where there is none."""
        return self.ids.find_many(ids, self.alive)

    def stand_at(self, rows: NDArray[np.int32], texts: Texts) -> bool:
        """Whether these rows, (n,), live and have these ids; false also where looking for the ids takes no longer."""
        inside = not len(rows) or (int(rows.min()) >= 0 and int(rows.max()) < len(self))
        return inside and bool(self.alive.array()[rows].all()) and self.ids.packed_at(rows, texts)

    def first_taken(self, ids: Sequence[Any]) -> Any | None:
        """The first of these that lives already or stands twice among them."""
        twice = first_twice(ids)
        if twice is not None:
            return ids[twice]
        if not len(self):
            return None
        taken = np.flatnonzero(self.find_many(ids) >= 0)
        return ids[int(taken[0])] if len(taken) else None

    def code(self, label: str) -> int:
        """The number of a label, given at first use."""
        code = self.shared.label_code(label)
        if code >= len(self.keys_of_label):
            keys = self._own_keys()
            while code >= len(keys):
                self.owns(len(keys))
                keys.append({})
        return code

    def column(self, key: str) -> KeyColumn:
        """The column of a key, to be written; made at first use."""
        column = self.columns.get(key)
        if column is not None and self.owns(("column", key)):
            return column
        if not self.owns("columns"):
            self.columns = dict(self.columns)
        column = KeyColumn(key, self.shared.key_place(key)) if column is None else column.fork()
        self.columns[key] = column
        self.owns(("column", key))
        return column

    def add(self, id: Any, label: str, *ends: int) -> int:
        """A row for a new element."""
        row = self.shared.take(id, self.code(label), *ends)
        self.show(row)
        return row

    def show(self, row: int) -> None:
        """Let a row live that was given to a new element."""
        alive = self.own_alive()
        # rows between are of others, who have not published them
        self.dead += max(0, row + 1 - alive.size) - 1
        alive.set(row, True)
        self._see_labels(row, 1)
        self.code(self.label_names[self.label[row]])

    def show_many(self, first: int, size: int) -> None:
        """Let the last rows live, which were given to new elements."""
        alive = self.own_alive()
        self.dead += first - alive.size
        alive.extend(first, size)
        self._see_labels(first, size)

    def _see_labels(self, first: int, size: int) -> None:
        """Know the labels of new rows, and of no other one that a version after this relabelled."""
        label = self.shared.cells[0]
        if self._relabelled == self.shared.relabelled and not self._new_labels:
            self.label = label
            return
        mine = with_room(self.label, len(self.label), max(0, first + size - len(self.label)))
        self.label = mine if self.owns("label") else cells_of(np.array(mine))
        self.label[first : first + size] = label[first : first + size]

    def own_alive(self) -> Alive:
        """``alive``, to be changed."""
        if not self.owns("alive"):
            self.alive = self.alive.fork()
        return self.alive

    def kill(self, row: int) -> None:
        self.own_alive().set(row, False)
        self.dead += 1
        self.removed.append(row)

    def clear_removed(self) -> None:
        """Empty the cells of what was taken out, which nobody asks for any more."""
        for row in self.removed:
            for key in self.keys_of(self.label[row]):
                if self.columns[key].get(row) is not MISSING:
                    self._write(self.column(key), row, MISSING)

    def relabel(self, row: int, label: str) -> None:
        """Give a row another label."""
        code = self.code(label)
        for key, place in self.keys_of(self.label[row]).items():
            self.note_key(code, key, place)
        if not self.owns("label"):
            self.label = cells_of(np.array(self.label))
        self.label[row] = self._new_labels[row] = code

    def publish_labels(self) -> None:
        """Let the versions that follow have the labels that were changed here; all is in order from now on."""
        for code in list(self._untidy):
            self.keys_of(code)
        if self._new_labels:
            self.shared.relabel(self._new_labels)
            self._relabelled, self.label, self._new_labels = self.shared.relabelled, self.shared.cells[0], {}

    def put(self, key: str, row: int, cell: Any) -> Any:
        """Set a cell; returns the old one."""
        column = self.column(key)
        self.note_key(self.label[row], key, column.index)
        return self._write(column, row, cell)

    def put_many(self, key: str, rows: Sequence[int], cells: Sequence[Any]) -> list[Any]:
        """Set the cells of several rows; returns the old ones."""
        column, label = self.column(key), self.label
        for code in {label[row] for row in rows}:
            self.note_key(code, key, column.index)
        put = column.put
        old = [put(row, cell) for row, cell in zip(rows, cells, strict=True)]
        self._mind(column)
        return old

    def put_new(self, key: str, first: int, cells: Sequence[Any]) -> None:
        """Set the cells of new rows of one label, from ``first`` on."""
        column = self.column(key)
        self.note_key(self.label[first], key, column.index)
        column.put_new(first, cells)
        self._mind(column)

    def _write(self, column: KeyColumn, row: int, cell: Any) -> Any:
        old = column.put(row, cell)
        self._mind(column)
        return old

    def _mind(self, column: KeyColumn) -> None:
        """Know a column that was just written to where that is to be paid by ``settle``."""
        if column.much_written and column.key not in self._much_written:
            self._much_written |= {column.key}

    def settle(self) -> None:
        """Let arrays that readers had built be the base of columns that much was written to."""
        for key in self._much_written:
            if self.columns[key].settles:
                column = self.column(key)
                column.settle()
                if not column.much_written:
                    self._much_written -= {key}

    def note_key(self, code: int, key: str, place: int) -> None:
        """Elements of a label may have a key now."""
        known = self.keys_of_label[code]
        if key in known:
            return
        keys = self._own_keys()
        if not self.owns(code):
            known = keys[code] = dict(known)
        last = next(reversed(known.values()), -1)
        known[key] = place
        if place < last:
            self._untidy.add(code)

    def keys_of(self, code: int) -> dict[str, int]:
        """The keys that elements of a label may have, with the places of their columns, in that order."""
        if code in self._untidy:
            # once for all keys that came out of order, not once for each
            self._untidy.discard(code)
            self.keys_of_label[code] = dict(sorted(self.keys_of_label[code].items(), key=lambda item: item[1]))
        return self.keys_of_label[code]

    def _own_keys(self) -> list[dict[str, int]]:
        if not self.owns("keys"):
            self.keys_of_label = list(self.keys_of_label)
        return self.keys_of_label

    def label_array(self) -> NDArray[np.int32]:
        """The codes of all rows, (rows,); not to be written."""
        return np.asarray(self.label)[: self.alive.size]

    def rows(self, codes: Sequence[int] | None) -> Iterator[int]:
        """Living rows in insertion order, of some labels or of all; what is added later does not appear."""
        if codes is None:
            return iter(range(len(self))) if not self.dead else pick(range(len(self)), self.alive)
        return iter(self.row_array(codes).tolist())

    def row_array(self, codes: Sequence[int] | None) -> NDArray[np.int32]:
        """The same as an array, (n,)."""
        alive = self.alive.array()
        if codes is not None:
            labels = self.label_array()
            if len(codes) == 1:
                alive &= labels == codes[0]
            else:
                alive &= np.isin(labels, np.array(codes, dtype=np.int32))
        return np.flatnonzero(alive).astype(np.int32)
