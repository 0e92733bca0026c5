"""Opens what the settings choose: storage, runner, endpoint host and graph sources. The only file that names drivers.

One more driver is its own file and a line in a table here; its name in the table is the word that the setting takes. A
driver is imported when it is opened: a client that reads a bucket pays for no runner.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import urlsplit

from workflow.errors import BadRequest
from workflow.settings import BadSetting, Settings

if TYPE_CHECKING:
    from workflow.endpoints.host import EndpointHost
    from workflow.graphs.source import SourceDriver
    from workflow.graphs.sources.cypher import BoltDatabase
    from workflow.graphs.sources.gremlin import GremlinDatabase, MessageFormat
    from workflow.jobs.observers.observing import JobObserver
    from workflow.jobs.store import JobStore
    from workflow.runners.base import Runner
    from workflow.runners.sagemaker.account import Account, Clients
    from workflow.storage import Storage


Opener = TypeVar("Opener")


def _folder_storage(settings: Settings) -> Storage:
    from workflow.storage.local import LocalStorage

    return LocalStorage(settings.s3_root)


def _s3_storage(settings: Settings) -> Storage:
    from workflow.storage.s3 import S3Storage

    return S3Storage(settings.region)


def open_s3_at(url: str, region: str, key: str | None = "emulated") -> Storage:
    """S3 at an address: an emulator's, which takes any key, or another server's, with the AWS variables' own key."""
    import boto3

    from workflow.storage.s3 import S3Storage

    client = boto3.client("s3", endpoint_url=url, region_name=region, aws_access_key_id=key, aws_secret_access_key=key)
    return S3Storage(region, client)


def _local_runner(settings: Settings, storage: Storage) -> Runner:
    from workflow.runners.local import LocalRunner

    work, logs = settings.home / "work", settings.home / "logs"
    return LocalRunner(settings.scripts, work, logs, storage, settings.job_environment, settings.region)


def _local_host(settings: Settings, storage: Storage) -> EndpointHost:
    from workflow.endpoints.local import LocalEndpointHost

    script, environ = settings.scripts / "serve.py", settings.job_environment
    return LocalEndpointHost(storage, settings.home / "endpoints", settings.home / "logs", script, environ=environ)


def account_of(settings: Settings) -> Account:
    """Where jobs of SageMaker run, as the settings have it. Raises BadSetting for a file that cannot be read."""
    from workflow.runners.sagemaker.account import OUR_TAGS, Account

    chosen = settings.sagemaker
    try:
        requirements = None if chosen.requirements is None else chosen.requirements.read_text()
    except OSError as error:
        raise BadSetting(
            "DESPINA_SAGEMAKER_REQUIREMENTS", f"names {chosen.requirements}, which cannot be read: {error.strerror}"
        ) from error
    return Account(
        settings.region,
        chosen.image,
        settings.default_role_arn,
        serving_image=chosen.serving_image,
        poll_s=settings.cloud_poll_s,
        tags={**chosen.tags, **OUR_TAGS},
        subnets=chosen.subnets,
        security_groups=chosen.security_groups,
        tuner=chosen.tuner,
        early_stopping=chosen.early_stopping,
        requirements=requirements,
    )


def open_clients(settings: Settings, endpoint: str | None = None) -> Clients:
    """What speaks to SageMaker, where the standard AWS variables say it is, or at an emulator's address."""
    from workflow.runners.sagemaker.account import Clients

    return Clients(account_of(settings), endpoint)


def _sagemaker_runner(settings: Settings, storage: Storage) -> Runner:
    from workflow.runners.sagemaker.runner import SageMakerRunner

    work, logs = settings.home / "work", settings.home / "logs"
    return SageMakerRunner(open_clients(settings), settings.scripts, work, logs, storage)


def _sagemaker_host(settings: Settings, storage: Storage) -> EndpointHost:
    from workflow.endpoints.sagemaker import SageMakerEndpointHost

    return SageMakerEndpointHost(open_clients(settings), storage, settings.home / "logs")


STORAGES: dict[str, Callable[[Settings], Storage]] = {"folder": _folder_storage, "s3": _s3_storage}
RUNNERS: dict[str, Callable[[Settings, Storage], Runner]] = {"local": _local_runner, "sagemaker": _sagemaker_runner}
ENDPOINT_HOSTS: dict[str, Callable[[Settings, Storage], EndpointHost]] = {
    "local": _local_host,
    "sagemaker": _sagemaker_host,
}


def check_choices(settings: Settings) -> None:
    """Refuse names that no driver has. Raises BadSetting, which lists the names there are."""
    _chosen(STORAGES, "DESPINA_STORAGE", settings.storage)
    _chosen(RUNNERS, "DESPINA_RUNNER", settings.runner)
    _chosen(ENDPOINT_HOSTS, "DESPINA_ENDPOINTS", settings.endpoints)


def open_storage(settings: Settings) -> Storage:
    """What ``s3://`` addresses mean: keys below the home folder, or S3 itself. Raises BadSetting."""
    return _chosen(STORAGES, "DESPINA_STORAGE", settings.storage)(settings)


def open_runner(settings: Settings, storage: Storage) -> Runner:
    """What runs processing, training and transform jobs. Raises BadSetting."""
    return _chosen(RUNNERS, "DESPINA_RUNNER", settings.runner)(settings, storage)


def open_endpoint_host(settings: Settings, storage: Storage) -> EndpointHost:
    """What runs endpoints. Raises BadSetting."""
    return _chosen(ENDPOINT_HOSTS, "DESPINA_ENDPOINTS", settings.endpoints)(settings, storage)


def open_observers(settings: Settings, store: JobStore, storage: Storage) -> list[JobObserver]:
    """Who is told of jobs. Raises BadSetting where one is asked for whose library is not installed."""
    found: list[JobObserver] = []
    try:
        if settings.mlflow_uri is not None:
            from workflow.jobs.observers.tracking import MlflowRuns

            found.append(MlflowRuns(settings.mlflow_uri, storage))
        if settings.openlineage_url is not None:
            from workflow.jobs.observers.lineage import LineageEvents

            found.append(LineageEvents(settings.openlineage_url, store.of_kind))
    except ImportError as error:
        extra = "mlflow" if settings.mlflow_uri is not None and not found else "openlineage"
        raise BadSetting(
            f"DESPINA_{extra.upper()}", f"is set and {error.name} is not installed: pip install 'despina[{extra}]'"
        ) from error
    return found


def _chosen(table: Mapping[str, Opener], variable: str, name: str) -> Opener:
    if name not in table:
        raise BadSetting(variable, f"is {name!r}; set it to {' or to '.join(table)}")
    return table[name]


def open_database(
    url: str, message_format: MessageFormat | None = None, sign_region: str | None = None
) -> GremlinDatabase:
    """The Gremlin database at an address, which is connected to at its first use.

    Args:
        sign_region: of AWS, where connections are to be signed, as Neptune asks for it; None signs nothing.
    """
    from workflow.graphs.sources.gremlin import GremlinDatabase
    from workflow.graphs.sources.sigv4 import signer

    sign = None if sign_region is None else signer(sign_region)
    return GremlinDatabase(url, message_format=message_format, sign=sign)


def _gremlin_source(url: str, sign_region: str | None) -> SourceDriver:
    from workflow.graphs.sources.gremlin import GremlinSourceDriver
    from workflow.gremlin.export_filter import checked_for_remote

    return GremlinSourceDriver(open_database(url, sign_region=sign_region), checked_for_remote)


def _bolt_source(url: str, sign_region: str | None) -> SourceDriver:
    from workflow.graphs.sources.cypher import BoltSourceDriver

    return BoltSourceDriver(open_bolt(url))


def open_bolt(url: str) -> BoltDatabase:
    """The database at a ``bolt://`` or ``neo4j://`` address, which is connected to at its first use."""
    from workflow.graphs.sources.cypher import BoltDatabase

    return BoltDatabase(url)


BOLT: Final = ("bolt", "bolt+s", "bolt+ssc", "neo4j", "neo4j+s", "neo4j+ssc")
SOURCES: dict[str, Callable[[str, str | None], SourceDriver]] = {
    "ws": _gremlin_source,
    "wss": _gremlin_source,
    **dict.fromkeys(BOLT, _bolt_source),
}
"""By the scheme of a database's address."""


def open_source(url: str, sign_region: str | None = None) -> SourceDriver:
    """The database at an address, for exports. Raises BadRequest for an address of none that is known.

    Args:
        sign_region: as of ``open_database``.
    """
    scheme = urlsplit(url).scheme
    if scheme not in SOURCES:
        known = ", ".join(f"{name}://" for name in SOURCES)
        raise BadRequest(f"an export reads databases at {known}, not at one that begins with {scheme!r}")
    return SOURCES[scheme](url, sign_region)
