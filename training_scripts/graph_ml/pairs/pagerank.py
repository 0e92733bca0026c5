"""Personalised PageRank from a source to every node, and back."""

from __future__ import annotations

import numpy as np

from .graph import Floats, Ints, PairGraph, per_neighbour

RESTART = 0.3


def pagerank_block(graph: PairGraph, sources: Ints, neighbours: Floats, hops: int) -> tuple[Floats, Floats]:
    """Random walks with restart .3, cut after a number of hops.

    Args:
        graph: the message graph, n nodes.
        sources: node numbers, shape (b,).
        neighbours: ``graph.columns(sources)``, which saves the first hop.
        hops: longest walk counted, at least 1.

    Returns:
        Two arrays of shape (n, b): rank of the node for a walker from the source, and rank of the source for a walker
        from the node. The second follows from the first, for a walk on an undirected graph is reversible:
        d_u · ppr(u→v) = d_v · ppr(v→u).

    Source: Jeh and Widom 2003.
    """
    inverse = per_neighbour(graph.degree, 1.0)[:, None]
    own = graph.degree[sources][None, :]
    step: Floats = np.float32(1 - RESTART) * neighbours
    step /= np.maximum(own, np.float32(1.0))
    total = step.copy()
    for _ in range(hops - 1):
        step = graph.adjacency @ (inverse * step) * np.float32(1 - RESTART)
        total += step
    total[sources, np.arange(len(sources))] += 1.0
    total *= np.float32(RESTART)
    back: Floats = total * own * inverse
    return total, back
