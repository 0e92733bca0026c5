"""``despina logs``: what a job printed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import unquote, urlsplit

import typer

from workflow.cli import output
from workflow.cli.options import DEFAULT_URL, Sign, Url, workflow
from workflow.client.workflow import Job, Stage, Workflow
from workflow.errors import MLResourceNotFound, WorkflowError

STAGES: tuple[Stage, ...] = ("dataprocessing", "modeltraining", "modeltransform", "endpoint")


def logs(
    id: Annotated[str, typer.Argument(help="Id of a job or endpoint, of any stage.")],
    url: Url = DEFAULT_URL,
    lines: Annotated[int, typer.Option("-n", "--lines", min=1, help="How many of the last lines.")] = 50,
    sign: Sign = False,
) -> None:
    """Print the last lines of a job's logs; where they lie elsewhere (CloudWatch), the address."""
    client = workflow(url, sign=sign)
    for job in _jobs(client, id):
        for name, address in log_addresses(job.detail):
            output.say(f"[bold]{job.stage} {name}[/bold] {address}")
            parts = urlsplit(address)
            if parts.scheme != "file":
                continue
            path = Path(unquote(parts.path))
            text = path.read_text(errors="replace") if path.exists() else "(nothing printed yet)"
            output.announce("\n".join(text.splitlines()[-lines:]))


def _jobs(client: Workflow, id: str) -> Iterator[Job]:
    """Ids are per stage, so one id may name several jobs."""
    found = False
    for stage in STAGES:
        try:
            job = client.status(stage, id)
        except WorkflowError as error:
            if error.status != MLResourceNotFound.status:
                raise
            continue
        found = True
        yield job
    if not found:
        raise MLResourceNotFound(f"No job or endpoint has the id {id!r}; `despina status` lists those there are.")


def log_addresses(detail: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(resource, address) of every log a status answer names."""
    resources = [value for value in detail.values() if isinstance(value, Mapping)]
    return [
        (str(resource.get("name", "")), str(resource["cloudwatchLogUrl"]))
        for resource in resources
        if resource.get("cloudwatchLogUrl")
    ]
