"""When to stop: an evaluation that is worse than the mean of the last few."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


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
