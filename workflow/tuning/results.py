"""What came out of a search: one record a trial, and which of them is best."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from training_scripts.graph_ml.schemas import Direction as Direction

TrialState = Literal["Completed", "Failed", "Stopped", "Pruned"]

# all metrics of the page are to be made large, but for the errors
_MINIMISED = {"mse", "rmse", "mae", "loss"}


@dataclass(frozen=True)
class Trial:
    """One finished trial.

    Attributes:
        number: from 1, in the order in which trials were proposed.
        sample: dimension names to values, what the sampler chose.
        hyperparameters: what the script was given, as text.
        value: of the objective; None unless it completed and reported one.
        value_error: its standard error; 0 where it is not known.
        reason: why it failed.
        warnings: what to know before relying on its model, in sentences.
        curve: the best value so far after each epoch, with the share of all epochs that it is; none where it has none.
        origin: ``default``, ``warm-start``, ``random`` or ``tpe``: how it came to be proposed.
    """

    number: int
    name: str
    state: TrialState
    sample: Mapping[str, Any]
    hyperparameters: Mapping[str, str]
    origin: str = "random"
    value: float | None = None
    value_error: float = 0.0
    metrics: Mapping[str, float] = field(default_factory=dict)
    wall_s: float = 0.0
    peak_memory_bytes: int = 0
    reason: str | None = None
    warnings: tuple[str, ...] = ()
    curve: tuple[tuple[float, float], ...] = ()

    @property
    def judged_on(self) -> Literal["validation", "training"]:
        """The items of its value: training items where too few were there to hold any out."""
        splits = {name.partition(".")[0] for name in self.metrics}
        return "training" if "train" in splits and "valid" not in splits else "validation"

    @property
    def family(self) -> str:
        """The model family it trained."""
        return self.hyperparameters.get("model", "")

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Trial:
        """The trial of ``to_json``. Unknown members are ignored."""
        known = {name: document[name] for name in cls.__dataclass_fields__ if name in document}
        curve = tuple((float(share), float(value)) for share, value in known.get("curve", ()))
        return cls(**{**known, "warnings": tuple(known.get("warnings", ())), "curve": curve})


@dataclass(frozen=True)
class Tuned:
    """How a search that found a model went; ``verdict`` says in a sentence which family won and why."""

    trials: tuple[Trial, ...]
    best: Trial
    verdict: str
    wall_s: float
    peak_memory_bytes: int


def direction_of(metric: str) -> Direction:
    """Whether a metric of Neptune's list is to be made large or small."""
    return "minimize" if metric.lower() in _MINIMISED else "maximize"


def best(trials: Iterable[Trial], direction: Direction) -> Trial | None:
    """The completed trial with the best value; of equals the earliest; None when none completed."""
    scored = [trial for trial in trials if trial.state == "Completed" and trial.value is not None]
    sign = -1.0 if direction == "maximize" else 1.0
    return min(scored, key=lambda trial: (sign * (trial.value or 0.0), trial.number), default=None)


def chosen(trials: Iterable[Trial], direction: Direction) -> Trial | None:
    """The trial whose model is kept; None when none completed.

    It is the best, unless a family that was tried before its own is as good but for the standard error of its value:
    what few items say is chance, and families are tried in the order in which they usually win, plain ones first.

    Source: Breiman, Friedman, Olshen, Stone 1984, the rule of one standard error.
    """
    known = sorted(trials, key=lambda trial: trial.number)
    winner = best(known, direction)
    if winner is None or winner.value is None:
        return winner
    for family in dict.fromkeys(trial.family for trial in known):
        rival = best([trial for trial in known if trial.family == family], direction)
        if rival is not None and abs((rival.value or 0.0) - winner.value) <= winner.value_error:
            return rival
    return winner


def verdict(trials: Iterable[Trial], direction: Direction, metric: str) -> str:
    """Which model family won, by how much, over which others, and what the winner loses to, in a few sentences."""
    known = list(trials)
    winner = chosen(known, direction)
    if winner is None:
        return "No trial completed, so there is no model."
    rivals: dict[str, Trial] = {}
    for family in sorted({trial.family for trial in known if trial.family != winner.family}):
        rival = best([trial for trial in known if trial.family == family], direction)
        if rival is not None:
            rivals[family] = rival
    done = sum(trial.state == "Completed" for trial in known)
    counted = f"{done} of {len(known)} trials completed" if len(known) > 1 else "the only trial"
    pruned = sum(trial.state == "Pruned" for trial in known)
    counted += f", {pruned} given up early" if pruned else ""
    name = winner.family or "The model"
    text = f"{name} won with {winner.judged_on} {metric} {winner.value:.4g} (trial {winner.number}; {counted})"
    ranked = sorted(rivals.values(), key=lambda trial: trial.value or 0.0, reverse=direction == "maximize")
    ahead = [trial for trial in ranked if best([winner, trial], direction) is trial and trial.value != winner.value]
    if behind := ranked[len(ahead) :]:
        text += ", ahead of " + ", ".join(f"{trial.family} with {trial.value:.4g}" for trial in behind)
    if ahead:
        told = ", ".join(f"{trial.family} with {trial.value:.4g}" for trial in ahead)
        text += f"; {told} is not better beyond chance (± {ahead[0].value_error:.2g}), and {name} was tried before"
    return " ".join([f"{text}.", *(f"{warning}." for warning in winner.warnings)])


def dollars(trials: Iterable[Trial], hourly: float | None) -> float | None:
    """US dollars that trials have cost where an hour of the machines of each costs ``hourly``; None where that is."""
    return None if hourly is None else hourly * sum(trial.wall_s for trial in trials) / 3600
