"""Storage on S3, or on any server that speaks it.

The endpoint, the credentials and the region come from the standard AWS variables only (``AWS_ENDPOINT_URL_S3``,
``AWS_PROFILE`` …), so that what works for the AWS command line works here.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import file_digest, sha256
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from workflow.errors import AccessDenied, StorageError
from workflow.storage.base import ObjectInfo, ObjectNotFound
from workflow.storage.uri import S3Uri

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_log = logging.getLogger(__name__)

_MISSING = {"404", "NoSuchKey", "NotFound", "NoSuchBucket"}
_DENIED = {"403", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken"}
_ELSEWHERE = {"301", "PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}
_CHUNK = 1 << 20
_WHOLE_BYTES = 64 << 20  # what is written at once goes in parts from here on
_ATTEMPTS = 4  # of a download that breaks off or arrives damaged
_RETRIES = 8  # of a call that is refused for the moment, with jitter
_DIGEST = "sha256"  # our own, among the object's metadata: it outlives parts, copies and any kind of server
_DELETE_BATCH = 1000  # the most keys one DeleteObjects call takes


class S3Storage:
    """The boto3 driver. Objects are streamed whole: several S3 servers read all of an object for each ranged GET.

    What is written carries its SHA-256, and what is read whole is compared with it, beside the checksums that S3 and
    boto3 exchange: a damaged object is refused and never taken for data.

    Args:
        key: of KMS, under which the server encrypts what is written; None leaves it to the bucket.
    """

    def __init__(self, region: str, client: S3Client | None = None, key: str | None = None) -> None:
        self._region = region
        self._client = client
        self._key = key
        self._lock = threading.Lock()  # guards the making of _client

    @property
    def client(self) -> S3Client:
        """The boto3 client, made at first use: boto3 takes longer to import than the service may take to start."""
        with self._lock:
            if self._client is None:
                import boto3
                from botocore.config import Config

                retries = Config(retries={"mode": "standard", "total_max_attempts": _RETRIES})
                self._client = boto3.client("s3", region_name=self._region, config=retries)
            return self._client

    def encrypting(self, key: str | None) -> S3Storage:
        return self if key is None else S3Storage(self._region, self.client, key)

    def read(self, uri: S3Uri) -> bytes:
        whole = BytesIO()
        self._bring(uri, whole)
        return whole.getvalue()

    def _bring(self, uri: S3Uri, file: BinaryIO) -> None:
        """Write a whole object to a file and compare it with its digest; what breaks off or is damaged comes again."""
        for attempt in range(1, _ATTEMPTS + 1):
            file.seek(0)
            file.truncate()
            digest = sha256()
            try:
                with _translated("read", uri):
                    answer = self.client.get_object(Bucket=uri.bucket, Key=_key(uri))
                    with answer["Body"] as body:
                        while chunk := body.read(_CHUNK):
                            file.write(chunk)
                            digest.update(chunk)
                if answer.get("Metadata", {}).get(_DIGEST) in (None, digest.hexdigest()):
                    return
                raise DamagedObject(uri)
            except (DamagedObject, BrokenOff) as error:
                if attempt == _ATTEMPTS:
                    raise
                _log.warning("attempt %d of %d: %s", attempt, _ATTEMPTS, error)
                time.sleep(random.uniform(0.1, 0.3) * attempt)

    def open(self, uri: S3Uri) -> BinaryIO:
        with _translated("read", uri):
            return cast(BinaryIO, self.client.get_object(Bucket=uri.bucket, Key=_key(uri))["Body"])

    def write(self, uri: S3Uri, data: bytes) -> None:
        key = _key(uri)
        with _translated("write", uri):
            told = self._told(sha256(data).hexdigest())
            if len(data) >= _WHOLE_BYTES:
                self.client.upload_fileobj(BytesIO(data), uri.bucket, key, ExtraArgs=told)
            else:
                self.client.put_object(Bucket=uri.bucket, Key=key, Body=data, **told)

    def _told(self, digest: str) -> Any:
        """What is said of an object that is written."""
        encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": self._key} if self._key is not None else {}
        return {"Metadata": {_DIGEST: digest}, **encryption}

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
            target = folder / _relative(info.uri, prefix)
            target.parent.mkdir(parents=True, exist_ok=True)
            partial = target.with_name(target.name + ".partial")
            with partial.open("wb") as file:
                self._bring(info.uri, file)
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
                    with file.open("rb") as content:
                        digest = file_digest(content, "sha256").hexdigest()
                    self.client.upload_file(str(file), uri.bucket, uri.key, ExtraArgs=self._told(digest))
                count += 1
        return count

    def local_path(self, uri: S3Uri) -> Path | None:
        return None


class DamagedObject(StorageError):
    """An object that is not what was written."""

    def __init__(self, uri: S3Uri) -> None:
        super().__init__(f"{uri} is damaged: its content is not what was written; write it again, or restore it")
        self.uri = uri


class BrokenOff(StorageError):
    """A download that ended before the object did."""


def _relative(uri: S3Uri, prefix: S3Uri) -> str:
    """Where an object of a prefix goes below a folder. Raises StorageError for a key that would leave the folder."""
    relative = uri.relative_to(prefix) or uri.name
    if any(part in ("", ".", "..") for part in relative.split("/")) or "\\" in relative or "\0" in relative:
        raise StorageError(f"{uri} has a key that is no path below a folder; rename it, or leave it out")
    return relative


def _key(uri: S3Uri) -> str:
    if not uri.key:
        raise ObjectNotFound(uri)
    return uri.key


@contextmanager
def _translated(what: str, uri: S3Uri) -> Iterator[None]:
    """Turn boto3's errors into ours, naming the address and what to do."""
    from boto3.exceptions import S3UploadFailedError
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        FlexibleChecksumError,
        IncompleteReadError,
        ResponseStreamingError,
    )

    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code"))
        if code == "NoSuchBucket" and what == "write":
            raise StorageError(f"cannot write {uri}: the bucket does not exist; create it first") from error
        if code in _MISSING:
            raise ObjectNotFound(uri) from error
        if code in _ELSEWHERE:
            raise StorageError(
                f"cannot {what} {uri} ({code}): the bucket lies in another region; set AWS_REGION to that, or name a "
                "bucket of this one"
            ) from error
        if code in _DENIED:
            raise AccessDenied(f"not allowed to {what} {uri} ({code}); check the credentials and the role") from error
        raise StorageError(f"cannot {what} {uri}: {error}") from error
    except (ResponseStreamingError, FlexibleChecksumError, IncompleteReadError) as error:
        raise BrokenOff(f"{uri} arrived in part or damaged: {error}") from error
    except (BotoCoreError, S3UploadFailedError) as error:
        raise StorageError(f"cannot {what} {uri}: {error}") from error
