"""How far a predicted number may be off: an interval from items that the model has not learned from."""

from __future__ import annotations

from math import ceil

import numpy as np

from ..pairs.graph import Floats
from ..schemas.model import SPLIT_NAMES, Interval, Split

COVERAGE = 0.9


def interval_of(predicted: Floats, truth: Floats, split: Split, coverage: float = COVERAGE) -> Interval | None:
    """The distance within which a new number lies from what is predicted, with at least this chance.

    It is the k-th smallest error of n, k = ⌈(n + 1) · coverage⌉: of n + 1 errors that may come in any order, the last
    is among the k smallest with a chance of k / (n + 1). None where items are too few for that: fewer than 9 for 90 %.

    Args:
        predicted, truth: of items that the model knows nothing of, (n,).
        split: what those items are.

    Source: Papadopoulos et al. 2002, split-conformal prediction.
    """
    errors = np.sort(np.abs(np.asarray(predicted, dtype=np.float64) - np.asarray(truth, dtype=np.float64)))
    place = ceil(round((len(errors) + 1) * coverage, 9))
    if split == "train" or not 0 < place <= len(errors):
        return None
    return Interval(coverage=coverage, half_width=float(errors[place - 1]), items=len(errors), split=split)


def interval_note(interval: Interval, *, by_time: bool) -> str:
    """The interval in a sentence for people; items that compared trials promise a little less than test items."""
    sure = "at least" if interval.split == "test" else "about"
    later = "; what comes later may lie farther off" if by_time else ""
    items = f"the {interval.items} {SPLIT_NAMES[interval.split]} ones"
    return (
        f"{sure} {interval.coverage:.0%} of new items like {items} lie "
        f"within ± {interval.half_width:.4g} of what is predicted (split-conformal){later}"
    )
