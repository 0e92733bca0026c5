"""A search as ask and tell: the sampler is asked what to try, a launcher runs it, and what came out is told.

The loop knows no machine: where trials run is the launcher's business. A trial that has ended is a file
(``trials/<number>.json``), so a search that was killed goes on with the trials it lacks, and what is tried does not
depend on timing (see ``samplers``).
"""

from __future__ import annotations

import json
import logging
import math
import re
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from training_scripts.graph_ml.schemas import files
from workflow import tracing
from workflow.tuning.pruning import argument
from workflow.tuning.results import Trial, chosen
from workflow.tuning.samplers import Proposal, Search
from workflow.tuning.space import FAMILY

_log = logging.getLogger(__name__)

HOPELESS_AFTER = 3  # failed trials of one reason, and no success, end a search early
PROGRESS = files.PROGRESS
_TICK_S = 0.25


class TrialLauncher(Protocol):
    """Runs the trials of one search somewhere. Called from several threads, each with a trial of its own."""

    def launch(self, trial: Trial, stop: threading.Event) -> Trial:
        """Run a trial to its end, keep its model, and return it with its state, value, metrics and measures.

        A trial of that name that was launched by an earlier run of the service and still runs, or has ended, is taken
        over. ``stop`` asks to end it early, it is then ``Stopped``. What goes wrong with a trial is its ``reason``.
        """

    def describe(self, trial: Trial) -> Mapping[str, Any]:
        """What can be told of a trial under way: ``progress`` and ``model``, where they are known."""


@dataclass
class Loop:
    """One search, from its first trial to its last.

    Attributes:
        search: what to try next.
        trials: how many to run.
        metric: what the trials report, for the log.
        arguments: what every trial is given beside its hyperparameters.
        name_of: the name of a trial by its number, which is from 1.
        folder: keeps the trials that have ended, and the progress.
        say: gets a line for each thing that happens.
        budget_s: seconds after which no trial begins, and those under way bring their training to an end; None for no
            bound. One trial is run in any case.
        finished: trials that have ended, by number.
    """

    search: Search
    trials: int
    metric: str
    arguments: Mapping[str, str]
    name_of: Callable[[int], str]
    folder: Path
    launcher: TrialLauncher
    say: Callable[[str], None]
    budget_s: float | None = None
    finished: dict[int, Trial] = field(default_factory=dict, init=False)
    _taken_over: frozenset[int] = field(default=frozenset(), init=False)
    _above: Any = field(default=None, init=False)
    _began: float = field(default_factory=time.monotonic, init=False)

    @property
    def _is_spent(self) -> bool:
        return self.budget_s is not None and time.monotonic() - self._began >= self.budget_s

    def run(self, cancelled: threading.Event) -> tuple[Trial, ...]:
        """The trials in order, fewer than were asked for where none can succeed or the search was cancelled."""
        (self.folder / "trials").mkdir(parents=True, exist_ok=True)
        self._recover()
        self._above = tracing.current()  # trials run in threads of their own
        running: dict[Future[Trial], Trial] = {}
        stop, told = _Either(cancelled), False
        with ThreadPoolExecutor(self.search.parallel, thread_name_prefix="trial") as pool:
            try:
                while not cancelled.is_set() and not self._is_hopeless():
                    if self._is_spent and not told:
                        told = True
                        self.say(f"the budget of {self.budget_s:g} s is spent; no further trial begins")
                    for trial in self._next({trial.number for trial in running.values()}):
                        running[pool.submit(self._launch, trial, stop)] = trial
                    self.write_progress([*running.values()])
                    if not running:
                        break
                    done, _ = wait(running, timeout=_TICK_S, return_when=FIRST_COMPLETED)
                    for future in done:
                        del running[future]
                        self._tell(future.result())
            finally:
                stop.set()
        return tuple(self.finished[number] for number in sorted(self.finished))

    # -- ask

    def _next(self, under_way: set[int]) -> list[Trial]:
        """The trials to begin now."""
        begun: list[Trial] = []
        for number in range(1, self.trials + 1):
            if self._is_spent and (self.finished or under_way or begun):
                break
            if len(under_way) + len(begun) >= self.search.parallel:
                break
            if number in self.finished or number in under_way:
                continue
            if any(needed not in self.finished for needed in range(1, self.search.needs(number) + 1)):
                break
            proposal = self.search.propose(number, list(self.finished.values()))
            self.say(f"trial {number} begins ({proposal.origin}): {self._chosen(proposal)}")
            begun.append(self._ordered(number, proposal))
        return begun

    def _ordered(self, number: int, proposal: Proposal) -> Trial:
        bars = self.search.bars(number, list(self.finished.values()))
        given = {**self.search.space.arguments(proposal.sample), **self.arguments, **argument(bars)}
        if self.budget_s is not None:
            left = max(1.0, self.budget_s - (time.monotonic() - self._began))
            own = float(given.get("max-seconds") or 0)  # 0 is no bound
            given["max-seconds"] = f"{min(left, own or left):.0f}"
        return Trial(number, self.name_of(number), "Failed", dict(proposal.sample), given, proposal.origin)

    def _chosen(self, proposal: Proposal) -> str:
        space = self.search.space
        chosen = space.arguments(proposal.sample)
        names = [name.partition("@")[0].partition("[")[0] for name in proposal.sample if name != FAMILY]
        values = (f"{name}={chosen[name]}" for name in dict.fromkeys(names) if name in chosen)
        return " ".join([space.family(proposal.sample), *values])

    # -- tell

    def _launch(self, trial: Trial, stop: threading.Event) -> Trial:
        with tracing.span("trial", self._above, trial_number=trial.number, trial_name=trial.name) as span:
            ended = self.launcher.launch(trial, stop)
            if span is not None:
                span.set_attributes({"despina.trial.state": ended.state, "despina.trial.model": ended.family})
        if ended.state != "Stopped":
            self._keep(ended)
        return ended

    def _tell(self, trial: Trial) -> None:
        self.finished[trial.number] = trial
        outcome = f"{trial.judged_on} {self.metric}={trial.value}" if trial.reason is None else trial.reason
        self.say(f"trial {trial.number} {trial.state.lower()} after {trial.wall_s:.1f} s: {outcome}")

    def _keep(self, trial: Trial) -> None:
        try:
            _replace(self.folder / "trials" / f"{trial.number:03d}.json", json.dumps(trial.to_json(), indent=2))
        except OSError as error:  # a full disk: the trial counts now, and is run again after a restart
            _log.warning("cannot keep the record of %s: %s", trial.name, error)

    def _recover(self) -> None:
        for path in sorted((self.folder / "trials").glob("*.json")):
            try:
                trial = Trial.from_json(json.loads(path.read_text()))
            except (ValueError, TypeError, KeyError):
                path.unlink()
                continue
            if trial.number <= self.trials and trial.state != "Stopped":
                self.finished[trial.number] = trial
        self._taken_over = frozenset(self.finished)
        if self.finished:
            self.say(f"goes on with {len(self.finished)} finished trials")

    def _is_hopeless(self) -> bool:
        trials = list(self.finished.values())
        if len(trials) < HOPELESS_AFTER or any(trial.state == "Completed" for trial in trials):
            return False
        return len({essence(trial.reason) for trial in trials}) == 1

    # -- progress

    def write_progress(self, running: list[Trial], phase: str = "training") -> None:
        """Write how far the search is to ``progress.json`` of its folder, where ``read_progress`` finds it."""
        under_way = [self._under_way(trial) for trial in sorted(running, key=lambda trial: trial.number)]
        winner = chosen(self.finished.values(), self.search.direction)
        document = {
            "phase": phase,
            "step": len(self.finished),
            "total": self.trials,
            "metric": None if winner is None else {"name": f"{winner.judged_on}_{self.metric}", "value": winner.value},
            "eta_s": self._eta_s(under_way),
            "updated_ms": int(time.time() * 1000),
            "trials": [
                *(
                    {"number": t.number, "name": t.name, "state": t.state, "model": t.family, "value": t.value}
                    for t in sorted(self.finished.values(), key=lambda t: t.number)
                ),
                *under_way,
            ],
        }
        try:
            _replace(self.folder / PROGRESS, json.dumps(document))
        except OSError as error:
            _log.debug("no progress written: %s", error)

    def _under_way(self, trial: Trial) -> dict[str, Any]:
        told = self.launcher.describe(trial)
        return {"number": trial.number, "name": trial.name, "state": "InProgress", "model": trial.family, **told}

    def _eta_s(self, under_way: list[dict[str, Any]]) -> float | None:
        """Seconds to the end: by the trials that have ended, before the first by what the running ones expect."""
        left = self.trials - len(self.finished)
        walls = [trial.wall_s for trial in self.finished.values() if trial.number not in self._taken_over]
        if walls:
            return sum(walls) / len(walls) * left / self.search.parallel
        expected = [trial.get("progress", {}).get("eta_s") for trial in under_way]
        known = [float(eta_s) for eta_s in expected if isinstance(eta_s, int | float)]
        return max(known) * math.ceil(left / self.search.parallel) if known else None


def read_progress(path: Path) -> Mapping[str, Any] | None:
    """Read a progress file; None where it is missing or cannot be read."""
    try:
        document = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) else None


def essence(reason: str | None) -> str:
    """A reason without its figures, to see whether two trials failed alike."""
    return re.sub(r"[\d.]+", "#", (reason or "").partition("(")[0])


def _replace(path: Path, text: str) -> None:
    partial = path.with_suffix(".partial")
    partial.write_text(text)
    partial.replace(path)


class _Either(threading.Event):
    """Set when it is set itself, or when another event is."""

    def __init__(self, other: threading.Event) -> None:
        super().__init__()
        self._other = other

    def is_set(self) -> bool:
        return super().is_set() or self._other.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        return self.is_set() or super().wait(timeout) or self.is_set()
