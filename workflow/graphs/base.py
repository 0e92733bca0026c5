"""The seams of a graph: what the query engine reads and writes, and what an export reads.

Rows are small integers that name a vertex or an edge inside one graph for as long as it lives; ids are what users see.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from workflow.graphs.elements import VertexProperty
from workflow.graphs.store.adjacency import Csr
from workflow.graphs.store.columns import Codes, Numeric
from workflow.graphs.store.rwlock import Lease

Way = Literal["out", "in", "both"]


class Graph(Protocol):
    """Reading a property graph by rows. Safe to call from several threads; a missing row is a KeyError."""

    name: str

    # -- vertices
    def vertex_count(self) -> int: ...
    def vertices(self, labels: Sequence[str] | None = None) -> Iterator[int]:
        """Live rows in insertion order; with labels, those that carry one of them."""

    def vertex_row(self, id: Any) -> int | None:
        """The row of an id, or None; in the neptune profile ids are strings."""

    def has_vertex(self, row: int) -> bool: ...
    def vertex_id(self, row: int) -> Any: ...
    def vertex_label(self, row: int) -> str: ...
    def vertex_properties(self, row: int, keys: Sequence[str] = ()) -> Iterator[VertexProperty]:
        """All, or those of the keys; the order of keys is one for the whole graph, values of a key are by insertion."""

    def vertex_values(self, row: int, key: str) -> Sequence[Any]:
        """The bare values of one key: empty, one, or several."""

    # -- edges
    def edge_count(self) -> int: ...
    def edges(self, labels: Sequence[str] | None = None) -> Iterator[int]: ...
    def edge_row(self, id: Any) -> int | None: ...
    def has_edge(self, row: int) -> bool: ...
    def edge_id(self, row: int) -> Any: ...
    def edge_label(self, row: int) -> str: ...
    def edge_source(self, row: int) -> int: ...
    def edge_target(self, row: int) -> int: ...
    def edge_values(self, row: int) -> dict[str, Any]:
        """All properties of an edge."""

    # -- adjacency; labels=None means every label. A self loop counts once each for out and in, twice for both.
    def neighbours(self, row: int, way: Way, labels: Sequence[str] | None = None) -> Iterable[int]:
        """Vertex rows at the other ends."""

    def incident(self, row: int, way: Way, labels: Sequence[str] | None = None) -> Iterable[int]:
        """Edge rows."""

    def degree(self, row: int, way: Way, labels: Sequence[str] | None = None) -> int: ...

    # -- index
    def find_vertices(self, label: str | None, key: str, value: Any) -> Iterable[int] | None:
        """Rows whose key holds a value equal to ``value``, or None where no index answers that."""


class Transaction(Protocol):
    """One writer's changes: seen by itself at once, by others after commit; undone whole by rollback."""

    def add_vertex(self, id: Any | None, label: str) -> int:
        """Returns the row. A taken id is IllegalArgument, in the neptune profile ConstraintViolation."""

    def add_edge(self, id: Any | None, label: str, source: int, target: int) -> int: ...
    def set_label(self, row: int, label: str) -> None:
        """Give a vertex another label."""

    def set_vertex_property(
        self,
        row: int,
        key: str,
        value: Any,
        cardinality: Literal["single", "list", "set"],
        meta: dict[str, Any] | None = None,
    ) -> VertexProperty: ...
    def set_edge_property(self, row: int, key: str, value: Any) -> None: ...
    def set_meta_property(self, row: int, property_id: Any, key: str, value: Any) -> None: ...
    def remove_vertex(self, row: int) -> None:
        """With its edges."""

    def remove_edge(self, row: int) -> None: ...
    def remove_vertex_property(self, row: int, property_id: Any) -> None: ...
    def remove_edge_property(self, row: int, key: str) -> None: ...
    def remove_meta_property(self, row: int, property_id: Any, key: str) -> None: ...
    def commit(self) -> None:
        """Returns once the changes are durable."""

    def rollback(self) -> None:
        """Does nothing when the transaction has ended."""

    def suspend(self) -> None:
        """Pause between the requests of a session: the changes are taken back in place, other writers keep waiting."""

    def resume(self) -> None:
        """Go on after ``suspend``, with all changes in place again."""


@runtime_checkable
class FetchesVertices(Protocol):
    """A graph that is far away: several vertices at once cost one request."""

    def load_vertices(self, ids: Iterable[Any]) -> None:
        """Have these vertices at hand, with labels and properties."""


class WritableGraph(Graph, Protocol):
    """A graph that can be changed, by one writer at a time."""

    def reading(self) -> AbstractContextManager[Lease | None]:
        """A shared lease: while it is held nothing changes, and only what is committed is seen.

        Take it once around a whole read request and let go soon: writers wait for it. Several in one thread are fine.
        What waits for something else than the graph pauses it. None where the graph locks nothing.
        """

    def begin(self, timeout_s: float | None = None) -> Transaction:
        """Waits for the writer before; ConcurrentModification when it takes longer than ``timeout_s``."""

    def reset(self) -> None:
        """Remove everything, for good; rows begin anew."""


class ColumnView(Protocol):
    """One property key over all rows, to be read while the lease or transaction lasts."""

    @property
    def multi(self) -> bool:
        """Whether some row may have several values or meta-properties."""

    def get(self, row: int, default: Any = None) -> Any:
        """The first value of a row."""

    def numeric(self) -> Numeric | None:
        """Values and presence over all rows (dead ones included), when all are single and of one number class."""

    def codes(self) -> Codes | None:
        """Small integers over all rows (dead ones included), when all values are single and hashable."""


class ColumnarGraph(WritableGraph, Protocol):
    """A graph that also answers for whole frontiers at once. Arrays are read-only, valid until the next write."""

    def row_limit(self) -> int:
        """One more than the largest vertex row; the length of arrays over vertices."""

    def vertex_rows(self, labels: Sequence[str] | None = None) -> NDArray[np.int32]:
        """Living rows in insertion order."""

    def edge_rows(self, labels: Sequence[str] | None = None) -> NDArray[np.int32]:
        """Living rows in insertion order."""

    def edge_ends(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """(source, target) vertex rows of every edge row, dead ones included."""

    def csr(self, labels: Sequence[str] | None, way: Way) -> Csr | None:
        """Adjacency as arrays over ``row_limit()`` rows, or None where it is not to be had."""

    def degree_array(self, way: Way, labels: Sequence[str] | None = None) -> NDArray[np.int64]:
        """Degrees over ``row_limit()`` rows."""

    def column(self, key: str) -> ColumnView:
        """A vertex property over all rows."""

    def edge_column(self, key: str) -> ColumnView:
        """An edge property over all rows."""


@dataclass(frozen=True, slots=True)
class NodeRecord:
    """A node as an export sees it; ``properties`` maps a key to all its values."""

    id: str
    labels: tuple[str, ...]
    properties: dict[str, list[Any]]


@dataclass(frozen=True, slots=True)
class EdgeRecord:
    """An edge as an export sees it, with the label sets of both ends."""

    id: str
    label: str
    source: str
    target: str
    source_labels: tuple[str, ...]
    target_labels: tuple[str, ...]
    properties: dict[str, list[Any]]


LabelSet = tuple[str, ...]
"""The labels of a node, sorted."""
EdgeKind = tuple[LabelSet, str, LabelSet]
"""(labels of the source, label, labels of the target)."""


class Snapshot(Protocol):
    """A consistent view of a graph, or of the part of it that was asked for."""

    def node_counts(self) -> dict[LabelSet, int]:
        """Nodes by sorted label set: what an export checks itself against."""

    def edge_counts(self) -> dict[EdgeKind, int]:
        """Edges by (source labels, label, target labels)."""

    def nodes(self, only: Collection[LabelSet] | None = None) -> Iterator[NodeRecord]:
        """All nodes, or those of these label sets; in the same order every time."""

    def edges(self, only: Collection[EdgeKind] | None = None) -> Iterator[EdgeRecord]:
        """All edges, or those of these kinds; in the same order every time."""

    def last_event(self) -> tuple[int, int] | None:
        """Commit and operation number of the last change that is in it; None where no change log is kept."""


class GraphSource(Protocol):
    """Anything an export can read: the embedded store, a remote database, files."""

    def snapshot(self) -> AbstractContextManager[Snapshot]: ...


@dataclass(frozen=True, slots=True)
class Reading:
    """How a graph is to be read, and which part of it.

    ``node_steps`` and ``edge_steps`` are Gremlin steps to stand behind ``V()`` and ``E()``, such as
    ``has('age', gt(30))``; empty for everything. ``broken_off`` ends them while they run.
    """

    concurrency: int = 4
    node_steps: str = ""
    edge_steps: str = ""
    broken_off: threading.Event | None = None


OpenSource = Callable[[Reading], GraphSource]
"""Opens a graph for reading. Refuses steps that cannot be run, before anything is read."""
