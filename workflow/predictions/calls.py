"""The coalescing client: what many queries ask an endpoint at the same moment goes out in one call.

Everything here runs on one event loop and has no locks.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import httptools

from workflow import tracing
from workflow.errors import WorkflowError
from workflow.predictions.connections import NO_HEADERS, EndpointUnreachable, patience
from workflow.predictions.endpoint import ENDPOINT_TIMEOUT_S, EndpointRecord, Signer
from workflow.predictions.merging import companions, merged, shares
from workflow.predictions.question import Predictions, Question
from workflow.predictions.replay import PredictionNeeded
from workflow.predictions.requests import answer_of, batches, joined, request_of

Answer = Predictions | WorkflowError
Asked = tuple[Question, asyncio.Future[Answer]]

CALLS_AT_ONCE: Final = 1
"""Calls of one endpoint at a time. What comes meanwhile waits and shares the next one; more at a time gave nothing."""


class EndpointCalls:
    """Asks endpoints. Belongs to one event loop; an idle connection closes with it."""

    def __init__(self, timeout_s: float = ENDPOINT_TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self._clients: dict[str, CoalescingClient] = {}

    def ask(self, needed: PredictionNeeded) -> asyncio.Future[Answer]:
        """The answer to a question, or the error that prevented one, as a value and never raised."""
        url = needed.endpoint.url
        client = self._clients.get(url)
        if client is None:
            client = self._clients[url] = CoalescingClient(url, self._timeout_s)
        return client.ask(needed.endpoint, needed.question, needed.asker)

    def close(self) -> None:
        """Close the connections."""
        for client in self._clients.values():
            client.close()
        self._clients.clear()


class CoalescingClient:
    """Asks one endpoint: a call at a time, and whatever is asked meanwhile shares the next one."""

    def __init__(self, url: str, timeout_s: float) -> None:
        self._url, self._timeout_s = url, timeout_s
        self._waiting: deque[tuple[EndpointRecord, Question, asyncio.Future[Answer]]] = deque()
        self._callers: set[asyncio.Task[None]] = set()
        self._calling = 0  # not their number: a task that has ended is among them until the loop's next turn
        self._idle: list[AsyncEndpointConnection] = []
        self._askers: dict[asyncio.Future[Answer], Any] = {}  # where each asker's trace is; empty while traces are off

    def ask(self, endpoint: EndpointRecord, question: Question, asker: Any = None) -> asyncio.Future[Answer]:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer] = loop.create_future()
        if asker is not None:
            self._askers[future] = asker
            future.add_done_callback(lambda one: self._askers.pop(one, None))
        patience_s = question.timeout_s
        if patience_s is not None and patience_s < self._timeout_s:  # a shared call may take longer
            timer = loop.call_later(patience_s, self._give_up, future, patience_s)
            future.add_done_callback(lambda _: timer.cancel())
        self._waiting.append((endpoint, question, future))
        if self._calling < CALLS_AT_ONCE:
            self._calling += 1
            caller = asyncio.ensure_future(self._work())
            self._callers.add(caller)
            caller.add_done_callback(self._callers.discard)
        return future

    def close(self) -> None:
        for caller in self._callers:
            caller.cancel()
        for connection in self._idle:
            connection.close()
        self._idle.clear()

    def _give_up(self, future: asyncio.Future[Answer], patience_s: float) -> None:
        if not future.done():
            future.set_result(self._silent(patience_s))

    def _silent(self, patience_s: float) -> EndpointUnreachable:
        return EndpointUnreachable.silent(f"{self._url}/invocations", patience_s)

    async def _work(self) -> None:
        """Call until nobody waits."""
        try:
            while self._waiting:
                await asyncio.sleep(0)  # who is being read this very moment goes along
                endpoint, group = self._next_group()
                if group:
                    await self._serve(endpoint, group)
        finally:
            self._calling -= 1

    def _next_group(self) -> tuple[EndpointRecord, list[Asked]]:
        """Who has waited longest, with everybody who can go along; without those who have given up."""
        endpoint, question, future = self._waiting.popleft()
        if future.done():
            return endpoint, []
        places = set(companions(question, [one for _, one, _ in self._waiting]))
        group = [(question, future)]
        rest: deque[tuple[EndpointRecord, Question, asyncio.Future[Answer]]] = deque()
        for place, waiting in enumerate(self._waiting):
            if place in places:
                group.append(waiting[1:])
            else:
                rest.append(waiting)
        self._waiting = rest
        return endpoint, group

    async def _serve(self, endpoint: EndpointRecord, group: list[Asked]) -> None:
        questions = [question for question, _ in group]
        whole = merged(questions)
        askers = [self._askers[future] for _, future in group if future in self._askers]
        first = askers[0] if askers else None
        with tracing.span("endpoint call", first, askers[1:], endpoint=endpoint.name, questions=len(group)):
            answer = await self._call(endpoint, whole)
        if isinstance(answer, WorkflowError) and len(group) > 1 and not isinstance(answer, EndpointUnreachable):
            for one in group:  # whose fault it was shows when each is asked by itself
                await self._serve(endpoint, [one])
            return
        each: list[Answer] = [answer] * len(group)
        if isinstance(answer, Predictions):
            each = [*shares(questions, whole, answer)]
        for (_, future), share in zip(group, each, strict=True):
            if not future.done():
                future.set_result(share)

    async def _call(self, endpoint: EndpointRecord, question: Question) -> Answer:
        patience_s = patience(question.timeout_s, self._timeout_s)
        answers: list[Predictions] = []
        try:
            async with asyncio.timeout(patience_s):
                for batch in batches(question):
                    status, data = await self._post(request_of(question, batch), endpoint.sign)
                    answers.append(answer_of(endpoint, status, data, len(batch)))
            return joined(answers)
        except WorkflowError as error:
            return error
        except TimeoutError:
            return self._silent(patience_s)
        except OSError as error:
            return EndpointUnreachable(f"{self._url}/invocations", f"{type(error).__name__}: {error}")

    async def _post(self, body: bytes, sign: Signer | None) -> tuple[int, bytes]:
        url = f"{self._url}/invocations"
        signed = NO_HEADERS if sign is None else await asyncio.to_thread(sign, url, body)
        headers = {**signed, **tracing.traceparent()}
        while True:
            reused = bool(self._idle)
            connection = self._idle.pop() if reused else await AsyncEndpointConnection.open(self._url)
            try:
                status, data, stays = await connection.post(body, headers)
            except OSError:
                connection.close()
                if not reused:
                    raise
                continue  # the other side closed an idle connection, or was restarted
            except BaseException:
                connection.close()
                raise
            if stays:
                self._idle.append(connection)
            else:
                connection.close()
            return status, data


class AsyncEndpointConnection(asyncio.Protocol):
    """One connection to an endpoint, kept open between calls, with one call at a time."""

    def __init__(self, path: str, host: str) -> None:
        self._head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: "
        self._parser = httptools.HttpResponseParser(self)
        self._parts: list[bytes] = []
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[tuple[int, bytes, bool]] | None = None

    @classmethod
    async def open(cls, url: str) -> AsyncEndpointConnection:
        """Raises OSError."""
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        port = parts.port or (443 if secure else 80)
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: cls(f"{parts.path}/invocations", parts.netloc), parts.hostname or "", port, ssl=secure or None
        )
        return connection

    async def post(self, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes, bool]:
        """Status and body of the answer to a body of JSON, and whether the connection stays open.

        Raises OSError where the other side hangs up or answers in something else than HTTP.
        """
        if self._transport is None or self._transport.is_closing():
            raise ConnectionResetError("the endpoint hung up")
        self._answer = asyncio.get_running_loop().create_future()
        more = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._transport.write(f"{self._head}{len(body)}\r\n{more}\r\n".encode() + body)
        return await self._answer

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    # -- of the transport

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # it is one of these
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(ConnectionResetError(f"the endpoint does not answer in HTTP: {error}"))
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(exc or ConnectionResetError("the endpoint hung up"))

    # -- of the parser

    def on_body(self, body: bytes) -> None:
        self._parts.append(body)

    def on_message_complete(self) -> None:
        answer, self._answer = self._answer, None
        status, stays = self._parser.get_status_code(), self._parser.should_keep_alive()
        body = b"".join(self._parts)
        self._parts.clear()
        if answer is not None and not answer.done() and status >= 200:
            answer.set_result((status, body, stays))

    def _fail(self, error: Exception) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)
