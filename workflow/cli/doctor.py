"""``despina doctor``: try what a workflow needs, one thing after the other, and say what is missing."""

from __future__ import annotations

import importlib.util
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Annotated

import typer

from workflow.cli import output
from workflow.cli.options import Home, Json
from workflow.client.connection import Connection
from workflow.errors import WorkflowError
from workflow.settings import Settings

FREE_DISK_GB = 2.0


@dataclass(frozen=True)
class Finding:
    """One thing that was tried: whether it works, and if not, what to do."""

    what: str
    ok: bool
    detail: str


def doctor(
    url: Annotated[
        str | None, typer.Option("--url", envvar="DESPINA_URL", help="Try this service or cluster too.")
    ] = None,
    home: Home = None,
    host: Annotated[str, typer.Option(help="The address `despina serve` is to listen on.")] = "127.0.0.1",
    json: Json = False,
    sign: Annotated[bool, typer.Option("--sign", envvar="DESPINA_SIGN", help="Sign with SigV4.")] = False,
) -> None:
    """Check this machine, the configuration and, with --url, a service; exit code 1 if something is missing."""
    settings = replace(Settings.from_environment(), host=host)
    if home is not None:
        settings = replace(settings, home=home.expanduser().resolve())
    found = [*machine(settings), *exposure(settings), *(service(Connection(url, sign=sign)) if url else ())]
    if json:
        output.as_json([finding.__dict__ for finding in found])
    else:
        rows = [["ok" if finding.ok else "MISSING", finding.what, finding.detail] for finding in found]
        output.table("doctor", ["", "what", "detail"], rows)
    if not all(finding.ok for finding in found):
        raise typer.Exit(1)


def machine(settings: Settings) -> Iterator[Finding]:
    """What local jobs need."""
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding("Python 3.11 or newer", sys.version_info >= (3, 11), version)
    for package, why in (
        ("torch", "training"),
        ("polars", "data processing"),
        ("optuna", "tuning"),
        ("boto3", "clients"),
    ):
        present = importlib.util.find_spec(package) is not None
        yield Finding(f"{package} for {why}", present, "installed" if present else f"pip install {package}")
    graph_library = "DGL" if importlib.util.find_spec("dgl") else "the torch twin (DGL has no wheel for this Python)"
    yield Finding("message passing", True, graph_library)
    yield _home(settings)
    folder = next(path for path in (settings.home, *settings.home.parents) if path.exists())
    free_gb = shutil.disk_usage(folder).free / 1e9
    yield Finding(f"{FREE_DISK_GB:.0f} GB of free disk", free_gb >= FREE_DISK_GB, f"{free_gb:.1f} GB at {folder}")
    yield _port(settings)
    if settings.storage == "s3":
        yield _s3(settings)


def exposure(settings: Settings) -> Iterator[Finding]:
    """Who could reach a service of these settings, and how it would be protected."""
    from workflow.app import check_listening  # the rest of doctor does without a web server

    try:
        check_listening(settings)
    except WorkflowError as error:
        yield Finding("listening is protected", False, error.message)
    else:
        yield Finding("listening is protected", True, f"{settings.host}, {_protection(settings)}")
    given = [path for path in (settings.tls_certificate, settings.tls_key) if path is not None]
    if len(given) == 1:
        yield Finding("TLS", False, "set DESPINA_TLS_CERTIFICATE and DESPINA_TLS_KEY, both or neither")
    for path in given:
        yield Finding(f"{path} can be read", path.is_file(), "found" if path.is_file() else "there is no such file")
    for folder in settings.allowed_folders:
        yield Finding(f"{folder} can be loaded from", folder.is_dir(), "found" if folder.is_dir() else "no such folder")


def _protection(settings: Settings) -> str:
    kinds = [name for name, keys in (("SigV4", settings.access_keys), ("passwords", settings.users)) if keys]
    return " and ".join(kinds) or "reached from this machine alone"


def _home(settings: Settings) -> Finding:
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
        probe = settings.home / ".doctor"
        probe.write_text("")
        probe.unlink()
    except OSError as error:
        return Finding("home can be written", False, f"{settings.home}: {error.strerror}; name another with --home")
    return Finding("home can be written", True, str(settings.home))


def _port(settings: Settings) -> Finding:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError:
            taken = "something listens there (perhaps a service of yours); `despina serve --port 0` takes a free one"
            return Finding(f"port {settings.port} is free", True, taken)
    return Finding(f"port {settings.port} is free", True, settings.host)


def _s3(settings: Settings) -> Finding:
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        names = [bucket["Name"] for bucket in boto3.client("s3", region_name=settings.region).list_buckets()["Buckets"]]
    except (BotoCoreError, ClientError) as error:
        return Finding(
            "S3 answers", False, f"{error}; set AWS_ENDPOINT_URL_S3 and credentials, or grant s3:ListAllMyBuckets"
        )
    return Finding("S3 answers", True, f"buckets: {', '.join(names) or 'none yet'}")


def service(connection: Connection) -> Iterator[Finding]:
    """Each call a workflow makes, tried with the permissions the caller has."""
    calls: dict[str, Callable[[], object]] = {
        "neptune-db:GetEngineStatus": lambda: connection.call("get_engine_status"),
        "neptune-db:ReadDataViaQuery": lambda: connection.query("g.V().limit(1).count()"),
        "neptune-db:ListMLDataProcessingJobs": lambda: connection.call("list_ml_data_processing_jobs"),
        "neptune-db:ListMLModelTrainingJobs": lambda: connection.call("list_ml_model_training_jobs"),
        "neptune-db:ListMLEndpoints": lambda: connection.call("list_ml_endpoints"),
        "neptune-db:ListLoaderJobs": lambda: connection.call("list_loader_jobs"),
    }
    for permission, call in calls.items():
        try:
            call()
        except WorkflowError as error:
            yield Finding(permission, False, f"{error.code}: {error.message}")
        else:
            yield Finding(permission, True, connection.url)
