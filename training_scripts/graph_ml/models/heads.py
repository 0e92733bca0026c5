"""Turning vectors of vertices or edges into classes or a number: torch for training, numpy for serving."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..graph import Labels
from ..pairs.graph import Floats


@dataclass(frozen=True)
class Head:
    """out = W₂ relu(W₁ x + b₁) + b₂, then softmax, sigmoids or a scaled number.

    Args:
        kind: ``class``, ``classes`` (several at once) or ``number``.
        weights: ``w1`` (h, d), ``b1``, ``w2`` (outputs, h), ``b2``.
        mean, scale: of the numbers in training; 0 and 1 for classes.
    """

    kind: str
    weights: Mapping[str, Floats]
    mean: float = 0.0
    scale: float = 1.0

    def __call__(self, x: Floats) -> Floats:
        """Probabilities (n, classes), or numbers (n, 1)."""
        hidden = np.maximum(x @ self.weights["w1"].T + self.weights["b1"], 0)
        raw = (hidden @ self.weights["w2"].T + self.weights["b2"]).astype(np.float64)
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


def width_seen(ends: int, hidden: int, extra: int) -> int:
    """How many numbers ``joined`` makes of each item."""
    return (3 if ends == 2 else ends) * hidden + extra


def width_of(labels: Labels) -> int:
    """Outputs that labels need."""
    return 1 if labels.kind == "number" else len(labels.classes)
