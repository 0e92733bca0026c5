"""One version of an embedded graph: rows, columns, adjacency, and the few physical changes that can be made to them."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workflow.graphs.store.versions.adjacency import Adjacency, Csr, compress, padded, side_by_side
from workflow.graphs.store.versions.elements import Elements
from workflow.graphs.store.versions.records import Ticket

_STAMPS = count(1)
"""Of writes to the edges of a label: no two forks have one in common."""
NO_ROWS = np.zeros(0, dtype=np.int32)
FEW_LABELS = 4
FEW_IDS = 1 << 16
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
        twin = State.__new__(State)
        twin.__dict__.update(self.__dict__)
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

    def add_edges(self, ids: Sequence[Any], label: str, sources: Sequence[int], targets: Sequence[int]) -> int:
        """Many of one label, in rows one behind the other; returns the first."""
        code, size = self.edge_code(label), len(ids)
        ends = (np.array(rows, dtype=np.int32) for rows in (sources, targets))
        first = self.edges.shared.extend(ids, np.full(size, code, dtype=np.int32), *ends)
        self.edges.show_many(first, size)
        _, self.source, self.target = self.edges.shared.cells
        out, into = self.adjacency("out", code), self.adjacency("in", code)
        for row, source, target in zip(range(first, first + size), sources, targets, strict=True):
            out.append(source, target, row)
            into.append(target, source, row)
        self.touch(code)
        return first

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
            return side_by_side(self.csr(codes, "out"), self.csr(codes, "in"))
        if len(codes) == 1:
            adjacency = (self.out if way == "out" else self.into)[codes[0]]
            base = adjacency.base()
            if base is not None:
                return padded(base, size)
            merged = adjacency.merged(size)
            if merged is not None:
                return merged
        elif 1 < len(codes) <= FEW_LABELS:
            # after a write one of them is mended and the others stand
            return side_by_side(*(self.csr((code,), way) for code in codes))
        csr = self._built(codes, way, size)
        if len(codes) == 1 and len(csr.edges) >= size // SPARSE:
            self._bases[(way, codes[0])] = (self.written[codes[0]], csr)
        return csr

    def settle(self) -> None:
        """Make what had to be built from nothing the base of its label or column, so that a later write mends it."""
        for elements in (self.vertices, self.edges):
            elements.settle()
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
            elements.shared.tidy(FEW_IDS)  # longer runs stay in the memory of their files
        for code in range(len(self.out)):
            for way, side in (("out", self.out), ("in", self.into)):
                if side[code].worn:
                    self.csr((code,), way)
        self._views = {}
        self.settle()

    def _built(self, codes: tuple[int, ...], way: str, size: int) -> Csr:
        # by label first, as single rows have it
        edges = np.concatenate([NO_ROWS, *(self.edges.row_array((code,)) for code in codes)])
        source, target = (ends[edges] for ends in self.ends())
        return compress(source, target, edges, size) if way == "out" else compress(target, source, edges, size)
