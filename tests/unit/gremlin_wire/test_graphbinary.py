"""GraphBinary 1, judged by published bytes and by gremlinpython's reader and writer."""

from __future__ import annotations

import io
import uuid
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from gremlin_python.driver import request as driver_request
from gremlin_python.driver import serializer
from gremlin_python.process import strategies as gp_strategies
from gremlin_python.process import traversal as gp
from gremlin_python.process.graph_traversal import GraphTraversalSource, __
from gremlin_python.statics import GremlinType, SingleByte, SingleChar, bigdecimal, long, short
from gremlin_python.structure import graph as gp_graph
from gremlin_python.structure.io import graphbinaryV1

from workflow.graphs.elements import BulkedValue, Path, Property, Tree, VertexProperty
from workflow.gremlin.semantics.keys import GMap
from workflow.gremlin.semantics.values import (
    DT,
    ENUMS,
    BigInteger,
    BulkSet,
    Byte,
    Cardinality,
    Char,
    Direction,
    Float,
    GSet,
    GType,
    Long,
    MapEntry,
    Merge,
    Metrics,
    Operator,
    Order,
    Pick,
    Pop,
    ReferenceEdge,
    ReferenceProperty,
    ReferenceVertex,
    Scope,
    Short,
    T,
    TraversalMetrics,
)
from workflow.gremlin.traversal import CardinalityValue, Instruction, Lambda, P, Strategy, TextP, Traversal
from workflow.gremlin.wire import UnreadableRequest, UnwritableResult
from workflow.gremlin.wire.codecs import BinaryItems
from workflow.gremlin.wire.graphbinary.reader import READERS, read_request, read_value
from workflow.gremlin.wire.graphbinary.writer import WRITERS, GraphBinaryWriter

WRITER = GraphBinaryWriter()

PUBLISHED = [
    (None, "fe01"),
    (3, "01 00 00000003"),
    (Long(3), "02 00 0000000000000003"),
    (0.5, "07 00 3fe0000000000000"),
    (Float(0.375), "08 00 3ec00000"),
    ("ab", "03 00 00000002 6162"),
    (True, "27 00 01"),
    (["a", 1], "09 00 00000002 03000000000161 010000000001"),
    (GSet(["a"]), "0b 00 00000001 03000000000161"),
    ({"a": 1}, "0a 00 00000001 03000000000161 010000000001"),
    (T.id, "20 00 03 00 00000002 6964"),
    (Direction.IN, "18 00 03 00 00000002 494e"),
    (Property("score", 4.5, None), "0f 00 00000005 73636f7265 07004012000000000000 fe01"),
    (ReferenceVertex("v1", "movie"), "11 00 0300000000027631 00000005 6d6f766965 fe01"),
    (BigInteger(128), "23 00 00000002 0080"),
    (BigInteger(-129), "23 00 00000002 ff7f"),
    (BigInteger(0), "23 00 00000001 00"),
    (Char("¢"), "80 00 c2a2"),
    (Decimal("1.50"), "22 00 00000002 00000002 0096"),
    (timedelta(seconds=5, microseconds=3), "81 00 0000000000000005 00000bb8"),
]


@pytest.mark.parametrize(("value", "expected"), PUBLISHED, ids=[repr(value) for value, _ in PUBLISHED])
def test_a_value_has_the_bytes_the_format_publishes(value: object, expected: str) -> None:
    assert WRITER.encode(value).hex() == expected.replace(" ", "")


ROUND_TRIPS: list[Any] = [
    None,
    True,
    False,
    -1,
    2**31 - 1,
    Long(-(2**63)),
    BigInteger(2**100),
    Byte(-128),
    Short(-32768),
    1.5,
    float("inf"),
    Float(0.5),
    Decimal("-12345678901234567890123456789.5"),
    "Zürich 🚲",
    Char("🚲"),
    uuid.UUID("7965f9e9-47db-42b0-85db-42cdef9942f3"),
    b"\x00\xff",
    datetime(2024, 2, 29, 23, 59, 59, 123456, tzinfo=timezone(timedelta(hours=-3, minutes=-30))),
    timedelta(days=-1, microseconds=1),
    [1, [Long(2), None]],
    GSet([1, "a", [2]]),
    {"a": [1], T.label: "x", Direction.OUT: {"b": None}},
    BulkSet((("a", 3), ("b", 2**40))),
    ReferenceVertex(Long(1), "person"),
    ReferenceEdge("e", "knows", ReferenceVertex(1, "a"), ReferenceVertex(2, "b")),
    ReferenceProperty("weight", 0.5),
    ReferenceProperty("name", "marko", Long(7)),
    Path((1, "x"), (frozenset({"a", "b"}), frozenset())),
    P("eq", (1,)),
    P("within", ([1, 2, "c"],)),
    P("between", (1, 5)),
    P("or", (P("lt", (1,)), P("not", (P("eq", (None,)),)))),
    TextP("startingWith", ("x",)),
    Traversal(
        (Instruction("V", (1,)), Instruction("where", (Traversal((Instruction("out"),)),))),
        (Instruction("withSack", (1.0,)),),
    ),
    Strategy("SubgraphStrategy", {"vertices": Traversal((Instruction("hasLabel", ("p",)),))}),
    CardinalityValue(Cardinality.set, "x"),
    Metrics("4.0.0()", "VertexStep", 12345, {"traverserCount": Long(4)}, {"note": "x"}, (Metrics("1", "in", 5),)),
    TraversalMetrics(99, (Metrics("1", "a", 5),)),
    *[member for kind in ENUMS.values() for member in kind],
]


@pytest.mark.parametrize("value", ROUND_TRIPS, ids=repr)
def test_what_is_written_reads_back_with_value_and_type(value: object) -> None:
    again = read_value(WRITER.encode(value))
    assert again == value
    assert type(again) is type(value)


def test_a_tree_reads_back() -> None:
    tree = Tree({"a": Tree({1: Tree()}), "b": Tree()})
    assert read_value(WRITER.encode(tree)) == tree


def test_a_traverser_reads_back_with_its_bulk() -> None:
    items = BinaryItems(WRITER)
    items.add_traverser("x", 5)
    assert items.take() == (WRITER.encode(BulkedValue("x", 5)), 1)
    again = read_value(WRITER.encode(BulkedValue("x", 5)))
    assert isinstance(again, BulkedValue)
    assert (again.value, again.bulk) == ("x", 5)


def test_a_map_tells_keys_apart_that_python_would_confuse() -> None:
    value = GMap([(1, "int"), (True, "true"), (1.0, "double"), ([1], "list")])
    again = read_value(WRITER.encode(value))
    assert list(again.items()) == list(value.items())


def test_integers_too_wide_for_their_type_take_the_next_one() -> None:
    assert read_value(WRITER.encode(2**31)) == Long(2**31)
    assert WRITER.encode(2**31)[0] == 0x02
    assert WRITER.encode(Long(2**63))[0] == 0x23


def test_legacy_clients_get_dates_as_milliseconds() -> None:
    moment = datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)
    assert GraphBinaryWriter(legacy_dates=True).encode(moment).hex() == "0400" + f"{1000:016x}"


def test_every_type_that_can_be_written_and_has_a_code_can_be_read() -> None:
    unread = {WRITER.encode(value)[0] for value in ROUND_TRIPS} - set(READERS) - {0xFE}
    assert unread == set()
    assert len(WRITERS) > 50


JUDGED: list[tuple[Any, Any]] = [
    (Path(("a",), (frozenset({"x"}),)), gp_graph.Path([{"x"}], ["a"])),
    (BulkSet((("a", 2),)), ["a", "a"]),
    (MapEntry("k", 1), {"k": 1}),
    (VertexProperty(Long(7), "name", "marko", None), gp_graph.VertexProperty(7, "name", "marko", None)),
    (Direction.BOTH, gp.Direction.BOTH),
    (T.label, gp.T.label),
    (Decimal("2.25"), bigdecimal("2.25")),
    (
        Metrics("i", "n", 5, {"c": 1}),
        {"id": "i", "name": "n", "dur": 5, "counts": {"c": 1}, "annotations": {}, "metrics": []},
    ),
]


@pytest.mark.parametrize(("ours", "theirs"), JUDGED, ids=repr)
def test_gremlinpython_reads_what_we_write(ours: object, theirs: object) -> None:
    read = graphbinaryV1.GraphBinaryReader().to_object(io.BytesIO(WRITER.encode(ours)))
    assert read == theirs


def message(op: str, processor: str, args: dict[str, Any]) -> bytes:
    """A request as gremlinpython frames it."""
    text = serializer.GraphBinarySerializersV1().serialize_message(
        "41d2e28a-20a4-4ab0-b379-d810dede3786", driver_request.RequestMessage(processor, op, args)
    )
    assert isinstance(text, bytes)
    return text


def g() -> Any:
    return GraphTraversalSource(gp_graph.Graph(), gp.TraversalStrategies())


def sent(traversal: Any) -> Traversal:
    """The traversal that arrives when gremlinpython sends this one."""
    bytecode = getattr(traversal, "bytecode", traversal)
    request = read_request(message("bytecode", "traversal", {"gremlin": bytecode, "aliases": {"g": "g"}}), 33)
    assert request.op == "bytecode"
    assert str(request.id) == "41d2e28a-20a4-4ab0-b379-d810dede3786"
    found = request.args["gremlin"]
    assert isinstance(found, Traversal)
    return found


def arguments(traversal: Any) -> tuple[Any, ...]:
    return sent(traversal).steps[-1].args


def test_predicates_arrive_from_gremlinpython() -> None:
    p, text_p = gp.P, gp.TextP
    assert arguments(g().V().has("a", p.between(1, 3))) == ("a", P("between", (1, 3)))
    assert arguments(g().V().has("a", p.within(1, 2))) == ("a", P("within", ([1, 2],)))
    assert arguments(g().V().has("a", p.within())) == ("a", P("within", ([],)))
    assert arguments(g().V().has("a", p.gt(1).or_(p.lt(0)))) == ("a", P("or", (P("gt", (1,)), P("lt", (0,)))))
    assert arguments(g().V().has("a", text_p.containing("x"))) == ("a", TextP("containing", ("x",)))
    assert arguments(g().V().is_(p.eq([1, 2]))) == (P("eq", ([1, 2],)),)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (gp.Pop.all_, Pop.all),
        (gp.Cardinality.set_, Cardinality.set),
        (gp.Operator.sum_, Operator.sum),
        (gp.Operator.add_all, Operator.add_all),
        (gp.Pick.any_, Pick.any),
        (gp.Operator.min_, Operator.min),
        (gp.Scope.global_, Scope.global_),
        (gp.Merge.on_create, Merge.on_create),
        (gp.Order.desc, Order.desc),
        (gp.DT.hour, DT.hour),
        (gp.GType.INT, GType.INT),
        (gp.T.id_, T.id),
    ],
    ids=str,
)
def test_enumerations_arrive_from_gremlinpython(theirs: object, ours: object) -> None:
    assert arguments(g().inject(theirs)) == (ours,)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (long(5), Long(5)),
        (short(5), Short(5)),
        (SingleByte(5), Byte(5)),
        (SingleChar("c"), Char("c")),
        (bigdecimal("1.25"), Decimal("1.25")),
        (timedelta(seconds=90), timedelta(seconds=90)),
        (datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC)),
        (datetime(2024, 1, 1), datetime(2024, 1, 1, tzinfo=UTC)),
        (gp_graph.Vertex(1, "person"), ReferenceVertex(1, "person")),
        ({1: "a"}, GMap([(1, "a")])),
        (gp.Binding("x", 5), 5),
    ],
    ids=repr,
)
def test_values_arrive_from_gremlinpython(theirs: object, ours: object) -> None:
    found = arguments(g().inject(theirs))[0]
    assert found == ours
    assert type(found) is type(ours)


def test_strategies_arrive_by_their_simple_name() -> None:
    subgraph = gp_strategies.SubgraphStrategy(vertices=__.has_label("p"))
    options = gp_strategies.OptionsStrategy(**{"Neptune#ml.endpoint": "ep"})
    source = sent(g().with_strategies(subgraph, options).without_strategies(gp_strategies.ReadOnlyStrategy).V()).source
    assert source == (
        Instruction(
            "withStrategies",
            (
                Strategy("SubgraphStrategy", {"vertices": Traversal((Instruction("hasLabel", ("p",)),))}),
                Strategy("OptionsStrategy", {"Neptune#ml.endpoint": "ep"}),
            ),
        ),
        Instruction("withoutStrategies", (Strategy("ReadOnlyStrategy"),)),
    )


def test_source_options_arrive_in_one_strategy() -> None:
    source = sent(g().with_("Neptune#ml.endpoint", "ep").with_("Neptune#ml.limit", 3).V()).source
    assert len(source) == 1
    assert source[0].args[0].configuration == {"Neptune#ml.endpoint": "ep", "Neptune#ml.limit": 3}


def test_a_lambda_is_read_and_reported() -> None:
    request = read_request(
        message("bytecode", "traversal", {"gremlin": g().V().map(lambda: "it.get()").bytecode, "aliases": {"g": "g"}}),
        33,
    )
    assert request.lambdas == (Lambda("it.get()", "gremlin-groovy"),)


def test_commit_arrives_as_a_source_instruction() -> None:
    assert sent(gp.Bytecode()).steps == ()
    commit = gp.Bytecode()
    commit.add_source("tx", "commit")
    assert sent(commit) == Traversal(source=(Instruction("tx", ("commit",)),))


def test_a_class_that_is_no_strategy_stays_a_name() -> None:
    assert arguments(g().inject(GremlinType("java.lang.String"))) == ("java.lang.String",)


@pytest.mark.parametrize(
    "data",
    [
        "",
        "81",
        "82" + "00" * 30,
        "01 00 0000",
        "09 00 7fffffff",
        "09 00 ffffffff",
        "03 00 ffffffff",
        "03 00 00000002 ff",
        "23 00 ffffffff",
        "22 00 7fffffff 00000001 01",
        "00 00 00",
        "20 00 03 00 00000003 6e6f70",
        "80 00 ff",
        "88 00 00000000 0000 0000000000000000 00000000",
        "0a 00 00000001 01 00 00000001",
    ],
)
def test_broken_bytes_are_our_error(data: str) -> None:
    with pytest.raises(UnreadableRequest):
        read_value(bytes.fromhex(data.replace(" ", "")))


@pytest.mark.parametrize("head", ["23 00", "22 00 00000000"])
def test_an_integer_too_long_to_be_written_out_is_our_error(head: str) -> None:
    read = bytes.fromhex(head.replace(" ", ""))
    read_value(read + (1000).to_bytes(4, "big") + b"\x7f" * 1000)
    with pytest.raises(UnreadableRequest, match="an integer of 2000 bytes"):
        read_value(read + (2000).to_bytes(4, "big") + b"\x7f" * 2000)


def test_nesting_without_end_is_our_error() -> None:
    with pytest.raises(UnreadableRequest):
        read_value(b"\x09\x00\x00\x00\x00\x01" * 100_000 + b"\xfe\x01")


def test_what_has_no_form_is_named() -> None:
    with pytest.raises(UnwritableResult, match="object"):
        WRITER.encode(object())
    with pytest.raises(UnwritableResult, match="BigDecimal"):
        WRITER.encode(Decimal("NaN"))
