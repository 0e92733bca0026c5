"""What a floor of a label task may look at, and what it gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from ...graph import Labels
from ...models.baselines import Array, Asked, Baseline

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
#: probabilities of the classes, or the number, of every item: float64, shape (items, outputs)
Predictions = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Fitted:
    """A floor under one setting: its predictions for all items, and what gives them for others."""

    predictions: Predictions
    baseline: Baseline


@dataclass(frozen=True)
class LabelledItems:
    """Vertices or edges with labels, and the graph around them.

    Args:
        ends: numbers of the vertices that make up an item, shape (items, 1) for vertices, (items, 2) for edges.
        features: features of the item and of its ends side by side, shape (items, d); d may be 0.
        labels: of all items; a floor reads those of ``train`` alone.
        train: positions of the items to learn from, shape (t,).
        adjacency: symmetric CSR matrix of ones over all vertices, shape (n, n).
        seed: of the sample that a slow floor learns from.
        later: positions of the items that come after training, (l,): nothing is learned from their being there.
    """

    ends: Ints
    features: Floats
    labels: Labels
    train: Ints
    adjacency: Any
    seed: int = 0
    later: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    @property
    def learned(self) -> Predictions:
        """Labels of the training items as outputs: one-hot or 0/1 rows, or numbers; float64, shape (t, outputs)."""
        values = np.asarray(self.labels.values)[self.train]
        if self.labels.kind == "class":
            rows = np.zeros((len(values), len(self.labels.classes)))
            rows[np.arange(len(values)), values] = 1.0
            return rows
        return values.astype(np.float64).reshape(len(values), -1)

    def incidence(self) -> Any:
        """CSR matrix of ones from item to its ends, shape (items, n)."""
        count, width = self.ends.shape
        rows = np.repeat(np.arange(count), width)
        ones = np.ones(count * width)
        return sparse.csr_matrix((ones, (rows, self.ends.ravel())), shape=(count, self.adjacency.shape[0]))

    def baseline(self, kind: str, **arrays: Array) -> Baseline:
        """A baseline of these labels, with what it has learned beside the mean of the training labels."""
        return Baseline(
            kind, self.labels.kind, {"mean": self.learned.mean(axis=0), "seen": np.array([len(self.learned)]), **arrays}
        )

    def fitted(self, kind: str, predictions: Predictions | None = None, **arrays: Array) -> Fitted:
        """A floor from what it has learned; its predictions are what it answers about all items unless given."""
        baseline = self.baseline(kind, **arrays)
        answers = baseline(Asked(self.ends, self.features)) if predictions is None else predictions
        return Fitted(answers, baseline)
