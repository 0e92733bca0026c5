"""GraphSON 4: labels are arrays, extended types lost their own prefix, and requests carry text only."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from workflow.graphs.elements import Edge, Property
from workflow.gremlin.semantics.values import (
    BigInteger,
    BulkSet,
    Byte,
    Char,
    Direction,
    Merge,
    Metrics,
    ReferenceEdge,
    Short,
    T,
    TraversalMetrics,
)
from workflow.gremlin.wire.elements import edge_values
from workflow.gremlin.wire.graphson.reader import HOSTILE, GraphSONReader, load
from workflow.gremlin.wire.graphson.text import bytes_text, decimal_text, int_digits, iso_duration, iso_text, quoted
from workflow.gremlin.wire.graphson.writer import TYPED, UNTYPED, GraphSONWriter, Write, expanded, tag, tagged
from workflow.gremlin.wire.messages import UnreadableRequest
from workflow.gremlin.wire.tables import ENUM_CODES
from workflow.values.limits import read_error


class GraphSON4Writer(GraphSONWriter):
    """Writes results of GraphSON 4."""

    def __init__(self, *, typed: bool = True, materialize: bool = False) -> None:
        super().__init__(4, typed=typed, materialize=materialize)

    def _functions(self) -> Mapping[type, Write]:
        return TYPED_V4 if self.typed else UNTYPED_V4

    def label(self, text: str) -> str:
        return "[" + ",".join(quoted(label) for label in text.split("::")) + "]"


def _ends(w: GraphSONWriter, value: Edge | ReferenceEdge, type_member: str) -> str:
    target, source = value.in_vertex, value.out_vertex
    return (
        f'"id":{w.write(value.id)},"label":{w.label(value.label)},{type_member}'
        f'"inV":{{"id":{w.write(target.id)},"label":{w.label(target.label)}}},'
        f'"outV":{{"id":{w.write(source.id)},"label":{w.label(source.label)}}}'
    )


def _edge(w: GraphSONWriter, value: Edge | ReferenceEdge) -> str:
    text = _ends(w, value, "")
    if w.materialize and (values := edge_values(value)):
        items = (quoted(key) + ":[" + w.write(Property(key, item, None)) + "]" for key, item in values.items())
        text += ',"properties":{' + ",".join(items) + "}"
    return tagged("g:Edge", "{" + text + "}")


def _plain_edge(w: GraphSONWriter, value: Edge | ReferenceEdge) -> str:
    text = "{" + _ends(w, value, '"type":"edge",')
    if w.materialize and (values := edge_values(value)):
        items = (f"{quoted(key)}:[{w.write(item)}]" for key, item in values.items())
        text += ',"properties":{' + ",".join(items) + "}"
    return text + "}"


def _date(w: GraphSONWriter, value: datetime) -> str:
    return tagged("g:DateTime", _plain_date(w, value))


def _plain_date(w: GraphSONWriter, value: datetime) -> str:
    return quoted(iso_text(value if value.tzinfo else value.replace(tzinfo=UTC)))


def _enum(w: GraphSONWriter, value: Any) -> str:
    if type(value) in (T, Direction, Merge):
        return tagged(f"g:{type(value).__name__}", f'"{value.value}"')
    return quoted(str(value.value))


def _metrics(w: GraphSONWriter, value: Metrics) -> str:
    return w.write(
        {
            "dur": value.duration_ns / 1e6,
            "counts": dict(value.counts),
            "name": value.name,
            "annotations": dict(value.annotations),
            "id": value.id,
            "metrics": list(value.nested),
        }
    )


def _traversal_metrics(w: GraphSONWriter, value: TraversalMetrics) -> str:
    return w.write({"dur": value.duration_ns / 1e6, "metrics": list(value.metrics)})


_CHANGED: Final[dict[type, Write]] = {
    BulkSet: expanded,
    Metrics: _metrics,
    TraversalMetrics: _traversal_metrics,
}

TYPED_V4: Final[dict[type, Write]] = {
    **TYPED,
    **_CHANGED,
    Byte: tag("g:Byte", int_digits),
    Short: tag("g:Int16", int_digits),
    BigInteger: tag("g:BigInteger", int_digits),
    Decimal: tag("g:BigDecimal", decimal_text),
    Char: tag("g:Char", quoted),
    bytes: tag("g:Binary", bytes_text),
    bytearray: tag("g:Binary", bytes_text),
    datetime: _date,
    timedelta: tag("g:Duration", lambda value: f'"{iso_duration(value)}"'),
    Edge: _edge,
    ReferenceEdge: _edge,
    **dict.fromkeys(ENUM_CODES, _enum),
}

UNTYPED_V4: Final[dict[type, Write]] = {
    **UNTYPED,
    **_CHANGED,
    datetime: _plain_date,
    Edge: _plain_edge,
    ReferenceEdge: _plain_edge,
}


def read_request(data: bytes | str) -> tuple[dict[str, Any], str]:
    """The fields and the query text of a request; raises UnreadableRequest."""
    message = load(data)
    try:
        fields = {str(key): value for key, value in GraphSONReader().members(message).items()}
    except HOSTILE as error:
        raise UnreadableRequest(f"this is no GraphSON request: {read_error(error)}") from error
    text = fields.pop("gremlin", None)
    if not isinstance(text, str):
        raise UnreadableRequest('a request has the query as text under "gremlin"')
    return fields, text
