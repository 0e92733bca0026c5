"""Probabilities of floors made as often right as they say, on the items to choose by."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ...models.baselines import logits
from ...models.network.heads import fitted_temperature
from .items import Fitted, Ints, Predictions

#: the furthest logit that has a say: one in 10¹²
SUREST = 27.6


def calibrated(fitted: Fitted, items: Ints, truth: npt.NDArray[Any]) -> Fitted:
    """A floor whose probabilities are calibrated; one of numbers, or without items to choose by, as it is.

    Of one class an item the logits get a temperature, which leaves the likeliest class what it is. Of several they get
    a slope and an offset: labels that are passed on are in the right order long before any reaches a half.

    Args:
        fitted: its predictions for all items, and what gives them for others.
        items: to choose by, (n,).
        truth: their class numbers, int64 (n,), or 0 and 1 (n, classes).

    Source: Guo et al. 2017 and Platt 1999.
    """
    kind = fitted.baseline.labels
    if kind == "number" or not len(items):
        return fitted
    raw, truth = np.clip(logits(kind, fitted.predictions[items]), -SUREST, SUREST), np.asarray(truth)
    if kind == "classes":
        slope, offset = platt(raw.ravel(), truth.ravel())
    else:
        # a class without a training item has no probability, and no say
        possible = fitted.predictions.max(axis=0) > 0
        told = possible[truth]
        slope = 1 / fitted_temperature(kind, raw[told][:, possible], (np.cumsum(possible) - 1)[truth[told]])
        offset = 0.0
    arrays = {**fitted.baseline.arrays, "slope": np.array([slope]), "offset": np.array([offset])}
    baseline = replace(fitted.baseline, arrays=arrays)
    return Fitted(baseline.calibrated(fitted.predictions), baseline)


def platt(raw: Predictions, truth: npt.NDArray[Any]) -> tuple[float, float]:
    """Slope and offset that make the truth likeliest, (1, 0) where one value never occurs.

    Args:
        raw: logits, float64 (n,).
        truth: 0 and 1, (n,).

    Source: Platt 1999, with its smoothed targets.
    """
    from sklearn.linear_model import LogisticRegression

    yes = int(np.count_nonzero(truth > 0.5))
    no = len(truth) - yes
    if not yes or not no or np.ptp(raw) < 1e-9:
        return 1.0, 0.0
    target = np.where(truth > 0.5, (yes + 1) / (yes + 2), 1 / (no + 2))
    model = LogisticRegression(C=1e6, max_iter=1000).fit(
        np.concatenate([raw, raw])[:, None],
        np.repeat([1, 0], len(raw)),
        sample_weight=np.concatenate([target, 1 - target]),
    )
    slope = float(model.coef_[0, 0])
    # what ranks backwards by chance keeps its order
    return (slope, float(model.intercept_[0])) if slope > 0 else (1.0, 0.0)
