"""WebSockets with an end to what they may leave unfinished: bytes, fragments, time, and answers nobody fetches.

A message that arrives whole, in one frame and one piece, as nearly all do, is unmasked here and does not pass the
parser, which takes frames apart byte by byte; so is an answer put into its frame.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final, Protocol, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame
from websockets.protocol import OPEN
from websockets.streams import StreamReader
from websockets.utils import apply_mask

from workflow.server.access.accounts import Counted
from workflow.server.access.pacing import PacedTransport
from workflow.values.limits import read_error

MESSAGE_S: Final = 300.0  # from the first to the last byte of a message
MOST_FRAGMENTS: Final = 10_000
FRAGMENT_BYTES: Final = 64  # what one costs beside its bytes
UNFETCHED_PONGS: Final = 64 << 10

EXTENSION: Final = "workflow.whole_messages"
"""Under this name among the extensions of its scope an application finds its socket, to be shown whole messages."""
WHOLE_BYTES: Final = 1 << 16  # a longer frame states its length in eight bytes, and is left to the parser

_TEXT, _BINARY = 0x81, 0x82  # the first byte of a frame that is a whole message
_AT_FRAME: Final = StreamReader.at_eof.__code__
_BAD_TEXT, _TOO_BIG, _TRY_LATER = 1007, 1009, 1013  # codes of RFC 6455, section 7.4, and of its registry


class Taker(Protocol):
    """Whoever is shown a message first."""

    def take(self, data: bytes | str) -> bool:
        """Whether it is dealt with; where it is not, it is queued."""


class PatientSocket(Counted, WebSocketsSansIOProtocol):
    """The web server's WebSocket protocol with these ends."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.taker: Taker | None = None
        """Is shown every whole message before it is queued."""
        self._begun = 0  # bytes of messages that the application has not taken
        self._fragments = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take over a connection from HTTP."""
        super().connection_made(transport)
        self._open_account(self.client)

    def data_received(self, data: bytes) -> None:
        """Take bytes, in pieces; the handshake comes from HTTP, which has taken it so."""
        if self.handshake_initiated:
            cast(PacedTransport, self.transport).arrived(data)
        else:
            self.take(data)

    def take(self, piece: bytes) -> None:
        """Take a piece, unless there is no room for it."""
        message = self._whole(piece)
        if message is not None and self.taker is not None and self._taken(piece[0], message):
            return
        self._begun += len(piece)
        if not self._count():
            self._refuse(_TRY_LATER, self._account.refusal().message)
            return
        if message is None:
            super().data_received(piece)
        else:
            self.curr_msg_data_type = "text" if piece[0] == _TEXT else "bytes"
            self.frames = [message]
            self.send_receive_event_to_app()
        self._watch()

    def handle_connect(self, event: Any) -> None:
        """Begin a conversation; its application may ask to be shown whole messages before they are queued."""
        super().handle_connect(event)
        if self.handshake_initiated and not self.handshake_complete:
            cast(Any, self.scope)["extensions"][EXTENSION] = self

    def _taken(self, first: int, message: bytes) -> bool:
        """Whether the application has dealt with a message right now."""
        if self.taker is None or not self.queue.empty():
            return False
        if first == _BINARY:
            return self.taker.take(message)
        try:
            text = message.decode()
        except UnicodeDecodeError:
            return False
        return self.taker.take(text)

    async def send(self, message: Any) -> None:
        """Send an event of the application, an answer in one frame."""
        if message["type"] == "websocket.send" and self._answers():
            data = message.get("bytes")
            first, data = (_TEXT, message["text"].encode()) if data is None else (_BINARY, data)
            if len(data) < WHOLE_BYTES:
                self._write(first, data)
                return
        await super().send(message)

    def has_room(self, frames: list[bytes | str]) -> bool:
        """Whether these may be sent right now, each in one frame; a character has four bytes at most."""
        return self._answers() and sum(map(len, frames)) < WHOLE_BYTES // 4

    def answer_now(self, frames: list[bytes | str]) -> None:
        """Send frames that there was room for; nothing happens where the connection ends."""
        if self.close_sent or self.disconnected or self.conn.state is not OPEN:
            return
        for frame in frames:
            if isinstance(frame, str):
                self._write(_TEXT, frame.encode())
            else:
                self._write(_BINARY, frame)

    def _write(self, first: int, data: bytes) -> None:
        size = len(data)
        if size < 126:
            self.transport.write(b"%c%c%b" % (first, size, data))
        else:
            self.transport.write(b"%c\x7e%b%b" % (first, size.to_bytes(2, "big"), data))

    async def receive(self) -> Any:
        """The next message; what came before it is the application's now."""
        message = await super().receive()
        self._begun = len(self.conn.reader.buffer) + sum(map(len, self.frames))
        self._count()
        return message

    def handle_cont(self, event: Frame) -> None:
        """One more fragment of a message."""
        self._fragments += 1
        if self._fragments > MOST_FRAGMENTS:
            self._refuse(_TOO_BIG, f"A message may have {MOST_FRAGMENTS} fragments at most")
        else:
            super().handle_cont(event)

    def send_receive_event_to_app(self) -> None:
        """A message is whole."""
        self._fragments = 0
        self._stop()
        if self.curr_msg_data_type == "text":
            data = b"".join(self.frames)
            try:
                data.decode()
            except UnicodeDecodeError as error:
                self._refuse(_BAD_TEXT, f"The text cannot be read: {read_error(error)}")
                return
            self.frames = [data]
        # reading stops for a large message, and for one that comes while another waits: to stop and go on for each
        # takes two calls of the system, and a client that asks one thing after the other sends no second one
        alone = not self.read_paused and self.queue.empty() and sum(map(len, self.frames)) < WHOLE_BYTES
        self.read_paused = self.read_paused or alone
        super().send_receive_event_to_app()
        if alone:
            self.read_paused = False

    def handle_ping(self) -> None:
        """Answer a ping, unless the answers to many are not fetched."""
        if self.transport.get_write_buffer_size() > UNFETCHED_PONGS:
            self.transport.abort()
        else:
            super().handle_ping()

    def _whole(self, piece: bytes) -> bytes | None:
        """The message, where a piece is exactly one frame of a client that says all, and nothing else is unfinished."""
        size = len(piece)
        if size < 6 or piece[0] not in (_TEXT, _BINARY) or self.conn.state is not OPEN or not self._between_frames():
            return None
        start, length = 6, piece[1] - 0x80
        if length == 126:
            start, length = 8, int.from_bytes(piece[2:4], "big")
        if length < 0 or length == 127 or size != start + length:
            return None
        return apply_mask(piece[start:], piece[start - 4 : start])

    def _between_frames(self) -> bool:
        """Whether the parser has taken all it got and waits for the begin of a message."""
        conn = self.conn
        if conn.current_size is not None or conn.reader.buffer or self.frames:
            return False
        waiting: Any = conn.parser
        while waiting.gi_yieldfrom is not None:
            waiting = waiting.gi_yieldfrom
        return waiting.gi_code is _AT_FRAME

    def _answers(self) -> bool:
        """Whether an answer may be written right now, and is no part of a longer one."""
        conn = self.conn
        return (
            self.handshake_complete
            and not (self.close_sent or self.disconnected)
            and self.writable.is_set()
            and conn.state is OPEN
            and not conn.expect_continuation_frame
        )

    def unread(self) -> int:
        """Bytes of messages that are not whole, or that the application has not taken."""
        return self._begun + self._fragments * FRAGMENT_BYTES

    def _count(self) -> bool:
        return self.disconnected or super()._count()

    def _watch(self) -> None:
        """Run the clock of a message that is not whole; it goes on, however many bytes come, until it is."""
        unfinished = bool(self.frames or self.conn.reader.buffer)
        if unfinished and self._limit is None:
            self._limit = self.loop.call_later(MESSAGE_S, self.transport.abort)
        elif not unfinished:
            self._stop()

    def _refuse(self, code: int, reason: str) -> None:
        """Close with a sentence; a reason has 123 bytes."""
        if not self.close_sent and not self.transport.is_closing():
            self.conn.fail(code, reason.encode()[:123].decode(errors="ignore"))
            self.handle_parser_exception()
