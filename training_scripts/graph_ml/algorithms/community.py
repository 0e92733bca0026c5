"""Louvain, label propagation and connected components."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from ..projections import Floats, GraphView, Ints
from .outcome import Outcome, group_distribution

PARTS = 64  # of the nodes, each of which moves at once


def _labelled(groups: Ints, view: GraphView, options: Mapping[str, Any]) -> Ints:
    """The numbers of groups as users see them: a seed, counted from 0, or the first member's place."""
    _, first, inverse = np.unique(groups, return_index=True, return_inverse=True)
    if options.get("seedProperty"):
        seeds = _seeds(view, options["seedProperty"])
        known = np.full(len(first), np.iinfo(np.int64).max)
        np.minimum.at(known, inverse, np.where(seeds < 0, np.iinfo(np.int64).max, seeds))
        fresh = known == np.iinfo(np.int64).max
        known[fresh] = max(-1, seeds.max(initial=-1)) + 1 + np.arange(fresh.sum())
        return np.asarray(known[inverse])
    if options.get("consecutiveIds"):
        order = np.empty(len(first), dtype=np.int64)
        order[np.argsort(first)] = np.arange(len(first))
        return np.asarray(order[inverse])
    return np.asarray(first[inverse])


def _seeds(view: GraphView, name: str) -> Ints:
    """Seeds of all nodes, -1 for one without."""
    values = np.asarray(view.properties[name], dtype=np.float64)
    return np.where(np.isfinite(values) & (values >= 0), values, -1).astype(np.int64)


def weakly_connected(view: GraphView, options: Mapping[str, Any]) -> Outcome:
    """Which nodes are joined by relationships, whatever their direction; by those above ``threshold`` with weights."""
    kept = slice(None) if view.weights is None else view.weights > options["threshold"]
    source, target = view.source[kept], view.target[kept]
    if options["seedProperty"]:  # nodes with one seed are together already
        seeds = _seeds(view, options["seedProperty"])
        given = np.flatnonzero(seeds >= 0)
        _, first, inverse = np.unique(seeds[given], return_index=True, return_inverse=True)
        source, target = np.concatenate([source, given]), np.concatenate([target, given[first][inverse]])
    graph = sparse.coo_matrix((np.ones(len(source)), (source, target)), shape=(view.size, view.size))
    _, groups = connected_components(graph, directed=False)
    return _components(_labelled(groups, view, options))


def strongly_connected(view: GraphView, options: Mapping[str, Any]) -> Outcome:
    """Which nodes reach each other along the arcs."""
    _, groups = connected_components(view.pattern, directed=True, connection="strong")
    return _components(_labelled(groups, view, options))


def _components(groups: Ints) -> Outcome:
    summary = {"componentCount": len(np.unique(groups)), "componentDistribution": group_distribution(groups)}
    return Outcome({"componentId": groups}, summary)


def _communities(groups: Ints, **more: Any) -> dict[str, Any]:
    return {**more, "communityCount": len(np.unique(groups)), "communityDistribution": group_distribution(groups)}


def label_propagation(view: GraphView, options: Mapping[str, Any]) -> Outcome:
    """Every node takes the label that most of its neighbours have, all at once; of equals the least.

    Source: Raghavan, Albert, Kumara 2007, synchronous and without chance, as LDBC Graphalytics has it.
    """
    labels = np.arange(view.size)
    if options["seedProperty"]:
        seeds = _seeds(view, options["seedProperty"])
        labels = np.where(seeds >= 0, seeds, seeds.max(initial=-1) + 1 + labels)
    weights = np.ones(len(view.source)) if view.weights is None else view.weights
    if options["nodeWeightProperty"]:
        weights = weights * np.asarray(view.properties[options["nodeWeightProperty"]])[view.target]
    ran, converged = 0, False
    while ran < options["maxIterations"] and not converged:
        following = _commonest(view, labels, weights)
        converged = bool((following == labels).all())
        labels, ran = following, ran + 1
    if options["consecutiveIds"]:
        labels = _labelled(labels, view, {"consecutiveIds": True})
    return Outcome({"communityId": labels}, _communities(labels, ranIterations=ran, didConverge=converged))


def _commonest(view: GraphView, labels: Ints, weights: Floats) -> Ints:
    """The heaviest label among the neighbours of each node, its own where it has none."""
    numbers, codes = np.unique(labels, return_inverse=True)
    votes = sparse.coo_matrix((weights, (view.source, codes[view.target])), shape=(view.size, len(numbers))).tocsr()
    votes.sort_indices()
    rows = np.repeat(np.arange(view.size), np.diff(votes.indptr))
    order = np.lexsort((votes.indices, -votes.data, rows))  # per node: heaviest first, then the least label
    firsts = votes.indptr[:-1][np.diff(votes.indptr) > 0]
    following = labels.copy()
    following[rows[order[firsts]]] = numbers[votes.indices[order[firsts]]]
    return following


def louvain(view: GraphView, options: Mapping[str, Any]) -> Outcome:
    """Communities of high modularity, joined level by level.

    Nodes move in parts, each part at once, in an order by chance with a fixed seed; up to 64 nodes one by one.

    Source: Blondel et al. 2008, "Fast unfolding of communities in large networks".
    """
    matrix = view.adjacency if view.undirected else view.adjacency + view.adjacency.T
    matrix = matrix.tocsr()
    groups = np.arange(view.size)
    start = None
    if options["seedProperty"]:
        start = np.unique(_labelled(groups, view, options), return_inverse=True)[1]
    levels: list[Ints] = []
    modularities: list[float] = []
    graph, random = matrix, np.random.default_rng(0)
    while len(levels) < options["maxLevels"]:
        moved = _moved(graph, options["maxIterations"], options["tolerance"], random, start)
        start = None
        _, moved = np.unique(moved, return_inverse=True)
        reached = moved[groups]
        quality = modularity(matrix, reached)
        if modularities and quality <= modularities[-1] + options["tolerance"]:
            break
        groups = reached
        levels.append(groups)
        modularities.append(quality)
        if len(np.unique(moved)) == graph.shape[0]:
            break
        joining = sparse.coo_matrix((np.ones(len(moved)), (np.arange(len(moved)), moved))).tocsr()
        graph = (joining.T @ graph @ joining).tocsr()
    labels = _labelled(groups, view, options)
    summary = _communities(
        labels, modularity=modularities[-1] if modularities else 0.0, modularities=modularities, ranLevels=len(levels)
    )
    columns = {"communityId": labels}
    if options["includeIntermediateCommunities"]:
        columns["intermediateCommunityIds"] = np.stack([_labelled(one, view, options) for one in levels], axis=1)
    return Outcome(columns, summary)


def modularity(matrix: Any, groups: Ints) -> float:
    """The share of weight inside groups beyond what degrees alone would make. ``matrix`` is symmetric CSR, (n, n)."""
    total = matrix.sum()
    if not total:
        return 0.0
    coordinates = matrix.tocoo()
    inside = coordinates.data[groups[coordinates.row] == groups[coordinates.col]].sum()
    degrees = np.bincount(groups, np.asarray(matrix.sum(axis=1)).ravel())
    return float(inside / total - ((degrees / total) ** 2).sum())


def _moved(graph: Any, sweeps: int, tolerance: float, random: np.random.Generator, start: Ints | None) -> Ints:
    """The group of each node after local moves; of one level, int64, shape (n,)."""
    size = graph.shape[0]
    total = graph.sum()
    groups = np.arange(size) if start is None else start.copy()
    if not total:
        return groups
    degrees = np.asarray(graph.sum(axis=1)).ravel()
    held: Floats = np.bincount(groups, degrees, size).astype(np.float64)
    quality = modularity(graph, groups)
    for _ in range(sweeps):
        moves = 0
        for part in np.array_split(random.permutation(size), min(size, PARTS)):
            best = _best_groups(graph, part, groups, degrees, held, total)
            changed = best != groups[part]
            nodes = part[changed]
            np.subtract.at(held, groups[nodes], degrees[nodes])
            np.add.at(held, best[changed], degrees[nodes])
            groups[nodes] = best[changed]
            moves += len(nodes)
        reached = modularity(graph, groups)
        if not moves or reached <= quality + tolerance:
            break
        quality = reached
    return groups


def _best_groups(graph: Any, part: Ints, groups: Ints, degrees: Floats, held: Floats, total: float) -> Ints:
    """The group that gains most for each node of a part, its own unless another gains more."""
    rows = graph[part]
    owners = np.repeat(np.arange(len(part)), np.diff(rows.indptr))
    foreign = rows.indices != part[owners]
    links = sparse.coo_matrix(
        (rows.data[foreign], (owners[foreign], groups[rows.indices[foreign]])), shape=(len(part), graph.shape[0])
    ).tocsr()
    places = np.repeat(np.arange(len(part)), np.diff(links.indptr))
    own = links.indices == groups[part[places]]
    mass = held[links.indices] - np.where(own, degrees[part[places]], 0.0)
    gains = links.data - degrees[part[places]] * mass / total
    staying = -degrees[part] * (held[groups[part]] - degrees[part]) / total  # in its group without any link there
    staying[places[own]] = gains[own]
    best = groups[part].copy()
    order = np.lexsort((links.indices, -gains, places))
    firsts = order[links.indptr[:-1][np.diff(links.indptr) > 0]]
    better = gains[firsts] > staying[places[firsts]] + 1e-12
    best[places[firsts[better]]] = links.indices[firsts[better]]
    return best
