"""Steps of a job that stay where it is interrupted, so that the next run of the same job begins after them.

What a step has made lies in a folder of its own, whose ``step.json`` is written last. The folder of all steps bears the
fingerprint of everything that decides what they make: another export, configuration or version begins anew.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from .workspace import MB, Workspace

STEP = "step.json"
#: what is smaller is made again sooner than it is looked up
WORTH_KEEPING = MB
#: what the bytes of a job follow from, beside its input: the code of these rooms and files
CODE = ("processing", "features", "graph", "schemas", "distinct.py", "text_files.py")
#: files that a crash of the machine, and not of the job alone, may have left half written
BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Made:
    """What a step has made: arrays of any shape (n, …), files, and what it says of them as JSON."""

    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)
    said: Mapping[str, Any] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes of arrays and files."""
        sizes = [values.nbytes for values in self.arrays.values()]
        return sum(sizes) + sum(path.stat().st_size for path in self.files.values())


def kept(room: Workspace, name: str, make: Callable[[], Made]) -> Made:
    """What an earlier run has made in a step of this name, or what is made now.

    Args:
        room: of the job.
        name: of the step, which no other step of the job has; of a part of it that people chose, see ``named``.
        make: does the step. Arrays and files of the workspace are moved, not copied.
    """
    if room.finished is None:
        return make()
    folder = room.finished / name
    if (there := _read(folder)) is not None:
        return there
    made = make()
    if made.size < min(WORTH_KEEPING, room.parked_bytes):
        return made
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for key, values in made.arrays.items():
        _move(values, folder / f"{key}.npy")
    for key, path in made.files.items():
        path.rename(folder / f"{key}{path.suffix}")
    document = {
        "arrays": list(made.arrays),
        "files": {key: f"{key}{path.suffix}" for key, path in made.files.items()},
        "said": made.said,
        "sizes": {path.name: path.stat().st_size for path in sorted(folder.iterdir())},
    }
    unfinished = folder / f"{STEP}.new"
    unfinished.write_text(json.dumps(document), encoding="utf-8")
    unfinished.rename(folder / STEP)
    there = _read(folder)
    if there is None:
        raise OSError(f"what was written to {folder} is not there")
    return there


def named(*parts: object) -> str:
    """A name of a step for parts that may hold anything, such as the names of files."""
    return hashlib.sha256(json.dumps([str(part) for part in parts]).encode()).hexdigest()[:16]


def fingerprint(folder: Path, said: Sequence[object]) -> str:
    """A text of 32 letters that is another one whenever a job may write other bytes.

    Args:
        folder: of the export; all files in it count, with what they hold.
        said: arguments of the job.
    """
    digest = hashlib.sha256(json.dumps([str(one) for one in said]).encode())
    digest.update(f"{np.__version__} {pl.__version__} {pa.__version__}".encode())
    digest.update(BOOT.read_bytes() if BOOT.exists() else b"")
    code = Path(__file__).parents[1]
    sources = [path for name in CODE for path in [code / name, *sorted((code / name).rglob("*.py"))] if path.is_file()]
    for path in (*sources, *_files(folder)):
        digest.update(f"\0{path.name}\0".encode())
        with path.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()[:32]


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def _read(folder: Path) -> Made | None:
    """What a finished step has made; None where there is none, or a file of it is not as it was."""
    try:
        document = json.loads((folder / STEP).read_text(encoding="utf-8"))
        if any((folder / name).stat().st_size != size for name, size in document["sizes"].items()):
            return None
    except FileNotFoundError:
        return None
    arrays = {key: np.load(folder / f"{key}.npy", mmap_mode="r", allow_pickle=False) for key in document["arrays"]}
    files = {key: folder / name for key, name in document["files"].items()}
    return Made(arrays, files, document["said"])


def _move(values: NDArray[Any], place: Path) -> None:
    """Put an array into a file; one that is a file of the workspace as a whole is that file."""
    filename = getattr(values, "filename", None)
    if filename is not None and values.flags.c_contiguous:
        whole = np.load(filename, mmap_mode="r", allow_pickle=False)
        same = (whole.shape, whole.dtype) == (values.shape, values.dtype)
        if same and getattr(whole, "offset", 0) == getattr(values, "offset", None):
            Path(filename).rename(place)
            return
    np.save(place, np.ascontiguousarray(values), allow_pickle=False)
