"""The trials of a search as child processes of this machine."""

from __future__ import annotations

import json
import re
import shutil
import signal
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from training_scripts.graph_ml.schemas import files
from workflow.errors import WorkflowError
from workflow.runners.base import Tuning
from workflow.runners.container import prepare_training
from workflow.runners.failures import explain
from workflow.runners.local.children import BASE, Children
from workflow.runners.process import Ending, run_guarded
from workflow.runners.publishing import (
    ARCHIVE,
    TENSORBOARD,
    flat_metrics,
    is_number,
    pack_model,
    read_metrics,
    standard_error,
)
from workflow.tuning.loop import PROGRESS, read_progress
from workflow.tuning.results import Trial, direction_of

#: how often a killed trial goes on from its checkpoint before it counts as failed
RESTARTS = 3
#: the script whose processes know of each other
TRAIN = "train.py"
#: what a trial leaves that gave up
PRUNED = files.PRUNED


def metric_value(log: Path, metric: str) -> float | None:
    """The last ``validation <metric>=<number>`` of a log, or ``training`` where nothing was held out."""
    pattern = re.compile(rf"(?:validation|training)[ _]{re.escape(metric)}=([0-9.eE+-]+)")
    found: float | None = None
    with log.open(errors="replace") as lines:
        for line in lines:
            if match := pattern.search(line):
                try:
                    found = float(match[1])
                except ValueError:
                    continue
    return found if is_number(found) else None


def curve_of(document: Mapping[str, Any], metric: str, trial: Trial) -> tuple[tuple[float, float], ...]:
    """The best value so far after each epoch, with the share of all epochs that it is, of a trial's figures."""
    history = [entry for entry in document.get("history") or () if is_number(entry.get(metric))]
    total = document.get("epochs") or float(trial.hyperparameters.get("num-epochs") or len(history))
    better = max if direction_of(metric) == "maximize" else min
    so_far: list[float] = []
    for entry in history:
        so_far.append(better([*so_far[-1:], float(entry[metric])]))
    return tuple((min(1.0, (place + 1) / total), value) for place, value in enumerate(so_far))


@dataclass(frozen=True)
class LocalTrials:
    """The TrialLauncher of one machine.

    Attributes:
        folder: the working folder of the search.
        parallel: how many trials share the processors.
    """

    children: Children
    tuning: Tuning
    folder: Path
    parallel: int

    def launch(self, trial: Trial, stop: threading.Event) -> Trial:
        base = self._base(trial)
        try:
            return self._run(trial, base, stop)
        except WorkflowError as error:
            return replace(trial, reason=error.message)
        except OSError as error:
            what = "the disk is full; free some space" if error.errno == 28 else str(error)
            return replace(trial, reason=f"the trial could not be run: {what}")
        finally:
            for part in ("input", "model", "code"):
                shutil.rmtree(base / part, ignore_errors=True)

    def describe(self, trial: Trial) -> Mapping[str, Any]:
        progress = read_progress(self._base(trial) / "output" / PROGRESS)
        return {} if progress is None else {"progress": progress}

    @property
    def processes(self) -> int:
        """How many processes share a trial: as many as machines were asked for; scripts of users run in one."""
        return self.tuning.resources.instance_count if self.tuning.script == TRAIN else 1

    def _base(self, trial: Trial) -> Path:
        return self.folder / f"trial-{trial.number:03d}" / BASE

    def _run(self, trial: Trial, base: Path, stop: threading.Event) -> Trial:
        children, tuning = self.children, self.tuning
        container = prepare_training(base, trial.name, None, trial.hyperparameters, children.region)
        children.bring(tuning.channel, base / "input" / "data" / "train")
        if tuning.code is not None:
            children.bring(tuning.code, base / "input" / "data" / "code")
        log = children.log_path(trial.name)
        log.parent.mkdir(parents=True, exist_ok=True)
        log.unlink(missing_ok=True)
        ending = self._run_and_go_on(trial, container, base, log, stop)
        ended = replace(trial, wall_s=ending.wall_s, peak_memory_bytes=ending.peak_memory_bytes)
        if ending.outcome == "cancelled":
            return replace(ended, state="Stopped")
        if not ending.succeeded:
            failure = base / "output" / "failure"
            field = "trainingTimeOutInSeconds"
            return replace(ended, reason=explain(tuning.script, ending, failure, log, tuning.timeout_s, field))
        pruned = read_progress(base / "output" / PRUNED)
        if pruned is not None:
            return replace(
                ended, state="Pruned", reason=str(pruned["reason"]), curve=curve_of(pruned, tuning.metric, trial)
            )
        return self._succeeded(ended, base, log)

    def _run_and_go_on(
        self, trial: Trial, container: Mapping[str, str], base: Path, log: Path, stop: threading.Event
    ) -> Ending:
        """Run the script; where a signal killed it after it had made a checkpoint, again, up to ``RESTARTS`` times."""
        children, tuning, wall_s, peak = self.children, self.tuning, 0.0, 0
        for attempt in range(1 + RESTARTS):
            began = time.time()
            ending = run_guarded(
                children.command(tuning.script, trial.hyperparameters, self.processes),
                children.all_variables(container, share=self.parallel * self.processes),
                base.parent,
                log,
                timeout_s=tuning.timeout_s - wall_s,
                cancelled=stop,
            )
            wall_s, peak = wall_s + ending.wall_s, max(peak, ending.peak_memory_bytes)
            ending = replace(ending, wall_s=wall_s, peak_memory_bytes=peak)
            kept = [path.stat().st_mtime for path in (base / "checkpoints").glob("*") if path.is_file()]
            killed = ending.outcome == "exited" and ending.signal == signal.SIGKILL
            if not killed or not kept or max(kept) < began or attempt == RESTARTS:
                break
            with log.open("a", encoding="utf-8") as lines:
                lines.write("the trial was killed; it goes on from its last checkpoint\n")
        return ending

    def _succeeded(self, trial: Trial, base: Path, log: Path) -> Trial:
        model = base / "model"
        if not any(model.iterdir()):
            return replace(trial, reason=f"{self.tuning.script} succeeded but left no model; its log: {log}")
        document = read_metrics(model)
        value = document.get("value")
        if not is_number(value):
            value = metric_value(log, self.tuning.metric)
        if value is None:
            line = f"no line 'validation {self.tuning.metric}=…' in the log, so the trial cannot be compared"
            return replace(trial, reason=f"{line}; log: {log}")
        told = tuple(str(warning) for warning in document.get("warnings", ()))
        curve = curve_of(document, self.tuning.metric, trial)
        measures = flat_metrics(document)
        ended = replace(
            trial,
            state="Completed",
            value=float(value),
            value_error=standard_error(document),
            metrics=measures,
            warnings=told,
            curve=curve,
        )
        archive = base / "output" / ARCHIVE
        pack_model(model, self.children.scripts, archive)
        place = self.tuning.trials_output / trial.name
        for name, content in {
            f"output/{ARCHIVE}": archive.read_bytes(),
            "trial.json": json.dumps(ended.to_json(), indent=2).encode(),
            "train.log": log.read_bytes(),
        }.items():
            self.children.storage.write(place / name, content)
        archive.unlink()
        if (events := base / "output" / "tensorboard").is_dir():
            self.children.storage.upload(events, self.tuning.trials_output / trial.name / TENSORBOARD)
        return ended
