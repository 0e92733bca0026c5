"""What all connections together keep has a limit, and no connection holds the event loop."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
import uvicorn

from tests.raw_http import exactly, next_answer, through
from tests.waiting import until
from workflow.server.access import sockets
from workflow.server.access.budget import FREE_BYTES, Bounded, Budget, origin
from workflow.server.access.connections import PatientProtocol
from workflow.server.access.pacing import PIECE_BYTES, PacedTransport
from workflow.server.access.sockets import MOST_FRAGMENTS, PatientSocket

WAIT_S = 30
MOST = 1 << 20
KB = 1 << 10


def test_the_first_bytes_of_an_account_are_free_and_the_rest_counts() -> None:
    budget = Budget(1000)
    one, other = budget.account("127.0.0.1"), budget.account("127.0.0.1")
    assert one.holds(FREE_BYTES)
    assert budget.held == 0
    assert one.holds(FREE_BYTES + 700)
    assert not other.fits(FREE_BYTES + 301)
    assert other.holds(FREE_BYTES + 300)
    assert not one.holds(FREE_BYTES + 701)
    assert one.holds(FREE_BYTES + 200)  # fewer than before is never refused
    one.close()
    other.close()
    other.close()
    assert budget.held == 0


def test_an_address_of_the_network_has_half_of_the_budget_at_most() -> None:
    budget = Budget(1000)
    first, again, other = budget.account("192.0.2.1"), budget.account("192.0.2.1"), budget.account("192.0.2.2")
    assert first.holds(FREE_BYTES + 400)
    assert not again.fits(FREE_BYTES + 101)
    assert again.fits(FREE_BYTES + 100)
    assert other.fits(FREE_BYTES + 500)
    assert budget.account("127.0.0.1").fits(FREE_BYTES + 600)


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("127.0.0.1", ""),
        ("::1", ""),
        ("", ""),
        ("/run/socket", ""),
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::ffff:127.0.0.1", ""),
        ("2001:db8:0:1:2:3:4:5", "2001:db8:0:1::/64"),
    ],
)
def test_whose_an_address_is(address: str, place: str) -> None:
    assert origin(address) == place


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Waits for the whole body, or messages; answers as many bytes as the path says."""
    message = await receive()
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        while message["type"] != "websocket.disconnect":
            message = await receive()
            if message.get("text") == "large":
                await send({"type": "websocket.send", "bytes": bytes(32 * MOST)})
        return
    while message.get("more_body"):
        message = await receive()
    body = bytes(int(scope["path"].strip("/") or 2))
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


class Listening:
    """A server with a budget of a megabyte."""

    def __init__(self) -> None:
        self.budget = Budget(MOST)
        self.listener = socket.create_server(("127.0.0.1", 0))
        config = uvicorn.Config(
            Bounded(app, self.budget),  # type: ignore[arg-type]
            http=partial(PatientProtocol, budget=self.budget),  # type: ignore[arg-type]
            ws=partial(PatientSocket, budget=self.budget),  # type: ignore[arg-type]
            lifespan="off",
            log_config=None,
            ws_ping_interval=None,
            ws_max_size=64 << 20,
        )
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.listener]}, daemon=True)
        self.thread.start()

    def connect(self, *pieces: bytes) -> socket.socket:
        one = socket.create_connection(self.listener.getsockname()[:2], timeout=WAIT_S)
        for piece in pieces:
            one.sendall(piece)
        return one

    def open(self) -> socket.socket:
        """A WebSocket."""
        key = base64.b64encode(os.urandom(16))
        one = self.connect(
            b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + key + b"\r\n\r\n"
        )
        answer = through(one, b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 101 ")
        return one

    def until(self, condition: Callable[[], bool]) -> None:
        until(condition, "the bytes that are held")


@pytest.fixture
def service() -> Iterator[Listening]:
    listening = Listening()
    yield listening
    listening.server.should_exit = True
    listening.thread.join()
    listening.listener.close()


def frame(opcode: int, data: bytes = b"", *, final: bool = True) -> bytes:
    length = len(data)
    size = bytes([0x80 | length]) if length < 126 else b"\xff" + struct.pack(">Q", length)
    return bytes([(0x80 if final else 0) | opcode]) + size + bytes(4) + data


def closing(one: socket.socket) -> tuple[int, str]:
    """Code and reason of the close frame that comes next."""
    with one:
        head = exactly(one, 2)
        while head[:1] == b"\x8a":  # pongs
            exactly(one, head[1])
            head = exactly(one, 2)
        data = exactly(one, head[1])
    return struct.unpack(">H", data[:2])[0], data[2:].decode()


HEAD = b"POST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
PART = b"96000\r\n" + bytes(0x96000) + b"\r\n"  # 600 KiB


def test_bodies_that_are_not_whole_are_refused_once_they_fill_the_budget(service: Listening) -> None:
    first = service.connect(HEAD, PART)
    service.until(lambda: service.budget.held >= 536 * KB)
    second = service.connect(HEAD, PART)
    head, body = next_answer(second)
    assert head.startswith(b"HTTP/1.1 429 ")
    assert json.loads(body)["code"] == "TooManyRequestsException"
    assert "requests that are not whole" in json.loads(body)["message"]
    second.close()
    with service.connect(b"GET /2 HTTP/1.1\r\nHost: a\r\n\r\n") as small:
        assert next_answer(small)[1] == bytes(2)
    first.sendall(b"0\r\n\r\n")
    assert next_answer(first)[1] == bytes(2)
    service.until(lambda: service.budget.held == 0)
    with first, service.connect(HEAD, PART, b"0\r\n\r\n") as third:
        assert next_answer(third)[1] == bytes(2)


def test_a_client_that_goes_away_gives_back_what_it_held(service: Listening) -> None:
    service.connect(HEAD, PART).close()
    with service.open() as one:
        one.sendall(frame(2, bytes(400 * KB), final=False))
        service.until(lambda: service.budget.held > 300 * KB)
    service.until(lambda: service.budget.held == 0)


def test_an_answer_that_the_budget_has_no_room_for_is_refused(service: Listening) -> None:
    ask = b"GET /%d HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    with service.connect(ask % (2 * MOST)) as one:
        head, body = next_answer(one)
    assert head.startswith(b"HTTP/1.1 429 ")
    assert "answers that nobody has fetched" in json.loads(body)["message"]
    got = 0
    with service.connect(ask % (MOST - KB)) as one:
        while piece := one.recv(1 << 20):
            got += len(piece)
    assert got > MOST - KB


def test_a_message_that_is_not_whole_is_refused_once_it_fills_the_budget(service: Listening) -> None:
    one = service.open()
    one.sendall(frame(2, bytes(MOST // 2), final=False))
    service.until(lambda: service.budget.held > MOST // 3)
    one.sendall(frame(0, bytes(MOST), final=False)[: MOST // 2 + 100 * KB])
    code, reason = closing(one)
    assert code == 1013
    assert reason.startswith("The service keeps 1 MiB of requests that are not whole")
    service.until(lambda: service.budget.held == 0)


def test_the_fragments_of_a_message_are_counted(service: Listening) -> None:
    one = service.open()
    with one:
        one.sendall(frame(1, b"a", final=False) + frame(0, b"b", final=False) * (MOST_FRAGMENTS - 1) + frame(0, b"c"))
        one.sendall(frame(1, b"a", final=False) + frame(0, b"b", final=False) * (MOST_FRAGMENTS + 1))
        assert closing(one) == (1009, f"A message may have {MOST_FRAGMENTS} fragments at most")


def test_a_text_that_is_not_utf_8_is_told_where(service: Listening) -> None:
    one = service.open()
    one.sendall(frame(1, b"ab\xff"))
    assert closing(one) == (1007, "The text cannot be read: it is not UTF-8: byte 2 is 0xff")


def test_a_message_that_never_ends_is_ended(service: Listening, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "MESSAGE_S", 0.3)
    for begun in (frame(1, b"a", final=False), frame(2, bytes(1000))[:-1], frame(1, b"a") + b"\x81"):
        with service.open() as one:
            one.sendall(begun)
            with contextlib.suppress(ConnectionResetError):
                assert one.recv(1000) == b""


def test_pongs_that_nobody_fetches_are_not_kept(service: Listening) -> None:
    with service.open() as one:
        many = frame(9, bytes(125)) * 100_000  # 13 MB, of which no answer is read
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            one.sendall(many)
        assert service.budget.held < MOST


def test_an_answer_over_a_web_socket_that_nobody_fetches_counts_and_is_given_back(service: Listening) -> None:
    with service.open() as one:
        one.sendall(frame(1, b"large"))
        service.until(lambda: service.budget.held > 0)
        left = 32 * MOST + 10
        while left:
            left -= len(one.recv(left))
        service.until(lambda: service.budget.held == 0)


class Recorded:
    """A transport and its protocol, which note what happens."""

    def __init__(self) -> None:
        self.pieces: list[int] = []
        self.reading = True
        self.ended = False
        self.paced = PacedTransport(self)  # type: ignore[arg-type]
        self.turns = 0

    def get_protocol(self) -> Recorded:
        return self

    def is_closing(self) -> bool:
        return self.ended

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def take(self, piece: bytes) -> None:
        self.pieces.append(len(piece))


def test_what_arrives_at_once_is_taken_in_turns_and_nothing_is_read_meanwhile() -> None:
    async def go() -> None:
        one, others = Recorded(), 0
        one.paced.arrived(bytes(3 * PIECE_BYTES + 1))
        while not one.reading:
            others += 1
            assert len(one.pieces) == others
            await asyncio.sleep(0)
        assert one.pieces == [PIECE_BYTES, PIECE_BYTES, PIECE_BYTES, 1]

    asyncio.run(go())


def test_pieces_wait_while_the_protocol_wants_none() -> None:
    async def go() -> None:
        one = Recorded()
        one.paced.arrived(bytes(2 * PIECE_BYTES))
        one.paced.pause_reading()
        for _ in range(3):
            await asyncio.sleep(0)
        assert (one.pieces, one.reading) == ([PIECE_BYTES], False)
        one.paced.resume_reading()
        await asyncio.sleep(0)
        assert (one.pieces, one.reading) == ([PIECE_BYTES] * 2, True)

    asyncio.run(go())


def test_nothing_is_taken_from_a_connection_that_is_closing() -> None:
    async def go() -> None:
        one = Recorded()
        one.paced.arrived(bytes(2 * PIECE_BYTES))
        one.ended = True
        await asyncio.sleep(0)
        one.paced.arrived(bytes(10))
        assert one.pieces == [PIECE_BYTES]

    asyncio.run(go())
