"""What moto's S3 holds in memory, kept in a folder from one start of the emulator to the next.

An object is a file of its key's path. A key that is no path, or that another key's path leads through, has a file of
another name; what is said of objects (metadata, content type, key of KMS) stands in a list beside the folder.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

ODD = ".odd"  # the folder of objects whose keys are no paths
_CHUNK = 1 << 20
_MOST_NAME = 200  # bytes of a file's name
# of a HeadObject, as PutObject takes them
_SAID = ("Metadata", "ContentType", "ContentEncoding", "ServerSideEncryption", "SSEKMSKeyId")


def save(client: Any, folder: Path) -> None:
    """Keep every object of every bucket: a folder a bucket."""
    for bucket in client.list_buckets().get("Buckets", []):
        name = str(bucket["Name"])
        place = folder / name
        place.mkdir(parents=True, exist_ok=True)
        keys = list(_keys(client, name))
        inner = {key[:end] for key in keys for end, letter in enumerate(key) if letter == "/"}
        said = {}
        for key in keys:
            file = _file(key, inner)
            said[file] = {"Key": key, **_written(client, name, key, place / file)}
        for path in [path for path in place.rglob("*") if path.is_file()]:
            if path.relative_to(place).as_posix() not in said:
                path.unlink()
        partial = _list(folder, name).with_suffix(".partial")
        partial.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps(said))
        partial.replace(_list(folder, name))


def restore(client: Any, folder: Path, region: str) -> None:
    """Give S3 what an earlier run has kept; a file that stands in no list is an object of its path."""
    for bucket in sorted(folder.iterdir()) if folder.is_dir() else ():
        elsewhere = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        if bucket.name not in [one["Name"] for one in client.list_buckets().get("Buckets", [])]:
            client.create_bucket(Bucket=bucket.name, **elsewhere)
        known = _list(folder, bucket.name)
        said = json.loads(known.read_text()) if known.exists() else {}
        for path in sorted(path for path in bucket.rglob("*") if path.is_file()):
            file = path.relative_to(bucket).as_posix()
            more = dict(said.get(file, {}))
            key = more.pop("Key", file)
            client.upload_file(str(path), bucket.name, key, ExtraArgs=more)


def _keys(client: Any, bucket: str) -> Iterator[str]:
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        yield from (str(entry["Key"]) for entry in page.get("Contents", ()))


def _file(key: str, inner: set[str]) -> str:
    """The file of a key, by its path below the bucket's folder.

    Args:
        inner: what other keys' paths lead through.
    """
    parts = key.split("/")
    is_path = all(part not in ("", ".", "..") and len(part.encode()) <= _MOST_NAME for part in parts)
    if is_path and key not in inner and parts[0] != ODD and "\0" not in key:
        return key
    return f"{ODD}/{sha256(key.encode()).hexdigest()}"


def _written(client: Any, bucket: str, key: str, path: Path) -> dict[str, Any]:
    """Write an object to a file; what is said of it."""
    if path.is_dir():  # left by an earlier run, in which other keys led through here
        _clear(path)
    for parent in path.parents:
        if parent.is_file():
            parent.unlink()
    path.parent.mkdir(parents=True, exist_ok=True)
    answer = client.get_object(Bucket=bucket, Key=key)
    with path.open("wb") as file:
        for chunk in answer["Body"].iter_chunks(_CHUNK):
            file.write(chunk)
    return {name: answer[name] for name in _SAID if answer.get(name)}


def _clear(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    folder.rmdir()


def _list(folder: Path, bucket: str) -> Path:
    """Beside the folder of all buckets, where no bucket can have its name."""
    return folder.with_name(f"{folder.name}-said") / f"{bucket}.json"
