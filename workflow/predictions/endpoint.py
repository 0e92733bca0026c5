"""The seams of inference: who answers predictions, and where endpoints are.

A query step asks a ``PredictionService``; the service finds the endpoint through an ``EndpointDirectory`` (the jobs
that are in service) and talks HTTP to it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from training_scripts.graph_ml.schemas.times import TimeReading
from workflow.predictions.question import EdgeType, Predictions, Question, TaskType

ENDPOINT_TIMEOUT_S = 60.0
#: a type of vertices or edges, the property that says when one came to be, and how it is read
TimedType = tuple[str | EdgeType, str, TimeReading]


@dataclass(frozen=True, slots=True)
class ModelTarget:
    """One thing a model was trained to predict: of a node type, or of an edge type; no property for links."""

    node_type: str | None = None
    edge_type: EdgeType | None = None
    property: str | None = None


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What the service must know of a model to check a query against it; read from its ``model.json``.

    ``targets`` is empty where the description names none: then the endpoint itself decides what it can answer.
    ``hops`` and ``fanouts`` say which neighbourhood inductive inference sends; ``snapshot_ms`` is when the graph that
    the model has seen was exported. ``timed`` models answer as of an earlier moment; ``times`` are the types
    of vertices and edges that have a time, each with the property that says it and how that is read.
    """

    id: str
    task: TaskType
    targets: tuple[ModelTarget, ...] = ()
    created_ms: int | None = None
    snapshot_ms: int | None = None
    inductive: bool = False
    hops: int = 0
    fanouts: tuple[int, ...] = ()
    timed: bool = False
    times: tuple[TimedType, ...] = ()


# headers that prove who asks, of the URL and the body of a request; may take a while, for credentials are renewed
Signer = Callable[[str, bytes], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class EndpointRecord:
    """An endpoint that is in service.

    ``id`` is Neptune ML's id, ``name`` the SageMaker-style name, ``url`` the base address below which ``/ping`` and
    ``/invocations`` answer; ``description`` is the content of the deployed ``model.json``, ``{}`` where there is none.
    ``sign`` is there where the endpoint answers signed requests only.
    """

    id: str
    name: str
    url: str
    description: Mapping[str, Any] = field(default_factory=dict)
    sign: Signer | None = field(default=None, compare=False)


class EndpointDirectory(Protocol):
    """The endpoints in service now. Safe to share between threads.

    Called on every query, so it answers from memory; one that is not the service's own may be looked up now and then.
    """

    def find(self, id_or_name: str) -> EndpointRecord | None:
        """The endpoint of that Neptune ML id or SageMaker-style name; None when unknown or not in service."""


class PredictionService(Protocol):
    """Answers predictions by asking endpoints. Safe to share between threads."""

    def check_role(self, role_arn: str | None) -> None:
        """Raises InvalidParameter for a malformed role ARN; a role is never required."""

    def resolve(self, endpoint: str | None) -> EndpointRecord:
        """The endpoint by its id, SageMaker-style name or invocation URL; the configured default for None.

        Raises MissingParameter (none named, no default), InvalidParameter (malformed), BadRequest (unknown or not in
        service), with Neptune's texts.
        """

    def describe(self, endpoint: EndpointRecord) -> ModelCard | None:
        """What is known of the model behind the endpoint; None where the endpoint carries no description."""

    def predict(self, endpoint: EndpointRecord, question: Question) -> Predictions:
        """Raises ConstraintViolation where the model cannot answer such a question, BadRequest where it fails."""
