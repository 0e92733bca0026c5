"""How elements of the graph present themselves to a writer, whatever format it writes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from workflow.graphs.elements import Edge, Vertex, VertexProperty
from workflow.gremlin.semantics.values import ReferenceEdge, ReferenceVertex

AnyVertex = Vertex | ReferenceVertex
AnyEdge = Edge | ReferenceEdge


def is_graph(value: object) -> bool:
    """Whether a result is a whole graph, or what ``subgraph()`` collected of one."""
    return hasattr(value, "vertices") and hasattr(value, "edges")


def graph_elements(value: Any) -> tuple[list[Vertex], list[Edge]]:
    """The vertices and edges of a graph, or of a collection that holds them under these names."""
    if callable(value.vertices):
        return [Vertex(value, row) for row in value.vertices()], [Edge(value, row) for row in value.edges()]
    return list(value.vertices), list(value.edges)


def vertex_properties(vertex: AnyVertex) -> Iterable[VertexProperty]:
    return vertex.graph.vertex_properties(vertex.row) if isinstance(vertex, Vertex) else ()


def edge_values(edge: AnyEdge) -> Mapping[str, Any]:
    return edge.graph.edge_values(edge.row) if isinstance(edge, Edge) else {}


def by_key(properties: Iterable[VertexProperty]) -> dict[str, list[VertexProperty]]:
    """Vertex properties grouped by key, in order of first appearance."""
    grouped: dict[str, list[VertexProperty]] = {}
    for item in properties:
        grouped.setdefault(item.label, []).append(item)
    return grouped
