"""Scores of all pairs at once, for models that are linear in features which are products of what both ends have.

HADAMARD, L2 and COSINE of a linear model are matrix products: the sum over features of w * x * y is (x w) . y, that
of w * (x - y)^2 is w . x^2 + w . y^2 - 2 (x w) . y.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..projections import Floats, Ints
from .candidates import Trained
from .link_features import LinkFeatures, unit_rows

Floats32 = NDArray[np.float32]
BILINEAR = frozenset({"HADAMARD", "L2", "COSINE"})


@dataclass(frozen=True)
class Bilinear:
    """The log-odds of every pair (u, v): left[u] . right[v] + own[u] + own[v] + bias.

    Attributes:
        left, right: float32, shape (n, width).
        own: float64, shape (n,).
    """

    left: Floats32
    right: Floats32
    own: Floats
    bias: float

    @classmethod
    def of(cls, maker: LinkFeatures, model: Trained) -> Bilinear | None:
        """The form of a trained model over these features, None where it has none."""
        linear = model.predictor.linear
        if linear is None or any(step.name not in BILINEAR for step in maker.steps):
            return None
        weights, biases = linear[0][:, 1] - linear[0][:, 0], linear[1][1] - linear[1][0]
        lefts, rights, own, start = [], [], np.zeros(maker.view.size), 0
        for step, table, width in zip(maker.steps, maker.tables, maker.widths, strict=True):
            part = weights[start : start + width]
            start += width
            if step.name == "COSINE":
                table = unit_rows(table)
            if step.name == "L2":
                own += table**2 @ part
                part = -2 * part
            lefts.append((table * part).astype(np.float32))
            rights.append(table.astype(np.float32))
        return cls(np.concatenate(lefts, axis=1), np.concatenate(rights, axis=1), own, float(biases))

    def block(self, start: int, stop: int) -> Floats32:
        """Log-odds of the rows start … stop - 1 with all nodes from ``start`` on, float32, shape (rows, n - start)."""
        found = self.left[start:stop] @ self.right[start:].T
        found += (self.own[start:stop, None] + self.bias).astype(np.float32)
        found += self.own[None, start:].astype(np.float32)
        return np.asarray(found)

    def between(self, rows: Ints, columns: slice) -> Floats32:
        """Log-odds of nodes, int64, shape (rows,), with some that lie together, float32, shape (rows, columns)."""
        found = self.left[rows] @ self.right[columns].T
        found += (self.own[rows, None] + self.bias).astype(np.float32)
        found += self.own[None, columns].astype(np.float32)
        return np.asarray(found)
