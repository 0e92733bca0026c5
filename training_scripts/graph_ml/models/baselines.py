"""Plain answers about classes and numbers, which a model gives where they are better than its network's.

Numpy alone. What they learned is a few arrays; how they are fitted is told by ``judging/floors``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..pairs.graph import Floats, Ints

Array = npt.NDArray[Any]
Doubles = npt.NDArray[np.float64]
#: rows of features that are answered at once
STRIPE = 8192


@dataclass(frozen=True)
class Asked:
    """What is known of vertices or edges that are asked about.

    Args:
        ends: numbers of the vertices that make up an item, −1 for one that training did not know, (n, 1) or (n, 2).
        features: of the item and of its ends side by side, (n, d).
        neighbours: of each vertex that is asked about, numbers of those known; none where edges are asked about.
    """

    ends: Ints
    features: Floats
    neighbours: tuple[Ints, ...] = ()


@dataclass(frozen=True)
class Baseline:
    """One baseline, fitted.

    Args:
        kind: a name in ``FORMULAS``.
        labels: ``class``, ``classes`` (several at once) or ``number``.
        arrays: what it has learned; every kind has ``mean``, the mean answer in training, (outputs,), and ``seen``,
            the number of items in training, (1,). Where its probabilities were calibrated there are ``slope`` and
            ``offset``, (1,) each, of their logits.
    """

    kind: str
    labels: str
    arrays: Mapping[str, Array]

    def __call__(self, asked: Asked) -> Doubles:
        """Probabilities (n, classes), or numbers (n, 1)."""
        return self.calibrated(self.raw(asked))

    def raw(self, asked: Asked) -> Doubles:
        """Answers before they are calibrated, (n, outputs)."""
        return FORMULAS[self.kind](self, asked)

    def calibrated(self, raw: Doubles) -> Doubles:
        """Probabilities that are as often right as they say, of raw ones: float64, (n, classes) both."""
        if "slope" not in self.arrays:
            return raw
        slope, offset = (float(self.arrays[name][0]) for name in ("slope", "offset"))
        return finished(self.labels, slope * logits(self.labels, raw) + offset)

    def unsure(self, answers: Doubles) -> Doubles:
        """Answers of which no probability is nearer to 0 or 1 than n agreements of n tell: float64, (n, outputs) both.

        Source: Laplace's rule of succession, (n + 1) / (n + 2).
        """
        least = 1 / (float(self.arrays["seen"][0]) + 2)
        if self.labels == "number" or not len(answers):
            return answers
        if self.labels == "classes" or answers.shape[1] < 2:
            return np.clip(answers, least, 1 - least)
        result, rows = answers.astype(np.float64), np.arange(len(answers))
        top = result.argmax(axis=1)
        sure = result[rows, top] > 1 - least
        rest = result[sure]
        rest[np.arange(len(rest)), top[sure]] = 0.0
        left = rest.sum(axis=1, keepdims=True)
        even = np.full_like(rest, 1 / (rest.shape[1] - 1))
        even[np.arange(len(rest)), top[sure]] = 0.0
        rest = least * np.where(left > 0, rest / np.where(left > 0, left, 1.0), even)
        rest[np.arange(len(rest)), top[sure]] = 1 - least
        result[sure] = rest
        return result

    @property
    def reads_features(self) -> bool:
        """Whether features of items take part."""
        return self.kind in ("linear", "trees")


def constant(baseline: Baseline, asked: Asked) -> Doubles:
    """The mean answer, float64 (n, outputs)."""
    return np.tile(baseline.arrays["mean"], (len(asked.ends), 1))


def linear(baseline: Baseline, asked: Asked) -> Doubles:
    """Answers (n, outputs) of features by ``weights`` (outputs, d), ``bias``, and ``centre``, ``scale`` (d,)."""
    weights, bias = baseline.arrays["weights"], baseline.arrays["bias"]
    return _striped(baseline, asked, lambda x: x.astype(np.float64) @ weights.T + bias)


def trees(baseline: Baseline, asked: Asked) -> Doubles:
    """Answers (n, outputs) by sums over boosted trees, from the constant ``bias`` (outputs,).

    All nodes of all trees stand one after the other: ``column``, ``threshold``, ``left``, ``right`` (children, −1 for
    a leaf) and ``value``; ``roots`` are the first nodes, ``outputs`` says which output each tree adds to.
    """
    kept = baseline.arrays

    def summed(x: Floats) -> Doubles:
        result = np.tile(kept["bias"].astype(np.float64), (len(x), 1))
        rows = np.arange(len(x))
        for root, output in zip(kept["roots"].tolist(), kept["outputs"].tolist(), strict=True):
            place = np.full(len(x), root)
            while (inner := kept["left"][place] >= 0).any():
                low = x[rows, kept["column"][place]] <= kept["threshold"][place]
                place = np.where(inner, np.where(low, kept["left"][place], kept["right"][place]), place)
            result[:, output] += kept["value"][place]
        return result

    return _striped(baseline, asked, summed)


def propagated(baseline: Baseline, asked: Asked) -> Doubles:
    """Answers (n, outputs) passed on along edges: those of a vertex, of a new one those of its neighbours.

    ``answers`` (vertices, outputs) are of vertices, or where edges are learned what a vertex says of its edges;
    ``share`` (1,) comes from neighbours, the rest from the mean.
    """
    answers, mean, share = baseline.arrays["answers"], baseline.arrays["mean"], float(baseline.arrays["share"][0])
    if asked.ends.shape[1] == 2:
        said = np.where((asked.ends >= 0)[:, :, None], answers[asked.ends], mean).mean(axis=1)
        return np.asarray(share * said + (1 - share) * mean)
    result = np.where(asked.ends >= 0, answers[asked.ends[:, 0]], mean).astype(np.float64)
    for row in np.flatnonzero(asked.ends[:, 0] < 0):
        around = asked.neighbours[row] if len(asked.neighbours) else ()
        if len(around):
            result[row] = share * answers[around].mean(axis=0) + (1 - share) * mean
    return result


def bias(baseline: Baseline, asked: Asked) -> Doubles:
    """Numbers (n, 1): mean + ``given`` of the source + ``got`` of the target, (vertices,) each; 0 for new vertices."""
    given, got = (
        np.where(asked.ends[:, place] >= 0, baseline.arrays[name][asked.ends[:, place]], 0.0)
        for place, name in enumerate(("given", "got"))
    )
    return np.asarray(baseline.arrays["mean"] + given + got)[:, None]


FORMULAS: Mapping[str, Callable[[Baseline, Asked], Doubles]] = {
    "constant": constant,
    "linear": linear,
    "trees": trees,
    "propagated": propagated,
    "bias": bias,
}


def _striped(baseline: Baseline, asked: Asked, raw: Callable[[Floats], Doubles]) -> Doubles:
    """Answers from outputs of standardised features, some rows at a time: a copy of all would be as large as they."""
    centre, scale = baseline.arrays["centre"], baseline.arrays["scale"]
    parts = [np.empty((0, len(baseline.arrays["bias"])))]
    for start in range(0, len(asked.features), STRIPE):
        outputs = raw(((asked.features[start : start + STRIPE] - centre) / scale).astype(np.float32))
        parts.append(finished(baseline.labels, outputs))
    return np.concatenate(parts)


def logits(labels: str, probabilities: Doubles) -> Doubles:
    """Outputs of which ``finished`` makes these probabilities: float64, (n, classes) both; those of 0 are infinite."""
    with np.errstate(divide="ignore"):
        known = np.log(probabilities)
        return np.asarray(known - np.log1p(-probabilities) if labels == "classes" else known)


def finished(labels: str, outputs: Doubles) -> Doubles:
    """Probabilities, or the numbers as they are, of outputs: float64, (n, outputs) both."""
    if labels == "number":
        return outputs
    if labels == "classes":
        return np.asarray(1 / (1 + np.exp(-np.clip(outputs, -700, 700))))
    shifted = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))
