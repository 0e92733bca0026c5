"""The export step of a pipeline: a program of its own that asks an export service, waits, and says why it failed."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from workflow.runners.sagemaker.export_job import ExportCaller, NothingExported, main

PASSWORD = "Basic " + base64.b64encode(b"ann:secret").decode()


class Exports(ThreadingHTTPServer):
    """An export service whose jobs pass through given states."""

    states: tuple[dict[str, Any], ...] = ({"status": "running"}, {"status": "succeeded", "outputS3Uri": "s3://lab/x"})

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[tuple[str, str, bytes, str]] = []
        self.url = f"http://127.0.0.1:{self.server_port}/neptune-export"


class _Handler(BaseHTTPRequestHandler):
    server: Exports

    def do_POST(self) -> None:
        self.answer({"jobId": "one"})

    def do_GET(self) -> None:
        seen = sum(method == "GET" for method, *_ in self.server.asked)
        self.answer(self.server.states[min(seen, len(self.server.states) - 1)])

    def answer(self, document: dict[str, Any]) -> None:
        authorization = str(self.headers.get("Authorization", ""))
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.asked.append((self.command, self.path, body, authorization))
        content = json.dumps(document).encode()
        self.send_response(200 if "refuse" not in body.decode() else 400)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def exports() -> Iterator[Exports]:
    with Exports() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_an_export_is_asked_for_and_waited_for(exports: Exports, tmp_path: Path) -> None:
    (tmp_path / "request.json").write_text('{"command": "export-pg"}')
    out = tmp_path / "out" / "export.json"
    given = ["--service", exports.url, "--request", str(tmp_path / "request.json"), "--output", str(out)]
    assert main(given) == 0
    assert json.loads(out.read_text())["outputS3Uri"] == "s3://lab/x"
    assert exports.asked[0][:3] == ("POST", "/neptune-export", b'{"command": "export-pg"}')
    assert [path for method, path, *_ in exports.asked if method == "GET"] == ["/neptune-export/one"] * 2


def test_a_failed_export_is_the_exit_message_of_the_job(
    exports: Exports, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exports.states = ({"status": "failed", "reason": "the graph is empty"},)
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(tmp_path))
    (tmp_path / "request.json").write_text("{}")
    out = tmp_path / "export.json"
    given = ["--service", exports.url, "--request", str(tmp_path / "request.json"), "--output", str(out)]
    assert main(given) == 1
    assert (tmp_path / "output" / "message").read_text() == "export one failed: the graph is empty"
    assert not out.exists()


def test_a_refused_request_says_what_the_service_said(exports: Exports) -> None:
    with pytest.raises(NothingExported, match="was answered with 400"):
        ExportCaller(exports.url).export(b"refuse")


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(NothingExported, match="is no address of an export service"):
        ExportCaller("file:///etc/passwd")


def test_the_password_comes_from_secrets_manager(exports: Exports) -> None:
    with mock_aws():
        secret = boto3.client("secretsmanager").create_secret(
            Name="service", SecretString='{"user": "ann", "password": "secret"}'
        )["ARN"]
        service = ExportCaller(exports.url, secret)
    service.export(b"{}")
    assert {authorization for *_, authorization in exports.asked} == {PASSWORD}


def test_requests_are_signed_as_the_jobs_role(exports: Exports) -> None:
    ExportCaller(exports.url, sign=True).export(b"{}")
    for *_, authorization in exports.asked:
        assert authorization.startswith("AWS4-HMAC-SHA256 Credential=testing/")
        assert "/us-east-1/execute-api/aws4_request" in authorization
