"""The body of an embedded graph: rows, columns, adjacency, and the few physical changes that can be made to them.

Every change has an exact inverse, which is how transactions are undone and parked. Rows are never used twice: a removed
element keeps its row and its cells, only its ``alive`` byte is cleared.
"""

from __future__ import annotations

import threading
from array import array
from collections.abc import Iterator, Sequence
from functools import reduce
from itertools import compress as pick
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workflow.graphs.store.adjacency import Adjacency, Csr, compress
from workflow.graphs.store.columns import Column
from workflow.graphs.store.ids import Ids

Places = tuple[int, int]
NO_ROWS = np.zeros(0, dtype=np.int32)
FEW_LABELS = 4
SPARSE = 8
"""A label has a base of its own when it has at least this part of the vertices' number in edges."""
MOST_VIEWS = 24
"""How many CSR views are kept before the oldest is dropped."""


class Elements:
    """What vertices and edges have in common: ids, labels, life, columns."""

    def __init__(self) -> None:
        self.ids = Ids()
        self.label = array("i")
        self.alive = bytearray()
        self.dead = 0
        self.label_names: list[str] = []
        self.label_codes: dict[str, int] = {}
        self.columns: dict[str, Column] = {}
        self.keys_of_label: list[dict[str, Column]] = []
        self.version = 0

    def __len__(self) -> int:
        """Rows, the dead among them."""
        return len(self.alive)

    @property
    def living(self) -> int:
        return len(self.alive) - self.dead

    def code(self, label: str) -> int:
        """The number of a label, given at first use."""
        code = self.label_codes.get(label)
        if code is None:
            code = self.label_codes[label] = len(self.label_names)
            self.label_names.append(label)
            self.keys_of_label.append({})
        return code

    def column(self, key: str) -> Column:
        """The column of a key, made at first use."""
        column = self.columns.get(key)
        if column is None:
            column = self.columns[key] = Column(key, len(self.columns))
        return column

    def add(self, id: Any, label: str) -> int:
        row = self.ids.append(id)
        self.label.append(self.code(label))
        self.alive.append(1)
        self.version += 1
        return row

    def kill(self, row: int) -> None:
        self.alive[row] = 0
        self.dead += 1
        self.ids.forget(row)
        self.version += 1

    def revive(self, row: int) -> None:
        self.alive[row] = 1
        self.dead -= 1
        self.ids.restore(row)
        self.version += 1

    def relabel(self, row: int, label: str) -> None:
        """Give a row another label."""
        code = self.code(label)
        for column in self.keys_of_label[self.label[row]].values():
            self.note_key(code, column)
        self.label[row] = code
        self.version += 1

    def put(self, column: Column, row: int, cell: Any) -> Any:
        """Set a cell; returns the old one."""
        code = self.label[row]
        if column.key not in self.keys_of_label[code]:
            self.note_key(code, column)
        return column.put(row, cell)

    def note_key(self, code: int, column: Column) -> None:
        """Elements of a label may have a key now; keys are listed in the order their columns were made."""
        known = {**self.keys_of_label[code], column.key: column}
        self.keys_of_label[code] = dict(sorted(known.items(), key=lambda item: item[1].index))

    def rows(self, codes: Sequence[int] | None) -> Iterator[int]:
        """Living rows in insertion order, of some labels or of all; what is added later does not appear."""
        if codes is None:
            return iter(range(len(self.alive))) if not self.dead else pick(range(len(self.alive)), self.alive)
        return iter(self.row_array(codes).tolist())

    def row_array(self, codes: Sequence[int] | None) -> NDArray[np.int32]:
        """The same as an array."""
        alive = np.array(self.alive, dtype=bool)
        if codes is not None:
            labels = np.array(self.label, dtype=np.int32)
            if len(codes) == 1:
                alive &= labels == codes[0]
            else:
                alive &= np.isin(labels, np.array(codes, dtype=np.int32))
        return np.flatnonzero(alive).astype(np.int32)


class State:
    """All of one graph in memory."""

    def __init__(self) -> None:
        self.vertices = Elements()
        self.edges = Elements()
        self.source = array("i")
        self.target = array("i")
        self.out: list[Adjacency] = []
        self.into: list[Adjacency] = []
        self.written: list[int] = []
        self.next_id = 0
        self._numbers = threading.Lock()  # guards next_id
        self._views: dict[tuple[Any, ...], tuple[tuple[int, ...], Csr]] = {}
        self._views_lock = threading.Lock()  # guards the removal of old views; reading them needs none
        self._bases: dict[tuple[str, int], tuple[int, Csr]] = {}

    def take_numbers(self, count: int) -> int:
        """Set aside ``count`` numbers for ids of values; returns the first. From any thread."""
        with self._numbers:
            first = self.next_id
            self.next_id += count
            return first

    # -- changes
    def edge_code(self, label: str) -> int:
        code = self.edges.code(label)
        while len(self.out) <= code:
            self.out.append(Adjacency())
            self.into.append(Adjacency())
            self.written.append(0)
        return code

    def add_edge(self, id: Any, label: str, source: int, target: int) -> int:
        code = self.edge_code(label)
        row = self.edges.add(id, label)
        self.source.append(source)
        self.target.append(target)
        self.out[code].append(source, target, row)
        self.into[code].append(target, source, row)
        self.written[code] += 1
        return row

    def kill_edge(self, row: int) -> Places:
        """Take an edge out; returns where it stood, for ``revive_edge``."""
        self.edges.kill(row)
        code = self.edges.label[row]
        self.written[code] += 1
        return self.out[code].remove(self.source[row], row), self.into[code].remove(self.target[row], row)

    def revive_edge(self, row: int, places: Places) -> None:
        self.edges.revive(row)
        code = self.edges.label[row]
        self.written[code] += 1
        source, target = self.source[row], self.target[row]
        self.out[code].insert(source, places[0], target, row)
        self.into[code].insert(target, places[1], source, row)

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
        """Make what had to be built from nothing the base of its label or column, so that a later write mends it.

        Only while nobody reads.
        """
        for column in (*self.vertices.columns.values(), *self.edges.columns.values()):
            column.settle()
        while self._bases:
            (way, code), (written, csr) = self._bases.popitem()
            if written == self.written[code]:
                (self.out if way == "out" else self.into)[code].rebase(csr)

    def rebase(self) -> None:
        """Give every label that is dense enough a base. Only while nobody reads."""
        for code in range(len(self.out)):
            self.csr((code,), "out")
            self.csr((code,), "in")
        self._views = {}
        self.settle()

    def _built(self, codes: tuple[int, ...], way: str, size: int) -> Csr:
        # by label first, as single rows have it
        edges = np.concatenate([NO_ROWS, *(self.edges.row_array((code,)) for code in codes)])
        source = np.array(self.source, dtype=np.int32)[edges]
        target = np.array(self.target, dtype=np.int32)[edges]
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
