"""The runner of SageMaker: tasks are processing jobs, trials are training jobs, what they leave lies in S3.

A job goes on when the service ends, and is taken over by its name when the service is there again.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workflow.runners.base import Capacity, Control, Ended, JobCancelled, JobFailed, Task, Tuning
from workflow.runners.publishing import publish_model
from workflow.runners.sagemaker.account import Account, Clients
from workflow.runners.sagemaker.bundle import CodeBundle, with_requirements
from workflow.runners.sagemaker.costs import hourly_of
from workflow.runners.sagemaker.jobs import PROCESSING_JOB, RUNNING, CloudJobs, failed
from workflow.runners.sagemaker.logs import PROCESSING, CloudLogs
from workflow.runners.sagemaker.plans import processing_request
from workflow.runners.sagemaker.trials import SageMakerTrials, seconds
from workflow.runners.sagemaker.tuner import SageMakerTuner, can_be_tuned
from workflow.runners.search import Site, run_search
from workflow.storage import S3Uri, Storage
from workflow.tuning.loop import PROGRESS, read_progress
from workflow.tuning.results import Tuned


class SageMakerRunner:
    """Runs the training scripts as jobs of SageMaker.

    Args:
        scripts: the folder of ``process.py``, ``train.py`` …
        work: keeps how far searches are.
        logs: a file a job, once it has ended.
    """

    def __init__(self, clients: Clients, scripts: Path, work: Path, logs: Path, storage: Storage) -> None:
        self._clients, self._account = clients, clients.account
        requirements = clients.account.requirements
        if requirements is not None:
            scripts = with_requirements(scripts, requirements, work / "scripts")
        self._scripts, self._work, self._logs, self._storage = scripts, work, logs, storage
        self._jobs, self._cloud_logs = CloudJobs(clients), CloudLogs(clients)
        self._bundle = CodeBundle(scripts, storage)
        self._phases: dict[str, str] = {}

    @property
    def account(self) -> Account:
        """Where jobs run by default."""
        return self._account

    def run(self, task: Task, control: Control) -> Ended:
        published = task.model_output
        raw = None if published is None else S3Uri(published.bucket, f"{published.key}.unpublished")
        code = self._bundle.at(_bucket_of(task))
        try:
            self._jobs.begin(PROCESSING_JOB, processing_request(task, self._account, code, raw))
            document = self._jobs.wait(PROCESSING_JOB, task.name, control.cancelled, control.leaving, self._told)
        finally:
            self._phases.pop(task.name, None)
        status = document["ProcessingJobStatus"]
        if status in RUNNING or (status == "Stopped" and control.cancelled.is_set()):
            raise JobCancelled(task.name)
        tail = self._cloud_logs.tail(PROCESSING, f"{task.name}/", self._log_path(task.name))
        if status != "Completed":
            raise failed(PROCESSING_JOB, document, tail, task.timeout_s)
        for uri in (*task.outputs.values(), *([raw] if raw is not None else [])):
            if next(iter(self._storage.list(uri)), None) is None:
                raise JobFailed(f"{task.script} succeeded but wrote nothing to {uri}; its log: {tail}")
        if raw is not None and published is not None:
            self._publish(raw, published, self._storage.encrypting(task.resources.output_key))
        return Ended(seconds(document, "ProcessingStartTime", "ProcessingEndTime"), 0, document.get("ExitMessage"))

    def tune(self, tuning: Tuning, control: Control) -> Tuned:
        folder = self._work / tuning.folder_name
        code = self._bundle.at(tuning.output.bucket)
        launcher = SageMakerTrials(
            self._account,
            self._jobs,
            self._cloud_logs,
            self._storage,
            self._logs,
            tuning,
            code,
            control,
            self._phases,
        )
        hourly = hourly_of(tuning.resources, self._account.training_type)
        site = Site(folder, self._scripts, self._storage, self._log_path, hourly)
        if self._account.tuner == "sagemaker" and can_be_tuned(tuning):
            return SageMakerTuner(self._account, self._jobs, launcher, tuning, code, control).run(site)
        return run_search(tuning, min(tuning.parallel, tuning.trials), launcher, site, control)

    def progress(self, name: str) -> Mapping[str, Any] | None:
        phase = self._phases.get(name)
        if phase is not None:
            return {"phase": phase, "step": 0, "total": 0, "metric": None, "eta_s": None}
        return read_progress(self._work / name / PROGRESS)

    def log_url(self, name: str) -> str | None:
        path = self._log_path(name)
        return path.as_uri() if path.exists() else None

    def capacity(self) -> Capacity:
        return Capacity(None, None, chosen=True)  # a job has an instance of its own

    def discard(self, name: str) -> None:
        shutil.rmtree(self._work / name, ignore_errors=True)

    def _told(self, document: dict[str, Any]) -> None:
        started = "ProcessingStartTime" in document
        self._phases[str(document["ProcessingJobName"])] = "running" if started else "starting"

    def _publish(self, raw: S3Uri, published: S3Uri, storage: Storage) -> None:
        with tempfile.TemporaryDirectory(dir=_made(self._work)) as temporary:
            model = Path(temporary) / "model"
            self._storage.download(raw, model)
            publish_model(model, self._scripts, storage, published)
        self._storage.delete(raw)

    def _log_path(self, name: str) -> Path:
        return (self._logs / f"{name}.log").absolute()


def _bucket_of(task: Task) -> str:
    """The bucket that a task writes to, where its scripts are put as well."""
    places = [*task.outputs.values(), *([task.model_output] if task.model_output is not None else [])]
    return places[0].bucket


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
