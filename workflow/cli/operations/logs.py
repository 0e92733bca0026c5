"""``despina logs``: what a job printed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import unquote, urlsplit

import typer

from workflow.cli import output
from workflow.cli.options import Sign, Url
from workflow.cli.service import DEFAULT_URL, workflow


def logs(
    id: Annotated[str, typer.Argument(help="Id of a job or endpoint, of any stage.")],
    url: Url = DEFAULT_URL,
    lines: Annotated[int, typer.Option("-n", "--lines", min=1, help="How many of the last lines.")] = 50,
    sign: Sign = False,
) -> None:
    """Print the last lines of a job's logs; where they lie elsewhere (CloudWatch), the address."""
    client = workflow(url, sign=sign)
    for job in client.find(id):
        if not job.logs:
            source = job.detail.get("reusedFrom")
            what = f"it is the result of {source}; ask for the logs of that" if source else "nothing was printed"
            output.say(f"{job.stage} {job.id} has no log: {what}.")
        for name, address in job.logs:
            output.say(f"[bold]{job.stage} {name}[/bold] {address}")
            parts = urlsplit(address)
            if parts.scheme != "file":
                continue
            path = Path(unquote(parts.path))
            text = path.read_text(errors="replace") if path.exists() else "(nothing printed yet)"
            output.announce("\n".join(text.splitlines()[-lines:]))
