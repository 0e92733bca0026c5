"""What is sent to an endpoint of SageMaker carries a signature that botocore computes for it as well."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from workflow.predictions.calls import AsyncEndpointConnection
from workflow.predictions.connections import ConnectionPool
from workflow.runners.sagemaker.account import Account, Clients

BODY = b'{"inputs": []}'


class Listener:
    """A server that keeps what it was sent."""

    def __init__(self) -> None:
        seen = self.seen = list[Any]()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                seen.append((self.path, dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/endpoints/ep"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.server.shutdown()
    listener.server.server_close()


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> Clients:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    return Clients(Account("eu-central-1"))


def expected(url: str, headers: dict[str, str]) -> str:
    """The signature of a request at its own time, by botocore's parts."""
    request = AWSRequest("POST", url, {"Content-Type": "application/json"}, BODY)
    request.context["timestamp"] = headers["X-Amz-Date"]
    request.headers["X-Amz-Date"] = headers["X-Amz-Date"]
    auth = SigV4Auth(Credentials("AKID", "secret"), "sagemaker", "eu-central-1")
    return str(auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request))


def check(listener: Listener) -> None:
    ((path, headers, body),) = listener.seen
    assert (path, body) == ("/endpoints/ep/invocations", BODY)
    authorization = headers["Authorization"]
    assert "Credential=AKID/" in authorization
    assert "/eu-central-1/sagemaker/aws4_request" in authorization
    assert authorization.endswith(f"Signature={expected(f'{listener.url}/invocations', headers)}")


def test_a_call_of_a_thread_is_signed(listener: Listener, clients: Clients) -> None:
    pool = ConnectionPool(20.0)
    assert pool.post(f"{listener.url}/invocations", BODY, sign=clients.sign)[0] == 200
    pool.close()
    check(listener)


def test_a_call_of_the_event_loop_is_signed(listener: Listener, clients: Clients) -> None:
    async def ask() -> int:
        connection = await AsyncEndpointConnection.open(listener.url)
        status, _, _ = await connection.post(BODY, clients.sign(f"{listener.url}/invocations", BODY))
        connection.close()
        return status

    assert asyncio.run(ask()) == 200
    check(listener)


def test_an_endpoint_that_wants_no_signature_gets_none(listener: Listener) -> None:
    pool = ConnectionPool(20.0)
    pool.post(f"{listener.url}/invocations", BODY)
    pool.close()
    assert "Authorization" not in listener.seen[0][1]
