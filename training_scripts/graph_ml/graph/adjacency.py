"""Edges of a type arranged by one of their ends (CSC), made in memory that the graph does not decide."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..distinct import stable_order
from ..scratch import blocks

IntArray = NDArray[np.int64]
#: makes an array of this shape (n,) and dtype to fill, in memory or in a mapped file
NewArray = Callable[[int, DTypeLike], NDArray[Any]]

#: edges that are sorted at once, and looked at at once
MOST_SORTED, MOST_READ = 1 << 23, 1 << 20


@dataclass(frozen=True)
class Adjacency:
    """Edges by one end: those of node i are entries ``indptr[i]:indptr[i + 1]``, in ascending order.

    Args:
        indptr: int64, shape (nodes + 1,).
        others: the other end of each entry, int64, shape (edges,).
        edges: which edge of the type each entry is, int64, shape (edges,).
    """

    indptr: IntArray
    others: IntArray
    edges: IntArray

    @property
    def degrees(self) -> IntArray:
        """Edges of each node, int64, shape (nodes,)."""
        return np.diff(self.indptr)


def arranged_by(
    own: IntArray, others: IntArray, nodes: int, new: NewArray = np.empty, most: int = MOST_SORTED
) -> Adjacency:
    """Edges arranged by one of their ends.

    A range of nodes after the other is picked out of all edges and sorted, so that at most ``most`` edges are held
    at once (or those of one node, where it has more). The result does not depend on ``most``.

    Args:
        own: the end to arrange by, int64, shape (edges,); may be mapped.
        others: the other end, shape (edges,); may be mapped.
        nodes: how many there are to arrange by.
        new: makes the arrays of the result.
        most: edges that are sorted at once.
    """
    total = len(own)
    found = Adjacency(counted(own, nodes, new), new(total, np.int64), new(total, np.int64))
    for first, last in node_ranges(found.indptr, most):
        entries = slice(int(found.indptr[first]), int(found.indptr[last]))
        edges = _edges_of(own, first, last, entries.stop - entries.start)
        found.edges[entries] = edges
        found.others[entries] = others[edges]
    return found


def counted(own: IntArray, nodes: int, new: NewArray = np.empty) -> IntArray:
    """Where the edges of each node begin, int64 (nodes + 1,), of one of their ends, (edges,)."""
    counts = np.zeros(nodes, dtype=np.int64)
    for part in blocks(len(own), MOST_READ):
        counts += np.bincount(own[part], minlength=nodes)
    indptr = new(nodes + 1, np.int64)
    indptr[0] = 0
    np.cumsum(counts, out=indptr[1:])
    return indptr


def node_ranges(indptr: IntArray, most: int) -> Iterator[tuple[int, int]]:
    """First node and node after the last of ranges with at most ``most`` entries each, or one node that has more.

    Args:
        indptr: where the entries of each node begin, int64, shape (nodes + 1,).
    """
    nodes, first = len(indptr) - 1, 0
    while first < nodes:
        last = int(np.searchsorted(indptr, indptr[first] + most, side="right")) - 1
        last = min(nodes, max(last, first + 1))
        yield first, last
        first = last


def _edges_of(own: IntArray, first: int, last: int, count: int) -> IntArray:
    """The edges whose end lies in a range of nodes, by end and then ascending, (count,)."""
    if count == len(own):
        return stable_order(own)
    edges, ends = np.empty(count, dtype=np.int64), np.empty(count, dtype=np.int64)
    filled = 0
    for part in blocks(len(own), MOST_READ):
        values = np.asarray(own[part])
        inside = np.flatnonzero((values >= first) & (values < last))
        edges[filled : filled + len(inside)] = inside + part.start
        ends[filled : filled + len(inside)] = values[inside] - first
        filled += len(inside)
    return np.asarray(edges[stable_order(ends)])
