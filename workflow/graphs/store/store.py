"""The embedded property graph: everything in memory, in columns and adjacency arrays.

What readers may count on: under ``reading()`` nothing changes, and only committed changes are seen. Reads without a
lease never crash because of a writer, but may see part of its changes. Iterators are fixed when they are made.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from workflow.errors import ConstraintViolation, IllegalArgument
from workflow.graphs.elements import Vertex, VertexProperty, Way
from workflow.graphs.protocols import ColumnarGraph
from workflow.graphs.source import GraphSource
from workflow.graphs.store.adjacency import Adjacency, Csr
from workflow.graphs.store.batch import Batch, batch_of, install
from workflow.graphs.store.changes import describe
from workflow.graphs.store.columns import MISSING, Cell, Cells, Codes, Column, Numeric, derived_id
from workflow.graphs.store.index import PropertyIndex
from workflow.graphs.store.journal import Journal, MemoryJournal
from workflow.graphs.store.records import Change
from workflow.graphs.store.rwlock import Lease, Turnstile, Writer
from workflow.graphs.store.snapshot import BatchSnapshot
from workflow.graphs.store.state import Elements, State
from workflow.graphs.store.stream import last_event
from workflow.graphs.store.transaction import StoreTransaction
from workflow.values.numbers import Long

Profile = Literal["neptune", "tinkerpop"]
LABEL_SEPARATOR = "::"
WRITER_TIMEOUT_S = 60.0
CLOSE_TIMEOUT_S = 2.0
_NUMBER = re.compile(r"-?\d{1,18}")


class ColumnView:
    """One property key over all rows, to be read while the lease or transaction lasts."""

    __slots__ = ("_column", "_elements")

    def __init__(self, elements: Elements, column: Column | None) -> None:
        self._elements = elements
        self._column = column

    @property
    def multi(self) -> bool:
        """Whether some row had several values, or meta-properties, since the column was made."""
        return self._column is not None and self._column.multi

    def get(self, row: int, default: Any = None) -> Any:
        """The first value of a row."""
        if self._column is None:
            return default
        cell = self._column.get(row)
        if cell is MISSING:
            return default
        return cell[0].value if type(cell) is Cells else cell

    def numeric(self) -> Numeric | None:
        """Values and presence over all rows (dead ones included), when all are single and of one number class."""
        return None if self._column is None or self.multi else self._column.numeric(len(self._elements))

    def codes(self) -> Codes | None:
        """Small integers over all rows (dead ones included), when all values are single and hashable."""
        return None if self._column is None or self.multi else self._column.codes(len(self._elements))


class EmbeddedGraph:
    """A property graph in this process. Implements ``Graph``, ``WritableGraph`` and ``GraphSource``."""

    def __init__(
        self, name: str = "g", profile: Profile = "neptune", journal: Journal | None = None, state: State | None = None
    ) -> None:
        self.name = name
        self.profile = profile
        self.state = State() if state is None else state
        self.journal: Journal = MemoryJournal() if journal is None else journal
        self.turnstile = Turnstile()
        self.writer = Writer()
        self._indexes: dict[str, PropertyIndex] = {}
        self._resets = 0
        self._random: list[str] = []

    def version(self) -> tuple[int, int]:
        """Another value after every commit and every reset."""
        return self._resets, self.journal.last()[0]

    @property
    def trouble(self) -> str | None:
        """What keeps the journal from its work in the background, in a sentence."""
        return self.journal.trouble

    # -- leases and transactions
    def reading(self) -> AbstractContextManager[Lease]:
        """A shared lease: while it is held, the graph stands still."""
        return self.turnstile.reading()

    @contextmanager
    def snapshot(self) -> Iterator[BatchSnapshot]:
        """The committed graph of this moment, as a copy: writers need not wait until it has been read."""
        with self.reading():
            batch, commit = batch_of(self.state), self.journal.last()[0]
        separator = LABEL_SEPARATOR if self.profile == "neptune" else None
        yield BatchSnapshot(batch, separator, partial(last_event, self.journal, commit))

    def begin(self, timeout_s: float | None = None) -> StoreTransaction:
        """Become the one writer. Waits for the writer before and for readers; ConcurrentModification after the time."""
        return StoreTransaction(self, WRITER_TIMEOUT_S if timeout_s is None else timeout_s)

    def keep(self, changes: Sequence[Change]) -> None:
        """Make a transaction's changes durable, while it is still the only one who sees them."""
        self.journal.append(describe(self.state, changes))

    def load(self, batch: Batch) -> None:
        """Add many new elements as one commit. IllegalArgument when an id is taken or an end unknown."""
        self.writer.take(WRITER_TIMEOUT_S)
        try:
            self._check(batch)
            # on disk before the readers are asked to wait
            self.journal.prepare(batch)
            self.turnstile.enter_alone(WRITER_TIMEOUT_S)
            try:
                self.journal.append_batch(batch)
                install(self.state, batch)
            finally:
                self.turnstile.leave_alone()
        finally:
            self.writer.leave()

    def _check(self, batch: Batch) -> None:
        state = self.state
        for kind, elements, ids in (
            ("Vertex", state.vertices, batch.vertices.ids),
            ("Edge", state.edges, batch.edges.ids),
        ):
            taken = elements.ids.first_taken(ids)
            if taken is not None:
                raise IllegalArgument(f"{kind} with id already exists: {taken}")
        if len(batch.edges) and batch.ends is not batch.vertices.ids:
            lost = np.flatnonzero(state.vertices.ids.find_many(batch.ends) < 0).tolist()
            new = set(batch.vertices.ids) if lost else set()
            for place in lost:
                if batch.ends[place] not in new:
                    raise IllegalArgument(f"an edge names the vertex {batch.ends[place]!r}, which does not exist")

    def reset(self) -> None:
        """Remove everything, for good. Rows and ids begin anew."""
        self.writer.take(WRITER_TIMEOUT_S)
        try:
            self.turnstile.enter_alone(WRITER_TIMEOUT_S)
            try:
                self.journal.restart()
                self.state = State()
                self._indexes = {}
                self._resets += 1
            finally:
                self.turnstile.leave_alone()
        finally:
            self.writer.leave()

    def close(self) -> None:
        """Let go of the files. A commit in progress is waited for; an open session is not, it loses what it wrote."""
        self.journal.settle()
        seated = self.writer.try_take(CLOSE_TIMEOUT_S)
        try:
            self.journal.close()
        finally:
            if seated:
                self.writer.leave()

    # -- vertices
    def vertex_count(self) -> int:
        return self.state.vertices.living

    def vertices(self, labels: Sequence[str] | None = None) -> Iterator[int]:
        vertices = self.state.vertices
        return vertices.rows(None if labels is None else self._vertex_codes(labels))

    def vertex_row(self, id: Any) -> int | None:
        return self._find(self.state.vertices, id)

    def has_vertex(self, row: int) -> bool:
        alive = self.state.vertices.alive
        return 0 <= row < len(alive) and bool(alive[row])

    def vertex_id(self, row: int) -> Any:
        return self.state.vertices.ids[row]

    def vertex_label(self, row: int) -> str:
        vertices = self.state.vertices
        return vertices.label_names[vertices.label[row]]

    def vertex_properties(self, row: int, keys: Sequence[str] = ()) -> Iterator[VertexProperty]:
        vertices = self.state.vertices
        held = vertices.keys_of_label[vertices.label[row]]
        columns = list(held.values()) if not keys else [held[key] for key in dict.fromkeys(keys) if key in held]
        vertex = Vertex(self, row)
        for column in columns:
            cell = column.get(row)
            if cell is MISSING:
                continue
            if type(cell) is Cells:
                for one in cell:
                    yield VertexProperty(
                        one.id, column.key, one.value, vertex, None if one.meta is None else dict(one.meta)
                    )
            else:
                yield VertexProperty(derived_id(column.index, row), column.key, cell, vertex)

    def vertex_values(self, row: int, key: str) -> Sequence[Any]:
        column = self.state.vertices.columns.get(key)
        cell = MISSING if column is None else column.get(row)
        if cell is MISSING:
            return ()
        return [one.value for one in cell] if type(cell) is Cells else (cell,)

    # -- edges
    def edge_count(self) -> int:
        return self.state.edges.living

    def edges(self, labels: Sequence[str] | None = None) -> Iterator[int]:
        return self.state.edges.rows(None if labels is None else self._edge_codes(labels))

    def edge_row(self, id: Any) -> int | None:
        return self._find(self.state.edges, id)

    def has_edge(self, row: int) -> bool:
        alive = self.state.edges.alive
        return 0 <= row < len(alive) and bool(alive[row])

    def edge_id(self, row: int) -> Any:
        return self.state.edges.ids[row]

    def edge_label(self, row: int) -> str:
        edges = self.state.edges
        return edges.label_names[edges.label[row]]

    def edge_source(self, row: int) -> int:
        return self.state.source[row]

    def edge_target(self, row: int) -> int:
        return self.state.target[row]

    def edge_values(self, row: int) -> dict[str, Any]:
        edges = self.state.edges
        found = {}
        for key, column in list(edges.keys_of_label[edges.label[row]].items()):
            value = column.get(row)
            if value is not MISSING:
                found[key] = value
        return found

    # -- adjacency
    def neighbours(self, row: int, way: Way, labels: Sequence[str] | None = None) -> list[int]:
        found: list[int] = []
        for adjacency in self._adjacencies(way, labels):
            found += adjacency.neighbours(row)
        return found

    def incident(self, row: int, way: Way, labels: Sequence[str] | None = None) -> list[int]:
        found: list[int] = []
        for adjacency in self._adjacencies(way, labels):
            found += adjacency.edges(row)
        return found

    def degree(self, row: int, way: Way, labels: Sequence[str] | None = None) -> int:
        return sum(adjacency.degree(row) for adjacency in self._adjacencies(way, labels))

    def _adjacencies(self, way: Way, labels: Sequence[str] | None) -> list[Adjacency]:
        state = self.state
        sides = (state.out,) if way == "out" else (state.into,) if way == "in" else (state.out, state.into)
        if labels is None:
            return [adjacency for side in sides for adjacency in side]
        codes = self._edge_codes(labels)
        return [side[code] for side in sides for code in codes]

    # -- index
    def find_vertices(self, label: str | None, key: str, value: Any) -> list[int] | None:
        column = self.state.vertices.columns.get(key)
        if column is None:
            return []
        index = self._indexes.get(key)
        if index is None or index.column is not column:
            index = self._indexes[key] = PropertyIndex(column)
        rows = index.find(value)
        if rows is None:
            return None
        vertices = self.state.vertices
        codes = None if label is None else set(self._vertex_codes([label]))
        return [row for row in rows if vertices.alive[row] and (codes is None or vertices.label[row] in codes)]

    # -- whole-frontier views
    def row_limit(self) -> int:
        """One more than the largest vertex row; the length of arrays over vertices."""
        return len(self.state.vertices)

    def vertex_rows(self, labels: Sequence[str] | None = None) -> NDArray[np.int32]:
        """Living rows in insertion order."""
        return self.state.vertices.row_array(None if labels is None else self._vertex_codes(labels))

    def edge_rows(self, labels: Sequence[str] | None = None) -> NDArray[np.int32]:
        """Living rows in insertion order."""
        return self.state.edges.row_array(None if labels is None else self._edge_codes(labels))

    def edge_ends(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """(source, target) vertex rows of every edge row, dead ones included."""
        return np.array(self.state.source, dtype=np.int32), np.array(self.state.target, dtype=np.int32)

    def csr(self, labels: Sequence[str] | None, way: Way) -> Csr | None:
        """Adjacency as arrays over ``row_limit()`` rows; in every row out before in, and by insertion."""
        return self.state.csr(None if labels is None else self._edge_codes(labels), way)

    def degree_array(self, way: Way, labels: Sequence[str] | None = None) -> NDArray[np.int64]:
        """Degrees over ``row_limit()`` rows."""
        codes = None if labels is None else self._edge_codes(labels)
        if way == "both":
            return np.diff(self.state.csr(codes, "out").indptr) + np.diff(self.state.csr(codes, "in").indptr)
        return np.diff(self.state.csr(codes, way).indptr)

    def column(self, key: str) -> ColumnView:
        """A vertex property over all rows."""
        return ColumnView(self.state.vertices, self.state.vertices.columns.get(key))

    def edge_column(self, key: str) -> ColumnView:
        """An edge property over all rows."""
        return ColumnView(self.state.edges, self.state.edges.columns.get(key))

    # -- labels
    def label_parts(self, label: str) -> list[str]:
        """The single labels that a vertex label is made of."""
        return label.split(LABEL_SEPARATOR) if self.profile == "neptune" else [label]

    def _vertex_codes(self, labels: Sequence[str]) -> list[int]:
        """Codes of the labels that carry one of the names."""
        vertices = self.state.vertices
        labels = [label for label in labels if isinstance(label, str)]
        if self.profile != "neptune":
            return [vertices.label_codes[label] for label in dict.fromkeys(labels) if label in vertices.label_codes]
        wanted = set(labels)
        return [
            code
            for code, name in enumerate(vertices.label_names)
            if name in wanted or (LABEL_SEPARATOR in name and not wanted.isdisjoint(name.split(LABEL_SEPARATOR)))
        ]

    def _edge_codes(self, labels: Sequence[str]) -> list[int]:
        codes = self.state.edges.label_codes
        named = dict.fromkeys(label for label in labels if isinstance(label, str))
        return [codes[label] for label in named if label in codes]

    # -- ids
    def _find(self, elements: Elements, id: Any) -> int | None:
        if type(id) is bool:
            return None
        try:
            row = elements.ids.find(id)
        except TypeError:
            return None
        if row is None and self.profile == "tinkerpop" and type(id) is str and _NUMBER.fullmatch(id):
            # TinkerGraph's id managers for numbers read text as well
            row = elements.ids.find(int(id))
        return row

    def checked_id(self, kind: Literal["Vertex", "Edge"], id: Any | None) -> Any:
        """An id for a new element: a fresh one for None, else the given one if it may be used."""
        state = self.state
        if id is None:
            return self._fresh_text() if self.profile == "neptune" else self.fresh_number()
        elements = state.vertices if kind == "Vertex" else state.edges
        if (self.profile == "neptune" and not isinstance(id, str)) or isinstance(id, bool):
            raise IllegalArgument(f"{kind} does not support user supplied identifiers of this type")
        try:
            taken = elements.ids.find(id) is not None
        except TypeError as error:
            raise IllegalArgument(f"{kind} does not support user supplied identifiers of this type") from error
        if taken:
            # Neptune has its own class for this, with TinkerPop's words
            refusal = ConstraintViolation if self.profile == "neptune" else IllegalArgument
            raise refusal(f"{kind} with id already exists: {id}")
        return id

    def _fresh_text(self) -> str:
        """A random UUID (version 4) as text; randomness is drawn for many at once, which takes a third of the time."""
        if not self._random:
            drawn = os.urandom(16 * 64).hex()
            self._random = [drawn[place : place + 32] for place in range(0, len(drawn), 32)]
        digits = self._random.pop()
        variant = "89ab"[int(digits[16], 16) & 3]
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"

    def fresh_number(self) -> Long:
        """The next number that no vertex and no edge has."""
        state = self.state
        while True:
            number = state.take_numbers(1)
            if state.vertices.ids.find(number) is None and state.edges.ids.find(number) is None:
                return Long(number)

    def cells(self, column: Column, row: int) -> tuple[Cell, ...]:
        """All values of a row as cells, empty where it holds nothing."""
        cell = column.get(row)
        if cell is MISSING:
            return ()
        return cell if type(cell) is Cells else (Cell(derived_id(column.index, row), cell),)


def _promises(graph: EmbeddedGraph) -> tuple[ColumnarGraph, GraphSource]:
    """Lets the type checker compare the store with its protocols."""
    return graph, graph
