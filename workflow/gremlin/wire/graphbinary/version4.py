"""GraphBinary 4: labels are lists, there is one date-time type, and requests carry text only."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from workflow.graphs.elements import BulkedValue, Vertex
from workflow.gremlin.semantics.values import BulkSet, Direction, Merge, Metrics, ReferenceVertex, T, TraversalMetrics
from workflow.gremlin.wire.graphbinary import reader as graphbinary_reader
from workflow.gremlin.wire.graphbinary.elements import vertex_property_list
from workflow.gremlin.wire.graphbinary.primitives import bare_int, bare_long, qualified_name
from workflow.gremlin.wire.graphbinary.reader import READERS, GraphBinaryReader, date_time
from workflow.gremlin.wire.graphbinary.writer import WRITERS, GraphBinaryWriter, Write, offset_date_time
from workflow.gremlin.wire.messages import UnreadableRequest, UnwritableResult
from workflow.gremlin.wire.tables import ENUM_CODES

VERSION: Final = 0x84
MARKER: Final = b"\xfd\x00\x00"


class GraphBinary4Writer(GraphBinaryWriter):
    """Writes results of GraphBinary 4."""

    version = VERSION

    def __init__(self, *, materialize: bool = False) -> None:
        super().__init__(materialize=materialize)
        self.table = dict(WRITERS_V4)

    def label(self, text: str) -> bytes:
        labels = text.split("::")
        return bare_int(len(labels)) + b"".join(qualified_name(label) for label in labels)


def _datetime(w: GraphBinaryWriter, out: bytearray, value: datetime) -> None:
    offset_date_time(out, 0x04, value if value.tzinfo else value.replace(tzinfo=UTC))


def _bulk_set(w: GraphBinaryWriter, out: bytearray, value: BulkSet) -> None:
    out += b"\x09\x02" + bare_int(len(value.items))
    for item, bulk in value.items:
        w.write(out, item)
        out += bare_long(bulk)


def _enum(w: GraphBinaryWriter, out: bytearray, value: Any) -> None:
    if type(value) in (T, Direction, Merge):
        out += bytes((ENUM_CODES[type(value)], 0)) + qualified_name(str(value.value))
    else:  # the other enumerations left the format
        w.write(out, str(value.value))


def _metrics(w: GraphBinaryWriter, out: bytearray, value: Metrics) -> None:
    fields = {
        "id": value.id,
        "name": value.name,
        "dur": value.duration_ns / 1e6,
        "counts": value.counts,
        "annotations": value.annotations,
        "metrics": list(value.nested),
    }
    w.write(out, fields)


def _traversal_metrics(w: GraphBinaryWriter, out: bytearray, value: TraversalMetrics) -> None:
    w.write(out, {"dur": value.duration_ns / 1e6, "metrics": list(value.metrics)})


def _vertex(w: GraphBinaryWriter, out: bytearray, value: Vertex | ReferenceVertex) -> None:
    out += b"\x11\x00"
    w.write(out, value.id)
    out += w.label(value.label)
    if w.materialize:
        vertex_property_list(w, out, value)
    else:
        out += b"\xfe\x01"


def _refused(w: GraphBinaryWriter, out: bytearray, value: Any) -> None:
    raise UnwritableResult(f"a {type(value).__name__} has no form in GraphBinary 4")


WRITERS_V4: Final[dict[type, Write]] = {
    **{
        kind: _refused if function.__name__ in {"_predicate", "_lambda", "_strategy", "_traversal"} else function
        for kind, function in WRITERS.items()
    },
    datetime: _datetime,
    BulkSet: _bulk_set,
    Vertex: _vertex,
    ReferenceVertex: _vertex,
    Metrics: _metrics,
    TraversalMetrics: _traversal_metrics,
    BulkedValue: _refused,
    **dict.fromkeys(ENUM_CODES, _enum),
}


class GraphBinary4Reader(GraphBinaryReader):
    """Reads values of GraphBinary 4."""

    __slots__ = ()

    def special(self, code: int, flag: int) -> Any:
        if code == 0x09 and flag == 2:
            pairs = [(self.value(), self.int64()) for _ in range(self.count())]
            return BulkSet(tuple(pairs))
        if code == 0x0A and flag == 2:
            return self.map()
        return super().special(code, flag)

    def element_label(self) -> str:
        return "::".join(str(label) for label in self.values())


_REMOVED: Final = {0x05, 0x06, 0x14, 0x15, 0x1D, 0x1E, 0x21, 0x28, 0x29, 0x2A, 0x2C, 0x2D, 0x83, 0x84, 0x85, 0x88, 0x8D}
_KEPT_ENUMS: Final = {ENUM_CODES[kind] for kind in (T, Direction, Merge)}

GraphBinary4Reader.table = {
    **{
        code: function
        for code, function in READERS.items()
        if code not in _REMOVED and (code not in ENUM_CODES.values() or code in _KEPT_ENUMS)
    },
    0x04: date_time,
}


def read_request(data: bytes) -> tuple[dict[str, Any], str]:
    """The fields and the query text of a request; raises UnreadableRequest."""
    reader = GraphBinary4Reader(data)
    try:
        version = reader.octet()
        if version != VERSION:
            raise UnreadableRequest(f"GraphBinary of version byte 0x{version:02x}; this is 0x84")
        fields = {str(key): value for key, value in reader.pairs()}
        text = reader.string()
    except graphbinary_reader.HOSTILE as error:
        raise UnreadableRequest(f"this is no GraphBinary request: {error or type(error).__name__}") from error
    if reader.position != len(data):
        raise UnreadableRequest(f"{len(data) - reader.position} bytes follow the request")
    return fields, text


def read_value(data: bytes) -> Any:
    """One fully qualified value that fills ``data``; raises UnreadableRequest."""
    reader = GraphBinary4Reader(data)
    try:
        value = reader.value()
    except graphbinary_reader.HOSTILE as error:
        raise UnreadableRequest(f"this is no GraphBinary value: {error or type(error).__name__}") from error
    if reader.position != len(data):
        raise UnreadableRequest(f"{len(data) - reader.position} bytes follow the value")
    return value
