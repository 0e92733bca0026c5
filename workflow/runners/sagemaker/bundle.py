"""The training scripts in S3, under an address made of their content: equal scripts are uploaded once."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from workflow.runners.bundle import pack
from workflow.runners.sagemaker.plans import Code
from workflow.storage import S3Uri, Storage

SOURCES = "sourcedir.tar.gz"
PREFIX = "despina-code"


class CodeBundle:
    """Uploads the scripts where a job needs them. Safe to share between threads."""

    def __init__(self, scripts: Path, storage: Storage) -> None:
        self._scripts, self._storage = scripts, storage
        self._lock = threading.Lock()  # guards _known, and that one upload goes on at a time
        self._known: dict[str, Code] = {}

    def at(self, bucket: str) -> Code:
        """The scripts in a bucket."""
        with self._lock, self._packed(bucket) as (staged, archive, code):
            key = str(code.folder)
            if key not in self._known:
                if not self._storage.exists(code.archive):
                    self._storage.upload(staged, code.folder)
                    place = S3Uri(bucket, code.archive.key.rpartition("/")[0])
                    self._storage.upload(archive.parent, place)  # last: whoever sees it sees the scripts
                self._known[key] = code
            return self._known[key]

    def planned(self, bucket: str) -> Code:
        """Where the scripts will be in a bucket; nothing is uploaded."""
        with self._packed(bucket) as (_, _, code):
            return code

    @contextmanager
    def _packed(self, bucket: str) -> Iterator[tuple[Path, Path, Code]]:
        """A folder of the scripts, the archive of them, and their address in a bucket."""
        with tempfile.TemporaryDirectory() as temporary:
            staged = Path(temporary) / "scripts"
            shutil.copytree(self._scripts, staged, ignore=shutil.ignore_patterns("__pycache__", ".*"))
            archive = Path(temporary) / "packed" / SOURCES
            pack(staged, archive)
            place = S3Uri(bucket, f"{PREFIX}/{sha256(archive.read_bytes()).hexdigest()[:16]}")
            yield staged, archive, Code(place / "scripts", place / SOURCES)


def with_requirements(scripts: Path, requirements: str, folder: Path) -> Path:
    """A copy of the scripts with a ``requirements.txt``, for an image that lacks the packages.

    The training toolkit installs what it names before a training job, the inference toolkit what lies so in a model.
    """
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(scripts, folder, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    (folder / "requirements.txt").write_text(requirements)
    return folder
