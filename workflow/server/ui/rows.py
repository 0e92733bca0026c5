"""Loads, exports, jobs and endpoints as rows of the page."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote, unquote, urlsplit

from training_scripts.graph_ml.schemas import files
from workflow.jobs.model import JobRecord
from workflow.neptune import Kind
from workflow.neptune.progress import counted, progress_note, size, span, steps_done, trial_notes
from workflow.server.services import Services
from workflow.server.ui.examples import example_question

STAGES: dict[Kind, str] = {
    "dataprocessing": "data processing",
    "modeltraining": "model training",
    "modeltransform": "model transform",
}
TASKS = {
    "link_prediction": "link prediction",
    "node_class": "classes of vertices",
    "node_regression": "numbers of vertices",
    "edge_class": "classes of edges",
    "edge_regression": "numbers of edges",
}
REPORT, MODEL_REPORT = files.REPORT, "model-report.html"
MAX_OF_A_KIND = 30
MAX_ROWS = 60
TAIL_LINES = 15
TAIL_BYTES = 64_000

Tone = Literal["busy", "good", "bad", "idle"]
_TONES: dict[str, Tone] = {
    **dict.fromkeys(("InProgress", "Creating", "Updating", "Stopping", "Deleting"), "busy"),
    **dict.fromkeys(("running", "pending", "LOAD_IN_PROGRESS", "LOAD_IN_QUEUE", "LOAD_NOT_STARTED"), "busy"),
    **dict.fromkeys(("Completed", "InService", "succeeded", "LOAD_COMPLETED"), "good"),
    **dict.fromkeys(("Stopped", "LOAD_CANCELLED_BY_USER"), "idle"),
}


@dataclass(frozen=True)
class Row:
    """One entry of a list: what, in which state, how far, why it failed, and what can be opened or done."""

    stage: str
    kind: str
    id: str
    state: str
    created_ms: int = 0
    took_s: float = 0.0
    size_bytes: int = 0
    step: float = 0
    total: int = 0
    note: str = ""
    trials: tuple[str, ...] = ()
    failure: str | None = None
    warnings: tuple[str, ...] = ()
    reports: tuple[tuple[str, str], ...] = ()
    log: str | None = None
    tail: str = ""
    question: str | None = None

    @property
    def tone(self) -> Tone:
        """How the state is to be seen; what is not in the table went wrong."""
        return _TONES.get(self.state, "bad")

    @property
    def stoppable(self) -> bool:
        return self.tone == "busy" and self.state not in ("Stopping", "Deleting")

    @property
    def when(self) -> str:
        """``3 min ago``, with how long it took and how much it wrote once it has ended."""
        if not self.created_ms:
            return ""
        ago = time.time() - self.created_ms / 1000
        if self.tone == "busy":
            return f"for {span(ago)}"
        when = "just now" if ago < 60 else f"{span(ago)} ago"
        took = f", took {span(self.took_s)}" if self.took_s >= 1 else ""
        return when + took + (f", {size(self.size_bytes)}" if self.size_bytes else "")

    @property
    def moment(self) -> str:
        """When it was started, in UTC."""
        return datetime.fromtimestamp(self.created_ms / 1000, UTC).isoformat(timespec="seconds")


def job_rows(services: Services) -> list[Row]:
    """Everything that was started, newest first."""
    found = [*_ml_rows(services, tuple(STAGES)), *_load_rows(services), *_export_rows(services)]
    return sorted(found, key=lambda row: -row.created_ms)[:MAX_ROWS]


def endpoint_rows(services: Services) -> list[Row]:
    """The endpoints, newest first."""
    return list(_ml_rows(services, ("endpoints",)))


def log_tail(status: Mapping[str, Any], lines: int) -> str | None:
    """The last lines of the first log a status answer names and this machine has; None if there is none."""
    for resource in status.values():
        address = urlsplit(str(resource.get("cloudwatchLogUrl") or "")) if isinstance(resource, Mapping) else None
        if address is None or address.scheme != "file":
            continue
        path = Path(unquote(address.path))
        if path.is_file():
            with path.open("rb") as file:
                file.seek(max(path.stat().st_size - TAIL_BYTES, 0))
                return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
    return None


def output_of(status: Mapping[str, Any]) -> str | None:
    """Where the artefacts of a finished job lie."""
    return next(
        (r["outputLocation"] for r in status.values() if isinstance(r, Mapping) and r.get("outputLocation")), None
    )


def row(kind: Kind, status: Mapping[str, Any], job: JobRecord | None = None) -> Row:
    """The status answer of a job, or of an endpoint, as a row; ``job`` is what the service keeps of it."""
    state, id = str(status["status"]), str(status["id"])
    progress, details = status.get("progress") or {}, status.get("details") or {}
    failure, tail = _failure(status)
    model = dict(job.result.get("model") or {}) if job is not None and kind == "endpoints" else {}
    place = f"{kind}/{quote(id, safe='')}"
    return Row(
        stage=STAGES.get(kind, "endpoint"),
        kind=kind,
        id=id,
        state=state,
        created_ms=0 if job is None else job.created_ms,
        took_s=0.0 if kind == "endpoints" or status.get("reusedFrom") else _took(details, job),
        size_bytes=0 if details.get("cleaned") else int(details.get("size_bytes") or 0),
        step=round(steps_done(progress), 2),
        total=int(progress.get("total") or 0),
        trials=tuple(trial_notes(progress)),
        note=progress_note(progress) or _outcome(kind, status),
        failure=failure,
        warnings=tuple(details.get("warnings") or ()),
        reports=_reports(kind, place)
        if state == "Completed" and output_of(status) and not details.get("cleaned")
        else (),
        log=f"/ui/log/{place}" if _first(status, "cloudwatchLogUrl") else None,
        tail=tail,
        question=example_question(id, model) if state == "InService" else None,
    )


def _failure(status: Mapping[str, Any]) -> tuple[str | None, str]:
    """Why a job failed, and the last lines of a log: those the reason quotes, else those of the job's own."""
    told = _first(status, "failureReason")
    if told is None:
        return None, ""
    reason, quotes, lines = str(told).partition(" Last lines of the log: ")
    return reason, lines.replace(" | ", "\n") if quotes else log_tail(status, TAIL_LINES) or ""


def _outcome(kind: Kind, status: Mapping[str, Any]) -> str:
    details = status.get("details") or {}
    if details.get("cleaned"):
        return "its files were removed"
    if status.get("reusedFrom"):
        return f"the result of {status['reusedFrom']}, which had the same inputs"
    if kind == "endpoints":
        model = details.get("model") or {}
        task = str(model.get("task", ""))
        return f"{model.get('model', '')}, {TASKS.get(task, task)}" if model else ""
    return str(details.get("verdict") or "")


def _took(details: Mapping[str, Any], job: JobRecord | None) -> float:
    if details.get("wall_s"):
        return float(details["wall_s"])
    return 0.0 if job is None else (job.updated_ms - job.created_ms) / 1000


def _reports(kind: Kind, place: str) -> tuple[tuple[str, str], ...]:
    if kind == "modeltraining":
        return (("trials", f"/ui/report/{place}/{REPORT}"), ("model", f"/ui/report/{place}/{MODEL_REPORT}"))
    return (("report", f"/ui/report/{place}/{REPORT}"),)


def _first(status: Mapping[str, Any], member: str) -> Any:
    return next((r[member] for r in status.values() if isinstance(r, Mapping) and r.get(member)), None)


def _ml_rows(services: Services, kinds: tuple[Kind, ...]) -> Iterator[Row]:
    jobs = services.jobs
    if jobs is None:
        return
    for kind in kinds:
        for id in jobs.newest(kind, MAX_OF_A_KIND):
            found = jobs.find(kind, id)
            if found is not None:  # an endpoint may be deleted meanwhile
                yield row(kind, jobs.get(kind, id).to_json(), found)


def _load_rows(services: Services) -> Iterator[Row]:
    loads = services.loads
    if loads is None:
        return
    for id in loads.list(MAX_OF_A_KIND)["payload"]["loadIds"]:
        payload = loads.status(id, errors=True, errors_per_page=3)["payload"]
        overall = payload["overallStatus"]
        errors = [
            f"{e['fileName']}, line {e['recordNum']}: {e['errorMessage']}" for e in payload["errors"]["errorLogs"]
        ]
        yield Row(
            stage="load",
            kind="load",
            id=id,
            state=overall["status"],
            created_ms=overall["startTime"] * 1000,
            took_s=overall["totalTimeSpent"],
            note=f"{counted(overall['totalRecords'], 'record')} from {overall['fullUri']}",
            failure="\n".join(errors) or None,
        )


def _export_rows(services: Services) -> Iterator[Row]:
    exports = services.exports
    if exports is None:
        return
    for id in exports.list()[:MAX_OF_A_KIND]:
        status = exports.status(id)
        progress, details = status.get("progress") or {}, status["details"]
        yield Row(
            stage="export",
            kind="export",
            id=id,
            state=status["status"],
            created_ms=details["created_ms"],
            took_s=(details.get("ended_ms", 0) - details.get("started_ms", 0)) / 1000 if "ended_ms" in details else 0.0,
            size_bytes=0 if status.get("cleaned") else int(details.get("size_bytes") or 0),
            step=int(progress.get("step") or 0),
            total=int(progress.get("total") or 0),
            note="its files were removed"
            if status.get("cleaned")
            else progress_note(progress) or str(status.get("outputS3Uri") or ""),
            failure=status.get("failureReason"),
            warnings=tuple(status.get("warnings") or ()),
        )
