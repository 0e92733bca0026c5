"""What the workflow asks of a place that keeps bytes at s3:// addresses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol

from workflow.errors import StorageError
from workflow.storage.uri import S3Uri


class ObjectNotFound(StorageError):
    """Nothing lies at an address."""

    def __init__(self, uri: S3Uri) -> None:
        super().__init__(f"there is nothing at {uri}; check the address, or run the step that writes it")
        self.uri = uri


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """One object of a listing; ``modified`` is aware (UTC)."""

    uri: S3Uri
    size: int
    modified: datetime


class Storage(Protocol):
    """Bytes at s3:// addresses.

    Safe to share between threads. A finished write is visible to every later read, a failed one leaves what was there.
    Keys may hold whatever ``S3Uri`` takes, also what means something in addresses, shells and patterns.
    A prefix stands for the object of that key and for all keys below it (``a/b`` covers ``a/b/c``, never ``a/bc``).
    """

    def read(self, uri: S3Uri) -> bytes:
        """Raises ObjectNotFound, naming the address."""

    def open(self, uri: S3Uri) -> BinaryIO:
        """A reading stream over the whole object; the caller closes it. Raises ObjectNotFound."""

    def write(self, uri: S3Uri, data: bytes) -> None:
        """Replaces whatever was there, at once and whole."""

    def list(self, prefix: S3Uri) -> Iterator[ObjectInfo]:
        """Every object of the prefix, sorted by key; nothing for an empty or missing one."""

    def exists(self, uri: S3Uri) -> bool:
        """Whether an object lies exactly there (a prefix alone does not count)."""

    def delete(self, prefix: S3Uri) -> int:
        """Remove every object of the prefix; returns how many there were. The whole of a bucket is refused."""

    def download(self, prefix: S3Uri, folder: Path) -> int:
        """Copy the prefix into a folder under the same relative names; returns how many objects that were.

        A prefix that is one object becomes one file of its own name. Raises ObjectNotFound when there is none.
        """

    def upload(self, folder: Path, prefix: S3Uri) -> int:
        """Copy every file of a folder below a prefix; links are not followed. Returns how many."""

    def encrypting(self, key: str | None) -> Storage:
        """The same storage, whose writes a KMS key encrypts; itself for None, and where nothing encrypts."""

    def local_path(self, uri: S3Uri) -> Path | None:
        """Where the address lies on this machine, so that a reader need not copy; None for remote storage."""
