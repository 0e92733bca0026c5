"""A stage that was started, as the service last told of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from workflow.neptune.progress import counted, progress_note

Stage = Literal["load", "export", "dataprocessing", "modeltraining", "modeltransform", "endpoint"]

# Exactly the states the published clients stop polling at.
FINAL = frozenset({"Completed", "Failed", "Stopped", "InService", "succeeded", "failed"})
GOOD = frozenset({"Completed", "InService", "succeeded", "LOAD_COMPLETED"})
LOADING = frozenset({"LOAD_NOT_STARTED", "LOAD_IN_QUEUE", "LOAD_IN_PROGRESS"})
NOTE_LENGTH = 100


@dataclass(frozen=True)
class Job:
    """A stage that was started: its id, the state last seen and the service's whole answer."""

    stage: Stage
    id: str
    status: str
    detail: Mapping[str, Any] = field(default_factory=dict)

    @property
    def done(self) -> bool:
        return self.status in FINAL or (self.status.startswith("LOAD_") and self.status not in LOADING)

    @property
    def output(self) -> str | None:
        """Where the stage's artefacts lie, an s3:// address."""
        if self.stage == "export":
            return self.detail.get("outputS3Uri")
        resource = self.detail.get("processingJob") or self.detail.get("baseProcessingJob") or {}
        location = resource.get("outputLocation")
        return None if location is None else str(location)

    @property
    def resource(self) -> str | None:
        """What SageMaker knows the stage by: a processing job, a tuning job whose trials bear its name, an endpoint."""
        for name in ("hpoJob", "processingJob", "baseProcessingJob", "endpoint"):
            found = self.detail.get(name)
            if isinstance(found, Mapping) and found.get("name"):
                return str(found["name"])
        return None

    @property
    def seconds(self) -> float | None:
        """How long one job of the stage ran, of a training the mean of its trials; None where it does not say."""
        details = self._details
        walls = [float(trial["wall_s"]) for trial in details.get("trials") or () if trial.get("wall_s")]
        if walls:
            return sum(walls) / len(walls)
        return float(details["wall_s"]) if details.get("wall_s") is not None else None

    @property
    def started(self) -> datetime | None:
        """When it began, in UTC, or was given where it has not begun; None where the service does not say."""
        details = self._details
        moment = details.get("started_ms", details.get("created_ms"))
        if moment is None and self._load.get("startTime"):
            moment = 1000 * self._load["startTime"]
        return None if moment is None else datetime.fromtimestamp(moment / 1000, UTC)

    @property
    def ended(self) -> datetime | None:
        """When it ended, in UTC; None before, and where the service does not say."""
        began, spent = self.started, self._load.get("totalTimeSpent")
        if self.done and began is not None and spent is not None:
            return began + timedelta(seconds=spent)
        moment = self._details.get("ended_ms")
        return None if moment is None else datetime.fromtimestamp(moment / 1000, UTC)

    @property
    def took_s(self) -> float | None:
        """Seconds from its begin to its end, or to now where it still runs."""
        if self.started is None or self.stage == "endpoint" or (self.done and self.ended is None):
            return None
        return max(0.0, ((self.ended or datetime.now(UTC)) - self.started).total_seconds())

    @property
    def cleaned(self) -> bool:
        """Whether its files were removed."""
        return bool(self._details.get("cleaned") or self.detail.get("cleaned"))

    @property
    def size_bytes(self) -> int | None:
        """What it wrote; None before its end, for loads and endpoints, and once its files were removed."""
        return None if self.cleaned else self._details.get("size_bytes")

    @property
    def _details(self) -> Mapping[str, Any]:
        return self.detail.get("details") or {}

    @property
    def _load(self) -> Mapping[str, Any]:
        return self.detail.get("overallStatus") or {}

    @property
    def logs(self) -> list[tuple[str, str]]:
        """(resource, address) of every log the answer names, each once."""
        found: dict[str, str] = {}  # a training and its search share one
        for resource in self.detail.values():
            if isinstance(resource, Mapping) and resource.get("cloudwatchLogUrl"):
                found.setdefault(str(resource["cloudwatchLogUrl"]), str(resource.get("name", "")))
        return [(name, address) for address, name in found.items()]

    @property
    def note(self) -> str:
        """In a few words how far it is, why it failed, how good it became, or what it serves; often empty."""
        details = self._details
        if self.detail.get("progress"):
            return progress_note(self.detail["progress"])
        if self.cleaned:
            return "its files were removed"
        if self.detail.get("reusedFrom"):
            return f"the result of {self.detail['reusedFrom']}"
        if self.failure_reason:
            reason = self.failure_reason
            return reason if len(reason) <= NOTE_LENGTH else reason[: NOTE_LENGTH - 1] + "…"
        if self._load.get("totalRecords") is not None:
            return f"{counted(self._load['totalRecords'], 'record')} from {self._load.get('fullUri', '')}"
        metric, model = details.get("metric") or {}, details.get("model") or {}
        if metric.get("value") is not None:
            return f"{str(metric['name']).replace('_', ' ')} {metric['value']:.4g}"
        return str(model.get("model") or (self.output if self.stage == "export" else None) or "")

    @property
    def warnings(self) -> list[str]:
        """What was asked for and had no effect, or what to know before relying on the result; a sentence each."""
        told = self.detail.get("warnings") or self._details.get("warnings") or ()
        return [str(text) for text in told]

    @property
    def failure_reason(self) -> str | None:
        """The first reason any of the stage's resources gives."""
        for name in ("processingJob", "hpoJob", "modelTransformJob", "baseProcessingJob", "endpoint"):
            resource = self.detail.get(name)
            if isinstance(resource, Mapping) and resource.get("failureReason"):
                return str(resource["failureReason"])
        reason = self.detail.get("failureReason") or self.detail.get("error") or self.detail.get("reason")
        return None if reason is None else str(reason)
