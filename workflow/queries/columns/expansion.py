"""From rows of vertices to what lies behind them, many rows at once: neighbours, edges, ends, degrees."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from workflow.graphs.elements import Way

if TYPE_CHECKING:
    from workflow.graphs.protocols import ColumnarGraph

Rows = NDArray[Any]

SMALL = 48
"""So many rows are walked one by one: touching an array of all vertices would cost more."""


class Reached(NamedTuple):
    """What rows lead to: ``rows``, and ``origins``, the places they came from; both int64 of shape (m,)."""

    rows: Rows
    origins: Rows


def reached(
    graph: ColumnarGraph, rows: Rows, way: Way, labels: Sequence[str] | None, *, edges: bool, most: int | None = None
) -> Iterator[Reached]:
    """The neighbours (or edges) of vertices in their order, in parts.

    Args:
        graph: what the rows belong to.
        rows: of vertices, int64 of shape (n,); one may stand there several times.
        way: along which direction.
        labels: of the edges; None for all.
        edges: whether rows of edges are wanted instead of those of vertices.
        most: the size of the first part; every later one may be four times as large. None for one part.
    """
    if len(rows) <= SMALL:
        yield from _walked(graph, rows, way, labels, edges, most)
        return
    csr = graph.csr(labels, way)
    if csr is None:
        yield from _walked(graph, rows, way, labels, edges, most)
        return
    starts = csr.indptr[rows].astype(np.int64)
    degrees = csr.indptr[rows + 1] - starts
    stops = np.cumsum(degrees)
    shift = starts - (stops - degrees)
    size = int(stops[-1]) if len(stops) else 0
    found = csr.edges if edges else csr.neighbours
    begin = 0
    while begin < size:
        end = size if most is None else min(size, begin + most)
        if begin == 0 and end == size:
            origins = np.repeat(np.arange(len(rows)), degrees)
            places = np.arange(size)
        else:
            places = np.arange(begin, end)
            origins = np.searchsorted(stops, places, side="right")
        yield Reached(found[places + shift[origins]].astype(np.int64), origins)
        begin = end
        most = None if most is None else larger(most)


MOST_PART = 16_384


def larger(size: int) -> int:
    """The size of the next part: parts grow, so that little is done in vain where only a few results are wanted."""
    return min(4 * size, MOST_PART)


def _walked(
    graph: ColumnarGraph, rows: Rows, way: Way, labels: Sequence[str] | None, edges: bool, most: int | None
) -> Iterator[Reached]:
    along = graph.incident if edges else graph.neighbours
    reached: list[int] = []
    origins: list[int] = []
    for place, row in enumerate(rows.tolist()):
        here = along(row, way, labels)
        reached.extend(here)
        origins.extend([place] * (len(reached) - len(origins)))
        if most is not None and len(reached) >= most:
            yield Reached(np.array(reached, dtype=np.int64), np.array(origins, dtype=np.int64))
            reached, origins, most = [], [], larger(most)
    if reached:
        yield Reached(np.array(reached, dtype=np.int64), np.array(origins, dtype=np.int64))


def degrees(graph: ColumnarGraph, rows: Rows, way: Way, labels: Sequence[str] | None) -> Rows:
    """How many edges each vertex has, int64 of the shape of ``rows``."""
    if len(rows) <= SMALL:
        return np.array([graph.degree(row, way, labels) for row in rows.tolist()], dtype=np.int64)
    csr = graph.csr(labels, way)
    if csr is None:
        return np.array([graph.degree(row, way, labels) for row in rows.tolist()], dtype=np.int64)
    return np.asarray(csr.indptr[rows + 1] - csr.indptr[rows], dtype=np.int64)


def ends(graph: ColumnarGraph, edges: Rows) -> tuple[Rows, Rows]:
    """(source, target) rows of edges, int64 of their shape."""
    if len(edges) <= SMALL:
        rows = edges.tolist()
        return (
            np.array([graph.edge_source(row) for row in rows], dtype=np.int64),
            np.array([graph.edge_target(row) for row in rows], dtype=np.int64),
        )
    sources, targets = graph.edge_ends()
    return sources[edges].astype(np.int64), targets[edges].astype(np.int64)
