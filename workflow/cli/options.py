"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
DEFAULT_BUCKET = "s3://despina"
