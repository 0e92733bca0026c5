"""Turning vectors of vertices or edges into classes or a number: torch for training, numpy for serving."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ...graph import Labels
from ...pairs.graph import Floats


@dataclass(frozen=True)
class Head:
    """out = W₂ relu(W₁ [x ‖ relu(W₀ e + b₀)] + b₁) + b₂, then softmax, sigmoids or a scaled number.

    x are vectors of the ends, e an edge's own features, standardised: (e − mean) / deviation. They pass a layer of
    their own, so that a few numbers count beside many. A linear head is W₂ [x ‖ e] + b₂.

    Args:
        kind: ``class``, ``classes`` (several at once) or ``number``.
        weights: ``w1`` (h, d), ``b1``, ``w2`` (outputs, h), ``b2``; where items have own features also ``w0`` (h, e),
            ``b0``, and ``own_mean``, ``own_scale`` (e,). A linear head has neither ``w0`` nor ``w1``.
        mean, scale: of the numbers in training; 0 and 1 for classes.
        temperature: outputs are divided by it, so that probabilities are as often right as they say.

    Source of the temperature: Guo et al. 2017, On Calibration of Modern Neural Networks.
    """

    kind: str
    weights: Mapping[str, Floats]
    mean: float = 0.0
    scale: float = 1.0
    temperature: float = 1.0

    @property
    def columns(self) -> int:
        """How many numbers an item has: those of its ends, and its own features."""
        width = int(self.weights["w1" if "w1" in self.weights else "w2"].shape[1])
        if "w0" not in self.weights:
            return width
        made, own = self.weights["w0"].shape
        return width - int(made) + int(own)

    def raw(self, x: Floats) -> npt.NDArray[np.float64]:
        """Outputs before softmax, sigmoids or scale, float64 (n, outputs)."""
        if "own_mean" in self.weights:
            width = len(self.weights["own_mean"])
            own = (x[:, -width:] - self.weights["own_mean"]) / self.weights["own_scale"]
            if "w0" in self.weights:
                own = np.maximum(own @ self.weights["w0"].T + self.weights["b0"], 0)
            x = np.concatenate([x[:, :-width], own], axis=1)
        if "w1" in self.weights:
            x = np.maximum(x @ self.weights["w1"].T + self.weights["b1"], 0)
        return np.asarray(x @ self.weights["w2"].T + self.weights["b2"], dtype=np.float64)

    def __call__(self, x: Floats) -> Floats:
        """Probabilities (n, classes), or numbers (n, 1), of rows as ``joined`` makes them."""
        raw = self.raw(x) / self.temperature
        if self.kind == "number":
            result = raw * self.scale + self.mean
        elif self.kind == "classes":
            result = 1 / (1 + np.exp(-np.clip(raw, -700, 700)))
        else:
            shifted = np.exp(raw - raw.max(axis=1, keepdims=True))
            result = shifted / shifted.sum(axis=1, keepdims=True)
        return np.asarray(result, dtype=np.float32)


def joined(ends: Sequence[Floats], extra: Floats) -> Floats:
    """What a head sees of items: the vectors of their ends, for edges the products of both, and their own features.

    Whether two ends agree is one step from the products; from the ends alone a small head rarely finds it.

    Args:
        ends: one array for vertices, two for edges, (n, d) each or (d,) for a single item.
        extra: (n, e), or (e,) for a single item.
    """
    products = [ends[0] * ends[1]] if len(ends) == 2 else []
    return np.concatenate([*ends, *products, np.asarray(extra, dtype=np.float32)], axis=-1)


def width_seen(ends: int, hidden: int, own: int) -> int:
    """How many numbers the first layer sees of each item: vectors of ends, for two their products, ``own`` others."""
    return (3 if ends == 2 else ends) * hidden + own


def width_of(labels: Labels) -> int:
    """Outputs that labels need."""
    return 1 if labels.kind == "number" else len(labels.classes)


def fitted_temperature(kind: str, raw: npt.NDArray[np.float64], truth: npt.NDArray[Any]) -> float:
    """The temperature that makes the truth likeliest, by golden-section search between a twentieth and twenty.

    Args:
        kind: ``class`` or ``classes``; numbers need none.
        raw: outputs of the head for items to choose by, (n, classes).
        truth: class numbers, int64 (n,), or 0 and 1 (n, classes).

    Returns:
        1 where there is nothing to fit.

    So few items cannot show that a head is never wrong: of n items the (n + 1)-th is taken to be, so that no
    probability becomes one where all n are right.

    Source: Guo et al. 2017; the smoothed targets are Platt's, 1999.
    """
    if kind == "number" or not len(raw):
        return 1.0
    wrong = 1 / (len(raw) + 2)
    if kind == "classes":
        target = truth * (1 - wrong) + (1 - truth) * wrong
    else:
        target = np.full(raw.shape, wrong / max(raw.shape[1] - 1, 1))
        target[np.arange(len(raw)), truth.astype(np.int64)] = 1 - wrong

    def surprise(log_temperature: float) -> float:
        scaled = raw / np.exp(log_temperature)
        if kind == "classes":
            return float(np.mean(np.logaddexp(0, scaled) - target * scaled))
        likely = scaled - np.logaddexp.reduce(scaled, axis=1, keepdims=True)
        return float(-np.mean((target * likely).sum(axis=1)))

    low, high = -np.log(20), np.log(20)
    golden = (np.sqrt(5) - 1) / 2
    for _ in range(40):
        left, right = high - golden * (high - low), low + golden * (high - low)
        low, high = (low, right) if surprise(left) <= surprise(right) else (left, high)
    return float(np.exp((low + high) / 2))
