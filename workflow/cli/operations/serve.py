"""``despina serve``: the service in the foreground."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from training_scripts.graph_ml.quick_imports import quick_imports
from workflow.cli import output
from workflow.cli.options import Home
from workflow.settings import Profile, Settings, unknown_variables


def serve(
    home: Home = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on; anything but loopback needs authentication.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8182,
    bolt: Annotated[
        int | None,
        typer.Option(
            min=0, max=65535, metavar="PORT", help="A port for Bolt alone, such as 7687; --port speaks it too."
        ),
    ] = None,
    s3: Annotated[
        int | None,
        typer.Option(
            min=0, max=65535, metavar="PORT", help="A port on which the folder of s3:// addresses is an S3 server."
        ),
    ] = None,
    profile: Annotated[
        Profile, typer.Option(help="Behave as Neptune, or as TinkerGraph in Gremlin Server.")
    ] = "neptune",
    graphs: Annotated[
        str,
        typer.Option(help="Graphs to offer, comma-separated; NAME has the traversal source gNAME, the first also g."),
    ] = "",
    in_memory: Annotated[bool, typer.Option("--in-memory", help="Keep nothing on disk.")] = False,
    gremlin: Annotated[
        str | None,
        typer.Option(
            envvar="DESPINA_GREMLIN",  # an address with a password is not for the command line, which all can read
            help="Stand in front of this Gremlin database (ws:// or wss://) instead of an own graph.",
        ),
    ] = None,
    gremlin_sign: Annotated[
        bool, typer.Option("--gremlin-sign", help="Sign its connections (SigV4), as a Neptune cluster with IAM asks.")
    ] = False,
) -> None:
    """Serve Neptune's API: Gremlin over WebSocket and HTTP, openCypher over HTTP and Bolt, /ml/*, /loader and more.

    At / it has a page for the browser. Prints one line with the address once it answers. SIGTERM and Ctrl-C stop it
    cleanly.
    """
    for sentence in unknown_variables().values():
        output.warn(sentence)
    settings = Settings.from_environment()
    settings = replace(
        settings,
        home=home.expanduser().resolve() if home else settings.home,
        host=host,
        port=port,
        bolt_port=bolt,
        s3_port=s3,
        profile=profile,
        graphs=tuple(name.strip() for name in graphs.split(",") if name.strip()) or settings.graphs,
        in_memory=in_memory,
        gremlin_url=gremlin,
        gremlin_sign=gremlin_sign or settings.gremlin_sign,
    )
    with quick_imports():
        from workflow.process import serve as run_service  # the other commands do without a web server

    scheme = "https" if settings.tls_certificate else "http"

    run_service(
        settings,
        on_ready=lambda at, on: output.announce(f"Despina listens on {scheme}://{at}:{on}"),
        on_bolt=lambda at, on: output.announce(f"Bolt listens on bolt://{at}:{on}"),
        on_s3=lambda at, on: output.announce(
            f"S3 listens on http://{at}:{on}; scripts find it with AWS_ENDPOINT_URL_S3, and any credentials"
        ),
    )
