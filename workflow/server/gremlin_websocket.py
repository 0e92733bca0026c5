"""WebSocket ``/gremlin``: moves frames between sockets and a ``Conversation``, queries running in worker threads."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Any, Final

from starlette.routing import BaseRoute, WebSocketRoute

from workflow.server.gremlin_execution import QueryRunner
from workflow.server.gremlin_protocol import Conversation, Credentials, Frame, Job
from workflow.server.gremlin_queries import QueryRegistry
from workflow.server.origins import Receive, Scope, Send, allows_origin
from workflow.server.services import Services

_log = logging.getLogger(__name__)

WORKERS: Final = 64
CHUNK_BYTES: Final = 16 * 1024 * 1024  # how far a query runs ahead of a slow client
CHUNK_S: Final = 0.2  # frames of a slow query do not wait longer than this to be sent
BACKLOG: Final = 256
QUIET_S: Final = 0.2  # a query that takes longer is watched for a client that goes away
SEND_TIMEOUT_S: Final = 120.0


def routes(services: Services) -> list[BaseRoute]:
    """The one WebSocket route."""
    registry = services.queries if services.queries is not None else QueryRegistry()
    settings = services.settings
    runner = QueryRunner(services.engines, settings.profile, registry, settings.query_timeout_ms)
    endpoint = GremlinSocket(runner, own_hosts=(settings.host,), credentials=getattr(services, "credentials", None))
    return [WebSocketRoute("/gremlin", endpoint)]


class GremlinSocket:
    """The ASGI endpoint; one ``Conversation`` for each connection."""

    def __init__(
        self, runner: QueryRunner, *, own_hosts: tuple[str, ...] = (), credentials: Credentials | None = None
    ) -> None:
        self.runner = runner
        self.own_hosts = own_hosts
        self.credentials = credentials
        self.workers = ThreadPoolExecutor(WORKERS, thread_name_prefix="gremlin")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        if not allows_origin(scope["headers"], self.own_hosts):
            await send({"type": "websocket.close", "code": 1008, "reason": "a page of another origin"})
            return
        await send({"type": "websocket.accept"})
        agent = next((value for name, value in scope["headers"] if name == b"user-agent"), b"")
        conversation = Conversation(
            self.runner, credentials=self.credentials, user_agent=agent.decode("latin-1", "replace")
        )
        try:
            await self._converse(conversation, receive, send)
        except OSError:
            _log.debug("a Gremlin client went away", exc_info=True)
        finally:
            if conversation.sessions:
                await asyncio.get_running_loop().run_in_executor(self.workers, conversation.close)

    async def _converse(self, conversation: Conversation, receive: Receive, send: Send) -> None:
        backlog: deque[dict[str, Any]] = deque()
        while True:
            message = backlog.popleft() if backlog else await receive()
            if message["type"] == "websocket.disconnect":
                return
            frame: Frame | None = message.get("bytes")
            if frame is None:
                frame = message.get("text") or ""
            decision = conversation.receive(frame)
            if isinstance(decision, Job):
                await self._run(decision, backlog, receive, send)
            else:
                for answer in decision:
                    await send_frame(send, answer)

    async def _run(self, job: Job, backlog: deque[Any], receive: Receive, send: Send) -> None:
        """Stream one query. The worker fills the next chunk while this one is sent."""
        loop = asyncio.get_running_loop()
        pending = loop.run_in_executor(self.workers, take_chunk, job.frames)
        try:
            while True:
                done, _ = await asyncio.wait((pending,), timeout=QUIET_S)
                if not done:
                    await self._watch(pending, job, backlog, receive)
                frames, finished = await pending
                if not finished:
                    pending = loop.run_in_executor(self.workers, take_chunk, job.frames)
                async with asyncio.timeout(SEND_TIMEOUT_S):
                    for frame in frames:
                        await send_frame(send, frame)
                if finished:
                    return
        except BaseException:
            job.running.cancelled.set()
            await asyncio.wait((pending,))
            await loop.run_in_executor(self.workers, close_frames, job.frames)
            raise

    async def _watch(self, pending: asyncio.Future[Any], job: Job, backlog: deque[Any], receive: Receive) -> None:
        """Wait for a slow query and listen meanwhile: a client that leaves cancels it, further requests wait."""
        while not pending.done() and len(backlog) < BACKLOG:
            listening = asyncio.ensure_future(receive())
            await asyncio.wait((pending, listening), return_when=asyncio.FIRST_COMPLETED)
            if not listening.done():
                listening.cancel()
                try:
                    backlog.append(dict(await listening))
                except asyncio.CancelledError:
                    return
            else:
                backlog.append(dict(listening.result()))
            if backlog and backlog[-1]["type"] == "websocket.disconnect":
                job.running.cancelled.set()
                return


def take_chunk(frames: Iterator[Frame]) -> tuple[list[Frame], bool]:
    """The next frames, up to a chunk of bytes or of time, and whether they were the last."""
    taken: list[Frame] = []
    size = 0
    until = monotonic() + CHUNK_S
    for frame in frames:
        taken.append(frame)
        size += len(frame)
        if size >= CHUNK_BYTES or monotonic() > until:
            return taken, False
    return taken, True


def close_frames(frames: Iterator[Frame]) -> None:
    closing = getattr(frames, "close", None)
    if closing is not None:
        closing()


async def send_frame(send: Send, frame: Frame) -> None:
    if isinstance(frame, str):
        await send({"type": "websocket.send", "text": frame})
    else:
        await send({"type": "websocket.send", "bytes": frame})
