"""Hyperparameter search on this machine: trials of ``train.py`` as child processes, several at once.

A finished trial is a file (``trials/<number>.json``) written after its archive was stored, so a search that was killed
goes on with the trials it lacks. What is tried does not depend on timing (see ``hpo.samplers``).
"""

from __future__ import annotations

import json
import logging
import math
import os
import re
import shutil
import threading
import time
from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workflow.errors import WorkflowError
from workflow.runners.base import Control, JobCancelled, JobFailed, Tuned, Tuning
from workflow.runners.bundle import unpack
from workflow.runners.container import prepare_training
from workflow.runners.failures import explain
from workflow.runners.process import run_guarded
from workflow.runners.publishing import ARCHIVE, flat_metrics, pack_model, publish_model, read_metrics
from workflow.runners.tuning_report import render
from workflow.storage import S3Uri
from workflow.tuning.results import Trial, best, verdict
from workflow.tuning.samplers import Proposal, Search
from workflow.tuning.space import FAMILY

if TYPE_CHECKING:
    from workflow.runners.local import LocalRunner

_log = logging.getLogger(__name__)

HOPELESS_AFTER = 3  # failed trials of one reason, and no success, end a search early
_TICK_S = 0.25


def trial_name(tuning: Tuning, number: int) -> str:
    """A trial's name in SageMaker's form: number, a hash, and what it ran on."""
    return f"{tuning.name}-{number:03d}-{sha256(f'{tuning.folder_name}/{number}'.encode()).hexdigest()[:8]}-cpu"


def metric_value(log: Path, metric: str) -> float | None:
    """The last ``validation <metric>=<number>`` of a log."""
    pattern = re.compile(rf"validation[ _]{re.escape(metric)}=([0-9.eE+-]+)")
    found: float | None = None
    with log.open(errors="replace") as lines:
        for line in lines:
            if match := pattern.search(line):
                try:
                    found = float(match[1])
                except ValueError:
                    continue
    return found if found is not None and math.isfinite(found) else None


class LocalTuning:
    """One search, from its first trial to the published model."""

    def __init__(self, runner: LocalRunner, tuning: Tuning, control: Control) -> None:
        self.runner, self.tuning, self.control = runner, tuning, control
        self.folder = runner.work / tuning.folder_name
        # more trials at once than processors only take memory and make each other slow
        self.parallel = max(1, min(tuning.parallel, tuning.trials, os.cpu_count() or 1))
        self.search = Search(tuning.space, tuning.direction, tuning.seed, self.parallel, previous=tuning.previous)
        self.finished: dict[int, Trial] = {}
        self._stop = threading.Event()  # ends the running trials, whatever the reason
        self._began = time.monotonic()

    def run(self) -> Tuned:
        """Raises JobFailed, JobCancelled."""
        (self.folder / "trials").mkdir(parents=True, exist_ok=True)
        self._recover()
        reused = set(self.finished)
        running: dict[Future[Trial], int] = {}
        with ThreadPoolExecutor(self.parallel, thread_name_prefix=self.tuning.name) as pool:
            try:
                while True:
                    self._start_next(pool, running)
                    self._write_progress(running, reused)
                    if not running:
                        break
                    done, _ = wait(running, timeout=_TICK_S, return_when=FIRST_COMPLETED)
                    if self.control.cancelled.is_set():
                        raise JobCancelled(self.tuning.name)
                    for future in done:
                        number = running.pop(future)
                        trial = self.finished[number] = future.result()
                        outcome = (
                            f"validation {self.tuning.metric}={trial.value}" if trial.reason is None else trial.reason
                        )
                        self._say(f"trial {number} {trial.state.lower()} after {trial.wall_s:.1f} s: {outcome}")
                    if self._is_hopeless():
                        break
            finally:
                self._stop.set()
        return self._conclude()

    # -- trials

    def _recover(self) -> None:
        for path in sorted((self.folder / "trials").glob("*.json")):
            try:
                trial = Trial.from_json(json.loads(path.read_text()))
            except (ValueError, TypeError, KeyError):
                path.unlink()
                continue
            if trial.number <= self.tuning.trials and trial.state != "Stopped":
                self.finished[trial.number] = trial
        if self.finished:
            self._say(f"goes on with {len(self.finished)} finished trials")

    def _start_next(self, pool: ThreadPoolExecutor, running: dict[Future[Trial], int]) -> None:
        for number in range(1, self.tuning.trials + 1):
            if len(running) >= self.parallel or self._is_hopeless():
                return
            if number in self.finished or number in running.values():
                continue
            if any(needed not in self.finished for needed in range(1, self.search.needs(number) + 1)):
                return
            proposal = self.search.propose(number, list(self.finished.values()))
            self._say(f"trial {number} begins ({proposal.origin}): {self._chosen(proposal)}")
            running[pool.submit(self._trial, number, proposal)] = number

    def _trial(self, number: int, proposal: Proposal) -> Trial:
        name = trial_name(self.tuning, number)
        hyperparameters = {**self.tuning.space.arguments(proposal.sample), **self.tuning.arguments}
        folder = self.folder / f"trial-{number:03d}"
        base = folder / "ml"
        log = self.runner.log_path(name)
        trial = Trial(number, name, "Failed", dict(proposal.sample), hyperparameters, proposal.origin)
        try:
            container = prepare_training(base, name, None, hyperparameters, self.runner.region)
            self.runner.bring(self.tuning.channel, base / "input" / "data" / "train")
            if self.tuning.code is not None:
                self.runner.bring(self.tuning.code, base / "input" / "data" / "code")
            log.parent.mkdir(parents=True, exist_ok=True)
            log.unlink(missing_ok=True)
            ending = run_guarded(
                self.runner.command(self.tuning.script, [p for n, v in hyperparameters.items() for p in (f"--{n}", v)]),
                self.runner.child_environment(container, share=self.parallel),
                folder,
                log,
                timeout_s=self.tuning.timeout_s,
                cancelled=_Either(self.control.cancelled, self._stop),
            )
            facts: dict[str, Any] = {"wall_s": ending.wall_s, "peak_memory_bytes": ending.peak_memory_bytes}
            if ending.outcome == "cancelled":
                return _with(trial, state="Stopped", **facts)
            if not ending.succeeded:
                reason = explain(
                    self.tuning.script,
                    ending,
                    base / "output" / "failure",
                    log,
                    self.tuning.timeout_s,
                    "trainingTimeOutInSeconds",
                )
                return self._keep(_with(trial, reason=reason, **facts))
            return self._keep(self._succeeded(trial, base, log, facts))
        except WorkflowError as error:
            return self._keep(_with(trial, reason=error.message))
        except OSError as error:
            what = "the disk is full; free some space" if error.errno == 28 else str(error)
            return self._keep(_with(trial, reason=f"the trial could not be run: {what}"))
        finally:
            for part in ("input", "model", "code"):
                shutil.rmtree(base / part, ignore_errors=True)

    def _succeeded(self, trial: Trial, base: Path, log: Path, facts: Mapping[str, Any]) -> Trial:
        model = base / "model"
        if not any(model.iterdir()):
            return _with(trial, reason=f"{self.tuning.script} succeeded but left no model; its log: {log}", **facts)
        document = read_metrics(model)
        value = document.get("value")
        if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
            value = metric_value(log, self.tuning.metric)
        if value is None:
            reason = (
                f"no line 'validation {self.tuning.metric}=…' in the log, so the trial cannot be compared; log: {log}"
            )
            return _with(trial, reason=reason, **facts)
        ended = _with(trial, state="Completed", value=float(value), metrics=flat_metrics(document), **facts)
        archive = base / "output" / ARCHIVE
        pack_model(model, self.runner.scripts, archive)
        for name, content in {
            f"output/{ARCHIVE}": archive.read_bytes(),
            "trial.json": json.dumps(ended.to_json(), indent=2).encode(),
            "train.log": log.read_bytes(),
        }.items():
            self.runner.storage.write(self._place(trial.name) / name, content)
        archive.unlink()
        return ended

    def _place(self, name: str) -> S3Uri:
        return self.tuning.trials_output / name

    def _keep(self, trial: Trial) -> Trial:
        path = self.folder / "trials" / f"{trial.number:03d}.json"
        partial = path.with_suffix(".partial")
        try:
            partial.write_text(json.dumps(trial.to_json(), indent=2))
            partial.replace(path)
        except OSError as error:  # a full disk: the trial counts now, and is run again after a restart
            _log.warning("cannot keep the record of %s: %s", trial.name, error)
        return trial

    # -- the end

    def _is_hopeless(self) -> bool:
        trials = list(self.finished.values())
        if len(trials) < HOPELESS_AFTER or any(trial.state == "Completed" for trial in trials):
            return False
        return len({_essence(trial.reason) for trial in trials}) == 1

    def _conclude(self) -> Tuned:
        trials = tuple(self.finished[number] for number in sorted(self.finished))
        winner = best(trials, self.tuning.direction)
        if winner is None:
            reasons: dict[str, str] = {}
            for trial in trials:
                reasons.setdefault(_essence(trial.reason), trial.reason or "unknown")
            counted = f"None of {len(trials)} training jobs succeeded. " if len(trials) > 1 else ""
            raise JobFailed(counted + " // ".join([*reasons.values()][:2]))
        self._write_progress({}, set(), phase="publishing")
        sentence = verdict(trials, self.tuning.direction, self.tuning.metric)
        self._say(sentence)
        wall_s = time.monotonic() - self._began
        tuned = Tuned(trials, winner, sentence, wall_s, max(trial.peak_memory_bytes for trial in trials))
        self._publish(tuned)
        return tuned

    def _publish(self, tuned: Tuned) -> None:
        model = self.folder / "best" / "model"
        shutil.rmtree(model.parent, ignore_errors=True)
        model.parent.mkdir(parents=True)
        download = self.folder / "best" / "download"
        self.runner.storage.download(self._place(tuned.best.name) / f"output/{ARCHIVE}", download)
        unpack(download / ARCHIVE, model)
        summary = {
            "tuning": self.tuning.name,
            "metric": self.tuning.metric,
            "direction": self.tuning.direction,
            "best": tuned.best.name,
            "verdict": tuned.verdict,
            "seed": self.tuning.seed,
            "trials": [trial.to_json() for trial in tuned.trials],
        }
        extras: dict[str, str | Path] = {
            "tuning_summary.json": json.dumps(summary, indent=2),
            "report.html": render(self.tuning, tuned),
        }
        for trial in tuned.trials:
            log = self.runner.log_path(trial.name)
            if log.exists():
                extras[f"trials/{trial.name}/train.log"] = log
            extras[f"trials/{trial.name}/trial.json"] = json.dumps(trial.to_json(), indent=2)
        publish_model(model, self.runner.scripts, self.runner.storage, self.tuning.output, extras)

    # -- progress

    def _say(self, text: str) -> None:
        """One line for the log of the search; each trial has a log of its own."""
        _log.info("%s: %s", self.tuning.name, text)
        try:
            path = self.runner.log_path(self.tuning.folder_name)
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a", encoding="utf-8") as log:
                log.write(f"{time.strftime('%H:%M:%S')} {text}\n")
        except OSError as error:
            _log.debug("no log written: %s", error)

    def _chosen(self, proposal: Proposal) -> str:
        family = self.tuning.space.family(proposal.sample)
        chosen = self.tuning.space.arguments(proposal.sample)
        names = [name.partition("@")[0].partition("[")[0] for name in proposal.sample if name != FAMILY]
        return " ".join([family, *(f"{name}={chosen[name]}" for name in dict.fromkeys(names) if name in chosen)])

    def _write_progress(self, running: Mapping[Future[Trial], int], reused: set[int], phase: str = "training") -> None:
        under_way = [self._running_trial(number) for number in sorted(running.values())]
        winner = best(self.finished.values(), self.tuning.direction)
        metric = None if winner is None else {"name": f"validation_{self.tuning.metric}", "value": winner.value}
        document = {
            "phase": phase,
            "step": len(self.finished),
            "total": self.tuning.trials,
            "metric": metric,
            "eta_s": self._eta_s(reused, under_way),
            "updated_ms": int(time.time() * 1000),
            "trials": [
                *(
                    {"number": t.number, "name": t.name, "state": t.state, "model": t.family, "value": t.value}
                    for t in sorted(self.finished.values(), key=lambda t: t.number)
                ),
                *under_way,
            ],
        }
        path = self.folder / "progress.json"
        partial = path.with_suffix(".partial")
        try:
            partial.write_text(json.dumps(document))
            partial.replace(path)
        except OSError as error:
            _log.debug("no progress written: %s", error)

    def _eta_s(self, reused: set[int], under_way: list[dict[str, Any]]) -> float | None:
        """Seconds to the end: by the trials that have ended, before the first by what the running ones expect."""
        left = self.tuning.trials - len(self.finished)
        walls = [trial.wall_s for trial in self.finished.values() if trial.number not in reused]
        if walls:
            return sum(walls) / len(walls) * left / self.parallel
        expected = [trial.get("progress", {}).get("eta_s") for trial in under_way]
        known = [float(eta_s) for eta_s in expected if isinstance(eta_s, int | float)]
        if not known:
            return None
        return max(known) * math.ceil(left / self.parallel)

    def _running_trial(self, number: int) -> dict[str, Any]:
        base = self.folder / f"trial-{number:03d}" / "ml"
        entry: dict[str, Any] = {"number": number, "name": trial_name(self.tuning, number), "state": "InProgress"}
        for path in (base / "output" / "progress.json", base / "input" / "config" / "hyperparameters.json"):
            try:
                document = json.loads(path.read_text())
            except (OSError, ValueError):
                continue
            if path.name == "progress.json":
                entry["progress"] = document
            else:
                entry["model"] = document.get("model")
        return entry


class _Either(threading.Event):
    """Set when either of two events is."""

    def __init__(self, first: threading.Event, second: threading.Event) -> None:
        super().__init__()
        self._first, self._second = first, second

    def is_set(self) -> bool:
        return self._first.is_set() or self._second.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        return self._second.is_set() or self._first.wait(timeout) or self._second.is_set()


def _with(trial: Trial, **changes: Any) -> Trial:
    return Trial.from_json({**trial.to_json(), **changes})


def _essence(reason: str | None) -> str:
    """A reason without its figures, to see whether two trials failed alike."""
    return re.sub(r"[\d.]+", "#", (reason or "").partition("(")[0])
