"""Reading from sockets in small pieces, so that no client holds the event loop.

One read of a socket may bring a quarter of a megabyte: tens of thousands of frames or chunks of a few bytes, which take
a second to tell apart. Between the pieces every other connection has its turn.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

PIECE_BYTES: Final = 8 << 10


class PacedTransport:
    """A transport that hands what arrives to ``take`` of its protocol, piece by piece; the rest is the transport's."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._waiting = b""
        self._paused = False

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._transport, name)
        if callable(found):
            self.__dict__[name] = found  # a method is asked for at every message, and found at once from now on
        return found

    def arrived(self, data: bytes) -> None:
        """Hand over the first piece now and the others in turns of their own; meanwhile nothing more is read."""
        begun = bool(self._waiting)
        self._waiting += data
        if not begun:
            self._hand_over()

    def pause_reading(self) -> None:
        """As the transport's; pieces wait, too."""
        self._paused = True
        if not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """As the transport's, once no piece waits."""
        if self._paused:
            self._paused = False
            self._go_on()

    def _hand_over(self) -> None:
        if self._transport.is_closing():
            self._waiting = b""
        if self._paused or not self._waiting:
            return
        piece, self._waiting = self._waiting[:PIECE_BYTES], self._waiting[PIECE_BYTES:]
        protocol: Any = self._transport.get_protocol()  # a WebSocket's, from its handshake on
        protocol.take(piece)
        self._go_on()

    def _go_on(self) -> None:
        if self._transport.is_closing():
            self._waiting = b""
        elif self._waiting:
            self._transport.pause_reading()
            if not self._paused:
                asyncio.get_running_loop().call_soon(self._hand_over)
        elif not self._paused:
            self._transport.resume_reading()
