"""Bolt and HTTP on one port, told apart by the first four bytes; and Bolt on a port of its own."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import Any, cast

from workflow.cypher.wire.framing import (
    MAGIC,
    OFFERS_BYTES,
    BadHandshake,
    BoltVersion,
    answer,
    chosen,
    manifest,
    offered,
)
from workflow.server.access.connections import PatientProtocol, most_connections, too_many
from workflow.server.bolt.conversation import LOGIN_S, BoltConversation
from workflow.server.bolt.service import BoltService

_READ_AHEAD = 256 * 1024

_log = logging.getLogger(__name__)


class BoltConnection(asyncio.StreamReaderProtocol):
    """One connection that speaks Bolt. ``client`` and ``shutdown`` are what the web server asks of its connections.

    Args:
        service: speaks on it.
        connections: of the web server, among which it counts.
    """

    def __init__(self, service: BoltService, connections: set[Any]) -> None:
        loop = asyncio.get_running_loop()
        self._stream = asyncio.StreamReader(limit=_READ_AHEAD, loop=loop)
        super().__init__(self._stream, partial(converse, service), loop=loop)
        self._connections = connections
        self._most = most_connections()
        self._transport_of: asyncio.BaseTransport | None = None
        self.client: tuple[str, int] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a connection, unless there are too many."""
        peer = transport.get_extra_info("peername")
        self.client = (str(peer[0]), int(peer[1])) if isinstance(peer, tuple) else None
        self._transport_of = transport
        self._connections.add(self)
        if too_many(self._connections, self.client, self._most):
            cast(asyncio.Transport, transport).abort()
            return
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """The service stops."""
        if self._transport_of is not None:
            self._transport_of.close()


def protocol_with_bolt(service: BoltService) -> type[PatientProtocol]:
    """The web server's protocol, which hands a connection that begins as Bolt does to the service."""

    class EitherProtocol(PatientProtocol):
        """HTTP until the first bytes say otherwise."""

        _first: bytes | None = b""

        def data_received(self, data: bytes) -> None:
            if self._first is None:
                super().data_received(data)
                return
            data = self._first + data
            if len(data) < len(MAGIC) and MAGIC.startswith(data):
                self._first = data
                return
            self._first = None
            if data.startswith(MAGIC):
                self._become_bolt(data)
            else:
                super().data_received(data)

        def _become_bolt(self, data: bytes) -> None:
            self._stop()
            self._unset_keepalive_if_required()
            transport = self.transport
            self.connections.discard(self)
            bolt = BoltConnection(service, self.connections)
            transport.set_protocol(bolt)
            bolt.connection_made(transport)
            if not transport.is_closing():
                bolt.data_received(data)

    return EitherProtocol


async def converse(service: BoltService, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection from its first byte to its last."""
    try:
        async with asyncio.timeout(LOGIN_S):
            version = await _shake_hands(reader, writer)
        await BoltConversation(service, version, reader, writer).converse()
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        _log.debug("a Bolt client went away", exc_info=True)
    except BadHandshake:
        writer.write(b"\x00\x00\x00\x00")
    finally:
        writer.close()


async def _shake_hands(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> BoltVersion:
    """Agree on a version. Raises BadHandshake, IncompleteReadError."""
    version = offered(await reader.readexactly(OFFERS_BYTES))
    if version is not None:
        writer.write(answer(version))
        return version
    writer.write(manifest())
    data = await reader.readexactly(5)
    while (found := chosen(data)) is None:
        data += await reader.readexactly(1)
    return found[0]
