"""``despina emulator``: SageMaker on this machine, in the foreground."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from workflow.cli import output
from workflow.cli.options import Home
from workflow.client.cloud.targets import emulator_settings
from workflow.settings import Settings


def emulator(
    home: Home = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 4600,
    isolation: Annotated[
        str | None,
        typer.Option(help="namespace or prefix: how a job finds its /opt/ml.", show_default="what this machine can"),
    ] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of each process of a job.")] = None,
) -> None:
    """Answer the API of SageMaker and really run the jobs; other services of AWS are answered by moto.

    Prints one line with the address once it answers: set AWS_ENDPOINT_URL to it. With AWS_ENDPOINT_URL_S3 set, S3 is
    what that names. SIGTERM and Ctrl-C end it and every job it has started.
    """
    from workflow.emulator.app import run

    settings = Settings.from_environment()
    folder = home.expanduser().resolve() if home else settings.home / "emulator"
    described = emulator_settings(settings, folder, port)
    if isolation is not None:
        if isolation not in ("namespace", "prefix"):
            raise typer.BadParameter("is namespace or prefix", param_hint="--isolation")
        described = replace(described, isolation="namespace" if isolation == "namespace" else "prefix")
    described = replace(described, threads=threads)
    run(described, on_ready=lambda url: output.announce(f"The emulator listens on {url}"))
