"""Sockets that keep the service waiting are closed, and do not keep others out."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn

from tests.raw_http import next_answer
from workflow.server.access import connections
from workflow.server.access.connections import PatientProtocol, too_many

LARGE = 64 << 20  # more than sockets hold
WAIT_S = 20  # far beyond the patience below; a closed socket answers at once


async def echo(scope, receive, send):  # type: ignore[no-untyped-def]
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    if scope["path"] == "/large":
        body = bytes(LARGE)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, int]]:
    """A server with the patience of half a second."""
    monkeypatch.setattr(connections, "HEAD_S", 0.5)
    monkeypatch.setattr(connections, "BODY_S", 0.5)
    monkeypatch.setattr(connections, "READER_S", 0.5)
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        echo, http=PatientProtocol, lifespan="off", log_config=None, limit_concurrency=8, timeout_keep_alive=WAIT_S
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    yield listener.getsockname()[:2]
    server.should_exit = True
    thread.join()
    listener.close()


def connected(address: tuple[str, int], *pieces: bytes) -> socket.socket:
    one = socket.create_connection(address, timeout=WAIT_S)
    for piece in pieces:
        one.sendall(piece)
    return one


def closed(one: socket.socket) -> bool:
    """Whether the other side ends the connection before this one loses its patience."""
    with one:
        try:
            while one.recv(1000):
                pass
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False
    return True


WHOLE = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nx",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n",
    ],
)
def test_a_request_that_never_ends_is_ended(address: tuple[str, int], begun: bytes) -> None:
    assert closed(connected(address, begun))


def test_a_second_request_that_never_ends_is_ended(address: tuple[str, int]) -> None:
    one = connected(address, WHOLE)
    assert next_answer(one)[1] == b"hi"
    one.sendall(b"GET / HT")
    assert closed(one)


def pester(one: socket.socket) -> None:
    """Send bytes that nobody asked for until the other side has given up."""
    while True:
        one.sendall(b"x")
        time.sleep(0.01)


def test_an_answer_that_nobody_fetches_is_not_kept(address: tuple[str, int]) -> None:
    one = connected(address, b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
    with one, pytest.raises((ConnectionResetError, BrokenPipeError)):
        pester(one)


def test_a_large_answer_is_fetched_whole(address: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "READER_S", WAIT_S)
    with connected(address, b"GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n") as one:
        got = 0
        while piece := one.recv(1 << 20):
            got += len(piece)
    assert got > LARGE


def test_a_whole_request_is_answered_and_its_connection_kept(address: tuple[str, int]) -> None:
    with connected(address) as one:
        for _ in range(3):
            one.sendall(WHOLE[:20])
            one.sendall(WHOLE[20:])
            assert next_answer(one)[1] == b"hi"


def test_connections_beyond_the_limit_are_closed_and_the_others_stay(address: tuple[str, int]) -> None:
    # a kept connection is past the time for its first headers, so what closes the last ones is their number
    kept = []
    for _ in range(7):
        one = connected(address, WHOLE)
        assert next_answer(one)[1] == b"hi"
        kept.append(one)
    more = [connected(address) for _ in range(4)]
    assert all(map(closed, more))
    for one in kept:
        one.sendall(WHOLE)
        assert next_answer(one)[1] == b"hi"
        one.close()


@pytest.mark.parametrize(
    ("others", "address", "told"),
    [
        (["192.0.2.1"] * 501, "192.0.2.1", "Your address has 500 connections"),
        (["192.0.2.1"] * 499, "192.0.2.2", ""),
        (["127.0.0.1"] * 1999, "127.0.0.1", ""),
        (["127.0.0.1"] * 2001, "127.0.0.1", "The service has 2000 connections"),
        # one customer has a whole network of IPv6, and an address of IPv4 in the clothes of IPv6 is that
        ([f"2001:db8::{n:x}" for n in range(501)], "2001:db8::ffff", "Your address has 500 connections"),
        (["::ffff:192.0.2.1"] * 501, "192.0.2.1", "Your address has 500 connections"),
    ],
)
def test_one_address_of_the_network_cannot_have_all_connections(others: list[str], address: str, told: str) -> None:
    class Peer:
        def __init__(self, address: str) -> None:
            self.client = (address, 1)

    found = too_many({Peer(other) for other in others}, (address, 9), 2000)
    assert found.startswith(told) if told else found == ""


def test_a_connection_too_many_is_told_so(address: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_S", WAIT_S)
    # none of them asks for anything: the eighth request at once would be refused, and its connection closed
    kept = [connected(address) for _ in range(8)]
    with connected(address) as more:
        head, body = next_answer(more)
    assert head.startswith(b"HTTP/1.1 503 ")
    assert json.loads(body)["message"].startswith("The service has 8 connections, and takes no more")
    for one in kept:
        one.close()
