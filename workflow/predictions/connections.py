"""HTTP connections to endpoints that stay open between calls."""

from __future__ import annotations

import http.client
import threading
from collections import defaultdict
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from workflow import tracing
from workflow.errors import BadRequest
from workflow.predictions.endpoint import Signer

_IDLE_PER_HOST = 32
NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class EndpointUnreachable(BadRequest):
    """An endpoint that is in service by its record, and does not answer."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"The endpoint at {url} does not answer: {reason}; look at its status and its log")
        self.url, self.reason = url, reason

    @classmethod
    def silent(cls, url: str, patience_s: float) -> EndpointUnreachable:
        """One that has not answered in the time there was."""
        return cls(url, f"no answer within {patience_s:g} s")


def patience(timeout_s: float | None, most_s: float) -> float:
    """Seconds to wait for an endpoint: what a query has left, where that is less than one would wait anyway."""
    return most_s if timeout_s is None else max(0.001, min(timeout_s, most_s))


class EndpointConnection(http.client.HTTPConnection):
    """Sends head and body in one piece: http.client's two writes wake the endpoint twice for every call."""

    _held: bytearray | None = None

    def post(self, path: str, body: bytes, headers: Mapping[str, str] = NO_HEADERS) -> http.client.HTTPResponse:
        """The response to a body of JSON; its content is still to be read."""
        self._held = bytearray()
        try:
            self.request("POST", path, body, {"Content-Type": "application/json", **headers})
            whole = self._held
        finally:
            self._held = None
        self.send(whole)
        return self.getresponse()

    def send(self, data: Any) -> None:
        if self._held is None:
            super().send(data)
        else:
            self._held += data


class SecureEndpointConnection(EndpointConnection, http.client.HTTPSConnection):
    """The same through TLS."""


class ConnectionPool:
    """Keep-alive connections by host; safe to share between threads."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._idle: dict[str, list[EndpointConnection]] = defaultdict(list)
        self._lock = threading.Lock()  # guards _idle; never held while a connection is used

    def post(
        self, url: str, body: bytes, timeout_s: float | None = None, sign: Signer | None = None
    ) -> tuple[int, bytes]:
        """POST JSON; gives the status and the body. Raises EndpointUnreachable.

        Args:
            timeout_s: less patience than the pool's own, for this call.
            sign: gives the headers of a signed request.
        """
        headers = {**(NO_HEADERS if sign is None else sign(url, body)), **tracing.traceparent()}
        patience_s = patience(timeout_s, self._timeout_s)
        parts = urlsplit(url)
        host = parts.netloc
        connection = self._take(host)
        reused = connection is not None
        while True:
            if connection is None:
                kind = SecureEndpointConnection if parts.scheme == "https" else EndpointConnection
                connection = kind(host, timeout=patience_s)
            elif connection.sock is not None:
                connection.sock.settimeout(patience_s)
            try:
                answer = connection.post(parts.path, body, headers)
                data = answer.read()
            except TimeoutError as error:
                connection.close()
                raise EndpointUnreachable.silent(url, patience_s) from error
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                if not reused:
                    raise EndpointUnreachable(url, f"{type(error).__name__}: {error}") from error
                # the other side closed an idle connection, or was restarted: once more on a fresh one
                connection, reused = None, False
                continue
            if answer.will_close:
                connection.close()
            else:
                self._give_back(host, connection)
            return answer.status, data

    def close(self) -> None:
        """Close what is idle."""
        with self._lock:
            idle = [connection for several in self._idle.values() for connection in several]
            self._idle.clear()
        for connection in idle:
            connection.close()

    def _take(self, host: str) -> EndpointConnection | None:
        with self._lock:
            idle = self._idle[host]
            return idle.pop() if idle else None

    def _give_back(self, host: str, connection: EndpointConnection) -> None:
        with self._lock:
            idle = self._idle[host]
            if len(idle) < _IDLE_PER_HOST:
                idle.append(connection)
                return
        connection.close()
