"""Triangles of every node, and how many of its pairs of neighbours are joined."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..projections import Floats, GraphView, Ints
from .outcome import Outcome

BLOCK = 4096  # rows of the squared matrix at once


def triangles(view: GraphView, most: int | None = None) -> Ints:
    """Triangles of every node, int64, shape (n,); -1 for nodes with more than ``most`` neighbours, which are left out.

    Parallel relationships count once, self-loops not.
    """
    pattern = view.pattern
    degrees = np.diff(pattern.indptr)
    left_out = np.zeros(view.size, dtype=bool) if most is None else degrees > most
    if left_out.any():
        kept = np.where(left_out, 0.0, 1.0)
        pattern = pattern.multiply(kept[:, None]).multiply(kept[None, :]).tocsr()
        pattern.eliminate_zeros()
    found = np.zeros(view.size, dtype=np.int64)
    for start in range(0, view.size, BLOCK):
        rows = pattern[start : start + BLOCK]
        closed = (rows @ pattern).multiply(rows)
        found[start : start + BLOCK] = np.rint(np.asarray(closed.sum(axis=1)).ravel() / 2)
    found[left_out] = -1
    return found


def joined_neighbours(around: Any, pattern: Any) -> Floats:
    """The arcs between the neighbours of every node, float64, shape (n,).

    Args:
        around: who is a neighbour, symmetric CSR matrix of ones, shape (n, n).
        pattern: the arcs, CSR matrix of ones, shape (n, n).
    """
    found = np.zeros(around.shape[0])
    for start in range(0, len(found), BLOCK):
        rows = around[start : start + BLOCK]
        found[start : start + BLOCK] = np.asarray((rows @ pattern).multiply(rows).sum(axis=1)).ravel()
    return found


def triangle_count(view: GraphView, options: Mapping[str, Any]) -> Outcome:
    """The triangles of every node and of the graph."""
    found = triangles(view, options["maxDegree"])
    total = int(np.maximum(found, 0).sum()) // 3
    return Outcome({"triangleCount": found}, {"globalTriangleCount": total, "nodeCount": view.size})


def local_clustering(view: GraphView, options: Mapping[str, Any]) -> Outcome:
    """The share of a node's pairs of neighbours that are neighbours; 0 with fewer than two of them.

    Where relationships are directed, a neighbour is at either end of one, and each direction between two neighbours
    counts half. Sources: Watts, Strogatz 1998; LDBC Graphalytics, for directed graphs.
    """
    name = options["triangleCountProperty"]
    around = view.pattern if view.undirected else view.pattern.maximum(view.pattern.T).tocsr()
    joined: Floats
    if name:
        joined = 2.0 * np.asarray(view.properties[name], dtype=np.float64)
    elif view.undirected:
        joined = 2.0 * triangles(view).astype(np.float64)
    else:
        joined = joined_neighbours(around, view.pattern)
    degrees = np.diff(around.indptr).astype(np.float64)
    pairs = degrees * (degrees - 1)
    scores: Floats = np.divide(joined, pairs, out=np.zeros(view.size), where=pairs > 0)
    average = float(scores.mean()) if view.size else 0.0
    return Outcome(
        {"localClusteringCoefficient": scores}, {"averageClusteringCoefficient": average, "nodeCount": view.size}
    )
