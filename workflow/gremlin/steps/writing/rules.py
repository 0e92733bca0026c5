"""Creating elements and setting properties, with TinkerPop's rules: what null does, which keys and labels are legal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from workflow.errors import QueryFailed, UnsupportedOperation
from workflow.graphs.elements import Edge, Vertex, VertexProperty
from workflow.gremlin.running.step import ExecutionContext
from workflow.gremlin.semantics.comparison import java_name, simple_class
from workflow.gremlin.semantics.values import Cardinality, ReferenceVertex

HIDDEN = "~"
DEFAULT_VERTEX_LABEL = "vertex"
DEFAULT_EDGE_LABEL = "edge"
SINGLE, LIST, SET = Cardinality.single, Cardinality.list, Cardinality.set
"""Looked up once: a member of an enumeration is found as slowly as a small value is written."""
META_PROPERTIES = "Properties on a vertex property is not supported"  # TinkerPop's text, which Neptune answers


def check_key(key: Any) -> str:
    """A property key that may be written. Raises QueryFailed for null, empty and hidden ones."""
    if key is None:
        raise QueryFailed("Property key can not be null")
    if not isinstance(key, str):
        raise QueryFailed("The provided key/value array must have a String or T on even array indices")
    if not key:
        raise QueryFailed("Property key can not be the empty string")
    if key.startswith(HIDDEN):
        raise QueryFailed(f"Property key can not be a hidden key: {key}")
    return key


def check_label(label: Any) -> str:
    """A label that may be written. Raises QueryFailed for null, empty and hidden ones."""
    if label is None:
        raise QueryFailed("Label can not be null")
    if not isinstance(label, str):
        raise QueryFailed(f"class {java_name(label)} cannot be cast to class java.lang.String")
    if not label:
        raise QueryFailed("Label can not be empty")
    if label.startswith(HIDDEN):
        raise QueryFailed(f"Label can not be a hidden key: {label}")
    return label


def default_cardinality(ctx: ExecutionContext) -> Cardinality:
    """What a property without a cardinality gets: one value as in TinkerGraph, a set of values as in Neptune."""
    return SET if ctx.profile == "neptune" else SINGLE


def folded_cardinality(ctx: ExecutionContext) -> Cardinality:
    """The same for properties that ``addV()`` writes at once: TinkerGraph keeps every value given."""
    return SET if ctx.profile == "neptune" else LIST


def vertex_of(ctx: ExecutionContext, value: Any) -> Vertex | None:
    """The living vertex that an element, a reference or an id names, or None."""
    if isinstance(value, Vertex) and value.graph is ctx.graph:
        return value if ctx.graph.has_vertex(value.row) else None
    id = value.id if isinstance(value, (Vertex, ReferenceVertex)) else value
    try:
        row = ctx.graph.vertex_row(id)
    except TypeError:  # a list or a map is no id
        return None
    return None if row is None or not ctx.graph.has_vertex(row) else Vertex(ctx.graph, row)


def create_vertex(ctx: ExecutionContext, id: Any, label: Any, properties: Iterable[tuple[Any, Any]]) -> Vertex:
    """A new vertex with properties; a null value leaves its key out.

    Raises:
        QueryFailed: an illegal key or label. IllegalArgument: the id is taken.
    """
    legal = [(check_key(key), value) for key, value in properties]
    vertex = Vertex(ctx.graph, ctx.writer().add_vertex(id, check_label(label)))
    for key, value in legal:
        if value is None:
            _remove_values(ctx, vertex, key)
        else:
            set_vertex_property(ctx, vertex, key, value, folded_cardinality(ctx), {})
    return vertex


def create_edge(
    ctx: ExecutionContext, id: Any, label: Any, source: Vertex, target: Vertex, properties: Iterable[tuple[Any, Any]]
) -> Edge:
    """A new edge with properties; a null value leaves its key out. Raises as ``create_vertex``."""
    legal = [(check_key(key), value) for key, value in properties]
    edge = Edge(ctx.graph, ctx.writer().add_edge(id, check_label(label), source.row, target.row))
    for key, value in legal:
        set_edge_property(ctx, edge, key, value)
    return edge


def set_property(
    ctx: ExecutionContext, element: Any, key: str, value: Any, cardinality: Cardinality | None, meta: dict[str, Any]
) -> None:
    """Write one property of a vertex, an edge or a vertex property.

    Raises:
        QueryFailed: no such element, a cardinality on anything but a vertex, an illegal key.
    """
    if cardinality is not None and not isinstance(element, Vertex):
        raise QueryFailed(
            "Property cardinality can only be set for a Vertex but the traversal encountered"
            f" {simple_class(element)} for key: {key}"
        )
    check_key(key)
    if isinstance(element, Vertex):
        set_vertex_property(ctx, element, key, value, cardinality or default_cardinality(ctx), meta)
    elif isinstance(element, Edge):
        set_edge_property(ctx, element, key, value)
    elif isinstance(element, VertexProperty):
        _set_meta_property(ctx, element, key, value)
    else:
        raise QueryFailed(
            f"class {java_name(element)} cannot be cast to class org.apache.tinkerpop.gremlin.structure.Element"
        )


def set_vertex_property(
    ctx: ExecutionContext, vertex: Vertex, key: str, value: Any, cardinality: Cardinality, meta: dict[str, Any]
) -> None:
    """Write a value; null removes the key where one value is the rule and does nothing elsewhere."""
    if not ctx.graph.has_vertex(vertex.row):
        raise QueryFailed(f"Vertex with id {vertex.row} was removed.")
    if value is None:
        if cardinality is SINGLE:
            _remove_values(ctx, vertex, key)
        return
    kept = {check_key(name): item for name, item in meta.items() if item is not None} if meta else {}
    if ctx.profile == "neptune":
        _check_neptune_takes(key, value, cardinality, kept)
    kind: Literal["single", "list", "set"] = (
        "set" if cardinality is SET else "single" if cardinality is SINGLE else "list"
    )
    ctx.writer().set_vertex_property(vertex.row, key, value, kind, kept or None)


def _check_neptune_takes(key: str, value: Any, cardinality: Cardinality, meta: dict[str, Any]) -> None:
    """Raise UnsupportedOperation for what TinkerGraph keeps of a vertex property and Neptune does not.

    Source: user guide, "Gremlin standards compliance in Amazon Neptune", cardinality and supported features.
    """
    if cardinality is LIST:
        raise UnsupportedOperation(
            f"Cardinality list is not supported, as asked for property {key!r}: a vertex property is single or set"
        )
    if meta:
        raise UnsupportedOperation(META_PROPERTIES)
    _check_neptune_value(value)


_SIMPLE = frozenset((str, int, float, bool))


def _check_neptune_value(value: Any) -> None:
    if type(value) not in _SIMPLE and isinstance(value, (list, set, frozenset, tuple, Mapping)):
        raise UnsupportedOperation(f"Unsupported property value type: {java_name(value)}")


def set_edge_property(ctx: ExecutionContext, edge: Edge, key: str, value: Any) -> None:
    """Write a value; null removes the key."""
    if not ctx.graph.has_edge(edge.row):
        raise QueryFailed(f"Edge with id {edge.row} was removed.")
    if value is not None:
        if ctx.profile == "neptune":
            _check_neptune_value(value)
        ctx.writer().set_edge_property(edge.row, key, value)
    elif key in ctx.graph.edge_values(edge.row):
        ctx.writer().remove_edge_property(edge.row, key)


def _set_meta_property(ctx: ExecutionContext, found: VertexProperty, key: str, value: Any) -> None:
    if ctx.profile == "neptune":
        raise UnsupportedOperation(META_PROPERTIES)
    if found.vertex is None:
        raise QueryFailed("Adding properties to a vertex property is not supported")
    meta = dict(found.meta or {})
    if value is None:
        if key in meta:
            ctx.writer().remove_meta_property(found.vertex.row, found.id, key)
        meta.pop(key, None)
    else:
        ctx.writer().set_meta_property(found.vertex.row, found.id, key, value)
        meta[key] = value
    found.meta = meta


def _remove_values(ctx: ExecutionContext, vertex: Vertex, key: str) -> None:
    for found in list(ctx.graph.vertex_properties(vertex.row, (key,))):
        ctx.writer().remove_vertex_property(vertex.row, found.id)
