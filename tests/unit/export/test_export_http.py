"""The HTTP face of the export service."""

from __future__ import annotations

from typing import Any

import anyio
import httpx
import pytest
from starlette.applications import Starlette

from workflow.errors import WorkflowError
from workflow.server.errors import workflow_error
from workflow.server.neptune import export as export_routes
from workflow.server.services import Services
from workflow.server.ui.rows import _export_rows
from workflow.settings import Settings


class Client:
    """A client of the routes, in process."""

    def __init__(self, app: Starlette) -> None:
        self._transport = httpx.ASGITransport(app)

    def __call__(self, method: str, path: str, content: bytes | str | None = None) -> httpx.Response:
        async def send() -> httpx.Response:
            async with httpx.AsyncClient(transport=self._transport, base_url="http://testserver") as client:
                return await client.request(method, path, content=content)

        return anyio.run(send)


@pytest.fixture
def client(bench: Any) -> Client:
    services = Services(Settings(home=bench.home), bench.storage, {}, {}, exports=bench.service)
    app = Starlette(routes=export_routes.routes(services), exception_handlers={WorkflowError: workflow_error})
    return Client(app)


@pytest.mark.parametrize("prefix", ["/neptune-export", "/v1/neptune-export"])
def test_a_notebook_starts_polls_and_deletes(client: Client, bench: Any, prefix: str) -> None:
    started = client("POST", prefix, '{"outputS3Path": "s3://lab/x", "params": {"endpoint": "testserver"}}').json()
    bench.wait(started["jobId"])
    status = client("GET", f"{prefix}/{started['jobId']}").json()
    assert status["status"] == "succeeded"
    assert status["outputS3Uri"].startswith("s3://lab/x/")
    assert client("DELETE", f"{prefix}/{started['jobId']}").json()["status"] == "succeeded"
    assert client("GET", prefix).json() == {"ids": [started["jobId"]]}


def test_the_page_tells_how_far_an_export_is(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    job = bench.service.start({"outputS3Path": "s3://lab/x"})["jobId"]
    output = bench.wait(job)["outputS3Uri"]
    services = Services(Settings(home=bench.home), bench.storage, {}, {}, exports=bench.service)
    assert [(one.state, one.total, one.note) for one in _export_rows(services)] == [("succeeded", 0, output)]
    running = {"phase": "writing", "step": 500, "total": 2000, "metric": None, "eta_s": 7.0}
    ended = bench.service.status(job)
    monkeypatch.setattr(bench.service, "status", lambda id: {**ended, "status": "running", "progress": running})
    (row,) = _export_rows(services)
    assert (row.step, row.total, row.note) == (500, 2000, "writing, 500 of 2,000, about 7 s left")


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"{", 400, "BadRequestException"),
        (b"[]", 400, "BadRequestException"),
        (b"\xff", 400, "BadRequestException"),
        (b"{}", 400, "MissingParameterException"),
        (b" " * ((1 << 20) + 1), 400, "BadRequestException"),
    ],
)
def test_wrong_bodies_are_the_clients_mistake(client: Client, content: bytes, status: int, code: str) -> None:
    answer = client("POST", "/neptune-export", content)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_an_unknown_job_is_404(client: Client) -> None:
    assert client("GET", "/neptune-export/nope").status_code == 404
