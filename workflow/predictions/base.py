"""The seams of inference: who answers predictions, and where endpoints are.

A query step asks a ``PredictionService``; the service finds the endpoint through an ``EndpointDirectory`` (the jobs
that are in service) and talks HTTP to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from training_scripts.graph_ml.schemas import EdgeType as EdgeType

Task = Literal["node_class", "node_regression", "edge_class", "edge_regression", "link_prediction"]
Way = Literal["out", "in"]

MAX_INPUTS_PER_CALL = 1000
ENDPOINT_TIMEOUT_S = 60.0
MAX_SUBGRAPH_BYTES = 6 * 1024 * 1024


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
    the model has seen was exported.
    """

    id: str
    task: Task
    targets: tuple[ModelTarget, ...] = ()
    created_ms: int | None = None
    snapshot_ms: int | None = None
    inductive: bool = False
    hops: int = 0
    fanouts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class EndpointRecord:
    """An endpoint that is in service.

    ``id`` is Neptune ML's id, ``name`` the SageMaker-style name, ``url`` the base address below which ``/ping`` and
    ``/invocations`` answer; ``description`` is the content of the deployed ``model.json``, ``{}`` where there is none.
    """

    id: str
    name: str
    url: str
    description: Mapping[str, Any] = field(default_factory=dict)


class EndpointDirectory(Protocol):
    """The endpoints in service now. Called on every query, so it answers from memory; safe to share between threads."""

    def find(self, id_or_name: str) -> EndpointRecord | None:
        """The endpoint of that Neptune ML id or SageMaker-style name; None when unknown or not in service."""


@dataclass(frozen=True, slots=True)
class SubgraphNode:
    """A vertex of the live neighbourhood that inductive inference sends."""

    id: str
    type: str
    properties: Mapping[str, Sequence[Any]]


@dataclass(frozen=True, slots=True)
class SubgraphEdge:
    """An edge of the live neighbourhood that inductive inference sends."""

    id: str
    type: EdgeType
    source: str
    target: str
    properties: Mapping[str, Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Subgraph:
    """The live neighbourhood of all inputs of one call."""

    nodes: tuple[SubgraphNode, ...] = ()
    edges: tuple[SubgraphEdge, ...] = ()


@dataclass(frozen=True, slots=True)
class NodeInput:
    """A vertex whose property is asked for."""

    id: str
    type: str


@dataclass(frozen=True, slots=True)
class EdgeInput:
    """An edge whose property is asked for; models that know no edge ids go by its ends."""

    id: str
    type: EdgeType
    source: str
    target: str


@dataclass(frozen=True, slots=True)
class LinkQuery:
    """Which vertices of ``candidate_type`` are linked with each input by ``relation``.

    ``way`` ``out``: inputs are sources, candidates targets; ``in``: the other way round. ``exclude`` names candidates
    an input must not get. At most ``MAX_INPUTS_PER_CALL`` inputs are sent in one call; the service splits what is more.
    ``timeout_s`` is what the query has left, where that is less than the service would wait.
    """

    relation: str
    way: Way
    candidate_type: str
    inputs: tuple[str, ...]
    topk: int
    exclude: Mapping[str, Sequence[str]] = field(default_factory=dict)
    subgraph: Subgraph | None = None
    timeout_s: float | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class PropertyQuery:
    """The value of one property for each input; all inputs are nodes, or all are edges."""

    task: Task
    property: str
    inputs: tuple[NodeInput, ...] | tuple[EdgeInput, ...]
    topk: int
    subgraph: Subgraph | None = None
    timeout_s: float | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class RelationQuery:
    """Which edge type links each (source, target) pair: an extra of ours, Neptune has no such question."""

    pairs: tuple[tuple[str, str], ...]
    topk: int
    subgraph: Subgraph | None = None
    timeout_s: float | None = field(default=None, compare=False)


Question = LinkQuery | PropertyQuery | RelationQuery
"""What a query asks of an endpoint. Two are equal where the same answer serves, however long either may wait for it."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """One result: a vertex id, a class or a number, with a score from 0 to 1 where the task has one."""

    value: str | float
    score: float | None


@dataclass(frozen=True, slots=True)
class Predictions:
    """Results for each input in the order asked, best first; none for an input the model does not know."""

    results: tuple[tuple[Prediction, ...], ...]
    model_id: str
    created_ms: int | None


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
