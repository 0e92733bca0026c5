"""Look-ups that are asked again: their text is parsed and compiled once, and answered anew each time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from workflow.graphs.store import EmbeddedGraph
from workflow.gremlin.engine import Engine, QueryOptions
from workflow.gremlin.lang import Script
from workflow.server.gremlin_execution import Query, QueryRunner
from workflow.server.gremlin_queries import QueryRegistry

READ = "g.V(1).values('name')"


@pytest.fixture
def engines() -> dict[str, Engine]:
    return {name: Engine(EmbeddedGraph(name, "tinkerpop"), "tinkerpop") for name in ("g", "gmodern")}


@pytest.fixture
def runner(engines: dict[str, Engine]) -> QueryRunner:
    return QueryRunner(engines, "tinkerpop", QueryRegistry(), 60_000)


def looked_up(runner: QueryRunner, query: Query) -> list[Script]:
    brief = runner.brief(query)
    assert brief is not None
    return brief.scripts


def ask(runner: QueryRunner, text: str, **how: Any) -> list[Any]:
    query = Query(text, **how)
    running = runner.registry.accept(text)
    try:
        return [found.value for found in runner.results(query, running, None, runner.brief(query))]
    finally:
        runner.registry.finish(running)


def test_a_look_up_asked_again_is_parsed_and_compiled_once(runner: QueryRunner, engines: dict[str, Engine]) -> None:
    first = looked_up(runner, Query(READ))
    assert looked_up(runner, Query(READ)) is first
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
    first, second = runner.brief(Query(text)), runner.brief(Query(text))
    assert first is None or second is None or first.scripts is not second.scripts


def test_what_is_kept_stays_bounded(runner: QueryRunner, engines: dict[str, Engine]) -> None:
    for id in range(1200):
        ask(runner, f"g.V({id}).id()")
    assert len(runner.brief_texts) <= 512
    assert len(engines["g"]._plans) <= 512


def test_many_threads_may_run_one_kept_plan(runner: QueryRunner) -> None:
    ask(runner, "g.addV('person').property(id, 1).property('name', 'marko').property('age', 29)")
    text = "g.V(1).has('age', 29).limit(1).valueMap()"
    with ThreadPoolExecutor(8) as workers:
        answers = list(workers.map(lambda _: ask(runner, text), range(400)))
    assert answers == [[{"name": ["marko"], "age": [29]}]] * 400
