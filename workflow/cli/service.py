"""The service that a command speaks with, and how a job of it is followed."""

from __future__ import annotations

from workflow.cli import output
from workflow.client.connection import DEFAULT_URL as DEFAULT_URL
from workflow.client.connection import Connection
from workflow.client.job import GOOD, Job
from workflow.client.workflow import StageFailed, Workflow


def workflow(url: str, bucket: str = "s3://despina", *, sign: bool = False) -> Workflow:
    """The client every command speaks through."""
    return Workflow(Connection(url, sign=sign), bucket=bucket)


def follow(client: Workflow, job: Job, *, wait: bool, json: bool, started: bool = True) -> None:
    """Show a job: at once, or after following it to its end. Raises StageFailed for one that failed at its start."""
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
