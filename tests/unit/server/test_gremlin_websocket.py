"""The socket side of Gremlin: order, streaming to slow clients, and clients that leave; no network."""

from __future__ import annotations

import asyncio
import json
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.waiting import until_on_loop
from workflow.graphs.store.store import EmbeddedGraph
from workflow.gremlin.engine import Engine
from workflow.queries.running import QueryRegistry
from workflow.server import streams as gremlin_streams
from workflow.server.access.sockets import EXTENSION, Taker
from workflow.server.gremlin.execution import QueryRunner
from workflow.server.gremlin.websocket import GremlinSocket
from workflow.server.streams import WorkerStream

pytestmark = pytest.mark.anyio
ENDLESS = "g.inject(1).repeat(identity()).until(constant(false).is(true))"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Connection:
    """A client at the other end of an ASGI connection, whose socket may show messages before it queues them."""

    shows = False

    def __init__(self, endpoint: GremlinSocket, *headers: tuple[bytes, bytes]) -> None:
        self.inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.outbox: asyncio.Queue[Any] = asyncio.Queue()
        self.inbox.put_nowait({"type": "websocket.connect"})
        self.taker: Taker | None = None
        extensions = {EXTENSION: self} if self.shows else {}
        scope = {"type": "websocket", "path": "/gremlin", "headers": list(headers), "extensions": extensions}
        self.task = asyncio.ensure_future(endpoint(scope, self.inbox.get, self.outbox.put))

    def ask(self, text: str, **args: Any) -> str:
        id = str(uuid.uuid4())
        message = {"requestId": id, "op": "eval", "processor": "", "args": {"gremlin": text, **args}}
        self.say(json.dumps(message))
        return id

    def say(self, text: str) -> None:
        if self.taker is None or not self.inbox.empty() or not self.taker.take(text):
            self.inbox.put_nowait({"type": "websocket.receive", "text": text})

    def has_room(self, frames: list[bytes | str]) -> bool:
        return sum(map(len, frames)) < 10_000

    def answer_now(self, frames: list[bytes | str]) -> None:
        for frame in frames:
            self.outbox.put_nowait({"type": "websocket.send", "text": frame})

    def leave(self) -> None:
        self.inbox.put_nowait({"type": "websocket.disconnect", "code": 1000})

    async def next(self) -> Any:
        message = await asyncio.wait_for(self.outbox.get(), 30)
        return json.loads(message["text"]) if "text" in message else message

    async def answer(self) -> tuple[str, int, list[Any]]:
        """Request id, final code and values of the next answer."""
        values: list[Any] = []
        while True:
            frame = await self.next()
            values += (frame["result"]["data"] or {"@value": []})["@value"]
            if frame["status"]["code"] != 206:
                return frame["requestId"], frame["status"]["code"], values


@pytest.fixture
def endpoint(shows: bool) -> GremlinSocket:
    engine = Engine(EmbeddedGraph("g", "tinkerpop"), "tinkerpop")
    return GremlinSocket(QueryRunner({"g": engine}, "tinkerpop", QueryRegistry(), 60_000))


async def connected(endpoint: GremlinSocket, *headers: tuple[bytes, bytes]) -> Connection:
    connection = Connection(endpoint, *headers)
    assert (await connection.next())["type"] == "websocket.accept"
    return connection


async def test_requests_are_answered_in_their_order(endpoint: GremlinSocket) -> None:
    connection = await connected(endpoint)
    asked = [
        connection.ask(ENDLESS, evaluationTimeout=400),
        connection.ask("g.V('x')"),
        connection.ask("g.inject('a')"),
    ]
    answers = [await connection.answer() for _ in asked]
    assert [id for id, _, _ in answers] == asked
    assert [code for _, code, _ in answers] == [598, 204, 200]
    connection.leave()
    await connection.task


async def test_a_page_of_another_origin_is_closed_before_it_is_accepted(endpoint: GremlinSocket) -> None:
    connection = Connection(endpoint, (b"host", b"localhost:8182"), (b"origin", b"http://evil.example"))
    assert (await connection.next())["type"] == "websocket.close"
    await connection.task


async def test_a_long_answer_is_streamed_whole(endpoint: GremlinSocket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gremlin_streams, "CHUNK_BYTES", 1000)
    connection = await connected(endpoint)
    connection.ask("g.inject('x').repeat(union(identity(),identity())).times(12)", batchSize=10)
    _, code, values = await connection.answer()
    assert (code, len(values)) == (200, 4096)
    connection.ask("g.inject('next')")
    assert (await connection.answer())[1:] == (200, ["next"])
    connection.leave()
    await connection.task


async def test_a_large_request_is_answered_too(endpoint: GremlinSocket) -> None:
    connection = await connected(endpoint)
    connection.ask("g.inject(x)", bindings={"x": "y" * 100_000})
    assert (await connection.answer())[1:] == (200, ["y" * 100_000])
    connection.leave()
    await connection.task


async def test_many_messages_that_are_answered_at_once_leave_every_other_connection_its_turn(
    endpoint: GremlinSocket,
) -> None:
    connection, turns = await connected(endpoint), 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    for _ in range(1600):
        connection.inbox.put_nowait({"type": "websocket.receive", "text": ""})
    connection.leave()
    beside = asyncio.ensure_future(others())
    await connection.task
    beside.cancel()
    assert connection.outbox.qsize() == 1600
    assert turns >= 1600 // 16


async def test_a_client_that_leaves_ends_its_query_and_undoes_its_session(endpoint: GremlinSocket) -> None:
    connection = await connected(endpoint)
    connection.ask(ENDLESS)
    await until_on_loop(endpoint.runner.registry.all, "the query to run")
    connection.leave()
    await asyncio.wait_for(connection.task, 30)
    assert endpoint.runner.registry.all() == []


# -- the stream from worker to loop


async def test_pieces_arrive_in_order_from_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gremlin_streams, "CHUNK_BYTES", 3)
    threads = set()

    def pieces() -> Iterator[bytes]:
        for n in range(200):
            threads.add(threading.get_ident())
            yield b"%d " % n

    with ThreadPoolExecutor(4) as workers:
        stream = WorkerStream(pieces(), workers)
        found: list[bytes] = []
        while not stream.finished.done() or stream.chunks:
            while stream.chunks:
                found += stream.chunks[0]
                stream.sent()
            await stream.progress()
        found += await stream.finished
    assert b"".join(found) == b"".join(b"%d " % n for n in range(200))
    assert len(threads) == 1


async def test_a_worker_waits_for_a_slow_client_and_ends_when_it_is_abandoned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gremlin_streams, "CHUNK_BYTES", 1)
    made: list[int] = []
    closed = threading.Event()

    def pieces() -> Iterator[bytes]:
        try:
            while True:
                made.append(1)
                yield b"x"
        finally:
            closed.set()

    with ThreadPoolExecutor(1) as workers:
        stream = WorkerStream(pieces(), workers)
        for _ in range(20):
            await stream.progress(0.05)
        assert len(made) <= gremlin_streams.CHUNKS_AHEAD + 1
        await stream.abandon()
    assert closed.is_set()


async def test_an_error_of_the_worker_is_raised_to_who_waits() -> None:
    def pieces() -> Iterator[bytes]:
        yield b"x"
        raise ValueError("inside")

    with ThreadPoolExecutor(1) as workers:
        stream = WorkerStream(pieces(), workers)
        with pytest.raises(ValueError, match="inside"):
            await stream.finished
