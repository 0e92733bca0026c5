"""Inputs on one scale: the mean of each column and one deviation a feature, fitted on training items and kept.

One deviation for the whole of a feature and not one a column: a rare word of a bag, or a small part of a vector, would
otherwise weigh most. For a feature of one column it is the ordinary standard score.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ...pairs.graph import Floats, Ints
from ...scratch import blocks

Doubles = npt.NDArray[np.float64]
#: training items that a mean and a deviation are worth fitting on; with fewer all are taken that training may know
ENOUGH = 20
#: rows that are looked at at once
AT_ONCE = 1 << 16


def standard_of(values: Floats, rows: Ints | None = None) -> tuple[Floats, float]:
    """Mean of each column, float32 (d,), and the deviation of the whole, 1 where nothing varies.

    Args:
        values: (n, d).
        rows: those to look at; None is all of them.
    """
    count = len(values if rows is None else rows)
    if not count or not values.shape[1]:
        return np.zeros(values.shape[1], dtype=np.float32), 1.0

    def of_all(seen: Callable[[Doubles], Doubles]) -> Doubles:
        parts = (values[part if rows is None else rows[part]] for part in blocks(count, AT_ONCE))
        sums = [seen(np.asarray(part, dtype=np.float64)) for part in parts]
        return np.asarray(np.add.reduce(sums) / count)

    mean = of_all(lambda part: np.add.reduce(part, axis=0))
    deviation = float(np.sqrt(np.mean(of_all(lambda part: np.add.reduce((part - mean) ** 2, axis=0)))))
    return mean.astype(np.float32), deviation if deviation > 1e-6 else 1.0


class Standard(nn.Module):
    """(x − mean) / deviation; both are part of the state, so serving and other graphs see what training saw."""

    mean: Tensor
    scale: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("scale", torch.ones(1))

    def fit(self, values: Floats, rows: Ints | None = None) -> None:
        """Take mean and deviation from the values, (n, d), of some rows."""
        mean, deviation = standard_of(values, rows)
        self.mean.copy_(torch.from_numpy(mean))
        self.scale.fill_(deviation)

    def forward(self, x: Tensor) -> Tensor:
        """Less the mean, over the deviation: float32, (n, d) → (n, d)."""
        return (x - self.mean) / self.scale
