"""Adjacency of one edge label in one direction: a frozen base loaded in bulk, and rows written since."""

from __future__ import annotations

from array import array
from typing import Any, Final, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from workflow.graphs.store.memory import let_go
from workflow.graphs.store.versions.layers import layered

Slot = tuple["array[int]", "array[int]"]


class Csr(NamedTuple):
    """Compressed rows: the neighbours of row r are ``neighbours[indptr[r]:indptr[r+1]]``, ``edges`` their edge rows."""

    indptr: NDArray[np.integer[Any]]
    """int32 where that is enough for all edges, else int64."""
    neighbours: NDArray[np.int32]
    edges: NDArray[np.int32]


NO_EDGES: Final = Csr(np.zeros(1, dtype=np.int64), np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.int32))


def compress(rows: NDArray[np.int32], others: NDArray[np.int32], edges: NDArray[np.int32], size: int) -> Csr:
    """Group triples of row, other and edge by row, int64 (m,) each, keeping their order within a row."""
    # numbers of a row and a place below it are sorted several times as fast as the order of rows is found
    order = np.sort(rows.astype(np.int64) << 32 | np.arange(len(rows))) & 0xFFFFFFFF
    csr = Csr(indptr_of(np.bincount(rows, minlength=size)), others[order], edges[order])
    for part in csr:
        part.flags.writeable = False
    return csr


def indptr_of(degrees: NDArray[np.integer[Any]]) -> NDArray[np.integer[Any]]:
    """Where rows begin and the last one ends, (n + 1,), of their numbers of edges, (n,)."""
    size = int(degrees.sum(dtype=np.int64))
    indptr: NDArray[np.integer[Any]] = np.zeros(len(degrees) + 1, dtype=np.int32 if size < 1 << 31 else np.int64)
    np.cumsum(degrees, out=indptr[1:])
    return indptr


def padded(csr: Csr, size: int) -> Csr:
    """The same with empty rows at the end."""
    missing = size + 1 - len(csr.indptr)
    if not missing:
        return csr
    return csr._replace(indptr=np.concatenate([csr.indptr, np.full(missing, csr.indptr[-1], dtype=csr.indptr.dtype)]))


def side_by_side(*parts: Csr) -> Csr:
    """Row by row, what the first has, then what the second has, and so on; all have as many rows."""
    degrees = [np.diff(part.indptr) for part in parts]
    indptr = indptr_of(sum(degrees[1:], start=degrees[0].astype(np.int64)))
    neighbours = np.empty(indptr[-1], dtype=np.int32)
    edges = np.empty(indptr[-1], dtype=np.int32)
    begins = indptr[:-1].copy()
    for part, degree in zip(parts, degrees, strict=True):
        place = np.arange(len(part.edges)) + np.repeat(begins - part.indptr[:-1], degree)
        neighbours[place] = part.neighbours
        edges[place] = part.edges
        begins += degree
    return Csr(indptr, neighbours, edges)


class Adjacency:
    """Neighbours and edge rows by vertex row, from what was written since the load, else from the base.

    One that readers may have is never written: a fork of it is. Written rows are in two dictionaries: ``_patched`` of
    this fork, and ``_below`` it one that all forks share. The base is shown twice over the same memory, which may be a
    file's: as views whose items are Python numbers for single rows, and as numpy arrays for whole frontiers.
    """

    def __init__(self) -> None:
        self._patched: dict[int, Slot] = {}
        self._below: dict[int, Slot] = {}
        self._own_rows: set[int] | None = None
        self._base: Csr | None = None
        self._indptr, self._neighbours, self._edges = _shown(NO_EDGES)
        self._size = 0

    def fork(self) -> Adjacency:
        """The same, to be written; this one is not written any more."""
        twin = Adjacency.__new__(Adjacency)
        twin.__dict__.update(self.__dict__)
        twin._patched, twin._below = layered(self._patched, self._below)
        twin._own_rows = set()
        return twin

    # -- reading
    def _slot(self, row: int) -> Slot | None:
        slot = self._patched.get(row)
        return self._below.get(row) if slot is None and self._below else slot

    def neighbours(self, row: int) -> list[int]:
        """A fresh list, in insertion order."""
        slot = self._slot(row)
        if slot is not None:
            return slot[0].tolist()
        if row >= self._size:
            return []
        return self._neighbours[self._indptr[row] : self._indptr[row + 1]].tolist()

    def edges(self, row: int) -> list[int]:
        """A fresh list of edge rows, in insertion order."""
        slot = self._slot(row)
        if slot is not None:
            return slot[1].tolist()
        if row >= self._size:
            return []
        return self._edges[self._indptr[row] : self._indptr[row + 1]].tolist()

    def degree(self, row: int) -> int:
        slot = self._slot(row)
        if slot is not None:
            return len(slot[0])
        return self._indptr[row + 1] - self._indptr[row] if row < self._size else 0

    @property
    def edge_count(self) -> int:
        """Edges of the base."""
        return len(self._edges)

    @property
    def empty(self) -> bool:
        """Whether there never was an edge."""
        return self._base is None and not self._patched and not self._below

    def base(self) -> Csr | None:
        """The base as arrays, when nothing was written since it was made."""
        return self._base if not self._patched and not self._below else None

    @property
    def worn(self) -> bool:
        """Whether so much was written that making it anew is cheaper than putting it together."""
        return self._base is None or len(self._below) + len(self._patched) > max(64, self._size // 16)

    def merged(self, size: int) -> Csr | None:
        """Base and written rows in one, over ``size`` rows; None where making it anew is cheaper."""
        written = {**self._below, **self._patched} if self._below else self._patched
        if self._base is None or self.worn:
            return None
        found = self._merged(self._base, written, size)
        # whoever reads whole columns has these now, and those of a mapped file would stay in memory beside them
        let_go(self._base.neighbours)
        let_go(self._base.edges)
        return found

    def _merged(self, base: Csr, written: dict[int, Slot], size: int) -> Csr:
        degrees = np.zeros(size, dtype=np.int64)
        degrees[: self._size] = np.diff(base.indptr)
        neighbours: list[NDArray[np.int32]] = []
        edges: list[NDArray[np.int32]] = []
        done = 0
        for row in sorted(written):
            slot = written[row]
            degrees[row] = len(slot[0])
            stop = int(base.indptr[min(row, self._size)])
            neighbours += [base.neighbours[done:stop], np.array(slot[0], dtype=np.int32)]
            edges += [base.edges[done:stop], np.array(slot[1], dtype=np.int32)]
            done = int(base.indptr[min(row + 1, self._size)])
        neighbours.append(base.neighbours[done:])
        edges.append(base.edges[done:])
        return Csr(indptr_of(degrees), np.concatenate(neighbours), np.concatenate(edges))

    # -- writing
    def _own(self, row: int) -> Slot:
        slot = self._slot(row)
        if slot is not None:
            if self._own_rows is None or row in self._own_rows:
                return slot
            slot = (slot[0][:], slot[1][:])
        elif row < self._size:
            start, stop = self._indptr[row], self._indptr[row + 1]
            slot = (array("i", self._neighbours[start:stop].tobytes()), array("i", self._edges[start:stop].tobytes()))
        else:
            slot = (array("i"), array("i"))
        self._patched[row] = slot
        if self._own_rows is not None:
            self._own_rows.add(row)
        return slot

    def append(self, row: int, neighbour: int, edge: int) -> None:
        neighbours, edges = self._own(row)
        neighbours.append(neighbour)
        edges.append(edge)

    def remove(self, row: int, edge: int) -> None:
        """Take an edge out."""
        neighbours, edges = self._own(row)
        # removing a hub takes its edges from the end
        place = len(edges) - 1 if edges[-1] == edge else edges.index(edge)
        del neighbours[place], edges[place]

    def extend(self, *more: Csr) -> None:
        """Put new edges behind those that each row has, and make the base of all; ``more`` have as many rows each."""
        if self.empty and len(more) == 1:
            self.rebase(more[0])
            return
        size, written = len(more[0].indptr) - 1, {**self._below, **self._patched}
        base = NO_EDGES if self._base is None else self._base
        before = () if self.empty else (self._merged(base, written, size) if written else padded(base, size),)
        self.rebase(side_by_side(*before, *more))

    def rebase(self, base: Csr) -> None:
        """Make ``base`` all there is; it holds every edge of this label in this direction."""
        self._size = len(base.indptr) - 1
        for part in base:
            part.flags.writeable = False
        self._base = base
        self._indptr, self._neighbours, self._edges = _shown(base)
        self._patched, self._below = {}, {}


def _shown(base: Csr) -> tuple[memoryview, memoryview, memoryview]:
    indptr, neighbours, edges = cast(Any, base)
    return memoryview(indptr), memoryview(neighbours), memoryview(edges)
