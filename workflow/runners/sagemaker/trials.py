"""The trials of a search as training jobs of SageMaker."""

from __future__ import annotations

import json
import tarfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from workflow.errors import WorkflowError
from workflow.runners.base import Control, Tuning
from workflow.runners.publishing import ARCHIVE, METRICS, flat_metrics, is_number, standard_error
from workflow.runners.sagemaker.account import Account
from workflow.runners.sagemaker.jobs import RUNNING, TRAINING_JOB, CloudJobs, reason_of
from workflow.runners.sagemaker.logs import TRAINING, CloudLogs
from workflow.runners.sagemaker.plans import Code, training_request
from workflow.storage import ObjectNotFound, S3Uri, Storage
from workflow.tuning.results import Trial


@dataclass(frozen=True)
class SageMakerTrials:
    """The TrialLauncher of SageMaker.

    Attributes:
        logs_folder: the log of a trial is kept there once it has ended.
        phases: what is known of the trials under way, by name.
    """

    account: Account
    jobs: CloudJobs
    logs: CloudLogs
    storage: Storage
    logs_folder: Path
    tuning: Tuning
    code: Code
    control: Control
    phases: dict[str, str]

    def launch(self, trial: Trial, stop: threading.Event) -> Trial:
        try:
            self.jobs.begin(TRAINING_JOB, training_request(trial, self.tuning, self.account, self.code))
            document = self.jobs.wait(TRAINING_JOB, trial.name, stop, self.control.leaving, self._told)
            return self.ended(trial, document, stop)
        except WorkflowError as error:
            return replace(trial, reason=error.message)
        finally:
            self.phases.pop(trial.name, None)

    def describe(self, trial: Trial) -> Mapping[str, Any]:
        phase = self.phases.get(trial.name, "starting")
        return {"progress": {"phase": phase, "step": 0, "total": 0, "metric": None, "eta_s": None}}

    def _told(self, document: dict[str, Any]) -> None:
        self.phases[str(document["TrainingJobName"])] = str(document["SecondaryStatus"]).lower()

    def ended(self, trial: Trial, document: dict[str, Any], stop: threading.Event) -> Trial:
        """What came of a trial, by the description of its training job; its record and log go beside its model."""
        status = document["TrainingJobStatus"]
        if status in RUNNING or (status == "Stopped" and stop.is_set()):
            return replace(trial, state="Stopped")
        log = self.logs_folder / f"{trial.name}.log"
        tail = self.logs.tail(TRAINING, f"{trial.name}/", log)
        ended = replace(trial, wall_s=seconds(document, "TrainingStartTime", "TrainingEndTime"))
        if status != "Completed":
            return replace(ended, reason=reason_of(TRAINING_JOB, document, tail, self.tuning.timeout_s))
        place = self.tuning.trials_output / trial.name
        try:
            metrics = archived_metrics(self.storage, place / "output" / ARCHIVE)
        except ObjectNotFound:
            return replace(ended, reason=f"{self.tuning.script} succeeded but left no model; its log: {log}")
        value = metrics.get("value")
        if not is_number(value):
            found = document.get("FinalMetricDataList", [])
            value = next((entry["Value"] for entry in found), None)
        if not is_number(value):
            line = f"no line 'validation {self.tuning.metric}=…' in the log, so the trial cannot be compared"
            return replace(ended, reason=f"{line}; log: {log}")
        won = replace(
            ended,
            state="Completed",
            value=float(value),
            value_error=standard_error(metrics),
            metrics=flat_metrics(metrics),
        )
        self.storage.write(place / "trial.json", json.dumps(won.to_json(), indent=2).encode())
        self.storage.write(place / "train.log", log.read_bytes() if log.exists() else b"")
        return won


def archived_metrics(storage: Storage, archive: S3Uri) -> dict[str, Any]:
    """``metrics.json`` of a model's archive, read no further than to it; ``{}`` where it has none.

    SageMaker's own figure of the objective has 32 bits; two runs are to agree to the last.
    """
    return archived_json(storage, archive, METRICS)


def archived_json(storage: Storage, archive: S3Uri, name: str) -> dict[str, Any]:
    """Read a JSON object at the root of an archive; ``{}`` without one. Raises ObjectNotFound."""
    with storage.open(archive) as stream:
        try:
            with tarfile.open(fileobj=stream, mode="r|gz") as tar:
                for member in tar:
                    if member.name.removeprefix("./") == name and (file := tar.extractfile(member)) is not None:
                        document = json.load(file)
                        return document if isinstance(document, dict) else {}
        except (tarfile.TarError, EOFError, ValueError, OSError):
            return {}
    return {}


def seconds(document: Mapping[str, Any], start: str, end: str) -> float:
    """Seconds between two times of a description, 0 where one is missing."""
    first, last = document.get(start), document.get(end)
    if isinstance(first, datetime) and isinstance(last, datetime):
        return (last - first).total_seconds()
    return 0.0
