"""What the supervisor asks of whoever runs a kind of job, and what a job leaves behind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from workflow.jobs.model import JobRecord, State
from workflow.runners.base import Control


@dataclass(frozen=True)
class Outcome:
    """What a job leaves in its record; ``state`` where it is another than the kind's good end."""

    result: Mapping[str, Any] = field(default_factory=dict)
    inputs_hash: str | None = None
    reused_from: str | None = None
    state: State | None = None
    failure: str | None = None


class Work(Protocol):
    """What running jobs of some kinds means. Methods are called from several threads."""

    def run(self, job: JobRecord, control: Control) -> Outcome:
        """Run to the end. Raises JobCancelled soon after ``control.cancelled`` is set; WorkflowError with a reason."""

    def is_ready(self, job: JobRecord) -> bool:
        """Whether it may run now; one that may not waits until another job has ended."""

    def clear(self, job: JobRecord) -> None:
        """The job has ended: remove its working files."""

    def clean(self, job: JobRecord) -> None:
        """Remove what it has written to storage."""
