"""The vertices near a source: a small graph around it stands for a large one, so that a question costs what is near."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from .graph import Floats, Ints, PairGraph

HOPS = 3
#: edges that one hop follows
FOLLOWED = 100_000
RESTART = 0.3


def near(graph: PairGraph, source: int, most: int) -> Ints:
    """The source, and the vertices that short random walks from it visit most.

    Where a hop meets too many edges, those of vertices that pass little on to each neighbour are not followed: walks
    through a vertex that everybody is linked with tell little.

    Args:
        graph: n nodes.
        source: node number.
        most: vertices to return.

    Returns:
        int64, shape (≤ most,), ascending.

    Source: approximate personalised PageRank after Andersen, Chung, Lang 2006, its walks cut after three hops.
    """
    nodes: Ints = np.array([source], dtype=np.int64)
    mass: npt.NDArray[np.float64] = np.ones(1)
    visits = np.zeros(graph.num_nodes)
    visits[source] = np.inf  # the source is always among them
    for _ in range(HOPS):
        counts = graph.degree[nodes].astype(np.int64)
        each = (1 - RESTART) * mass / np.maximum(counts, 1)
        if counts.sum() > FOLLOWED:
            order = np.argsort(-each, kind="stable")
            kept = order[: max(1, int(np.searchsorted(np.cumsum(counts[order]), FOLLOWED, side="right")))]
            nodes, counts, each = nodes[kept], counts[kept], each[kept]
        followed = graph.adjacency[nodes].indices  # one list of neighbours after the other
        passed = np.bincount(followed, weights=np.repeat(each, counts), minlength=graph.num_nodes)
        arrived = np.asarray(passed, dtype=np.float64)
        nodes = np.flatnonzero(arrived > 0).astype(np.int64, copy=False)
        mass = arrived[nodes]
        visits[nodes] += mass
    found = np.flatnonzero(visits > 0)
    if len(found) > most:
        found = found[np.argpartition(-visits[found], most - 1)[:most]]
    return np.asarray(np.sort(found), dtype=np.int64)


def popular(degree: Floats, candidates: slice, most: int) -> Ints:
    """The numbers of the candidates with the most neighbours, int64 (≤ most,), ascending."""
    own = degree[candidates]
    if len(own) <= most:
        return np.arange(candidates.start, candidates.stop)
    return np.asarray(np.sort(np.argpartition(-own, most - 1)[:most]) + candidates.start, dtype=np.int64)


def most_alike(rows: Any, source: int, candidates: slice, most: int) -> Ints:
    """The numbers of the candidates whose attributes are most like those of a source, int64 (≤ most,).

    Args:
        rows: unit rows, CSR or dense, (n, d).
        source: node number.
        candidates: who may be returned.
        most: how many; only those that have anything in common are.
    """
    own = rows[[source]]
    cosines = rows[candidates] @ own.T
    cosines = cosines.toarray()[:, 0] if sparse.issparse(cosines) else cosines[:, 0]
    found = np.flatnonzero(cosines > 0)
    if len(found) > most:
        found = found[np.argpartition(-cosines[found], most - 1)[:most]]
    return np.asarray(found + candidates.start, dtype=np.int64)
