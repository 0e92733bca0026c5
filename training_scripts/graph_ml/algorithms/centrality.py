"""Degree, PageRank and its kin, betweenness and closeness."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import shortest_path

from ..projections import Floats, GraphView, Ints
from .outcome import Outcome, distribution
from .scaling import scaled

BLOCK = 64  # sources that are searched from at once


def _scores(scores: Floats, **summary: Any) -> Outcome:
    return Outcome({"score": scores}, {**summary, "centralityDistribution": distribution(scores)})


def degree(view: GraphView, options: Mapping[str, Any]) -> Outcome:
    """Relationships of every node, or their weights added up: those that leave, those that enter, or both."""
    weights = np.ones(len(view.source)) if view.weights is None else view.weights
    leaving: Floats = np.bincount(view.source, weights, view.size).astype(np.float64)
    entering: Floats = np.bincount(view.target, weights, view.size).astype(np.float64)
    by_orientation = {"NATURAL": leaving, "REVERSE": entering, "UNDIRECTED": leaving + entering}
    return _scores(by_orientation[options["orientation"]])


def _start(view: GraphView, options: Mapping[str, Any], value: float) -> Floats:
    named = options["sourceNodes"]
    sources = named if isinstance(named, list) else [named]
    if not sources:
        return np.full(view.size, value)
    start = np.zeros(view.size)
    start[[view.place_of(one) for one in sources]] = value
    return start


def _iterated(view: GraphView, options: Mapping[str, Any], spread: Any, first: Floats) -> Outcome:
    """Repeat scores = first + spread @ scores; ``spread`` is a CSR matrix (n, n) from a node to those it hears from.

    The first scores are the first iteration, as Neo4j's library counts.
    """
    scores, converged, ran = first, False, 1
    while ran < options["maxIterations"] and not converged:
        following = first + spread @ scores
        converged = bool(np.abs(following - scores).max(initial=0.0) < options["tolerance"])
        scores, ran = following, ran + 1
    return _scores(scaled(scores, options["scaler"])[0], ranIterations=ran, didConverge=converged)


def page_rank(view: GraphView, options: Mapping[str, Any]) -> Outcome:
    """PR(v) = (1 - d) + d * sum of PR(u) / out(u): the scores add up to n where every node has a way out.

    Source: Brin, Page 1998, without the division by n.
    """
    out = np.asarray(view.adjacency.sum(axis=1)).ravel()
    return _ranked(view, options, np.divide(1.0, out, out=np.zeros_like(out), where=out != 0))


def article_rank(view: GraphView, options: Mapping[str, Any]) -> Outcome:
    """PageRank in which nodes with few relationships give less: u gives a share of 1 / (out(u) + mean out-degree).

    Source: Li, Willett 2009, "ArticleRank".
    """
    out = np.asarray(view.adjacency.sum(axis=1)).ravel()
    total = out + out.mean() if len(out) else out
    return _ranked(view, options, np.divide(1.0, total, out=np.zeros_like(out), where=total != 0))


def _ranked(view: GraphView, options: Mapping[str, Any], shares: Floats) -> Outcome:
    damping = options["dampingFactor"]
    spread = (sparse.diags(damping * shares) @ view.adjacency).T.tocsr()
    return _iterated(view, options, spread, _start(view, options, 1 - damping))


def eigenvector(view: GraphView, options: Mapping[str, Any]) -> Outcome:
    """The principal eigenvector of the arcs that enter, of length 1, by power iteration."""
    entering = view.adjacency.T.tocsr()
    scores = _start(view, options, 1.0)
    scores = scores / (np.linalg.norm(scores) or 1.0)
    converged, ran = False, 0
    while ran < options["maxIterations"] and not converged:
        following = entering @ scores
        following = following / (np.linalg.norm(following) or 1.0)
        converged = bool(np.abs(following - scores).max(initial=0.0) < options["tolerance"])
        scores, ran = following, ran + 1
    return _scores(scaled(scores, options["scaler"])[0], ranIterations=ran, didConverge=converged)


def betweenness(view: GraphView, options: Mapping[str, Any]) -> Outcome:
    """The number of shortest paths through every node, each pair's paths counted as one in all.

    With ``samplingSize`` only paths from that many random nodes, scaled up to all.

    Source: Brandes 2001, "A faster algorithm for betweenness centrality", many sources at once.
    """
    size, wanted = view.size, options["samplingSize"]
    sources = np.arange(size)
    if wanted is not None and wanted < size:
        sources = np.random.default_rng(options["samplingSeed"]).choice(size, wanted, replace=False)
    total = np.zeros(size)
    back, forth = view.pattern.T.tocsr(), view.pattern
    for start in range(0, len(sources), BLOCK):
        total += _dependencies(back, forth, sources[start : start + BLOCK])
    if view.undirected:
        total /= 2
    if len(sources):
        total *= size / len(sources)
    return _scores(total)


def _dependencies(back: Any, forth: Any, sources: Ints) -> Floats:
    """Added up over the sources, float64, shape (n,): of each node, how much of the shortest paths goes through it."""
    size, count = back.shape[0], len(sources)
    columns = np.arange(count)
    paths = np.zeros((size, count))
    paths[sources, columns] = 1.0
    depth = np.full((size, count), -1, dtype=np.int32)
    depth[sources, columns] = 0
    frontier, level = paths.copy(), 0
    while frontier.any():
        level += 1
        frontier = back @ frontier
        frontier[depth >= 0] = 0.0
        depth[frontier > 0] = level
        paths += frontier
    share = np.zeros((size, count))
    safe = np.where(paths > 0, paths, 1.0)
    for one in range(level - 1, 0, -1):
        heard = forth @ np.where(depth == one + 1, (1 + share) / safe, 0.0)
        share += np.where(depth == one, heard * paths, 0.0)
    share[sources, columns] = 0.0
    return np.asarray(share.sum(axis=1))


def closeness(view: GraphView, options: Mapping[str, Any]) -> Outcome:
    """Closeness of each node: how many nodes reach it over the sum of their distances, 0 where none does.

    With ``useWassermanFaust`` times the share of all other nodes that reach it.

    Source: Wasserman, Faust 1994, page 201.
    """
    scores = np.zeros(view.size)
    for nodes, distances in _distances_to(view):
        reached = np.isfinite(distances).sum(axis=1) - 1.0
        far = np.where(np.isfinite(distances), distances, 0.0).sum(axis=1)
        scores[nodes] = np.divide(reached, far, out=np.zeros(len(nodes)), where=far > 0)
        if options["useWassermanFaust"] and view.size > 1:
            scores[nodes] *= reached / (view.size - 1)
    return _scores(scores)


def harmonic(view: GraphView, options: Mapping[str, Any]) -> Outcome:
    """Harmonic closeness of each node: the mean, over all others, of 1 / their distance to it.

    Source: Marchiori, Latora 2000.
    """
    scores = np.zeros(view.size)
    for nodes, distances in _distances_to(view):
        near = np.divide(1.0, distances, out=np.zeros_like(distances), where=distances > 0)
        scores[nodes] = near.sum(axis=1) / max(1, view.size - 1)
    return _scores(scores)


def _distances_to(view: GraphView) -> Any:
    """Blocks of nodes with the hops from everybody to each of them, float64, shape (block, n); inf where no way."""
    entering = view.pattern.T.tocsr()
    for start in range(0, view.size, BLOCK):
        nodes = np.arange(start, min(start + BLOCK, view.size))
        yield nodes, shortest_path(entering, method="D", unweighted=True, indices=nodes)
