"""Sets of many whole numbers, by sorting them.

``numpy.unique`` and ``numpy.isin`` look them up in a table of hashes, which takes five to twenty times as long where
most of them differ (numpy 2.4; a million codes of pairs: 0.95 and 0.05 s).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy import sparse

from .scratch import blocks

Ints = npt.NDArray[np.int64]
#: values that are looked up at once
BLOCK = 1 << 20
#: values up to which speed counts for more than memory
MOST_PACKED = 1 << 23


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
    found = np.zeros(len(values), dtype=bool)
    if not len(others):
        return found
    for part in blocks(len(values), BLOCK):
        place = np.minimum(np.searchsorted(others, values[part]), len(others) - 1)
        found[part] = others[place] == values[part]
    return found


def pair_numbers(source: Ints, target: Ints, span: int, ordered: bool) -> Ints:
    """One number for each pair, (n,) and (n,), of numbers below ``span``; the same for both orders unless ``ordered``.

    Between two kinds of things, which are counted apart, ``span`` is that of the targets.
    """
    found = np.empty(len(source), dtype=np.int64)
    for part in blocks(len(found), BLOCK):
        one, other = np.asarray(source[part]), np.asarray(target[part])
        if not ordered:
            one, other = np.minimum(one, other), np.maximum(one, other)
        found[part] = one * span + other
    return found


def numbers_of(values: Ints, parked: Callable[[Ints], Ints] = lambda array: array) -> Ints:
    """The values, (n,), counted in ascending order from 0, equal ones alike: int64 (n,).

    Args:
        values: whatever they are.
        parked: puts an array where it takes no memory.
    """
    # what ``stable_order`` holds beside the values is four times what this does
    order = parked(stable_order(values) if len(values) <= MOST_PACKED else np.argsort(values))
    new = np.zeros(len(values), dtype=bool)
    for start in range(1, len(values), BLOCK):
        ordered = values[order[start - 1 : start + BLOCK]]
        np.not_equal(ordered[1:], ordered[:-1], out=new[start : start + BLOCK])
    numbers = np.empty(len(values), dtype=np.int64)
    before = 0
    for part in blocks(len(values), BLOCK):
        counted = before + np.cumsum(new[part])
        numbers[order[part]] = counted
        before = int(counted[-1])
    return numbers


def stable_order(values: Ints) -> Ints:
    """What puts values, (n,), none of them negative, into ascending order, equal ones as they come: int64 (n,).

    Values that are hardly more than there are places are counted, not sorted: each is the row of an entry in a column
    of its own, and the rows list their columns. Of larger ones value and place make one number where they fit, for
    numbers are sorted several times as fast as anything is sorted stably by them.
    """
    count = len(values)
    if not count:
        return np.empty(0, dtype=np.int64)
    largest, bits = int(values.max()), max(1, (count - 1).bit_length())
    if largest < 2 * count:
        one_each = sparse.csc_matrix(
            (np.ones(count, dtype=np.int8), values, np.arange(count + 1)), shape=(largest + 1, count)
        )
        return np.asarray(one_each.tocsr().indices, dtype=np.int64)
    if largest.bit_length() + bits > 63:
        return np.argsort(values, kind="stable")
    packed: Ints = np.left_shift(values, bits, dtype=np.int64)
    packed |= np.arange(count)
    packed.sort()
    packed &= (1 << bits) - 1
    return packed
