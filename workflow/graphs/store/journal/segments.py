"""A batch as one file: an uncompressed ``.npz`` of plain arrays.

Whoever names the file keeps its size and checksum beside its name. Text is one UTF-8 array and the length of every
string in bytes; what has no array form is JSON. Nothing in a file is ever executed or unpickled.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from workflow.errors import WorkflowError
from workflow.graphs.store.journal.encoding import decode, decode_cell, encode, encode_cell
from workflow.graphs.store.versions.batch import Batch, ColumnData, ElementBatch
from workflow.graphs.store.versions.cells import MISSING
from workflow.graphs.store.versions.text_block import Texts
from workflow.values.numbers import Float, Long

Arrays = dict[str, NDArray[Any]]
_KINDS: Final[dict[str, type]] = {"int": int, "Long": Long, "float": float, "Float": Float}
_INT64: Final = 2**63


class StoreDamaged(WorkflowError):
    """A file of the graph store does not read back as it was written."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"{path} is damaged ({reason}); nothing was changed. `despina store check {path.parent}` says what can be "
            "kept; or restore the folder from a backup"
        )
        self.path, self.reason = path, reason


class SegmentFile(NamedTuple):
    """A segment as a log or ``CURRENT`` names it; size and checksum are unknown of those from format 1."""

    name: str
    size: int | None = None
    checksum: int | None = None

    @classmethod
    def of(cls, named: Any) -> SegmentFile:
        """From its form in JSON: a list, or in format 1 the bare name."""
        return cls(named) if isinstance(named, str) else cls(*named)


def write_segment(path: Path, batch: Batch) -> SegmentFile:
    """Write a batch so that the file is there whole and on disk, or not there."""
    arrays: Arrays = {"source": batch.source, "target": batch.target}
    header: dict[str, Any] = {"next_id": batch.next_id}
    header["vertices"] = _dump_elements("v", batch.vertices, arrays)
    header["edges"] = _dump_elements("e", batch.edges, arrays)
    header["ends"] = "vertices" if batch.ends is batch.vertices.ids else _dump_ids("ends", batch.ends, arrays)
    arrays["header"] = _bytes(json.dumps(header))
    temporary = path.with_suffix(".tmp")
    try:
        with temporary.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
            file.flush()
            os.fsync(file.fileno())
        size, checksum = _size_and_checksum(temporary)
        temporary.replace(path)
    except BaseException:
        # on a full disk its room is needed for commits
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
    return SegmentFile(path.name, size, checksum)


def read_segment(folder: Path, file: SegmentFile) -> Batch:
    """Raises StoreDamaged, naming the file."""
    path = folder / file.name
    if not path.exists():
        raise StoreDamaged(path, "it is missing")
    if file.size is not None and (file.size, file.checksum) != _size_and_checksum(path):
        raise StoreDamaged(path, "it does not match its checksum")
    return _read(path)


def _size_and_checksum(path: Path) -> tuple[int, int]:
    size = checksum = 0
    with path.open("rb") as file:
        while part := file.read(1 << 20):
            size += len(part)
            checksum = zlib.crc32(part, checksum)
    return size, checksum


def _read(path: Path) -> Batch:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        header = json.loads(_text(arrays["header"]))
        batch = Batch(_load_elements("v", header["vertices"], arrays), _load_elements("e", header["edges"], arrays))
        ends = header["ends"]
        batch.ends = batch.vertices.ids if ends == "vertices" else _load_ids("ends", ends, arrays)
        batch.source, batch.target, batch.next_id = arrays["source"], arrays["target"], header["next_id"]
    except Exception as error:
        # a file of format 1 has no checksum of its own, and what its damage makes the readers raise has no end
        raise StoreDamaged(path, str(error) or type(error).__name__) from error
    return batch


def sync_folder(folder: Path) -> None:
    """Make renames in a folder survive a loss of power."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


# -- elements
def _dump_elements(prefix: str, batch: ElementBatch, arrays: Arrays) -> dict[str, Any]:
    arrays[f"{prefix}.labels"] = batch.labels
    columns = [
        {"key": key, **_dump_column(f"{prefix}.{place}", data, arrays)}
        for place, (key, data) in enumerate(batch.columns.items())
    ]
    return {"ids": _dump_ids(f"{prefix}.ids", batch.ids, arrays), "label_names": batch.label_names, "columns": columns}


def _load_elements(prefix: str, header: dict[str, Any], arrays: Arrays) -> ElementBatch:
    columns = {
        column["key"]: _load_column(f"{prefix}.{place}", column, arrays)
        for place, column in enumerate(header["columns"])
    }
    ids = _load_ids(f"{prefix}.ids", header["ids"], arrays)
    return ElementBatch(ids, arrays[f"{prefix}.labels"], header["label_names"], columns)


def _dump_ids(name: str, ids: Sequence[Any], arrays: Arrays) -> str:
    if isinstance(ids, Texts):
        _dump_texts(name, ids, arrays)
        return "str"
    kinds = set(map(type, ids))
    if kinds <= {str}:
        _dump_texts(name, Texts.of(ids), arrays)
        return "str"
    if len(kinds) == 1 and (kind := kinds.pop()) in (int, Long) and min(ids) >= -_INT64 and max(ids) < _INT64:
        arrays[name] = np.array(ids, dtype=np.int64)
        return kind.__name__
    arrays[name] = _bytes(json.dumps([encode(id) for id in ids]))
    return "json"


def _load_ids(name: str, form: str, arrays: Arrays) -> Sequence[Any]:
    if form == "str":
        return _load_texts(name, arrays)
    if form == "json":
        return [decode(id) for id in json.loads(_text(arrays[name]))]
    ids: list[Any] = arrays[name].tolist()
    return ids if form == "int" else [Long(id) for id in ids]


# -- columns
def _dump_column(name: str, data: ColumnData, arrays: Arrays) -> dict[str, Any]:
    if data.kind is not None:
        arrays[name] = np.asarray(data.values)
        if data.present is not None:
            arrays[f"{name}.present"] = data.present
        return {"form": data.kind.__name__}
    held = [(row, value) for row, value in enumerate(data.values) if value is not MISSING]
    arrays[f"{name}.rows"] = np.fromiter((row for row, _ in held), dtype=np.int32, count=len(held))
    values = [value for _, value in held]
    if set(map(type, values)) <= {str}:
        _dump_texts(name, Texts.of(values), arrays)
        return {"form": "str", "size": len(data.values)}
    arrays[name] = _bytes(json.dumps([encode_cell(value) for value in values]))
    return {"form": "json", "size": len(data.values)}


def _load_column(name: str, header: dict[str, Any], arrays: Arrays) -> ColumnData:
    if header["form"] in _KINDS:
        return ColumnData(arrays[name], _KINDS[header["form"]], arrays.get(f"{name}.present"))
    values: list[Any] = [MISSING] * header["size"]
    if header["form"] == "str":
        # equal text is one object: most text columns repeat themselves
        known: dict[str, str] = {}
        held: list[Any] = [known.setdefault(text, text) for text in _load_texts(name, arrays)]
    else:
        held = [decode_cell(cell) for cell in json.loads(_text(arrays[name]))]
    for row, value in zip(arrays[f"{name}.rows"].tolist(), held, strict=True):
        values[row] = value
    return ColumnData(values)


# -- text
def _dump_texts(name: str, texts: Texts, arrays: Arrays) -> None:
    arrays[name] = np.frombuffer(texts.blob, dtype=np.uint8)
    arrays[f"{name}.lengths"] = texts.lengths().astype(np.int32)


def _load_texts(name: str, arrays: Arrays) -> Texts:
    return Texts.with_lengths(arrays[name].tobytes(), arrays[f"{name}.lengths"])


def _bytes(text: str) -> NDArray[np.uint8]:
    # lone surrogates can come in through JSON escapes; they must come back as they were
    return np.frombuffer(text.encode("utf-8", "surrogatepass"), dtype=np.uint8)


def _text(array: NDArray[Any]) -> str:
    return array.tobytes().decode("utf-8", "surrogatepass")
