"""What a missing number counts as."""

from __future__ import annotations

import numpy as np

from ...schemas import FeatureSpec
from .column import BadValue, Column, Numbers


def imputed(known: Numbers, imputer: str | None) -> float | None:
    """The number that replaces a missing one; None without an imputer, and 0 where every one is missing.

    Args:
        known: the numbers there are, float64, shape (n,).
        imputer: ``mean``, ``median`` or ``most-frequent``, of which the smallest is taken.
    """
    if imputer is None:
        return None
    if not len(known):
        return 0.0
    if imputer == "mean":
        return float(np.mean(known))
    if imputer == "median":
        return float(np.median(known))
    values, counts = np.unique(known, return_counts=True)
    return float(values[np.argmax(counts)])


def refuse_missing(column: Column, spec: FeatureSpec) -> None:
    """Raises BadValue where a value is missing, saying what to add to the feature."""
    missing = column.missing()
    if missing.any():
        raise BadValue(
            int(np.argmax(missing)),
            None,
            f'has no value, and the {spec.type} feature "{spec.name}" has no imputer: '
            'add "imputer": "median" (or "mean", "most-frequent") to the feature, or fill in the values',
        )


def filled(numbers: Numbers, fill: float | None, middle: float, strict: bool) -> Numbers:
    """The numbers with missing ones replaced: float64, shape (n,), as they came.

    Args:
        numbers: NaN where one is missing.
        fill: what a missing one counts as; without it ``middle`` does, unless ``strict`` refuses.
        middle: of the range that was fitted.
        strict: whether a missing number without ``fill`` raises BadValue.
    """
    missing = np.isnan(numbers)
    if not missing.any():
        return numbers
    if fill is None and strict:
        raise BadValue(int(np.argmax(missing)), None, "has no value, and the feature was fitted without an imputer")
    return np.where(missing, middle if fill is None else fill, numbers)
