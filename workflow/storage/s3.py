"""Storage on S3, or on any server that speaks it.

The endpoint, the credentials and the region come from the standard AWS variables only (``AWS_ENDPOINT_URL_S3``,
``AWS_PROFILE`` …), so that what works for the AWS command line works here.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from workflow.errors import AccessDenied, StorageError
from workflow.storage.base import ObjectInfo, ObjectNotFound
from workflow.storage.uri import S3Uri

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_MISSING = {"404", "NoSuchKey", "NotFound", "NoSuchBucket"}
_DENIED = {"403", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken"}
_CHUNK = 1 << 20
_DELETE_BATCH = 1000  # the most keys one DeleteObjects call takes


class S3Storage:
    """The boto3 driver. Objects are streamed whole: several S3 servers read all of an object for each ranged GET."""

    def __init__(self, region: str, client: S3Client | None = None) -> None:
        self._region = region
        self._client = client
        self._lock = threading.Lock()  # guards the making of _client

    @property
    def client(self) -> S3Client:
        """The boto3 client, made at first use: boto3 takes longer to import than the service may take to start."""
        with self._lock:
            if self._client is None:
                import boto3

                self._client = boto3.client("s3", region_name=self._region)
            return self._client

    def read(self, uri: S3Uri) -> bytes:
        with self.open(uri) as stream:
            return stream.read()

    def open(self, uri: S3Uri) -> BinaryIO:
        with _translated("read", uri):
            return cast(BinaryIO, self.client.get_object(Bucket=uri.bucket, Key=_key(uri))["Body"])

    def write(self, uri: S3Uri, data: bytes) -> None:
        with _translated("write", uri):
            self.client.put_object(Bucket=uri.bucket, Key=_key(uri), Body=data)

    def list(self, prefix: S3Uri) -> Iterator[ObjectInfo]:
        found: list[ObjectInfo] = []
        with _translated("list", prefix):
            pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=prefix.bucket, Prefix=prefix.key)
            try:
                for page in pages:
                    for entry in page.get("Contents", ()):
                        key = entry["Key"]
                        uri = S3Uri(prefix.bucket, key)
                        if uri.is_below(prefix) and not key.endswith("/"):  # consoles make empty "folder" objects
                            found.append(ObjectInfo(uri, entry["Size"], entry["LastModified"]))
            except self.client.exceptions.NoSuchBucket:
                return
        yield from sorted(found, key=lambda info: (info.uri != prefix, info.uri.key))

    def exists(self, uri: S3Uri) -> bool:
        if not uri.key:
            return False
        try:
            with _translated("look at", uri):
                self.client.head_object(Bucket=uri.bucket, Key=uri.key)
        except ObjectNotFound:
            return False
        return True

    def delete(self, prefix: S3Uri) -> int:
        if not prefix.key:
            raise StorageError(f"refusing to delete the whole of {prefix}; name a folder in it")
        keys = [info.uri.key for info in self.list(prefix)]
        with _translated("delete", prefix):
            for start in range(0, len(keys), _DELETE_BATCH):
                batch = keys[start : start + _DELETE_BATCH]
                answer = self.client.delete_objects(
                    Bucket=prefix.bucket, Delete={"Objects": [{"Key": key} for key in batch], "Quiet": True}
                )
                for failure in answer.get("Errors", ()):
                    raise StorageError(
                        f"cannot delete s3://{prefix.bucket}/{failure.get('Key')}: {failure.get('Message')}"
                    )
        return len(keys)

    def download(self, prefix: S3Uri, folder: Path) -> int:
        count = 0
        for info in self.list(prefix):
            target = folder / (info.uri.relative_to(prefix) or info.uri.name)
            target.parent.mkdir(parents=True, exist_ok=True)
            partial = target.with_name(target.name + ".partial")
            with self.open(info.uri) as body, partial.open("wb") as file:
                while chunk := body.read(_CHUNK):
                    file.write(chunk)
            partial.replace(target)
            count += 1
        if count == 0:
            raise ObjectNotFound(prefix)
        return count

    def upload(self, folder: Path, prefix: S3Uri) -> int:
        count = 0
        for file in sorted(folder.rglob("*")):
            if file.is_file() and not file.is_symlink():
                uri = prefix / file.relative_to(folder).as_posix()
                with _translated("write", uri):
                    self.client.upload_file(str(file), uri.bucket, uri.key)
                count += 1
        return count

    def local_path(self, uri: S3Uri) -> Path | None:
        return None


def _key(uri: S3Uri) -> str:
    if not uri.key:
        raise ObjectNotFound(uri)
    return uri.key


@contextmanager
def _translated(what: str, uri: S3Uri) -> Iterator[None]:
    """Turn boto3's errors into ours, naming the address and what to do."""
    from boto3.exceptions import S3UploadFailedError
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code"))
        if code == "NoSuchBucket" and what == "write":
            raise StorageError(f"cannot write {uri}: the bucket does not exist; create it first") from error
        if code in _MISSING:
            raise ObjectNotFound(uri) from error
        if code in _DENIED:
            raise AccessDenied(f"not allowed to {what} {uri} ({code}); check the credentials and the role") from error
        raise StorageError(f"cannot {what} {uri}: {error}") from error
    except (BotoCoreError, S3UploadFailedError) as error:
        raise StorageError(f"cannot {what} {uri}: {error}") from error
