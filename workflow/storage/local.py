"""Storage in a folder: ``s3://bucket/key`` is ``<root>/bucket/key``."""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from workflow.errors import StorageError
from workflow.storage.base import ObjectInfo, ObjectNotFound
from workflow.storage.uri import S3Uri

LONGEST_NAME = 255
_PARTIAL = ".despina-partial-"  # names of writes in progress, never listed


class LocalStorage:
    """The folder driver: writes go to a temporary name and are renamed, so no reader sees half a file."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()

    def read(self, uri: S3Uri) -> bytes:
        with self.open(uri) as stream:
            return stream.read()

    def open(self, uri: S3Uri) -> BinaryIO:
        try:
            return self._file(uri).open("rb")
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
            raise ObjectNotFound(uri) from error
        except OSError as error:
            raise _failed("read", uri, error) from error

    def write(self, uri: S3Uri, data: bytes) -> None:
        with self._replacing(uri) as partial:
            partial.write_bytes(data)

    def list(self, prefix: S3Uri) -> Iterator[ObjectInfo]:
        path = self._path(prefix)
        if path.is_file() and not path.is_symlink():
            yield self._info(path)
            return
        files = [
            Path(folder, name)
            for folder, _, names in os.walk(path)
            for name in names
            if not name.startswith(_PARTIAL) and not os.path.islink(os.path.join(folder, name))
        ]
        for file in sorted(files, key=lambda file: file.relative_to(path).as_posix()):
            try:
                yield self._info(file)
            except FileNotFoundError:  # deleted since the walk
                continue

    def exists(self, uri: S3Uri) -> bool:
        return bool(uri.key) and self._path(uri).is_file()

    def delete(self, prefix: S3Uri) -> int:
        if not prefix.key:
            raise StorageError(f"refusing to delete the whole of {prefix}; name a folder in it")
        count = sum(1 for _ in self.list(prefix))
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
        count = 0
        for file in sorted(folder.rglob("*")):
            if file.is_file() and not file.is_symlink():
                with self._replacing(prefix / file.relative_to(folder).as_posix()) as partial:
                    shutil.copyfile(file, partial)
                count += 1
        return count

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

    def _info(self, file: Path) -> ObjectInfo:
        bucket, _, key = file.relative_to(self.root).as_posix().partition("/")
        status = file.stat()
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
            partial.replace(target)
        except OSError as error:
            raise _failed("write", uri, error) from error
        finally:
            partial.unlink(missing_ok=True)

    def _drop_empty_parents(self, folder: Path) -> None:
        while folder != self.root and folder.parent != self.root:
            try:
                folder.rmdir()
            except OSError:  # not empty, or already gone
                return
            folder = folder.parent


def _failed(what: str, uri: S3Uri, error: OSError) -> StorageError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageError(f"cannot {what} {uri}: the disk is full; free some space and start the job again")
    return StorageError(f"cannot {what} {uri}: {error.strerror or error}")
