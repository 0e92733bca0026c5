"""``model.json`` and ``metrics.json``: what a finished model is, and how good."""

from __future__ import annotations

import math
from typing import Any, Literal

from pydantic import Field, field_validator

from .base import Artefact
from .edge_type import EdgeType
from .tasks import TaskType

Split = Literal["train", "valid", "test"]
#: as people and metric lines call them
SPLIT_NAMES: dict[Split, str] = {"train": "training", "valid": "validation", "test": "test"}


class Interval(Artefact):
    """How far off predicted numbers were: ``half_width`` each way holds ``coverage`` of new ones.

    ``items`` of ``split`` were looked at: test items, or validation items, which trained nothing but compared trials.
    """

    coverage: float
    half_width: float
    items: int
    split: Split


class TargetName(Artefact):
    """What a model answers about: a node type or an edge type, and the property where there is one."""

    node_type: str | None = None
    edge_type: EdgeType | None = None
    property: str = ""
    multilabel: bool = False
    classes: list[str] = Field(default_factory=list)
    interval: Interval | None = None


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


class ByClass(Artefact):
    """How well one class is recognised."""

    name: str
    count: int
    precision: float
    recall: float
    f1: float
    average_precision: float


class Reliability(Artefact):
    """Answers of about one probability: how many, the mean of what was said, and the share that came true."""

    count: int
    said: float
    came_true: float


class ByDegree(Artefact):
    """The mean of a figure over items whose vertices have so many neighbours; ``high`` None is no bound."""

    low: int
    high: int | None = None
    count: int
    metric: str
    value: float


class Breakdown(Artefact):
    """Where a model is right, on the last split that was judged; ``confusion`` rows are true classes."""

    split: str
    classes: list[str] = Field(default_factory=list)
    confusion: list[list[int]] = Field(default_factory=list)
    by_class: list[ByClass] = Field(default_factory=list)
    reliability: list[Reliability] = Field(default_factory=list)
    by_degree: list[ByDegree] = Field(default_factory=list)


class Metrics(Artefact):
    """``metrics.json``: every figure by split and scorer, floors included; ``objective`` is what was tuned.

    ``objective`` is ``validation_<metric>``; ``training_<metric>`` where too few items were there to hold any out, and
    then the figures stand under ``train``. ``value_error`` is the standard error of ``value``, None where that is
    unknown. ``warnings`` are sentences for whoever is about to rely on the model.
    """

    task: TaskType
    objective: str
    direction: Literal["maximize", "minimize"]
    value: float | None = None
    value_error: float | None = None
    splits: dict[Split, dict[str, float]] = Field(default_factory=dict)
    floors: dict[Split, dict[str, dict[str, float]]] = Field(default_factory=dict)
    history: list[dict[str, float]] = Field(default_factory=list)
    notes: list[str] = Field(default_factory=list)
    warnings: list[str] = Field(default_factory=list)
    breakdown: Breakdown | None = None
    interval: Interval | None = None

    @field_validator("history", mode="before")
    @classmethod
    def _numbers_alone(cls, history: Any) -> Any:
        """Entries without what is no number, such as the average precision of a class that no item has."""
        return [{name: v for name, v in entry.items() if v is not None and math.isfinite(v)} for entry in history]
