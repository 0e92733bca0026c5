"""The epochs of every family that has any: progress, early stopping with patience, time, and the best epoch kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, TypeVar

import numpy as np

from ..models.settings import EpochSettings
from ..schemas.model import Split
from .context import Trial, direction
from .stopping import EarlyStop

State = TypeVar("State")


class Learner(Protocol[State]):
    """What is trained: it goes through an epoch, says how good it is, and can go back to how it was.

    ``metric`` is the figure that decides which epoch is best; it is the objective for labels, and the MRR for links.
    ``chosen_by`` is ``train`` where too few items were there to hold any out.
    """

    metric: str
    chosen_by: Split

    def steps(self) -> Iterator[float]:
        """Train one epoch; the loss of each batch, as soon as its step is made."""

    def validated(self) -> float:
        """The metric on items to choose by; NaN where it cannot be worked out."""

    def state(self) -> State:
        """A copy of everything trained."""

    def restore(self, state: State) -> None:
        """Take a copy back."""


def fit(trial: Trial[EpochSettings], learner: Learner[State], epochs: int | None = None) -> list[dict[str, float]]:
    """Train, and leave the learner as it was after its best epoch.

    The first half of the epochs never stops early: small validation splits are noisy, and where one class is frequent
    accuracy falls below that of the constant answer before it rises above it. Time ends training after any step; what
    was learned until then counts.

    Args:
        trial: hyperparameters, progress and time.
        learner: what is trained.
        epochs: how many; None is ``num-epochs``.

    Returns:
        One entry an epoch: its number, mean loss, and the metric.
    """
    settings = trial.settings
    total = settings.num_epochs if epochs is None else epochs
    stop = EarlyStop(settings.window_for_early_stop if settings.enable_early_stop else 0, patience=total // 2)
    sign = 1.0 if direction(learner.metric) == "maximize" else -1.0
    best, history = learner.state(), []
    for epoch in range(total):
        trial.tell("training", epoch, total)
        losses = []
        for loss in learner.steps():
            losses.append(loss)
            if trial.out_of_time:
                break
        value = learner.validated()
        history.append({"epoch": epoch + 1, "loss": float(np.mean(losses)), learner.metric: value})
        trial.measured({learner.metric: value}, epoch + 1, total, learner.chosen_by)
        worse = stop.worse(-np.inf if np.isnan(value) else sign * value)
        if stop.improved:
            best = learner.state()
        if worse or trial.out_of_time:
            trial.container.log(f"stopped early after epoch {epoch + 1}; best {learner.metric} {sign * stop.best:.4f}")
            break
    learner.restore(best)
    return history
