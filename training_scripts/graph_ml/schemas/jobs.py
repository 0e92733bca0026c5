"""What jobs leave for the one who watches them: progress, and the machine they would like."""

from __future__ import annotations

from pydantic import ConfigDict

from .base import Artefact


class ProgressMetric(Artefact):
    """The latest value of what is being optimised."""

    name: str
    value: float


class Progress(Artefact):
    """``progress.json``: where a running job stands."""

    phase: str
    step: int = 0
    total: int = 0
    metric: ProgressMetric | None = None
    eta_s: float | None = None
    updated_ms: int

    def to_json(self) -> str:
        """All fields, also those that are null: pollers index them."""
        return self.model_dump_json() + "\n"


class InstanceRecommendation(Artefact):
    """``train_instance_recommendation.json`` and ``infer_instance_recommendation.json``.

    Sizes are in GB. ``estimated`` and ``measured`` are bytes by name, so that an estimate can be checked against the
    peak of the job that made it; the service's own readers ignore them.
    """

    model_config = ConfigDict(extra="allow", protected_namespaces=())

    instance: str
    cpu_instance: str
    disk_size: int
    mem_size: int
    estimated: dict[str, int] | None = None
    measured: dict[str, int] | None = None
