"""Storage in a folder: ``s3://bucket/key`` is ``<root>/bucket/key``."""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from workflow.errors import StorageError
from workflow.storage.base import ObjectInfo, ObjectNotFound
from workflow.storage.durable import sync, sync_folders
from workflow.storage.uri import S3Uri

LONGEST_NAME = 255
_PARTIAL = ".despina-partial-"  # names of writes in progress, never listed


class LocalStorage:
    """The folder driver: writes go to a temporary name and are renamed, so no reader sees half a file.

    What was written is on the disk when the call returns. Pipes, sockets and devices are refused, for reading one may
    never end; links are no objects.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()

    def read(self, uri: S3Uri) -> bytes:
        with self.open(uri) as stream:
            return stream.read()

    def open(self, uri: S3Uri) -> BinaryIO:
        path = self._file(uri)
        _check_file(path, uri)
        try:
            return path.open("rb")
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
            raise ObjectNotFound(uri) from error
        except OSError as error:
            raise _failed("read", uri, error) from error

    def write(self, uri: S3Uri, data: bytes) -> None:
        with self._replacing(uri) as partial:
            partial.write_bytes(data)
        self._keep([uri])

    def list(self, prefix: S3Uri) -> Iterator[ObjectInfo]:
        for file in self._files(prefix):
            try:
                yield self._info(file)
            except FileNotFoundError:  # deleted since the walk
                continue

    def exists(self, uri: S3Uri) -> bool:
        return bool(uri.key) and self._path(uri).is_file()

    def delete(self, prefix: S3Uri) -> int:
        if not prefix.key:
            raise StorageError(f"refusing to delete the whole of {prefix}; name a folder in it")
        count = len(self._files(prefix))
        path = self._path(prefix)
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
        self._drop_empty_parents(path.parent)
        return count

    def download(self, prefix: S3Uri, folder: Path) -> int:
        count = 0
        for info in self.list(prefix):
            target = folder / (info.uri.relative_to(prefix) or info.uri.name)
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                shutil.copyfile(self._path(info.uri), target)
            except OSError as error:
                raise _failed("download", info.uri, error) from error
            count += 1
        if count == 0:
            raise ObjectNotFound(prefix)
        return count

    def upload(self, folder: Path, prefix: S3Uri) -> int:
        written: list[S3Uri] = []
        for file in sorted(folder.rglob("*")):
            if file.is_file() and not file.is_symlink():
                uri = prefix / file.relative_to(folder).as_posix()
                with self._replacing(uri) as partial:
                    shutil.copyfile(file, partial)
                written.append(uri)
        self._keep(written)
        return len(written)

    def encrypting(self, key: str | None) -> LocalStorage:
        return self

    def local_path(self, uri: S3Uri) -> Path | None:
        return self._path(uri)

    def _file(self, uri: S3Uri) -> Path:
        if not uri.key:
            raise ObjectNotFound(uri)
        return self._path(uri)

    def _path(self, uri: S3Uri) -> Path:
        if any(len(os.fsencode(part)) > LONGEST_NAME for part in uri.key.split("/")):
            raise StorageError(
                f"a name in {str(uri)[:200]}… is longer than {LONGEST_NAME} bytes, which no file can have"
            )
        path = self.root / uri.bucket / uri.key
        # parse() already refuses "..": what is left is a link that somebody put below the root
        if not path.resolve().is_relative_to(self.root.resolve()):
            raise StorageError(f"{uri} leads out of {self.root} through a link; remove the link")
        return path

    def _files(self, prefix: S3Uri) -> Sequence[Path]:
        """Everything at or below a prefix that is neither a folder nor a link, sorted by key."""
        path = self._path(prefix)
        if not path.is_dir():
            return [path] if path.exists() and not path.is_symlink() else []
        files = [
            Path(folder, name)
            for folder, _, names in os.walk(path)
            for name in names
            if not name.startswith(_PARTIAL) and not os.path.islink(os.path.join(folder, name))
        ]
        return sorted(files, key=lambda file: file.relative_to(path).as_posix())

    def _info(self, file: Path) -> ObjectInfo:
        bucket, _, key = file.relative_to(self.root).as_posix().partition("/")
        status = file.stat()
        _check_file(file, S3Uri(bucket, key))
        return ObjectInfo(S3Uri(bucket, key), status.st_size, datetime.fromtimestamp(status.st_mtime, UTC))

    @contextmanager
    def _replacing(self, uri: S3Uri) -> Iterator[Path]:
        """A temporary file that becomes ``uri`` when the block ends well."""
        if not uri.key:
            raise StorageError(f"{uri} names a bucket, not an object; add a key")
        target = self._path(uri)
        partial = target.parent / f"{_PARTIAL}{uuid.uuid4().hex}"
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            yield partial
            sync(partial)
            partial.replace(target)
        except OSError as error:
            raise _failed("write", uri, error) from error
        finally:
            partial.unlink(missing_ok=True)

    def _keep(self, written: Sequence[S3Uri]) -> None:
        """Make the names of what was written last."""
        try:
            sync_folders((self._path(uri).parent for uri in written), self.root)
        except OSError as error:
            raise _failed("write", written[0], error) from error

    def _drop_empty_parents(self, folder: Path) -> None:
        while folder != self.root and folder.parent != self.root:
            try:
                folder.rmdir()
            except OSError:  # not empty, or already gone
                return
            folder = folder.parent


def _check_file(path: Path, uri: S3Uri) -> None:
    if path.exists() and not path.is_file() and not path.is_dir():
        raise StorageError(
            f"{uri} is a pipe, a socket or a device, which is never read; remove it, or put a file there"
        )


def _failed(what: str, uri: S3Uri, error: OSError) -> StorageError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageError(f"cannot {what} {uri}: the disk is full; free some space and start the job again")
    return StorageError(f"cannot {what} {uri}: {error.strerror or error}")
