"""One guarded service as a process, attacked over raw sockets, and used by our own client with a password and a key."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from workflow.client.connection import Connection, ServiceError
from workflow.errors import InvalidParameter
from workflow.settings import Settings

ROOT = Path(__file__).parents[2]
PASSWORD = "Authorization: Basic " + base64.b64encode(b"ada:love:lace").decode()
SECRETS = {"DESPINA_USERS": "ada:love:lace", "DESPINA_ACCESS_KEYS": "AKIDEXAMPLE:very/secret"}


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    home = tmp_path_factory.mktemp("guarded")
    process = subprocess.Popen(
        [sys.executable, "-m", "workflow.cli", "serve", "--port", "0", "--home", str(home / "home")],
        cwd=ROOT,
        env={**os.environ, **SECRETS},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    yield int(process.stdout.readline().rpartition(":")[2])
    assert (home / "home").stat().st_mode & 0o077 == 0
    process.terminate()
    _, log = process.communicate(timeout=60)
    assert process.returncode == 0
    # what strangers send is no failure of the service, forges no line of its log, and its secrets are in none
    assert "Traceback" not in log
    assert "forged" not in log
    assert "love:lace" not in log
    assert "very/secret" not in log


def asked(port: int, line: str, *headers: str, body: bytes = b"") -> tuple[int, str, bytes]:
    """Status, headers and body of the answer to a request as it stands on the wire."""
    length = (
        () if any("transfer-encoding" in header.lower() for header in headers) else (f"Content-Length: {len(body)}",)
    )
    head = [f"{line} HTTP/1.1", "Host: localhost", "Connection: close", *length, *headers]
    with socket.create_connection(("127.0.0.1", port), timeout=60) as one:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # refused before it was read to the end
            one.sendall("\r\n".join((*head, "", "")).encode("latin-1") + body)
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := one.recv(1 << 16):
                answer += piece
    top, _, rest = answer.partition(b"\r\n\r\n")
    return int(top.split()[1]), top.decode("latin-1").lower(), rest


def count(port: int) -> int:
    return int(Connection(f"http://ada:love%3Alace@127.0.0.1:{port}").query("g.V().count()")[0])


def test_nobody_gets_anything_without_credentials(port: int) -> None:
    for line in ("GET /", "GET /status", "GET /ui/jobs", "POST /gremlin", "POST /system", "GET /nothing", "OPTIONS /"):
        status, headers, _ = asked(port, line)
        assert status == 401, line
        assert "www-authenticate: basic" in headers


def test_answers_say_what_they_are_and_that_no_other_page_may_embed_them(port: int) -> None:
    for line in ("GET /status", "GET /", "GET /nothing"):
        _, headers, _ = asked(port, line, PASSWORD)
        assert "x-content-type-options: nosniff" in headers
        assert "cross-origin-resource-policy: same-origin" in headers


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_link_or_a_picture_cannot_write(port: int, method: str) -> None:
    before = count(port)
    for path in ("/gremlin", "/gremlin/profile"):
        status, _, _ = asked(port, f"{method} {path}?gremlin=g.addV('x')", PASSWORD)
        assert status == 400
    assert count(port) == before


def test_a_page_of_another_origin_cannot_write_although_the_browser_adds_the_password(port: int) -> None:
    before = count(port)
    for origin in ("Origin: http://evil.example", "Origin: null", "Sec-Fetch-Site: cross-site"):
        body = json.dumps({"gremlin": "g.addV('x')"}).encode()
        status, _, _ = asked(port, "POST /gremlin", PASSWORD, origin, "Content-Type: text/plain", body=body)
        assert status == 403
    assert count(port) == before


HOSTILE = [
    b'{"id": ' + b"9" * 5000 + b"}",
    b'{"id": "\\ud800", "gremlin": "\\ud800", "source": "\\ud800", "action": "\\ud800"}',
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b"\xff\xfe=\xff",
    b"&".join(b"a%d=1" % n for n in range(3000)),
    b'{"id": NaN, "gremlin": Infinity}',
]


@pytest.mark.parametrize("body", HOSTILE, ids=lambda body: body[:12].decode("latin-1"))
@pytest.mark.parametrize(
    "path",
    ["/ml/dataprocessing", "/ml/endpoints", "/loader", "/neptune-export", "/system", "/gremlin", "/ui/query"],
)
def test_no_body_makes_the_service_fail(port: int, path: str, body: bytes) -> None:
    status, _, answer = asked(port, f"POST {path}", PASSWORD, body=body)
    assert 200 <= status < 500, answer[:300]


def test_a_body_without_a_length_ends_where_its_limit_is(port: int) -> None:
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    for path in ("/ml/endpoints", "/loader", "/ui/query"):
        status, _, answer = asked(port, f"POST {path}", PASSWORD, "Transfer-Encoding: chunked", body=chunk * 64)
        assert status == 400
        assert b"longer than" in answer


def test_a_client_that_hangs_up_in_the_middle_is_no_failure(port: int) -> None:
    for path in ("/gremlin", "/ml/endpoints", "/ui/query"):
        with socket.create_connection(("127.0.0.1", port)) as one:
            head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n{PASSWORD}\r\n\r\nhalf"
            one.sendall(head.encode())
    assert asked(port, "GET /status", PASSWORD)[0] == 200


def test_paths_lead_nowhere_and_forge_no_line_of_the_log(port: int) -> None:
    lines = [
        "GET /ui/static/..%2f..%2f..%2f..%2fsettings.py",
        "GET /ui/static/%2e%2e/routes.py",
        "GET /ui/static//etc/passwd",
        "GET /ui/log/modeltraining/..%2f..%2fjobs.sqlite",
        "GET /nothing%0d%0aforged%20line",
        "GET /ml/modeltraining/..%2f..%2fx",
    ]
    for line in lines:
        status, _, _ = asked(port, line, PASSWORD)
        assert status in (400, 404), line


def test_our_client_shows_a_password_or_signs_everywhere(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    address = f"127.0.0.1:{port}"
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "very/secret")
    ways = [Connection(f"http://ada:love%3Alace@{address}"), Connection(f"http://{address}", sign=True)]
    for connection in ways:
        assert connection.call("list_ml_endpoints")["ids"] == []
        assert connection.query("g.inject(1)") == [1]
        assert connection.http("GET", connection.export_url) == {"ids": []}
        assert "love" not in connection.url
    wrong = [Connection(f"http://ada:wrong@{address}"), Connection(f"http://{address}")]
    for connection in wrong:
        with pytest.raises(ServiceError):
            connection.call("list_ml_endpoints")
        with pytest.raises(ServiceError):
            connection.query("g.inject(1)")
    with pytest.raises(InvalidParameter) as refused:
        Connection("ftp://ada:love:lace@host")
    assert "lace" not in str(refused.value)


def test_a_job_sees_no_secret_of_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**SECRETS, "AWS_SECRET_ACCESS_KEY": "x", "AWS_SESSION_TOKEN": "x"}.items():
        monkeypatch.setenv(name, value)
    assert not {*SECRETS, "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"} & set(
        Settings.from_environment().job_environment
    )
