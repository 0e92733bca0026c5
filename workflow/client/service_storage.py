"""Where the ``s3://`` addresses of a service lie, as this process can reach them."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from workflow.client.connection import Connection
from workflow.errors import StorageError, WorkflowError
from workflow.settings import Settings
from workflow.storage.base import Storage
from workflow.storage.uri import S3Uri

LOCK = "service.lock"  # every home of a service has one
_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})


class NotSeenByService(StorageError):
    """Files were copied to an address at which the service finds nothing."""

    def __init__(self, url: str, source: str, place: Path | None) -> None:
        copied = f"to {place}" if place is not None else "to S3"
        super().__init__(
            f"The service at {url} finds nothing at {source}: this process has copied the files {copied}, and the "
            "service keeps its s3:// addresses elsewhere. Set DESPINA_HOME to the home of the service, or "
            "DESPINA_STORAGE=s3 for both, and load again; a service on another machine sees S3 only."
        )
        self.source = source


def service_storage(connection: Connection) -> Storage:
    """The storage that the service says it uses, where this process can use it too; else what the environment says.

    A folder counts when the service is on this machine and the folder lies in a home that a service has claimed. A
    Neptune cluster names no storage, and uses S3.
    """
    from workflow.drivers import open_storage

    own = Settings.from_environment()
    try:
        status = connection.call("get_engine_status")
    except WorkflowError:
        return open_storage(own)  # whoever reads or writes hears of it
    told = str((status.get("settings") or {}).get("storage", ""))
    if told == "s3" or not str(status.get("dbEngineVersion", "")).startswith("despina"):
        return open_storage(replace(own, storage="s3"))
    home = Path(told).parent
    # os.path, since a home may belong to another user, and Path raises then
    if told and urlsplit(connection.url).hostname in _THIS_MACHINE and os.path.isfile(home / LOCK):
        return open_storage(replace(own, home=home, storage="folder"))
    return open_storage(own)


def not_seen(connection: Connection, storage: Storage, source: str) -> NotSeenByService:
    """The error for files that lie at an address of ``storage`` and not of the service."""
    return NotSeenByService(connection.url, source, storage.local_path(S3Uri.parse(source)))
