"""Writes that differ in their values only: their message and plan are read once, each writes what it says."""

from __future__ import annotations

import datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from gremlin_python.driver.request import RequestMessage
from gremlin_python.driver.serializer import GraphBinarySerializersV1
from gremlin_python.process.anonymous_traversal import AnonymousTraversalSource
from gremlin_python.process.graph_traversal import GraphTraversal, GraphTraversalSource, __
from gremlin_python.process.traversal import Cardinality, T
from gremlin_python.statics import long
from gremlin_python.structure.graph import Graph

from workflow.graphs.store.store import EmbeddedGraph
from workflow.gremlin.engine import Engine
from workflow.gremlin.wire import UnreadableRequest
from workflow.gremlin.wire.graphbinary.reader import read_request
from workflow.queries.running import QueryRegistry
from workflow.server.gremlin import known_queries
from workflow.server.gremlin.execution import QueryRunner
from workflow.server.gremlin.known_queries import SHAPES
from workflow.server.gremlin.protocol import AnswerStream, Conversation, LookJob


@pytest.fixture
def engine() -> Engine:
    return Engine(EmbeddedGraph("g", "tinkerpop"), "tinkerpop")


@pytest.fixture
def runner(engine: Engine) -> QueryRunner:
    return QueryRunner({"g": engine}, "tinkerpop", QueryRegistry(), 60_000)


def g() -> GraphTraversalSource:
    return AnonymousTraversalSource().with_(Graph())


def frame_of(asked: GraphTraversal) -> bytes:
    """As gremlinpython sends it, with an id of its own."""
    request = RequestMessage("traversal", "bytecode", {"gremlin": asked.bytecode, "aliases": {"g": "g"}})
    return bytes(GraphBinarySerializersV1().serialize_message(uuid4(), request))


def answered(runner: QueryRunner, frame: bytes) -> tuple[int, str, list[Any]]:
    """Status, message and results; the answer has the id of the question."""
    job = Conversation(runner).receive(frame)
    frames = job.at_once() if isinstance(job, LookJob) else list(job.frames()) if isinstance(job, AnswerStream) else job
    assert isinstance(frames, list)
    for settle in job.soon if isinstance(job, LookJob) else ():
        settle()
    message = GraphBinarySerializersV1().deserialize_message(frames[-1])
    id = message["requestId"]  # none where the question could not be read
    assert id == "None" or UUID(id).bytes in frame
    found = [getattr(one, "object", one) for one in message["result"]["data"] or ()]
    return message["status"]["code"], message["status"]["message"], found


def asked(runner: QueryRunner, traversal: GraphTraversal) -> list[Any]:
    code, message, found = answered(runner, frame_of(traversal))
    assert code in (200, 204), message
    return found


def test_of_writes_with_values_of_their_own_two_are_planned_as_they_come_and_all_others_at_once(
    runner: QueryRunner, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned: list[Any] = []
    prepare = engine.prepare
    monkeypatch.setattr(engine, "prepare", lambda *of: planned.append(of) or prepare(*of))
    for number in range(20):
        asked(runner, g().add_v("noted").property("n", number))
    # the first two are read whole, of which the second tells what they have in common
    assert len(planned) == 3
    assert asked(runner, g().V().values("n").order()) == list(range(20))


VALUES = [
    [1, -7, 2**31 - 1],
    [long(1), long(2**40), long(-5)],
    [0.5, float("inf"), -0.0],
    ["a", "", "träge \N{SNOWMAN}" * 9, "a"],
    [True, False, True],
    [UUID(int=7), UUID(int=8), UUID(int=9)],
    [datetime.datetime(2024, 2, day, 11, tzinfo=datetime.UTC) for day in (1, 2, 3)],
]


@pytest.mark.parametrize("values", VALUES, ids=lambda values: type(values[0]).__name__)
@pytest.mark.parametrize(
    "write",
    [
        lambda value: g().add_v("noted").property("n", value).values("n"),
        lambda value: g().add_v("noted").property(Cardinality.single, "n", value).values("n"),
        lambda value: (
            g().add_v("noted").property(Cardinality.list_, "n", 1, "why", value).properties("n").values("why")
        ),
        lambda value: g().V("one").property(Cardinality.single, "n", value).values("n"),
        lambda value: g().add_e("knows").from_(__.V("one")).to(__.V("one")).property("n", value).values("n"),
    ],
)
def test_each_write_of_a_shape_writes_its_own_value_in_its_own_type(
    runner: QueryRunner, engine: Engine, write: Any, values: list[Any]
) -> None:
    asked(runner, g().add_v("person").property(T.id, "one"))
    for value in values * 2:
        assert asked(runner, write(value)) == [value]
    known = runner.known_requests.shapes
    assert len(known) == 1


def test_a_number_is_written_as_the_type_it_came_in(runner: QueryRunner, engine: Engine) -> None:
    for value in (1, long(1), 1.0, True, "1", 2, long(2), 2.0, False, "2", 3, long(3), 3.0, True, "3"):
        asked(runner, g().add_v("noted").property("n", value))
    graph: Any = engine.graph
    names = [type(found.value).__name__ for row in graph.vertices() for found in graph.vertex_properties(row)]
    assert names == ["int", "Long", "float", "bool", "str"] * 3
    assert len(runner.known_requests.shapes) == 5


def test_ids_to_begin_at_are_values_and_labels_and_keys_are_not(runner: QueryRunner) -> None:
    for number in range(6):
        asked(runner, g().add_v("person").property(T.id, f"p{number}").property("name", f"n{number}"))
    for number in range(5):
        pair = __.V(f"p{number}"), __.V(f"p{number + 1}")
        asked(runner, g().add_e("knows").from_(pair[0]).to(pair[1]).property("weight", number / 4))
        asked(runner, g().V(f"p{number}").property(Cardinality.single, "name", f"m{number}"))
    assert len(runner.known_requests.shapes) == 3
    assert asked(runner, g().V("p0").repeat(__.out("knows")).times(5).id_()) == ["p5"]
    assert asked(runner, g().E().values("weight").order()) == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert asked(runner, g().V().values("name").order()) == ["m0", "m1", "m2", "m3", "m4", "n5"]
    for label, key in (("a", "x"), ("b", "x"), ("a", "y"), ("b", "y")) * 2:
        asked(runner, g().add_v(label).property(key, 1))
    assert asked(runner, g().V().has_label("a", "b").group_count().by(T.label)) == [{"a": 4, "b": 4}]
    assert asked(runner, g().V().has_label("a").group_count().by(__.properties().key())) == [{"x": 2, "y": 2}]


def test_of_reads_no_shape_is_kept(runner: QueryRunner) -> None:
    # a look that comes to too much is left to workers from then on, and that holds of its ids alone
    for number in range(4):
        asked(runner, g().V(number).out())
    assert len(runner.known_requests.shapes) == 0


@pytest.mark.parametrize(
    ("write", "told"),
    [
        (
            lambda name: g().add_v("x").property(T.label, name),
            "has already been set to [x] and cannot be overridden with [{}]",
        ),
        (lambda name: g().add_e("x").from_(__.V(name)).to(__.V(f"no {name}")), "because the to() traversal"),
        (lambda name: g().add_v("x").property(T.id, "taken").property("n", name), "id already exists: taken"),
        (lambda name: g().add_v("x").property(T.id, name), "id already exists: {}"),
        (lambda name: g().add_v("x").property(name, 1).property(None, name), "key can not be null"),
    ],
)
def test_a_refusal_names_the_values_of_its_own_write(runner: QueryRunner, write: Any, told: str) -> None:
    for id in ("taken", "one", "two", "three", "four"):
        asked(runner, g().add_v("person").property(T.id, id))
    for name in ("one", "two", "three", "four"):
        code, message, _ = answered(runner, frame_of(write(name)))
        assert code >= 500
        assert told.format(name) in message
    assert asked(runner, g().V().count()) == [5]


def test_writes_that_may_take_long_are_judged_once_and_have_no_shape(
    runner: QueryRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged: list[Any] = []
    judge = known_queries.is_shape_of_writes
    monkeypatch.setattr(known_queries, "is_shape_of_writes", lambda shape: judged.append(shape) or judge(shape))
    for number in range(6):
        asked(runner, g().V(f"p{number}").fold().coalesce(__.unfold(), __.add_v("person").property(T.id, f"p{number}")))
    assert (len(judged), len(runner.known_requests.shapes)) == (1, 1)
    for number in range(6):
        asked(runner, g().V().has_label("person").property("n", number))
        asked(runner, g().V(f"p{number}").property("m", number).properties("m").drop())
    assert (len(judged), len(runner.known_requests.shapes)) == (3, 1)
    assert asked(runner, g().V().values("n", "m")) == [5] * 6


def test_who_lists_running_queries_sees_the_values_of_each(runner: QueryRunner) -> None:
    for number in range(4):
        job = Conversation(runner).receive(frame_of(g().V(f"p{number}").property("n", number)))
        assert isinstance(job, LookJob)
        assert job.running.shown() == f"g.V('p{number}').property('n', {number})"
        job.finish()


@pytest.mark.parametrize("of", ["short", "long", "text", "flag", "code"])
def test_what_only_begins_like_a_known_shape_is_read_as_every_message_is(runner: QueryRunner, of: str) -> None:
    for name in ("aaaa", "bbbb", "cccc"):
        asked(runner, g().add_v("noted").property("n", name))
    assert len(runner.known_requests.shapes) == 1
    frame = frame_of(g().add_v("noted").property("n", "dddd"))
    at = frame.index(b"\x03\x00\x00\x00\x00\x04dddd")
    wrong = {
        "short": frame[:-1],
        "long": frame + b"\0",
        "text": frame[: at + 2] + (2**30).to_bytes(4, "big") + frame[at + 6 :],
        "flag": frame[: at + 1] + b"\x02" + frame[at + 2 :],
        "code": frame[:at] + b"\x7f" + frame[at + 1 :],
    }[of]
    with pytest.raises(UnreadableRequest) as refused:
        read_request(wrong, wrong.index(b"\x81"))
    code, message, _ = answered(runner, wrong)
    assert (code, message) == (499, str(refused.value)) or str(refused.value) in message
    assert asked(runner, g().V().count()) == [3]


def test_many_shapes_are_told_apart_and_few_kept(runner: QueryRunner) -> None:
    for turn in range(3):
        for number in range(2 * SHAPES):
            asked(runner, g().add_v("noted").property(f"key{number}", turn).property("n", number))
    assert 0 < len(runner.known_requests.shapes) <= SHAPES
    assert asked(runner, g().V().values("n").sum_()) == [3 * sum(range(2 * SHAPES))]


def test_shapes_that_begin_alike_are_told_apart(runner: QueryRunner) -> None:
    for number in range(4):
        for key in ("a", "b", "c"):
            asked(runner, g().add_v("noted").property("n", number).property(key, f"{key}{number}"))
    assert len(runner.known_requests.shapes) == 3
    for key in ("a", "b", "c"):
        assert asked(runner, g().V().values(key).order()) == [f"{key}{number}" for number in range(4)]
