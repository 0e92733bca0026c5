"""A connection that waits for an endpoint still hears its client, and its query can be cancelled."""

from __future__ import annotations

import asyncio
import json
import threading
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.fake_endpoint import FakeEndpoint, links
from workflow.graphs.store.store import EmbeddedGraph
from workflow.gremlin.engine import Engine
from workflow.predictions.endpoint import EndpointRecord
from workflow.predictions.gremlin import PredictionExtension
from workflow.predictions.service import EndpointService
from workflow.queries.running import QueryRegistry
from workflow.server.gremlin.execution import QueryRunner
from workflow.server.gremlin.websocket import GremlinSocket

ASK = "g.with('Neptune#ml.endpoint','ep').V('a').out('knows').with('Neptune#ml.prediction').hasLabel('person').id()"


class Directory:
    """One endpoint."""

    def __init__(self, url: str) -> None:
        self.record = EndpointRecord("ep", "ep", url)

    def find(self, name: str) -> EndpointRecord | None:
        return self.record


class Client:
    """One WebSocket without a socket: what it sends, and what it gets."""

    def __init__(self) -> None:
        self.sent: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.got: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.say({"type": "websocket.connect"})

    def say(self, message: dict[str, Any]) -> None:
        self.sent.put_nowait(message)

    def ask(self, gremlin: str, id: int) -> None:
        request = {"requestId": str(uuid.UUID(int=id)), "op": "eval", "processor": "", "args": {"gremlin": gremlin}}
        self.say({"type": "websocket.receive", "text": json.dumps(request)})

    async def answer(self) -> Any:
        while (message := await asyncio.wait_for(self.got.get(), 20))["type"] != "websocket.send":
            pass
        return json.loads(message["text"])

    async def send(self, message: Any) -> None:
        self.got.put_nowait(message)


class Bench:
    """A service whose endpoint answers when ``go`` is set; ``asked`` says that it has been asked."""

    def __init__(self) -> None:
        self.asked, self.go = threading.Event(), threading.Event()
        self.endpoint = FakeEndpoint(self._answer)
        self._service = EndpointService(Directory(self.endpoint.url))
        self.graph = EmbeddedGraph("g", "neptune")
        tx = self.graph.begin()
        for id in "ab":
            tx.add_vertex(id, "person")
        tx.commit()
        engine = Engine(self.graph, "neptune", extension=PredictionExtension(self._service))
        self.registry = QueryRegistry()
        self.socket = GremlinSocket(QueryRunner({"g": engine}, "neptune", self.registry, 60_000))

    def _answer(self, body: dict[str, Any]) -> dict[str, Any]:
        self.asked.set()
        assert self.go.wait(20)
        return links({"a": [("b", 0.9)]})(body)

    async def connect(self, client: Client) -> asyncio.Task[None]:
        """A connection whose prediction waits for the endpoint."""
        client.ask(ASK, 1)
        task = asyncio.ensure_future(self.socket({"type": "websocket", "headers": []}, client.sent.get, client.send))
        assert await asyncio.get_running_loop().run_in_executor(None, self.asked.wait, 20)
        return task

    def close(self) -> None:
        self.go.set()
        self._service.close()
        self.socket.workers.shutdown()
        self.endpoint.close()


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.close()


def test_a_client_that_goes_away_is_not_waited_for(bench: Bench) -> None:
    async def run() -> None:
        client = Client()
        task = await bench.connect(client)
        client.say({"type": "websocket.disconnect"})
        await asyncio.wait_for(task, 20)
        assert bench.registry.all() == []

    asyncio.run(run())
    bench.graph.begin().rollback()  # nor does it keep a writer waiting


def test_a_query_that_waits_for_its_endpoint_is_listed_and_can_be_cancelled(bench: Bench) -> None:
    async def run() -> Any:
        client = Client()
        task = await bench.connect(client)
        (query,) = bench.registry.all()
        assert query.as_status()["queryString"] == ASK
        assert bench.registry.cancel(query.id)
        answer = await client.answer()
        client.say({"type": "websocket.disconnect"})
        await asyncio.wait_for(task, 20)
        return answer

    status = asyncio.run(run())["status"]
    assert status["code"] >= 500
    assert "CancelledByUserException" in status["message"]


def test_what_comes_while_an_endpoint_is_asked_is_answered_afterwards(bench: Bench) -> None:
    async def run() -> list[Any]:
        client = Client()
        task = await bench.connect(client)
        client.ask("g.V('b').id()", 2)
        await asyncio.sleep(0.5)  # by then it listens
        bench.go.set()
        answers = [await client.answer(), await client.answer()]
        client.say({"type": "websocket.disconnect"})
        await asyncio.wait_for(task, 20)
        return answers

    answers = asyncio.run(run())
    assert [one["requestId"][-1] for one in answers] == ["1", "2"]
    assert [one["result"]["data"]["@value"] for one in answers] == [["b"], ["b"]]
