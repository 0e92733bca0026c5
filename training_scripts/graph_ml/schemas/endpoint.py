"""What goes to an endpoint and what comes back."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field

from .base import Artefact
from .tasks import TaskType


class GlobalParameters(Artefact):
    """What is asked of every item of a request. The names are those of the service's own client."""

    topk: int = Field(default=1, ge=1)
    edge_type: str | None = Field(default=None, alias="edgeType")
    head_node_type: str | None = Field(default=None, alias="headNodeType")
    tail_node_type: str | None = Field(default=None, alias="tailNodeType")
    node_type: str | None = Field(default=None, alias="nodeType")
    property: str | None = None
    threshold: float | None = None
    exclude_flag: Literal["mask", "none"] | None = None
    #: the moment whose graph answers, as data processing has times; ours
    as_of: float | None = Field(default=None, alias="asOf", allow_inf_nan=False)


class QueryItem(Artefact):
    """One node (``nodeId``) or edge (``edgeId``, or its two ends) that is asked about."""

    node_id: str | None = Field(default=None, alias="nodeId")
    edge_id: str | None = Field(default=None, alias="edgeId")
    head_node_id: str | None = Field(default=None, alias="headNodeId")
    tail_node_id: str | None = Field(default=None, alias="tailNodeId")


class RequestData(Artefact):
    """The items, the candidates to leave out by item, and for inductive requests the subgraph around them."""

    global_parameters: GlobalParameters = Field(default_factory=GlobalParameters, alias="globalParameters")
    nodes: list[QueryItem] | None = None
    edges: list[QueryItem] | None = None
    exclude: dict[str, list[str]] | None = None
    graph: dict[str, Any] | None = None


class EndpointRequest(Artefact):
    """Body of an invocation."""

    version: Literal["v1"] = "v1"
    mode: Literal["predict_tail", "predict_head", "embed_knn", "predict_relation"] | None = None
    data: RequestData

    def to_json(self) -> str:
        """Compact, because it travels."""
        return self.model_dump_json(by_alias=True, exclude_none=True)


class Prediction(Artefact):
    """One answer: a candidate node, a class or a number, with its score where there is one."""

    node_id: str | None = Field(default=None, alias="nodeId")
    value: str | float | None = None
    score: float | None = None


class ItemResult(QueryItem):
    """The answers for one item, best first; none when the item is unknown."""

    results: list[Prediction] = Field(default_factory=list)


class ModelStamp(Artefact):
    """Which model answered."""

    id: str
    created_ms: int


class Output(Artefact):
    """All answers, in the order of the items asked about."""

    task: TaskType
    nodes: list[ItemResult] | None = None
    edges: list[ItemResult] | None = None


class EndpointResponse(Artefact):
    """Body of an answer."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True, protected_namespaces=())

    version: Literal["v1"] = "v1"
    model: ModelStamp
    output: Output

    def to_json(self) -> str:
        """Compact, because it travels."""
        return self.model_dump_json(by_alias=True, exclude_none=True)
