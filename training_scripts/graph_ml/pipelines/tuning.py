"""Trials of candidates, their scores over folds, and which one wins."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ..projections import Floats, Ints
from ..schemas.catalog.pipelines import CANDIDATES, LOWER_IS_BETTER, Candidate, PipelineKind
from .candidates import Trained, trained

LEAST_LOGARITHM: Final = 1e-20
OUT_OF_BAG: Final = "OUT_OF_BAG_ERROR"

Scores = dict[str, float]
Score = Callable[[str, Trained, Floats, Any], float]
"""One metric of a trained candidate on rows and their targets."""


def trials(
    kind: PipelineKind, candidates: Sequence[Candidate], most: int, random: np.random.Generator
) -> list[Candidate]:
    """All candidates without ranges, then ``most`` samples of those with ranges; only the first where none has any."""
    fixed = [one for one in candidates if not one.ranges]
    ranged = [one for one in candidates if one.ranges]
    if not ranged:
        return fixed
    return fixed + [_sampled(kind, ranged[int(random.integers(len(ranged)))], random) for _ in range(most)]


def _sampled(kind: PipelineKind, candidate: Candidate, random: np.random.Generator) -> Candidate:
    table = CANDIDATES[kind][candidate.method]
    options = dict(candidate.options)
    for name, (low, high) in candidate.ranges.items():
        if table[name].kind == "integer":
            options[name] = int(random.integers(int(low), max(int(high), int(low) + 1)))
        elif table[name].tunable == "log":
            ends = np.log(np.maximum([low, high], LEAST_LOGARITHM))
            options[name] = float(np.exp(random.uniform(*ends)))
        else:
            options[name] = float(random.uniform(low, high))
    return Candidate(method=candidate.method, options=options)


@dataclass(frozen=True)
class Selection:
    """The outcome of a search.

    Attributes:
        tried: the trials.
        scores: of each trial, by metric, of each fold on the validation rows and on the training rows.
        best: the place of the winner.
    """

    tried: list[Candidate]
    scores: list[dict[str, dict[str, list[float]]]]
    best: int

    @property
    def winner(self) -> Candidate:
        """The trial with the best mean score."""
        return self.tried[self.best]

    def statistics(self) -> dict[str, Any]:
        """What ``modelSelectionStats`` shows."""
        shown = [
            {"parameters": parameters_of(trial), "metrics": {name: _spread(parts) for name, parts in scores.items()}}
            for trial, scores in zip(self.tried, self.scores, strict=True)
        ]
        return {"bestParameters": parameters_of(self.winner), "bestTrial": self.best + 1, "modelCandidates": shown}


def parameters_of(candidate: Candidate) -> dict[str, Any]:
    """The options of a candidate beside the name of its method."""
    return {"methodName": candidate.method, **candidate.options}


def _spread(parts: Mapping[str, list[float]]) -> dict[str, dict[str, float]]:
    return {
        part: {"avg": float(np.mean(values)), "max": float(np.max(values)), "min": float(np.min(values))}
        for part, values in parts.items()
        if values
    }


def select(
    tried: list[Candidate],
    metrics: Sequence[str],
    features: Floats,
    targets: Ints | Floats,
    classes: int,
    parts: Sequence[tuple[Ints, Ints]],
    score: Score,
    random: np.random.Generator,
    report: Callable[[int, int], None],
) -> Selection:
    """Train every trial on every fold; the best mean validation score of the first metric wins, of equals the first.

    Args:
        features: float64, shape (rows, width).
        targets: shape (rows,).
        parts: rows to train on and rows to validate on, for each fold.
        report: told how many of how many trainings are done.
    """
    scores: list[dict[str, dict[str, list[float]]]] = []
    for place, trial in enumerate(tried):
        found: dict[str, dict[str, list[float]]] = {name: {"validation": [], "train": []} for name in metrics}
        for fold, (learnt, held) in enumerate(parts):
            model = trained(trial.method, trial.options, features[learnt], targets[learnt], classes, random.spawn(1)[0])
            for name in metrics:
                if name == OUT_OF_BAG:
                    if model.out_of_bag is not None:
                        found[name]["validation"].append(model.out_of_bag)
                    continue
                found[name]["validation"].append(score(name, model, features[held], targets[held]))
                found[name]["train"].append(score(name, model, features[learnt], targets[learnt]))
            report(place * len(parts) + fold + 1, len(tried) * len(parts))
        scores.append(found)
    main = metrics[0]
    sign = -1 if main in LOWER_IS_BETTER else 1
    means = [sign * float(np.mean(one[main]["validation"] or [-sign * np.inf])) for one in scores]
    return Selection(tried, scores, int(np.argmax(means)))
