"""What of an answer can be drawn, and which of its edges the graph knows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from itertools import islice, pairwise
from typing import Any

from workflow.graphs.elements import Edge, Path, Vertex
from workflow.graphs.naming import GUESSED, Naming, shortened
from workflow.gremlin.semantics.values import ReferenceEdge, ReferenceVertex
from workflow.server.ui.formatting import caption, in_words

MAX_VERTICES = 150
MAX_EDGES_OF_A_VERTEX = 2000  # of a vertex with more, some between drawn ones may be missing
MAX_PROPERTIES = 12
MAX_VALUE = 120


@dataclass(frozen=True)
class DrawnVertex:
    id: str
    label: str
    caption: str
    properties: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class DrawnEdge:
    """``predicted``: the query asked for predictions, and the graph has no such edge between the two."""

    source: str
    target: str
    label: str
    predicted: bool


@dataclass
class Drawing:
    """Vertices and edges of an answer; at most MAX_VERTICES, in the order of the answer."""

    vertices: dict[str, DrawnVertex] = field(default_factory=dict)
    edges: dict[tuple[str, str, str], DrawnEdge] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {
            "vertices": [asdict(v) for v in self.vertices.values()],
            "edges": [asdict(e) for e in self.edges.values()],
        }


def drawing(results: Iterable[Any], predicted: Collection[str] = (), naming: Naming = GUESSED) -> Drawing:
    """The graph of an answer, with all known edges between the vertices in it.

    Args:
        results: of the query.
        predicted: edge labels the query asked to be predicted. Consecutive vertices of a path, and the vertices of a
            map in the order of its keys, are then linked: by the graph's own edge where it has one of such a label,
            else by a predicted one.
        naming: what vertices are called.

    A vertex of a remote database comes without its graph: of it and its edges only what the answer holds is drawn.
    """
    drawn = Drawing()
    members: dict[str, Vertex | ReferenceVertex] = {}
    for result in results:
        chain = list(_chain(result))
        for element in chain:
            for vertex in _vertices(element):
                if len(members) < MAX_VERTICES:
                    members.setdefault(str(vertex.id), vertex)
            if isinstance(element, ReferenceEdge):
                source, target = str(element.out_vertex.id), str(element.in_vertex.id)
                drawn.edges[source, target, element.label] = DrawnEdge(source, target, element.label, predicted=False)
        for left, right in pairwise(chain) if predicted else ():
            if isinstance(left, _VERTEX) and isinstance(right, _VERTEX) and left != right:
                _link(drawn, left, right, predicted)
    for id, vertex in members.items():
        if isinstance(vertex, ReferenceVertex):
            drawn.vertices[id] = DrawnVertex(id, vertex.label, caption(vertex, naming))
            continue
        drawn.vertices[id] = DrawnVertex(id, vertex.label, caption(vertex, naming), _properties(vertex))
        for row in islice(vertex.graph.incident(vertex.row, "out"), MAX_EDGES_OF_A_VERTEX):
            edge = Edge(vertex.graph, row)
            target = str(edge.in_vertex.id)
            if target in members:
                drawn.edges[id, target, edge.label] = DrawnEdge(id, target, edge.label, predicted=False)
    drawn.edges = {key: e for key, e in drawn.edges.items() if e.source in members and e.target in members}
    return drawn


def _chain(result: Any) -> Iterable[Any]:
    if isinstance(result, Path):
        return result.objects
    if isinstance(result, Mapping):
        return result.values()
    return (result,)


_VERTEX = (Vertex, ReferenceVertex)


def _vertices(element: Any) -> tuple[Vertex | ReferenceVertex, ...]:
    """The vertex that an element is, or the two ends of an edge."""
    if isinstance(element, _VERTEX):
        return (element,)
    if isinstance(element, Edge | ReferenceEdge):
        return element.out_vertex, element.in_vertex
    return ()


def _link(
    drawn: Drawing, left: Vertex | ReferenceVertex, right: Vertex | ReferenceVertex, labels: Collection[str]
) -> None:
    """A predicted edge, unless the graph links the two already, in whichever direction."""
    if isinstance(left, Vertex) and isinstance(right, Vertex) and _are_linked(left, right, tuple(labels)):
        return
    source, target, label = str(left.id), str(right.id), " or ".join(sorted(labels))
    # its own key: a known edge of the same label from another place must not replace it
    drawn.edges.setdefault((source, target, f"{label}?"), DrawnEdge(source, target, label, predicted=True))


def _are_linked(left: Vertex, right: Vertex, labels: tuple[str, ...]) -> bool:
    return right.row in set(left.graph.neighbours(left.row, "both", labels))


def _properties(vertex: Vertex) -> tuple[tuple[str, str], ...]:
    values: dict[str, list[str]] = {}
    for found in islice(vertex.graph.vertex_properties(vertex.row), MAX_PROPERTIES):
        values.setdefault(found.key, []).append(in_words(found.value))
    return tuple((key, shortened(", ".join(of), MAX_VALUE)) for key, of in values.items())
