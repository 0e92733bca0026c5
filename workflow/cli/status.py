"""``despina status``: the service and its jobs at a glance."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from workflow.cli import output
from workflow.cli.options import Json, Sign, Url
from workflow.cli.service import DEFAULT_URL, workflow
from workflow.client.job import Job
from workflow.client.workflow import STAGES
from workflow.errors import InvalidParameter
from workflow.jobs.retention import folder_bytes
from workflow.neptune.progress import size


def status(
    url: Url = DEFAULT_URL,
    sizes: Annotated[bool, typer.Option("--sizes", help="What the folders of its home take.")] = False,
    json: Json = False,
    sign: Sign = False,
) -> None:
    """Show the health of the service and every job it knows."""
    client = workflow(url, sign=sign)
    engine = client.connection.call("get_engine_status")
    found = [job for stage in STAGES for job in client.of_stage(stage)]
    taken = _sizes(engine) if sizes else {}
    if json:
        told = {"engine": engine, "jobs": [_record(job) for job in found]}
        output.as_json({**told, "sizes": taken} if sizes else told)
        return
    output.say(f"{client.connection.url} is [bold]{engine['status']}[/bold], engine {engine['dbEngineVersion']}")
    if not found:
        output.say("No jobs yet: `despina run FILE` runs a workflow, `despina export start` its first stage.")
    else:
        output.jobs("jobs", found)
    if sizes:
        output.table("sizes", ["folder", "size"], [[name, size(count)] for name, count in taken.items()])


def _record(job: Job) -> dict[str, Any]:
    """A job for programs."""
    began, ended = (moment.isoformat() if moment else None for moment in (job.started, job.ended))
    told = {"stage": job.stage, "id": job.id, "status": job.status, "started": began, "ended": ended}
    return {**told, "took_s": job.took_s, "size_bytes": job.size_bytes, "note": job.note}


def _sizes(engine: Mapping[str, Any]) -> dict[str, int]:
    """Bytes by folder of the service's home, the buckets of its storage one by one. Raises InvalidParameter."""
    root = Path(str((engine.get("settings") or {}).get("storage", "")))
    if not root.is_absolute() or not root.parent.is_dir():
        raise InvalidParameter("--sizes needs the home of the service, which lies on another machine or in S3.")
    folders = [path for path in (*root.parent.iterdir(), *root.glob("*")) if path.is_dir() and path != root]
    return {str(path.relative_to(root.parent)): folder_bytes(path) for path in sorted(folders)}
