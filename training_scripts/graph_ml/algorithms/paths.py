"""Shortest paths by weights, or by hops."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import dijkstra

from ..container import JobError
from ..projections import GraphView, Ints
from .outcome import Outcome


def shortest_paths(view: GraphView, options: Mapping[str, Any]) -> Outcome:
    """A shortest path from the source to every target that it reaches, or to every node; cheapest first.

    Of parallel relationships the lightest counts.

    Source: Dijkstra 1959.
    """
    source = view.place_of(options["sourceNode"])
    links = _lightest(view)
    costs, before = dijkstra(links, indices=source, return_predecessors=True)
    reached = np.flatnonzero(np.isfinite(costs))
    named = options.get("targetNodes") or ([] if options.get("targetNode") is None else [options["targetNode"]])
    if named:
        wanted = [view.place_of(one) for one in (named if isinstance(named, list) else [named])]
        reached = np.intersect1d(reached, wanted)
    reached = reached[np.argsort(costs[reached], kind="stable")]
    ways = [_way(before, source, int(target)) for target in reached]
    columns = {
        "index": np.arange(len(reached)),
        "sourceNode": np.full(len(reached), view.ids[source]),
        "targetNode": view.ids[reached],
        "totalCost": costs[reached],
    }
    lists = {
        "nodeIds": [view.ids[way].tolist() for way in ways],
        "costs": [costs[way].tolist() for way in ways],
    }
    return Outcome(columns, {}, lists)


def _way(before: Ints, source: int, target: int) -> Ints:
    way = [target]
    while way[-1] != source:
        way.append(int(before[way[-1]]))
    return np.array(way[::-1])


def _lightest(view: GraphView) -> Any:
    weights = np.ones(len(view.source)) if view.weights is None else view.weights
    if (weights < 0).any():
        raise JobError("Relationship weights must not be negative")
    weights = np.maximum(weights, 1e-300)  # an explicit zero would be read as no relationship
    order = np.lexsort((weights, view.target, view.source))
    source, target = view.source[order], view.target[order]
    first = np.ones(len(order), dtype=bool)
    first[1:] = (source[1:] != source[:-1]) | (target[1:] != target[:-1])
    shape = (view.size, view.size)
    return sparse.coo_matrix((weights[order][first], (source[first], target[first])), shape=shape).tocsr()
