"""Look-ups that are asked again: their text is parsed and compiled once, and answered anew each time."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import pytest
from gremlin_python.driver.request import RequestMessage
from gremlin_python.driver.serializer import GraphBinarySerializersV1
from gremlin_python.process.anonymous_traversal import AnonymousTraversalSource
from gremlin_python.structure.graph import Graph

from workflow.graphs.store.store import EmbeddedGraph
from workflow.gremlin.engine import Engine, QueryOptions
from workflow.gremlin.lang import Script
from workflow.queries.running import QueryRegistry
from workflow.server.gremlin.execution import QueryRequest, QueryRunner
from workflow.server.gremlin.protocol import Conversation, PointQueryJob

READ = "g.V(1).values('name')"


@pytest.fixture
def engines() -> dict[str, Engine]:
    return {name: Engine(EmbeddedGraph(name, "tinkerpop"), "tinkerpop") for name in ("g", "gmodern")}


@pytest.fixture
def runner(engines: dict[str, Engine]) -> QueryRunner:
    return QueryRunner(engines, "tinkerpop", QueryRegistry(), 60_000)


def looked_up(runner: QueryRunner, query: QueryRequest) -> list[Script]:
    point = runner.point(query)
    assert point is not None
    return point.scripts


def ask(runner: QueryRunner, text: str, **how: Any) -> list[Any]:
    query = QueryRequest(text, **how)
    running = runner.registry.accept(text)
    try:
        return [found.value for found in runner.results(query, running, None, runner.point(query))]
    finally:
        runner.registry.finish(running)


def test_a_look_up_asked_again_is_parsed_and_compiled_once(runner: QueryRunner, engines: dict[str, Engine]) -> None:
    first = looked_up(runner, QueryRequest(READ))
    assert looked_up(runner, QueryRequest(READ)) is first
    engine, options = engines["g"], QueryOptions(repeated=True)
    assert engine._kept(first[0].traversal, options) is engine._kept(first[0].traversal, options)


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


@pytest.mark.parametrize("text", ["g.V(UUID())", "g.V(1).has('seen', lt(datetime()))"])
def test_a_text_that_means_something_else_each_time_is_read_each_time(runner: QueryRunner, text: str) -> None:
    first, second = runner.point(QueryRequest(text)), runner.point(QueryRequest(text))
    assert first is None or second is None or first.scripts is not second.scripts


def message(op: str, gremlin: Any, **args: Any) -> bytes:
    """A frame as gremlinpython sends it, with an id of its own."""
    request = RequestMessage("traversal" if op == "bytecode" else "", op, {"gremlin": gremlin, **args})
    return bytes(GraphBinarySerializersV1().serialize_message(uuid4(), request))


def submitted(runner: QueryRunner, frame: bytes) -> list[Any]:
    job = Conversation(runner).receive(frame)
    assert isinstance(job, PointQueryJob)
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
    assert len(runner.point_requests) == 2
    assert len(engines["g"]._plans) == 2


def test_a_message_for_another_graph_is_another_message(runner: QueryRunner) -> None:
    ask(runner, "g.addV('person').property(id, 1).property('name', 'marko')")
    ask(runner, "g.addV('person').property(id, 1).property('name', 'peter')", aliases={"g": "gmodern"})
    for name, graph in (("marko", "g"), ("peter", "gmodern")) * 2:
        assert submitted(runner, message("bytecode", looks(1), aliases={"g": graph})) == [name]
        assert submitted(runner, message("eval", READ, aliases={"g": graph})) == [name]


@pytest.mark.parametrize(
    "frame",
    [
        lambda: message("eval", "g.V(x)", bindings={"x": 1}),
        lambda: message("bytecode", AnonymousTraversalSource().with_(Graph()).V().bytecode, aliases={"g": "g"}),
        lambda: message("bytecode", looks([1, 2]), aliases={"g": "g"}),
        lambda: message("authentication", "", sasl="AHVzZXIAcGFzc3dvcmQ="),
    ],
)
def test_what_could_mean_something_else_or_is_secret_is_not_kept(
    runner: QueryRunner, frame: Callable[[], bytes]
) -> None:
    Conversation(runner).receive(frame())
    assert len(runner.point_requests) == 0


def test_what_is_kept_stays_bounded(runner: QueryRunner, engines: dict[str, Engine]) -> None:
    for id in range(1200):
        ask(runner, f"g.V({id}).id()")
        submitted(runner, message("bytecode", looks(id), aliases={"g": "g"}))
    assert len(runner.point_texts) <= 512
    assert len(runner.point_requests) <= 512
    assert len(engines["g"]._plans) <= 512


def test_many_threads_may_run_one_kept_plan(runner: QueryRunner) -> None:
    ask(runner, "g.addV('person').property(id, 1).property('name', 'marko').property('age', 29)")
    text = "g.V(1).has('age', 29).limit(1).valueMap()"
    with ThreadPoolExecutor(8) as workers:
        answers = list(workers.map(lambda _: ask(runner, text), range(400)))
    assert answers == [[{"name": ["marko"], "age": [29]}]] * 400
