"""Brief queries are answered where their message arrives; the task of the connection has what needs more."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.unit.server.slow_disk import SlowDisk, waits_for
from tests.unit.server.test_gremlin_websocket import ENDLESS, Connection, connected
from tests.unit.server.test_notes import leave
from tests.unit.server.test_waiting_sockets import ASK, Bench
from workflow import tracing
from workflow.graphs.store.store import EmbeddedGraph
from workflow.gremlin.engine import Engine
from workflow.queries.running import QueryRegistry
from workflow.server.access import brief_work
from workflow.server.gremlin.execution import QueryRunner
from workflow.server.gremlin.websocket import GremlinSocket

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def endpoint(disk: SlowDisk, monkeypatch: pytest.MonkeyPatch) -> GremlinSocket:
    monkeypatch.setattr(Connection, "shows", True)
    monkeypatch.setattr(brief_work, "TURN_S", 60.0)  # a busy machine may stop us for longer than a turn is
    engine = Engine(EmbeddedGraph("g", "tinkerpop", disk), "tinkerpop")
    return GremlinSocket(QueryRunner({"g": engine}, "tinkerpop", QueryRegistry(), 60_000))


async def test_a_look_is_answered_before_its_message_is_queued_and_a_request_that_is_none_too(
    endpoint: GremlinSocket,
) -> None:
    connection = await connected(endpoint)
    await asyncio.sleep(0)  # the task waits for its first message
    connection.ask("g.V('x').count()")
    connection.say("no request")
    # nobody else had a turn
    assert (connection.inbox.qsize(), connection.outbox.qsize()) == (0, 2)
    assert (await connection.answer())[2] == [{"@type": "g:Int64", "@value": 0}]
    assert (await connection.answer())[1] == 497
    assert endpoint.runner.registry.all() == []
    await leave(connection)


async def test_what_comes_while_a_note_waits_for_the_disk_is_answered_after_it(
    endpoint: GremlinSocket, disk: SlowDisk
) -> None:
    connection = await connected(endpoint)
    await asyncio.sleep(0)
    asked = [connection.ask("g.addV('a').property(id, 'x').id()")]
    await waits_for(disk)
    asked += [connection.ask("g.V('x').count()") for _ in range(2)]
    for _ in range(10):
        await asyncio.sleep(0)
    assert connection.outbox.empty()
    disk.let.set()
    answers = [await connection.answer() for _ in asked]
    assert [id for id, _, _ in answers] == asked
    assert [values for _, _, values in answers] == [["x"], *[[{"@type": "g:Int64", "@value": 1}]] * 2]
    await leave(connection)


async def test_a_query_is_not_begun_again_by_the_task_that_gets_it(endpoint: GremlinSocket, disk: SlowDisk) -> None:
    disk.let.set()
    connection = await connected(endpoint)
    await asyncio.sleep(0)
    accepted = endpoint.runner.registry.accepted_total
    # too long an answer, one for a worker, and brief ones behind them
    asked = [
        connection.ask("g.inject(x)", bindings={"x": "y" * 20_000}),
        connection.ask("g.V('x').fold().count()"),
        connection.ask(ENDLESS, evaluationTimeout=50),
        connection.ask("g.V('x')"),
    ]
    answers = [await connection.answer() for _ in asked]
    assert [(id, code) for id, code, _ in answers] == list(zip(asked, (200, 200, 598, 204), strict=True))
    assert endpoint.runner.registry.accepted_total == accepted + 4
    await leave(connection)


async def test_a_client_that_leaves_while_its_note_waits_for_the_disk_harms_nobody(
    endpoint: GremlinSocket, disk: SlowDisk
) -> None:
    wrong: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: wrong.append(context))
    connection, other = await connected(endpoint), await connected(endpoint)
    await asyncio.sleep(0)
    connection.ask("g.addV('a').property(id, 'x')")
    await waits_for(disk)
    connection.leave()
    for _ in range(10):
        await asyncio.sleep(0)
    disk.let.set()
    await asyncio.wait_for(connection.task, 30)
    other.ask("g.addV('b')")
    assert (await other.answer())[1] == 200
    other.ask("g.V('x').count()")
    assert (await other.answer())[2] == [{"@type": "g:Int64", "@value": 1}]
    assert (wrong, connection.taker) == ([], None)
    await leave(other)


async def test_while_spans_are_written_every_query_is_of_its_task(
    endpoint: GremlinSocket, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = await connected(endpoint)
    await asyncio.sleep(0)
    with monkeypatch.context() as patch:
        patch.setattr(tracing, "is_on", lambda: True)
        assert connection.taker is not None
        assert not connection.taker.take("no request")
    await leave(connection)


async def test_a_prediction_is_left_to_the_task_which_asks_its_endpoint_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Connection, "shows", True)
    bench = Bench()
    try:
        connection = await connected(bench.socket)
        await asyncio.sleep(0)
        asked = [connection.ask(ASK), connection.ask("g.V('a').id()")]
        assert await asyncio.to_thread(bench.asked.wait, 30)
        assert connection.outbox.empty()
        bench.go.set()
        answers = [await connection.answer() for _ in asked]
        assert [(id, code) for id, code, _ in answers] == list(zip(asked, (200, 200), strict=True))
        assert answers[1][2] == ["a"]
        assert len(bench.endpoint.calls) == 1
        await leave(connection)
    finally:
        bench.close()
