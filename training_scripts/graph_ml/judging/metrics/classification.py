"""Accuracy, F1, precision, recall, top-k accuracy and ROC AUC, for one label an item or several.

Precision, recall and F1 are the plain mean over the classes that occur in truth or prediction (macro), where a
division by nothing gives 0; the service does not say which mean it takes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .ranking import auc

Array = NDArray[Any]


def classification_metrics(scores: Array, truth: Array, topk: int = 3) -> dict[str, float]:
    """All figures of a classification.

    Args:
        scores: probability of each class, float32 or float64, shape (n, c).
        truth: class index int (n,), or 0/1 for each class (n, c) where an item may have several labels; then a class
            is predicted from a probability of 0.5 on, and acc means that all labels of an item are right.
        topk: k of acc_topk.

    Returns:
        acc, F1, precision, recall, acc_topk, roc_auc, average_precision; all NaN where there is nothing to judge.
        The last is that of the rarer class where there are two, else the mean over the classes that occur.
    """
    names = ("acc", "F1", "precision", "recall", "acc_topk", "roc_auc", "average_precision")
    if not len(truth):
        return dict.fromkeys(names, float("nan"))
    several = truth.ndim == 2
    if several:
        actual, predicted = truth > 0.5, scores >= 0.5
        accuracy = np.mean(np.all(actual == predicted, axis=1))
    else:
        classes = np.arange(scores.shape[1])
        best = np.argmax(scores, axis=1)
        actual, predicted = truth[:, None] == classes, best[:, None] == classes
        accuracy = np.mean(best == truth)
    precision, recall, f1 = _macro(actual, predicted, all_classes=several)
    k = min(topk, scores.shape[1])
    top = np.argpartition(-scores, k - 1, axis=1)[:, :k]
    in_top = np.mean(np.any(np.take_along_axis(actual, top, axis=1), axis=1))
    ranked = roc_auc(scores, actual), mean_average_precision(scores, actual, rarer=not several)
    values: tuple[float, ...] = (float(accuracy), f1, precision, recall, float(in_top), *ranked)
    return dict(zip(names, values, strict=True))


def average_precision(scores: Array, truth: Array) -> float:
    """Mean precision at each hit, from the highest score down; NaN without a hit.

    Args:
        scores: shape (n,), higher is more likely.
        truth: bool, shape (n,).

    Source: the sum of precisions weighted by gains of recall, without interpolation; equal scores count together.
    """
    total = int(np.count_nonzero(truth))
    if not total:
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(truth[order])
    ends = np.flatnonzero(np.diff(scores[order], append=-np.inf))
    gained = np.diff(hits[ends], prepend=0)
    return float(np.sum(gained * hits[ends] / (ends + 1)) / total)


def mean_average_precision(scores: Array, truth: Array, rarer: bool) -> float:
    """Average precision, float and bool (n, c): of the rarer of two classes with ``rarer``, else their mean."""
    columns = range(scores.shape[1])
    if rarer and scores.shape[1] == 2:
        columns = range(1) if truth[:, 0].sum() < truth[:, 1].sum() else range(1, 2)
    found = [average_precision(scores[:, column], truth[:, column]) for column in columns]
    known = [value for value in found if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")


def roc_auc(scores: Array, truth: Array) -> float:
    """Area under the ROC curve: the mean over the classes that have both positives and negatives.

    Args:
        scores: shape (n, c), higher is more likely.
        truth: bool or 0/1, shape (n, c).
    """
    areas = [auc(scores[truth[:, c] > 0, c], scores[truth[:, c] <= 0, c]) for c in range(scores.shape[1])]
    known = [area for area in areas if not np.isnan(area)]
    return float(np.mean(known)) if known else float("nan")


def _macro(actual: Array, predicted: Array, all_classes: bool) -> tuple[float, float, float]:
    hits = np.count_nonzero(actual & predicted, axis=0).astype(np.float64)
    said, are = np.count_nonzero(predicted, axis=0), np.count_nonzero(actual, axis=0)
    precision = hits / np.maximum(said, 1)
    recall = hits / np.maximum(are, 1)
    f1 = 2 * hits / np.maximum(said + are, 1)
    seen = np.ones(len(hits), dtype=bool) if all_classes else (said + are) > 0
    return float(precision[seen].mean()), float(recall[seen].mean()), float(f1[seen].mean())
