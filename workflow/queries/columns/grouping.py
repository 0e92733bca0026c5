"""Grouping and sorting by codes: places of first occurrence, counts, ranks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[Any]


def firsts(codes: Codes) -> NDArray[np.int64]:
    """Ascending places at which a code of ``codes``, shape (n,), stands for the first time."""
    _, places = np.unique(codes, return_index=True)
    return np.sort(places)


def by_appearance(codes: Codes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Groups of codes, (n,), numbered as they appear: (the group of each place, the first place of each group)."""
    _, places, inverse = np.unique(codes, return_index=True, return_inverse=True)
    order = np.argsort(places, kind="stable")
    number = np.empty(len(order), dtype=np.int64)
    number[order] = np.arange(len(order))
    return number[inverse], places[order]


def totals(groups: Codes, size: int, weights: NDArray[np.int64] | None) -> NDArray[np.int64]:
    """The sum of weights, (n,), or of ones, of each of ``size`` groups, (size,), exactly; ``groups`` is (n,)."""
    if weights is None:
        return np.bincount(groups, minlength=size)
    sums = np.zeros(size, dtype=np.int64)
    np.add.at(sums, groups, weights)
    return sums


def paired(first: Codes, second: Codes) -> NDArray[np.int64]:
    """One code for two integers, each (n,): equal exactly where both are. Neither may be negative."""
    if not len(first):
        return np.zeros(0, dtype=np.int64)
    width = int(second.max()) + 1
    if int(first.max()) >= (1 << 62) // max(width, 1):
        _, first = np.unique(first, return_inverse=True)
    return first.astype(np.int64) * width + second
