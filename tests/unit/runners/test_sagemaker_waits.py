"""Waiting for a job of SageMaker: it is looked at until it has ended, and asked to stop once."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from workflow.runners.sagemaker.account import Refused
from workflow.runners.sagemaker.jobs import TRAINING_JOB, CloudJobs


class Cloud(CloudJobs):
    """Jobs whose states are told in turn; what is called is kept."""

    def __init__(self, states: list[str], *, ended: bool = False) -> None:
        super().__init__(SimpleNamespace(account=SimpleNamespace(poll_s=0.001)))  # type: ignore[arg-type]
        self.states, self.ended = iter(states), ended
        self.called: list[str] = []

    def call(self, operation: str, **request: Any) -> Any:
        self.called.append(operation)
        if operation.startswith("stop") and self.ended:
            raise Refused(operation, "ValidationException", "the job has ended")
        return {"TrainingJobStatus": next(self.states)} if operation.startswith("describe") else {}


def ended(cloud: Cloud, *, stop: bool = False, leaving: bool = False) -> str:
    stopping, goes = threading.Event(), threading.Event()
    if stop:
        stopping.set()
    if leaving:
        goes.set()
    return str(cloud.wait(TRAINING_JOB, "t", stopping, goes, lambda _: None)["TrainingJobStatus"])


def test_a_job_is_looked_at_until_it_has_ended() -> None:
    cloud = Cloud(["InProgress", "InProgress", "Completed", "never"])
    assert ended(cloud) == "Completed"
    assert cloud.called == ["describe_training_job"] * 3


@pytest.mark.parametrize("too_late", [True, False])
def test_a_job_is_asked_to_stop_once_however_long_that_takes(too_late: bool) -> None:
    cloud = Cloud(["InProgress", "InProgress", "Stopping", "Stopping", "Stopped"], ended=too_late)
    assert ended(cloud, stop=True) == "Stopped"
    assert cloud.called.count("stop_training_job") == 1


def test_a_job_goes_on_when_the_service_leaves() -> None:
    cloud = Cloud(["InProgress"])
    assert ended(cloud, stop=True, leaving=True) == "InProgress"
    assert cloud.called == ["describe_training_job"]
