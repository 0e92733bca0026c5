"""``model.json`` and ``metrics.json``: what a finished model is, and how good."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from .base import Artefact
from .edge_type import EdgeType
from .tasks import TaskType

Split = Literal["train", "valid", "test"]
#: as people and metric lines call them
SPLIT_NAMES: dict[Split, str] = {"train": "training", "valid": "validation", "test": "test"}


class TargetName(Artefact):
    """What a model answers about: a node type or an edge type, and the property where there is one."""

    node_type: str | None = None
    edge_type: EdgeType | None = None
    property: str = ""
    multilabel: bool = False
    classes: list[str] = Field(default_factory=list)


class ModelDescription(Artefact):
    """``model.json``, at the root of a model folder.

    ``details`` belongs to the family named by ``model``: what it needs to be loaded again beyond weights and arrays.
    """

    format: Literal["despina-model-1"] = "despina-model-1"
    id: str
    model: str
    task: TaskType
    targets: list[TargetName]
    node_types: dict[str, int]
    edge_types: list[EdgeType] = Field(default_factory=list)
    hyperparameters: dict[str, Any] = Field(default_factory=dict)
    metrics: dict[str, float] = Field(default_factory=dict)
    created_ms: int
    training_job: str = ""
    dataset_hash: str = ""
    graph_snapshot_ms: int | None = None
    seed: int = 0
    details: dict[str, Any] = Field(default_factory=dict)


class Metrics(Artefact):
    """``metrics.json``: every figure by split and scorer, floors included; ``objective`` is what was tuned.

    ``objective`` is ``validation_<metric>``; ``training_<metric>`` where too few items were there to hold any out, and
    then the figures stand under ``train``. ``warnings`` are sentences for whoever is about to rely on the model.
    """

    task: TaskType
    objective: str
    direction: Literal["maximize", "minimize"]
    value: float | None = None
    splits: dict[Split, dict[str, float]] = Field(default_factory=dict)
    floors: dict[Split, dict[str, dict[str, float]]] = Field(default_factory=dict)
    history: list[dict[str, float]] = Field(default_factory=list)
    notes: list[str] = Field(default_factory=list)
    warnings: list[str] = Field(default_factory=list)
