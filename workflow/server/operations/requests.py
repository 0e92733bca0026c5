"""What is known of every request: its id, its line in the access log, and the counts that ``/metrics`` tells."""

from __future__ import annotations

import time
import uuid
from bisect import bisect_left
from collections import defaultdict
from typing import Any, Final

from workflow.server.access.origins import ASGIApp, Receive, Scope, Send
from workflow.server.operations.logs import ACCESS, REQUEST_ID

BUCKETS_S: Final = (0.005, 0.025, 0.1, 0.5, 2.5, 10.0, 60.0)
GROUPS: Final = frozenset(
    {"gremlin", "ml", "loader", "status", "system", "propertygraph", "pg", "neptune-export", "v1", "ui", "storage"}
    | {"opencypher", "openCypher", "sparql", "rdf", "health", "ready", "metrics"}
)


class RequestCounts:
    """Requests by method, group of paths and status, and how long each group took. Belongs to the event loop."""

    def __init__(self) -> None:
        self.answered: dict[tuple[str, str, str], int] = defaultdict(int)
        self.buckets: dict[str, list[int]] = defaultdict(lambda: [0] * (len(BUCKETS_S) + 1))
        self.seconds: dict[str, float] = defaultdict(float)

    def add(self, method: str, path: str, status: int, seconds: float) -> None:
        """Count one; paths that nobody serves are one group, so that no stranger can make up names."""
        first = path.split("/", 2)[1] if path.startswith("/") else ""
        group = "page" if not first else first if first in GROUPS else "other"
        self.answered[method if method in ("GET", "POST", "DELETE", "HEAD") else "other", group, str(status)] += 1
        self.buckets[group][bisect_left(BUCKETS_S, seconds)] += 1
        self.seconds[group] += seconds


class Observed:
    """The ASGI wrapper around everything else."""

    def __init__(self, app: ASGIApp, counts: RequestCounts) -> None:
        self.app, self.counts = app, counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.monotonic()
        status, size = 500, 0
        identity = str(uuid.uuid4())
        token = REQUEST_ID.set(identity)

        async def note(message: Any) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = message.setdefault("headers", [])
                if not any(name.lower() == b"x-amzn-requestid" for name, _ in headers):
                    headers.append((b"x-amzn-requestid", identity.encode()))
            else:
                size += len(message.get("body", b""))
            await send(message)

        try:
            await self.app(scope, receive, note)
        finally:
            seconds = time.monotonic() - began
            self.counts.add(scope["method"], scope["path"], status, seconds)
            if ACCESS.isEnabledFor(20):
                client = scope.get("client") or ("-", 0)
                members = {
                    "method": scope["method"],
                    "path": scope["path"],
                    "status": status,
                    "bytes": size,
                    "milliseconds": round(seconds * 1000, 1),
                    "client": client[0],
                }
                # quoted: a line break in a path would forge a line of the log
                text = "%s %r %s %d bytes %.1f ms %s"
                ACCESS.info(text, *members.values(), extra={"members": members})
            REQUEST_ID.reset(token)
