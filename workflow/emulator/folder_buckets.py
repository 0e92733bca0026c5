"""The folder of a service as S3: what lies in it is an object, and an object that is put becomes a file.

moto speaks the protocol and knows objects in memory. Before a request is answered, what has changed in the folder is
brought to it, and after one that writes, what has changed there is kept in the folder. So clients of S3, the service
and its jobs see the same. Any name is a bucket, as ``s3://`` addresses have it in a folder.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qs, unquote

from workflow.emulator.moto_server import Environ, StartResponse, WsgiApp, moto_app, serve_in_thread
from workflow.errors import WorkflowError
from workflow.storage import Storage
from workflow.storage.uri import S3Uri

HOSTS = ("127.0.0.1", "localhost")  # a page of strangers that has another name resolve to this machine names that
WRITING = ("PUT", "POST", "DELETE")
Version = tuple[int, Any]  # bytes and moment of a file
Known = tuple[Version, Any]  # with moto's object of it


class FolderBuckets:
    """A WSGI application around moto's S3. One request at a time.

    Args:
        storage: the folder, as the service writes it.
        others: answers in S3's protocol.
    """

    def __init__(self, storage: Storage, others: WsgiApp) -> None:
        self._storage, self._others = storage, others
        self._lock = threading.Lock()  # guards _files, and moto's state with it
        self._files: dict[str, dict[str, Known]] = {}  # what moto knows of the folder, by bucket and key

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request of S3, with the bucket in its path."""
        bucket, _, key = unquote(str(environ.get("PATH_INFO", ""))).lstrip("/").partition("/")
        method = str(environ["REQUEST_METHOD"])
        asked = parse_qs(str(environ.get("QUERY_STRING", "")))
        if "HTTP_ORIGIN" in environ or str(environ.get("HTTP_HOST", "")).rpartition(":")[0] not in HOSTS:
            return _refused(start_response, "this server is for programs of this machine, and for no page")
        with self._lock:
            try:
                if bucket:
                    self._bring(S3Uri.parse(f"s3://{bucket}/{key}"), (asked.get("prefix") or [""])[0])
                else:
                    for name in self._names():
                        self._bucket(name)
            except WorkflowError as error:
                return _refused(start_response, error.message)
            answer = b"".join(self._others(environ, start_response))
            if bucket and method in WRITING:
                self._keep(bucket)
        return [answer]

    def _names(self) -> list[str]:
        place = self._storage.local_path(S3Uri("bucket"))
        return [] if place is None else sorted(path.name for path in place.parent.glob("*") if path.is_dir())

    def _bucket(self, name: str) -> Any:
        """moto's bucket, made where it is missing."""
        from moto.core.models import DEFAULT_ACCOUNT_ID
        from moto.s3.models import s3_backends

        backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
        if name not in backend.buckets:
            backend.create_bucket(name, "us-east-1")
        return backend

    def _bring(self, asked: S3Uri, prefix: str) -> None:
        """Let moto know what has changed: the one file that is asked for, or all those of a listing."""
        backend, known = self._bucket(asked.bucket), self._files.setdefault(asked.bucket, {})
        listed = self._storage.list(asked if asked.key else S3Uri(asked.bucket))
        there = {info.uri.key: info for info in listed if info.uri.key == asked.key or not asked.key}
        for key, info in there.items():
            version = (info.size, info.modified)
            if key.startswith(prefix) and (key not in known or known[key][0] != version):
                known[key] = version, backend.put_object(asked.bucket, key, self._storage.read(info.uri))
        for key in [key for key in known if key not in there and (key == asked.key or not asked.key)]:
            del known[key]
            backend.delete_object(asked.bucket, key)

    def _keep(self, bucket: str) -> None:
        """Put into the folder what moto has got, and take out what it has not any more."""
        held = self._bucket(bucket).buckets
        objects, known = held[bucket].keys if bucket in held else {}, self._files.setdefault(bucket, {})
        for key in [key for key in known if key not in objects]:
            del known[key]
            self._storage.delete(S3Uri(bucket, key))
        for key, one in objects.items():
            if key.endswith("/") or (key in known and known[key][1] is one):
                continue
            uri = S3Uri(bucket, key)
            self._storage.write(uri, one.value)
            known[key] = next(((info.size, info.modified), one) for info in self._storage.list(uri) if info.uri == uri)


def _refused(start_response: StartResponse, message: str) -> list[bytes]:
    start_response("400 Bad Request", [("Content-Type", "application/xml")])
    text = message.replace("&", "&amp;").replace("<", "&lt;")
    return [f"<Error><Code>InvalidRequest</Code><Message>{text}</Message></Error>".encode()]


def serve_buckets(storage: Storage, port: int) -> Any:
    """Serve a folder's storage as S3 on loopback; ``server_port`` and ``shutdown()`` are those of the result.

    Raises EmulatorMissing, PreconditionsFailed.
    """
    return serve_in_thread(FolderBuckets(storage, moto_app()), port, "s3")
