"""What an operator sees: health without credentials, metrics that Prometheus reads, a log with request ids."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from workflow.app import Application, build
from workflow.server.operations.logs import ACCESS, REQUEST_ID, configure
from workflow.settings import Settings


@pytest.fixture
def application(tmp_path: Path) -> Iterator[Application]:
    application = build(Settings(home=tmp_path / "home", users={"ann": "secret"}))
    yield application
    application.close()


def ask(application: Application, *paths: str, **more: Any) -> list[httpx.Response]:
    async def drive() -> list[httpx.Response]:
        transport = httpx.ASGITransport(application.asgi())
        async with httpx.AsyncClient(transport=transport, base_url="http://10.0.0.1", **more) as client:
            return [await client.get(path) for path in paths]

    return asyncio.run(drive())


ANN = {"auth": ("ann", "secret")}


def test_health_and_readiness_are_told_to_anybody_and_nothing_else_is(application: Application) -> None:
    health, early, status, metrics = ask(application, "/health", "/ready", "/status", "/metrics")
    assert (health.status_code, health.json()) == (200, {"status": "ok"})
    assert (early.status_code, early.json()) == (503, {"status": "not ready"})
    assert status.status_code == metrics.status_code == 401
    application.services.ready.set()
    assert ask(application, "/ready")[0].json() == {"status": "ready"}
    application.services.stopping.set()
    assert ask(application, "/ready")[0].status_code == 503


def test_prometheus_reads_what_the_service_did(application: Application) -> None:
    *_, text = ask(application, "/status", "/ml/endpoints", "/no/such%0Apath", "/metrics", **ANN)
    families = {family.name: family for family in text_string_to_metric_families(text.text)}
    answered = {
        (s.labels["group"], s.labels["status"]): s.value
        for s in families["despina_http_requests"].samples
        if s.name.endswith("_total")
    }
    assert answered == {("status", "200"): 1, ("ml", "200"): 1, ("other", "404"): 1}
    took = families["despina_http_request_seconds"].samples
    assert {s.labels["group"]: s.value for s in took if s.name.endswith("_count")} == {"status": 1, "ml": 1, "other": 1}
    elements = {(s.labels["source"], s.labels["element"]): s.value for s in families["despina_graph_elements"].samples}
    assert elements == {("g", "vertex"): 0, ("g", "edge"): 0}
    assert {"despina_queries", "despina_jobs", "despina_endpoints_serving"} <= set(families)
    if shutil.which("promtool"):
        subprocess.run(["promtool", "check", "metrics"], input=text.content, check=True)


def test_every_answer_has_a_request_id_and_an_error_the_same_in_its_body(application: Application) -> None:
    good, bad = ask(application, "/status", "/ml/endpoints/none", **ANN)
    assert good.headers["x-amzn-requestid"]
    assert bad.headers["x-amzn-requestid"] == bad.json()["requestId"]


@pytest.fixture
def lines() -> Iterator[Any]:
    names = ("workflow", "uvicorn", ACCESS.name)
    before = [(logging.getLogger(name), list(logging.getLogger(name).handlers)) for name in names]

    def configured(**more: Any) -> io.StringIO:
        stream = io.StringIO()
        configure(Settings(home=Path(), **more), stream)
        return stream

    yield configured
    for logger, handlers in before:
        logger.handlers, logger.propagate = handlers, True
        logger.setLevel(logging.NOTSET)


def test_log_lines_parse_as_json_and_name_the_request(lines: Any) -> None:
    stream = lines(log_format="json", log_level="info")
    token = REQUEST_ID.set("r-1")
    logging.getLogger("workflow.jobs").info("job %r\nended", "a")
    REQUEST_ID.reset(token)
    try:
        raise ValueError("no")
    except ValueError:
        logging.getLogger("workflow.jobs").exception("failed")
    logging.getLogger("workflow.jobs").debug("unseen")
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert (first["message"], first["level"], first["request_id"]) == ("job 'a'\nended", "info", "r-1")
    assert first["time"].endswith("+00:00")
    assert "request_id" not in second
    assert "ValueError: no" in second["exception"]


def test_the_access_log_is_off_until_it_is_asked_for(lines: Any, application: Application) -> None:
    stream = lines(log_level="info")
    ask(application, "/status", **ANN)
    assert "/status" not in stream.getvalue()
    stream = lines(access_log=True, log_format="json", log_level="warning")  # asked for, whatever else is told
    (answer,) = ask(application, "/status?secret=1", **ANN)
    told = [json.loads(line) for line in stream.getvalue().splitlines()]
    (line,) = [one for one in told if one["logger"] == ACCESS.name]
    assert (line["method"], line["path"], line["status"], line["bytes"]) == ("GET", "/status", 200, len(answer.content))
    assert line["request_id"] == answer.headers["x-amzn-requestid"]
    assert line["client"] == "127.0.0.1"
