"""WebSocket ``/gremlin``: moves frames between sockets and a ``Conversation``, queries running in worker threads."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from itertools import count
from time import monotonic
from typing import Any, Final

from starlette.routing import BaseRoute, WebSocketRoute

from workflow.errors import CancelledByUser, WorkflowError
from workflow.predictions.calls import EndpointCalls
from workflow.predictions.question import Predictions
from workflow.predictions.replay import PredictionNeeded
from workflow.server.access.auth import AUTHENTICATED
from workflow.server.access.brief_work import BriefWork
from workflow.server.access.budget import Budget, Holding, OverBudget, address_of
from workflow.server.access.origins import Receive, Scope, Send, allows_origin
from workflow.server.access.sockets import EXTENSION
from workflow.server.gremlin.arrivals import Arrivals, Left, Outcome
from workflow.server.gremlin.execution import QueryRunner
from workflow.server.gremlin.protocol import AnswerStream, Conversation, Credentials, Frame, LookJob
from workflow.server.gremlin.settling import Settling
from workflow.server.services import Services
from workflow.server.streams import WorkerStream

Message = MutableMapping[str, Any]

_log = logging.getLogger(__name__)

WORKERS: Final = 64
BACKLOG: Final = 256
BACKLOG_BYTES: Final = 1 << 20  # beyond one message
LARGE_FRAME: Final = 64 * 1024  # reading one of these takes long enough to keep other connections waiting
QUIET_S: Final = 0.2  # a query that takes longer is watched for a client that goes away
IN_A_ROW: Final = 16  # messages that may be answered before every other connection has its turn
SEND_TIMEOUT_S: Final = 120.0
PAUSES_S: Final = (0.001, 0.002, 0.004)
"""How long a brief writer waits for others before each of its next tries, which come before it is given to a worker."""


def routes(services: Services) -> list[BaseRoute]:
    """The WebSocket routes: one address, in both spellings that clients are configured with."""
    registry = services.queries
    settings = services.settings
    runner = QueryRunner(services.engines, settings.profile, registry, settings.query_timeout_ms)
    endpoint = GremlinSocket(
        runner,
        own_hosts=(settings.host, *settings.allowed_hosts),
        credentials=services.credentials,
        budget=services.budget,
    )
    return [WebSocketRoute("/gremlin", endpoint), WebSocketRoute("/gremlin/", endpoint)]


class GremlinSocket:
    """The ASGI endpoint; one ``Conversation`` for each connection."""

    def __init__(
        self,
        runner: QueryRunner,
        *,
        own_hosts: tuple[str, ...] = (),
        credentials: Credentials | None = None,
        budget: Budget | None = None,
    ) -> None:
        self.runner = runner
        self.budget = budget or Budget()
        self.own_hosts = own_hosts
        self.credentials = credentials
        self.workers = ThreadPoolExecutor(WORKERS, thread_name_prefix="gremlin")
        self.endpoints = EndpointCalls()
        self.settling = Settling(self.workers)
        self.brief = BriefWork()
        self._open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        if not allows_origin(scope["headers"], self.own_hosts):
            await send({"type": "websocket.close", "code": 1008, "reason": "a page of another origin"})
            return
        await send({"type": "websocket.accept"})
        agent = next((value for name, value in scope["headers"] if name == b"user-agent"), b"")
        conversation = Conversation(
            self.runner,
            credentials=None if scope.get(AUTHENTICATED) else self.credentials,
            user_agent=agent.decode("latin-1", "replace"),
        )
        arrivals = Arrivals(conversation, self.settling, self.brief, scope.get("extensions", {}).get(EXTENSION))
        self._open += 1
        try:
            await self._converse(conversation, Inbox(receive, self.budget.account(address_of(scope))), send, arrivals)
        except OverBudget as error:
            await send({"type": "websocket.close", "code": 1013, "reason": error.message[:120]})
        except OSError:
            _log.debug("a Gremlin client went away", exc_info=True)
        finally:
            arrivals.close()
            self._open -= 1
            if not self._open:
                self.endpoints.close()
            if conversation.sessions:
                await asyncio.get_running_loop().run_in_executor(self.workers, conversation.close)

    async def _converse(self, conversation: Conversation, inbox: Inbox, send: Send, arrivals: Arrivals) -> None:
        clock: asyncio.Future[None] | None = None
        loop = asyncio.get_running_loop()
        try:
            for turn in count(1):
                if not turn % IN_A_ROW:
                    await asyncio.sleep(0)
                arrivals.waiting = inbox.is_empty
                message = await inbox.next()
                arrivals.waiting = False
                if message["type"] == "websocket.disconnect":
                    return
                await arrivals.settled()
                data: Frame | None = message.get("bytes")
                if data is None:
                    data = message.get("text") or ""
                left = arrivals.left()
                if left is not None:
                    decision = left.decision
                elif len(data) < LARGE_FRAME:
                    await self.brief.turn()
                    decision = conversation.receive(data)
                else:
                    decision = await loop.run_in_executor(self.workers, conversation.receive, data)
                if conversation.sessions and (clock is None or clock.done()):
                    clock = asyncio.ensure_future(self._expire(conversation))
                if isinstance(decision, AnswerStream):
                    await self._run(decision, inbox, send, left)
                else:
                    for answer in decision:
                        await send_frame(send, answer)
        finally:
            inbox.account.close()
            if clock is not None:
                clock.cancel()

    async def _expire(self, conversation: Conversation) -> None:
        """End sessions when their time is over, for as long as there are any."""
        loop = asyncio.get_running_loop()
        while (due := await loop.run_in_executor(self.workers, conversation.expire, monotonic())) is not None:  # noqa: ASYNC110
            await asyncio.sleep(max(0.05, due - monotonic()))

    async def _run(self, job: AnswerStream, inbox: Inbox, send: Send, left: Left | None) -> None:
        """Answer one query. A slow one is watched for a client that goes away; further requests wait their turn."""
        if isinstance(job, LookJob) and await self._at_once(job, inbox, send, left):
            return
        stream = WorkerStream(job.frames(), self.workers, inbox.account.another())
        try:
            await stream.progress(QUIET_S)
            if not stream.finished.done() or stream.chunks:
                await self._stream(stream, inbox, send)
            rest = await stream.rest()
            async with asyncio.timeout(SEND_TIMEOUT_S):
                for frame in rest:
                    await send_frame(send, frame)
        except BaseException:
            job.running.cancelled.set()
            await stream.abandon()
            raise
        finally:
            stream.close()

    async def _at_once(self, job: LookJob, inbox: Inbox, send: Send, left: Left | None) -> bool:
        """Answer what is brief here; false where it needs a worker after all. Its endpoint is asked meanwhile."""
        try:
            outcome = await self._outcome(job, inbox, job.at_once() if left is None else left.outcome)
            for pause_s in PAUSES_S:
                if not job.occupied:
                    break
                await asyncio.sleep(pause_s)
                outcome = await self._outcome(job, inbox, job.at_once())
            for settle in job.soon:
                try:
                    await self.settling.settled(settle)
                except Exception as error:  # noqa: BLE001 - the edge of a request: becomes a frame
                    outcome = job.lost(error)
        except BaseException:
            job.finish()
            raise
        for frame in outcome or ():
            await send_frame(send, frame)
        return outcome is not None

    async def _outcome(self, job: LookJob, inbox: Inbox, outcome: Outcome) -> list[Frame] | None:
        """What comes of a try once its endpoint has answered all that it asks."""
        while isinstance(outcome, PredictionNeeded):
            job.note(outcome, await self._answer(outcome, job, inbox))
            outcome = job.at_once()
        return outcome

    async def _answer(self, needed: PredictionNeeded, job: AnswerStream, inbox: Inbox) -> Predictions | WorkflowError:
        """What an endpoint says. A slow one is not waited for when the client goes away or the query is cancelled."""
        answer = self.endpoints.ask(needed)
        await asyncio.wait((answer,), timeout=QUIET_S)
        if not answer.done():
            async with inbox.listening():
                while not answer.done() and not job.running.cancelled.is_set():
                    arriving = inbox.arriving()
                    waiting = (answer,) if arriving is None else (answer, arriving)
                    await asyncio.wait(waiting, timeout=QUIET_S, return_when=asyncio.FIRST_COMPLETED)
                    inbox.keep()
        return answer.result() if answer.done() else CancelledByUser("The query was cancelled")

    async def _stream(self, stream: WorkerStream[Frame], inbox: Inbox, send: Send) -> None:
        """Send chunks as they come and listen meanwhile, until only the end of the answer is left."""
        async with inbox.listening():
            while not stream.finished.done() or stream.chunks:
                while stream.chunks:
                    async with asyncio.timeout(SEND_TIMEOUT_S):
                        for frame in stream.chunks[0]:
                            await send_frame(send, frame)
                    stream.sent()
                await stream.progress(None, inbox.arriving())
                inbox.keep()


class Inbox:
    """The messages of one client, also those that come while a query of its runs; ``account`` is of those."""

    def __init__(self, receive: Receive, account: Holding) -> None:
        self._receive = receive
        self.account = account
        self._backlog: deque[Message] = deque()
        self._bytes = 0
        self._arriving: asyncio.Future[Message] | None = None

    @property
    def is_empty(self) -> bool:
        """Whether none has come that was not taken."""
        return not self._backlog

    async def next(self) -> Message:
        """The oldest message that was not taken yet."""
        if not self._backlog:
            return await self._receive()
        message = self._backlog.popleft()
        self._count(-_size(message))
        return message

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Around whatever uses ``arriving``; what has arrived at its end is not lost."""
        try:
            yield
        finally:
            arriving, self._arriving = self._arriving, None
            if arriving is not None:
                arriving.cancel()
                await asyncio.wait((arriving,))
                if not arriving.cancelled() and arriving.exception() is None:
                    self._put_by(arriving.result())

    def arriving(self) -> asyncio.Future[Message] | None:
        """Done when the next message is there; None while too many wait already."""
        if self._arriving is None and len(self._backlog) < BACKLOG and self._bytes < BACKLOG_BYTES:
            self._arriving = asyncio.ensure_future(self._receive())
        return self._arriving

    def keep(self) -> None:
        """Put by what has arrived. Raises ConnectionResetError where the client went away, OverBudget."""
        if self._arriving is not None and self._arriving.done():
            message, self._arriving = self._arriving.result(), None
            if message["type"] == "websocket.disconnect":
                raise ConnectionResetError("the client went away")
            if not self._put_by(message):
                raise self.account.refusal()

    def _put_by(self, message: Message) -> bool:
        self._backlog.append(message)
        return self._count(_size(message))

    def _count(self, change: int) -> bool:
        self._bytes += change
        return self.account.holds(self._bytes)


def _size(message: Message) -> int:
    return len(message.get("bytes") or message.get("text") or b"")


async def send_frame(send: Send, frame: Frame) -> None:
    if isinstance(frame, str):
        await send({"type": "websocket.send", "text": frame})
    else:
        await send({"type": "websocket.send", "bytes": frame})
