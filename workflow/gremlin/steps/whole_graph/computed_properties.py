"""A graph with properties that a query computed: pageRank() and its like put their results here, not in the graph."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from workflow.graphs.elements import Vertex, VertexProperty
from workflow.gremlin.semantics.values import Long


class ComputedColumn:
    """A computed property over all rows."""

    multi = False

    def __init__(self, values: Mapping[int, Any]) -> None:
        self.values = values

    def get(self, row: int, default: Any = None) -> Any:
        """The value of a row."""
        return self.values.get(row, default)

    def numeric(self) -> None:
        """Not to be had as an array."""
        return

    def codes(self) -> None:
        """Not to be had as an array."""
        return


class ComputedGraph:
    """The graph of one query with computed vertex properties over its own; all else is the graph's."""

    def __init__(self, graph: Any) -> None:
        self._graph = graph
        self.computed: dict[str, dict[int, Any]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._graph, name)

    def vertex_values(self, row: int, key: str) -> Sequence[Any]:
        """The computed value where there is one, else those of the graph."""
        found = self.computed.get(key)
        if found is not None and row in found:
            return (found[row],)
        values: Sequence[Any] = self._graph.vertex_values(row, key)
        return values

    def vertex_properties(self, row: int, keys: Sequence[str] = ()) -> Iterator[VertexProperty]:
        """The graph's properties and the computed ones, which win."""
        vertex = Vertex(self, row)  # it reads as a Graph by delegation
        for found in self._graph.vertex_properties(row, keys):
            if found.label not in self.computed:
                yield VertexProperty(found.id, found.label, found.value, vertex, found.meta)
        for key, values in self.computed.items():
            if row in values and (not keys or key in keys):
                yield VertexProperty(Long(-1 - row), key, values[row], vertex)

    def find_vertices(self, label: str | None, key: str, value: Any) -> Iterable[int] | None:
        """The graph's index; none answers for computed keys."""
        if key in self.computed:
            return None
        found: Iterable[int] | None = self._graph.find_vertices(label, key, value)
        return found

    def column(self, key: str) -> Any:
        """The computed column, or the graph's."""
        return ComputedColumn(self.computed[key]) if key in self.computed else self._graph.column(key)
