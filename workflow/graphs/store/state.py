"""One version of an embedded graph: rows, columns, adjacency, and the few physical changes that can be made to them."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from copy import copy
from functools import reduce
from itertools import compress as pick
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workflow.graphs.store.adjacency import Adjacency, Csr, compress
from workflow.graphs.store.columns import MISSING, Column
from workflow.graphs.store.ids import first_twice
from workflow.graphs.store.records import Ticket
from workflow.graphs.store.rows import Rows, cells_of, with_room

_STAMPS = count(1)
"""Of writes to the edges of a label: no two forks have one in common."""
NO_ROWS = np.zeros(0, dtype=np.int32)
FEW_LABELS = 4
SPARSE = 8
"""A label has a base of its own when it has at least this part of the vertices' number in edges."""
MOST_VIEWS = 24
"""How many CSR views are kept before the oldest is dropped."""


class Numbers:
    """The numbers that ids of values are made of: counted once for all versions of a graph, given to nobody twice."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards next_id
        self.next_id = 0

    def take(self, count: int) -> int:
        """Set aside so many; returns the first. From any thread."""
        with self._lock:
            first = self.next_id
            self.next_id += count
            return first

    def skip_to(self, number: int) -> None:
        """Give no number below this one any more."""
        with self._lock:
            self.next_id = max(self.next_id, number)


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
        self.alive = bytearray()
        self.dead = 0
        self.columns: dict[str, Column] = {}
        self.keys_of_label: list[dict[str, int]] = []
        """For each label the keys its elements may have, with the places of their columns, in that order."""
        self.removed: list[int] = []
        """Rows that this fork has taken out."""
        self._relabelled = 0
        self._new_labels: dict[int, int] = {}
        self._own: set[Any] | None = None

    def fork(self) -> Elements:
        """The same to be changed, while this one never changes again."""
        twin = copy(self)
        twin._own, twin._new_labels, twin.removed = set(), {}, []
        return twin

    def owns(self, part: Any) -> bool:
        """Whether a part is of this fork alone; said once, it is, for whoever asks copies it."""
        if self._own is None or part in self._own:
            return True
        self._own.add(part)
        return False

    def __len__(self) -> int:
        """Rows, the dead among them."""
        return len(self.alive)

    @property
    def living(self) -> int:
        return len(self.alive) - self.dead

    def find(self, id: Any) -> int | None:
        """The living row of an id; 1 and 1L are one id. TypeError for what cannot be hashed."""
        return self.ids.find(id, self.alive)

    def find_many(self, ids: Sequence[Any]) -> NDArray[np.int32]:
        """A living row for each id, -1 where there is none."""
        return self.ids.find_many(ids, self.alive)

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

    def column(self, key: str) -> Column:
        """The column of a key, to be written; made at first use."""
        column = self.columns.get(key)
        if column is not None and self.owns(("column", key)):
            return column
        if not self.owns("columns"):
            self.columns = dict(self.columns)
        column = Column(key, self.shared.key_place(key)) if column is None else column.fork()
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
        missing = row + 1 - len(alive)
        if missing > 0:
            # the rows between are of others, who have not published them
            alive.extend(bytes(missing))
            self.dead += missing
        alive[row] = 1
        self.dead -= 1
        self._see_labels(row, 1)
        self.code(self.label_names[self.label[row]])

    def show_many(self, first: int, size: int) -> None:
        """Let the last rows live, which were given to new elements."""
        alive = self.own_alive()
        self.dead += first - len(alive)
        alive.extend(bytes(first - len(alive)))
        alive.extend(b"\x01" * size)
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

    def own_alive(self) -> bytearray:
        """``alive``, to be changed."""
        if not self.owns("alive"):
            self.alive = bytearray(self.alive)
        return self.alive

    def kill(self, row: int) -> None:
        self.own_alive()[row] = 0
        self.dead += 1
        self.removed.append(row)

    def clear_removed(self) -> None:
        """Empty the cells of what was taken out, which nobody asks for any more."""
        for row in self.removed:
            for key in self.keys_of_label[self.label[row]]:
                if self.columns[key].get(row) is not MISSING:
                    self.column(key).put(row, MISSING)

    def relabel(self, row: int, label: str) -> None:
        """Give a row another label."""
        code = self.code(label)
        for key, place in self.keys_of_label[self.label[row]].items():
            self.note_key(code, key, place)
        if not self.owns("label"):
            self.label = cells_of(np.array(self.label))
        self.label[row] = self._new_labels[row] = code

    def publish_labels(self) -> None:
        """Let the versions that follow have the labels that were changed here."""
        if self._new_labels:
            self.shared.relabel(self._new_labels)
            self._relabelled, self.label, self._new_labels = self.shared.relabelled, self.shared.cells[0], {}

    def put(self, key: str, row: int, cell: Any) -> Any:
        """Set a cell; returns the old one."""
        column = self.column(key)
        self.note_key(self.label[row], key, column.index)
        return column.put(row, cell)

    def note_key(self, code: int, key: str, place: int) -> None:
        """Elements of a label may have a key now; keys are listed in the order their columns were made."""
        known = self.keys_of_label[code]
        if key in known:
            return
        keys = self._own_keys()
        if not self.owns(code):
            known = keys[code] = dict(known)
        last = next(reversed(known.values()), -1)
        known[key] = place
        if place < last:
            keys[code] = dict(sorted(known.items(), key=lambda item: item[1]))

    def _own_keys(self) -> list[dict[str, int]]:
        if not self.owns("keys"):
            self.keys_of_label = list(self.keys_of_label)
        return self.keys_of_label

    def label_array(self) -> NDArray[np.int32]:
        """The codes of all rows; not to be written."""
        return np.asarray(self.label)[: len(self.alive)]

    def rows(self, codes: Sequence[int] | None) -> Iterator[int]:
        """Living rows in insertion order, of some labels or of all; what is added later does not appear."""
        if codes is None:
            return iter(range(len(self.alive))) if not self.dead else pick(range(len(self.alive)), self.alive)
        return iter(self.row_array(codes).tolist())

    def row_array(self, codes: Sequence[int] | None) -> NDArray[np.int32]:
        """The same as an array."""
        alive = np.array(self.alive, dtype=bool)
        if codes is not None:
            labels = self.label_array()
            if len(codes) == 1:
                alive &= labels == codes[0]
            else:
                alive &= np.isin(labels, np.array(codes, dtype=np.int32))
        return np.flatnonzero(alive).astype(np.int32)


class State:
    """One version of a graph, all of it in memory.

    A version that readers may have never changes: whoever writes forks it, changes the fork and publishes that. What
    readers left behind is freed with them.
    """

    def __init__(self) -> None:
        self.vertices = Elements()
        self.edges = Elements(ends=2)
        _, self.source, self.target = self.edges.shared.cells
        self.out: list[Adjacency] = []
        self.into: list[Adjacency] = []
        self.written: list[int] = []
        self.numbers = Numbers()
        self.stamp = (0, 0)
        """Which version it is: the epoch of its graph, and the last commit that is in it."""
        self.ticket: Ticket | None = None
        """Of that commit, for whoever waits until it is durable."""
        self._own: set[tuple[str, int]] | None = None
        self._views: dict[tuple[Any, ...], tuple[tuple[int, ...], Csr]] = {}
        self._views_lock = threading.Lock()  # guards the removal of old views; reading them needs none
        self._bases: dict[tuple[str, int], tuple[int, Csr]] = {}

    def fork(self) -> State:
        """A version to be changed, which shares with this one whatever it leaves as it is."""
        twin = copy(self)
        twin.vertices, twin.edges = self.vertices.fork(), self.edges.fork()
        twin.out, twin.into, twin.written = list(self.out), list(self.into), list(self.written)
        twin._own = set()
        twin._views_lock = threading.Lock()  # guards what it guards here, of the twin
        with self._views_lock:
            twin._views, twin._bases = dict(self._views), dict(self._bases)
        twin.settle()
        return twin

    @property
    def next_id(self) -> int:
        return self.numbers.next_id

    def take_numbers(self, count: int) -> int:
        """Set aside ``count`` numbers for ids of values; returns the first. From any thread."""
        return self.numbers.take(count)

    # -- changes
    def edge_code(self, label: str) -> int:
        code = self.edges.code(label)
        while len(self.out) <= code:
            for way, side in (("out", self.out), ("in", self.into)):
                if self._own is not None:
                    self._own.add((way, len(side)))
                side.append(Adjacency())
            self.written.append(next(_STAMPS))
        return code

    def adjacency(self, way: str, code: int) -> Adjacency:
        """The adjacency of a label in one direction, to be written."""
        side = self.out if way == "out" else self.into
        if self._own is not None and (way, code) not in self._own:
            self._own.add((way, code))
            side[code] = side[code].fork()
        return side[code]

    def touch(self, code: int) -> None:
        """Note that edges of a label were written."""
        self.written[code] = next(_STAMPS)

    def add_edge(self, id: Any, label: str, source: int, target: int) -> int:
        row = self.edges.shared.take(id, self.edge_code(label), source, target)
        self.show_edge(row)
        return row

    def show_edge(self, row: int) -> None:
        """Let a row live that was given to a new edge."""
        self.edges.show(row)
        _, self.source, self.target = self.edges.shared.cells
        source, target = self.source[row], self.target[row]
        code = self.edge_code(self.edges.label_names[self.edges.label[row]])
        self.adjacency("out", code).append(source, target, row)
        self.adjacency("in", code).append(target, source, row)
        self.touch(code)

    def kill_edge(self, row: int) -> None:
        """Take an edge out."""
        self.edges.kill(row)
        code = self.edges.label[row]
        self.touch(code)
        self.adjacency("out", code).remove(self.source[row], row)
        self.adjacency("in", code).remove(self.target[row], row)

    def ends(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """(source, target) of all edge rows; not to be written."""
        size = len(self.edges)
        return np.asarray(self.source)[:size], np.asarray(self.target)[:size]

    # -- whole-frontier views
    def csr(self, codes: Sequence[int] | None, way: str) -> Csr:
        """Adjacency of some labels (None: all) as arrays over all vertex rows; kept until one of them is written."""
        wanted = tuple(range(len(self.out))) if codes is None else tuple(codes)
        size = len(self.vertices)
        stamp = (size, *(self.written[code] for code in wanted))
        found = self._views.get((way, wanted))
        if found is not None and found[0] == stamp:
            return found[1]
        csr = self._view(wanted, way, size)
        with self._views_lock:
            while len(self._views) >= MOST_VIEWS:
                self._views.pop(next(iter(self._views)))
            self._views[(way, wanted)] = (stamp, csr)
        return csr

    def _view(self, codes: tuple[int, ...], way: str, size: int) -> Csr:
        if way == "both":
            return _side_by_side(self.csr(codes, "out"), self.csr(codes, "in"))
        if len(codes) == 1:
            adjacency = (self.out if way == "out" else self.into)[codes[0]]
            base = adjacency.base()
            if base is not None:
                return _padded(base, size)
            merged = adjacency.merged(size)
            if merged is not None:
                return merged
        elif 1 < len(codes) <= FEW_LABELS:
            # after a write one of them is mended and the others stand
            return reduce(_side_by_side, (self.csr((code,), way) for code in codes))
        csr = self._built(codes, way, size)
        if len(codes) == 1 and len(csr.edges) >= size // SPARSE:
            self._bases[(way, codes[0])] = (self.written[codes[0]], csr)
        return csr

    def settle(self) -> None:
        """Make what had to be built from nothing the base of its label or column, so that a later write mends it."""
        for elements in (self.vertices, self.edges):
            for key in [key for key, column in elements.columns.items() if column.settles]:
                elements.column(key).settle()
        while self._bases:
            (way, code), (written, csr) = self._bases.popitem()
            if written == self.written[code]:
                self.adjacency(way, code).rebase(csr)

    def rebase(self) -> None:
        """Begin with this as the only version: dead rows may be given again, and dense labels have a base."""
        for elements in (self.vertices, self.edges):
            elements.publish_labels()
            elements.shared.release(elements.removed)
            elements.removed = []
        for code in range(len(self.out)):
            self.csr((code,), "out")
            self.csr((code,), "in")
        self._views = {}
        self.settle()

    def _built(self, codes: tuple[int, ...], way: str, size: int) -> Csr:
        # by label first, as single rows have it
        edges = np.concatenate([NO_ROWS, *(self.edges.row_array((code,)) for code in codes)])
        source, target = (ends[edges] for ends in self.ends())
        return compress(source, target, edges, size) if way == "out" else compress(target, source, edges, size)


def _padded(csr: Csr, size: int) -> Csr:
    """The same with empty rows at the end."""
    missing = size + 1 - len(csr.indptr)
    if not missing:
        return csr
    return csr._replace(indptr=np.concatenate([csr.indptr, np.full(missing, csr.indptr[-1], dtype=np.int64)]))


def _side_by_side(first: Csr, second: Csr) -> Csr:
    """Row by row, what the first has and then what the second has."""
    size = len(first.indptr) - 1
    indptr = first.indptr + second.indptr
    neighbours = np.empty(indptr[-1], dtype=np.int32)
    edges = np.empty(indptr[-1], dtype=np.int32)
    for part, before in ((first, second.indptr[:-1]), (second, first.indptr[1:])):
        place = np.arange(len(part.edges)) + np.repeat(before, np.diff(part.indptr))
        neighbours[place] = part.neighbours
        edges[place] = part.edges
    assert len(indptr) == size + 1
    return Csr(indptr, neighbours, edges)
