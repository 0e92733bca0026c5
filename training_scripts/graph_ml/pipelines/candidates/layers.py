"""Softmax and linear models, with hidden layers or without, by gradient descent.

Logistic regression is a softmax model without hidden layers; so is linear regression with a squared error. Features
are standardised inside, so that no step size hangs on their scale. Rows are multiplied in single precision; weights,
losses and updates are in double.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ...projections import Floats, Ints

Singles = NDArray[np.float32]
ADAM: Final = (0.9, 0.999, 1e-8)
FEW_ROWS: Final = 4096  # scored at once


@dataclass(frozen=True)
class Layers:
    """A trained model.

    Attributes:
        mean, scale: features are used as (x - mean) / scale, float64, shape (features,).
        weights: of each layer, shapes (features, hidden), …, (hidden, outputs).
        biases: of each layer, shapes (hidden,), …, (outputs,).
    """

    mean: Floats
    scale: Floats
    weights: tuple[Floats, ...]
    biases: tuple[Floats, ...]

    def outputs(self, features: Floats) -> Floats:
        """What the last layer gives, float64, shape (rows, outputs)."""
        parts = [
            _forward(self.weights, self.biases, (features[start : start + FEW_ROWS] - self.mean) / self.scale)[-1]
            for start in range(0, max(1, len(features)), FEW_ROWS)
        ]
        return np.concatenate(parts)

    def probabilities(self, features: Floats) -> Floats:
        """Probabilities of the classes, float64, shape (rows, classes)."""
        return softmax(self.outputs(features))

    @property
    def linear(self) -> tuple[Floats, Floats] | None:
        """Weights (features, outputs) and biases (outputs,) over raw features, where there is no hidden layer."""
        if len(self.weights) > 1:
            return None
        weights = self.weights[0] / self.scale[:, None]
        return weights, self.biases[0] - self.mean @ weights

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All that must be kept."""
        layers = {f"weights{place}": one for place, one in enumerate(self.weights)}
        return {"mean": self.mean, "scale": self.scale, **layers} | {
            f"biases{place}": one for place, one in enumerate(self.biases)
        }

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]]) -> Layers:
        """The model that was kept."""
        count = sum(name.startswith("weights") for name in arrays)
        places = range(count)
        return cls(
            arrays["mean"],
            arrays["scale"],
            tuple(arrays[f"weights{place}"] for place in places),
            tuple(arrays[f"biases{place}"] for place in places),
        )


def softmax(outputs: Floats) -> Floats:
    """Positive rows that add up to 1, float64, shape (rows, classes), as the argument's."""
    powers = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _forward(weights: tuple[Floats, ...], biases: tuple[Floats, ...], features: Floats) -> list[Floats]:
    """The features and what every layer makes of them; all but the last through ReLU."""
    layers = [features]
    for place, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        following = layers[-1] @ weight + bias
        layers.append(np.maximum(following, 0) if place < len(weights) - 1 else following)
    return layers


def train_layers(
    features: Floats, targets: Ints | Floats, classes: int, options: Mapping[str, Any], random: np.random.Generator
) -> Layers:
    """Train a softmax model of ``classes`` classes, or a linear one of a number with ``classes`` 0.

    One update an epoch by the mean of the batches' gradients (Adam). An epoch whose loss is not below the best one by
    more than ``tolerance`` of it is unproductive; after ``patience`` of them in a row, from ``minEpochs`` on, it ends.

    Args:
        features: float64, shape (rows, features).
        targets: class numbers, int64, or numbers, float64, shape (rows,).
    """
    mean, scale = features.mean(axis=0), features.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    rows = ((features - mean) / scale).astype(np.float32)
    shapes = [rows.shape[1], *options.get("hiddenLayerSizes", ()), classes or 1]
    state = _Descent(shapes, random, options)
    wanted = np.eye(classes)[targets.astype(np.int64)] if classes else targets.astype(np.float64)[:, None]
    if not classes:  # the mean is no work for the descent
        state.biases[-1][:] = wanted.mean()
    best, waited = np.inf, 0
    for epoch in range(1, options["maxEpochs"] + 1):
        loss = state.epoch(rows, wanted, classes > 0)
        if epoch >= options["minEpochs"]:
            if loss >= best - options["tolerance"] * abs(best) and np.isfinite(best):
                waited += 1
            else:
                waited = 0
            if waited >= options["patience"]:
                break
        best = min(best, loss)
    return Layers(mean, scale, tuple(state.weights), tuple(state.biases))


class _Descent:
    def __init__(self, shapes: list[int], random: np.random.Generator, options: Mapping[str, Any]) -> None:
        ends = list(pairwise(shapes))
        hidden = len(ends) > 1
        self.weights = [
            random.normal(0, np.sqrt(2 / one), (one, two)) if hidden else np.zeros((one, two)) for one, two in ends
        ]
        self.biases = [np.zeros(two) for _, two in ends]
        self.options = options
        self.moments = [(np.zeros_like(one), np.zeros_like(one)) for one in self.weights + self.biases]
        self.updates = 0

    def epoch(self, rows: Singles, wanted: Floats, classes: bool) -> float:
        """One update; the mean loss of the batches before it."""
        size, penalty = self.options["batchSize"], self.options["penalty"]
        count = -(-len(rows) // size)
        # the mean over batches of the means over their rows, without a loop over small batches
        shares = np.full(len(rows), 1 / (size * count))
        shares[(count - 1) * size :] = 1 / ((len(rows) - (count - 1) * size) * count)
        loss, gradients = self._gradients(rows, wanted, shares, classes)
        if penalty:
            # each batch adds the penalty by its share of all rows
            loss += penalty / count * sum(float((one**2).sum()) for one in self.weights)
            for place, weight in enumerate(self.weights):
                gradients[place] += 2 * penalty / count * weight
        self._step(gradients)
        return loss

    def _gradients(self, rows: Singles, wanted: Floats, shares: Floats, classes: bool) -> tuple[float, list[Floats]]:
        if classes and len(self.weights) == 1 and wanted.shape[1] == 2:
            return self._of_two_classes(rows, wanted, shares)
        layers: list[Any] = [rows]
        for place, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            following = layers[-1] @ weight.astype(np.float32) + bias.astype(np.float32)
            layers.append(np.maximum(following, 0) if place < len(self.weights) - 1 else following.astype(np.float64))
        loss, error = (
            _class_loss(layers[-1], wanted, shares, self.options)
            if classes
            else _number_loss(layers[-1], wanted, shares)
        )
        of_weights: list[Floats] = []
        of_biases: list[Floats] = []
        part: Any = error.astype(np.float32)
        for place in range(len(self.weights) - 1, -1, -1):
            of_weights.append((layers[place].T @ part).astype(np.float64))
            of_biases.append(part.sum(axis=0, dtype=np.float64))
            if place:
                part = (part @ self.weights[place].T.astype(np.float32)) * (layers[place] > 0)
        return loss, of_weights[::-1] + of_biases[::-1]

    def _of_two_classes(self, rows: Singles, wanted: Floats, shares: Floats) -> tuple[float, list[Floats]]:
        """The same without a hidden layer: what moves one class moves the other as far away, so one product will do."""
        (weight,), (bias,) = self.weights, self.biases
        odds = (rows @ (weight[:, 1] - weight[:, 0]).astype(np.float32)).astype(np.float64) + (bias[1] - bias[0])
        loss, error = _class_loss(np.stack([-odds / 2, odds / 2], axis=1), wanted, shares, self.options)
        up = (error[:, 1].astype(np.float32) @ rows).astype(np.float64)
        total = float(error[:, 1].sum())
        return loss, [np.stack([-up, up], axis=1), np.array([-total, total])]

    def _step(self, gradients: list[Floats]) -> None:
        first, second, tiny = ADAM
        self.updates += 1
        for value, gradient, (mean, square) in zip(self.weights + self.biases, gradients, self.moments, strict=True):
            mean *= first
            mean += (1 - first) * gradient
            square *= second
            square += (1 - second) * gradient**2
            step = mean / (1 - first**self.updates)
            value -= self.options["learningRate"] * step / (np.sqrt(square / (1 - second**self.updates)) + tiny)


def _class_loss(outputs: Floats, wanted: Floats, shares: Floats, options: Mapping[str, Any]) -> tuple[float, Floats]:
    """Weighted focal cross-entropy and its derivative by the outputs; with ``focusWeight`` 0 plain cross-entropy.

    Source: Lin et al. 2017, "Focal Loss for Dense Object Detection", equation 5.
    """
    weights = options.get("classWeights") or [1.0] * wanted.shape[1]
    found = softmax(outputs)
    right = np.clip((found * wanted).sum(axis=1), 1e-15, 1.0)
    each = shares * (wanted @ np.asarray(weights))
    focus = options.get("focusWeight", 0.0)
    if not focus:
        return float(-(each * np.log(right)).sum()), each[:, None] * (found - wanted)
    away = 1 - right
    loss = float(-(each * away**focus * np.log(right)).sum())
    slope = away**focus - focus * right * np.log(right) * np.where(away > 0, away, 1.0) ** (focus - 1) * (away > 0)
    return loss, (each * slope)[:, None] * (found - wanted)


def _number_loss(outputs: Floats, wanted: Floats, shares: Floats) -> tuple[float, Floats]:
    error = outputs - wanted
    return float((shares[:, None] * error**2).sum()), 2 * shares[:, None] * error
