"""What the steps of a pipeline are made of: each creates one resource by an operation of SageMaker, and watches it."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workflow.emulator.pipelines.definition import PlannedStep
from workflow.emulator.records import CONFIG, ENDPOINT, MODEL, PROCESSING, TRAINING, TRANSFORM, TUNING, Kind

MOST_NAME: Mapping[str, int] = {TUNING.name: 32}
_DEFAULT_MOST_NAME = 63


@dataclass(frozen=True)
class StepResource:
    """The resource of a type of step.

    Attributes:
        metadata: how ListPipelineExecutionSteps calls it.
        ends_well, ends_badly: states that it stays in; none for one that is there at once.
    """

    kind: Kind
    metadata: str
    ends_well: tuple[str, ...] = ()
    ends_badly: tuple[str, ...] = ()


_JOB = ("Completed",), ("Failed", "Stopped")
RESOURCES: Mapping[str, StepResource] = {
    "Processing": StepResource(PROCESSING, "ProcessingJob", *_JOB),
    "Training": StepResource(TRAINING, "TrainingJob", *_JOB),
    "Tuning": StepResource(TUNING, "TuningJob", *_JOB),
    "Transform": StepResource(TRANSFORM, "TransformJob", *_JOB),
    "Model": StepResource(MODEL, "Model"),
    "EndpointConfig": StepResource(CONFIG, "EndpointConfig"),
    "Endpoint": StepResource(ENDPOINT, "Endpoint", ("InService",), ("Failed", "OutOfService", "UpdateRollbackFailed")),
}
# what a retry policy calls a failure, by words of its reason
EXCEPTIONS: Mapping[str, tuple[str, ...]] = {
    "SageMaker.JOB_INTERNAL_ERROR": ("InternalServerError",),
    "SageMaker.CAPACITY_ERROR": ("CapacityError",),
    "SageMaker.RESOURCE_LIMIT": ("ResourceLimitExceeded",),
    "Step.SERVICE_FAULT": ("InternalFailure", "ServiceUnavailable"),
    "Step.THROTTLING": ("ThrottlingException",),
}


def resource_name(step: PlannedStep, given: str | None, execution: str) -> str:
    """The name of a step's resource.

    A name that the definition gives is kept for what is no job, and begins that of a job: jobs need another each time.
    """
    kind = RESOURCES[step.type].kind
    if given is not None and not kind.is_job:
        return given
    ending = f"-{secrets.token_hex(5)}"
    most = MOST_NAME.get(kind.name, _DEFAULT_MOST_NAME) - len(ending)
    return (given or f"pipelines-{execution}-{step.name}".replace("_", "-"))[:most].rstrip("-") + ending


def pause_before_retry(step: PlannedStep, reason: str, attempts: int) -> float | None:
    """Seconds to wait before a failed step is tried again; None where no policy of it asks for that.

    Args:
        attempts: how often it was tried.
    """
    for policy in step.document.get("RetryPolicies") or ():
        named = policy.get("ExceptionType") or ()
        words = [word for name in named for word in EXCEPTIONS.get(str(name), ())]
        tried_enough = attempts > int(policy.get("MaxAttempts", 1))
        if any(word in reason for word in words) and not tried_enough:
            return float(policy.get("IntervalSeconds", 1)) * float(policy.get("BackoffRate", 2.0)) ** (attempts - 1)
    return None


def create_operation(kind: Kind) -> str:
    """``CreateTrainingJob``."""
    return f"Create{kind.name}"


def ended(resource: StepResource, document: Mapping[str, Any]) -> str | None:
    """``Succeeded``, ``Failed`` or ``Stopped`` once a resource stays as it is; None before."""
    if not resource.ends_well:
        return "Succeeded"
    status = str(document[resource.kind.status_field])
    if status in resource.ends_well:
        return "Succeeded"
    if status in resource.ends_badly:
        return "Stopped" if status == "Stopped" else "Failed"
    return None
