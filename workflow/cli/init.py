"""``despina init``: a workflow file to begin with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workflow.cli import output
from workflow.cli.options import Sign, Url
from workflow.cli.service import DEFAULT_URL, workflow
from workflow.client.workflow_file.suggestion import suggested_file, suggested_targets
from workflow.errors import InvalidParameter


def init(
    file: Annotated[Path, typer.Argument(help="The file to write.")] = Path("workflow.yaml"),
    url: Url = DEFAULT_URL,
    sign: Sign = False,
) -> None:
    """Write a workflow file from the graph that is loaded: what could be predicted, with comments."""
    if file.exists():
        raise InvalidParameter(f"{file} is there already; name another file, or move it away.")
    targets = suggested_targets(workflow(url, sign=sign).connection.query)
    file.write_text(suggested_file(targets, file.resolve().parent.name))
    output.say(f"wrote [bold]{file}[/bold]; look at its targets, then `despina run {file}`")
