"""What to try next, as a pure function of the seed and of the trials that count.

Nothing is kept between calls: the study is built anew from the finished trials each time. So a search that was
interrupted goes on exactly as it would have, and parallel trials do not make it depend on who finished first.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from workflow.tuning.pruning import bars
from workflow.tuning.results import Direction, Trial, best
from workflow.tuning.space import FAMILY, Dimension, Space

if TYPE_CHECKING:
    from optuna import Trial as OptunaTrial
    from optuna.distributions import BaseDistribution

Strategy = Literal["tpe", "random"]
STARTUP_TRIALS = 10  # drawn at random before TPE has enough to learn from


@dataclass(frozen=True)
class Proposal:
    """A sample to try, and how it came about."""

    sample: Mapping[str, Any]
    origin: Literal["default", "warm-start", "random", "tpe"]


@dataclass(frozen=True)
class Search:
    """A search: its space, direction, seed, and what an earlier job's trials taught.

    Args:
        parallel: how many trials run at once; a trial is proposed from those that must have finished by then.
        previous: trials of an earlier job over a like space; the best of them is tried again first.
        prunes: whether trials are given up before their last epoch that fall behind.
    """

    space: Space
    direction: Direction
    seed: int
    parallel: int = 1
    previous: tuple[Trial, ...] = ()
    strategy: Strategy = "tpe"
    prunes: bool = False

    def needs(self, number: int) -> int:
        """How many of the first trials must have ended before this one can be proposed; numbers are from 1."""
        if number <= len(self._planned()) or (self._by_chance(number) and not self.prunes):
            return 0
        return max(0, number - self.parallel)

    def bars(self, number: int, finished: Sequence[Trial]) -> dict[float, float]:
        """What a trial must reach to go on, by share of its epochs; what is planned is never given up."""
        if not self.prunes or number <= len(self._planned()):
            return {}
        before = [trial for trial in finished if trial.number <= number - self.parallel]
        return bars(number, before, self.direction)

    def propose(self, number: int, finished: Sequence[Trial]) -> Proposal:
        """The sample of a trial.

        Args:
            number: from 1.
            finished: at least the trials that ``needs`` asks for; later ones do not change the answer.
        """
        planned = self._planned()
        if number <= len(planned):
            return planned[number - 1]
        if not self.space.dimensions:
            return Proposal({}, "default")
        by_chance = self._by_chance(number)
        known = [] if by_chance else [trial for trial in finished if trial.number <= number - self.parallel]
        return Proposal(self._ask(number, known, by_chance), "random" if by_chance else "tpe")

    def _by_chance(self, number: int) -> bool:
        if self.strategy == "random":
            return True
        return number <= max(STARTUP_TRIALS, self.parallel) and not self.previous

    def _planned(self) -> list[Proposal]:
        """What is tried first: the best of an earlier job, then each family as its defaults have it."""
        planned = []
        winner = best(self.previous, self.direction)
        if winner is not None and self._fits(winner.sample):
            planned.append(Proposal(dict(winner.sample), "warm-start"))
        tried = [proposal.sample for proposal in planned]
        defaults = (self.space.defaults(family) for family in self.space.families)
        planned.extend(Proposal(sample, "default") for sample in defaults if sample not in tried)
        return planned

    def _fits(self, sample: Mapping[str, Any]) -> bool:
        relevant = {d.name: d for d in self.space.relevant(self.space.family(sample))}
        chosen = {name: value for name, value in sample.items() if name != FAMILY}
        family_is_known = self.space.family(sample) in self.space.families
        return (
            family_is_known
            and chosen.keys() == relevant.keys()
            and all(_contains(relevant[name], value) for name, value in chosen.items())
        )

    def _ask(self, number: int, known: Sequence[Trial], by_chance: bool) -> dict[str, Any]:
        import optuna  # half a second; only a service that tunes pays for it

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        seed = (self.seed * 1_000_003 + number) % 2**32
        sampler: optuna.samplers.BaseSampler = (
            optuna.samplers.RandomSampler(seed=seed)
            if by_chance
            else optuna.samplers.TPESampler(seed=seed, n_startup_trials=1)
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # optuna calls several of its parts experimental
            study = optuna.create_study(sampler=sampler, direction=self.direction)
            for trial in (*self.previous, *known):
                if trial.state == "Completed" and trial.value is not None and self._fits(trial.sample):
                    study.add_trial(self._told(trial))
            asked = study.ask()
            sample: dict[str, Any] = {}
            for dimension in self.space.dimensions:  # the family comes first, so that the rest can depend on it
                if dimension.name == FAMILY or dimension.applies_to(self.space.family(sample)):
                    sample[dimension.name] = _suggested(asked, dimension)
        return sample

    def _told(self, trial: Trial) -> Any:
        import optuna

        chosen = [d for d in self.space.dimensions if d.name in trial.sample]
        return optuna.trial.create_trial(
            params={d.name: _internal(d, trial.sample[d.name]) for d in chosen},
            distributions={d.name: _distribution(d) for d in chosen},
            value=trial.value,
        )


def _distribution(dimension: Dimension) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if dimension.options and dimension.ordered:
        return IntDistribution(0, len(dimension.options) - 1)
    if dimension.options:
        return CategoricalDistribution(tuple(range(len(dimension.options))))
    if dimension.integer:
        return IntDistribution(int(dimension.low), int(dimension.high), log=dimension.log)
    return FloatDistribution(dimension.low, dimension.high, log=dimension.log)


def _suggested(asked: OptunaTrial, dimension: Dimension) -> Any:
    """The value the sampler draws; the calls agree with ``_distribution``."""
    name, last = dimension.name, len(dimension.options) - 1
    if dimension.options and dimension.ordered:
        return dimension.options[asked.suggest_int(name, 0, last)]
    if dimension.options:
        return dimension.options[asked.suggest_categorical(name, tuple(range(last + 1)))]
    if dimension.integer:
        return asked.suggest_int(name, int(dimension.low), int(dimension.high), log=dimension.log)
    return asked.suggest_float(name, dimension.low, dimension.high, log=dimension.log)


def _internal(dimension: Dimension, value: Any) -> Any:
    return dimension.options.index(value) if dimension.options else value


def _contains(dimension: Dimension, value: Any) -> bool:
    if dimension.options:
        return value in dimension.options
    return isinstance(value, int | float) and dimension.low <= value <= dimension.high
