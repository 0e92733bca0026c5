"""What a transaction has read and written, and whether a commit of somebody else met it.

Everything that can be read or written has a key. A commit touches the keys of what it changed; a paused transaction
that depends on one of them cannot go on, for it would have read something else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from workflow.graphs.elements import VertexProperty, Way
from workflow.graphs.store.adjacency import Csr
from workflow.graphs.store.batch import Batch
from workflow.graphs.store.changes import Operation, values_of
from workflow.graphs.store.encoding import decode, decode_cell
from workflow.graphs.store.views import StoredColumn, StoredGraph

Part = Literal["vertex", "there", "edges of", "edge", "vertices with", "edges with", "key", "value", "edge key"]
Key = tuple[Any, ...]
"""(part, id of an element), (part, label or None for all) or (part, name of a property, and a value for ``value``)."""
SEPARATOR = "::"


def touched(operations: Iterable[Operation]) -> Iterator[Key]:
    """The keys of all that a commit changed; "there" is whether a vertex exists."""
    for operation in operations:
        verb, id = operation[0], decode(operation[1])
        if verb in ("+v", "-v"):
            yield from (("vertex", id), ("there", id), ("vertices with", None))
            yield from _labels(operation[2])
        elif verb == "lv":
            yield "vertex", id
            yield from _labels(operation[2])
            yield from _labels(operation[3])
        elif verb in ("+e", "-e"):
            yield from (("edge", id), ("edges with", None), ("edges with", operation[2]))
            yield from (("edges of", decode(end)) for end in operation[3:5])
        elif verb == "pv":
            yield from (("vertex", id), ("key", operation[2]))
            for cell in operation[3:5]:
                yield from (value_key(operation[2], value) for value in values_of(decode_cell(cell)))
        else:
            yield from (("edge", id), ("edge key", operation[2]))


def needed(operations: Iterable[Operation]) -> Iterator[Key]:
    """What the changes of a transaction rest on, apart from what it read: nobody else may have changed it."""
    for operation in operations:
        verb, id = operation[0], decode(operation[1])
        yield "edge" if verb in ("+e", "-e", "pe") else "vertex", id
        if verb == "+e":
            yield from (("there", decode(end)) for end in operation[3:5])
        elif verb == "-v":
            # an edge that came meanwhile would be left without an end
            yield "edges of", id


def touched_by_load(batch: Batch) -> Iterator[Key]:
    """The keys of all that a bulk load adds."""
    for id in batch.vertices.ids:
        yield from (("vertex", id), ("there", id))
    yield from (("edge", id) for id in batch.edges.ids)
    yield from (("edges of", id) for id in batch.ends)
    for part, name, elements in (
        ("vertices with", "key", batch.vertices),
        ("edges with", "edge key", batch.edges),
    ):
        if len(elements):
            yield part, None
            for label in elements.label_names:
                yield from _labels(label) if part == "vertices with" else ((part, label),)
            yield from ((name, key) for key in elements.columns)


def value_key(key: str, value: Any) -> Key:
    """Of an index look-up; what cannot be looked up has the key of its property."""
    try:
        hash(value)
    except TypeError:
        return "key", key
    return "value", key, value


def _labels(label: str) -> Iterator[Key]:
    yield "vertices with", label
    yield from (("vertices with", part) for part in label.split(SEPARATOR))


class WatchedGraph(StoredGraph):
    """A version that notes what is read of it, as keys."""

    def watch(self, known_vertices: int, known_edges: int) -> None:
        """Note reads from now on; of rows only those that others can change."""
        self._known = known_vertices, known_edges
        self._read: set[Key] = set()
        self._rows: dict[Part, set[int]] = {"vertex": set(), "edges of": set(), "edge": set()}

    def reads(self) -> Iterator[Key]:
        """All that was read so far."""
        yield from self._read
        for part, rows in self._rows.items():
            edge = part == "edge"
            ids, known = (self.state.edges if edge else self.state.vertices).ids, self._known[edge]
            yield from ((part, ids[row]) for row in rows if row < known)

    # -- vertices
    def vertex_count(self) -> int:
        self._read.add(("vertices with", None))
        return super().vertex_count()

    def vertices(self, labels: Sequence[str] | None = None) -> Iterator[int]:
        self._scan("vertices with", labels)
        return super().vertices(labels)

    def vertex_row(self, id: Any) -> int | None:
        self._read.add(("vertex", id))
        return super().vertex_row(id)

    def has_vertex(self, row: int) -> bool:
        self._rows["vertex"].add(row)
        return super().has_vertex(row)

    def vertex_label(self, row: int) -> str:
        self._rows["vertex"].add(row)
        return super().vertex_label(row)

    def vertex_properties(self, row: int, keys: Sequence[str] = ()) -> Iterator[VertexProperty]:
        self._rows["vertex"].add(row)
        return super().vertex_properties(row, keys)

    def vertex_values(self, row: int, key: str) -> Sequence[Any]:
        self._rows["vertex"].add(row)
        return super().vertex_values(row, key)

    # -- edges
    def edge_count(self) -> int:
        self._read.add(("edges with", None))
        return super().edge_count()

    def edges(self, labels: Sequence[str] | None = None) -> Iterator[int]:
        self._scan("edges with", labels)
        return super().edges(labels)

    def edge_row(self, id: Any) -> int | None:
        self._read.add(("edge", id))
        return super().edge_row(id)

    def has_edge(self, row: int) -> bool:
        self._rows["edge"].add(row)
        return super().has_edge(row)

    def edge_values(self, row: int) -> dict[str, Any]:
        self._rows["edge"].add(row)
        return super().edge_values(row)

    # -- adjacency
    def neighbours(self, row: int, way: Way, labels: Sequence[str] | None = None) -> list[int]:
        self._rows["edges of"].add(row)
        return super().neighbours(row, way, labels)

    def incident(self, row: int, way: Way, labels: Sequence[str] | None = None) -> list[int]:
        self._rows["edges of"].add(row)
        return super().incident(row, way, labels)

    def degree(self, row: int, way: Way, labels: Sequence[str] | None = None) -> int:
        self._rows["edges of"].add(row)
        return super().degree(row, way, labels)

    # -- index and whole frontiers
    def find_vertices(self, label: str | None, key: str, value: Any) -> list[int] | None:
        self._read.add(value_key(key, value))
        if label is not None:
            self._read.add(("vertices with", label))
        return super().find_vertices(label, key, value)

    def vertex_rows(self, labels: Sequence[str] | None = None) -> NDArray[np.int32]:
        self._scan("vertices with", labels)
        return super().vertex_rows(labels)

    def edge_rows(self, labels: Sequence[str] | None = None) -> NDArray[np.int32]:
        self._scan("edges with", labels)
        return super().edge_rows(labels)

    def edge_ends(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        self._read.add(("edges with", None))
        return super().edge_ends()

    def csr(self, labels: Sequence[str] | None, way: Way) -> Csr | None:
        self._scan("edges with", labels)
        return super().csr(labels, way)

    def degree_array(self, way: Way, labels: Sequence[str] | None = None) -> NDArray[np.int64]:
        self._scan("edges with", labels)
        return super().degree_array(way, labels)

    def column(self, key: str) -> StoredColumn:
        self._read.add(("key", key))
        return super().column(key)

    def edge_column(self, key: str) -> StoredColumn:
        self._read.add(("edge key", key))
        return super().edge_column(key)

    def _scan(self, part: Part, labels: Sequence[str] | None) -> None:
        self._read.update([(part, None)] if labels is None else [(part, label) for label in labels])
