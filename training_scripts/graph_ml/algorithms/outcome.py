"""What an algorithm gives back, and what is said of many numbers at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

PERCENTILES: Final = (1, 5, 10, 25, 50, 75, 90, 95, 99)
LEAST_SHOWN: Final = 1e-6


@dataclass(frozen=True)
class Outcome:
    """The answer of an algorithm.

    Attributes:
        columns: by the name of the column; of algorithms over nodes with a row a node, shape (n,) or (n, width).
        summary: what is said of the whole.
        lists: columns of unequal lists, one a row.
    """

    columns: Mapping[str, NDArray[Any]]
    summary: Mapping[str, Any] = field(default_factory=dict)
    lists: Mapping[str, list[list[Any]]] = field(default_factory=dict)


def distribution(values: NDArray[Any], *, spread: bool = False) -> dict[str, float]:
    """Least, mean and greatest value, and percentiles by nearest rank; all 0 for no values.

    Values have any shape (n, …) and dtype.

    Args:
        spread: the standard deviation too, and the first percentile; values below 1e-6 count as that then.
    """
    numbers = np.sort(np.asarray(values, dtype=np.float64).ravel())
    numbers = numbers[np.isfinite(numbers)]
    if spread:
        numbers = np.maximum(numbers, LEAST_SHOWN)
    if not len(numbers):
        numbers = np.zeros(1)
    found = {"min": float(numbers[0]), "mean": float(numbers.mean()), "max": float(numbers[-1])}
    if spread:
        found["stdDev"] = float(numbers.std())
        found["p100"] = float(numbers[-1])
    else:
        found["p999"] = float(numbers[_rank(99.9, len(numbers))])
    for percent in PERCENTILES:
        found[f"p{percent}"] = float(numbers[_rank(percent, len(numbers))])
    return found


def _rank(percent: float, count: int) -> int:
    return max(0, int(np.ceil(percent / 100 * count)) - 1)


def group_sizes(groups: NDArray[Any]) -> NDArray[np.int64]:
    """How many members each group has, in the order of the groups' numbers; any dtype, (n,)."""
    return np.unique(groups, return_counts=True)[1].astype(np.int64)


def group_distribution(groups: NDArray[Any]) -> dict[str, int | float]:
    """The distribution of the sizes of groups, any dtype (n,); whole numbers but the mean."""
    found = distribution(group_sizes(groups))
    return {name: value if name == "mean" else int(value) for name, value in found.items()}
