"""Spans as OpenTelemetry's own exporter gets them: what a query asks of an endpoint is below it, trials below a job."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from training_scripts.graph_ml.container import run
from training_scripts.graph_ml.predict.server import EndpointServer, Handler
from training_scripts.graph_ml.schemas import EndpointResponse, ModelStamp, Output
from training_scripts.graph_ml.tracing import Traces
from workflow import tracing
from workflow.errors import WorkflowError
from workflow.predictions.calls import EndpointCalls
from workflow.predictions.endpoint import EndpointRecord
from workflow.predictions.question import NodeInput, PropertyQuery
from workflow.predictions.replay import PredictionNeeded
from workflow.predictions.service import EndpointService
from workflow.queries.running import QueryRegistry
from workflow.runners.local.children import Children
from workflow.settings import Settings, _job_environment
from workflow.storage.local import LocalStorage
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


def test_a_trace_goes_on_in_the_process_of_an_endpoint(spans: Any) -> None:
    """Both clients, of queries that wait in a thread and of those that wait on the event loop, name where they are."""
    exporters = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
    of_process = exporters.InMemorySpanExporter()
    server = EndpointServer(("127.0.0.1", 0), Handler)
    server.traces = Traces(provider_of(of_process))
    answer = EndpointResponse(model=ModelStamp(id="m", created_ms=1), output=Output(task="node_class", nodes=[]))
    server.predictor = type("Model", (), {"answer": lambda self, request: answer})()  # type: ignore[assignment]
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    record = EndpointRecord("lp", "lp-endpoint", f"http://127.0.0.1:{server.server_address[1]}")

    async def ask() -> Any:
        calls = EndpointCalls(timeout_s=5)
        try:
            return await calls.ask(PredictionNeeded(record, _question()))
        finally:
            calls.close()

    service = EndpointService(type("Directory", (), {"find": lambda self, name: record})())
    try:
        for asked in (lambda: asyncio.run(ask()), lambda: service.predict(record, _question())):
            of_process.clear()
            with tracing.span("query"), suppress(WorkflowError):  # none of the nodes is answered about
                asked()
            call = spans()["endpoint call"]
            (inside,) = of_process.get_finished_spans()
            assert (inside.name, inside.parent.span_id) == ("model answer", call.context.span_id)
            assert inside.context.trace_id == call.context.trace_id == spans()["query"].context.trace_id
    finally:
        service.close()
        server.shutdown()
        server.server_close()


def test_a_job_of_this_machine_is_told_what_stands_above_it(spans: Any, tmp_path: Path) -> None:
    environ = {"DESPINA_TRACES": "true", "OTEL_SERVICE_NAME": "x", "OTEL_EXPORTER_OTLP_HEADERS": "key=secret", "X": "y"}
    settings = Settings.from_environment({"DESPINA_HOME": str(tmp_path), **environ})
    seen = _job_environment(environ)
    assert seen == {"DESPINA_TRACES": "true", "OTEL_SERVICE_NAME": "x"}
    assert _job_environment({**environ, "DESPINA_TRACES": "false"}) == {}
    children = Children(settings.scripts, tmp_path, tmp_path, LocalStorage(tmp_path), seen)
    assert "TRACEPARENT" not in children.all_variables({}, 1)
    with tracing.span("trial"):
        variables = children.all_variables({}, 1)
    trial = spans()["trial"].context
    assert variables["TRACEPARENT"] == f"00-{trial.trace_id:032x}-{trial.span_id:016x}-01"


def test_the_span_of_a_job_is_below_that_of_its_trial(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    exporters = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
    exporter = exporters.InMemorySpanExporter()
    monkeypatch.setattr(Traces, "of", lambda environ: Traces(provider_of(exporter)))
    monkeypatch.setattr("sys.argv", ["/scripts/train.py"])
    above = "00-" + "ab" * 16 + "-" + "cd" * 8 + "-01"
    assert run(lambda box: None, {"SAGEMAKER_BASE_DIR": str(tmp_path), "TRACEPARENT": above}) == 0
    (span,) = exporter.get_finished_spans()
    assert (span.name, span.context.trace_id, span.parent.span_id) == (
        "train process", int("ab" * 16, 16), int("cd" * 8, 16),
    )  # fmt: skip


def provider_of(exporter: Any) -> Any:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return provider


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
