"""How each kind of candidate is trained, and how it comes back from its arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ...projections import Floats, Ints
from .boosted import Boosted, train_boosted
from .forest import Forest, train_forest
from .layers import Layers, train_layers


class Predictor(Protocol):
    """What a trained candidate can do."""

    @property
    def linear(self) -> tuple[Floats, Floats] | None:
        """Weights (features, outputs) and biases (outputs,) where the outputs are linear in the features."""

    def outputs(self, features: Floats) -> Floats:
        """Float64, shape (rows, outputs)."""

    def probabilities(self, features: Floats) -> Floats:
        """Float64, shape (rows, classes)."""

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All that must be kept."""


@dataclass(frozen=True)
class Trained:
    """A trained candidate, and the error of forests over the rows that each tree did not see."""

    method: str
    predictor: Predictor
    out_of_bag: float | None = None


def trained(
    method: str,
    options: Mapping[str, Any],
    features: Floats,
    targets: Ints | Floats,
    classes: int,
    random: np.random.Generator,
) -> Trained:
    """Train one candidate.

    Args:
        features: float64, shape (rows, features).
        targets: class numbers from 0, or numbers with ``classes`` 0, shape (rows,).
    """
    if method == "RandomForest":
        forest, error = train_forest(features, targets, classes, options, random)
        return Trained(method, forest, error)
    if method == "LightGBM":
        return Trained(method, train_boosted(features, targets, classes, options, random))
    return Trained(method, train_layers(features, targets, classes, options, random))


def restored(method: str, arrays: Mapping[str, NDArray[Any]]) -> Trained:
    """A candidate from what was kept of it."""
    kinds: Mapping[str, type[Forest | Boosted]] = {"RandomForest": Forest, "LightGBM": Boosted}
    return Trained(method, kinds.get(method, Layers).of(arrays))
