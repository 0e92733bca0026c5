"""The epochs of every family that has any: progress, early stopping, time, checkpoints, and the best epoch kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor

from ..container import JobError
from ..devices import random_state, restore_random_state
from ..graph.data import Times
from ..models.settings import StoppingSettings
from ..pairs.graph import Ints
from ..schemas.model import Split
from .checkpoints import Checkpoint, Checkpoints, copies, take
from .context import Trial, direction
from .stopping import EarlyStop, Pruned, missed_bar

Batch = TypeVar("Batch")


def in_time(order: Ints, times: Times | None) -> Ints:
    """Items in this order, int64 (n,), but the earlier ones first where all items have times, float64."""
    return order if times is None else order[np.argsort(times[order], kind="stable")]


class Learner(Protocol[Batch]):
    """What is trained, batch by batch.

    ``metric`` is the figure that decides which epoch is best; it is the objective for labels, and the MRR for links.
    ``chosen_by`` is ``train`` where too few items were there to hold any out. ``rng`` draws all that torch does not.
    """

    metric: str
    chosen_by: Split
    rng: np.random.Generator

    def batches(self) -> Sequence[Batch]:
        """What the steps of one epoch are made of; all that is drawn to choose it is drawn here."""

    def step(self, batch: Batch) -> float:
        """Train on one batch; its loss."""

    def validated(self) -> float:
        """The metric on items to choose by; NaN where it cannot be worked out."""

    def weights(self) -> Mapping[str, Tensor]:
        """Everything trained, by name, as it is in use."""

    def moments(self) -> Mapping[str, Tensor]:
        """What the optimisers remember, by name, as it is in use."""


@dataclass
class Standing:
    """How far a training has come.

    Attributes:
        epoch: epochs that are finished.
        done: batches of the next epoch that are.
        losses: theirs.
        drawn_from: state of ``rng`` before the batches of that epoch were drawn.
        best: weights after the best epoch.
        history: one entry an epoch.
        finished: whether nothing is left to do but take the best weights.
    """

    stop: EarlyStop
    best: dict[str, Tensor]
    drawn_from: Mapping[str, Any]
    epoch: int = 0
    done: int = 0
    losses: list[float] = field(default_factory=list)
    history: list[dict[str, float]] = field(default_factory=list)
    finished: bool = False

    def facts(self, learner: Learner[Any]) -> dict[str, Any]:
        """What a checkpoint says beside tensors."""
        return {
            "epoch": self.epoch,
            "done": self.done,
            "losses": self.losses,
            "history": self.history,
            "finished": self.finished,
            "scores": self.stop.scores,
            "drawn_from": self.drawn_from,
            "rng": learner.rng.bit_generator.state,
        }

    def restore(self, learner: Learner[Any], kept: Checkpoint, device: torch.device) -> None:
        """Go on where a checkpoint was made."""
        facts = kept.facts
        self.epoch, self.done, self.losses = facts["epoch"], facts["done"], facts["losses"]
        self.history, self.finished, self.drawn_from = facts["history"], facts["finished"], facts["drawn_from"]
        for score in facts["scores"]:
            self.stop.worse(score)
        take(learner.weights(), kept.group("weights"))
        take(learner.moments(), kept.group("moments"))
        self.best = kept.group("best")
        learner.rng.bit_generator.state = facts["rng"]
        restore_random_state(kept.group("torch"), device)

    def keep(self, learner: Learner[Any], checkpoints: Checkpoints, device: torch.device) -> None:
        """Make a checkpoint."""
        groups = {
            "weights": learner.weights(),
            "moments": learner.moments(),
            "best": self.best,
            "torch": random_state(device),
        }
        checkpoints.write(groups, self.facts(learner))


def fit(
    trial: Trial[StoppingSettings], learner: Learner[Batch], epochs: int, name: str = "training", bars: str = ""
) -> list[dict[str, float]]:
    """Train, and leave the learner as it was after its best epoch.

    The first half of the epochs never stops early: small validation splits are noisy, and where one class is frequent
    accuracy falls below that of the constant answer before it rises above it. Time ends training after any step; what
    was learned until then counts. A training that was interrupted goes on from its last checkpoint, and ends in the
    same weights on the same processor with as many threads; ``max-seconds`` counts anew.

    Args:
        trial: hyperparameters, progress and time.
        learner: what is trained.
        epochs: how many at most.
        name: of the checkpoint, which tells trainings of one trial apart.
        bars: figures to be reached on the way, see ``missed_bar``.

    Returns:
        One entry an epoch: its number, mean loss, and the metric.

    Raises:
        JobError: the loss of the first epoch is no number; that of a later one ends training.
    """
    settings = trial.settings
    sign = 1.0 if direction(learner.metric) == "maximize" else -1.0
    stop = EarlyStop(settings.window_for_early_stop if settings.enable_early_stop else 0, patience=epochs // 2)
    standing = Standing(stop, copies(learner.weights()), learner.rng.bit_generator.state)
    checkpoints = trial.checkpoints(name, settings.checkpoint_seconds)
    kept = checkpoints.read()
    if kept is not None:
        standing.restore(learner, kept, trial.device)
        trial.container.log(f"{name} goes on after {standing.epoch} epochs and {standing.done} batches")
    while not standing.finished:
        trial.tell("training", standing.epoch, epochs)
        _epoch(trial, learner, standing, checkpoints)
        loss = float(np.mean(standing.losses))
        broken = not np.isfinite(loss)
        value = float("nan") if broken else learner.validated()
        standing.epoch += 1
        standing.done, standing.losses = 0, []
        standing.history.append({"epoch": standing.epoch, "loss": loss, learner.metric: value})
        if broken and standing.epoch == 1:
            raise JobError(
                f"training broke down in its first epoch: the loss is {loss}, no number. Lower 'lr', or look for "
                "enormous numbers among the features and labels"
            )
        trial.curves.add({"training/loss": standing.history[-1]["loss"]}, standing.epoch)
        trial.measured({learner.metric: value}, standing.epoch, epochs, learner.chosen_by)
        worse = stop.worse(-np.inf if np.isnan(value) else sign * value)
        if stop.improved and not broken:
            standing.best = copies(learner.weights())
        standing.drawn_from = learner.rng.bit_generator.state
        missed = None
        if learner.metric == trial.objective:
            missed = missed_bar(bars, standing.epoch / epochs, sign * stop.best, sign)
        if missed is not None:
            reached = f"{learner.metric} {sign * stop.best:.4g} after {standing.epoch} of {epochs} epochs"
            raise Pruned(f"given up early: {reached}, where {missed:.4g} was asked for", standing.history, epochs)
        standing.finished = broken or worse or trial.out_of_time or standing.epoch >= epochs
        if standing.finished and standing.epoch < epochs:
            trial.container.log(
                f"stopped early after epoch {standing.epoch}; best {learner.metric} {sign * stop.best:.4f}"
            )
        if checkpoints.due:
            standing.keep(learner, checkpoints, trial.device)
    take(learner.weights(), standing.best)
    return standing.history


def kept_epoch(history: list[dict[str, float]], metric: str, epochs: int, of: str) -> str:
    """A sentence on the epoch whose weights ``fit`` has left, from what it returned."""
    sign = 1.0 if direction(metric) == "maximize" else -1.0
    best = max(
        history, key=lambda entry: (-np.inf if np.isnan(entry[metric]) else sign * entry[metric], entry["epoch"])
    )
    return (
        f"trained for {len(history)} of {epochs} epochs, of which number {best['epoch']:.0f} is kept, with the best "
        f"{metric}, {best[metric]:.4g}, on {of}"
    )


def _epoch(
    trial: Trial[StoppingSettings], learner: Learner[Batch], standing: Standing, checkpoints: Checkpoints
) -> None:
    """The rest of an epoch."""
    if standing.done:
        # the batches are drawn once more as they were, and nothing else is
        reached = learner.rng.bit_generator.state
        learner.rng.bit_generator.state = standing.drawn_from
        batches = learner.batches()
        learner.rng.bit_generator.state = reached
    else:
        batches = learner.batches()
    for batch in batches[standing.done :]:
        standing.losses.append(learner.step(batch))
        standing.done += 1
        if trial.out_of_time:
            break
        if checkpoints.due:
            standing.keep(learner, checkpoints, trial.device)
