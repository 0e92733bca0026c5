"""Batch transform: a model answers many questions that lie in S3, and nothing serves before or after."""

from __future__ import annotations

from pathlib import Path

from workflow.errors import WorkflowError
from workflow.runners.base import Control, Ended, JobCancelled
from workflow.runners.sagemaker.account import Clients, Refused
from workflow.runners.sagemaker.jobs import RUNNING, TRANSFORM_JOB, CloudJobs, failed
from workflow.runners.sagemaker.logs import TRANSFORM, CloudLogs
from workflow.runners.sagemaker.serving import BatchTransform, model_request, transform_request
from workflow.runners.sagemaker.trials import seconds


class BatchTransforms:
    """Runs transform jobs. A job of an earlier run of that name is taken over.

    Args:
        logs: a file a job, once it has ended.
    """

    def __init__(self, clients: Clients, logs: Path) -> None:
        self._clients, self._account, self._folder = clients, clients.account, logs
        self._jobs, self._logs = CloudJobs(clients), CloudLogs(clients)

    def run(self, batch: BatchTransform, control: Control) -> Ended:
        """Answer every question; returns once all are. Raises JobFailed with the reason, JobCancelled."""
        model = model_request(batch.name, batch.archive, batch.resources, self._account)
        try:
            self._jobs.call("create_model", **model)
        except Refused as error:
            if not error.exists_already:
                raise
        try:
            self._jobs.begin(TRANSFORM_JOB, transform_request(batch, self._account))
        except WorkflowError:
            self._forget(batch.name)
            raise
        document = self._jobs.wait(TRANSFORM_JOB, batch.name, control.cancelled, control.leaving, lambda _: None)
        status = document["TransformJobStatus"]
        if status in RUNNING:
            raise JobCancelled(batch.name)
        self._forget(batch.name)
        if status == "Stopped" and control.cancelled.is_set():
            raise JobCancelled(batch.name)
        tail = self._logs.tail(TRANSFORM, f"{batch.name}/", self._folder / f"{batch.name}.log")
        if status != "Completed":
            raise failed(TRANSFORM_JOB, document, tail, batch.timeout_s)
        return Ended(seconds(document, "TransformStartTime", "TransformEndTime"), 0)

    def _forget(self, name: str) -> None:
        """The model was made for this job alone."""
        try:
            self._jobs.call("delete_model", ModelName=name)
        except Refused as error:
            if not error.is_missing:
                raise
