"""GraphSON 1 to 3, judged by gremlinpython's readers and writers and by the published JSON."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from gremlin_python.driver import request as driver_request
from gremlin_python.driver import serializer
from gremlin_python.process import strategies as gp_strategies
from gremlin_python.process import traversal as gp
from gremlin_python.process.graph_traversal import GraphTraversalSource, __
from gremlin_python.statics import long
from gremlin_python.structure import graph as gp_graph
from gremlin_python.structure.io import graphsonV2d0, graphsonV3d0

from workflow.errors import MemoryLimitExceeded
from workflow.graphs.elements import BulkedValue, Path, Property, Tree, VertexProperty
from workflow.gremlin.semantics.keys import GMap
from workflow.gremlin.semantics.values import (
    ENUMS,
    BigInteger,
    BulkSet,
    Byte,
    Cardinality,
    Char,
    Direction,
    Float,
    GSet,
    Long,
    Metrics,
    ReferenceEdge,
    ReferenceProperty,
    ReferenceVertex,
    Short,
    T,
    TraversalMetrics,
)
from workflow.gremlin.traversal import CardinalityValue, Instruction, Lambda, P, Strategy, TextP, Traversal
from workflow.gremlin.wire import UnreadableRequest, UnwritableResult
from workflow.gremlin.wire.codecs import TextItems
from workflow.gremlin.wire.graphson.reader import parse_duration, read_request, read_value
from workflow.gremlin.wire.graphson.text import iso_duration
from workflow.gremlin.wire.graphson.writer import TYPED, UNTYPED, GraphSONWriter

V3 = GraphSONWriter(3)
V2 = GraphSONWriter(2)
UNTYPED_V3 = GraphSONWriter(3, typed=False)
MOMENT = datetime(2024, 2, 29, 23, 59, 59, 123456, tzinfo=UTC)

ROUND_TRIPS: list[Any] = [
    None,
    True,
    -1,
    Long(2**40),
    BigInteger(2**100),
    Byte(-128),
    Short(300),
    1.5,
    1e300,
    float("-inf"),
    Float(0.5),
    Decimal("-12345678901234567890123456789.5"),
    'Zürich "🚲"\n',
    Char("🚲"),
    uuid.UUID("7965f9e9-47db-42b0-85db-42cdef9942f3"),
    b"\x00\xff",
    MOMENT,
    timedelta(days=-1, microseconds=1),
    [1, [Long(2), None]],
    GSet([1, "a", [2]]),
    {"a": [1], T.label: "x", Direction.OUT: {"b": None}},
    GMap([(1, "a"), (True, "b"), ([1], "c")]),
    BulkSet((("a", 3),)),
    ReferenceVertex(Long(1), "person"),
    ReferenceEdge("e", "knows", ReferenceVertex(1, "a"), ReferenceVertex(2, "b")),
    ReferenceProperty("weight", 0.5),
    ReferenceProperty("name", "marko", Long(7)),
    Path((1, "x"), (frozenset({"a", "b"}), frozenset())),
    P("eq", ([1, 2],)),
    P("within", ([1, 2, "c"],)),
    P("between", (1, 5)),
    P("or", (P("lt", (1,)), P("not", (P("eq", (None,)),)))),
    TextP("startingWith", ("x",)),
    Traversal((Instruction("V", (1,)),), (Instruction("withSack", (1.0,)),)),
    Strategy("SubgraphStrategy", {"vertices": Traversal((Instruction("hasLabel", ("p",)),))}),
    CardinalityValue(Cardinality.set, "x"),
    Metrics("4.0.0()", "VertexStep", 12345, {"traverserCount": Long(4)}, {"note": "x"}, (Metrics("1", "in", 5),)),
    TraversalMetrics(99, (Metrics("1", "a", 5),)),
    *[member for kind in ENUMS.values() for member in kind],
]


@pytest.mark.parametrize("value", ROUND_TRIPS, ids=repr)
def test_what_version_3_writes_reads_back_with_value_and_type(value: object) -> None:
    text = V3.encode(value)
    json.loads(text)
    again = read_value(text)
    if isinstance(value, GMap):
        assert list(again.items()) == list(value.items())
    else:
        assert again == value
    assert type(again) is type(value)


def test_a_tree_and_a_traverser_read_back() -> None:
    tree = Tree({"a": Tree({1: Tree()}), "b": Tree()})
    assert read_value(V3.encode(tree)) == tree
    items = TextItems(V3)
    items.add_traverser("x", 5)
    assert items.take() == (V3.encode(BulkedValue("x", 5)), 1)
    again = read_value(V3.encode(BulkedValue("x", 5)))
    assert isinstance(again, BulkedValue)
    assert (again.value, again.bulk) == ("x", 5)


PUBLISHED_V3 = [
    (3, '{"@type":"g:Int32","@value":3}'),
    ([1], '{"@type":"g:List","@value":[{"@type":"g:Int32","@value":1}]}'),
    ({T.id: "v1"}, '{"@type":"g:Map","@value":[{"@type":"g:T","@value":"id"},"v1"]}'),
    (Direction.OUT, '{"@type":"g:Direction","@value":"OUT"}'),
    (float("nan"), '{"@type":"g:Double","@value":"NaN"}'),
    (Float(0.10000000149011612), '{"@type":"g:Float","@value":0.1}'),
    (ReferenceVertex("v1", "movie"), '{"@type":"g:Vertex","@value":{"id":"v1","label":"movie"}}'),
    (
        ReferenceEdge("e1", "rated", ReferenceVertex("u1", "user"), ReferenceVertex("v1", "movie")),
        '{"@type":"g:Edge","@value":{"id":"e1","label":"rated","inVLabel":"movie","outVLabel":"user","inV":"v1","outV":"u1"}}',
    ),
    (
        Path(("a",), (frozenset({"x"}),)),
        '{"@type":"g:Path","@value":{"labels":{"@type":"g:List","@value":[{"@type":"g:Set","@value":["x"]}]},'
        '"objects":{"@type":"g:List","@value":["a"]}}}',
    ),
    (MOMENT, '{"@type":"gx:OffsetDateTime","@value":"2024-02-29T23:59:59.123456Z"}'),
]


@pytest.mark.parametrize(("value", "expected"), PUBLISHED_V3, ids=[text for _, text in PUBLISHED_V3])
def test_version_3_has_the_published_json(value: object, expected: str) -> None:
    assert json.loads(V3.encode(value)) == json.loads(expected)


PUBLISHED_UNTYPED = [
    ([1, Long(2), 0.5, None], [1, 2, 0.5, None]),
    ({T.id: "v1", T.label: "movie", Direction.IN: 1, 2: "two"}, {"id": "v1", "label": "movie", "IN": 1, "2": "two"}),
    (ReferenceVertex("b1", "book"), {"id": "b1", "label": "book", "type": "vertex"}),
    (
        ReferenceEdge("e1", "rated", ReferenceVertex("u1", "user"), ReferenceVertex("v1", "movie")),
        {
            "id": "e1",
            "label": "rated",
            "type": "edge",
            "inVLabel": "movie",
            "outVLabel": "user",
            "inV": "v1",
            "outV": "u1",
        },
    ),
    (Path(("a", 1), (frozenset({"x"}), frozenset())), {"labels": [["x"], []], "objects": ["a", 1]}),
    (VertexProperty(Long(7), "name", "marko", None), {"id": 7, "value": "marko", "label": "name"}),
    (Property("since", 2009, None), {"key": "since", "value": 2009}),
    (GMap([(ReferenceVertex("v1", "movie"), 3)]), {"v1": 3}),
    (uuid.UUID("7965f9e9-47db-42b0-85db-42cdef9942f3"), "7965f9e9-47db-42b0-85db-42cdef9942f3"),
]


@pytest.mark.parametrize(("value", "expected"), PUBLISHED_UNTYPED, ids=repr)
def test_untyped_version_3_has_the_json_that_notebooks_read(value: object, expected: object) -> None:
    assert json.loads(UNTYPED_V3.encode(value)) == expected


def test_untyped_versions_1_and_2_differ_in_the_type_member_alone() -> None:
    vertex = ReferenceVertex("b1", "book")
    assert json.loads(GraphSONWriter(1).encode(vertex)) == {"id": "b1", "label": "book", "type": "vertex"}
    assert json.loads(GraphSONWriter(2, typed=False).encode(vertex)) == {"id": "b1", "label": "book"}


def test_version_2_keeps_collections_as_json() -> None:
    assert json.loads(V2.encode({"a": [1]})) == {"a": [{"@type": "g:Int32", "@value": 1}]}
    assert json.loads(V2.encode(BulkSet((("a", 2),)))) == ["a", "a"]


def test_dates_for_legacy_clients_are_milliseconds() -> None:
    writer = GraphSONWriter(3, legacy_dates=True)
    assert json.loads(writer.encode(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))) == {"@type": "g:Date", "@value": 1000}


JUDGED: list[tuple[Any, Any]] = [
    (BulkSet((("a", 2),)), ["a", "a"]),
    ({"a": Long(5)}, {"a": 5}),
    (Direction.BOTH, gp.Direction.BOTH),
    (TraversalMetrics(2_000_000, ()), {"dur": 2.0, "metrics": []}),
    (MOMENT, MOMENT),
    (timedelta(hours=30, seconds=1), timedelta(hours=30, seconds=1)),
    (VertexProperty(Long(7), "name", "marko", None), gp_graph.VertexProperty(7, "name", "marko", None)),
    (ReferenceVertex(1, "a"), gp_graph.Vertex(1, "a")),
]


@pytest.mark.parametrize(("ours", "theirs"), JUDGED, ids=repr)
def test_gremlinpython_reads_what_we_write(ours: object, theirs: object) -> None:
    assert graphsonV3d0.GraphSONReader().read_object(V3.encode(ours)) == theirs


def test_gremlinpython_reads_elements_of_version_2() -> None:
    assert graphsonV2d0.GraphSONReader().read_object(V2.encode([ReferenceVertex(1, "a")])) == [gp_graph.Vertex(1, "a")]


def g() -> Any:
    return GraphTraversalSource(gp_graph.Graph(), gp.TraversalStrategies())


def sent(traversal: Any, version: type[Any] = serializer.GraphSONSerializersV3d0) -> Traversal:
    """The traversal that arrives when gremlinpython sends this one."""
    args = {"gremlin": traversal.bytecode, "aliases": {"g": "g"}}
    data = version().serialize_message(
        "41d2e28a-20a4-4ab0-b379-d810dede3786", driver_request.RequestMessage("traversal", "bytecode", args)
    )
    found = read_request(data[34:]).args["gremlin"]
    assert isinstance(found, Traversal)
    return found


BOTH_VERSIONS = pytest.mark.parametrize(
    "version", [serializer.GraphSONSerializersV3d0, serializer.GraphSONSerializersV2d0]
)


@BOTH_VERSIONS
def test_a_traversal_arrives_from_gremlinpython(version: type[Any]) -> None:
    p, text_p = gp.P, gp.TextP
    traversal = (
        g()
        .with_("Neptune#ml.limit", 3)
        .with_strategies(gp_strategies.SubgraphStrategy(vertices=__.has_label("p")))
        .V(gp_graph.Vertex(1, "person"), long(5))
        .has("a", p.within(1, 2).and_(p.between(0, 9)))
        .has("b", text_p.starting_with("x"))
        .where(__.out("knows"))
        .order()
        .by("a", gp.Order.desc)
        .inject(gp.Pop.all_, gp.Cardinality.set_, [1, "x"], p.eq(None))
    )
    found = sent(traversal, version)
    assert found.steps == (
        Instruction("V", (ReferenceVertex(1, "person"), Long(5))),
        Instruction("has", ("a", P("and", (P("within", ([1, 2],)), P("between", (0, 9)))))),
        Instruction("has", ("b", TextP("startingWith", ("x",)))),
        Instruction("where", (Traversal((Instruction("out", ("knows",)),)),)),
        Instruction("order"),
        Instruction("by", ("a", ENUMS["Order"]("desc"))),
        Instruction("inject", (ENUMS["Pop"]("all"), Cardinality.set, [1, "x"], P("eq", (None,)))),
    )
    strategies = {arg.name: arg.configuration for item in found.source for arg in item.args}
    assert strategies == {
        "OptionsStrategy": {"Neptune#ml.limit": 3},
        "SubgraphStrategy": {"vertices": Traversal((Instruction("hasLabel", ("p",)),))},
    }


def test_options_of_older_drivers_lie_bare_in_the_strategy() -> None:
    text = (
        '{"@type":"g:Bytecode","@value":{"source":[["withStrategies",{"@type":"g:OptionsStrategy","@value":'
        '{"Neptune#ml.endpoint":"ep","Neptune#ml.limit":{"@type":"g:Int32","@value":3}}}]],"step":[["V"]]}}'
    )
    options = Strategy("OptionsStrategy", {"Neptune#ml.endpoint": "ep", "Neptune#ml.limit": 3})
    assert read_value(text).source == (Instruction("withStrategies", (options,)),)


def test_plain_arguments_of_a_text_request_get_the_narrowest_type() -> None:
    request = read_request(
        json.dumps(
            {
                "requestId": {"@type": "g:UUID", "@value": "41d2e28a-20a4-4ab0-b379-d810dede3786"},
                "op": "eval",
                "processor": "",
                "args": {"gremlin": "g.V(x)", "bindings": {"x": 1, "y": 2**40, "z": 2**80, "d": 1.5}},
            }
        )
    )
    types = {name: type(value) for name, value in request.args["bindings"].items()}
    assert types == {"x": int, "y": Long, "z": BigInteger, "d": float}


def test_a_lambda_is_read_and_reported() -> None:
    text = {
        "requestId": "41d2e28a-20a4-4ab0-b379-d810dede3786",
        "op": "bytecode",
        "processor": "traversal",
        "args": {
            "gremlin": {
                "@type": "g:Bytecode",
                "@value": {
                    "step": [["map", {"@type": "g:Lambda", "@value": {"script": "x", "language": "gremlin-groovy"}}]]
                },
            }
        },
    }
    assert read_request(json.dumps(text)).lambdas == (Lambda("x"),)


def test_a_big_decimal_keeps_every_digit_of_a_bare_number() -> None:
    text = '{"@type":"gx:BigDecimal","@value":1.234567890123456789012345678901}'
    assert read_value(text) == Decimal("1.234567890123456789012345678901")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("PT5M", timedelta(minutes=5)),
        ("P1DT2H3.5S", timedelta(days=1, hours=2, seconds=3.5)),
        ("PT-1.5S", timedelta(seconds=-1.5)),
        ("-PT1H", timedelta(hours=-1)),
    ],
)
def test_durations_are_iso_8601(text: str, value: timedelta) -> None:
    assert parse_duration(text) == value
    assert parse_duration(iso_duration(value)) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[" * 100_000,
        '{"@type":"g:Nope","@value":1}',
        '{"@type":"g:Int32","@value":"x"}',
        '{"@type":"g:Int32","@value":1.5}',
        '{"@type":"g:UUID","@value":"x"}',
        '{"@type":"g:Map","@value":[1]}',
        '{"@type":"g:T","@value":"nope"}',
        '{"@type":"g:Bytecode","@value":[1]}',
        '{"@type":"gx:Duration","@value":"P"}',
        '{"@type":"gx:BigDecimal","@value":"1e999999999"}',
        '{"@type":"gx:OffsetDateTime","@value":5}',
        '{"@type":["a"],"@value":5}',
        "1" * 5000,
        '{"@type":"g:Vertex","@value":{}}',
    ],
)
def test_broken_json_is_our_error(text: str) -> None:
    with pytest.raises(UnreadableRequest):
        read_value(text)


@pytest.mark.parametrize("text", ["[]", "1", "{}", '{"requestId":5,"args":{}}', '{"requestId":"x"}'])
def test_a_request_without_its_members_is_our_error(text: str) -> None:
    with pytest.raises(UnreadableRequest):
        read_request(text)


def test_what_has_no_form_is_named() -> None:
    with pytest.raises(UnwritableResult, match="object"):
        V3.encode(object())
    with pytest.raises(UnwritableResult):
        V3.encode(BigInteger(10**5000))


def test_a_bulk_set_of_a_client_is_not_written_out_a_quintillion_times() -> None:
    with pytest.raises(MemoryLimitExceeded):
        V2.encode(BulkSet((("a", 1 << 62),)))


def test_typed_and_untyped_write_the_same_types() -> None:
    assert set(TYPED) == set(UNTYPED)
