"""Connections that keep the service waiting: each has a time to say what it wants, and no address may have them all.

The web server gives a connection all the time in the world to send its request, so a few hundred sockets that send a
byte now and then would keep everybody else out. What all of them leave half said or unfetched is counted, too.
"""

from __future__ import annotations

import asyncio
import json
import resource
import uuid
from collections.abc import Collection
from typing import Any, Final, cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from workflow.errors import TooManyRequests
from workflow.server.access.accounts import Counted
from workflow.server.access.budget import origin
from workflow.server.access.pacing import PacedTransport
from workflow.server.errors import error_body

HEAD_S: Final = 20.0  # from the first byte, or from connecting, to the end of the headers
BODY_S: Final = 300.0  # from the first to the last byte of a body
READER_S: Final = 900.0  # for the client to fetch the rest of an answer
MOST: Final = 2000
FILES_BESIDE: Final = 400  # for graphs, jobs, logs and threads, beside the connections
MOST_OF_AN_ADDRESS: Final = 500  # this machine's own addresses may have all


def most_connections() -> int:
    """How many connections the service takes; asks the system for as many open files as that needs."""
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST + FILES_BESIDE
    if allowed != resource.RLIM_INFINITY and allowed < wanted:
        allowed = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, most))
    return MOST if allowed == resource.RLIM_INFINITY else max(16, min(MOST, allowed - FILES_BESIDE))


def too_many(connections: Collection[Any], client: tuple[str, int] | None, most: int) -> str:
    """Why the last of these connections is more than may be, at all or from where its client is; empty if it is not."""
    if len(connections) > most:
        return f"The service has {len(connections) - 1} connections, and takes no more; try again later."
    place = origin(client[0] if client else "")
    if place and sum(origin(peer_of(one)) == place for one in connections) > MOST_OF_AN_ADDRESS:
        return f"Your address has {MOST_OF_AN_ADDRESS} connections to the service, and gets no more; close some."
    return ""


class PatientProtocol(Counted, H11Protocol):
    """The web server's HTTP protocol with an end to its patience; WebSockets leave it once they are opened.

    That of h11, also where httptools is installed: it is strict, and has a limit to how long headers may be.
    """

    _waits_for = ""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._come = 0  # bytes since the last answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a connection, unless there are too many."""
        super().connection_made(cast(asyncio.Transport, PacedTransport(cast(asyncio.Transport, transport))))
        self._open_account(self.client)
        if problem := too_many(self.connections, self.client, self.limit_concurrency or MOST):
            self._refuse(503, problem)
            return
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Take bytes, in pieces."""
        cast(PacedTransport, self.transport).arrived(data)

    def take(self, piece: bytes) -> None:
        """Take a piece, and look at what is still missing."""
        if self.transport.is_closing():
            return
        self._come += len(piece)
        if self._count():
            super().data_received(piece)
            self._watch()
            if self.transport.get_protocol() is not self:  # a WebSocket counts for itself
                self._account.close()
        else:
            self._refuse(TooManyRequests.status, self._account.refusal().message)

    def on_response_complete(self) -> None:
        """A request that came behind this one may have begun; its time begins now."""
        self._come = 0
        self._count()
        super().on_response_complete()
        self._watch()

    def unread(self) -> int:
        """Bytes since the last answer."""
        return self._come

    def _refuse(self, status: int, message: str) -> None:
        """Answer a request that was not read, unless its answer has begun, and close the connection."""
        if self.conn.our_state is h11.IDLE or self.conn.our_state is h11.SEND_RESPONSE:
            body = json.dumps(error_body(TooManyRequests.code, message, str(uuid.uuid4()))).encode()
            self.transport.write(
                b"HTTP/1.1 %d Refused\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
                b"Connection: close\r\n\r\n%b" % (status, len(body), body)
            )
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self._stop()
        self.transport.close()

    def _watch(self) -> None:
        """Run the clock of what is being waited for; it goes on, however many bytes come, until that is there."""
        missing = self._missing()
        if missing == self._waits_for:
            return
        self._stop()
        if missing:
            self._waits_for = missing
            seconds = {"head": HEAD_S, "body": BODY_S, "reader": READER_S}[missing]
            self._limit = asyncio.get_running_loop().call_later(seconds, self._give_up)

    def _missing(self) -> str:
        if self.transport.get_protocol() is not self:
            return ""
        cycle = self.cycle
        answered = cycle is not None and cycle.response_complete
        if answered and self.transport.get_write_buffer_size():
            return "reader"
        if self.transport.is_closing():
            return ""
        if cycle is None or answered:
            # between two requests the web server's own, shorter clock runs
            return "" if self.timeout_keep_alive_task is not None else "head"
        return "body" if cycle.more_body else ""

    def _give_up(self) -> None:
        if self._waits_for != "reader" or self.transport.get_write_buffer_size():
            self.transport.abort()

    def _stop(self) -> None:
        super()._stop()
        self._waits_for = ""


def peer_of(connection: object) -> str:
    """The address at the other end of a connection, empty where it has none."""
    client = getattr(connection, "client", None)
    return client[0] if client else ""
