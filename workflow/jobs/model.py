"""A job as it is kept, and the one table of how its state may change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from workflow.errors import InternalFailure
from workflow.neptune import Kind

State = Literal[
    "InProgress", "Stopping", "Stopped", "Completed", "Failed", "Creating", "Updating", "InService", "Deleting"
]

FINAL: frozenset[State] = frozenset({"Completed", "Failed", "Stopped"})

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

TRANSITIONS: dict[Kind, dict[State, frozenset[State]]] = {
    "dataprocessing": _JOB,
    "modeltraining": _JOB,
    "modeltransform": _JOB,
    "endpoints": _ENDPOINT,
}


class IllegalTransition(InternalFailure):
    """A defect: something tried to move a job where the table does not lead."""

    def __init__(self, kind: Kind, job_id: str, state: State, to: State) -> None:
        super().__init__(f"{kind} {job_id!r} cannot go from {state} to {to}")
        self.kind, self.job_id, self.state, self.to = kind, job_id, state, to


def first_state(kind: Kind) -> State:
    """The state in which a job is stored before its start is answered."""
    return "Creating" if kind == "endpoints" else "InProgress"


def check_transition(kind: Kind, job_id: str, state: State, to: State) -> None:
    """Raises IllegalTransition unless the table leads from ``state`` to ``to``."""
    if to not in TRANSITIONS[kind].get(state, frozenset()):
        raise IllegalTransition(kind, job_id, state, to)


@dataclass(frozen=True, slots=True)
class Job:
    """One processing, training or transform job, or one endpoint.

    Attributes:
        request: the request as JSON, with its defaults left out.
        names: what the job's resources are called and where its output goes, fixed when it was accepted.
        result: what is known once it ended (or, for an endpoint, once it served): locations, trials, measured peaks.
        attempts: how often it was begun; more than one after the service was killed.
        inputs_hash: of everything the result depends on; None until computed.
        reused_from: the finished equal job whose result was taken.
        cleaned: its artefacts were removed on request.
    """

    kind: Kind
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

    @property
    def is_final(self) -> bool:
        """Whether nothing will happen to it any more (an endpoint always can still be deleted)."""
        return self.state in FINAL and self.kind != "endpoints"
