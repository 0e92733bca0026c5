"""A toy runner: one more driver is one file, and this is it. Programs run one by one, without guard or limits."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from workflow.runners.base import Capacity, Control, Ended, JobCancelled, JobFailed, Task, Tuning
from workflow.runners.bundle import unpack
from workflow.runners.container import prepare_processing, prepare_training
from workflow.runners.failures import last_lines
from workflow.runners.publishing import ARCHIVE, flat_metrics, pack_model, publish_model, read_metrics
from workflow.runners.search import Site, run_search
from workflow.settings import Settings
from workflow.storage import ObjectNotFound, Storage
from workflow.tuning.loop import PROGRESS, read_progress
from workflow.tuning.results import Trial, Tuned


class PlainRunner:
    """Programs as children, waited for."""

    def __init__(self, settings: Settings, storage: Storage) -> None:
        self.home, self.scripts, self.storage = settings.home, settings.scripts, storage

    def run(self, task: Task, control: Control) -> Ended:
        base = self.home / "work" / task.name / "ml"
        outputs = {place: str(uri) for place, uri in task.outputs.items()}
        told = prepare_processing(base, task.name, {}, outputs, [], "nowhere")
        for place, uri in task.inputs.items():
            self.storage.download(uri, base / place)
        for place, uri in task.archives.items():
            self.storage.download(uri, base / "archive")
            unpack(base / "archive" / uri.name, base / place)
        began = time.monotonic()
        self._child(task.name, task.script, task.arguments, told, base, task.timeout_s, control.cancelled)
        for place, uri in task.outputs.items():
            self.storage.upload(base / place, uri)
        if task.model_output is not None:
            publish_model(base / "processing" / "output", self.scripts, self.storage, task.model_output)
        return Ended(time.monotonic() - began, 0)

    def tune(self, tuning: Tuning, control: Control) -> Tuned:
        self._tuning = tuning
        folder = self.home / "work" / tuning.folder_name
        return run_search(tuning, 1, self, Site(folder, self.scripts, self.storage, self._log), control)

    def launch(self, trial: Trial, stop: threading.Event) -> Trial:
        base, place = self.home / "work" / trial.name / "ml", self._tuning.trials_output / trial.name
        told = prepare_training(base, trial.name, None, trial.hyperparameters, "nowhere")
        began = time.monotonic()
        try:
            self.storage.download(self._tuning.channel, base / "input/data/train")
            script, limit = self._tuning.script, self._tuning.timeout_s
            self._child(trial.name, script, trial.hyperparameters, told, base, limit, stop)
        except JobCancelled:
            return replace(trial, state="Stopped")
        except (JobFailed, ObjectNotFound) as error:
            return replace(trial, reason=error.message)
        document = read_metrics(base / "model")
        ended = replace(trial, state="Completed", value=document["value"], metrics=flat_metrics(document))
        pack_model(base / "model", self.scripts, base / ARCHIVE)
        self.storage.write(place / "output" / ARCHIVE, (base / ARCHIVE).read_bytes())
        self.storage.write(place / "train.log", self._log(trial.name).read_bytes())
        self.storage.write(place / "trial.json", json.dumps(ended.to_json()).encode())
        return replace(ended, wall_s=time.monotonic() - began)

    def describe(self, trial: Trial) -> Mapping[str, Any]:
        return {}

    def progress(self, name: str) -> Mapping[str, Any] | None:
        return read_progress(self.home / "work" / name / PROGRESS)

    def log_url(self, name: str) -> str | None:
        return str(self._log(name)) if self._log(name).exists() else None

    def capacity(self) -> Capacity:
        return Capacity(None, None)

    def discard(self, name: str) -> None:
        shutil.rmtree(self.home / "work" / name, ignore_errors=True)

    def _log(self, name: str) -> Path:
        return self.home / f"{name}.log"

    def _child(self, name: str, script: str, arguments: Mapping[str, str], told: Mapping[str, str], base: Path,
               timeout_s: float, stop: threading.Event) -> None:  # fmt: skip
        flags = [part for key, value in arguments.items() for part in (f"--{key}", value)]
        with self._log(name).open("wb") as log:
            command = [sys.executable, str(self.scripts / script), *flags]
            child = subprocess.Popen(command, env={**os.environ, **told}, stdout=log, stderr=log)
            deadline = time.monotonic() + timeout_s
            while child.poll() is None and time.monotonic() < deadline and not stop.wait(0.02):
                pass
            ended = child.poll()
            child.kill()
            child.wait()
        if stop.is_set():
            raise JobCancelled(name)
        if ended is None:
            raise JobFailed(f"{script} ran past processingTimeOutInSeconds")
        if ended:
            failure = base / "output" / "failure"
            text = failure.read_text() if failure.exists() else last_lines(self._log(name))
            raise JobFailed(f"{text} (exit code {ended})")


def open_runner(settings: Settings, storage: Storage) -> PlainRunner:
    """What the table of drivers names."""
    return PlainRunner(settings, storage)
