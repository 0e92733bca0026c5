"""What of an answer can be drawn, and which of its edges the graph knows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any

from workflow.graphs.model import Edge, Path, Vertex

MAX_VERTICES = 150
CAPTIONS = ("name", "title", "code")


@dataclass(frozen=True)
class DrawnVertex:
    id: str
    label: str
    caption: str


@dataclass(frozen=True)
class DrawnEdge:
    """``predicted``: the answer puts one vertex after the other and the graph has no edge between them."""

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


def drawing(results: Iterable[Any]) -> Drawing:
    """The graph of an answer.

    Consecutive vertices of a path, and the vertices of a map in the order of its keys, are taken as linked: by the
    graph's own edges where it has some, else by a predicted one. Known edges between drawn vertices are added.
    """
    drawn = Drawing()
    members: dict[str, Vertex] = {}
    for result in results:
        chain = list(_chain(result))
        for element in chain:
            if isinstance(element, Vertex) and len(members) < MAX_VERTICES:
                members.setdefault(str(element.id), element)
            elif isinstance(element, Edge):
                for end in (element.out_vertex, element.in_vertex):
                    if len(members) < MAX_VERTICES:
                        members.setdefault(str(end.id), end)
        for left, right in pairwise(chain):
            if isinstance(left, Vertex) and isinstance(right, Vertex) and left != right:
                _link(drawn, left, right)
    for id, vertex in members.items():
        drawn.vertices[id] = DrawnVertex(id, vertex.label, _caption(vertex))
        for row in vertex.graph.incident(vertex.row, "out"):
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


def _link(drawn: Drawing, left: Vertex, right: Vertex) -> None:
    """A predicted edge, unless the graph links the two already, in whichever direction."""
    if right.row in set(left.graph.neighbours(left.row, "both")):
        return
    source, target = str(left.id), str(right.id)
    drawn.edges.setdefault((source, target, ""), DrawnEdge(source, target, "predicted", predicted=True))


def _caption(vertex: Vertex) -> str:
    for key in CAPTIONS:
        values = vertex.graph.vertex_values(vertex.row, key)
        if values:
            return str(values[0])
    return str(vertex.id)
