"""Others go on while a query waits for its endpoint; it answers about the graph as it was when it began."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from tests.fake_endpoint import FakeEndpoint, links
from workflow.graphs.store.store import EmbeddedGraph
from workflow.gremlin.engine import Engine, QueryOptions
from workflow.gremlin.lang import parse
from workflow.predictions.endpoint import EndpointRecord
from workflow.predictions.gremlin import PredictionExtension
from workflow.predictions.question import MAX_INPUTS_PER_CALL
from workflow.predictions.replay import PredictionNeeded, Replay
from workflow.predictions.service import EndpointService

ASK = "g.with('Neptune#ml.endpoint','ep').with('Neptune#ml.limit',9)"
HOP = "out('knows').with('Neptune#ml.prediction').hasLabel('person')"
RANKING = links({"a": [("b", 0.9), ("c", 0.8), ("d", 0.7)], "b": [("c", 0.6)]})


class Slow:
    """A service on whose one endpoint every call waits for ``go``; ``asked`` is released at each call."""

    def __init__(self) -> None:
        self.asked = threading.Semaphore(0)
        self.go = threading.Semaphore(0)
        self.endpoint = FakeEndpoint(self._answer)
        self._record = EndpointRecord("ep", "ep", self.endpoint.url)
        self.prediction = EndpointService(self)
        self.graph = EmbeddedGraph("g", "tinkerpop")
        self.engine = Engine(self.graph, "tinkerpop", extension=PredictionExtension(self.prediction))
        self._workers = ThreadPoolExecutor(4)

    def find(self, name: str) -> EndpointRecord | None:
        return self._record if name == "ep" else None

    def _answer(self, body: dict[str, Any]) -> dict[str, Any]:
        self.asked.release()
        assert self.go.acquire(timeout=20)
        return RANKING(body)

    def run(self, text: str, options: QueryOptions | None = None) -> list[Any]:
        return [t.value for t in self.engine.run(parse(text)[0].traversal, options) for _ in range(t.bulk)]

    def submit(self, work: Callable[[], list[Any]]) -> Future[list[Any]]:
        return self._workers.submit(work)

    def start(self, text: str) -> Future[list[Any]]:
        """Run it in a thread of its own, until it asks."""
        begun = self.submit(lambda: self.run(text))
        assert self.asked.acquire(timeout=20)
        return begun

    def write(self, text: str) -> list[Any]:
        """What a writer with little patience gets done."""
        return self.run(text, QueryOptions(timeout_s=5))

    def close(self) -> None:
        self.go.release(100)
        self._workers.shutdown()
        self.prediction.close()
        self.endpoint.close()


@pytest.fixture
def slow() -> Iterator[Slow]:
    made = Slow()
    for id in "abc":
        made.run(f"g.addV('person').property(id,'{id}')")
    yield made
    made.close()


def test_a_writer_does_not_wait_for_an_endpoint(slow: Slow) -> None:
    waiting = slow.start(f"{ASK}.V('a').{HOP}.id()")
    slow.write("g.addV('other').property(id,'x')")
    assert not waiting.done()
    slow.go.release()
    assert waiting.result(20) == ["b", "c"]
    assert len(slow.endpoint.calls) == 1  # run again, asked once


def test_the_answer_is_about_the_graph_as_it_was_when_the_query_began(slow: Slow) -> None:
    waiting = slow.start(f"{ASK}.V('a').{HOP}.id()")
    slow.write("g.addV('person').property(id,'d')")
    slow.write("g.V('b').drop()")
    slow.go.release()
    assert waiting.result(20) == ["b", "c"]  # d was not there yet, b still was
    slow.go.release()
    assert slow.run(f"{ASK}.V('a').{HOP}.id()") == ["c", "d"]


def test_a_question_is_asked_once_whatever_is_written_meanwhile(slow: Slow) -> None:
    waiting = slow.start(f"{ASK}.V().hasLabel('person').{HOP}.id()")
    for id in ("d", "e", "f"):
        slow.write(f"g.addV('person').property(id,'{id}')")
    slow.go.release()
    assert waiting.result(20) == ["b", "c", "c"]
    assert len(slow.endpoint.calls) == 1


def test_a_query_that_writes_what_was_predicted_keeps_nobody_waiting_and_writes_once(slow: Slow) -> None:
    waiting = slow.start(f"{ASK}.V('a').as('x').property('asked', true).{HOP}.addE('maybe').from('x').count()")
    assert slow.run("g.V('a').values('asked')") == []  # undone while it waits
    slow.write("g.addV('person').property(id,'d')")
    slow.go.release()
    assert waiting.result(20) == [3]
    assert sorted(slow.run("g.V('a').out('maybe').id()")) == ["b", "c", "d"]
    assert slow.run("g.V('a').values('asked')") == [True]


def test_who_writes_between_the_first_result_and_the_last_changes_neither(slow: Slow) -> None:
    tx = slow.graph.begin()
    for n in range(MAX_INPUTS_PER_CALL):
        tx.add_vertex(f"p{n}", "person")
    tx.commit()
    waiting = slow.start(f"{ASK}.V().hasLabel('person').{HOP}.id()")
    slow.go.release()
    assert slow.asked.acquire(timeout=20)  # the second batch; what the first one gave is on its way
    slow.write("g.V('c').drop()")
    slow.go.release()
    assert waiting.result(20) == ["b", "c", "c"]


def in_parts(slow: Slow, text: str) -> tuple[Replay, Iterator[Any]]:
    replay = Replay(slow.prediction, suspends=True)
    return replay, iter(slow.engine.run_in_parts(parse(text)[0].traversal, QueryOptions(answering=replay)))


@pytest.mark.parametrize("written", [False, True])
def test_a_query_can_be_run_in_two_halves_by_someone_who_asks_for_it(slow: Slow, written: bool) -> None:
    replay, parts = in_parts(slow, f"{ASK}.V('a').{HOP}.id()")
    needed = next(parts)
    assert isinstance(needed, PredictionNeeded)
    if written:
        slow.write("g.addV('person').property(id,'d')")
    slow.go.release()
    replay.ask(needed)
    assert [t.value for t in parts] == ["b", "c"]
    assert len(slow.endpoint.calls) == 1


def test_a_query_that_is_given_up_half_way_keeps_no_writer_waiting(slow: Slow) -> None:
    _, parts = in_parts(slow, f"{ASK}.V('a').{HOP}.id()")
    next(parts)
    writer = slow.graph.begin()
    parts.close()  # type: ignore[attr-defined]  # and does not wait for the writer
    writer.rollback()
    slow.write("g.addV('person').property(id,'d')")
