"""Random numbers that belong to a name: equal for equal seed and name, whatever else is in the graph."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


def mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Each value spread over 64 bits, (n, …) → (n, …).

    Source: Steele, Lea, Flood 2014, the finaliser of SplitMix64.
    """
    with np.errstate(over="ignore"):
        values = values + _STEP
        values = (values ^ (values >> np.uint64(30))) * _FIRST
        values = (values ^ (values >> np.uint64(27))) * _SECOND
        return values ^ (values >> np.uint64(31))


def named_bits(seed: int, names: NDArray[np.int64], count: int) -> NDArray[np.uint32]:
    """Random 32-bit numbers for every name.

    Args:
        seed: another seed, other numbers.
        names: int64, shape (n,); equal names have equal rows.
        count: numbers a name.

    Returns:
        uint32, shape (n, count).
    """
    pairs = (count + 1) // 2
    rows = mixed(names.astype(np.uint64) ^ mixed(np.array([seed & 0xFFFFFFFFFFFFFFFF], dtype=np.uint64)))
    with np.errstate(over="ignore"):
        cells = mixed(rows[:, None] + np.arange(pairs, dtype=np.uint64)[None, :] * _STEP)
    return cells.view(np.uint32)[:, :count]


def seed_of(given: int | None) -> int:
    """A seed: the given one, or one by chance."""
    return int(np.random.default_rng().integers(2**62)) if given is None else int(given)
