"""Sets of many whole numbers, by sorting them.

``numpy.unique`` and ``numpy.isin`` look them up in a table of hashes, which takes five to twenty times as long where
most of them differ (numpy 2.4; a million codes of pairs: 0.95 and 0.05 s).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


def distinct(values: Ints) -> Ints:
    """The values, of any shape, each once and ascending, (k,)."""
    ordered = np.sort(values, axis=None)
    new = np.ones(len(ordered), dtype=bool)
    np.not_equal(ordered[1:], ordered[:-1], out=new[1:])
    return ordered[new]


def among(values: Ints, others: Ints) -> npt.NDArray[np.bool_]:
    """Which of the values, (n,), stand among others, (m,); bool (n,)."""
    return among_sorted(values, np.sort(others))


def among_sorted(values: Ints, others: Ints) -> npt.NDArray[np.bool_]:
    """Which of the values, (n,), stand among others, (m,) and ascending; bool (n,)."""
    if not len(others):
        return np.zeros(len(values), dtype=bool)
    place = np.minimum(np.searchsorted(others, values), len(others) - 1)
    return np.asarray(others[place] == values)
