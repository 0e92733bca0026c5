"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workflow.client.connection import DEFAULT_URL, Connection
from workflow.client.job import GOOD, Job
from workflow.client.workflow import StageFailed, Workflow

Url = Annotated[
    str, typer.Option("--url", envvar="DESPINA_URL", help="The service, or a Neptune cluster: http(s)://host:port.")
]
Json = Annotated[bool, typer.Option("--json", help="Print the whole answer as JSON.")]
Wait = Annotated[bool, typer.Option("--wait", help="Follow the stage to its end.")]
Sign = Annotated[bool, typer.Option("--sign", envvar="DESPINA_SIGN", help="Sign with SigV4 (a cluster with IAM).")]
Home = Annotated[
    Path | None,
    typer.Option("--home", envvar="DESPINA_HOME", help="Where everything is kept.", show_default="~/.despina"),
]
Id = Annotated[str | None, typer.Option("--id", help="Id of the new job: 1-48 letters, digits and hyphens.")]
Bucket = Annotated[str, typer.Option("--bucket", help="s3:// prefix for everything the stages write.")]

__all__ = ["DEFAULT_URL", "Bucket", "Home", "Id", "Json", "Sign", "Url", "Wait", "follow", "workflow"]


def workflow(url: str, bucket: str = "s3://despina", *, sign: bool = False) -> Workflow:
    """The client every command speaks through."""
    return Workflow(Connection(url, sign=sign), bucket=bucket)


def follow(client: Workflow, job: Job, *, wait: bool, json: bool, started: bool = True) -> None:
    """Show a job: at once, or after following it to its end. Raises StageFailed for one that failed at its start."""
    from workflow.cli import output

    try:
        if wait and json:
            job = client.wait(job)
        elif wait:
            with output.stage_progress() as watch:
                job = client.wait(job, watch=watch)
    except KeyboardInterrupt:
        verb = {"modeltraining": "training", "modeltransform": "transform"}.get(job.stage, job.stage)
        output.warn(f"{job.stage} {job.id} goes on; follow it with `despina {verb} status {job.id} --wait`")
        raise
    if started and job.done and job.status not in GOOD:
        raise StageFailed(job.stage, job.id, job.status, job.failure_reason)
    if json:
        output.as_json({"id": job.id, "status": job.status, **job.detail})
        return
    output.say(f"{job.stage} [bold]{job.id}[/bold] {job.status}")
    if job.cleaned:
        output.say("its files were removed")
    elif job.output:
        output.say(f"output {job.output}")
    for warning in job.warnings:
        output.warn(warning)
