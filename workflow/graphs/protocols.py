"""The seams of a graph for query engines: reading by rows, writing by one transaction, whole frontiers as arrays.

Rows are small integers that name a vertex or an edge inside one graph for as long as it lives; ids are what users see.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Literal, Protocol, TypeGuard, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from workflow.graphs.elements import Graph, VertexProperty, Way
from workflow.graphs.store.versions.adjacency import Csr
from workflow.graphs.store.versions.arrays import Codes, Numeric


class Transaction(Protocol):
    """One writer's changes: seen by itself at once, by others after commit; undone whole by rollback."""

    @property
    def graph(self) -> Graph:
        """The graph as it was when the transaction began, with these changes in it."""

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
        """Returns once the changes are durable. ConcurrentModification where a commit met what was read or written."""

    def rollback(self) -> None:
        """Does nothing when the transaction has ended."""

    def suspend(self) -> None:
        """Pause between the requests of a session: nobody waits for it meanwhile."""

    def resume(self) -> None:
        """Go on after ``suspend``. ConcurrentModification where a commit met what was read or written here."""


@runtime_checkable
class WritesMany(Protocol):
    """A transaction that takes many changes of one kind at once."""

    def add_vertices(self, label: str, count: int, cells: dict[str, list[Any]]) -> int:
        """New vertices with ids of their own, in rows one behind the other; returns the first.

        Args:
            label: of all of them.
            count: how many, one at least.
            cells: for each key a single value a vertex, MISSING where it has none.
        """

    def add_edges(self, label: str, sources: Sequence[int], targets: Sequence[int], cells: dict[str, list[Any]]) -> int:
        """New edges with ids of their own, in rows one behind the other; returns the first. KeyError for a dead end.

        Args:
            label: of all of them.
            sources: rows of vertices, one an edge and one edge at least.
            targets: as many.
            cells: for each key a value an edge, MISSING where it has none.
        """

    def put_values(self, kind: Literal["vertex", "edge"], key: str, rows: Sequence[int], values: Sequence[Any]) -> None:
        """Give elements a single value each, one after the other, in place of what they had. KeyError for a dead one.

        Args:
            kind: of the elements.
            key: of the property.
            rows: of the elements; where one stands twice its last value stays.
            values: one a row.
        """


class BriefTransaction(Transaction, Protocol):
    """A transaction whose thread does nothing else until it has ended; commits of others wait for it."""

    def commit_soon(self) -> Callable[[], None]:
        """Commit, and give what waits until the changes are durable, and raises where they cannot be made so."""


class BeginsAtOnce(Protocol):
    """A graph whose brief writers need not wait for anybody."""

    def begin_at_once(self) -> BriefTransaction | None:
        """A transaction that no commit can meet; None where somebody would have to be waited for."""


@runtime_checkable
class FetchesVertices(Protocol):
    """A graph that is far away: several vertices at once cost one request."""

    def load_vertices(self, ids: Iterable[Any]) -> None:
        """Have these vertices at hand, with labels and properties."""


class WritableGraph(Graph, Protocol):
    """A graph that can be changed."""

    @property
    def trouble(self) -> str | None:
        """What keeps the graph from its work in the background, such as a full disk, in a sentence."""

    def reading(self) -> AbstractContextManager[Graph]:
        """The graph as it is now: it stays so for as long as somebody reads it, and writers are not kept waiting."""

    def begin(self) -> Transaction:
        """A transaction on the newest version, beside any others."""

    def reset(self) -> None:
        """Remove everything, for good; rows begin anew."""


class ColumnView(Protocol):
    """One property key over all rows, of one version of the graph."""

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
        """Living rows, (n,), in insertion order."""

    def edge_rows(self, labels: Sequence[str] | None = None) -> NDArray[np.int32]:
        """Living rows, (n,), in insertion order."""

    def edge_ends(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """(source, target) vertex rows of every edge row, dead ones included."""

    def csr(self, labels: Sequence[str] | None, way: Way) -> Csr | None:
        """Adjacency as arrays over ``row_limit()`` rows, or None where the graph has none, as a remote one."""

    def degree_array(self, way: Way, labels: Sequence[str] | None = None) -> NDArray[np.int64]:
        """Degrees of every row, (rows,); there are ``row_limit()`` of them."""

    def column(self, key: str) -> ColumnView:
        """A vertex property over all rows."""

    def vertex_keys(self) -> Sequence[str]:
        """The names of vertex properties, in the order in which a vertex lists its own."""

    def edge_column(self, key: str) -> ColumnView:
        """An edge property over all rows."""


def is_columnar(graph: Graph) -> TypeGuard[ColumnarGraph]:
    """Whether a graph also answers for whole frontiers at once."""
    return hasattr(graph, "csr")
