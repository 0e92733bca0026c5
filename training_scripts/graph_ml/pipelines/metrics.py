"""What candidates are judged by."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from ..container import JobError
from ..projections import Floats, Ints
from ..schemas.catalog.pipelines import CLASS_METRICS, CLASS_METRICS_OF_ONE, LINK_METRICS, REGRESSION_METRICS

OF_A_CLASS = re.compile(r"(\w+)\s*\(\s*class\s*=\s*(\*|-?\d+)\s*\)", re.IGNORECASE)


def area_under_precision_recall(labels: Ints, scores: Floats, negative_weight: float = 1.0) -> float:
    """The area under precision over recall by trapezoids, from (0, 1) on; every score is a threshold.

    Args:
        labels: 1 for positives, int64, shape (rows,).
        scores: float64, shape (rows,).
        negative_weight: how often a negative counts.
    """
    positives = int((labels == 1).sum())
    if not positives:
        return 0.0
    order = np.argsort(-scores, kind="stable")
    last = np.append(scores[order][1:] != scores[order][:-1], True)  # of those with one score
    hits = np.cumsum(labels[order] == 1)[last].astype(np.float64)
    misses = np.cumsum(labels[order] != 1)[last] * negative_weight
    precision = np.concatenate([[1.0], hits / (hits + misses)])
    recall = np.concatenate([[0.0], hits / positives])
    return float(np.trapezoid(precision, recall))


def metric_names(given: Sequence[str], kind: str, classes: Ints | None = None) -> list[str]:
    """Names of metrics as results show them, ``F1(class=*)`` written out for every class. Raises JobError.

    Args:
        classes: class numbers, int64, shape (classes,).
    """
    known = {"linkPrediction": LINK_METRICS, "nodeClassification": CLASS_METRICS, "nodeRegression": REGRESSION_METRICS}
    found: list[str] = []
    for name in given:
        of_one = OF_A_CLASS.fullmatch(name.strip())
        if kind == "nodeClassification" and of_one and of_one[1].upper() in CLASS_METRICS_OF_ONE:
            numbers = [] if classes is None else classes.tolist()
            wanted = numbers if of_one[2] == "*" else [int(of_one[2])]
            found += [f"{of_one[1].upper()}(class={one})" for one in wanted]
        elif name.upper() in known[kind]:
            found.append(name.upper())
        else:
            raise JobError(f"Unknown metric `{name}`; there are {', '.join(known[kind])}")
    return list(dict.fromkeys(found))


def class_score(name: str, labels: Ints, predicted: Ints) -> float:
    """One metric of predicted classes, shapes (rows,)."""
    of_one = OF_A_CLASS.fullmatch(name)
    if of_one:
        return _of_a_class(of_one[1], labels == int(of_one[2]), predicted == int(of_one[2]))
    if name == "ACCURACY":
        return float((labels == predicted).mean()) if len(labels) else 0.0
    classes, counts = np.unique(labels, return_counts=True)
    scores = np.array([_of_a_class("F1", labels == one, predicted == one) for one in classes])
    if not len(scores):
        return 0.0
    return float(scores.mean() if name == "F1_MACRO" else (scores * counts).sum() / counts.sum())


def _of_a_class(name: str, labels: np.ndarray, predicted: np.ndarray) -> float:
    both = float((labels & predicted).sum())
    wrong, missed = float((~labels & predicted).sum()), float((labels & ~predicted).sum())
    if name == "ACCURACY":
        return float((labels == predicted).mean()) if len(labels) else 0.0
    if name == "PRECISION":
        return both / (both + wrong) if both + wrong else 0.0
    if name == "RECALL":
        return both / (both + missed) if both + missed else 0.0
    return 2 * both / (2 * both + wrong + missed) if both else 0.0


def regression_score(name: str, targets: Floats, predicted: Floats) -> float:
    """One metric of predicted numbers, shapes (rows,)."""
    error = predicted - targets
    if name == "MEAN_ABSOLUTE_ERROR":
        return float(np.abs(error).mean())
    square = float((error**2).mean())
    return square if name == "MEAN_SQUARED_ERROR" else float(np.sqrt(square))
