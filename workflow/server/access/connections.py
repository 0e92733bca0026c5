"""Connections that keep the service waiting: each has a time to say what it wants, and no address may have them all.

The web server gives a connection all the time in the world to send its request, so a few hundred sockets that send a
byte now and then would keep everybody else out.
"""

from __future__ import annotations

import asyncio
import ipaddress
import resource
from collections.abc import Collection
from typing import Any, Final, cast

from uvicorn.protocols.http.h11_impl import H11Protocol

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


def is_one_too_many(connections: Collection[Any], client: tuple[str, int] | None, most: int) -> bool:
    """Whether the last of these connections is more than may be, at all or from the address of its client."""
    if len(connections) > most:
        return True
    address = client[0] if client else ""
    try:
        if ipaddress.ip_address(address).is_loopback:
            return False
    except ValueError:
        return False  # no address of the network
    peers = (getattr(one, "client", None) for one in connections)
    return len([peer for peer in peers if peer is not None and peer[0] == address]) > MOST_OF_AN_ADDRESS


class PatientProtocol(H11Protocol):
    """The web server's HTTP protocol with an end to its patience; WebSockets leave it once they are opened.

    That of h11, also where httptools is installed: it is strict, and has a limit to how long headers may be.
    """

    _limit: asyncio.TimerHandle | None = None
    _waits_for = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a connection, unless there are too many."""
        super().connection_made(cast(asyncio.Transport, transport))
        if is_one_too_many(self.connections, self.client, self.limit_concurrency or MOST):
            self.transport.abort()
            return
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Take bytes, and look at what is still missing."""
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """A request that came behind this one may have begun; its time begins now."""
        super().on_response_complete()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the clock."""
        self._stop()
        super().connection_lost(exc)

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
        if self._limit is not None:
            self._limit.cancel()
        self._limit, self._waits_for = None, ""
