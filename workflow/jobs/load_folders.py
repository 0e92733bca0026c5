"""Which files a bulk load may read: s3:// addresses through the storage, folders where the operator said so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from workflow.errors import LoadUrlAccessDenied, StorageError
from workflow.storage import S3Uri, Storage

CSV_ENDINGS: Final = (".csv", ".csv.gz", ".csv.bz2")


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file to load; another version has other bytes."""

    address: str
    version: str
    size: int


class LoadFolders:
    """Where the files of a source lie: s3:// addresses through the storage, folders only where the operator said so."""

    def __init__(self, storage: Storage, allowed: tuple[Path, ...]) -> None:
        self._storage = storage
        self._allowed = tuple(folder.resolve() for folder in allowed)

    def files(self, source: str) -> list[SourceFile]:
        """Every file of a source, sorted. Raises StorageError or LoadUrlAccessDenied.

        Where some names end like CSV files the others are passed over: read-me files, configurations, reports.
        """
        found = list(self._folder(Path(source)) if source.startswith("/") else self._prefix(S3Uri.parse(source)))
        if not found:
            raise StorageError(f"there is nothing to load at {source}; check the address")
        return [file for file in found if file.address.lower().endswith(CSV_ENDINGS)] or found

    def open(self, address: str) -> BinaryIO:
        """A stream over one file. Raises StorageError or LoadUrlAccessDenied."""
        if not address.startswith("/"):
            return self._storage.open(S3Uri.parse(address))
        path = self._confined(Path(address))
        _check_file(path)
        try:
            return path.open("rb")
        except OSError as error:
            raise StorageError(f"{address} cannot be read: {error.strerror}") from error

    def _prefix(self, prefix: S3Uri) -> Iterator[SourceFile]:
        for info in self._storage.list(prefix):
            if not _hidden(info.uri.name):
                yield SourceFile(str(info.uri), f"{info.size}-{info.modified.isoformat()}", info.size)

    def _folder(self, path: Path) -> Iterator[SourceFile]:
        path = self._confined(path)
        paths = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in paths:
            _check_file(file)
            if file.is_file() and not _hidden(file.name) and self._is_inside(file.resolve()):
                facts = file.stat()
                yield SourceFile(str(file), f"{facts.st_size}-{facts.st_mtime_ns}", facts.st_size)

    def _confined(self, path: Path) -> Path:
        real = path.resolve()
        if not self._is_inside(real):
            raise LoadUrlAccessDenied(
                f"{path} lies outside the folders this service may read; put the files under an s3:// address, "
                "or allow the folder in the service's settings"
            )
        return real

    def _is_inside(self, path: Path) -> bool:
        return any(path.is_relative_to(folder) for folder in self._allowed)


def _check_file(path: Path) -> None:
    if path.exists() and not path.is_file() and not path.is_dir():
        raise StorageError(f"{path} is a pipe, a socket or a device, which is never read; remove it from the folder")


def _hidden(name: str) -> bool:
    return name.startswith((".", "_"))
