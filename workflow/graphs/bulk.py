"""Bulk loading Neptune's CSV into the embedded store, one file at a time.

Rows of new ids go into columns at once and become one commit of the file. Rows whose id is known (in the graph, or
earlier in the file) are merged afterwards, one by one, by the rules of cardinality. With ``fail_on_error`` a file with
a bad row changes nothing; without it the bad rows are left out and listed.
"""

from __future__ import annotations

import bz2
import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, BinaryIO, Final, Literal

import numpy as np
from numpy.typing import NDArray

from workflow.errors import CancelledByUser
from workflow.graphs.batch import Batch, ColumnData, ElementBatch
from workflow.graphs.columns import MISSING, Cell, Cells
from workflow.graphs.loading import FileReport, LoadRules, RowError
from workflow.graphs.neptune_csv import Chunk, CsvRows, FileRefused, Header
from workflow.graphs.store import EmbeddedGraph
from workflow.graphs.transaction import StoreTransaction

MERGE_ROWS: Final = 5_000
DEFAULT_LABELS: Final = {"vertices": "vertex", "edges": "edge"}


class Stopped(Exception):
    """A file was given up at a bad row; the report has it."""


def open_text(stream: BinaryIO, name: str) -> io.TextIOWrapper:
    """The text of a file that may be compressed, by the ending of its name."""
    raw: Any = stream
    if name.endswith(".gz"):
        raw = gzip.GzipFile(fileobj=stream)
    elif name.endswith(".bz2"):
        raw = bz2.BZ2File(stream)
    return io.TextIOWrapper(raw, encoding="utf-8", newline="")


class CsvLoad:
    """Loads files of one form into one graph. Implements ``FileLoader``."""

    def __init__(self, graph: EmbeddedGraph) -> None:
        self._graph = graph

    def kind(self, stream: BinaryIO, name: str) -> Literal["vertices", "edges"] | None:
        try:
            with open_text(stream, name) as text:
                return CsvRows(text, lambda _: None).header.kind
        except (FileRefused, EOFError, OSError, zlib.error):
            # whoever loads the file is told why
            return None

    def load(
        self,
        stream: BinaryIO,
        name: str,
        rules: LoadRules,
        report: FileReport | None = None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> FileReport:
        report = FileReport() if report is None else report
        try:
            with open_text(stream, name) as text:
                _OneFile(self._graph, rules, report, cancelled).load(text)
        except FileRefused as refused:
            report.note(refused.error)
        except Stopped:
            pass
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            report.note(RowError("PARSING_ERROR", f"the file does not decompress: {error}", 0))
        except OSError as error:
            if name.endswith(".bz2") and error.errno is None:
                report.note(RowError("PARSING_ERROR", f"the file does not decompress: {error}", 0))
            else:
                raise
        return report


class _OneFile:
    """Loads one file."""

    def __init__(
        self, graph: EmbeddedGraph, rules: LoadRules, report: FileReport, cancelled: Callable[[], bool]
    ) -> None:
        self._graph = graph
        self._rules = rules
        self._report = report
        self._cancelled = cancelled

    def _refuse(self, error: RowError) -> None:
        self._report.note(error)
        if self._rules.fail_on_error:
            raise Stopped

    def load(self, text: io.TextIOWrapper) -> None:
        rows = CsvRows(text, self._refuse, self._rules.keep_empty_strings)
        take = _VertexPieces if rows.header.kind == "vertices" else _EdgePieces
        pieces = take(self._graph, rows.header, self._refuse)
        for chunk in rows.chunks():
            if self._cancelled():
                raise CancelledByUser("the load was cancelled; nothing of this file was loaded")
            pieces.take(chunk)
            self._report.records = rows.rows
        batch = pieces.batch()
        if pieces.size:
            self._graph.load(batch)
        self._merge(pieces)

    def _merge(self, pieces: _Pieces) -> None:
        """Bring in the rows whose ids are known, some thousand a commit."""
        merge = _MERGES[pieces.header.kind]
        rows = iter(pieces.known)
        while some := list(islice(rows, MERGE_ROWS)):
            tx = self._graph.begin()
            try:
                for row in some:
                    before = tx.change_count
                    error = merge(self._graph, tx, pieces.header, row, self._rules.update_single)
                    if error is not None:
                        self._refuse(error)
                    elif tx.change_count == before:
                        self._report.duplicates += 1
                tx.commit()
            finally:
                tx.rollback()


@dataclass(frozen=True, slots=True)
class _Known:
    """A row whose id is taken."""

    line: int
    id: str
    label: str
    source: str
    target: str
    values: dict[str, Any]


class _Pieces:
    """New elements gathered from the chunks of a file, and the rows to merge."""

    def __init__(self, graph: EmbeddedGraph, header: Header, refuse: Callable[[RowError], None]) -> None:
        self.header = header
        self.known: list[_Known] = []
        self.size = 0
        self._graph = graph
        self._refuse = refuse
        self._elements = graph.state.vertices if header.kind == "vertices" else graph.state.edges
        self._seen: set[str] = set()
        self._codes: dict[str, int] = {}
        self._names: list[str] = []
        self._ids: list[str] = []
        self._labels: list[NDArray[np.int32]] = []
        self._cells: dict[str, list[ColumnData]] = {column.key: [] for column in header.columns}

    def take(self, chunk: Chunk) -> None:
        """Add the rows of a chunk."""
        fresh = self._fresh(chunk)
        self._add(chunk if fresh is None else _rows_of(chunk, fresh))

    def _fresh(self, chunk: Chunk) -> list[int] | None:
        """Places of the rows with new ids, None for all; the others are put aside."""
        ids = chunk.ids
        if self._elements.ids.first_taken(ids) is None and self._seen.isdisjoint(ids):
            self._seen.update(ids)
            return None
        fresh: list[int] = []
        for place, id in enumerate(ids):
            if id in self._seen or self._elements.ids.find(id) is not None:
                self.known.append(self._row(chunk, place))
            else:
                self._seen.add(id)
                fresh.append(place)
        return fresh

    def _row(self, chunk: Chunk, place: int) -> _Known:
        values = {key: _value_at(data, place) for key, data in chunk.cells.items()}
        ends = (chunk.sources[place], chunk.targets[place]) if chunk.sources else ("", "")
        held = {key: value for key, value in values.items() if value is not MISSING}
        return _Known(chunk.lines[place], chunk.ids[place], chunk.labels[place], *ends, held)

    def _add(self, chunk: Chunk) -> None:
        self._ids += chunk.ids
        self._labels.append(np.fromiter(map(self._code, chunk.labels), dtype=np.int32, count=len(chunk.labels)))
        for key, data in chunk.cells.items():
            self._cells[key].append(self._stored(data))
        self.size += len(chunk.ids)

    def _code(self, label: str) -> int:
        code = self._codes.get(label)
        if code is None:
            name = label_of(label, self.header.kind)
            if name not in self._names:
                self._names.append(name)
            code = self._codes[label] = self._names.index(name)
        return code

    def _stored(self, data: ColumnData) -> ColumnData:
        """Several values become cells with ids of their own."""
        if data.kind is not None:
            return data
        several = sum(len(value) for value in data.values if type(value) is tuple and len(value) > 1)
        number = self._graph.state.take_numbers(several) if several else 0
        values: list[Any] = []
        for value in data.values:
            if type(value) is tuple and len(value) > 1:
                values.append(Cells(Cell(number + place, one) for place, one in enumerate(value)))
                number += len(value)
            else:
                values.append(value[0] if type(value) is tuple else value)
        return ColumnData(values)

    def batch(self) -> Batch:
        """All of it; may be taken once."""
        labels = np.concatenate([np.zeros(0, dtype=np.int32), *self._labels])
        columns = {key: _joined(parts) for key, parts in self._cells.items() if parts}
        elements = ElementBatch(self._ids, labels, self._names, columns)
        next_id = self._graph.state.next_id
        self._seen = set()
        return self._as_batch(elements, next_id)

    def _as_batch(self, elements: ElementBatch, next_id: int) -> Batch:
        raise NotImplementedError


class _VertexPieces(_Pieces):
    def _as_batch(self, elements: ElementBatch, next_id: int) -> Batch:
        return Batch(vertices=elements, next_id=next_id)


class _EdgePieces(_Pieces):
    def __init__(self, graph: EmbeddedGraph, header: Header, refuse: Callable[[RowError], None]) -> None:
        super().__init__(graph, header, refuse)
        self._ends: tuple[list[NDArray[np.int32]], list[NDArray[np.int32]]] = ([], [])

    def _add(self, chunk: Chunk) -> None:
        find = self._graph.state.vertices.ids.find
        source, target = _rows(find, chunk.sources), _rows(find, chunk.targets)
        lost = np.flatnonzero((source < 0) | (target < 0)).tolist()
        if lost:
            for place in lost:
                end = chunk.sources[place] if source[place] < 0 else chunk.targets[place]
                message = f"edge {chunk.ids[place]!r}: there is no vertex {end!r}"
                self._refuse(RowError("FROM_OR_TO_VERTEX_ARE_MISSING", message, chunk.lines[place]))
            kept = np.flatnonzero((source >= 0) & (target >= 0))
            chunk, source, target = _rows_of(chunk, kept.tolist()), source[kept], target[kept]
        super()._add(chunk)
        self._ends[0].append(source)
        self._ends[1].append(target)

    def _as_batch(self, elements: ElementBatch, next_id: int) -> Batch:
        none = np.zeros(0, dtype=np.int32)
        source, target = (np.concatenate([none, *ends]) for ends in self._ends)
        ids = self._graph.state.vertices.ids
        used = np.zeros(len(ids), dtype=bool)
        used[source] = used[target] = True
        rows = np.flatnonzero(used)
        places = np.zeros(len(ids), dtype=np.int32)
        places[rows] = np.arange(len(rows), dtype=np.int32)
        return Batch(
            edges=elements,
            ends=[ids[row] for row in rows.tolist()],
            source=places[source],
            target=places[target],
            next_id=next_id,
        )


# -- rows whose id is known
def _merge_vertex(
    graph: EmbeddedGraph, tx: StoreTransaction, header: Header, row: _Known, update: bool
) -> RowError | None:
    vertex = graph.vertex_row(row.id)
    if vertex is None:
        return RowError("INSERT_ERROR", f"vertex {row.id!r} was removed while the file was read", row.line)
    for column in header.columns:
        if column.cardinality == "single" and column.key in row.values and not update:
            (value,) = _several(row.values[column.key])[:1]
            if any(held != value for held in graph.vertex_values(vertex, column.key)):
                return _already(f"vertex {row.id!r}", column.key, row.line)
    if row.label:
        held = graph.label_parts(graph.vertex_label(vertex))
        label = "::".join(dict.fromkeys([*held, *label_of(row.label, "vertices").split("::")]))
        if label != graph.vertex_label(vertex):
            tx.set_label(vertex, label)
    for column in header.columns:
        for value in _several(row.values.get(column.key, ())):
            if column.cardinality == "set" or value not in graph.vertex_values(vertex, column.key):
                tx.set_vertex_property(vertex, column.key, value, column.cardinality)
    return None


def _merge_edge(
    graph: EmbeddedGraph, tx: StoreTransaction, header: Header, row: _Known, update: bool
) -> RowError | None:
    edge = graph.edge_row(row.id)
    if edge is None:
        return RowError("INSERT_ERROR", f"edge {row.id!r} was removed while the file was read", row.line)
    ends = graph.vertex_id(graph.edge_source(edge)), graph.vertex_id(graph.edge_target(edge))
    if ends != (row.source, row.target) or graph.edge_label(edge) != label_of(row.label, "edges"):
        return RowError("INSERT_ERROR", f"edge {row.id!r} exists with other ends or another label", row.line)
    held = graph.edge_values(edge)
    for key, value in row.values.items():
        if key in held and held[key] != value and not update:
            return _already(f"edge {row.id!r}", key, row.line)
    for key, value in row.values.items():
        if key not in held or held[key] != value:
            tx.set_edge_property(edge, key, value)
    return None


def _already(name: str, key: str, line: int) -> RowError:
    message = f"{name} has another value for {key!r}; set updateSingleCardinalityProperties to replace it"
    return RowError("INSERT_ERROR", message, line)


_MERGES: Final = {"vertices": _merge_vertex, "edges": _merge_edge}


# -- small things
def label_of(text: str, kind: str) -> str:
    """The label a cell stands for: ``A;B`` is ``A::B``, and nothing is Neptune's default."""
    parts = [part for part in text.split(";") if part] if kind == "vertices" else [text] if text else []
    return "::".join(dict.fromkeys(parts)) or DEFAULT_LABELS[kind]


def _rows(find: Callable[[Any], int | None], ids: list[str]) -> NDArray[np.int32]:
    rows = (-1 if row is None else row for row in map(find, ids))
    return np.fromiter(rows, dtype=np.int32, count=len(ids))


def _value_at(data: ColumnData, place: int) -> Any:
    if data.kind is None:
        return data.values[place]
    if data.present is not None and not data.present[place]:
        return MISSING
    value: Any = data.values[place].item()
    return data.kind(value)


def _several(value: Any) -> tuple[Any, ...]:
    return value if type(value) is tuple else (value,)


def _rows_of(chunk: Chunk, places: list[int]) -> Chunk:
    """Some rows of a chunk."""

    def some(values: list[str]) -> list[str]:
        return [values[place] for place in places] if values else []

    cells = {}
    for key, data in chunk.cells.items():
        if data.kind is None:
            cells[key] = ColumnData([data.values[place] for place in places])
        else:
            values = np.asarray(data.values)[places]
            cells[key] = ColumnData(values, data.kind, None if data.present is None else data.present[places])
    lines = [chunk.lines[place] for place in places]
    return Chunk(lines, some(chunk.ids), some(chunk.labels), some(chunk.sources), some(chunk.targets), cells)


def _joined(parts: list[ColumnData]) -> ColumnData:
    kind = parts[0].kind
    if kind is None:
        return ColumnData([value for part in parts for value in part.values])
    present = None
    if any(part.present is not None for part in parts):
        held: Iterator[NDArray[np.bool_]] = (
            np.ones(len(part.values), dtype=bool) if part.present is None else part.present for part in parts
        )
        present = np.concatenate(list(held))
    return ColumnData(np.concatenate([np.asarray(part.values) for part in parts]), kind, present)
