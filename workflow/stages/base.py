"""What a stage knows of the jobs it builds on, and the refusals all stages share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from workflow.errors import BadRequest
from workflow.storage import S3Uri


@dataclass(frozen=True)
class Finished:
    """A completed job: where its output lies, what was asked, what is known of the result."""

    id: str
    output: S3Uri
    request: Mapping[str, Any] = field(default_factory=dict)
    result: Mapping[str, Any] = field(default_factory=dict)


class NotCompleted(BadRequest):
    """A stage was asked to build on a job that has not completed; the first sentence is the guide's."""

    def __init__(self, sentence: str, job_id: str, state: str, failure: str | None = None) -> None:
        because = f" Its reason: {failure}" if failure else ""
        wait = "wait until it is Completed" if state in ("InProgress", "Stopping") else "name another, or start it anew"
        super().__init__(f"{sentence} {job_id!r} is {state}; {wait}.{because}")
        self.job_id, self.state = job_id, state


class UnusableJob(BadRequest):
    """A stage was asked to build on a job that does not exist or cannot serve; the first sentence is the guide's."""

    def __init__(self, sentence: str, job_id: str, why: str) -> None:
        super().__init__(f"{sentence} {job_id!r} {why}.")
        self.job_id = job_id
