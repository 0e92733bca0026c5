"""Counts of short paths between a source and every node: common neighbours and their kin, and paths of three."""

from __future__ import annotations

import numpy as np

from .graph import Floats, PairGraph, per_neighbour

Block = dict[str, Floats]


def path_block(graph: PairGraph, neighbours: Floats) -> Block:
    """Raw path scores of each (node, source) pair.

    Args:
        graph: the message graph, n nodes.
        neighbours: ``graph.columns(sources)``, shape (n, b).

    Returns:
        Arrays of shape (n, b): ``cn`` common neighbours; ``aa`` Adamic–Adar (sum of 1 / ln d over them); ``ra``
        resource allocation (sum of 1 / d); ``jaccard``; ``l3`` paths of three weighted by 1 / sqrt(d_x d_y);
        ``paths3`` walks of three edges, which for nodes that are not linked are the paths of three.

    Source: Adamic and Adar 2003; Zhou, Lü, Zhang 2009; Kovács et al. 2019 (L3).
    """
    a, degree = graph.adjacency, graph.degree
    common = a @ neighbours
    union = degree[:, None] + neighbours.sum(axis=0, dtype=np.float32)[None, :] - common
    floors = floor_paths(graph, neighbours)
    return {
        "cn": common,
        "aa": floors["adamic_adar"],
        "ra": a @ (per_neighbour(degree, 1.0)[:, None] * neighbours),
        "jaccard": common / np.maximum(union, 1.0),
        "l3": floors["l3"],
        "paths3": a @ common,
    }


def floor_paths(graph: PairGraph, neighbours: Floats) -> Block:
    """Adamic–Adar and L3 alone, arrays of shape (n, b); see ``path_block``."""
    a, degree = graph.adjacency, graph.degree
    # a neighbour of degree 1 is never common to two nodes, so ln 1 = 0 never divides
    adamic = np.where(degree > 1, 1.0 / np.log(np.maximum(degree, 2.0)), 0.0).astype(np.float32)[:, None]
    root = per_neighbour(degree, 0.5)[:, None]
    return {"adamic_adar": a @ (adamic * neighbours), "l3": a @ (root * (a @ (root * neighbours)))}
