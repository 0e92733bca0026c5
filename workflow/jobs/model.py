"""A job as it is kept, and the one table of how its state may change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from workflow.errors import InternalFailure
from workflow.neptune import Kind

JobKind = Literal[Kind, "export", "load"]
# each kind has words of its own for its states: those its clients look for
LoadState = Literal[
    "LOAD_NOT_STARTED",
    "LOAD_IN_QUEUE",
    "LOAD_IN_PROGRESS",
    "LOAD_COMPLETED",
    "LOAD_CANCELLED_BY_USER",
    "LOAD_CANCELLED_DUE_TO_ERRORS",
    "LOAD_FAILED",
    "LOAD_UNEXPECTED_ERROR",
    "LOAD_S3_READ_ERROR",
    "LOAD_S3_ACCESS_DENIED_ERROR",
    "LOAD_FAILED_BECAUSE_DEPENDENCY_NOT_SATISFIED",
]
State = Literal[
    "InProgress",
    "Stopping",
    "Stopped",
    "Completed",
    "Failed",
    "Creating",
    "Updating",
    "InService",
    "Deleting",
    "pending",
    "running",
    "succeeded",
    "failed",
    LoadState,
]

_JOB: dict[State, frozenset[State]] = {
    "InProgress": frozenset({"Completed", "Failed", "Stopping"}),
    "Stopping": frozenset({"Stopped"}),
    "Completed": frozenset(),
    "Failed": frozenset(),
    "Stopped": frozenset(),
}

_ENDPOINT: dict[State, frozenset[State]] = {
    "Creating": frozenset({"InService", "Failed", "Deleting"}),
    "InService": frozenset({"Updating", "Failed", "Deleting"}),
    "Updating": frozenset({"InService", "Failed", "Deleting"}),
    # SageMaker only lets a failed endpoint be deleted; taking an update as well saves the user a step
    "Failed": frozenset({"Updating", "Deleting"}),
    "Deleting": frozenset(),
}

_EXPORT: dict[State, frozenset[State]] = {
    "pending": frozenset({"running", "failed"}),
    "running": frozenset({"succeeded", "failed"}),
    "succeeded": frozenset(),
    "failed": frozenset(),
}

_LOAD_ENDS: frozenset[State] = frozenset(
    {
        *("LOAD_COMPLETED", "LOAD_CANCELLED_BY_USER", "LOAD_FAILED", "LOAD_UNEXPECTED_ERROR", "LOAD_S3_READ_ERROR"),
        *("LOAD_S3_ACCESS_DENIED_ERROR", "LOAD_FAILED_BECAUSE_DEPENDENCY_NOT_SATISFIED"),
    }
)
_LOAD: dict[State, frozenset[State]] = {
    "LOAD_NOT_STARTED": frozenset({"LOAD_IN_PROGRESS", *_LOAD_ENDS}),
    "LOAD_IN_QUEUE": frozenset({"LOAD_IN_PROGRESS", *_LOAD_ENDS}),
    "LOAD_IN_PROGRESS": _LOAD_ENDS,
    **dict.fromkeys(_LOAD_ENDS, frozenset[State]()),
}

TRANSITIONS: dict[JobKind, dict[State, frozenset[State]]] = {
    "dataprocessing": _JOB,
    "modeltraining": _JOB,
    "modeltransform": _JOB,
    "endpoints": _ENDPOINT,
    "export": _EXPORT,
    "load": _LOAD,
}


@dataclass(frozen=True)
class Life:
    """The names of the states of a kind of job: accepted, running, and its three ends.

    ``stopping`` is None where a job that is stopped has ended at once, though what it did may still be breaking off.
    """

    accepted: State
    running: State
    done: State
    failed: State
    stopped: State
    stopping: State | None = None


_ML_LIFE = Life("InProgress", "InProgress", "Completed", "Failed", "Stopped", "Stopping")
LIVES: dict[JobKind, Life] = {
    "dataprocessing": _ML_LIFE,
    "modeltraining": _ML_LIFE,
    "modeltransform": _ML_LIFE,
    "export": Life("pending", "running", "succeeded", "failed", "failed"),
    "load": Life("LOAD_NOT_STARTED", "LOAD_IN_PROGRESS", "LOAD_COMPLETED", "LOAD_FAILED", "LOAD_CANCELLED_BY_USER"),
}


class IllegalTransition(InternalFailure):
    """A defect: something tried to move a job where the table does not lead."""

    def __init__(self, kind: JobKind, job_id: str, state: State, to: State) -> None:
        super().__init__(f"{kind} {job_id!r} cannot go from {state} to {to}")
        self.kind, self.job_id, self.state, self.to = kind, job_id, state, to


def first_state(kind: JobKind) -> State:
    """The state in which a job is stored before its start is answered."""
    return "Creating" if kind == "endpoints" else LIVES[kind].accepted


def is_end(kind: JobKind, state: State) -> bool:
    """Whether the table leads nowhere from a state."""
    return not TRANSITIONS[kind].get(state)


def check_transition(kind: JobKind, job_id: str, state: State, to: State) -> None:
    """Raises IllegalTransition unless the table leads from ``state`` to ``to``."""
    if to not in TRANSITIONS[kind].get(state, frozenset()):
        raise IllegalTransition(kind, job_id, state, to)


@dataclass(frozen=True, slots=True)
class JobRecord:
    """One load, export, processing, training or transform job, or one endpoint.

    Attributes:
        request: the request as JSON, with its defaults left out.
        names: what the job's resources are called and where its output goes, fixed when it was accepted.
        result: what is known once it ended (or, for an endpoint, once it served): locations, trials, measured peaks.
        attempts: how often it was begun; more than one after the service was killed.
        inputs_hash: of everything the result depends on; None until computed.
        reused_from: the finished equal job whose result was taken.
        cleaned: its artefacts were removed on request.
        started_ms, ended_ms: when it began to run, and when it ended; None before, and in old records.
    """

    kind: JobKind
    id: str
    state: State
    created_ms: int
    updated_ms: int
    request: Mapping[str, Any]
    names: Mapping[str, str] = field(default_factory=dict)
    result: Mapping[str, Any] = field(default_factory=dict)
    failure: str | None = None
    attempts: int = 0
    inputs_hash: str | None = None
    reused_from: str | None = None
    cleaned: bool = False
    started_ms: int | None = None
    ended_ms: int | None = None

    @property
    def moments(self) -> dict[str, int]:
        """When it was given, began and ended, milliseconds since 1970; what is not known yet is left out."""
        told = {"created_ms": self.created_ms, "started_ms": self.started_ms, "ended_ms": self.ended_ms}
        return {name: moment for name, moment in told.items() if moment is not None}

    @property
    def is_final(self) -> bool:
        """Whether nothing will happen to it any more (an endpoint always can still be deleted)."""
        return self.kind != "endpoints" and is_end(self.kind, self.state)
