"""One job of SageMaker from its request to its end: created or taken over, watched, stopped."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from workflow.runners.base import JobFailed
from workflow.runners.sagemaker.account import Clients, Refused, call, pauses


@dataclass(frozen=True)
class JobKind:
    """A kind of job: its name in the API, the same in boto3's operations, and what would have given it more time."""

    name: str
    python_name: str
    timeout_field: str

    def operation(self, verb: str) -> str:
        """``create_training_job``."""
        return f"{verb}_{self.python_name}"


TRAINING_JOB = JobKind("TrainingJob", "training_job", "trainingTimeOutInSeconds")
PROCESSING_JOB = JobKind("ProcessingJob", "processing_job", "processingTimeOutInSeconds")
TUNING_JOB = JobKind("HyperParameterTuningJob", "hyper_parameter_tuning_job", "trainingTimeOutInSeconds")
TRANSFORM_JOB = JobKind("TransformJob", "transform_job", "timeout")
RUNNING = ("InProgress", "Stopping")


class CloudJobs:
    """Starts jobs and waits for them."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def begin(self, kind: JobKind, request: dict[str, Any]) -> None:
        """Create a job, or leave it at the one of that name that an earlier run of the service has created."""
        try:
            self.call(kind.operation("create"), **request)
        except Refused as error:
            if not error.exists_already:
                raise

    def describe(self, kind: JobKind, name: str) -> dict[str, Any]:
        """What SageMaker says of a job. Raises Refused for one that it does not know."""
        document: dict[str, Any] = self.call(kind.operation("describe"), **{f"{kind.name}Name": name})
        return document

    def exists(self, kind: JobKind, name: str) -> bool:
        """Whether SageMaker knows a job of that name."""
        try:
            self.describe(kind, name)
        except Refused as error:
            if error.is_missing:
                return False
            raise
        return True

    def wait(
        self,
        kind: JobKind,
        name: str,
        stop: threading.Event,
        leaving: threading.Event,
        told: Callable[[dict[str, Any]], None],
    ) -> dict[str, Any]:
        """The description of a job once it has ended.

        Args:
            stop: the job is to be stopped, unless ``leaving`` is set as well: then it goes on, and its description is
                given as it is.
            told: gets every description on the way.
        """
        asked = False
        for pause_s in pauses(self._clients.account.poll_s):
            document = self.describe(kind, name)
            told(document)
            if document[f"{kind.name}Status"] not in RUNNING:
                return document
            if stop.is_set() and leaving.is_set():
                return document
            if stop.is_set() and not asked:
                asked = True
                with contextlib.suppress(Refused):  # it has ended just now
                    self.call(kind.operation("stop"), **{f"{kind.name}Name": name})
            if asked:
                threading.Event().wait(pause_s)
            else:
                stop.wait(pause_s)
        raise AssertionError("pauses never end")

    def call(self, operation: str, **request: Any) -> Any:
        """Call an operation of SageMaker; what passes by itself is tried again."""
        return call(self._clients.get("sagemaker"), operation, self._clients.account.patience_s, **request)


def reason_of(kind: JobKind, document: dict[str, Any], log: str, timeout_s: int) -> str:
    """Why a job did not succeed, in a sentence for the user.

    Args:
        document: what Describe says of it.
        log: its last lines.
    """
    name, status = document[f"{kind.name}Name"], document[f"{kind.name}Status"]
    why = str(document.get("FailureReason") or document.get("ExitMessage") or "")
    secondary = str(document.get("SecondaryStatus", ""))
    tail = f" Last lines of the log: {log}" if log and log not in why else ""
    if secondary == "MaxWaitTimeExceeded":
        return f"{name} waited past its limit for spot instances; raise maxWaitTime, or train without spot.{tail}"
    if secondary == "MaxRuntimeExceeded" or "MaxRuntimeInSeconds" in why:
        return f"{name} ran past its limit of {timeout_s} s and was stopped; raise {kind.timeout_field}.{tail}"
    if "CapacityError" in why:
        return f"{why} Name another with trainingInstanceType or processingInstanceType, or try again later."
    if status == "Stopped":
        return f"{name} was stopped from outside the service; start it again.{tail}"
    return f"{why or f'{name} is {status}'}{tail}"


def failed(kind: JobKind, document: dict[str, Any], log: str, timeout_s: int) -> JobFailed:
    """The error of a job that did not succeed."""
    return JobFailed(reason_of(kind, document, log, timeout_s))
