"""How good a link model is: against the floors, on validation and test links, ranked among all candidates."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ..artifacts import ModelWriter
from ..links import LinkProblem, Pairs
from ..models.link_scorers import Calibration
from ..pairs import FLOORS
from ..pairs.graph import Floats, Ints
from ..training.links.trained import TrainedLinks, shares
from ..training.trial import Trial
from .metrics import ranking_metrics
from .ranking import Ranking, non_links, rank_links, sample

TEST_EDGES = 1500


@dataclass
class Judged:
    """Figures by split, of the model and of the floors; a calibration for each problem; notes for people."""

    splits: dict[str, dict[str, float]] = field(default_factory=dict)
    floors: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)
    calibrations: list[Calibration] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def judge(trial: Trial, problems: list[LinkProblem], trained: TrainedLinks, writer: ModelWriter) -> Judged:
    """Rank validation links, let the model settle, then rank test links; print the validation figures.

    Filtered: other true links of any split do not compete. At most ``eval_edges`` validation and 1,500 test links are
    drawn, from all problems in proportion.
    """
    judged = Judged()
    chosen: dict[int, str] = {}
    judged.calibrations = [Calibration() for _ in problems]
    for split in ("valid", "test"):
        rankings = []
        links = [problem.valid if split == "valid" else problem.test for problem in problems]
        most = shares(links, trial.settings.eval_edges if split == "valid" else TEST_EDGES)
        for position, problem in enumerate(problems):
            positives = sample(links[position], most[position], trial.settings.seed)
            if not len(positives) or (split == "test" and position not in chosen):
                continue  # no links of this edge type to judge by, or none of the split at all
            ranking = rank_split(trial, problem, trained, position, positives, split)
            if split == "valid":
                name, ranks = trained.settle(position, ranking)
                chosen[position] = name
                judged.calibrations[position] = Calibration.fit(ranking.positive[name], ranking.negative[name])
                ranking.ranks["model"] = ranks
            else:
                ranking.ranks["model"] = ranking.ranks[chosen[position]]
            for scores in (ranking.positive, ranking.negative):
                scores["model"] = scores[chosen[position]]
            rankings.append(ranking)
        if not rankings:
            continue
        figures = combined(rankings)
        judged.splits[split] = figures.pop("model")
        judged.floors[split] = {name: figures[name] for name in FLOORS}
        writer.array(f"report/{split}_ranks", np.concatenate([ranking.ranks["model"] for ranking in rankings]))
        if split == "valid":
            trial.measured(judged.splits[split], 1, 1)
    for split, values in judged.splits.items():
        trial.container.log(table(split, {"model": values, **judged.floors[split]}))
    judged.notes = [
        "ranked among all candidates of the partner's type, both directions, ties averaged; other true links left out",
        f"at most {trial.settings.eval_edges} validation and {TEST_EDGES} test links",
        *trained.notes,
    ]
    return judged


def rank_split(
    trial: Trial, problem: LinkProblem, trained: TrainedLinks, position: int, positives: Pairs, split: str
) -> Ranking:
    """Ranks of some of one split's links."""

    def scores(sources: Ints, heading: bool) -> dict[str, Floats]:
        return trained.all_scores(position, sources, heading)

    def tick(step: int, total: int) -> None:
        trial.tell(f"ranking {'validation' if split == 'valid' else 'test'} links", step, total)

    negatives = non_links(problem, len(positives), trial.settings.seed + 1)
    return rank_links(problem, scores, positives, problem.everything, negatives, tick)


def combined(rankings: list[Ranking]) -> dict[str, dict[str, float]]:
    """Figures over the queries of all problems; auc is the mean over problems, weighted by their queries."""
    figures: dict[str, dict[str, float]] = {}
    names = set.intersection(*(set(ranking.ranks) for ranking in rankings)) if rankings else set()
    for name in names:
        ranks: npt.NDArray[np.float64] = np.concatenate([ranking.ranks[name] for ranking in rankings])
        figures[name] = {key: value for key, value in ranking_metrics(ranks).items() if not np.isnan(value)}
        parts = [(r.metrics()[name].get("auc", np.nan), len(r.ranks[name])) for r in rankings]
        known = [(value, weight) for value, weight in parts if weight and not np.isnan(value)]
        if known:
            figures[name]["auc"] = float(np.average([v for v, _ in known], weights=[w for _, w in known]))
    return figures


def table(split: str, rows: dict[str, dict[str, float]]) -> str:
    """Figures as a plain table for the log."""
    shown = ("mrr", "hits@1", "hits@10", "hits@50", "auc")
    lines = [f"{split:<14}" + "".join(f"{name:>9}" for name in shown)]
    for name, values in rows.items():
        lines.append(f"{name:<14}" + "".join(f"{values.get(column, float('nan')):>9.4f}" for column in shown))
    return "\n".join(lines)
