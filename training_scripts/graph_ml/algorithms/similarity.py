"""Pairs of nodes that are alike: by their properties, or by their neighbours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from scipy import sparse

from ..container import JobError
from ..projections import Floats, GraphView, Ints
from .outcome import Outcome, distribution

BLOCK_CELLS: Final = 1 << 23  # of a block of similarities at once

Metric = Callable[[Floats, Floats], Any]
"""Similarities of b rows with n rows, float64, shape (b, n)."""


def _unit(rows: Floats) -> Floats:
    lengths = np.linalg.norm(rows, axis=1)
    return rows / np.where(lengths == 0, 1.0, lengths)[:, None]


def _cosine(some: Floats, others: Floats) -> Any:
    return (_unit(some) @ _unit(others).T + 1) / 2


def _pearson(some: Floats, others: Floats) -> Any:
    return _cosine(some - some.mean(axis=1, keepdims=True), others - others.mean(axis=1, keepdims=True))


def _euclidean(some: Floats, others: Floats) -> Any:
    squares = (some**2).sum(axis=1)[:, None] + (others**2).sum(axis=1)[None, :] - 2 * some @ others.T
    return 1 / (1 + np.sqrt(np.maximum(squares, 0)))


def _scalar(some: Floats, others: Floats) -> Any:
    return 1 / (1 + np.abs(some - others.T))


def _sets(rows: Floats) -> Any:
    codes, places = np.unique(rows, return_inverse=True)
    owners = np.repeat(np.arange(len(rows)), rows.shape[1])
    found = sparse.coo_matrix((np.ones(rows.size), (owners, places.ravel())), shape=(len(rows), len(codes))).tocsr()
    found.data[:] = 1.0
    return found


def _overlapping(share: Callable[[Floats, Floats, Floats], Floats]) -> Metric:
    def metric(some: Floats, others: Floats) -> Floats:
        both = _sets(np.concatenate([some, others]))
        left, right = both[: len(some)], both[len(some) :]
        common = (left @ right.T).toarray()
        sizes = np.asarray(left.sum(axis=1)).ravel()[:, None], np.asarray(right.sum(axis=1)).ravel()[None, :]
        return share(common, *sizes)

    return metric


METRICS: Final[dict[str, Metric]] = {
    "COSINE": _cosine,
    "PEARSON": _pearson,
    "EUCLIDEAN": _euclidean,
    "JACCARD": _overlapping(lambda common, left, right: common / np.maximum(left + right - common, 1)),
    "OVERLAP": _overlapping(lambda common, left, right: common / np.maximum(np.minimum(left, right), 1)),
    "SCALAR": _scalar,
}


def _metrics(view: GraphView, given: Any) -> list[tuple[Floats, Metric]]:
    """The values and the metric of each property: as it is named, else by the kind of its values."""
    if isinstance(given, str):
        named: dict[str, str] = {given: "DEFAULT"}
    elif isinstance(given, Mapping):
        named = {str(name): str(metric) for name, metric in given.items()}
    else:
        named = {}
        for one in given:
            named.update(one if isinstance(one, Mapping) else {one: "DEFAULT"})
    found = []
    for name, word in named.items():
        values = np.asarray(view.properties[name])
        usual = "SCALAR" if values.ndim == 1 else "JACCARD" if values.dtype.kind == "i" else "COSINE"
        metric = usual if word.upper() == "DEFAULT" else word.upper()
        if metric not in METRICS or (metric == "SCALAR") != (values.ndim == 1):
            raise JobError(f"The property `{name}` cannot be compared by {word}; there are {', '.join(METRICS)}")
        found.append((values.astype(np.float64).reshape(view.size, -1), METRICS[metric]))
    return found


def k_nearest(view: GraphView, options: Mapping[str, Any]) -> Outcome:
    """The most similar other nodes of every node, by the mean over properties.

    The search is exact, block by block: options of an approximate search are understood and change nothing.
    """
    metrics = _metrics(view, options["nodeProperties"])
    most, size = min(options["topK"], max(0, view.size - 1)), view.size
    sources: list[Ints] = []
    targets: list[Ints] = []
    values: list[Floats] = []
    step = max(1, BLOCK_CELLS // max(1, size))
    for start in range(0, size if most else 0, step):
        block = slice(start, min(start + step, size))
        similar = sum((metric(rows[block], rows) for rows, metric in metrics), np.zeros(1)) / len(metrics)
        similar[np.arange(block.stop - start), np.arange(start, block.stop)] = -1.0
        _keep_best(similar, start, most, options["similarityCutoff"], sources, targets, values)
    pairs = (_joined(sources, np.int64), _joined(targets, np.int64), _joined(values, np.float64))
    summary = {"ranIterations": 1, "didConverge": True, "nodePairsConsidered": size * max(0, size - 1)}
    return _pairs(view, *pairs, {**summary, "nodesCompared": size})


def _joined(parts: list[Any], kind: Any) -> Any:
    return np.concatenate(parts) if parts else np.zeros(0, dtype=kind)


def _keep_best(
    similar: Floats,
    start: int,
    most: int,
    cutoff: float,
    sources: list[Ints],
    targets: list[Ints],
    values: list[Floats],
) -> None:
    order = np.argsort(-similar, axis=1, kind="stable")[:, :most]
    best = np.take_along_axis(similar, order, axis=1)
    kept = (best >= cutoff) & (best >= 0)
    rows = np.broadcast_to(np.arange(start, start + len(similar))[:, None], order.shape)
    sources.append(rows[kept])
    targets.append(order[kept])
    values.append(best[kept])


def _pairs(view: GraphView, source: Ints, target: Ints, values: Floats, summary: dict[str, Any]) -> Outcome:
    columns = {"node1": view.ids[source], "node2": view.ids[target], "similarity": values}
    return Outcome(columns, {**summary, "similarityDistribution": distribution(values, spread=True)})


def node_similarity(view: GraphView, options: Mapping[str, Any]) -> Outcome:
    """Nodes whose relationships lead to the same nodes.

    Source: Jaccard 1912 (and the overlap coefficient) of the sets of targets; with weights min over max.
    """
    degrees = np.diff(view.pattern.indptr)
    fits = (degrees >= options["degreeCutoff"]) & (degrees <= options["upperDegreeCutoff"])
    compared = np.flatnonzero(fits)
    links = view.pattern[compared]
    sizes = degrees[compared].astype(np.float64)
    sources: list[Ints] = []
    targets: list[Ints] = []
    values: list[Floats] = []
    step = max(1, BLOCK_CELLS // max(1, len(compared)))
    lowest = options["bottomK"] < 10 and options["topK"] == 10
    for start in range(0, len(compared), step):
        common = (links[start : start + step] @ links.T).tocoo()
        row, column, shared = common.row + start, common.col, common.data
        apart = row != column
        row, column, shared = row[apart], column[apart], shared[apart]
        similar = _shares(options["similarityMetric"], shared, sizes[row], sizes[column])
        kept = similar >= max(options["similarityCutoff"], 1e-300)
        row, column, similar = row[kept], column[kept], similar[kept]
        order = np.lexsort((column, similar if lowest else -similar, row))
        row, column, similar = row[order], column[order], similar[order]
        rank = np.arange(len(row)) - np.searchsorted(row, row)
        first = rank < (options["bottomK"] if lowest else options["topK"])
        sources.append(compared[row[first]])
        targets.append(compared[column[first]])
        values.append(similar[first])
    pairs = (_joined(sources, np.int64), _joined(targets, np.int64), _joined(values, np.float64))
    most = options["topN"] or options["bottomN"]
    if most:
        order = np.argsort(-pairs[2] if options["topN"] else pairs[2], kind="stable")[:most]
        pairs = (pairs[0][order], pairs[1][order], pairs[2][order])
    return _pairs(view, *pairs, {"nodesCompared": len(compared)})


def _shares(metric: str, shared: Floats, left: Floats, right: Floats) -> Floats:
    if metric == "OVERLAP":
        return shared / np.minimum(left, right)
    if metric == "COSINE":
        return shared / np.sqrt(left * right)
    return shared / (left + right - shared)
