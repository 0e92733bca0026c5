"""A path of a graph."""

from __future__ import annotations

from workflow.graphs.elements import Edge, Vertex


class CypherPath:
    """Nodes with a relationship between any two, as a pattern went through them."""

    __slots__ = ("nodes", "relationships")

    def __init__(self, nodes: tuple[Vertex, ...], relationships: tuple[Edge, ...]) -> None:
        self.nodes = nodes
        self.relationships = relationships

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CypherPath) and other.nodes == self.nodes and other.relationships == self.relationships

    def __hash__(self) -> int:
        return hash((self.nodes, self.relationships))

    def elements(self) -> list[Vertex | Edge]:
        """Nodes and relationships in turn."""
        out: list[Vertex | Edge] = [self.nodes[0]]
        for relationship, node in zip(self.relationships, self.nodes[1:], strict=True):
            out += (relationship, node)
        return out

    def __repr__(self) -> str:
        return f"path{self.elements()}"
