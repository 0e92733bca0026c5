"""When to stop: an evaluation that is worse than the mean of the last few."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


class Pruned(Exception):
    """The search gives a trial up; ``history`` has an entry an epoch, of ``epochs`` there were to be."""

    def __init__(self, reason: str, history: list[dict[str, float]], epochs: int) -> None:
        super().__init__(reason)
        self.history, self.epochs = history, epochs


def missed_bar(bars: str, share: float, best: float, sign: float) -> float | None:
    """The figure that the best so far had to reach by now and has not, or None.

    Args:
        bars: ``share:figure`` each, separated by commas.
        share: of the epochs that are done.
        best: figure so far.
        sign: 1 where figures are to be made large, else -1.
    """
    for bar in filter(None, bars.split(",")):
        by, _, figure = bar.partition(":")
        if share >= float(by) and not sign * best >= sign * float(figure):
            return float(figure)
    return None


@dataclass
class EarlyStop:
    """Neptune's rule: each evaluation is compared with the mean of the ``window`` evaluations before it.

    ``window`` 0 never stops; the first ``patience`` evaluations never do.
    ``improved`` says whether the last evaluation is the best so far; of equals the later
    one, because small validation splits tie often and the longer trained model is the better bet.

    Source: machine-learning-improve-model-performance.
    """

    window: int
    patience: int = 0
    best: float = -np.inf
    improved: bool = False
    scores: list[float] = field(default_factory=list)

    def worse(self, score: float) -> bool:
        """Note an evaluation, higher is better; whether training should stop."""
        self.improved = score >= self.best
        self.best = max(self.best, score)
        before = self.scores[-self.window :] if self.window else []
        self.scores.append(score)
        enough = bool(self.window) and len(before) == self.window and len(self.scores) > self.patience
        return enough and score < float(np.mean(before))
