"""The sixteen operations of machine learning: all are the job service's."""

from __future__ import annotations

from workflow.errors import UnsupportedOperation
from workflow.jobs.service import JobService
from workflow.neptune.fields import Lenient
from workflow.neptune.responses import Answer
from workflow.server.neptune.routes import ApiCall
from workflow.server.services import Services


class MachineLearning:
    """Handlers over a job service."""

    def __init__(self, jobs: JobService | None) -> None:
        self._jobs = jobs

    def perform(self, request: Lenient, call: ApiCall) -> Answer:
        """Start, tell of, list or stop jobs and endpoints."""
        if self._jobs is None:
            raise UnsupportedOperation("this service runs no jobs")
        return self._jobs.perform(call.operation, request)


def handlers(services: Services) -> MachineLearning:
    """Those of a service."""
    return MachineLearning(services.jobs)
