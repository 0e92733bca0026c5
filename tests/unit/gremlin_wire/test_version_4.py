"""GraphBinary 4 and GraphSON 4, judged by the bytes and the JSON of the published format."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from workflow.graphs.elements import Edge, Property, Vertex, VertexProperty
from workflow.gremlin.semantics.values import BulkSet, Direction, Long, Order, ReferenceEdge, ReferenceVertex, Short, T
from workflow.gremlin.traversal import P
from workflow.gremlin.wire import UnreadableRequest, UnwritableResult
from workflow.gremlin.wire.graphbinary.version4 import GraphBinary4Writer, read_request, read_value
from workflow.gremlin.wire.graphson.reader import read_value as read_json
from workflow.gremlin.wire.graphson.version4 import GraphSON4Writer
from workflow.gremlin.wire.graphson.version4 import read_request as read_json_request

BINARY = GraphBinary4Writer()
TYPED = GraphSON4Writer()
UNTYPED = GraphSON4Writer(typed=False)
MOMENT = datetime(2007, 12, 3, 10, 15, 30, tzinfo=timezone(timedelta(hours=1)))


class TwoVertices:
    """A graph of one edge, as far as a writer looks at it."""

    name = "two"

    def vertex_id(self, row: int) -> Any:
        return (1, 10)[row]

    def vertex_label(self, row: int) -> str:
        return ("person", "software")[row]

    def vertex_properties(self, row: int, keys: Any = ()) -> Iterator[VertexProperty]:
        yield VertexProperty(Long(9), "location", "santa fe", None, {"startTime": 2005})

    def edge_id(self, row: int) -> Any:
        return 13

    def edge_label(self, row: int) -> str:
        return "develops"

    def edge_source(self, row: int) -> int:
        return 0

    def edge_target(self, row: int) -> int:
        return 1

    def edge_values(self, row: int) -> dict[str, Any]:
        return {"since": 2009}


GRAPH: Any = TwoVertices()

# the published example of an edge and of a vertex with a property that has a property
EDGE = """0d 00 01 00 0000000d 00000001 03 00 00000008 646576656c6f7073 01 00 0000000a
00000001 03 00 00000008 736f667477617265 01 00 00000001 00000001 03 00 00000006 706572736f6e fe 01
09 00 00000001 0f 00 00000005 73696e6365 01 00 000007d9 fe 01"""
VERTEX = """11 00 01 00 00000001 00000001 03 00 00000006 706572736f6e
09 00 00000001 12 00 02 00 0000000000000009 00000001 03 00 00000008 6c6f636174696f6e
03 00 00000008 73616e7461206665 fe 01 09 00 00000001 0f 00 00000009 737461727454696d65 01 00 000007d5 fe 01"""


@pytest.mark.parametrize(("element", "expected"), [(Edge(GRAPH, 0), EDGE), (Vertex(GRAPH, 0), VERTEX)], ids=repr)
def test_elements_have_the_published_bytes(element: object, expected: str) -> None:
    assert GraphBinary4Writer(materialize=True).encode(element).hex() == "".join(expected.split())


@pytest.mark.parametrize(
    "value",
    [
        None,
        1,
        Long(2),
        Short(3),
        "a",
        Decimal("1.5"),
        MOMENT,
        [1, None],
        {"a": 1, T.id: 2},
        BulkSet((("a", 3),)),
        ReferenceVertex(1, "a::b"),
        ReferenceEdge(1, "e", ReferenceVertex(1, "a"), ReferenceVertex(2, "b")),
        Direction.OUT,
        timedelta(seconds=5),
    ],
    ids=repr,
)
def test_what_binary_4_writes_reads_back(value: object) -> None:
    again = read_value(BINARY.encode(value))
    assert again == value
    assert type(again) is type(value)


def test_types_that_left_the_format_are_refused_both_ways() -> None:
    with pytest.raises(UnwritableResult, match="GraphBinary 4"):
        BINARY.encode(P("eq", (1,)))
    with pytest.raises(UnreadableRequest, match="0x15"):
        read_value(bytes.fromhex("15000000000000000000"))
    assert read_value(BINARY.encode(Order.desc)) == "desc"


def test_a_binary_request_gives_its_fields_and_its_text() -> None:
    fields = BINARY.encode({"g": "gmodern", "timeoutMillis": Long(5)})[2:]
    text = BINARY.encode("g.V()")[2:]
    assert read_request(b"\x84" + fields + text) == ({"g": "gmodern", "timeoutMillis": 5}, "g.V()")
    with pytest.raises(UnreadableRequest):
        read_request(b"\x81" + fields + text)
    with pytest.raises(UnreadableRequest):
        read_request(b"\x84" + fields + text + b"\x00")


def test_elements_have_the_published_json() -> None:
    writer = GraphSON4Writer(typed=False, materialize=True)
    assert json.loads(writer.encode(Edge(GRAPH, 0))) == {
        "id": 13,
        "label": ["develops"],
        "type": "edge",
        "inV": {"id": 10, "label": ["software"]},
        "outV": {"id": 1, "label": ["person"]},
        "properties": {"since": [2009]},
    }
    assert json.loads(writer.encode(Vertex(GRAPH, 0))) == {
        "id": 1,
        "label": ["person"],
        "type": "vertex",
        "properties": {"location": [{"id": 9, "value": "santa fe", "properties": {"startTime": 2005}}]},
    }
    typed = json.loads(GraphSON4Writer(materialize=True).encode(Edge(GRAPH, 0)))
    assert typed["@value"]["inV"] == {"id": {"@type": "g:Int32", "@value": 10}, "label": ["software"]}
    since = {"@type": "g:Property", "@value": {"key": "since", "value": {"@type": "g:Int32", "@value": 2009}}}
    assert typed["@value"]["properties"] == {"since": [since]}


@pytest.mark.parametrize(
    ("value", "typed", "untyped"),
    [
        (MOMENT, {"@type": "g:DateTime", "@value": "2007-12-03T10:15:30+01:00"}, "2007-12-03T10:15:30+01:00"),
        (timedelta(days=5), {"@type": "g:Duration", "@value": "PT120H"}, "PT120H"),
        (
            b"some bytes for you",
            {"@type": "g:Binary", "@value": "c29tZSBieXRlcyBmb3IgeW91"},
            "c29tZSBieXRlcyBmb3IgeW91",
        ),
        (Short(100), {"@type": "g:Int16", "@value": 100}, 100),
        (BulkSet((("a", 2),)), {"@type": "g:List", "@value": ["a", "a"]}, ["a", "a"]),
        (
            Property("k", 1, None),
            {"@type": "g:Property", "@value": {"key": "k", "value": {"@type": "g:Int32", "@value": 1}}},
            {"key": "k", "value": 1},
        ),
    ],
    ids=repr,
)
def test_values_have_the_published_json(value: object, typed: object, untyped: object) -> None:
    assert json.loads(TYPED.encode(value)) == typed
    assert json.loads(UNTYPED.encode(value)) == untyped


def test_typed_json_reads_back() -> None:
    for value in (MOMENT, timedelta(days=5), b"abc", Short(1), Decimal("1.5"), ReferenceVertex(1, "a::b")):
        assert read_json(TYPED.encode(value)) == value
    edge = ReferenceEdge(1, "e", ReferenceVertex(1, "a"), ReferenceVertex(2, "b"))
    assert read_json(TYPED.encode(edge)) == edge


def test_a_json_request_gives_its_fields_and_its_text() -> None:
    body = {"gremlin": "g.V(x)", "parameters": {"@type": "g:Map", "@value": ["x", {"@type": "g:Int32", "@value": 1}]}}
    assert read_json_request(json.dumps(body)) == ({"parameters": {"x": 1}}, "g.V(x)")
    with pytest.raises(UnreadableRequest):
        read_json_request("{}")


def test_a_graph_is_written_whole_from_a_collection_of_elements() -> None:
    class Collected:
        vertices = {Vertex(GRAPH, 0): None, Vertex(GRAPH, 1): None}
        edges = {Edge(GRAPH, 0): None}

    written = json.loads(UNTYPED.encode(Collected()))
    assert [vertex["id"] for vertex in written["vertices"]] == [1, 10]
    assert [edge["id"] for edge in written["edges"]] == [13]
    assert BINARY.encode(Collected())[:6].hex() == "100000000002"


def test_a_zone_that_is_missing_is_utc() -> None:
    assert read_value(BINARY.encode(datetime(2024, 1, 1))) == datetime(2024, 1, 1, tzinfo=UTC)
