"""What queries read of nodes and relationships: labels, types, properties.

Several labels of a vertex are one text in the store, joined by ``::``; a vertex without labels has the empty text. Of a
property with several values the first one counts.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Final

from workflow.cypher.errors import EntityNotFound
from workflow.graphs.elements import Edge, Vertex
from workflow.values.moments import of_python

SEPARATOR: Final = "::"


def read(value: Any) -> Any:
    """A stored value as queries see it: Python's own dates and durations are those of the language."""
    return of_python(value) if isinstance(value, date | timedelta) else value


def labels_of(node: Vertex) -> list[str]:
    """The labels of a node, in the order they were given. Raises EntityNotFound for one that was deleted."""
    if not node.graph.has_vertex(node.row):
        raise _deleted(node)
    label = node.label
    return label.split(SEPARATOR) if label else []


def joined_labels(labels: list[str]) -> str:
    """The label of a vertex with these labels, each once."""
    return SEPARATOR.join(dict.fromkeys(labels))


def properties_of(element: Vertex | Edge) -> dict[str, Any]:
    """All properties. Raises EntityNotFound for what was deleted."""
    graph = element.graph
    if isinstance(element, Edge):
        if not graph.has_edge(element.row):
            raise _deleted(element)
        return {key: read(value) for key, value in graph.edge_values(element.row).items()}
    if not graph.has_vertex(element.row):
        raise _deleted(element)
    found: dict[str, Any] = {}
    for one in graph.vertex_properties(element.row):
        found.setdefault(one.label, read(one.value))
    return found


def property_of(element: Vertex | Edge, key: str) -> Any:
    """One property, or null; ``~id`` is the id. Raises EntityNotFound for what was deleted."""
    graph, row = element.graph, element.row
    if isinstance(element, Edge):
        if not graph.has_edge(row):
            raise _deleted(element)
        return element.id if key == "~id" else read(graph.edge_values(row).get(key))
    if not graph.has_vertex(row):
        raise _deleted(element)
    if key == "~id":
        return element.id
    values = graph.vertex_values(row, key)
    return read(values[0]) if len(values) else None


def _deleted(element: Vertex | Edge) -> EntityNotFound:
    what = "relationship" if isinstance(element, Edge) else "node"
    return EntityNotFound(f"The {what} was deleted in this query and cannot be read any more", "DeletedEntityAccess")
