"""What a query asks of a model, and what comes back: neutral data that belongs to no query language and no wire."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from training_scripts.graph_ml.schemas import EdgeType as EdgeType
from training_scripts.graph_ml.schemas import TaskType as TaskType

Way = Literal["out", "in"]

MAX_INPUTS_PER_CALL = 1000
MAX_SUBGRAPH_BYTES = 6 * 1024 * 1024


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
    ``timeout_s`` is what the query has left, where that is less than the service would wait. ``as_of`` asks about the
    graph as it was before a moment, and ``mask`` leaves out who was linked then.
    """

    relation: str
    way: Way
    candidate_type: str
    inputs: tuple[str, ...]
    topk: int
    exclude: Mapping[str, Sequence[str]] = field(default_factory=dict)
    subgraph: Subgraph | None = None
    as_of: float | None = None
    mask: bool = False
    timeout_s: float | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class PropertyQuery:
    """The value of one property for each input; all inputs are nodes, or all are edges."""

    task: TaskType
    property: str
    inputs: tuple[NodeInput, ...] | tuple[EdgeInput, ...]
    topk: int
    subgraph: Subgraph | None = None
    as_of: float | None = None
    timeout_s: float | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class RelationQuery:
    """Which edge type links each (source, target) pair. An addition: Neptune has no such question."""

    pairs: tuple[tuple[str, str], ...]
    topk: int
    subgraph: Subgraph | None = None
    timeout_s: float | None = field(default=None, compare=False)
    as_of: float | None = None


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
