"""TinkerPop 4 over HTTP: text in, one stream of results and a closing status out, transactions by id.

The query goes the way of every other; what is here is the envelope.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import Request as HttpRequest
from starlette.responses import Response, StreamingResponse

from workflow.errors import BadRequest, WorkflowError
from workflow.graphs.elements import BulkedValue
from workflow.gremlin.lang import parse
from workflow.gremlin.planning.source import transaction_command
from workflow.gremlin.semantics.values import Long
from workflow.gremlin.traversal import Instruction
from workflow.gremlin.wire import BINARY_V4, GRAPHSON_V4, GRAPHSON_V4_UNTYPED
from workflow.gremlin.wire.codecs import normal_mime
from workflow.gremlin.wire.graphbinary import version4 as graphbinary4
from workflow.gremlin.wire.graphbinary.primitives import bare_int, bare_string
from workflow.gremlin.wire.graphson import version4 as graphson4
from workflow.queries.running import RunningQuery
from workflow.server.access.budget import Holding, OverBudget
from workflow.server.gremlin.execution import GremlinSession, QueryRequest, QueryRunner, answer_options, close
from workflow.server.gremlin.protocol import materializes
from workflow.server.query_failures import known
from workflow.server.streams import WorkerStream

VERSION_4: Final = (BINARY_V4, GRAPHSON_V4, GRAPHSON_V4_UNTYPED)
LARGE_BODY: Final = 64 * 1024  # reading one of these takes long enough to keep other requests waiting
PIECE_BYTES: Final = 256 * 1024
MAX_TRANSACTIONS: Final = 1000
IDLE_S: Final = 60.0
LIFETIME_S: Final = 600.0


class TransactionNotFound(WorkflowError):
    """A transaction id that is not open: ended, expired, or never begun."""

    code, status = "ResourceNotFoundException", 404


class TooManyTransactions(WorkflowError):
    """The table of open transactions is full."""

    code, status = "ThrottlingException", 503


@dataclass(slots=True)
class OpenTransaction:
    """A transaction that lives from request to request."""

    session: GremlinSession
    source: str
    begun_at: float
    used_at: float


class TransactionTable:
    """Open transactions by id. Idle and old ones are rolled back by a thread that lives as long as there are any."""

    def __init__(self, runner: QueryRunner, *, idle_s: float = IDLE_S, lifetime_s: float = LIFETIME_S) -> None:
        self._runner = runner
        self._idle_s = idle_s
        self._lifetime_s = lifetime_s
        self._open: dict[str, OpenTransaction] = {}
        self._lock = threading.Lock()  # guards _open and _reaper; not held while a session's is waited for
        self._reaper: threading.Thread | None = None

    def begin(self, source: str) -> str:
        """Open a transaction on a traversal source and give its id."""
        now = time.monotonic()
        id = str(uuid.uuid4())
        with self._lock:
            if len(self._open) >= MAX_TRANSACTIONS:
                raise TooManyTransactions(f"{MAX_TRANSACTIONS} transactions are open; try again later")
            self._open[id] = OpenTransaction(GremlinSession(id, forgiving=True), source, now, now)
            if self._reaper is None:
                self._reaper = threading.Thread(target=self._reap, name="gremlin-transactions", daemon=True)
                self._reaper.start()
        return id

    def use(self, id: str, source: str | None) -> GremlinSession:
        """The session of an open transaction; the traversal source cannot change on the way."""
        with self._lock:
            found = self._open.get(id)
            if found is None:
                raise TransactionNotFound(f"There is no open transaction {id!r}; it may have ended or expired")
            if source is not None and source != found.source:
                raise BadRequest(f"Transaction {id} is on {found.source!r}, not on {source!r}")
            found.used_at = time.monotonic()
            return found.session

    def end(self, id: str) -> GremlinSession:
        """Take a transaction out of the table."""
        with self._lock:
            found = self._open.pop(id, None)
        if found is None:
            raise TransactionNotFound(f"There is no open transaction {id!r}; it may have ended or expired")
        return found.session

    def expired(self, now: float) -> list[GremlinSession]:
        """Take out what has been idle or open for too long."""
        with self._lock:
            late = [
                id
                for id, item in self._open.items()
                if (now - item.used_at > self._idle_s and not item.session.lock.locked())
                or now - item.begun_at > self._lifetime_s
            ]
            return [self._open.pop(id).session for id in late]

    def _reap(self) -> None:
        while True:
            time.sleep(min(1.0, self._idle_s / 4))
            for session in self.expired(time.monotonic()):
                with session.lock:
                    session.rollback()
            with self._lock:
                if not self._open:
                    self._reaper = None
                    return


class StreamFormat:
    """One format of the answer: head, items, tail with the status."""

    def __init__(self, mime: str, *, materialize: bool, bulked: bool) -> None:
        self.mime = mime
        self.binary = mime == BINARY_V4
        self.bulked = bulked and self.binary
        self._count = 0
        self._writer: graphbinary4.GraphBinary4Writer | graphson4.GraphSON4Writer
        if self.binary:
            self._writer = graphbinary4.GraphBinary4Writer(materialize=materialize)
        else:
            self._writer = graphson4.GraphSON4Writer(typed=mime == GRAPHSON_V4, materialize=materialize)

    def head(self) -> bytes:
        if self.binary:
            return b"\x84\x01" if self.bulked else b"\x84\x00"
        return b'{"result":{"data":' + (b'{"@type":"g:List","@value":[' if self.mime == GRAPHSON_V4 else b"[")

    def item(self, traverser: BulkedValue) -> Iterator[bytes]:
        """The bytes of one result, as often as it stands for where the format has no bulk."""
        data = self._writer.encode(traverser.value)
        if self.bulked:
            yield data + self._writer.encode(Long(traverser.bulk))
            return
        for _ in range(traverser.bulk):
            yield data if self.binary or not self._count else b"," + data
            self._count += 1

    def tail(self, code: int, message: str = "", exception: str = "") -> bytes:
        if self.binary:
            text = b"\x00" + bare_string(message) if message else b"\x01"
            kind = b"\x00" + bare_string(exception) if exception else b"\x01"
            return graphbinary4.MARKER + bare_int(code) + text + kind
        status: dict[str, Any] = {"code": code}
        if message or exception:
            status |= {"message": message, "exception": exception}
        end = b"]}" if self.mime == GRAPHSON_V4 else b"]"
        return end + b'},"status":' + json.dumps(status).encode("ascii") + b"}"


@dataclass(frozen=True, slots=True)
class Asked4:
    """A request of TinkerPop 4."""

    query: QueryRequest
    source: str
    transaction: str | None
    materialize: bool
    bulked: bool


def is_version_4(content_type: str, accept: str) -> bool:
    """Whether a request speaks TinkerPop 4: by what it sends, or by what it wants back."""
    if normal_mime(content_type) in VERSION_4:
        return True
    return any(normal_mime(part) in VERSION_4 for part in accept.split(","))


def answer_mime(accept: str) -> str:
    """The first of our formats that the client accepts; untyped GraphSON where it does not say."""
    wanted = (normal_mime(part) for part in accept.split(","))
    return next((mime for mime in wanted if mime in VERSION_4), GRAPHSON_V4_UNTYPED)


def asked_of(content_type: str, body: bytes) -> Asked4:
    """The request in a body; raises BadRequest and what the parser raises."""
    if normal_mime(content_type) == BINARY_V4:
        fields, text = graphbinary4.read_request(body)
    else:
        fields, text = graphson4.read_request(body)
    source = str(fields.get("g") or "g")
    timeout = fields.get("timeoutMillis")
    query = QueryRequest(
        text,
        {"g": source},
        parameters(fields.get("parameters")),
        timeout if isinstance(timeout, (int, float)) and not isinstance(timeout, bool) else None,
    )
    fields |= answer_options(query)
    transaction = fields.get("transactionId")
    return Asked4(
        query,
        source,
        str(transaction) if transaction else None,
        materializes(fields, custom=True),
        fields.get("bulkResults") in (True, "true"),
    )


def parameters(value: object) -> Mapping[str, Any]:
    """Parameters as a map, or as the text of a Gremlin map."""
    if value is None or value == "":
        return {}
    if isinstance(value, str):
        scripts = parse(f"g.inject({value})")
        call = scripts[0].traversal.steps[0] if scripts[0].traversal.steps else Instruction("")
        value = call.args[0] if len(scripts) == 1 and len(call.args) == 1 else None
    if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
        raise BadRequest("parameters must be a map with text keys, such as [x:1]")
    return dict(value.items())


async def respond_version_4(
    runner: QueryRunner,
    table: TransactionTable,
    workers: ThreadPoolExecutor,
    request: HttpRequest,
    body: bytes,
    account: Holding,
) -> Response:
    """Answer one request: the status is HTTP's where nothing was sent yet, and closes the stream in any case.

    Args:
        account: of what waits to be sent.
    """
    mime = answer_mime(request.headers.get("accept", ""))
    headers = {"Gremlin-RequestId": str(uuid.uuid4())}
    running = runner.registry.accept("", headers["Gremlin-RequestId"])
    form = StreamFormat(mime, materialize=True, bulked=False)
    try:
        content_type = request.headers.get("content-type", "")
        if len(body) < LARGE_BODY:
            asked = asked_of(content_type, body)
        else:
            asked = await asyncio.get_running_loop().run_in_executor(workers, asked_of, content_type, body)
        running.text = asked.query.text
        form = StreamFormat(mime, materialize=asked.materialize, bulked=asked.bulked)
    except Exception as error:  # noqa: BLE001 - the edge of a request
        runner.registry.finish(running)
        return Response(*refusal(form, known(error)), headers, media_type=mime)
    stream: WorkerStream[Head | bytes] = WorkerStream(pieces(runner, table, asked, running, form), workers, account)
    try:
        while not stream.finished.done() and not stream.chunks:
            await stream.progress(1.0)
            if not stream.finished.done() and await request.is_disconnected():
                running.cancelled.set()
    except OverBudget as error:
        running.cancelled.set()
        await stream.abandon()
        stream.close()
        return Response(*refusal(form, error), headers, media_type=mime)
    if not stream.chunks:  # the whole answer, as most are
        head, *rest = await stream.finished
        assert isinstance(head, Head)
        content = b"".join(piece for piece in rest if isinstance(piece, bytes))
        return Response(content, head.status, {**headers, **head.headers}, media_type=mime)
    head = stream.chunks[0].pop(0)
    assert isinstance(head, Head)
    return StreamingResponse(flow(stream, running), head.status, {**headers, **head.headers}, media_type=mime)


@dataclass(frozen=True, slots=True)
class Head:
    """How the HTTP answer begins."""

    status: int
    headers: Mapping[str, str]


def refusal(form: StreamFormat, error: WorkflowError) -> tuple[bytes, int]:
    """Body and status of an answer that is an error from the start."""
    return form.head() + form.tail(error.status, error.message, error.code), error.status


def pieces(
    runner: QueryRunner, table: TransactionTable, asked: Asked4, running: RunningQuery, form: StreamFormat
) -> Iterator[Head | bytes]:
    """The answer: how it begins, once the first result is there or its error, then its bytes. Runs in a worker."""
    try:
        try:
            results, transaction = start(runner, table, asked, running)
        except Exception as error:  # noqa: BLE001 - the edge of a request
            content, status = refusal(form, known(error))
            yield Head(status, {})
            yield content
            return
        yield Head(200, {} if transaction is None else {"X-Transaction-Id": transaction})
        yield from stream_of(form, results, running)
    finally:
        runner.registry.finish(running)


async def flow(stream: WorkerStream[Head | bytes], running: RunningQuery) -> AsyncIterator[bytes]:
    """The bytes of a long answer as they come."""
    try:
        while not stream.finished.done() or stream.chunks:
            while stream.chunks:
                for piece in stream.chunks[0]:
                    assert isinstance(piece, bytes)
                    yield piece
                stream.sent()
            await stream.progress()
        for piece in await stream.rest():
            assert isinstance(piece, bytes)
            yield piece
    except BaseException:
        running.cancelled.set()
        await stream.abandon()
        raise
    finally:
        stream.close()


def start(
    runner: QueryRunner, table: TransactionTable, asked: Asked4, running: RunningQuery
) -> tuple[Iterator[BulkedValue], str | None]:
    """Begin to run a request: its first result is there, or its error raised."""
    scripts = parse(asked.query.gremlin) if isinstance(asked.query.gremlin, str) and "tx" in asked.query.gremlin else []
    command = transaction_command(scripts[0].traversal) if len(scripts) == 1 else None
    if command == "begin":
        if asked.transaction:
            raise BadRequest("begin takes no transactionId: the service makes it")
        runner.engine("g", {"g": asked.source})
        id = table.begin(asked.source)
        return iter([BulkedValue({"transactionId": id})]), id
    if command is not None:
        if not asked.transaction:
            raise BadRequest(f"{command} needs the transactionId that begin gave")
        session = table.end(asked.transaction)
        with session.lock:
            session.commit() if command == "commit" else session.rollback()
        return iter(()), asked.transaction
    session_or_none = table.use(asked.transaction, asked.source) if asked.transaction else None
    results = runner.results(asked.query, running, session_or_none)
    head = next(results, None)
    return (iter(()) if head is None else resumed(head, results)), asked.transaction


def resumed(head: BulkedValue, rest: Iterator[BulkedValue]) -> Iterator[BulkedValue]:
    """An iterator with its first element put back; closing it closes the rest."""
    try:
        yield head
        yield from rest
    finally:
        close(rest)


def stream_of(form: StreamFormat, results: Iterator[BulkedValue], running: RunningQuery) -> Iterator[bytes]:
    """The answer in pieces; the closing status carries an error that comes after the first piece."""
    buffer = bytearray(form.head())
    try:
        for traverser in results:
            for data in form.item(traverser):
                buffer += data
                if len(buffer) >= PIECE_BYTES:
                    running.check()
                    yield bytes(buffer)
                    buffer.clear()
        buffer += form.tail(200)
    except GeneratorExit:
        close(results)
        raise
    except Exception as error:  # noqa: BLE001 - the edge of a request
        failure = known(error)
        buffer += form.tail(failure.status, failure.message, failure.code)
    yield bytes(buffer)
