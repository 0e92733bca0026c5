"""A version of a stored graph as query engines read it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workflow.errors import ReadOnlyViolation
from workflow.graphs.elements import Vertex, VertexProperty, Way
from workflow.graphs.protocols import Transaction
from workflow.graphs.store.versions.adjacency import Adjacency, Csr
from workflow.graphs.store.versions.arrays import Codes, Numeric
from workflow.graphs.store.versions.cells import MISSING, Cell, Cells, derived_id
from workflow.graphs.store.versions.columns import KeyColumn
from workflow.graphs.store.versions.elements import Elements
from workflow.graphs.store.versions.index import PropertyIndex
from workflow.graphs.store.versions.state import State
from workflow.settings import Profile

LABEL_SEPARATOR = "::"
NUMBER = re.compile(r"-?\d{1,18}")


class StoredColumn:
    """One property key over all rows of a version."""

    __slots__ = ("_column", "_elements")

    def __init__(self, elements: Elements, column: KeyColumn | None) -> None:
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


class StoredGraph:
    """One version of a stored graph, to be read. Implements the reading half of ``ColumnarGraph``."""

    def __init__(self, name: str, profile: Profile, state: State) -> None:
        self.name = name
        self.profile = profile
        self.state = state

    @property
    def trouble(self) -> str | None:
        """A version has nothing to do in the background."""
        return None

    @contextmanager
    def reading(self) -> Iterator[StoredGraph]:
        """This version."""
        yield self

    def begin(self) -> Transaction:
        """A version never changes: ReadOnlyViolation."""
        raise ReadOnlyViolation("one version of a graph cannot be changed")

    def reset(self) -> None:
        """A version never changes: ReadOnlyViolation."""
        raise ReadOnlyViolation("one version of a graph cannot be changed")

    # -- vertices
    def vertex_count(self) -> int:
        return self.state.vertices.living

    def vertices(self, labels: Sequence[str] | None = None) -> Iterator[int]:
        vertices = self.state.vertices
        return vertices.rows(None if labels is None else self._vertex_codes(labels))

    def vertex_row(self, id: Any) -> int | None:
        return self._find(self.state.vertices, id)

    def has_vertex(self, row: int) -> bool:
        return self.state.vertices.alive.has(row)

    def vertex_id(self, row: int) -> Any:
        return self.state.vertices.ids[row]

    def vertex_label(self, row: int) -> str:
        vertices = self.state.vertices
        return vertices.label_names[vertices.label[row]]

    def vertex_properties(self, row: int, keys: Sequence[str] = ()) -> Iterator[VertexProperty]:
        vertices = self.state.vertices
        code = vertices.label[row]
        held = vertices.keys_of_label[code] if keys else vertices.keys_of(code)
        wanted = [key for key in dict.fromkeys(keys) if key in held] if keys else list(held)
        columns = [vertices.columns[key] for key in wanted]
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
        return self.state.edges.alive.has(row)

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
        for key in list(edges.keys_of(edges.label[row])):
            value = edges.columns[key].get(row)
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

    def _adjacencies(self, way: Way, labels: Sequence[str] | None) -> Sequence[Adjacency]:
        state = self.state
        if labels is None:
            return state.out if way == "out" else state.into if way == "in" else [*state.out, *state.into]
        sides = (state.out,) if way == "out" else (state.into,) if way == "in" else (state.out, state.into)
        codes = self._edge_codes(labels)
        return [side[code] for side in sides for code in codes]

    # -- index
    def find_vertices(self, label: str | None, key: str, value: Any) -> list[int] | None:
        column = self.state.vertices.columns.get(key)
        if column is None:
            return []
        if column.values is None:
            column.values = PropertyIndex(column)
        rows = column.values.find(value, column)
        if rows is None:
            return None
        vertices = self.state.vertices
        codes = None if label is None else set(self._vertex_codes([label]))
        return [row for row in rows if vertices.alive.has(row) and (codes is None or vertices.label[row] in codes)]

    # -- whole-frontier views
    def row_limit(self) -> int:
        """One more than the largest vertex row; the length of arrays over vertices."""
        return len(self.state.vertices)

    def vertex_rows(self, labels: Sequence[str] | None = None) -> NDArray[np.int32]:
        """Living rows, (n,), in insertion order."""
        return self.state.vertices.row_array(None if labels is None else self._vertex_codes(labels))

    def edge_rows(self, labels: Sequence[str] | None = None) -> NDArray[np.int32]:
        """Living rows, (n,), in insertion order."""
        return self.state.edges.row_array(None if labels is None else self._edge_codes(labels))

    def edge_ends(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """(source, target) vertex rows of every edge row, dead ones included."""
        return self.state.ends()

    def csr(self, labels: Sequence[str] | None, way: Way) -> Csr | None:
        """Adjacency as arrays over ``row_limit()`` rows; in every row out before in, and by insertion."""
        return self.state.csr(None if labels is None else self._edge_codes(labels), way)

    def degree_array(self, way: Way, labels: Sequence[str] | None = None) -> NDArray[np.int64]:
        """Degrees of every row, (rows,); there are ``row_limit()`` of them."""
        codes = None if labels is None else self._edge_codes(labels)
        if way == "both":
            return self.degree_array("out", labels) + self.degree_array("in", labels)
        return np.diff(self.state.csr(codes, way).indptr).astype(np.int64)

    def column(self, key: str) -> StoredColumn:
        """A vertex property over all rows."""
        return StoredColumn(self.state.vertices, self.state.vertices.columns.get(key))

    def vertex_keys(self) -> list[str]:
        """The names of vertex properties, in the order in which a vertex lists its own."""
        return sorted(self.state.vertices.columns, key=lambda key: self.state.vertices.columns[key].index)

    def edge_column(self, key: str) -> StoredColumn:
        """An edge property over all rows."""
        return StoredColumn(self.state.edges, self.state.edges.columns.get(key))

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
        # other versions may know labels that this one does not
        size = len(self.state.out)
        return [codes[label] for label in named if codes.get(label, size) < size]

    # -- ids
    def _find(self, elements: Elements, id: Any) -> int | None:
        if type(id) is bool:
            return None
        try:
            row = elements.find(id)
        except TypeError:
            return None
        if row is None and self.profile == "tinkerpop" and type(id) is str and NUMBER.fullmatch(id):
            # TinkerGraph's id managers for numbers read text as well
            row = elements.find(int(id))
        return row

    def cells(self, column: KeyColumn, row: int) -> tuple[Cell, ...]:
        """All values of a row as cells, empty where it holds nothing."""
        cell = column.get(row)
        if cell is MISSING:
            return ()
        return cell if type(cell) is Cells else (Cell(derived_id(column.index, row), cell),)
