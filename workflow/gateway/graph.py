"""A remote database as a ``Graph``: what a query has touched is known, the rest is asked for when needed.

Made for what follows an inference step: few vertices, whose properties are fetched together. One instance serves one
query, so nothing is older than the query.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, NoReturn

from workflow.errors import UnsupportedOperation
from workflow.graphs.elements import BulkedValue, Edge, Path, Vertex, VertexProperty, Way
from workflow.graphs.protocols import Transaction
from workflow.gremlin.semantics.values import GSet, ReferenceEdge, ReferenceProperty, ReferenceVertex, T
from workflow.gremlin.traversal import Instruction, Traversal
from workflow.values.numbers import Long

Ask = Callable[[Traversal], Iterator[BulkedValue]]

BATCH = 500
_UNKNOWN = object()


@dataclass(slots=True)
class _Vertex:
    id: Any
    label: str
    properties: dict[str, list[Any]] | None = None
    edges: dict[tuple[str, str | None], list[int]] = field(default_factory=dict)  # by way and label


@dataclass(slots=True)
class _Edge:
    id: Any
    label: str
    source: int
    target: int
    properties: dict[str, Any] | None = None


def _steps(*calls: tuple[Any, ...]) -> Traversal:
    return Traversal(tuple(Instruction(str(name), args) for name, *rest in calls for args in [tuple(rest)]))


_VERTEX_ROW = (("project", "i", "l", "p"), ("by", T.id), ("by", T.label), ("by", _steps(("valueMap",))))
_EDGE_ROW = (
    ("project", "i", "l", "f", "fl", "t", "tl", "p"),
    ("by", T.id),
    ("by", T.label),
    ("by", _steps(("outV",), ("id",))),
    ("by", _steps(("outV",), ("label",))),
    ("by", _steps(("inV",), ("id",))),
    ("by", _steps(("inV",), ("label",))),
    ("by", _steps(("valueMap",))),
)


class RemoteGraph:
    """Implements ``Graph`` and refuses to write. Not to be shared between threads."""

    trouble: str | None = None

    def __init__(self, name: str, ask: Ask) -> None:
        self.name = name
        self._ask = ask
        self._vertices: list[_Vertex] = []
        self._edges: list[_Edge] = []
        self._vertex_rows: dict[str, int | None] = {}
        self._edge_rows: dict[str, int] = {}

    # -- what came from the database

    def known(self, value: Any) -> Any:
        """A value of an answer, with references to elements made elements of this graph."""
        if isinstance(value, ReferenceVertex):
            return Vertex(self, self._vertex(value.id, value.label))
        if isinstance(value, ReferenceEdge):
            source = self._vertex(value.out_vertex.id, value.out_vertex.label)
            target = self._vertex(value.in_vertex.id, value.in_vertex.label)
            return Edge(self, self._edge(value.id, value.label, source, target))
        if isinstance(value, ReferenceProperty) and value.id is not None:
            return VertexProperty(value.id, value.key, value.value, None)
        if isinstance(value, Path):
            return Path(tuple(map(self.known, value.objects)), value.labels)
        if isinstance(value, GSet):
            return GSet(map(self.known, value))
        if isinstance(value, list):
            return [self.known(one) for one in value]
        if isinstance(value, Mapping):
            return {self.known(key): self.known(one) for key, one in value.items()}
        return value

    def load_vertices(self, ids: Iterable[Any]) -> None:
        """Fetch these vertices with label and properties, in few requests; those that do not exist are remembered."""
        wanted = list(dict.fromkeys(id for id in ids if str(id) not in self._vertex_rows))
        for start in range(0, len(wanted), BATCH):
            batch = wanted[start : start + BATCH]
            self._fetch_vertices([self._native(id) for id in batch])
            for id in batch:
                self._vertex_rows.setdefault(str(id), None)

    def _native(self, id: Any) -> Any:
        """An id in the database's own type: models know ids as text, some databases only numbers."""
        numeric = any(isinstance(vertex.id, int) for vertex in self._vertices[:1])
        return Long(id) if numeric and isinstance(id, str) and id.lstrip("-").isdigit() else id

    def _fetch_vertices(self, ids: Sequence[Any]) -> None:
        if not ids:
            return
        for t in self._ask(_steps(("V", *ids), *_VERTEX_ROW)):
            row = self._vertex(t.value["i"], t.value["l"])
            self._vertices[row].properties = {str(key): _listed(value) for key, value in t.value["p"].items()}

    def _vertex(self, id: Any, label: str) -> int:
        row = self._vertex_rows.get(str(id))
        if row is None:
            row = self._vertex_rows[str(id)] = len(self._vertices)
            self._vertices.append(_Vertex(id, label))
        return row

    def _edge(self, id: Any, label: str, source: int, target: int) -> int:
        row = self._edge_rows.get(str(id))
        if row is None:
            row = self._edge_rows[str(id)] = len(self._edges)
            self._edges.append(_Edge(id, label, source, target))
        return row

    def _read_edges(self, traversal: Traversal) -> list[int]:
        rows = []
        for t in self._ask(traversal):
            edge = t.value
            source, target = self._vertex(edge["f"], edge["fl"]), self._vertex(edge["t"], edge["tl"])
            row = self._edge(edge["i"], edge["l"], source, target)
            self._edges[row].properties = {str(key): value for key, value in edge["p"].items()}
            rows.append(row)
        return rows

    # -- vertices

    def vertex_count(self) -> int:
        return int(next(self._ask(_steps(("V",), ("count",)))).value)

    def vertices(self, labels: Sequence[str] | None = None) -> Iterator[int]:
        narrowed = (("hasLabel", *labels),) if labels else ()
        for t in self._ask(_steps(("V",), *narrowed, ("project", "i", "l"), ("by", T.id), ("by", T.label))):
            yield self._vertex(t.value["i"], t.value["l"])

    def vertex_row(self, id: Any) -> int | None:
        row = self._vertex_rows.get(str(id), _UNKNOWN)
        if row is _UNKNOWN:
            self.load_vertices([id])
            row = self._vertex_rows.get(str(id))
        return row if isinstance(row, int) else None

    def has_vertex(self, row: int) -> bool:
        return 0 <= row < len(self._vertices)

    def vertex_id(self, row: int) -> Any:
        return self._vertices[row].id

    def vertex_label(self, row: int) -> str:
        return self._vertices[row].label

    def vertex_properties(self, row: int, keys: Sequence[str] = ()) -> Iterator[VertexProperty]:
        for key, values in self._properties(row).items():
            if not keys or key in keys:
                for place, value in enumerate(values):
                    yield VertexProperty(f"{self._vertices[row].id}/{key}/{place}", key, value, Vertex(self, row))

    def vertex_values(self, row: int, key: str) -> Sequence[Any]:
        return self._properties(row).get(key, ())

    def _properties(self, row: int) -> dict[str, list[Any]]:
        """Fetched for this vertex and for those beside it that lack theirs: who asks for one will ask for more."""
        if self._vertices[row].properties is None:
            near = [row, *range(row + 1, min(row + BATCH, len(self._vertices)))]
            self._fetch_vertices([self._vertices[r].id for r in near if self._vertices[r].properties is None])
        return self._vertices[row].properties or {}

    # -- edges

    def edge_count(self) -> int:
        return int(next(self._ask(_steps(("E",), ("count",)))).value)

    def edges(self, labels: Sequence[str] | None = None) -> Iterator[int]:
        narrowed = (("hasLabel", *labels),) if labels else ()
        yield from self._read_edges(_steps(("E",), *narrowed, *_EDGE_ROW))

    def edge_row(self, id: Any) -> int | None:
        if str(id) not in self._edge_rows:
            self._read_edges(_steps(("E", id), *_EDGE_ROW))
        return self._edge_rows.get(str(id))

    def has_edge(self, row: int) -> bool:
        return 0 <= row < len(self._edges)

    def edge_id(self, row: int) -> Any:
        return self._edges[row].id

    def edge_label(self, row: int) -> str:
        return self._edges[row].label

    def edge_source(self, row: int) -> int:
        return self._edges[row].source

    def edge_target(self, row: int) -> int:
        return self._edges[row].target

    def edge_values(self, row: int) -> dict[str, Any]:
        edge = self._edges[row]
        if edge.properties is None:
            self._read_edges(_steps(("E", edge.id), *_EDGE_ROW))
        return edge.properties or {}

    # -- adjacency

    def neighbours(self, row: int, way: Way, labels: Sequence[str] | None = None) -> Iterable[int]:
        found = []
        for edge in self.incident(row, way, labels):
            source, target = self._edges[edge].source, self._edges[edge].target
            found.append(target if way == "out" or (way == "both" and source == row) else source)
        return found

    def incident(self, row: int, way: Way, labels: Sequence[str] | None = None) -> Iterable[int]:
        if way == "both":
            return [*self.incident(row, "out", labels), *self.incident(row, "in", labels)]
        found: list[int] = []
        for label in labels or (None,):
            held = self._vertices[row].edges
            if (way, label) not in held:
                narrowed = (way + "E",) if label is None else (way + "E", label)
                held[way, label] = self._read_edges(_steps(("V", self._vertices[row].id), narrowed, *_EDGE_ROW))
            found += held[way, label]
        return found

    def degree(self, row: int, way: Way, labels: Sequence[str] | None = None) -> int:
        return len(list(self.incident(row, way, labels)))

    def find_vertices(self, label: str | None, key: str, value: Any) -> Iterable[int] | None:
        return None

    # -- as a writable graph

    def reading(self) -> AbstractContextManager[RemoteGraph]:
        return nullcontext(self)

    def begin(self) -> Transaction:
        refuse_writing()

    def reset(self) -> None:
        refuse_writing()


def refuse_writing() -> NoReturn:
    """Raise for a step that writes behind an inference step."""
    raise UnsupportedOperation(
        "Through a gateway nothing can be written behind an inference step; send a second query with what it gave"
    )


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple | GSet) else [value]
