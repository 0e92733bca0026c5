"""Jobs as events of OpenLineage: what each reads and writes, when it began, and how it ended.

A kind of job is a job of OpenLineage, each job a run of it. Source: the OpenLineage specification, 2-0-2.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from workflow.jobs.model import LIVES, JobKind, JobRecord
from workflow.jobs.retention import builds_on
from workflow.storage import S3Uri

NAMESPACE = "despina"
PRODUCER = "urn:despina"
_RUNS = uuid.UUID("6b0f3f0e-7f0c-5c3a-9d5e-5a3c7a1d2e4f")  # what ids of runs are made from
GRAPH = "graph"


class LineageEvents:
    """Sends an event when a job begins and when it ends.

    Args:
        url: of whoever collects events, such as Marquez.
        jobs: every job that is known, by kind.

    Raises ImportError without openlineage-python.
    """

    def __init__(self, url: str, jobs: Callable[[JobKind], Iterable[JobRecord]]) -> None:
        from openlineage.client import OpenLineageClient
        from openlineage.client.transport.http import HttpConfig, HttpTransport

        self._client = OpenLineageClient(transport=HttpTransport(HttpConfig.from_dict({"type": "http", "url": url})))
        self._jobs = jobs

    def began(self, job: JobRecord) -> None:
        """Send START."""
        self._send("START", job, job.started_ms or job.created_ms)

    def ended(self, job: JobRecord) -> None:
        """Send COMPLETE, FAIL or ABORT."""
        life = LIVES[job.kind]
        state = "COMPLETE" if job.state == life.done else "FAIL"
        stopped = job.state == life.stopped and life.stopped != life.failed
        self._send("ABORT" if stopped else state, job, job.ended_ms or job.updated_ms)

    def _send(self, state: str, job: JobRecord, moment_ms: int) -> None:
        from openlineage.client.event_v2 import Job, Run, RunEvent, RunState
        from openlineage.client.facet_v2 import error_message_run

        facets: dict[str, Any] = {}
        if job.failure is not None and state == "FAIL":
            facets["errorMessage"] = error_message_run.ErrorMessageRunFacet(job.failure, "python")
        event = RunEvent(
            eventType=RunState[state],
            eventTime=datetime.fromtimestamp(moment_ms / 1000, UTC).isoformat(),
            run=Run(str(uuid.uuid5(_RUNS, f"{job.kind}/{job.id}/{job.created_ms}")), facets),
            job=Job(NAMESPACE, job.kind),
            producer=PRODUCER,
            inputs=self._inputs(job),
            outputs=self._outputs(job),
        )
        self._client.emit(event)

    def _inputs(self, job: JobRecord) -> list[Any]:
        from openlineage.client.event_v2 import InputDataset

        if job.kind == "export":
            return [InputDataset(NAMESPACE, GRAPH)]
        read = {str(job.request[name]) for name in ("source", "inputDataS3Location") if job.request.get(name)}
        known = [one for kind in LIVES for one in self._jobs(kind)]
        needed = builds_on(job, known)
        read |= {one.names["output"] for one in known if (one.kind, one.id) in needed and one.kind != "export"}
        return [InputDataset(*_dataset(place)) for place in sorted(read)]

    def _outputs(self, job: JobRecord) -> list[Any]:
        from openlineage.client.event_v2 import OutputDataset

        if job.kind == "load":
            return [OutputDataset(NAMESPACE, GRAPH)]
        place = job.names.get("output")
        return [] if place is None else [OutputDataset(*_dataset(place))]


def _dataset(place: str) -> tuple[str, str]:
    """Namespace and name of an address, as the specification names S3."""
    if not place.startswith("s3://"):
        return "file", place
    uri = S3Uri.parse(place)
    return f"s3://{uri.bucket}", uri.key.strip("/") or "/"
