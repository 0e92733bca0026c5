"""What ``by()`` can be: a property key, a token, a column, a child traversal, or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workflow.errors import QueryFailed
from workflow.graphs.elements import Edge, Path, Property, Vertex, VertexProperty
from workflow.gremlin.running.step import MISSING, By, Child, ExecutionContext
from workflow.gremlin.running.traverser import Traverser
from workflow.gremlin.semantics.comparison import java_class
from workflow.gremlin.semantics.values import Column, GList, GSet, MapEntry, T


def property_of(value: Any, key: str) -> Any:
    """The value of a property of an element, MISSING where it has none.

    Raises:
        QueryFailed: a vertex has several values of the key.
    """
    if isinstance(value, Vertex):
        found = value.graph.vertex_values(value.row, key)
        if len(found) > 1:
            raise QueryFailed(f"Multiple properties exist for the provided key, use Vertex.properties({key})")
        return found[0] if found else MISSING
    if isinstance(value, Edge):
        return value.graph.edge_values(value.row).get(key, MISSING)
    if isinstance(value, VertexProperty):
        return (value.meta or {}).get(key, MISSING)
    return MISSING


class ByIdentity:
    """``by()``: the value itself."""

    def of(self, ctx: ExecutionContext, traverser: Traverser) -> Any:
        return traverser.value

    def of_value(self, ctx: ExecutionContext, value: Any) -> Any:
        return value

    def __str__(self) -> str:
        return "identity"


class ByKey:
    """``by("name")``: a property of an element or an entry of a map."""

    def __init__(self, key: str) -> None:
        self.key = key

    def of(self, ctx: ExecutionContext, traverser: Traverser) -> Any:
        return self.of_value(ctx, traverser.value)

    def of_value(self, ctx: ExecutionContext, value: Any) -> Any:
        key = self.key
        found = property_of(value, key)
        if found is not MISSING or isinstance(value, Vertex | Edge | VertexProperty):
            return found
        if isinstance(value, Mapping):
            return value.get(key)
        raise QueryFailed(
            f'The by("{key}") modulator can only be applied to a traverser that is an Element or a Map'
            f" - it is being applied to [{value}] a {simple_class(value)} class instead"
        )

    def __str__(self) -> str:
        return f"value({self.key})"


class ByToken:
    """``by(T.id)`` and its like."""

    def __init__(self, token: T) -> None:
        self.token = token

    def of(self, ctx: ExecutionContext, traverser: Traverser) -> Any:
        return token_of(self.token, traverser.value)

    def of_value(self, ctx: ExecutionContext, value: Any) -> Any:
        return token_of(self.token, value)

    def __str__(self) -> str:
        return str(self.token.value)


def token_of(token: T, value: Any) -> Any:
    """The id, label, key or value of an element or property."""
    if token is T.id and isinstance(value, (Vertex, Edge, VertexProperty)):
        return value.id
    if token is T.label and isinstance(value, (Vertex, Edge, VertexProperty)):
        return value.label
    if token is T.key and isinstance(value, (VertexProperty, Property)):
        return value.key
    if token is T.value_ and isinstance(value, (VertexProperty, Property)):
        return value.value
    raise QueryFailed(f"{simple_class(value)} has no {token.value}: the token can not be read from [{value}]")


class ByColumn:
    """``by(keys)`` and ``by(values)`` of maps, entries and paths."""

    def __init__(self, column: Column) -> None:
        self.column = column

    def of(self, ctx: ExecutionContext, traverser: Traverser) -> Any:
        return column_of(self.column, traverser.value)

    def of_value(self, ctx: ExecutionContext, value: Any) -> Any:
        return column_of(self.column, value)

    def __str__(self) -> str:
        return str(self.column.value)


class ByChild:
    """``by(traversal)``: the first result of a child."""

    def __init__(self, child: Child) -> None:
        self.child = child

    def of(self, ctx: ExecutionContext, traverser: Traverser) -> Any:
        return self.child.first(ctx, traverser)

    def of_value(self, ctx: ExecutionContext, value: Any) -> Any:
        return self.child.first_of(ctx, value)

    def __str__(self) -> str:
        return str(self.child)


def column_of(column: Column, value: Any) -> Any:
    """The keys or the values of a map, an entry of one, or a path."""
    keys = column is Column.keys
    if isinstance(value, Mapping):
        return GSet(value.keys()) if keys else GList(value.values())
    if isinstance(value, MapEntry):
        return value.key if keys else value.value
    if isinstance(value, Path):
        return GList(GSet(sorted(labels)) for labels in value.labels) if keys else GList(value.objects)
    raise QueryFailed(f"The provided object does not have accessible {column.value}: {java_class(value)}")


def simple_class(value: Any) -> str:
    """The bare Java class name of a value, for error texts."""
    return "null" if value is None else java_class(value).rsplit(".", 1)[-1]


IDENTITY: By = ByIdentity()
