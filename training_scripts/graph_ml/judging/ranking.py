"""Filtered ranking of true links against all candidates, in blocks, for several scorers in one pass."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ..distinct import among_sorted, distinct
from ..graph.data import Times
from ..links import LinkProblem, Pairs, codes
from ..pairs import FLOORS
from ..pairs.graph import Ints
from .metrics import auc, rank_of_true, ranking_metrics

Matrix = npt.NDArray[np.float32]
#: queries that are scored at once, and scores, where each has very many candidates
QUERIES, CELLS = 64, 1 << 23
#: (query nodes, predict_heads) → scorer name → scores (queries, candidates)
Scores = Callable[[Ints, bool], dict[str, Matrix]]


@dataclass
class Ranking:
    """What one pass gives: by scorer, the rank of every query and the scores of links and of pairs without a link.

    ``queries`` are the vertices that were asked about, in the order of the ranks, shape (2 · links,).
    """

    ranks: dict[str, npt.NDArray[np.float64]] = field(default_factory=dict)
    positive: dict[str, npt.NDArray[np.float64]] = field(default_factory=dict)
    negative: dict[str, npt.NDArray[np.float64]] = field(default_factory=dict)
    queries: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    def without_floors(self, kept: Collection[str]) -> Ranking:
        """The same without the floors (their names are those of ``FLOORS``, or end so) that are not among ``kept``."""
        ranks = {n: r for n, r in self.ranks.items() if n in kept or n.rpartition(".")[2] not in FLOORS}
        return Ranking(ranks, self.positive, self.negative, self.queries)

    def metrics(self) -> dict[str, dict[str, float]]:
        """Figures by scorer: mrr, hits@k, mean_rank, and auc where pairs without a link were scored."""
        figures = {}
        for name, ranks in self.ranks.items():
            figures[name] = ranking_metrics(ranks)
            if name in self.negative:
                figures[name]["auc"] = auc(self.positive[name], self.negative[name])
        return figures


def ranks_of(rankings: Mapping[int, Ranking], names: str | Sequence[str]) -> npt.NDArray[np.float64]:
    """The ranks that a scorer gives in all rankings, one after the other, (queries,).

    Args:
        rankings: by position of the problem.
        names: the scorer, or that of each problem.
    """
    found = [one.ranks[names if isinstance(names, str) else names[place]] for place, one in rankings.items()]
    return np.concatenate(found)


def sample(pairs: Pairs, most: int, seed: int) -> Pairs:
    """At most so many pairs, drawn without replacement, in their old order."""
    if len(pairs) <= most:
        return pairs
    chosen = np.random.default_rng(seed).choice(len(pairs), size=most, replace=False)
    return pairs[np.sort(chosen)]


def shares(parts: Sequence[Pairs], most: int) -> list[int]:
    """How many links of each part to draw so that together they are about ``most``, in proportion to their sizes."""
    total = sum(len(part) for part in parts)
    return [min(len(part), -(-most * len(part) // total)) if total else 0 for part in parts]


def non_links(problem: LinkProblem, known: Pairs, number: int, seed: int, times: Times | None = None) -> Pairs:
    """Uniform pairs of the right types that are none of the known links; fewer where hardly any exist.

    Where links that they stand beside have ``times``, float64, both vertices were there at one of these in turn.
    """
    rng = np.random.default_rng(seed)
    sources, targets = problem.candidates(predict_heads=True), problem.candidates(predict_heads=False)
    linked = distinct(codes(known, problem.space.total, ordered=problem.directed))
    found = [Pairs(np.empty(0, np.int64), np.empty(0, np.int64))]
    missing = number
    for _ in range(20):
        drawn = Pairs(
            rng.integers(sources.start, sources.stop, 2 * missing),
            rng.integers(targets.start, targets.stop, 2 * missing),
        )
        free = ~among_sorted(codes(drawn, problem.space.total, ordered=problem.directed), linked)
        free &= ~np.isin(drawn.source, problem.gone) & ~np.isin(drawn.target, problem.gone)
        if problem.born is not None and times is not None and len(times):
            when = np.resize(times, len(drawn))
            for end in (drawn.source, drawn.target):
                free &= ~problem.unborn(problem.born[end], when)
        fresh = drawn[free & (drawn.source != drawn.target)][:missing]
        found.append(fresh)
        missing -= len(fresh)
        if missing <= 0:
            break
    return Pairs.join(found)


def hide_unborn(
    problem: LinkProblem, times: Times | None, links: Ints, scores: Matrix, true: Ints, candidates: slice
) -> None:
    """Set the scores of candidates that came after a link to −inf, in place, but for its own end.

    Args:
        problem: knows when vertices came to be.
        times: of all links, float64, None in a random split.
        links: which of them the rows are about, (b,).
        scores: float32 (b, candidates).
        true: the column of the own end of each, (b,).
        candidates: their numbers.
    """
    if problem.born is None or times is None:
        return
    late = problem.unborn(problem.born[candidates][None, :], times[links][:, None])
    late[np.arange(len(late)), true] = False
    scores[late] = -np.inf


def rank_links(
    problem: LinkProblem,
    scores: Scores,
    positives: Pairs,
    known: Pairs,
    negatives: Pairs | None = None,
    tick: Callable[[int, int], None] | None = None,
) -> Ranking:
    """Rank both ends of each link among all candidates.

    Left out are the query node itself, vertices that are gone or came after the link, and the other ends of ``known``
    links; ties are averaged. A pair's score for AUC is the mean of both directions.

    Args:
        problem: candidates and direction.
        scores: scorers; called once for each block of distinct query nodes: int64 (b,) to float32 (b, candidates).
        positives: links to rank.
        known: links whose ends do not compete.
        negatives: pairs without a link, for AUC.
        tick: called with (queries done, queries).

    Source: protocol of Bordes et al. 2013, both directions, all candidates.
    """
    result = Ranking(queries=np.concatenate([positives.source, positives.target]))
    pairs = positives if negatives is None else Pairs.join([positives, negatives])
    totals: dict[str, npt.NDArray[np.float64]] = {}
    for predict_heads in (False, True):
        turned = pairs.turned() if predict_heads else pairs
        exclusions = problem.known(known, predict_heads)
        first, gone = problem.candidates(predict_heads).start, problem.gone_among(predict_heads)
        order = np.argsort(turned.source, kind="stable")
        queries, starts = np.unique(turned.source[order], return_index=True)
        ends = np.append(starts[1:], len(order))
        candidates = problem.candidates(predict_heads)
        at_once = max(1, min(QUERIES, CELLS // max(1, candidates.stop - candidates.start)))
        for begin in range(0, len(queries), at_once):
            part = slice(begin, begin + at_once)
            members = order[starts[part][0] : ends[part][-1]]
            row = np.repeat(np.arange(len(queries[part])), ends[part] - starts[part])
            column = turned.target[members] - first
            ranked = members < len(positives)
            for name, block in scores(queries[part], predict_heads).items():
                own = totals.setdefault(name, np.zeros(len(pairs)))
                own[members] += 0.5 * block[row, column]
                ranks = result.ranks.setdefault(name, np.empty(2 * len(positives)))
                every = np.flatnonzero(ranked)
                for some in (every[start : start + at_once] for start in range(0, len(every), at_once)):
                    chosen, asked = block[row[some]], turned.source[members[some]]
                    chosen[:, gone] = -np.inf
                    hide_unborn(problem, positives.time, members[some], chosen, column[some], candidates)
                    rows, columns = exclusions.pairs(asked)
                    if problem.homogeneous:
                        rows = np.concatenate([rows, np.arange(len(chosen))])
                        columns = np.concatenate([columns, asked - first])
                    ranks[members[some] + predict_heads * len(positives)] = rank_of_true(
                        chosen, column[some], (rows, columns)
                    )
            if tick is not None:
                tick(begin + len(queries[part]) + predict_heads * len(queries), 2 * len(queries))
    for name, values in totals.items():
        if negatives is not None:
            result.positive[name] = values[: len(positives)]
            result.negative[name] = values[len(positives) :]
    return result
