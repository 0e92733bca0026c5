"""``encoders.json``: everything that was fitted, so that later values are encoded as the first ones were."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, SerializeAsAny, field_validator

from ..schemas import EdgeType, TaskType
from ..schemas.base import Artefact
from .encoding import EncoderState
from .table import state_class


class FittedFeature(Artefact):
    """One feature of a type: where its values come from, what was asked for, what was fitted, and why, if it chose."""

    column: str
    name: str
    requested: str
    why: str | None = None
    state: SerializeAsAny[EncoderState]

    @field_validator("state", mode="before")
    @classmethod
    def _by_kind(cls, value: Any) -> Any:
        return state_class(str(value.get("kind"))).model_validate(value) if isinstance(value, Mapping) else value


class FittedType(Artefact):
    """All features of one node type, or of one edge type named by its triple."""

    node_type: str | None = None
    edge_type: EdgeType | None = None
    features: list[FittedFeature] = Field(default_factory=list)


class FittedLabels(Artefact):
    """The classes of one target, in the order of their indices."""

    task: TaskType
    node_type: str | None = None
    edge_type: EdgeType | None = None
    property: str
    separator: str | None = None
    classes: list[str]


class Encoders(Artefact):
    """The whole document. ``seed`` makes the projections."""

    format: Literal["despina-encoders-1"] = "despina-encoders-1"
    seed: int
    types: list[FittedType] = Field(default_factory=list)
    labels: list[FittedLabels] = Field(default_factory=list)
