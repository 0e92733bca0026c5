"""``despina doctor``: try what a workflow needs, one thing after the other, and say what is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Annotated

import typer

from workflow.cli import output
from workflow.cli.operations.checks import Check, exposure, machine, storage, variables
from workflow.cli.options import Home, Json
from workflow.client.connection import Connection, ServiceError
from workflow.errors import WorkflowError
from workflow.settings import BadSetting, Settings


def doctor(
    url: Annotated[
        str | None, typer.Option("--url", envvar="DESPINA_URL", help="Try this service or cluster too.")
    ] = None,
    home: Home = None,
    host: Annotated[str, typer.Option(help="The address `despina serve` is to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port it is to listen on.")] = 8182,
    bucket: Annotated[str | None, typer.Option(help="Try to write below this s3:// address too.")] = None,
    json: Json = False,
    sign: Annotated[bool, typer.Option("--sign", envvar="DESPINA_SIGN", help="Sign with SigV4.")] = False,
) -> None:
    """Check this machine, the configuration and, with --url, a service; exit code 1 if something is missing."""
    found = [*variables(), *_configured(home=home, host=host, port=port, bucket=bucket)]
    if url:
        found += service(url, sign=sign)
    if json:
        output.as_json([finding.__dict__ for finding in found])
    else:
        output.table(
            "doctor", ["", "what", "detail"], [[finding.word, finding.what, finding.detail] for finding in found]
        )
    if not all(finding.ok for finding in found):
        raise typer.Exit(1)


def _configured(*, home: Home, host: str, port: int, bucket: str | None) -> Iterator[Check]:
    from workflow.drivers import check_choices

    try:
        settings = replace(Settings.from_environment(), host=host, port=port)
        check_choices(settings)
    except BadSetting as error:
        yield Check("the settings can be read", False, error.message)
        return
    if home is not None:
        settings = replace(settings, home=home.expanduser().resolve())
    yield from machine(settings)
    yield from exposure(settings)
    yield from storage(settings, bucket)


def service(url: str, *, sign: bool) -> Iterator[Check]:
    """Each call a workflow makes, tried with the permissions the caller has."""
    try:
        connection = Connection(url, sign=sign)
    except WorkflowError as error:
        yield Check("--url is an address", False, error.message)
        return
    calls: dict[str, Callable[[], object]] = {
        "neptune-db:GetEngineStatus": lambda: connection.call("get_engine_status"),
        "neptune-db:ReadDataViaQuery": lambda: connection.query("g.V().limit(1).count()"),
        "neptune-db:ListMLDataProcessingJobs": lambda: connection.call("list_ml_data_processing_jobs"),
        "neptune-db:ListMLModelTrainingJobs": lambda: connection.call("list_ml_model_training_jobs"),
        "neptune-db:ListMLModelTransformJobs": lambda: connection.call("list_ml_model_transform_jobs"),
        "neptune-db:ListMLEndpoints": lambda: connection.call("list_ml_endpoints"),
        "neptune-db:ListLoaderJobs": lambda: connection.call("list_loader_jobs"),
    }
    for permission, call in calls.items():
        try:
            call()
        except ServiceError as error:
            yield Check(permission, False, f"{error.code}: {error.message}")
            if error.message == "Missing Authentication Token":
                ways = "--sign signs with the AWS credentials; http://user:password@host:port shows a password"
                yield Check("credentials", False, f"the service wants them: {ways}")
                return
        except WorkflowError as error:  # nobody answers, or nothing can be signed: the rest would say the same
            yield Check("the service answers", False, error.message)
            return
        else:
            yield Check(permission, True, connection.url)
