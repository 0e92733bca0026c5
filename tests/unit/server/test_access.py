"""Who may use the service: botocore judges signatures, forged pages and names are refused."""

from __future__ import annotations

import asyncio
import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from workflow.server.access.auth import Guard, InsecureListening, Policy, check_listening, is_loopback
from workflow.settings import Settings

OPEN = Policy()
KEYS = Policy(access_keys={"AKIDEXAMPLE": "secret/with+odd=chars"})
USERS = Policy(users={"ada": "love:lace"})


async def _echo(request: Request) -> JSONResponse:
    return JSONResponse({"body": (await request.body()).decode(), "in": request.scope.get("despina.authenticated")})


APP = Starlette(routes=[Route("/{rest:path}", _echo, methods=["GET", "POST", "DELETE"])])


def send(
    policy: Policy,
    method: str,
    url: str,
    headers: dict[str, str] | list[tuple[str, str]] | None = None,
    body: bytes = b"",
) -> httpx.Response:
    async def go() -> httpx.Response:
        transport = httpx.ASGITransport(Guard(APP, policy))  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport) as client:
            return await client.request(method, url, headers=headers, content=body)

    return asyncio.run(go())


@pytest.mark.parametrize(
    "host",
    ["localhost:8182", "127.0.0.1", "[::1]:8182", "192.168.1.7", "db.cluster-x.us-east-1.neptune.amazonaws.com:8182"],
)
def test_names_that_cannot_be_rebound_are_answered(host: str) -> None:
    assert send(OPEN, "GET", "http://127.0.0.1/status", {"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "", "amazonaws.com", "[::1].evil.example",
     "[::1]evil.example:80", "localhost@evil.example", "evil.example:80:80", "2130706433", "localhost:0x50"],
)  # fmt: skip
def test_a_rebound_name_is_refused_unless_allowed(host: str) -> None:
    answer = send(OPEN, "GET", "http://127.0.0.1/status", {"Host": host})
    assert (answer.status_code, answer.json()["code"]) == (403, "AccessDeniedException")
    if host:
        assert send(Policy(hosts=(host,)), "GET", "http://127.0.0.1/status", {"Host": host}).status_code == 200


@pytest.mark.parametrize("policy", [OPEN, KEYS, USERS], ids=["open", "keys", "users"])
@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("Origin", ("http://evil.example", "http://localhost:8182")),
        ("Host", ("localhost:8182", "evil.example")),
        ("Sec-Fetch-Site", ("cross-site", "same-origin")),
        ("Authorization", ("Basic x", "Basic y")),
        ("Content-Type", ("application/json", "text/plain")),
    ],
)
def test_a_header_that_decides_is_given_once(policy: Policy, name: str, values: tuple[str, str]) -> None:
    answer = send(policy, "GET", "http://localhost:8182/status", [(name, value) for value in values])
    assert answer.status_code == 400
    assert answer.json()["detailedMessage"] == f"The request has 2 headers '{name.lower()}'; send it once."


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:9999"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"},
    ],
)
def test_a_page_of_another_origin_is_refused(headers: dict[str, str]) -> None:
    url = "http://localhost:8182/gremlin?gremlin=g.V().drop()"
    assert send(OPEN, "GET", url, headers).status_code == 403


def test_our_own_page_and_a_link_to_it_are_answered() -> None:
    own = {"Origin": "http://localhost:8182", "Sec-Fetch-Site": "same-origin"}
    assert send(OPEN, "POST", "http://localhost:8182/gremlin", own).status_code == 200
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    for path in ("/", "/ui/report/modeltraining/a"):
        assert send(OPEN, "GET", f"http://localhost:8182{path}", link).status_code == 200
    assert send(OPEN, "POST", "http://localhost:8182/ui/query", link).status_code == 403


def signed(
    method: str, url: str, body: bytes = b"", secret: str = "secret/with+odd=chars", **headers: str
) -> dict[str, str]:
    request = AWSRequest(method, url, headers=headers, data=body)
    SigV4Auth(Credentials("AKIDEXAMPLE", secret), "neptune-db", "us-east-1").add_auth(request)
    return {**dict(request.headers.items()), "Host": httpx.URL(url).netloc.decode()}


def _raw(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]


def send_raw(
    policy: Policy, headers: list[tuple[bytes, bytes]], *, method: str = "GET", body: bytes | None = b""
) -> int:
    """The status of an answer to headers as they stand on the wire; a body of None must not be asked for."""
    status: list[int] = []

    async def receive() -> dict[str, Any]:
        assert body is not None
        return {"type": "http.request", "body": body, "more_body": False}

    async def keep(message: Any) -> None:
        status.extend([message["status"]] if "status" in message else [])

    path = "/" if method == "GET" else "/gremlin"
    scope = {"type": "http", "method": method, "path": path, "query_string": b"", "headers": headers}
    asyncio.run(Guard(APP, policy)(scope, receive, keep))  # type: ignore[arg-type]
    return status[0]


URLS = [
    "http://localhost:8182/ml/endpoints?maxItems=10&neptuneIamRoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr",
    "http://localhost:8182/ml/endpoints/a%2Fb%20c?clean=true",
    "http://localhost:8182/gremlin?b=2&a=1&a=0&empty=",
    "http://localhost:8182/gremlin",
    "http://localhost:8182/",
]


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_request_signed_by_botocore_is_let_in_with_its_body(method: str, url: str) -> None:
    body = json.dumps({"gremlin": "g.V().has('n', 'ü')"}).encode() if method == "POST" else b""
    answer = send(KEYS, method, url, signed(method, url, body, **{"Content-Type": "application/json"}), body)
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"body": body.decode(), "in": "AKIDEXAMPLE"}


def test_anything_changed_after_signing_is_refused() -> None:
    url = URLS[0]
    headers = signed("POST", url, b"{}")
    good = {"method": "POST", "url": url, "headers": headers, "body": b"{}"}
    changes: list[dict[str, Any]] = [
        {"method": "DELETE"},
        {"url": url.replace("10", "11")},
        {"url": url.replace("endpoints", "modeltraining")},
        {"body": b"{ }"},
        {"headers": {**headers, "Host": "127.0.0.1:8182"}},
        {"headers": signed("POST", url, b"{}", secret="wrong")},
        {"headers": {**headers, "Authorization": headers["Authorization"].replace("AKIDEXAMPLE", "AKIDOTHER")}},
        {"headers": {**headers, "Authorization": "AWS4-HMAC-SHA256 nonsense"}},
        {"headers": {**headers, "Authorization": headers["Authorization"].replace("neptune-db", "s3")}},
        {"headers": {"Host": "localhost:8182"}},
    ]
    assert send(KEYS, **good).status_code == 200
    for change in changes:
        answer = send(KEYS, **{**good, **change})
        assert (answer.status_code, answer.json()["code"]) == (403, "AccessDeniedException"), change


def test_a_header_that_is_no_signature_is_refused_and_no_failure() -> None:
    headers = signed("GET", URLS[4])
    real = headers["Authorization"]
    given = [
        real[:-4] + "\xe9\xe9",  # compared in constant time, letters that are not ASCII are an error of Python
        real.replace("AKIDEXAMPLE", "\xe9"),
        real.replace("SignedHeaders=", "SignedHeaders=\xe9;"),
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 Credential=////aws4_request, SignedHeaders=, Signature=a",
    ]
    for text in given:
        answer = send_raw(KEYS, _raw({**headers, "Authorization": text}))
        assert answer == 403, text


def test_a_second_header_that_says_something_else_is_refused() -> None:
    good = _raw(signed("GET", URLS[4]))
    assert send_raw(KEYS, good) == 200
    assert send_raw(KEYS, [*good, (b"x-amz-date", b"20200101T000000Z")]) == 400
    assert send_raw(KEYS, [*good, (b"host", b"evil.example")]) == 400
    assert send_raw(OPEN, [(b"host", b"localhost"), (b"host", b"evil.example")]) == 400
    password = _raw(basic("ada", "love:lace"))
    assert send_raw(USERS, password) == 200
    assert send_raw(USERS, [*password, (b"authorization", b"Basic eA==")]) == 400


def test_signatures_that_do_not_cover_the_body_or_stand_in_the_address_are_refused() -> None:
    class Unsigned(SigV4Auth):
        def payload(self, request: AWSRequest) -> str:
            return "UNSIGNED-PAYLOAD"

    request = AWSRequest("POST", URLS[3], data=b"{}")
    Unsigned(Credentials("AKIDEXAMPLE", "secret/with+odd=chars"), "neptune-db", "us-east-1").add_auth(request)
    assert send(KEYS, "POST", URLS[3], dict(request.headers.items()), b"{}").status_code == 403
    presigned = AWSRequest("GET", URLS[3])
    SigV4QueryAuth(Credentials("AKIDEXAMPLE", "secret/with+odd=chars"), "neptune-db", "us-east-1").add_auth(presigned)
    assert send(KEYS, "GET", str(presigned.url)).status_code == 403


def test_the_body_of_a_stranger_is_not_even_read() -> None:
    headers = _raw(signed("POST", URLS[3], b"{}"))
    stranger = [(name, value.replace(b"AKIDEXAMPLE", b"AKIDSTRANGER")) for name, value in headers]
    assert send_raw(KEYS, stranger, method="POST", body=None) == 403


@pytest.mark.parametrize("hours", [-1, 1])
def test_an_old_or_early_signature_is_refused(hours: int) -> None:
    policy = Policy(access_keys=KEYS.access_keys, now=lambda: datetime.now(UTC) + timedelta(hours=hours))
    assert "15 minutes" in send(policy, "GET", URLS[4], signed("GET", URLS[4])).json()["message"]


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def test_a_user_with_the_right_password_is_let_in() -> None:
    assert send(USERS, "GET", "http://any.example/", basic("ada", "love:lace")).status_code == 200


@pytest.mark.parametrize(
    ("user", "password"), [("ada", "wrong"), ("ada", ""), ("bob", "love:lace"), ("", ""), ("bob", "")]
)
def test_a_wrong_user_or_password_is_refused_and_asked_again(user: str, password: str) -> None:
    answer = send(USERS, "GET", "http://any.example/", basic(user, password))
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic")
    assert send(USERS, "GET", "http://any.example/").status_code == 401
    assert send(USERS, "GET", "http://any.example/", {"Authorization": "Basic %%%"}).status_code == 401


def websocket(policy: Policy, headers: list[tuple[bytes, bytes]]) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "websocket", "path": "/gremlin", "query_string": b"", "headers": headers}
    asyncio.run(Guard(app, policy)(scope, receive, send))
    return sent


def test_websockets_are_guarded_too() -> None:
    local = (b"host", b"localhost:8182")
    assert websocket(OPEN, [local])[0]["type"] == "websocket.accept"
    assert websocket(OPEN, [local, (b"origin", b"http://evil.example")])[0]["type"] == "websocket.close"
    assert websocket(OPEN, [(b"host", b"evil.example")])[0]["type"] == "websocket.close"
    assert websocket(KEYS, [local])[0]["type"] == "websocket.close"
    # the Gremlin protocol asks users itself
    assert websocket(USERS, [local])[0]["type"] == "websocket.accept"
    headers = signed("GET", "http://localhost:8182/gremlin")
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    assert websocket(KEYS, raw)[0]["type"] == "websocket.accept"


LISTENING = [
    *(("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True)),
    *(("0.0.0.0", False), ("::", False), ("10.0.0.1", False), ("db.example", False)),
]


@pytest.mark.parametrize(("host", "local"), LISTENING)
def test_listening_beyond_this_machine_needs_authentication(host: str, local: bool) -> None:
    settings = Settings(home=Path("/nowhere"), host=host)
    assert is_loopback(host) is local
    if local:
        check_listening(settings)
        return
    with pytest.raises(InsecureListening, match="DESPINA_ACCESS_KEYS"):
        check_listening(settings)
    check_listening(Settings(home=Path("/nowhere"), host=host, users={"ada": "x"}))


def test_settings_read_keys_and_users_and_do_not_show_them() -> None:
    environ = {
        "DESPINA_ACCESS_KEYS": "AK:s:e,c/r=t BK:2",
        "DESPINA_USERS": "ada:pw",
        "DESPINA_ALLOWED_HOSTS": "a.lan, b.lan",
    }
    settings = Settings.from_environment(environ)
    assert settings.access_keys == {"AK": "s:e,c/r=t", "BK": "2"}
    assert settings.users == {"ada": "pw"}
    assert settings.allowed_hosts == ("a.lan", "b.lan")
    assert "s:e" not in repr(settings)
    assert "pw" not in repr(Policy.of(settings))
