"""Which jobs are equal: a hash over everything a result depends on, and the copy of a finished equal one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from workflow.storage import S3Uri, Storage

_CHUNK = 1 << 20
# beyond this, an object counts by size and time of change instead of its bytes
MAX_HASHED_BYTES = 4 << 30
_NOT_CODE = ("__pycache__",)


def inputs_hash(kind: str, facts: Mapping[str, Any], contents: Mapping[str, str]) -> str:
    """The hash of a job.

    Args:
        facts: members of the request, seeds and settings that change the result.
        contents: fingerprints of what is read, by what it is for.
    """
    document = json.dumps([kind, dict(facts), dict(contents)], sort_keys=True)
    return sha256(document.encode()).hexdigest()


def fingerprint(storage: Storage, prefix: S3Uri) -> str:
    """A hash of all objects of a prefix, by relative key and content."""
    digest = sha256()
    left = MAX_HASHED_BYTES if storage.local_path(prefix) is not None else 0
    for info in storage.list(prefix):
        digest.update(f"{info.uri.relative_to(prefix)}\0{info.size}\0".encode())
        if info.size > left:  # remote, or too much: reading it all would cost more than it saves
            digest.update(info.modified.isoformat().encode())
            continue
        left -= info.size
        with storage.open(info.uri) as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
    return digest.hexdigest()


def code_fingerprint(scripts: Path) -> str:
    """A hash of the training scripts: a result of other code is another result."""
    digest = sha256()
    for path in sorted(scripts.rglob("*.py")):
        if not set(path.parts) & set(_NOT_CODE):
            digest.update(f"{path.relative_to(scripts).as_posix()}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def copy_prefix(storage: Storage, source: S3Uri, target: S3Uri) -> int:
    """Copy every object of a prefix; returns how many."""
    folder = storage.local_path(source)
    if folder is not None and folder.is_dir():
        return storage.upload(folder, target)
    count = 0
    for info in storage.list(source):
        storage.write(target / info.uri.relative_to(source), storage.read(info.uri))
        count += 1
    return count
