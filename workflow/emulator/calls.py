"""What was called here: service, operation and caller of every request, for whoever writes a policy or counts calls."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import parse_qs

_CREDENTIAL = re.compile(r"Credential=([^/,]+)/[^/]+/[^/]+/([^/]+)/")
_REGION = re.compile(r"Credential=[^/,]+/[^/]+/([^/]+)/")
_ACTION = re.compile(rb"(?:^|&)Action=(\w+)")
MOST = 100_000  # calls that are kept; older ones are counted no more

# of S3, which says its operations by method and query: (method, of an object, query member) to the operation
_S3: Mapping[tuple[str, bool, str], str] = {
    ("GET", False, "location"): "GetBucketLocation",
    ("GET", False, "uploads"): "ListMultipartUploads",
    ("GET", False, ""): "ListObjectsV2",
    ("HEAD", False, ""): "HeadBucket",
    ("PUT", False, ""): "CreateBucket",
    ("DELETE", False, ""): "DeleteBucket",
    ("POST", False, "delete"): "DeleteObjects",
    ("GET", True, "uploadId"): "ListParts",
    ("GET", True, ""): "GetObject",
    ("HEAD", True, ""): "HeadObject",
    ("PUT", True, "partNumber"): "UploadPart",
    ("PUT", True, ""): "PutObject",
    ("POST", True, "uploads"): "CreateMultipartUpload",
    ("POST", True, "uploadId"): "CompleteMultipartUpload",
    ("DELETE", True, "uploadId"): "AbortMultipartUpload",
    ("DELETE", True, ""): "DeleteObject",
}


@dataclass(frozen=True)
class RecordedCall:
    """One request: the service as its signature names it, the operation as boto3's model does, the caller's key."""

    service: str
    operation: str
    caller: str
    name: str = ""


class Calls:
    """The calls so far, oldest first. Safe to share between threads."""

    def __init__(self) -> None:
        self._kept: list[RecordedCall] = []
        self._lock = threading.Lock()  # guards _kept

    def add(self, call: RecordedCall) -> None:
        """Keep a call; of very many the oldest are forgotten."""
        with self._lock:
            self._kept.append(call)
            del self._kept[:-MOST]

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._kept.clear()

    def all(self) -> list[RecordedCall]:
        """What is kept."""
        with self._lock:
            return list(self._kept)

    def to_json(self) -> list[dict[str, str]]:
        """Plain data."""
        return [asdict(call) for call in self.all()]


def caller_of(environ: Mapping[str, Any]) -> tuple[str, str]:
    """The access key that a request is signed with, and the service; empty where it is not signed."""
    found = _CREDENTIAL.search(str(environ.get("HTTP_AUTHORIZATION", "")))
    return (found[1], found[2]) if found else ("", "")


def region_of(environ: Mapping[str, Any]) -> str:
    """The region that a request is signed for; empty where it is not signed."""
    found = _REGION.search(str(environ.get("HTTP_AUTHORIZATION", "")))
    return found[1] if found else ""


def call_of(environ: Mapping[str, Any], body: bytes) -> RecordedCall | None:
    """The call that a request to another service than SageMaker is; None for one that is none of AWS's.

    Args:
        body: of a form; empty for others.
    """
    caller, service = caller_of(environ)
    target = str(environ.get("HTTP_X_AMZ_TARGET", ""))
    if not service:
        return None
    if target:
        return RecordedCall(service, target.rpartition(".")[2], caller)
    form = _ACTION.search(body)
    if form is not None:
        return RecordedCall(service, form[1].decode(), caller)
    return RecordedCall(service, _s3_operation(environ) if service == "s3" else "", caller)


def _s3_operation(environ: Mapping[str, Any]) -> str:
    method, path = str(environ.get("REQUEST_METHOD", "GET")), str(environ.get("PATH_INFO", "/"))
    bucket, _, key = path.lstrip("/").partition("/")
    if not bucket:
        return "ListBuckets"
    if method == "PUT" and key and "HTTP_X_AMZ_COPY_SOURCE" in environ:
        return "CopyObject"
    query = parse_qs(str(environ.get("QUERY_STRING", "")), keep_blank_values=True)
    for (verb, of_object, member), operation in _S3.items():
        if verb == method and of_object == bool(key) and (not member or member in query):
            return operation
    return ""
