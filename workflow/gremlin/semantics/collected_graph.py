"""The graph a ``subgraph()`` step collects."""

from __future__ import annotations

from workflow.graphs.elements import Edge, Vertex


class CollectedGraph:
    """Edges and their ends, each once, in the order they were found; elements are read from the graph they are in."""

    def __init__(self) -> None:
        self.vertices: dict[Vertex, None] = {}
        self.edges: dict[Edge, None] = {}

    def add(self, edge: Edge) -> None:
        """Take an edge with both its ends."""
        self.vertices[edge.out_vertex] = None
        self.vertices[edge.in_vertex] = None
        self.edges[edge] = None

    def __repr__(self) -> str:
        return f"subgraph[vertices:{len(self.vertices)} edges:{len(self.edges)}]"
