"""``despina reset`` and ``despina delete``: an empty graph; a job, a model or an endpoint that goes."""

from __future__ import annotations

from typing import Annotated

import typer

from workflow.cli import output
from workflow.cli.options import Json, Sign, Url
from workflow.cli.service import DEFAULT_URL, workflow
from workflow.errors import InvalidParameter

Yes = Annotated[bool, typer.Option("--yes", help="Do it; without this word nothing is removed.")]


def reset(url: Url = DEFAULT_URL, yes: Yes = False, sign: Sign = False) -> None:
    """Remove every vertex and edge of the service's graphs; jobs, models and endpoints stay."""
    client = workflow(url, sign=sign)
    if not yes:
        raise InvalidParameter(f"This empties the graphs of {client.connection.url} for good; add --yes to do it.")
    client.reset()
    output.say(f"the graphs of {client.connection.url} are empty")


def delete(
    id: Annotated[str, typer.Argument(help="Of jobs and endpoints; all that bear it go.")],
    url: Url = DEFAULT_URL,
    yes: Yes = False,
    json: Json = False,
    sign: Sign = False,
) -> None:
    """Delete the endpoints with an id, and the files of the jobs with it; what still runs is stopped."""
    client = workflow(url, sign=sign)
    found = client.delete(id) if yes else client.find(id)
    if json:
        output.as_json([{"stage": job.stage, "id": job.id} for job in found])
        return
    named = ", ".join(f"{job.stage} {job.id} ({job.status})" for job in found)
    output.say(f"deleted: {named}" if yes else f"would go: {named}; add --yes to delete it")
