"""The trials of a search as child processes of this machine."""

from __future__ import annotations

import json
import re
import shutil
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from workflow.errors import WorkflowError
from workflow.runners.base import Tuning
from workflow.runners.container import prepare_training
from workflow.runners.failures import explain
from workflow.runners.local.children import BASE, Children
from workflow.runners.process import run_guarded
from workflow.runners.publishing import ARCHIVE, flat_metrics, is_number, pack_model, read_metrics
from workflow.tuning.loop import PROGRESS, read_progress
from workflow.tuning.results import Trial


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
        ending = run_guarded(
            children.command(tuning.script, trial.hyperparameters),
            children.all_variables(container, share=self.parallel),
            base.parent,
            log,
            timeout_s=tuning.timeout_s,
            cancelled=stop,
        )
        ended = replace(trial, wall_s=ending.wall_s, peak_memory_bytes=ending.peak_memory_bytes)
        if ending.outcome == "cancelled":
            return replace(ended, state="Stopped")
        if not ending.succeeded:
            failure = base / "output" / "failure"
            field = "trainingTimeOutInSeconds"
            return replace(ended, reason=explain(tuning.script, ending, failure, log, tuning.timeout_s, field))
        return self._succeeded(ended, base, log)

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
        ended = replace(trial, state="Completed", value=float(value), metrics=flat_metrics(document), warnings=told)
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
        return ended
