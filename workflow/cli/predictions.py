"""``despina predictions``: what a model says of everything, as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workflow.cli import output
from workflow.cli.options import Json, Sign, Url
from workflow.cli.service import DEFAULT_URL, workflow
from workflow.errors import InvalidParameter

predictions_commands = typer.Typer(help="What a model says of everything, as files.", no_args_is_help=True)


@predictions_commands.callback()
def predictions() -> None:
    """What a model says of everything, as files."""


@predictions_commands.command("export")
def export(
    trained: Annotated[
        str | None, typer.Option("--training", help="The vectors and answers that the model of this job keeps.")
    ] = None,
    endpoint: Annotated[
        str | None, typer.Option("--endpoint", help="Answers for everything that this endpoint is for, asked now.")
    ] = None,
    to: Annotated[
        Path | None, typer.Option(help="The folder to write to; without it, beside the model of --training.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, max=100, help="Answers of an endpoint for each input.")] = None,
    url: Url = DEFAULT_URL,
    json: Json = False,
    sign: Sign = False,
) -> None:
    """Write predictions and embeddings as Parquet, and as the files that Neptune ML's published helper reads."""
    if (trained is None) == (endpoint is None):
        raise InvalidParameter("Name what to export: exactly one of --training and --endpoint.")
    client = workflow(url, sign=sign)
    if trained is not None:
        artefacts = client.artefacts(trained)
        written = [str(path) for path in artefacts.export(to)] if to is not None else [str(artefacts.publish())]
    else:
        if to is None:
            raise InvalidParameter("Name a folder for the answers of an endpoint: --to FOLDER.")
        to.mkdir(parents=True, exist_ok=True)
        path = to / "predictions.parquet"
        client.predict(str(endpoint), limit=limit).to_parquet(path, index=False)
        written = [str(path)]
    if json:
        output.as_json({"written": written})
    else:
        output.say("\n".join(written))
