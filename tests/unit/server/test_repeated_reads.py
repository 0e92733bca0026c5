"""Look-ups that are asked again: their text is parsed and compiled once, and answered anew each time."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import pytest
from gremlin_python.driver.request import RequestMessage
from gremlin_python.driver.serializer import GraphBinarySerializersV1, GraphSONSerializersV3d0
from gremlin_python.process.anonymous_traversal import AnonymousTraversalSource
from gremlin_python.structure.graph import Graph

from workflow.graphs.store.store import EmbeddedGraph
from workflow.gremlin.engine import Engine, QueryOptions
from workflow.gremlin.lang import Script
from workflow.queries.running import QueryRegistry
from workflow.server.gremlin.execution import QueryRequest, QueryRunner
from workflow.server.gremlin.known_queries import KEPT
from workflow.server.gremlin.protocol import Conversation, LookJob

READ = "g.V(1).values('name')"


@pytest.fixture
def engines() -> dict[str, Engine]:
    return {name: Engine(EmbeddedGraph(name, "tinkerpop"), "tinkerpop") for name in ("g", "gmodern")}


@pytest.fixture
def runner(engines: dict[str, Engine]) -> QueryRunner:
    return QueryRunner(engines, "tinkerpop", QueryRegistry(), 60_000)


def looked_up(runner: QueryRunner, query: QueryRequest) -> list[Script]:
    read = runner.read(query)
    assert read is not None
    return read.known.scripts


def ask(runner: QueryRunner, text: str, **how: Any) -> list[Any]:
    query = QueryRequest(text, **how)
    running = runner.registry.accept(text)
    try:
        return [found.value for found in runner.results(query, running, None, runner.read(query))]
    finally:
        runner.registry.finish(running)


def test_a_look_up_asked_again_is_parsed_and_compiled_once(runner: QueryRunner, engines: dict[str, Engine]) -> None:
    first, again = looked_up(runner, QueryRequest(READ)), looked_up(runner, QueryRequest(READ))
    # what comes but once is not kept, and so takes no place
    assert again is not first
    assert len(runner.known_texts) == 1
    assert looked_up(runner, QueryRequest(READ)) is again
    engine, options = engines["g"], QueryOptions(repeated=True)
    assert engine._kept(again[0].traversal, options) is engine._kept(again[0].traversal, options)


def test_writes_that_never_repeat_leave_the_look_ups_that_do_in_their_place(runner: QueryRunner) -> None:
    for _ in range(2):
        kept = looked_up(runner, QueryRequest(READ))
        submitted(runner, message("bytecode", looks(1), aliases={"g": "g"}))
    for number in range(2 * KEPT):
        looked_up(runner, QueryRequest(f"g.addV('noted').property('n', {number})"))
        job = Conversation(runner).receive(message("eval", f"g.addV('noted').property('m', {number})"))
        assert isinstance(job, LookJob)
        job.finish()
    assert looked_up(runner, QueryRequest(READ)) is kept
    assert (len(runner.known_texts), len(runner.known_requests)) == (1, 1)


def test_a_look_up_asked_again_sees_what_was_written_since(runner: QueryRunner) -> None:
    assert ask(runner, READ) == []
    ask(runner, "g.addV('person').property(id, 1).property('name', 'marko')")
    assert ask(runner, READ) == ["marko"]
    ask(runner, "g.V(1).property('name', 'josh')")
    assert ask(runner, READ) == ["josh"]
    ask(runner, "g.V(1).drop()")
    assert ask(runner, READ) == []


def test_the_same_text_asks_whichever_graph_its_alias_names(runner: QueryRunner) -> None:
    ask(runner, "g.addV('person').property(id, 1).property('name', 'marko')")
    ask(runner, "g.addV('person').property(id, 1).property('name', 'peter')", aliases={"g": "gmodern"})
    for _ in range(2):
        assert ask(runner, READ) == ["marko"]
        assert ask(runner, READ, aliases={"g": "gmodern"}) == ["peter"]


def test_the_same_text_with_other_bindings_is_another_look_up(runner: QueryRunner) -> None:
    ask(runner, "g.addV('person').property(id, 1).property('name', 'marko')")
    ask(runner, "g.addV('person').property(id, 2).property('name', 'vadas')")
    text = "g.V(x).values('name')"
    assert [ask(runner, text, bindings={"x": id}) for id in (1, 2, 1)] == [["marko"], ["vadas"], ["marko"]]


@pytest.mark.parametrize(
    "text",
    [
        "g.V(UUID())",
        "g.V(1).has('seen', lt(datetime()))",
        "g.V().where(__.out().has('seen', lt(new Date())))",
        "g.inject([1, 2]).fold()",
        "g.withSideEffect('x', [1]).V().aggregate('x').cap('x')",
        "g.mergeV([T.id: 1])",
    ],
)
def test_a_text_that_means_something_else_each_time_or_may_be_changed_is_read_each_time(
    runner: QueryRunner, text: str
) -> None:
    assert looked_up(runner, QueryRequest(text)) is not looked_up(runner, QueryRequest(text))


@pytest.mark.parametrize(
    ("text", "answers"),
    [
        ("g.V().has('name', within('marko', 'vadas')).count()", [2]),
        ("g.V(1).repeat(__.out('knows')).times(1).emit().values('name')", ["vadas"]),
        ("g.withSideEffect('x', 1).V(1).select('x')", [1]),
        ("g.V(1).match(__.as('a').out('knows').as('b')).select('b').values('name')", ["vadas"]),
    ],
)
def test_every_constant_text_asked_again_is_compiled_once_and_answered_the_same(
    runner: QueryRunner, text: str, answers: list[Any]
) -> None:
    ask(runner, "g.addV('person').property(id, 1).property('name', 'marko')")
    ask(runner, "g.addV('person').property(id, 2).property('name', 'vadas')")
    ask(runner, "g.V(1).addE('knows').to(__.V(2))")
    for _ in range(2):
        kept = looked_up(runner, QueryRequest(text))
    for _ in range(3):
        assert ask(runner, text) == answers
    assert looked_up(runner, QueryRequest(text)) is kept


def test_a_write_asked_again_writes_again(runner: QueryRunner) -> None:
    for _ in range(3):
        ask(runner, "g.addV('noted').property('n', 1)")
    assert ask(runner, "g.V().hasLabel('noted').count()") == [3]


def message(op: str, gremlin: Any, **args: Any) -> bytes:
    """A frame as gremlinpython sends it, with an id of its own."""
    request = RequestMessage("traversal" if op == "bytecode" else "", op, {"gremlin": gremlin, **args})
    return bytes(GraphBinarySerializersV1().serialize_message(uuid4(), request))


def submitted(runner: QueryRunner, frame: bytes) -> list[Any]:
    job = Conversation(runner).receive(frame)
    assert isinstance(job, LookJob)
    (answer,) = job.at_once()  # type: ignore[misc]  # neither waits for an endpoint nor for a writer
    message = GraphBinarySerializersV1().deserialize_message(answer)
    assert UUID(message["requestId"]).bytes in frame
    return [getattr(found, "object", found) for found in message["result"]["data"] or ()]


def looks(id: Any) -> Any:
    return AnonymousTraversalSource().with_(Graph()).V(id).values("name").bytecode


def test_bytecode_asked_again_is_read_and_compiled_once_and_answered_anew(
    runner: QueryRunner, engines: dict[str, Engine]
) -> None:
    ask(runner, "g.addV('person').property(id, 1).property('name', 'marko')")
    aliases = {"aliases": {"g": "g"}}
    assert submitted(runner, message("bytecode", looks(1), **aliases)) == ["marko"]
    ask(runner, "g.V(1).property('name', 'josh')")
    assert submitted(runner, message("bytecode", looks(1), **aliases)) == ["josh"]
    assert submitted(runner, message("bytecode", looks(2), **aliases)) == []
    assert len(runner.known_requests) == 1  # what came but once is not kept
    assert len(engines["g"]._plans) == 1


def test_a_write_that_gremlinpython_iterates_is_made_where_it_arrives(runner: QueryRunner) -> None:
    write = AnonymousTraversalSource().with_(Graph()).add_v("noted").property("n", 1)
    write.traversers = iter(())  # nothing is sent, but the steps are as the client ends them
    write.iterate()
    job = Conversation(runner).receive(message("bytecode", write.bytecode))
    assert isinstance(job, LookJob)
    assert job.at_once() is not None
    for settle in job.soon:
        settle()
    assert ask(runner, "g.V().hasLabel('noted').count()") == [1]


def test_a_message_for_another_graph_is_another_message(runner: QueryRunner) -> None:
    ask(runner, "g.addV('person').property(id, 1).property('name', 'marko')")
    ask(runner, "g.addV('person').property(id, 1).property('name', 'peter')", aliases={"g": "gmodern"})
    for name, graph in (("marko", "g"), ("peter", "gmodern")) * 2:
        assert submitted(runner, message("bytecode", looks(1), aliases={"g": graph})) == [name]
        assert submitted(runner, message("eval", READ, aliases={"g": graph})) == [name]


def spoken(runner: QueryRunner, frame: bytes) -> tuple[str, list[Any]]:
    """The id and the values of an answer in GraphSON."""
    job = Conversation(runner).receive(frame)
    assert isinstance(job, LookJob)
    (answer,) = job.at_once()  # type: ignore[misc]  # neither waits for an endpoint nor for a writer
    message = GraphSONSerializersV3d0().deserialize_message(answer)
    return message["requestId"], list(message["result"]["data"] or ())


def test_graphson_asked_again_is_read_once_and_answered_with_the_id_of_each(runner: QueryRunner) -> None:
    ask(runner, "g.addV('person').property(id, 1).property('name', 'marko')")
    for expected in ("marko", "josh"):
        id = uuid4()
        frame = GraphSONSerializersV3d0().finalize_message(*graphson(id, READ))
        assert spoken(runner, frame) == (str(id), [expected])
        ask(runner, "g.V(1).property('name', 'josh')")
    assert len(runner.known_requests) == 1


def graphson(id: UUID, text: str) -> tuple[dict[str, Any], bytes, bytes]:
    named = {"@type": "g:UUID", "@value": str(id)}
    body = {"requestId": named, "op": "eval", "processor": "", "args": {"gremlin": text, "language": "gremlin-lang"}}
    return body, b"!", b"application/vnd.gremlin-v3.0+json"


@pytest.mark.parametrize(
    "body",
    [
        # the id stands twice, or the first that reads like it is an argument
        '{"requestId":"ID","op":"eval","args":{"gremlin":"g.V(1)","requestId":"ID"}}',
        '{"op":"eval","args":{"gremlin":"g.V(1)","requestId":"OTHER"},"requestI\\u0064":"ID"}',
        '{"op":"eval","args":{"gremlin":"g.V(1)","x\\"requestId":"OTHER"},"requestId" :"ID"}',
        # it is written as clients do not write it
        '{"requestId":"UPPER","op":"eval","args":{"gremlin":"g.V(1)"}}',
        '{"requestId" : "ID","op":"eval","args":{"gremlin":"g.V(1)"}}',
    ],
)
def test_graphson_whose_id_is_not_told_for_certain_is_read_each_time(runner: QueryRunner, body: str) -> None:
    for _ in range(2):
        id = uuid4()
        text = body.replace("OTHER", str(uuid4())).replace("ID", str(id)).replace("UPPER", str(id).upper())
        assert spoken(runner, b"!application/vnd.gremlin-v3.0+json" + text.encode()) == (str(id), [])
    assert len(runner.known_requests) == 0


@pytest.mark.parametrize(
    "frame",
    [
        lambda: message("eval", "g.V(x)", bindings={"x": 1}),
        lambda: message("bytecode", looks([1, 2]), aliases={"g": "g"}),
        lambda: message("authentication", "", sasl="AHVzZXIAcGFzc3dvcmQ="),
    ],
)
def test_what_could_mean_something_else_or_is_secret_is_not_kept(
    runner: QueryRunner, frame: Callable[[], bytes]
) -> None:
    Conversation(runner).receive(frame())
    assert len(runner.known_requests) == 0


def test_what_is_kept_stays_bounded(runner: QueryRunner, engines: dict[str, Engine]) -> None:
    for id in range(1200):
        ask(runner, f"g.V({id}).id()")
        submitted(runner, message("bytecode", looks(id), aliases={"g": "g"}))
    assert len(runner.known_texts) <= 512
    assert len(runner.known_requests) <= 512
    assert len(engines["g"]._plans) <= 512


LOOKS = [
    "g.V(1).out().count()",
    "g.V(1).out().out().dedup().count()",
    "g.V(1).out('knows').has('name', 'p7').values('name')",
    "g.V(1).outE('knows').has('weight', gt(3)).inV().order().by('name').values('name')",
    "g.V(1).out().groupCount().by(__.out().count())",
    "g.V(1, 2).project('n', 'd').by(__.values('name').fold()).by(__.both().count())",
    "g.V(2).as('a').out().in().where(neq('a')).path().by(T.id)",
    "g.V(3).coalesce(__.out('none'), __.values('name'))",
    "g.V(2).out().out().out().count()",
    "g.V(1).where(__.out().count().is(gt(5))).optional(__.in()).id()",
    "g.V(1).out().limit(3).elementMap()",
    "g.V(99).out()",
    "g.V(1).out().math('_ + 1')",
]


@pytest.fixture
def friends(runner: QueryRunner, engines: dict[str, Engine]) -> QueryRunner:
    """30 people: each knows the next five, and the first one knows all."""
    tx = engines["g"].graph.begin()
    rows = {id: tx.add_vertex(id, "person") for id in range(1, 31)}
    for id, row in rows.items():
        tx.set_vertex_property(row, "name", f"p{id}", "single")
        for other in range(id + 1, min(30, id + 5) + 1) if id > 1 else range(2, 31):
            tx.set_edge_property(tx.add_edge(None, "knows", row, rows[other]), "weight", other - id)
    tx.commit()
    return runner


def decoded(frames: Any) -> list[Any]:
    messages = [GraphBinarySerializersV1().deserialize_message(frame) for frame in frames]
    return [(message["status"]["code"], str(message["result"]["data"])) for message in messages]


@pytest.mark.parametrize("text", LOOKS)
def test_a_look_answers_at_once_what_a_worker_answers(friends: QueryRunner, text: str) -> None:
    def job() -> LookJob:
        job = Conversation(friends).receive(message("eval", text))
        assert isinstance(job, LookJob)
        return job

    assert decoded(job().at_once()) == decoded(job().frames())


def test_a_look_that_comes_to_too_much_is_left_to_a_worker_from_then_on(
    friends: QueryRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workflow.server.gremlin.execution.MOST_ELEMENTS", 40)
    frame = message("eval", "g.V(1).out().out().count()")  # 29 neighbours, and up to five of each
    expected = sum(min(30, id + 5) - id for id in range(2, 31))
    for _ in range(2):  # what came but once is not remembered
        job = Conversation(friends).receive(frame)
        assert isinstance(job, LookJob)
        assert job.at_once() is None
        assert decoded(job.frames()) == [(200, f"[{expected}]")]
    assert not isinstance(Conversation(friends).receive(frame), LookJob)
    near = Conversation(friends).receive(message("eval", "g.V(1).out().count()"))
    assert isinstance(near, LookJob)
    assert decoded(near.at_once()) == [(200, "[29]")]


def test_a_look_with_a_long_answer_is_left_to_a_worker(friends: QueryRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workflow.server.gremlin.protocol.LOOK_BYTES", 200)
    frame = message("eval", "g.V(1).out().values('name').order()")
    for _ in range(2):
        job = Conversation(friends).receive(frame)
        assert isinstance(job, LookJob)
        assert job.at_once() is None
        assert decoded(job.frames()) == [(200, str(sorted(f"p{id}" for id in range(2, 31))))]
    assert not isinstance(Conversation(friends).receive(frame), LookJob)


def test_many_threads_may_run_one_kept_plan(runner: QueryRunner) -> None:
    ask(runner, "g.addV('person').property(id, 1).property('name', 'marko').property('age', 29)")
    text = "g.V(1).has('age', 29).limit(1).valueMap()"
    with ThreadPoolExecutor(8) as workers:
        answers = list(workers.map(lambda _: ask(runner, text), range(400)))
    assert answers == [[{"name": ["marko"], "age": [29]}]] * 400
