"""Which trials are given up before their last epoch: Hyperband's brackets over successive halving.

A trial is told, before it begins, what its best figure must have reached after a ninth and after a third of its epochs
to be among the best third of the trials before it. It is compared with those that must have ended by then and with
nobody else, so what is given up does not depend on timing. Of three trials in turn one is looked at twice, one once and
one never, for figures after few epochs can mislead.

Source: Li et al. 2018, Hyperband; Li et al. 2020, A System for Massively Parallel Hyperparameter Tuning (ASHA).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from workflow.tuning.results import Direction, Trial

#: one in so many goes on at a rung
REDUCTION = 3
#: shares of the epochs after which a trial is looked at
RUNGS = (1 / 9, 1 / 3)
#: trials that must have come past a rung before anybody is measured by them
ENOUGH = 3


def rungs_of(number: int) -> tuple[float, ...]:
    """The rungs of a trial by its number, those of its bracket."""
    return RUNGS[number % (len(RUNGS) + 1) :]


def reached(trial: Trial, share: float) -> float | None:
    """The best figure of a trial after a share of its epochs; None where it has no curve, or was given up before.

    What stopped early because it no longer gained keeps its best.
    """
    last = trial.curve[-1][1] if trial.curve and trial.state == "Completed" else None
    return next((value for part, value in trial.curve if part >= share), last)


def bars(number: int, before: Sequence[Trial], direction: Direction) -> dict[float, float]:
    """What a trial must have reached, by share of its epochs.

    Args:
        number: of the trial.
        before: trials that have ended.
        direction: of the figure.
    """
    found = {}
    for share in rungs_of(number):
        values = [value for trial in before if (value := reached(trial, share)) is not None]
        if len(values) >= ENOUGH:
            values.sort(reverse=direction == "maximize")
            # itself counted, it must not be behind the best third
            found[share] = values[math.ceil((len(values) + 1) / REDUCTION) - 1]
    return found


def argument(wanted: dict[float, float]) -> dict[str, str]:
    """The argument that tells a trial: ``share:figure`` each, separated by commas; nothing where there is no bar."""
    text = ",".join(f"{share:.6g}:{value!r}" for share, value in wanted.items())
    return {"prune-below": text} if text else {}
