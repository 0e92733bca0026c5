"""``model-hpo-configuration.json``: which model, which metric, and what may be tuned in which tier."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field, field_validator

from .base import Artefact
from .tasks import TaskType, task_type

Tier = Literal["tier1", "tier2", "tier3", "fixed"]


class HpoParameter(Artefact):
    """One parameter: a range or a list of options to search, a default for when it is not tuned."""

    model_config = ConfigDict(allow_inf_nan=False)

    param: str
    type: Literal["bool", "int", "float", "str"]
    range: tuple[int | float, int | float] | None = None
    options: list[Any] | None = None
    inc_strategy: Literal["log", "linear", "power2"] | None = None
    inc_val: int | float | None = None
    node_strategy: Literal["perM", "per10M", "per100M"] | None = None
    edge_strategy: Literal["perM", "per10M", "per100M"] | None = None
    default: Any = None
    models: list[str] | None = None  # ours: the families that have this parameter, when the tuner compares several


class EvalMetric(Artefact):
    """What is measured on the validation split; custom models name an objective and the expressions that find it."""

    metric: str | None = None
    topk: int | None = Field(default=None, ge=1)
    tuning_objective: dict[str, str] | None = None
    metric_definitions: list[dict[str, str]] | None = None


class EvalFrequency(Artefact):
    """How often training evaluates."""

    type: Literal["evaluate_every_epoch", "evaluate_every_batch", "evaluate_every_pct"] = "evaluate_every_epoch"
    value: int | float = Field(default=1, gt=0)


class HpoModel(Artefact):
    """The one entry of ``models``."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True, protected_namespaces=())

    model: str
    task_type: TaskType
    eval_metric: EvalMetric
    eval_frequency: EvalFrequency = Field(default_factory=EvalFrequency)
    tier1: list[HpoParameter] = Field(default_factory=list, alias="1-tier-param")
    tier2: list[HpoParameter] = Field(default_factory=list, alias="2-tier-param")
    tier3: list[HpoParameter] = Field(default_factory=list, alias="3-tier-param")
    fixed: list[HpoParameter] = Field(default_factory=list, alias="fixed-param")

    @field_validator("task_type", mode="before")
    @classmethod
    def _any_spelling(cls, value: Any) -> Any:
        return task_type(value) if isinstance(value, str) else value


class ModelHpoConfiguration(Artefact):
    """The whole document; exactly one model, as the tuner demands."""

    models: list[HpoModel]

    @field_validator("models")
    @classmethod
    def _exactly_one(cls, value: list[HpoModel]) -> list[HpoModel]:
        if len(value) != 1:
            raise ValueError(f"'models' must hold exactly one model, not {len(value)}")
        return value

    @property
    def model(self) -> HpoModel:
        """The one model."""
        return self.models[0]
