"""Brief writes over WebSocket: made where they arrive, answered when they are durable, and nobody is kept waiting."""

from __future__ import annotations

import asyncio
import threading

import pytest

from tests.unit.server.slow_disk import SlowDisk, waits_for
from tests.unit.server.test_gremlin_websocket import Connection, connected
from workflow.graphs.store import store
from workflow.graphs.store.store import EmbeddedGraph
from workflow.gremlin.engine import Engine
from workflow.gremlin.lang import parse
from workflow.queries.running import QueryRegistry
from workflow.server.gremlin.brief_queries import is_note
from workflow.server.gremlin.execution import QueryRunner
from workflow.server.gremlin.websocket import GremlinSocket

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def endpoint(disk: SlowDisk, shows: bool) -> GremlinSocket:
    engine = Engine(EmbeddedGraph("g", "tinkerpop", disk), "tinkerpop")
    return GremlinSocket(QueryRunner({"g": engine}, "tinkerpop", QueryRegistry(), 60_000))


async def leave(*connections: Connection) -> None:
    for connection in connections:
        connection.leave()
        await connection.task


async def test_a_note_is_answered_and_seen_when_it_is_durable_and_readers_do_not_wait(
    endpoint: GremlinSocket, disk: SlowDisk
) -> None:
    writer, reader = await connected(endpoint), await connected(endpoint)
    writer.ask("g.addV('a').property(id, 'x').id()")
    await waits_for(disk)
    reader.ask("g.V('x').count()")
    assert (await reader.answer())[2] == [{"@type": "g:Int64", "@value": 0}]
    assert writer.outbox.empty()
    disk.let.set()
    assert (await writer.answer())[1:] == (200, ["x"])
    reader.ask("g.V('x').count()")
    assert (await reader.answer())[2] == [{"@type": "g:Int64", "@value": 1}]
    await leave(writer, reader)


async def test_notes_that_came_meanwhile_are_waited_for_together(endpoint: GremlinSocket, disk: SlowDisk) -> None:
    writers = [await connected(endpoint) for _ in range(5)]
    writers[0].ask("g.addV('a')")
    await waits_for(disk)
    for writer in writers[1:]:
        writer.ask("g.addV('a')")
    while endpoint.runner.engines["g"].graph.journal.last()[0] < 5:  # type: ignore[attr-defined]  # noqa: ASYNC110
        await asyncio.sleep(0)
    disk.let.set()
    assert [(await writer.answer())[1] for writer in writers] == [200] * 5
    await leave(*writers)


async def test_what_cannot_be_made_durable_is_an_error_and_not_there(endpoint: GremlinSocket, disk: SlowDisk) -> None:
    writers = [await connected(endpoint) for _ in range(2)]
    for writer in writers:
        writer.ask("g.addV('a').property(id, 'x')" if writer is writers[0] else "g.addV('a').property(id, 'y')")
    await waits_for(disk)
    disk.fails = True
    disk.let.set()
    assert [(await writer.answer())[1] for writer in writers] == [597, 597]
    disk.fails = False
    writers[0].ask("g.V('x', 'y').count()")
    assert (await writers[0].answer())[2] == [{"@type": "g:Int64", "@value": 0}]
    writers[0].ask("g.addV('a').property(id, 'x').id()")
    assert (await writers[0].answer())[1:] == (200, ["x"])
    await leave(*writers)


async def test_a_note_beside_a_commit_that_takes_long_is_made_by_a_worker(
    endpoint: GremlinSocket, disk: SlowDisk
) -> None:
    disk.let.set()
    graph, taken, let = endpoint.runner.engines["g"].graph, threading.Event(), threading.Event()

    def hold() -> None:
        with graph.between_commits():  # type: ignore[attr-defined]
            taken.set()
            assert let.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    assert await asyncio.to_thread(taken.wait, 30)
    writer, reader = await connected(endpoint), await connected(endpoint)
    writer.ask("g.addV('a').property(id, 'x').id()")
    for _ in range(20):
        reader.ask("g.V('x').count()")
        assert (await reader.answer())[2] == [{"@type": "g:Int64", "@value": 0}]
    assert writer.outbox.empty()
    let.set()
    assert (await writer.answer())[1:] == (200, ["x"])
    thread.join()
    await leave(writer, reader)


async def test_a_note_that_comes_to_too_much_is_undone_and_made_by_a_worker(
    endpoint: GremlinSocket, disk: SlowDisk
) -> None:
    disk.let.set()
    graph = endpoint.runner.engines["g"].graph
    tx = graph.begin()
    hub = tx.add_vertex("hub", "hub")
    for _ in range(600):
        tx.add_edge(None, "to", hub, tx.add_vertex(None, "leaf"))
    tx.commit()
    writer = await connected(endpoint)
    writer.ask("g.addV('first').V('hub').out().property('seen', 1).count()")
    assert (await writer.answer())[2] == [{"@type": "g:Int64", "@value": 600}]
    writer.ask("g.V().hasLabel('first').count()")
    assert (await writer.answer())[2] == [{"@type": "g:Int64", "@value": 1}]
    await leave(writer)


def test_who_must_not_wait_begins_where_nobody_writes_in_a_graph_that_is_forked_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    graph = EmbeddedGraph()
    other = graph.begin()
    assert graph.begin_at_once() is None
    other.rollback()
    brief = graph.begin_at_once()
    assert brief is not None
    brief.add_vertex("x", "v")
    brief.rollback()
    again = graph.begin_at_once()
    assert again is not None
    again.add_vertex("x", "v")
    again.commit_soon()()
    assert graph.vertex_row("x") is not None
    monkeypatch.setattr(store, "MOST_AT_ONCE", 0)
    assert graph.begin_at_once() is None
    other = graph.begin()  # nothing is held any more
    other.rollback()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("g.addV('a').property('n', 1).iterate()", True),
        ("g.addV('a').as('a').addV('b').addE('to').from('a')", True),
        ("g.addE('to').from(__.V('a')).to(__.V('b')).property('n', 1)", True),
        ("g.V('a').property(single, 'n', 1)", True),
        ("g.V('a').outE('to').property('n', 1)", True),
        ("g.E('a').property('n', 1)", True),
        ("g.addV('a').property('n', 1).discard()", True),  # as gremlinpython ends an iterate()
        ("g.addV('a').property('n', 1).none()", True),  # and before 3.8
        ("g.V('a').discard()", False),
        ("g.V('a')", False),
        ("g.V().property('n', 1)", False),
        ("g.V('a').drop()", False),
        ("g.V('a').addE('to').to(__.V().has('n', 1))", False),
        ("g.mergeV([(T.id): 'a'])", False),
        ("g.addV('a').V().property('n', 1)", False),
        ("g.addV('a').repeat(__.addV('b')).times(100000)", False),
        ("g.addV('a').property('n', __.V().count())", False),
        ("g.addV('a').explain()", False),
        ("g.inject(1, 2, 3).addV('a')", False),
        ("g.withSideEffect('x', 1).addV('a')", False),
    ],
)
def test_a_note_adds_or_writes_and_names_by_id_where_it_begins(text: str, expected: bool) -> None:
    assert is_note(parse(text)[0].traversal) is expected
