"""What a property graph is made of, as queries hand it out, and how it is read.

``Vertex`` and ``Edge`` are light references (graph, row): two references to one row are equal, and label and properties
are read from the graph when asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, Protocol

Way = Literal["out", "in", "both"]


class Element:
    """A vertex or an edge of a graph, by its row."""

    __slots__ = ("graph", "row")

    def __init__(self, graph: Graph, row: int) -> None:
        self.graph = graph
        self.row = row

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.row == self.row and other.graph is self.graph

    def __hash__(self) -> int:
        return self.row  # a vertex and an edge may share one: equality tells them apart


class Vertex(Element):
    """A vertex; several labels are joined by ``::`` in ``label``."""

    __slots__ = ()

    @property
    def id(self) -> Any:
        return self.graph.vertex_id(self.row)

    @property
    def label(self) -> str:
        return self.graph.vertex_label(self.row)

    def __repr__(self) -> str:
        return f"v[{self.id}]"


class Edge(Element):
    """A directed edge from ``out_vertex`` to ``in_vertex``."""

    __slots__ = ()

    @property
    def id(self) -> Any:
        return self.graph.edge_id(self.row)

    @property
    def label(self) -> str:
        return self.graph.edge_label(self.row)

    @property
    def out_vertex(self) -> Vertex:
        return Vertex(self.graph, self.graph.edge_source(self.row))

    @property
    def in_vertex(self) -> Vertex:
        return Vertex(self.graph, self.graph.edge_target(self.row))

    def __repr__(self) -> str:
        return f"e[{self.id}][{self.out_vertex.id}-{self.label}->{self.in_vertex.id}]"


class VertexProperty:
    """One value of a vertex property, with its own id and meta-properties. Equal by id, as TinkerPop has it."""

    __slots__ = ("id", "label", "meta", "value", "vertex")

    def __init__(
        self, id: Any, label: str, value: Any, vertex: Vertex | None, meta: dict[str, Any] | None = None
    ) -> None:
        self.id = id
        self.label = label
        self.value = value
        self.vertex = vertex
        self.meta = meta

    @property
    def key(self) -> str:
        return self.label

    def __eq__(self, other: object) -> bool:
        return isinstance(other, VertexProperty) and other.id == self.id and other.label == self.label

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        return f"vp[{self.label}->{self.value}]"


class Property:
    """A property of an edge or of a vertex property."""

    __slots__ = ("element", "key", "value")

    def __init__(self, key: str, value: Any, element: Edge | VertexProperty | None) -> None:
        self.key = key
        self.value = value
        self.element = element

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Property) and (other.key, other.value, other.element) == (
            self.key,
            self.value,
            self.element,
        )

    def __hash__(self) -> int:
        return hash((self.key, str(self.value)))

    def __repr__(self) -> str:
        return f"p[{self.key}->{self.value}]"


class Path:
    """The objects a traverser went through and the labels of each."""

    __slots__ = ("labels", "objects")

    def __init__(self, objects: tuple[Any, ...], labels: tuple[frozenset[str], ...]) -> None:
        self.objects = objects
        self.labels = labels

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Path) and other.objects == self.objects and other.labels == self.labels

    def __hash__(self) -> int:
        return hash(len(self.objects))

    def __len__(self) -> int:
        return len(self.objects)

    def __repr__(self) -> str:
        return "path[" + ", ".join(map(str, self.objects)) + "]"


class Tree(dict[Any, "Tree"]):
    """The merged paths of a ``tree()`` step: object to subtree."""

    __slots__ = ()


class BulkedValue:
    """A value and its multiplicity, as answers to bytecode carry it."""

    __slots__ = ("bulk", "value")

    def __init__(self, value: Any, bulk: int = 1) -> None:
        self.value = value
        self.bulk = bulk


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
