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
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count, islice
from typing import Any, BinaryIO, Final, Literal

import numpy as np
from numpy.typing import NDArray

from workflow.errors import CancelledByUser, ConcurrentModification, IllegalArgument
from workflow.graphs.files.csv_rows import CsvRows
from workflow.graphs.files.loading import FileReport, LoadRules, RowError
from workflow.graphs.files.neptune_csv import Chunk, FileRefused, Header, split_parts
from workflow.graphs.store.memory import return_memory
from workflow.graphs.store.store import EmbeddedGraph
from workflow.graphs.store.transaction import StoreTransaction
from workflow.graphs.store.versions.batch import Batch, ColumnData, ElementBatch
from workflow.graphs.store.versions.cells import MISSING, VALUE_IDS, Cell, Cells
from workflow.graphs.store.versions.elements import Elements
from workflow.graphs.store.versions.ids import repeated
from workflow.graphs.store.versions.state import State
from workflow.graphs.store.versions.text_block import Texts
from workflow.graphs.store.views import StoredGraph
from workflow.values.numbers import Long

LARGE_LOAD: Final = 100_000
MERGE_ROWS: Final = 5_000
ATTEMPTS: Final = 10
"""How often a load looks again at what others changed beside it."""
MOST_DIGITS: Final = 18
NO_ROWS: Final = np.zeros(0, dtype=np.int32)
DEFAULT_LABELS: Final = {"vertices": "vertex", "edges": "edge"}


class FileGivenUp(Exception):
    """A file was given up at a bad row; the report has it."""


@contextmanager
def open_plain(stream: BinaryIO, name: str) -> Iterator[Any]:
    """The bytes of a file that may be compressed, by the ending of its name; closes the stream."""
    with stream:
        if name.endswith(".gz"):
            yield io.BufferedReader(gzip.GzipFile(fileobj=stream))
        elif name.endswith(".bz2"):
            yield io.BufferedReader(bz2.BZ2File(stream))
        else:
            yield stream


class CsvLoad:
    """Loads files of one form into one graph. Implements ``FileLoader``."""

    def __init__(self, graph: EmbeddedGraph) -> None:
        self._graph = graph

    def kind(self, stream: BinaryIO, name: str) -> Literal["vertices", "edges"] | None:
        try:
            with open_plain(stream, name) as plain:
                return CsvRows(plain, lambda _: None).header.kind
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
            with open_plain(stream, name) as plain:
                _OneFile(self._graph, rules, report, cancelled).load(plain)
        except FileRefused as refused:
            report.note(refused.error)
        except FileGivenUp:
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
            raise FileGivenUp

    def load(self, plain: BinaryIO) -> None:
        rows = CsvRows(plain, self._refuse, self._rules.keep_empty_strings)
        take = _Pieces if rows.header.kind == "vertices" else _EdgePieces
        numbers = self._graph.profile == "tinkerpop" and self._rules.number_ids is not False
        pieces = take(self._graph, rows.header, self._refuse, numbers)
        for chunk in rows.chunks():
            if self._cancelled():
                raise CancelledByUser("the load was cancelled; nothing of this file was loaded")
            pieces.take(chunk)
            self._report.records = rows.rows
        for attempt in count(1):
            batch = pieces.batch(self._graph.state)
            try:
                if pieces.size:
                    self._graph.load(batch)
            except IllegalArgument:
                # others took one of the ids, or removed an end, since the version was looked at
                if attempt == ATTEMPTS:
                    raise
            else:
                break
        large = pieces.size > LARGE_LOAD
        self._merge(pieces)
        del pieces, batch
        if large:
            return_memory()

    def _merge(self, pieces: _Pieces) -> None:
        """Bring in the rows whose ids are known, some thousand a commit."""
        rows = iter(pieces.known)
        while some := list(islice(rows, MERGE_ROWS)):
            for attempt in count(1):
                try:
                    errors, duplicates = self._merged(pieces.header, some)
                except ConcurrentModification:
                    # others wrote what stands in these rows: look again
                    if attempt == ATTEMPTS:
                        raise
                else:
                    break
            for error in errors:
                self._report.note(error)
            self._report.duplicates += duplicates

    def _merged(self, header: Header, rows: list[_Known]) -> tuple[list[RowError], int]:
        """What was refused, and how many rows changed nothing. FileGivenUp where nothing may be refused."""
        merge, tx = _MERGES[header.kind], self._graph.begin()
        errors, duplicates = [], 0
        try:
            for row in rows:
                before = tx.change_count
                error = merge(tx.graph, tx, header, row, self._rules.update_single)
                if error is not None and self._rules.fail_on_error:
                    self._refuse(error)
                elif error is not None:
                    errors.append(error)
                elif tx.change_count == before:
                    duplicates += 1
            tx.commit()
        finally:
            tx.rollback()
        return errors, duplicates


@dataclass(frozen=True, slots=True)
class _Known:
    """A row whose id is taken; the label is as it is stored."""

    line: int
    id: Any
    label: str
    source: Any
    target: Any
    values: dict[str, Any]


class _Pieces:
    """The rows of a file, gathered chunk by chunk; at the end new elements are told from known ones."""

    def __init__(self, graph: EmbeddedGraph, header: Header, refuse: Callable[[RowError], None], numbers: bool) -> None:
        self.header = header
        self._numbers = numbers
        self.known: list[_Known] = []
        self.size = 0
        self._rows: _Rows | None = None
        self._state = graph.state  # one version for all of the file: while it is held, rows mean what they meant
        self._refuse = refuse
        self._names: dict[str, int] = {}
        self._ids: list[Texts] = []
        self._lines: list[NDArray[np.int64]] = []
        self._labels: list[NDArray[np.int32]] = []
        self._cells: dict[str, list[ColumnData]] = {column.key: [] for column in header.columns}

    def take(self, chunk: Chunk) -> None:
        """Add the rows of a chunk."""
        if not len(chunk.ids):
            return
        self._ids.append(chunk.ids)
        self._lines.append(chunk.lines)
        codes, names = chunk.labels.grouped()
        known = [self._names.setdefault(label_of(name, self.header.kind), len(self._names)) for name in names]
        self._labels.append(np.array(known, dtype=np.int32)[codes])
        for key, data in chunk.cells.items():
            self._cells[key].append(data)

    def batch(self, state: State) -> Batch:
        """The elements that are new to a version; rows of known ids are then in ``known``."""
        if self._rows is None:
            if not self._ids:
                return Batch()
            self._rows = _Rows(
                self._spelled(self._elements(self._state), Texts.joined(self._ids)),
                np.concatenate(self._lines),
                np.concatenate(self._labels),
                {key: _joined(parts) for key, parts in self._cells.items() if parts},
                *self._ends(),
            )
            self._ids, self._lines, self._labels, self._cells = [], [], [], {}
        rows = self._rows = self._with_ends(self._rows, state)
        names, elements = list(self._names), self._elements(state)
        fresh = np.ones(len(rows.ids), dtype=bool)
        fresh[repeated(rows.ids)] = False
        if len(elements):
            fresh &= elements.find_many(rows.ids) < 0
        self.known = [rows.known(place, names, self._end_name) for place in np.flatnonzero(~fresh).tolist()]
        if self.known:
            rows = rows.select(np.flatnonzero(fresh))
        self.size = len(rows.ids)
        columns = {key: self._stored(data) for key, data in rows.cells.items()}
        batch = ElementBatch(rows.ids, rows.labels, names, columns)
        return self._as_batch(batch, rows)

    def _elements(self, state: State) -> Elements:
        return state.vertices if self.header.kind == "vertices" else state.edges

    def _with_ends(self, rows: _Rows, state: State) -> _Rows:
        """Those whose ends are there; the others are refused."""
        return rows

    def _spelled(self, elements: Elements, ids: Texts) -> Sequence[Any]:
        """The ids as the graph has them or will have them: digits are numbers, but what is there as text stays text."""
        if not self._numbers:
            return ids
        spelled = [number_of(id) for id in ids]
        if all(type(id) is str for id in spelled):
            return ids
        if len(elements):
            for place in np.flatnonzero(elements.find_many(ids) >= 0).tolist():
                spelled[place] = ids[place]
        return spelled

    def _stored(self, data: ColumnData) -> ColumnData:
        """Several values become cells with ids of their own."""
        if data.kind is not None or not any(type(value) is tuple for value in data.values):
            return data
        several = sum(len(value) for value in data.values if type(value) is tuple and len(value) > 1)
        number = VALUE_IDS + (self._state.take_numbers(several) if several else 0)
        values: list[Any] = []
        for value in data.values:
            if type(value) is tuple and len(value) > 1:
                values.append(Cells(Cell(Long(number + place), one) for place, one in enumerate(value)))
                number += len(value)
            else:
                values.append(value[0] if type(value) is tuple else value)
        return ColumnData(values)

    def _ends(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Rows of both ends; nothing for vertices."""
        return NO_ROWS, NO_ROWS

    def _end_name(self, row: int) -> Any:
        return self._state.vertices.ids[row]

    def _as_batch(self, elements: ElementBatch, rows: _Rows) -> Batch:
        return Batch(vertices=elements, next_id=self._state.next_id)


class _EdgePieces(_Pieces):
    """Edges, whose ends are looked up as they come."""

    def __init__(self, graph: EmbeddedGraph, header: Header, refuse: Callable[[RowError], None], numbers: bool) -> None:
        super().__init__(graph, header, refuse, numbers)
        self._sources: list[NDArray[np.int32]] = []
        self._targets: list[NDArray[np.int32]] = []

    def take(self, chunk: Chunk) -> None:
        if not len(chunk.ids):
            return
        vertices = self._state.vertices
        source = vertices.find_many(self._spelled(vertices, chunk.sources))
        target = vertices.find_many(self._spelled(vertices, chunk.targets))
        lost = (source < 0) | (target < 0)
        if lost.any():
            for place in np.flatnonzero(lost).tolist():
                end = chunk.sources[place] if source[place] < 0 else chunk.targets[place]
                message = f"edge {chunk.ids[place]!r}: there is no vertex {end!r}"
                self._refuse(RowError("FROM_OR_TO_VERTEX_ARE_MISSING", message, int(chunk.lines[place])))
            kept = np.flatnonzero(~lost)
            cells = {key: _selected(data, kept) for key, data in chunk.cells.items()}
            chunk = Chunk(chunk.lines[kept], chunk.ids.select(kept), chunk.labels.select(kept), cells=cells)
            source, target = source[kept], target[kept]
        super().take(chunk)
        self._sources.append(source)
        self._targets.append(target)

    def _ends(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        return np.concatenate(self._sources), np.concatenate(self._targets)

    def _with_ends(self, rows: _Rows, state: State) -> _Rows:
        if state is self._state:
            return rows
        used = np.unique(np.concatenate([rows.source, rows.target]))
        gone = used[state.vertices.find_many(self._state.vertices.ids.some(used)) < 0]
        lost = np.isin(rows.source, gone) | np.isin(rows.target, gone)
        for place in np.flatnonzero(lost).tolist():
            message = f"edge {rows.ids[place]!r}: one of its vertices was removed while the file was loaded"
            self._refuse(RowError("FROM_OR_TO_VERTEX_ARE_MISSING", message, int(rows.lines[place])))
        return rows.select(np.flatnonzero(~lost)) if lost.any() else rows

    def _as_batch(self, elements: ElementBatch, rows: _Rows) -> Batch:
        ids = self._state.vertices.ids
        used = np.zeros(len(ids), dtype=bool)
        used[rows.source] = used[rows.target] = True
        ends = np.flatnonzero(used)
        places = np.zeros(len(ids), dtype=np.int32)
        places[ends] = np.arange(len(ends), dtype=np.int32)
        return Batch(
            edges=elements,
            ends=ids.some(ends),
            source=places[rows.source],
            target=places[rows.target],
            next_id=self._state.next_id,
            end_rows=ends.astype(np.int32),
        )


@dataclass(slots=True, eq=False)
class _Rows:
    """All rows of a file as columns."""

    ids: Sequence[Any]
    lines: NDArray[np.int64]
    labels: NDArray[np.int32]
    cells: dict[str, ColumnData]
    source: NDArray[np.int32]
    target: NDArray[np.int32]

    def known(self, place: int, names: Sequence[str], end_name: Callable[[int], Any]) -> _Known:
        """One row by itself."""
        values = {key: _value_at(data, place) for key, data in self.cells.items()}
        ends = ("", "")
        if len(self.source):
            ends = end_name(int(self.source[place])), end_name(int(self.target[place]))
        held = {key: value for key, value in values.items() if value is not MISSING}
        return _Known(int(self.lines[place]), self.ids[place], names[int(self.labels[place])], *ends, held)

    def select(self, places: NDArray[Any]) -> _Rows:
        """Some of them."""
        cells = {key: _selected(data, places) for key, data in self.cells.items()}
        ends = (self.source[places], self.target[places]) if len(self.source) else (NO_ROWS, NO_ROWS)
        ids = self.ids
        some = ids.select(places) if isinstance(ids, Texts) else [ids[place] for place in places.tolist()]
        return _Rows(some, self.lines[places], self.labels[places], cells, *ends)


# -- rows whose id is known
def _merge_vertex(
    graph: StoredGraph, tx: StoreTransaction, header: Header, row: _Known, update: bool
) -> RowError | None:
    vertex = graph.vertex_row(row.id)
    if vertex is None:
        return RowError("INSERT_ERROR", f"vertex {row.id!r} was removed while the file was read", row.line)
    for column in header.columns:
        if column.cardinality == "single" and column.key in row.values and not update:
            (value,) = _several(row.values[column.key])[:1]
            if any(held != value for held in graph.vertex_values(vertex, column.key)):
                return _already(f"vertex {row.id!r}", column.key, row.line)
    if row.label != DEFAULT_LABELS["vertices"]:
        held = graph.label_parts(graph.vertex_label(vertex))
        label = "::".join(dict.fromkeys([*held, *row.label.split("::")]))
        if label != graph.vertex_label(vertex):
            tx.set_label(vertex, label)
    for column in header.columns:
        for value in _several(row.values.get(column.key, ())):
            if column.cardinality == "set" or value not in graph.vertex_values(vertex, column.key):
                tx.set_vertex_property(vertex, column.key, value, column.cardinality)
    return None


def _merge_edge(graph: StoredGraph, tx: StoreTransaction, header: Header, row: _Known, update: bool) -> RowError | None:
    edge = graph.edge_row(row.id)
    if edge is None:
        return RowError("INSERT_ERROR", f"edge {row.id!r} was removed while the file was read", row.line)
    ends = graph.vertex_id(graph.edge_source(edge)), graph.vertex_id(graph.edge_target(edge))
    if ends != (row.source, row.target) or graph.edge_label(edge) != row.label:
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
def number_of(id: str) -> Any:
    """The number that an id of digits is, Int or Long; the text itself where another spelling would be lost."""
    if not id.isascii() or not id.removeprefix("-").isdigit() or len(id) > MOST_DIGITS or str(int(id)) != id:
        return id
    number = int(id)
    return number if -(1 << 31) <= number < 1 << 31 else Long(number)


def label_of(text: str, kind: str) -> str:
    """The label in a cell: ``A;B`` is ``A::B``, and an empty cell is Neptune's default label."""
    parts = split_parts(text) if kind == "vertices" else [text.replace("\\;", ";")]
    return "::".join(dict.fromkeys(part.strip() for part in parts if part.strip())) or DEFAULT_LABELS[kind]


def _value_at(data: ColumnData, place: int) -> Any:
    if data.kind is None:
        return data.values[place]
    if data.present is not None and not data.present[place]:
        return MISSING
    value: Any = data.values[place].item()
    return data.kind(value)


def _several(value: Any) -> tuple[Any, ...]:
    return value if type(value) is tuple else (value,)


def _selected(data: ColumnData, places: NDArray[Any]) -> ColumnData:
    """Some rows of a column."""
    if data.kind is None:
        return ColumnData([data.values[place] for place in places.tolist()])
    present = None if data.present is None else data.present[places]
    return ColumnData(np.asarray(data.values)[places], data.kind, present)


def _joined(parts: list[ColumnData]) -> ColumnData:
    if len(parts) == 1:
        return parts[0]
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
