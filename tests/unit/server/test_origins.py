"""Which pages may drive the service, and paths as proxies write them."""

from __future__ import annotations

import pytest

from workflow.server.access.origins import allows_origin, origin_form


@pytest.mark.parametrize(
    ("host", "origin", "allowed"),
    [
        ("localhost:8182", None, True),
        ("db.local.us-east-1.neptune.amazonaws.com", None, True),
        ("127.0.0.1:8182", "http://127.0.0.1:8182", True),
        ("localhost:8182", "http://LOCALHOST:8182", True),
        ("[::1]:8182", "http://[::1]:8182", True),
        ("localhost", "http://localhost", True),
        ("graphs.example:8182", "https://graphs.example:8182", True),
        ("localhost:8182", "http://localhost:3000", False),
        ("localhost:8182", "http://evil.example", False),
        ("evil.example:8182", "http://evil.example:8182", False),  # a name that was made to resolve to this machine
        ("localhost:8182", "null", False),
        ("localhost:8182", "file://", False),
        ("localhost:8182", "http://localhost:x", False),
        ("localhost:8182", "chrome-extension://localhost:8182", False),
        ("", "http://localhost:8182", False),
        ("[::1].evil.example:8182", "http://[::1].evil.example:8182", False),  # which URL readers take for ::1
        ("localhost:8182", "http://evil@localhost:8182", False),
        ("localhost:8182", "http://localhost:8182/", False),
        ("localhost:8182", "http://localhost:81820000000000", False),
    ],
)
def test_a_page_may_only_talk_to_where_it_came_from(host: str, origin: str | None, allowed: bool) -> None:
    headers = [(b"host", host.encode())]
    if origin is not None:
        headers.append((b"Origin", origin.encode()))
    assert allows_origin(headers, ("graphs.example",)) is allowed


@pytest.mark.parametrize("name", [b"Origin", b"Host"])
def test_two_headers_of_which_one_would_be_allowed_are_not(name: bytes) -> None:
    own = [(b"Host", b"localhost:8182"), (b"Origin", b"http://localhost:8182")]
    other = {b"Origin": b"http://evil.example", b"Host": b"evil.example"}[name]
    assert allows_origin(own)
    assert not allows_origin([*own, (name, other)])
    assert not allows_origin([(name, other), *own])


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("/gremlin", "/gremlin"),
        ("ws://db.local:8182/gremlin", "/gremlin"),
        ("http://db.local/a/b", "/a/b"),
        ("http://db.local", "/"),
        ("*", "*"),
    ],
)
def test_a_request_line_in_absolute_form_has_a_path(line: str, path: str) -> None:
    assert origin_form(line) == path
