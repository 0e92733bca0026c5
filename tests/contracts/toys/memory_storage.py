"""A toy storage: one more driver is one file, and this is it."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from workflow.errors import StorageError
from workflow.settings import Settings
from workflow.storage import ObjectInfo, ObjectNotFound, S3Uri


class MemoryStorage:
    """Objects in a dictionary."""

    def __init__(self) -> None:
        self._objects: dict[S3Uri, tuple[bytes, datetime]] = {}
        self._lock = threading.Lock()  # guards _objects

    def read(self, uri: S3Uri) -> bytes:
        with self._lock:
            if uri not in self._objects:
                raise ObjectNotFound(uri)
            return self._objects[uri][0]

    def open(self, uri: S3Uri) -> BinaryIO:
        return io.BytesIO(self.read(uri))

    def write(self, uri: S3Uri, data: bytes) -> None:
        with self._lock:
            self._objects[uri] = (data, datetime.now(UTC))

    def list(self, prefix: S3Uri) -> Iterator[ObjectInfo]:
        with self._lock:
            found = [(uri, *kept) for uri, kept in self._objects.items() if uri.is_below(prefix)]
        yield from (ObjectInfo(uri, len(data), when) for uri, data, when in sorted(found))

    def exists(self, uri: S3Uri) -> bool:
        return uri in self._objects

    def delete(self, prefix: S3Uri) -> int:
        if not prefix.key:
            raise StorageError(f"refusing to delete the whole of {prefix}; name a folder in it")
        gone = [info.uri for info in self.list(prefix)]
        with self._lock:
            for uri in gone:
                del self._objects[uri]
        return len(gone)

    def download(self, prefix: S3Uri, folder: Path) -> int:
        found = list(self.list(prefix))
        if not found:
            raise ObjectNotFound(prefix)
        for info in found:
            target = folder / (info.uri.relative_to(prefix) or info.uri.name)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(self.read(info.uri))
        return len(found)

    def upload(self, folder: Path, prefix: S3Uri) -> int:
        files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
        for path in files:
            self.write(prefix / path.relative_to(folder).as_posix(), path.read_bytes())
        return len(files)

    def encrypting(self, key: str | None) -> MemoryStorage:
        return self

    def local_path(self, uri: S3Uri) -> Path | None:
        return None


def open_storage(settings: Settings) -> MemoryStorage:
    """What the table of drivers names."""
    return MemoryStorage()
