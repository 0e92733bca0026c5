"""A batch as one file of plain arrays, which is mapped and used in place.

Whoever names the file keeps its size and checksum beside its name. Text is one UTF-8 array and the place where every
string begins; what has no array form is JSON. With them stand what finds the ids, and the adjacency of the edges.
Nothing in a file is ever executed or unpickled.
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
from workflow.graphs.store.journal.array_file import map_arrays, write_arrays
from workflow.graphs.store.journal.encoding import decode, decode_cell, encode, encode_cell
from workflow.graphs.store.versions.adjacency import Csr
from workflow.graphs.store.versions.batch import Batch, ColumnData, ElementBatch
from workflow.graphs.store.versions.cells import MISSING
from workflow.graphs.store.versions.coded import CellForm, Coded
from workflow.graphs.store.versions.ids import Marks
from workflow.graphs.store.versions.text_block import TextHash, Texts
from workflow.values.numbers import Float, Long

Arrays = dict[str, NDArray[Any]]
_KINDS: Final[dict[str, type]] = {"int": int, "Long": Long, "float": float, "Float": Float}
_INT64: Final = 2**63
CELLS: Final = CellForm(lambda cell: json.dumps(encode_cell(cell)), lambda text: decode_cell(json.loads(text)))
"""Cells of any class as JSON."""


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
    for place, both in enumerate(batch.adjacency.values()):
        for way, csr in zip(("out", "in"), both, strict=True):
            arrays |= {f"{way}.{place}.{part}": array for part, array in csr._asdict().items()}
    # versions that knew it of snapshots alone took places among the ends for rows of the graph
    ordered = "adjacency" if batch.ends is batch.vertices.ids else "adjacency of ends"
    header: dict[str, Any] = {"next_id": batch.next_id, ordered: list(batch.adjacency)}
    header["vertices"] = _dump_elements("v", batch.vertices, arrays)
    header["edges"] = _dump_elements("e", batch.edges, arrays)
    header["ends"] = "vertices" if batch.ends is batch.vertices.ids else _dump_ids("ends", batch.ends, arrays)
    if header["ends"] != "vertices" and batch.end_rows is not None:
        arrays["end_rows"] = batch.end_rows
    arrays["header"] = _bytes(json.dumps(header))
    temporary = path.with_suffix(".tmp")
    try:
        with temporary.open("wb") as file:
            write_arrays(file, arrays)
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
    return _read(path, in_place=file.size is not None)


def _size_and_checksum(path: Path) -> tuple[int, int]:
    size = checksum = 0
    with path.open("rb") as file:
        while part := file.read(1 << 20):
            size += len(part)
            checksum = zlib.crc32(part, checksum)
    return size, checksum


def _read(path: Path, in_place: bool) -> Batch:
    try:
        arrays = _mapped(path) if in_place else _copied(path)
        header = json.loads(_text(arrays["header"]))
        batch = Batch(_load_elements("v", header["vertices"], arrays), _load_elements("e", header["edges"], arrays))
        ends = header["ends"]
        batch.ends = batch.vertices.ids if ends == "vertices" else _load_ids("ends", ends, arrays)
        batch.end_rows = arrays.get("end_rows")
        batch.source, batch.target, batch.next_id = arrays["source"], arrays["target"], header["next_id"]
        for place, name in enumerate(header.get("adjacency", header.get("adjacency of ends", ()))):
            out, into = (Csr(*(arrays[f"{way}.{place}.{part}"] for part in Csr._fields)) for way in ("out", "in"))
            batch.adjacency[name] = out, into
    except Exception as error:
        # a file of format 1 has no checksum of its own, and what its damage makes the readers raise has no end
        raise StoreDamaged(path, str(error) or type(error).__name__) from error
    return batch


def _mapped(path: Path) -> Arrays:
    with path.open("rb") as file:
        return map_arrays(file)


def _copied(path: Path) -> Arrays:
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


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
    if batch.marks is not None:
        arrays |= {f"{prefix}.marks": batch.marks.numbers, f"{prefix}.marks.keys": batch.marks.by.keys}
    return {"ids": _dump_ids(f"{prefix}.ids", batch.ids, arrays), "label_names": batch.label_names, "columns": columns}


def _load_elements(prefix: str, header: dict[str, Any], arrays: Arrays) -> ElementBatch:
    columns = {
        column["key"]: _load_column(f"{prefix}.{place}", column, arrays)
        for place, column in enumerate(header["columns"])
    }
    ids = _load_ids(f"{prefix}.ids", header["ids"], arrays)
    numbers, keys = arrays.get(f"{prefix}.marks"), arrays.get(f"{prefix}.marks.keys")
    marks = None if numbers is None or keys is None else Marks(TextHash(keys), numbers)
    return ElementBatch(ids, arrays[f"{prefix}.labels"], header["label_names"], columns, marks)


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
    coded = data.values if isinstance(data.values, Coded) else Coded.of(list(data.values), CELLS)
    _dump_texts(name, coded.texts, arrays)
    arrays[f"{name}.codes"] = coded.codes
    return {"form": "texts" if coded.form is None else "cells"}


def _load_column(name: str, header: dict[str, Any], arrays: Arrays) -> ColumnData:
    form = header["form"]
    if form in _KINDS:
        return ColumnData(arrays[name], _KINDS[form], arrays.get(f"{name}.present"))
    if form in ("texts", "cells"):
        return ColumnData(Coded(arrays[f"{name}.codes"], _load_texts(name, arrays), CELLS if form == "cells" else None))
    # of files from before texts were coded
    values: list[Any] = [MISSING] * header["size"]
    held = _load_texts(name, arrays) if form == "str" else map(decode_cell, json.loads(_text(arrays[name])))
    for row, value in zip(arrays[f"{name}.rows"].tolist(), held, strict=True):
        values[row] = value
    return ColumnData(Coded.of(values, CELLS))


# -- text
def _dump_texts(name: str, texts: Texts, arrays: Arrays) -> None:
    arrays[name] = np.frombuffer(texts.blob, dtype=np.uint8)
    arrays[f"{name}.starts"] = texts.starts


def _load_texts(name: str, arrays: Arrays) -> Texts:
    shown: Any = arrays[name]
    if f"{name}.starts" in arrays:
        return Texts(memoryview(shown), arrays[f"{name}.starts"])
    return Texts.with_lengths(memoryview(shown), arrays[f"{name}.lengths"])


def _bytes(text: str) -> NDArray[np.uint8]:
    # lone surrogates can come in through JSON escapes; they must come back as they were
    return np.frombuffer(text.encode("utf-8", "surrogatepass"), dtype=np.uint8)


def _text(array: NDArray[Any]) -> str:
    return array.tobytes().decode("utf-8", "surrogatepass")
