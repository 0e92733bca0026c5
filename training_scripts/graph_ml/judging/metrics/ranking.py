"""How high the true partner stands among all candidates: filtered ranks, MRR, hits and AUC."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from ...graph.adjacency import arranged_by
from ...scratch import joined, room

IntArray = NDArray[np.int64]
Ranks = NDArray[np.float64]
Scores = NDArray[np.floating[Any]]

HITS = (1, 3, 10, 50)


@dataclass(frozen=True)
class Exclusions:
    """Candidates that do not take part, by query node: those of node i are ``indices[indptr[i]:indptr[i + 1]]``."""

    indptr: IntArray
    indices: IntArray

    @classmethod
    def from_edges(cls, num_nodes: int, edges: Iterable[tuple[IntArray, IntArray]]) -> Exclusions:
        """Leave out, for each source, all targets of these lists of (sources, targets)."""
        lists = list(edges)
        sources, targets = (joined([pair[side] for pair in lists], np.int64) for side in (0, 1))
        found = arranged_by(sources, targets, num_nodes, room)
        return cls(found.indptr, found.others)

    def pairs(self, queries: IntArray) -> tuple[IntArray, IntArray]:
        """Row of the query and candidate, int64 (m,) each, of every exclusion of these query nodes, (q,)."""
        counts = self.indptr[queries + 1] - self.indptr[queries]
        rows = np.repeat(np.arange(len(queries)), counts)
        within = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
        return rows, self.indices[np.repeat(self.indptr[queries], counts) + within]


def rank_of_true(scores: Scores, true: IntArray, excluded: tuple[IntArray, IntArray] | None = None) -> Ranks:
    """The rank of one candidate in each row, 1 the best; those that tie with it share the middle rank.

    A score that is not a number counts as the worst.

    Args:
        scores: higher is better, shape (b, n).
        true: the column of the true candidate, shape (b,).
        excluded: (rows, columns) that do not take part; the true candidate takes part even if it is listed.

    Returns:
        float64, shape (b,).
    """
    taking_part = np.ones(scores.shape, dtype=bool)
    if excluded is not None:
        taking_part[excluded] = False
    rows = np.arange(len(scores))
    taking_part[rows, true] = False
    clean = np.where(np.isnan(scores), -np.inf, scores)
    own = clean[rows, true][:, None]
    better = np.count_nonzero((clean > own) & taking_part, axis=1)
    equal = np.count_nonzero((clean == own) & taking_part, axis=1)
    return np.asarray(1.0 + better + equal / 2.0, dtype=np.float64)


def filtered_ranks(
    score: Callable[[IntArray], Scores],
    queries: IntArray,
    true: IntArray,
    exclusions: Exclusions | None = None,
    block: int = 64,
    exclude_self: bool = False,
) -> Ranks:
    """Ranks of true partners among all candidates, a block of queries at a time.

    Args:
        score: gives (b, n) scores of b query nodes against all n candidates, higher is better.
        queries: query nodes, shape (m,); may repeat.
        true: the true candidate of each, shape (m,).
        exclusions: candidates that do not take part, by query node.
        block: queries scored at once; memory is block times n scores.
        exclude_self: leave the query node out, for candidates of its own type.

    Returns:
        float64, shape (m,); see ``rank_of_true``.
    """
    ranks = np.empty(len(queries), dtype=np.float64)
    for begin in range(0, len(queries), block):
        part = queries[begin : begin + block]
        rows, columns = exclusions.pairs(part) if exclusions is not None else (part[:0], part[:0])
        if exclude_self:
            rows = np.concatenate([rows, np.arange(len(part))])
            columns = np.concatenate([columns, part])
        ranks[begin : begin + block] = rank_of_true(score(part), true[begin : begin + block], (rows, columns))
    return ranks


def mean_reciprocal_rank(ranks: Ranks) -> float:
    """Mean of 1/rank over ranks, (q,); NaN without ranks."""
    return float(np.mean(1.0 / ranks)) if len(ranks) else float("nan")


def ranks_clearly_better(ranks: npt.NDArray[np.float64], than: npt.NDArray[np.float64]) -> bool:
    """Whether one scorer's ranks of links give a higher MRR than another's, (n,) both, by more than the gap's noise.

    The noise is the standard error of the mean difference of reciprocal ranks, link by link.
    """
    gap = 1.0 / np.asarray(ranks) - 1.0 / np.asarray(than)
    if not len(gap):
        return False
    noise = float(gap.std(ddof=1)) / len(gap) ** 0.5 if len(gap) > 1 else 0.0
    return float(gap.mean()) > max(noise, 1e-12)


def error_of_ranks(ranks: Ranks, metric: str) -> float | None:
    """The standard error of ``mrr`` or ``hits@k`` of ranks, (q,); None of other metrics, or of fewer than two ranks."""
    name, _, k = metric.partition("@")
    if len(ranks) < 2 or name not in ("mrr", "hits"):
        return None
    each = ranks <= int(k) if name == "hits" else 1.0 / ranks
    return float(np.std(each, ddof=1) / len(ranks) ** 0.5)


def hits_at(ranks: Ranks, k: int) -> float:
    """Share of ranks, (q,), that are k or better; NaN without ranks."""
    return float(np.mean(ranks <= k)) if len(ranks) else float("nan")


def auc(positive: Scores, negative: Scores) -> float:
    """The probability that a positive scores above a negative, ties counting half; NaN if either is empty.

    Scores are floats, (p,) of positives and (n,) of negatives.

    Source: the Mann-Whitney statistic, from average ranks.
    """
    if not len(positive) or not len(negative):
        return float("nan")
    ordered = np.sort(negative)
    below = np.searchsorted(ordered, positive, side="left").astype(np.float64)
    not_above = np.searchsorted(ordered, positive, side="right").astype(np.float64)
    return float(np.mean((below + not_above) / 2.0) / len(negative))


def ranking_metrics(ranks: Ranks, positive: Scores | None = None, negative: Scores | None = None) -> dict[str, float]:
    """mrr, hits@1, 3, 10, 50 and mean_rank of ranks, (q,); auc too where scores, floats (p,) and (n,), are given."""
    figures = {"mrr": mean_reciprocal_rank(ranks)}
    figures.update({f"hits@{k}": hits_at(ranks, k) for k in HITS})
    figures["mean_rank"] = float(np.mean(ranks)) if len(ranks) else float("nan")
    if positive is not None and negative is not None:
        figures["auc"] = auc(positive, negative)
    return figures
