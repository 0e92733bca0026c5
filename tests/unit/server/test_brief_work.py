"""Brief work of many connections leaves the event loop to others in between, and is done in the order it came."""

from __future__ import annotations

import asyncio

import pytest

from tests.unit.server.test_gremlin_websocket import Connection, connected
from tests.unit.server.test_notes import leave
from workflow.graphs.store.store import EmbeddedGraph
from workflow.gremlin.engine import Engine
from workflow.queries.running import QueryRegistry
from workflow.server.access import brief_work
from workflow.server.access.brief_work import BriefWork
from workflow.server.gremlin.execution import QueryRunner
from workflow.server.gremlin.websocket import GremlinSocket

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(brief_work, "AT_ONCE", 3)


async def test_who_comes_when_a_turn_is_spent_waits_for_the_next_ones_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(brief_work, "TURN_S", 0.0)
    brief, order, seen = BriefWork(), list[int](), list[int]()

    async def work(number: int) -> None:
        await brief.turn()
        order.append(number)

    tasks = [asyncio.ensure_future(work(number)) for number in range(10)]
    tasks[4].cancel()  # a connection that ended
    while not all(task.done() for task in tasks):
        await asyncio.sleep(0)
        seen.append(len(order))
    assert order == [0, 1, 2, 3, 5, 6, 7, 8, 9]
    # never more than three between two looks
    assert max(after - before for before, after in zip([0, *seen], seen, strict=False)) <= 3


async def test_who_comes_while_there_is_time_does_not_wait_unless_others_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(brief_work, "TURN_S", 60.0)
    brief = BriefWork()
    assert [brief.may() for _ in range(100)] == [True] * 100
    monkeypatch.setattr(brief_work, "TURN_S", 0.0)
    await asyncio.sleep(0)
    waits = asyncio.ensure_future(brief.turn())
    await asyncio.sleep(0)
    monkeypatch.setattr(brief_work, "TURN_S", 60.0)
    assert not brief.may()
    await waits
    for _ in range(2):
        await asyncio.sleep(0)
    assert brief.may()


async def test_a_crowd_that_asks_at_one_moment_is_answered_bit_by_bit(
    shows: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(brief_work, "TURN_S", 0.0)
    engine = Engine(EmbeddedGraph("g", "tinkerpop"), "tinkerpop")
    endpoint = GremlinSocket(QueryRunner({"g": engine}, "tinkerpop", QueryRegistry(), 60_000))
    crowd: list[Connection] = [await connected(endpoint) for _ in range(60)]
    await asyncio.sleep(0)
    asked = [one.ask("g.V('x').count()") for one in crowd]
    turns, answered = 0, 0
    while answered < len(crowd):
        await asyncio.sleep(0)
        turns, answered = turns + 1, sum(not one.outbox.empty() for one in crowd)
    assert turns >= 60 // 3
    assert [(await one.answer())[0] for one in crowd] == asked
    await leave(*crowd)
