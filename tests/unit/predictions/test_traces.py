"""Spans as OpenTelemetry's own exporter gets them: what a query asks of an endpoint is below it, trials below a job."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from workflow import tracing
from workflow.errors import WorkflowError
from workflow.predictions.calls import EndpointCalls
from workflow.predictions.endpoint import EndpointRecord
from workflow.predictions.question import NodeInput, PropertyQuery
from workflow.predictions.replay import PredictionNeeded
from workflow.queries.running import QueryRegistry
from workflow.tuning.loop import Loop
from workflow.tuning.results import Trial


@pytest.fixture
def spans() -> Iterator[Any]:
    exporters = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
    exporter = exporters.InMemorySpanExporter()
    tracing.switch_on(exporter)
    yield lambda: {span.name: span for span in exporter.get_finished_spans()}
    tracing.switch_off()


def test_nothing_is_written_until_traces_are_switched_on() -> None:
    registry = QueryRegistry()
    running = registry.accept("g.V()")
    running.begin()
    assert (running.span, tracing.current()) == (None, None)
    with tracing.span("nothing") as span:
        assert span is None
    registry.finish(running)


def test_the_call_of_an_endpoint_is_below_the_query_whose_question_it_asks(spans: Any) -> None:
    registry = QueryRegistry(language="opencypher")
    running = registry.accept("MATCH (n) RETURN n", "q1")
    needed: list[PredictionNeeded] = []

    def query() -> None:
        running.begin()
        needed.append(PredictionNeeded(EndpointRecord("lp", "lp-endpoint", "http://127.0.0.1:1"), _question()))

    worker = threading.Thread(target=query)
    worker.start()
    worker.join()

    async def ask() -> Any:
        calls = EndpointCalls(timeout_s=5)
        try:
            return await calls.ask(needed[0])
        finally:
            calls.close()

    assert isinstance(asyncio.run(ask()), WorkflowError)  # nobody listens there; the span is written all the same
    registry.finish(running)
    registry.finish(running)
    query_span, call = spans()["opencypher query"], spans()["endpoint call"]
    assert query_span.attributes["despina.query.text"] == "MATCH (n) RETURN n"
    assert call.parent.span_id == query_span.context.span_id
    assert call.attributes["despina.endpoint"] == "lp-endpoint"


def _question() -> PropertyQuery:
    return PropertyQuery("node_class", "shelf", (NodeInput("x", "book"),), 1)


class Launcher:
    def launch(self, trial: Trial, stop: threading.Event) -> Trial:
        return Trial(**{**trial.to_json(), "state": "Completed", "value": 0.5})

    def describe(self, trial: Trial) -> dict[str, Any]:
        return {}


class Search:
    parallel, direction = 1, "maximize"

    class space:  # noqa: N801 - stands in for an attribute
        arguments = staticmethod(lambda sample: {"model": "rgcn"})
        family = staticmethod(lambda sample: "rgcn")

    def needs(self, number: int) -> int:
        return number - 1

    def bars(self, number: int, finished: Any) -> dict[float, float]:
        return {}

    def propose(self, number: int, finished: Any) -> Any:
        return type("Proposal", (), {"sample": {}, "origin": "default"})()


def test_trials_are_below_their_job_though_each_has_a_thread_of_its_own(spans: Any, tmp_path: Path) -> None:
    search: Any = Search()
    loop = Loop(search, 1, "mrr", {}, lambda number: f"t-{number}", tmp_path, Launcher(), lambda line: None)
    with tracing.span("modeltraining job", job_id="tr"):
        assert len(loop.run(threading.Event())) == 1
    found = spans()
    assert found["trial"].parent.span_id == found["modeltraining job"].context.span_id
    assert dict(found["trial"].attributes) == {
        "despina.trial.number": 1, "despina.trial.name": "t-1", "despina.trial.state": "Completed",
        "despina.trial.model": "rgcn",
    }  # fmt: skip
