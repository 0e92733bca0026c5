"""Elements of graphs, paths, trees and metrics in GraphBinary."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workflow.graphs.elements import Edge, Path, Property, Tree, Vertex, VertexProperty
from workflow.gremlin.semantics.values import (
    Long,
    Metrics,
    ReferenceEdge,
    ReferenceProperty,
    ReferenceVertex,
    TraversalMetrics,
)
from workflow.gremlin.wire.elements import edge_values, graph_elements, vertex_properties
from workflow.gremlin.wire.graphbinary.primitives import (
    NULL,
    Out,
    bare_int,
    bare_long,
    bare_string,
    qualified_int,
    qualified_name,
)


def vertex(w: Out, out: bytearray, value: Vertex | ReferenceVertex) -> None:
    out += b"\x11\x00"
    w.write(out, value.id)
    out += w.label(value.label)
    if w.materialize:
        vertex_property_list(w, out, value)
    else:
        out += NULL


def vertex_property_list(w: Out, out: bytearray, value: Vertex | ReferenceVertex) -> None:
    """The properties of a vertex, as a list."""
    w.write(out, list(vertex_properties(value)))


def edge(w: Out, out: bytearray, value: Edge | ReferenceEdge) -> None:
    out += b"\x0d\x00"
    w.write(out, value.id)
    out += w.label(value.label)
    target, source = value.in_vertex, value.out_vertex
    w.write(out, target.id)
    out += w.label(target.label)
    w.write(out, source.id)
    out += w.label(source.label)
    out += NULL
    if w.materialize:
        property_list(w, out, edge_values(value))
    else:
        out += NULL


def property_list(w: Out, out: bytearray, values: Mapping[str, Any]) -> None:
    out += qualified_int(9, 0, len(values))
    for key, value in values.items():
        out += b"\x0f\x00" + qualified_name(key)[2:]
        w.write(out, value)
        out += NULL


def vertex_property(w: Out, out: bytearray, value: VertexProperty) -> None:
    out += b"\x12\x00"
    w.write(out, value.id)
    out += w.label(value.label)
    w.write(out, value.value)
    out += NULL
    if w.materialize:
        property_list(w, out, value.meta or {})
    else:
        out += NULL


def property_(w: Out, out: bytearray, value: Property) -> None:
    out += b"\x0f\x00" + qualified_name(value.key)[2:]
    w.write(out, value.value)
    out += NULL


def reference_property(w: Out, out: bytearray, value: ReferenceProperty) -> None:
    if value.id is None:
        out += b"\x0f\x00" + qualified_name(value.key)[2:]
        w.write(out, value.value)
        out += NULL
    else:
        vertex_property(w, out, VertexProperty(value.id, value.key, value.value, None))


def path(w: Out, out: bytearray, value: Path) -> None:
    out += b"\x0e\x00" + qualified_int(9, 0, len(value.labels))
    for labels in value.labels:
        out += qualified_int(0x0B, 0, len(labels))
        for label in sorted(labels):
            out += qualified_name(label)
    w.write(out, value.objects)


def tree(w: Out, out: bytearray, value: Tree) -> None:
    out += b"\x2b\x00"
    bare_tree(w, out, value)


def bare_tree(w: Out, out: bytearray, value: Mapping[Any, Any]) -> None:
    """Count, then each key fully qualified before its own tree."""
    out += bare_int(len(value))
    for key, child in value.items():
        w.write(out, key)
        bare_tree(w, out, child)


def graph(w: Out, out: bytearray, value: Any) -> None:
    """A whole graph: its vertices with their properties, then its edges with theirs."""
    out += b"\x10\x00"
    vertices, edges = graph_elements(value)
    out += bare_int(len(vertices))
    for vertex in vertices:
        w.write(out, vertex.id)
        out += w.label(vertex.label)
        items = list(vertex_properties(vertex))
        out += bare_int(len(items))
        for item in items:
            w.write(out, item.id)
            out += w.label(item.label)
            w.write(out, item.value)
            out += NULL
            property_list(w, out, item.meta or {})
    out += bare_int(len(edges))
    for edge in edges:
        w.write(out, edge.id)
        out += w.label(edge.label)
        w.write(out, edge.in_vertex.id)
        out += NULL
        w.write(out, edge.out_vertex.id)
        out += NULL + NULL
        property_list(w, out, edge_values(edge))


def metrics(w: Out, out: bytearray, value: Metrics) -> None:
    out += b"\x2c\x00"
    bare_metrics(w, out, value)


def bare_metrics(w: Out, out: bytearray, value: Metrics) -> None:
    out += bare_string(value.id) + bare_string(value.name) + bare_long(value.duration_ns)
    w.bare_map(out, {key: Long(count) for key, count in value.counts.items()})
    w.bare_map(out, value.annotations)
    w.bare_list(out, value.nested, len(value.nested))


def traversal_metrics(w: Out, out: bytearray, value: TraversalMetrics) -> None:
    out += b"\x2d\x00" + bare_long(value.duration_ns)
    w.bare_list(out, value.metrics, len(value.metrics))
