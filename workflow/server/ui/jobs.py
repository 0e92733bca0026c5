"""Jobs and endpoints as rows of the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workflow.api import Kind

STAGES: dict[Kind, str] = {
    "dataprocessing": "data processing",
    "modeltraining": "model training",
    "modeltransform": "model transform",
}


@dataclass(frozen=True)
class Row:
    """One line of a table: what, in which state, how far, and where its report is."""

    stage: str
    id: str
    state: str
    step: int = 0
    total: int = 0
    note: str = ""
    failure: str | None = None
    report: str | None = None


def row(kind: Kind, status: Mapping[str, Any]) -> Row:
    """The status answer of a job, or of an endpoint, as a line."""
    progress = status.get("progress") or {}
    output = next((found for found in map(_output, status.values()) if found), None)
    done = status["status"] == "Completed"
    return Row(
        stage=STAGES.get(kind, kind),
        id=str(status["id"]),
        state=str(status["status"]),
        step=int(progress.get("step") or 0),
        total=0 if done else int(progress.get("total") or 0),
        note="" if done else _note(progress),
        failure=next((found for found in map(_failure, status.values()) if found), None),
        report=f"/ui/report/{kind}/{status['id']}" if done and output else None,
    )


def _note(progress: Mapping[str, Any]) -> str:
    parts = [str(progress["phase"])] if progress.get("phase") else []
    metric = progress.get("metric")
    if metric and metric.get("value") is not None:
        parts.append(f"{metric['name']} {metric['value']:.4g}")
    if progress.get("eta_s"):
        parts.append(f"about {progress['eta_s']:.0f} s left")
    return ", ".join(parts)


def _output(resource: Any) -> Any:
    return resource.get("outputLocation") if isinstance(resource, Mapping) else None


def _failure(resource: Any) -> Any:
    return resource.get("failureReason") if isinstance(resource, Mapping) else None
