"""``despina load``: a graph into the service."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workflow.cli.options import Bucket, Json, Sign, Url
from workflow.cli.service import DEFAULT_URL, follow, workflow
from workflow.datasets import DATASETS
from workflow.errors import InvalidParameter


def load(
    source: Annotated[
        str, typer.Argument(help="s3:// prefix, local file or folder of Neptune CSV, or a bundled graph.")
    ],
    url: Url = DEFAULT_URL,
    format: Annotated[str, typer.Option(help="Format of the files, as Neptune's loader names it.")] = "csv",
    continue_on_error: Annotated[
        bool, typer.Option("--continue-on-error", help="Skip bad records, report them.")
    ] = False,
    bucket: Bucket = "s3://despina",
    json: Json = False,
    sign: Sign = False,
) -> None:
    """Load a graph through /loader and wait for the end.

    Local files are copied to the bucket first. `despina load social` and `despina load lastfm` load the bundled graphs.
    """
    client = workflow(url, bucket, sign=sign)
    if not source.startswith("s3://"):
        folder = DATASETS[source].folder if source in DATASETS else Path(source).expanduser()
        if not folder.exists():
            raise InvalidParameter(
                f"There is no file or folder {source!r}, and no bundled graph of that name ({', '.join(DATASETS)})."
            )
        files = [folder] if folder.is_file() else [f for f in sorted(folder.iterdir()) if ".csv" in f.suffixes]
        source = client.upload(files)
    job = client.load(source, format=format, fail_on_error=not continue_on_error)
    follow(client, job, wait=True, json=json)
