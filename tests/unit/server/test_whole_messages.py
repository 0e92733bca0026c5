"""WebSocket messages mean the same whether they arrive whole, in pieces, together, or in fragments."""

from __future__ import annotations

import asyncio
import base64
import itertools
import random
import struct
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from workflow.server.access.sockets import EXTENSION, PatientSocket

HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: " + base64.b64encode(bytes(16)) + b"\r\n\r\n"
)
SIZES = (0, 1, 5, 125, 126, 127, 4000, 65_535, 65_536)
Message = bytes | str


class Wire:
    """The transport of one connection: keeps what is written."""

    def __init__(self) -> None:
        self.written = bytearray()
        self.closing, self.reading = False, True
        self.protocol: PatientSocket | None = None

    def arrived(self, data: bytes) -> None:
        assert self.protocol is not None
        self.protocol.take(data)

    def write(self, data: bytes) -> None:
        self.written += data

    def close(self) -> None:
        self.closing = True

    abort = close

    def is_closing(self) -> bool:
        return self.closing

    def get_write_buffer_size(self) -> int:
        return 0

    def get_extra_info(self, name: str) -> None: ...

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answers what it gets."""
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({**message, "type": "websocket.send"})


def frame(
    message: Message, opcode: int | None = None, *, final: bool = True, mask: bytes = b"\x01\x80\xff\x37"
) -> bytes:
    """A frame as clients send it."""
    data = message.encode() if isinstance(message, str) else message
    code = (1 if isinstance(message, str) else 2) if opcode is None else opcode
    size = len(data)
    length = bytes([0x80 | size]) if size < 126 else (
        b"\xfe" + struct.pack(">H", size) if size < 1 << 16 else b"\xff" + struct.pack(">Q", size)
    )  # fmt: skip
    masked = bytes(byte ^ key for byte, key in zip(data, itertools.cycle(mask), strict=False))
    return bytes([(0x80 if final else 0) | code]) + length + mask + masked


def answers(written: bytes) -> Iterator[Message | int]:
    """The messages that a server wrote; of a close frame its code."""
    at = 0
    while at < len(written):
        first, size = written[at], written[at + 1]
        at += 2
        if size > 125:
            width = 2 if size == 126 else 8
            size = int.from_bytes(written[at : at + width], "big")
            at += width
        data, at = bytes(written[at : at + size]), at + size
        if first == 0x88:
            yield int.from_bytes(data[:2], "big")
        elif first != 0x8A:
            assert first in (0x81, 0x82)
            yield data.decode() if first == 0x81 else data


def said(*pieces: bytes, of: Any = echo) -> list[Message | int]:
    """What the echo or another application answers to pieces, each after it has done what the one before wanted."""

    async def run() -> bytes:
        config = uvicorn.Config(of, lifespan="off", log_config=None, ws_per_message_deflate=False)
        config.load()
        wire = Wire()
        protocol = PatientSocket(config, ServerState(), {}, _loop=asyncio.get_running_loop())
        wire.protocol = protocol
        protocol.connection_made(wire)  # type: ignore[arg-type]  # as much of a transport as it uses
        protocol.data_received(HANDSHAKE)
        for piece in (b"", *pieces):
            if piece:
                protocol.data_received(piece)
            for _ in range(6):
                await asyncio.sleep(0)
        protocol.connection_lost(None)
        await asyncio.gather(*protocol.tasks)
        return bytes(wire.written).partition(b"\r\n\r\n")[2]

    return list(answers(asyncio.run(run())))


@pytest.mark.parametrize("of", [bytes, lambda size: "é" * (size // 2) + "x" * (size % 2)], ids=["bytes", "text"])
def test_a_message_is_the_same_whole_and_in_pieces(of: Callable[[int], Message]) -> None:
    for size in SIZES:
        message = of(size)
        data = frame(message)
        assert said(data, data) == [message, message]
        for cut in (1, 2, 3, 4, 6, 8, len(data) - 1):
            if cut < len(data):
                assert said(data[:cut], data[cut:], data) == [message, message], (size, cut)


def test_the_rest_of_a_message_that_looks_like_a_frame_is_none() -> None:
    inner = frame(b"inner")
    outer = frame(inner, mask=bytes(4))
    for cut in (2, 6):  # nothing waits in the parser then, which is inside of a frame all the same
        assert said(outer[:cut], outer[cut:], frame(b"next")) == [inner, b"next"]


def test_messages_are_the_same_however_their_bytes_are_cut() -> None:
    rng = random.Random(3)
    for _ in range(30):
        sent = [rng.choice((bytes, "y".__mul__))(rng.choice((0, 3, 125, 126, 700))) for _ in range(6)]
        stream = b"".join(frame(message, mask=rng.randbytes(4)) for message in sent)
        cuts = sorted(rng.sample(range(1, len(stream)), min(len(stream) - 1, rng.randint(1, 12))))
        assert said(*(stream[a:b] for a, b in itertools.pairwise((0, *cuts, len(stream))))) == sent


def test_a_frame_inside_of_a_fragmented_message_is_no_message() -> None:
    first, ping, rest = frame(b"ab", final=False), frame(b"", 9), frame(b"cd", 0)
    assert said(first, ping, rest, frame(b"e")) == [b"abcd", b"e"]
    assert said(first, frame(b"whole")) == [1002]


def test_text_that_is_none_and_frames_without_a_mask_close_the_connection() -> None:
    assert said(frame(b"\xff\xfe", 1)) == [1007]
    assert said(b"\x82\x01a") == [1002]
    assert said(frame("x", 0xB)) == [1002]


class Chooser:
    """Deals itself with the messages that begin with ``now``."""

    def __init__(self, socket: PatientSocket) -> None:
        self.socket, self.shown = socket, list[Message]()

    def take(self, data: Message) -> bool:
        self.shown.append(data)
        if data[:3] not in (b"now", "now") or not self.socket.has_room([data]):
            return False
        self.socket.answer_now([data, data])
        return True


def test_an_application_may_be_shown_messages_first_and_answer_those_it_likes() -> None:
    choosers: list[Chooser] = []

    async def chosen(scope: Any, receive: Any, send: Any) -> None:
        socket = scope["extensions"][EXTENSION]
        socket.taker = Chooser(socket)
        choosers.append(socket.taker)
        await echo(scope, receive, send)

    fragments = frame(b"now", final=False), frame(b"", 0)
    found = said(frame(b"now 1"), frame("now ü"), frame(b"later"), *fragments, frame(b"now" * 9000), of=chosen)
    assert found == [b"now 1", b"now 1", "now ü", "now ü", b"later", b"now", b"now" * 9000]
    # fragments are no whole message, and text that cannot be read ends the connection as ever
    assert choosers[0].shown == [b"now 1", "now ü", b"later", b"now" * 9000]
    assert said(frame(b"now\xff", 1), of=chosen) == [1007]
    assert choosers[1].shown == []


def test_a_message_is_not_shown_before_those_that_wait_nor_answered_once_the_connection_ends() -> None:
    async def run() -> list[Message | int]:
        config = uvicorn.Config(echo, lifespan="off", log_config=None, ws_per_message_deflate=False)
        config.load()
        wire = Wire()
        protocol = wire.protocol = PatientSocket(config, ServerState(), {}, _loop=asyncio.get_running_loop())
        protocol.connection_made(wire)  # type: ignore[arg-type]  # as much of a transport as it uses
        protocol.data_received(HANDSHAKE)
        await asyncio.sleep(0)
        protocol.data_received(frame(b"first"))
        protocol.taker = Chooser(protocol)
        protocol.data_received(frame(b"now"))
        for _ in range(6):
            await asyncio.sleep(0)
        protocol.connection_lost(None)
        assert not protocol.has_room([b"now"])
        protocol.answer_now([b"now"])
        await asyncio.gather(*protocol.tasks)
        assert protocol.taker.shown == []
        return list(answers(bytes(wire.written).partition(b"\r\n\r\n")[2]))

    assert asyncio.run(run()) == [b"first", b"now"]


@pytest.mark.parametrize(
    ("sizes", "reads"), [([10], [True]), ([10, 20, 30], [True, False, False]), ([1 << 16], [False]), ([], [])]
)
def test_reading_stops_for_a_large_message_or_a_second_that_nobody_took_and_goes_on_once_all_are_taken(
    sizes: list[int], reads: list[bool]
) -> None:
    async def run() -> None:
        taken: list[int] = []
        goes_on = asyncio.Event()

        async def slow(scope: Any, receive: Any, send: Any) -> None:
            await receive()
            await send({"type": "websocket.accept"})
            await goes_on.wait()
            while (message := await receive())["type"] == "websocket.receive":
                taken.append(len(message["bytes"]))

        config = uvicorn.Config(slow, lifespan="off", log_config=None, ws_per_message_deflate=False)
        config.load()
        wire = Wire()
        protocol = wire.protocol = PatientSocket(config, ServerState(), {}, _loop=asyncio.get_running_loop())
        protocol.connection_made(wire)  # type: ignore[arg-type]  # as much of a transport as it uses

        async def reading_after(*pieces: bytes) -> bool:
            for piece in pieces:
                protocol.data_received(piece)
            for _ in range(6):
                await asyncio.sleep(0)
            return wire.reading

        assert await reading_after(HANDSHAKE)
        assert [await reading_after(frame(bytes(size))) for size in sizes] == reads
        goes_on.set()
        assert await reading_after()
        assert taken == sizes
        protocol.connection_lost(None)
        await asyncio.gather(*protocol.tasks)

    asyncio.run(run())
