"""Functions of nodes, relationships, paths and maps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workflow.cypher.errors import CypherTypeError
from workflow.cypher.functions.function import Function, FunctionRun, Table, kinds
from workflow.cypher.semantics.arithmetic import kind_of
from workflow.cypher.semantics.elements import labels_of, properties_of
from workflow.cypher.semantics.paths import CypherPath
from workflow.graphs.elements import Edge, Vertex


def _refused(name: str, value: Any) -> CypherTypeError:
    return CypherTypeError(f"{name}() does not take a value of type {kind_of(value)}", "InvalidArgumentValue")


def labels(value: Any) -> list[str]:
    """The labels of a node."""
    if not isinstance(value, Vertex):
        raise _refused("labels", value)
    return labels_of(value)


def type_(value: Any) -> str:
    """The type of a relationship, also of one that was deleted."""
    if not isinstance(value, Edge):
        raise _refused("type", value)
    return value.label


def id_(run: FunctionRun, value: Any) -> Any:
    """The id of a node or relationship."""
    if not isinstance(value, Vertex | Edge):
        raise _refused("id", value)
    return run.id_of(value)


def element_id(value: Any) -> str:
    """The id that the graph knows a node or relationship by, as text."""
    if not isinstance(value, Vertex | Edge):
        raise _refused("elementId", value)
    return str(value.id)


def start_node(value: Any) -> Vertex:
    """Where a relationship begins."""
    if not isinstance(value, Edge):
        raise _refused("startNode", value)
    return value.out_vertex


def end_node(value: Any) -> Vertex:
    """Where a relationship ends."""
    if not isinstance(value, Edge):
        raise _refused("endNode", value)
    return value.in_vertex


def properties(value: Any) -> dict[str, Any]:
    """The properties of a node or relationship; a map is its own."""
    if isinstance(value, Vertex | Edge):
        return properties_of(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise _refused("properties", value)


def keys(value: Any) -> list[str]:
    """The keys of a map, or of what a node or relationship has."""
    return list(properties(value))


def nodes(value: Any) -> list[Vertex]:
    """The nodes of a path."""
    if not isinstance(value, CypherPath):
        raise _refused("nodes", value)
    return list(value.nodes)


def relationships(value: Any) -> list[Edge]:
    """The relationships of a path."""
    if not isinstance(value, CypherPath):
        raise _refused("relationships", value)
    return list(value.relationships)


def length(value: Any) -> int:
    """How many relationships a path has."""
    if not isinstance(value, CypherPath):
        raise _refused("length", value)
    return len(value.relationships)


def exists(value: Any) -> bool:
    """Whether there is a value: of a property, or of a pattern, which says so itself."""
    return value if isinstance(value, bool) else value is not None


NODE, RELATIONSHIP, PATH = kinds("node"), kinds("relationship"), kinds("path")
MAPS = kinds("node", "relationship", "map")

FUNCTIONS: Table = {
    "labels": Function(labels, 1, 1, (NODE,), "list"),
    "type": Function(type_, 1, 1, (RELATIONSHIP,), "string"),
    "id": Function(id_, 1, 1, (NODE | RELATIONSHIP,), contextual=True),
    "elementid": Function(element_id, 1, 1, (NODE | RELATIONSHIP,), "string"),
    "startnode": Function(start_node, 1, 1, (RELATIONSHIP,), "node"),
    "endnode": Function(end_node, 1, 1, (RELATIONSHIP,), "node"),
    "properties": Function(properties, 1, 1, (MAPS,), "map"),
    "keys": Function(keys, 1, 1, (MAPS,), "list"),
    "nodes": Function(nodes, 1, 1, (PATH,), "list"),
    "relationships": Function(relationships, 1, 1, (PATH,), "list"),
    "length": Function(length, 1, 1, (PATH,), "integer"),
    "exists": Function(exists, 1, 1, returns="boolean", null=True),
}
