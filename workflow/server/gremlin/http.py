"""HTTP ``/gremlin`` and below: queries in every form clients send them, running queries, plans and profiles."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Final

from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, PlainTextResponse, Response

from workflow.errors import (
    AccessDenied,
    BadRequest,
    MemoryLimitExceeded,
    MissingParameter,
)
from workflow.graphs.elements import BulkedValue
from workflow.gremlin.lang import Script, parse
from workflow.gremlin.traversal import P, Traversal
from workflow.gremlin.wire import GRAPHSON_V3_UNTYPED, MIME_TYPES, Codec, Dialect, Request, codec_for
from workflow.gremlin.wire.codecs import CODECS, Items, normal_mime
from workflow.gremlin.wire.graphson.reader import GraphSONReader, load
from workflow.neptune.responses import DETAILS_HEADER
from workflow.predictions.reasons import reasons
from workflow.queries.running import RunningQuery
from workflow.server.access.budget import Budget, address_of
from workflow.server.access.origins import allows_origin
from workflow.server.errors import error_response
from workflow.server.gremlin.error_statuses import BadMessage, StatusCode
from workflow.server.gremlin.execution import QueryRequest, QueryRunner, answer_options
from workflow.server.gremlin.http4 import LARGE_BODY, TransactionTable, is_version_4, respond_version_4
from workflow.server.gremlin.protocol import knows_no_offsets, materializes, query_of
from workflow.server.gremlin.reports import Serialization, explain_text, profile_text
from workflow.server.neptune.bodies import body_of, flag, members_of, number, read_body
from workflow.server.query_failures import known
from workflow.server.running_queries import in_worker, is_true, status_answer
from workflow.server.services import Services

MAX_BODY: Final = 64 * 1024 * 1024
MOST_ANSWER: Final = 256 * 1024 * 1024  # held in memory until it is whole
WORKERS: Final = 64
REASONS: Final = "reasons"  # the attribute of an answer that says why it is empty


def handlers(services: Services) -> GremlinHandlers:
    """The handlers that the table of operations names."""
    settings = services.settings
    runner = QueryRunner(services.engines, settings.profile, services.queries, settings.query_timeout_ms)
    return GremlinHandlers(runner, own_hosts=(settings.host, *settings.allowed_hosts), budget=services.budget)


@dataclass(frozen=True, slots=True)
class Asked:
    """A query over HTTP: what it asks, how to answer, and whose request it is; ``details``: say why it is empty."""

    query: QueryRequest
    codec: Codec
    request_id: uuid.UUID
    args: Mapping[str, Any]
    traversers: bool = False
    details: bool = False


class GremlinHandlers:
    """The handlers, over one runner and its worker threads."""

    def __init__(self, runner: QueryRunner, *, own_hosts: tuple[str, ...] = (), budget: Budget | None = None) -> None:
        self.runner = runner
        self.budget = budget or Budget()
        self.own_hosts = own_hosts
        self.workers = ThreadPoolExecutor(WORKERS, thread_name_prefix="gremlin-http")
        self.transactions = TransactionTable(runner)

    async def query(self, request: HttpRequest) -> Response:
        """``/gremlin``: JSON or form, gremlinpython's frame, a RequestMessage, or TinkerPop 4.

        What comes by GET or HEAD only reads, as HTTP has it: a link on a page must not be able to write.
        """
        self._admit(request)
        body = await read_body(request, MAX_BODY)
        headers = request.headers
        if request.method == "POST" and is_version_4(headers.get("content-type", ""), headers.get("accept", "")):
            account = self.budget.account(address_of(request.scope))
            return await respond_version_4(self.runner, self.transactions, self.workers, request, body, account)
        request_id = uuid.uuid4()
        try:
            if len(body) < LARGE_BODY:
                asked = asked_of(request, body)
            else:
                asked = await asyncio.get_running_loop().run_in_executor(self.workers, asked_of, request, body)
            if request.method != "POST":
                asked = replace(asked, query=replace(asked.query, read_only=True))
            request_id = asked.request_id
            asked = replace(asked, details=flag(headers, DETAILS_HEADER))
            running = self.runner.registry.accept(asked.query.text, str(asked.args.get("queryId") or request_id))
            legacy = self.runner.profile == "neptune" or knows_no_offsets(headers.get("user-agent", ""))
            content = await in_worker(self.workers, request, running, lambda: self._answer(asked, running, legacy))
        except Exception as error:  # noqa: BLE001 - the edge of a request
            failure = known(error)
            return error_response(failure.code, failure.status, failure.message, str(request_id))
        return Response(content, media_type=asked.codec.mime)

    def _answer(self, asked: Asked, running: RunningQuery, legacy_dates: bool) -> bytes:
        try:
            args = {**asked.args, **answer_options(asked.query)}
            items = asked.codec.items(Dialect(materializes(args, custom=True), legacy_dates))
            for traverser in self.runner.results(asked.query, running):
                before = items.size
                if asked.traversers:
                    items.add_traverser(traverser.value, traverser.bulk)
                else:
                    items.add(traverser.value)
                copies = 1 if asked.traversers else traverser.bulk
                if before + (items.size - before) * copies > MOST_ANSWER:
                    raise MemoryLimitExceeded(
                        f"The answer is larger than {MOST_ANSWER >> 20} MiB; ask for less with limit(), or over "
                        "WebSocket, which sends it piece by piece"
                    )
                if copies > 1:
                    items.repeat(copies - 1)
            because = self._reasons(asked.query) if asked.details and not items.count else []
            told = {REASONS: because} if because else None
            return asked.codec.response(asked.request_id, StatusCode.SUCCESS, "", told, *items.take())
        finally:
            self.runner.registry.finish(running)

    def _reasons(self, query: QueryRequest) -> list[str]:
        """Why a query found nothing; of bytecode it is not said."""

        def run(text: str) -> list[Any]:
            running = self.runner.registry.accept(text)
            try:
                asked = replace(query, gremlin=text, read_only=True)
                return [traverser.value for traverser in self.runner.results(asked, running)]
            finally:
                self.runner.registry.finish(running)

        return reasons(run, query.gremlin) if isinstance(query.gremlin, str) else []

    async def status(self, request: HttpRequest) -> Response:
        """``/gremlin/status``: list, one query, cancel; by path as boto3 sends it or by form as graph-notebook does."""
        self._admit(request)
        fields = await fields_of(request)
        id = request.path_params.get("queryId") or ""
        return JSONResponse(status_answer(self.runner.registry, request.method, id, fields))

    async def explain(self, request: HttpRequest) -> Response:
        """``/gremlin/explain``: the plan of a query, which is not run."""
        self._admit(request)
        text = gremlin_text(await fields_of(request))
        running = self.runner.registry.accept(text)

        def work() -> str:
            try:
                script = only_statement(text)
                engine = self.runner.engine(script.source_name, {})
                return explain_text(text, engine.explain(script.traversal), count_predicates(script.traversal))
            finally:
                self.runner.registry.finish(running)

        return PlainTextResponse(await in_worker(self.workers, request, running, work))

    async def profile(self, request: HttpRequest) -> Response:
        """``/gremlin/profile``: run a query and tell what each step cost."""
        self._admit(request)
        fields = await fields_of(request)
        text = gremlin_text(fields)
        query = QueryRequest(text, read_only=request.method != "POST")
        running = self.runner.registry.accept(text)
        return PlainTextResponse(
            await in_worker(self.workers, request, running, lambda: self._profile(query, fields, running))
        )

    def _profile(self, query: QueryRequest, fields: Mapping[str, Any], running: RunningQuery) -> str:
        running.begin()
        text = query.text()
        try:
            codec = codec_for(str(fields.get("profile.serializer") or "")) or CODECS[GRAPHSON_V3_UNTYPED]
            script = only_statement(text)
            engine = self.runner.engine(script.source_name, {})
            items = codec.items(Dialect(True, True))
            shown = Shown(items, number(fields, "profile.chop", 250, 0, 1 << 31))
            options = self.runner.options(query, script.traversal, running)
            result = engine.profile(script.traversal, options, shown.take)
            data, count = items.take()
            answer = codec.response(uuid.uuid4(), StatusCode.SUCCESS, "", None, data, count)
            output = shown.text() if is_true(fields.get("profile.results", True)) else ""
            sent = Serialization(result.results, shown.seconds, len(answer), codec.mime, output)
            return profile_text(
                text,
                result.plan,
                result.metrics,
                count_predicates(script.traversal),
                sent,
                index_ops=is_true(fields.get("profile.indexOps")),
            )
        finally:
            self.runner.registry.finish(running)

    def _admit(self, request: HttpRequest) -> None:
        if not allows_origin(request.scope["headers"], self.own_hosts):
            raise AccessDenied("A page of another origin may not use this service")


class Shown:
    """The results of a profiled query: encoded to be weighed, and the beginning of them as text.

    Args:
        chop: characters of text to keep; 0 keeps all.
    """

    def __init__(self, items: Items, chop: int) -> None:
        self.seconds = 0.0
        self._items = items
        self._chop = chop
        self._texts: list[str] = []
        self._length = 0

    def take(self, traverser: BulkedValue) -> None:
        started = time.perf_counter()
        self._items.add(traverser.value)
        if traverser.bulk > 1:
            self._items.repeat(traverser.bulk - 1)
        self.seconds += time.perf_counter() - started
        if not self._chop or self._length <= self._chop:
            self._texts.append(str(traverser.value))
            self._length += len(self._texts[-1]) + 2

    def text(self) -> str:
        whole = "[" + ", ".join(self._texts) + "]"
        return whole[: self._chop] + "..." if self._chop and len(whole) > self._chop else whole


async def fields_of(request: HttpRequest) -> dict[str, Any]:
    """Query parameters, then the members of a JSON or form body, whatever its Content-Type says."""
    return {**request.query_params, **await body_of(request, MAX_BODY)}


def asked_of(request: HttpRequest, body: bytes) -> Asked:
    """The query of a 3.x request, whatever its form; raises BadRequest and kin."""
    content_type = normal_mime(request.headers.get("content-type", ""))
    framed = body[:1] and 1 + body[0] <= len(body) and normal_mime(body[1 : 1 + body[0]].decode("latin-1"))
    if framed in MIME_TYPES:  # gremlinpython over http://: the frame of a WebSocket as body
        codec = CODECS[str(framed)]
        return asked_by_message(codec.read_request(body, 1 + body[0]), codec)
    own = CODECS.get(content_type)
    if own is not None and (own.binary or b'"requestId"' in body[:200]):
        return asked_by_message(own.read_request(body), own)
    fields: dict[str, Any] = dict(request.query_params)
    if body.strip():
        fields.update(GraphSONReader().members(load(body)) if body.lstrip()[:1] == b"{" else members_of(body))
    text = gremlin_text(fields)
    codec = accepted_codec(request.headers.get("accept", ""))
    message = Request(uuid.uuid4(), "eval", "", {**fields, "gremlin": text})
    return Asked(query_of(message), codec, message.id, message.args)


def asked_by_message(message: Request, codec: Codec) -> Asked:
    """The query of a request message; sessions need a connection that lasts."""
    if message.op not in ("eval", "bytecode") or message.processor == "session":
        raise BadMessage(f"op [{message.op}] of processor [{message.processor}] is not served over HTTP")
    return Asked(query_of(message), codec, message.id, message.args, message.op == "bytecode")


def accepted_codec(accept: str) -> Codec:
    """The first format of an Accept header that we write; raises BadRequest where there is none."""
    if not accept.strip():
        return CODECS[GRAPHSON_V3_UNTYPED]
    for part in accept.split(","):
        codec = codec_for(part)
        if codec is not None:
            return codec
    raise BadRequest(f"No format of the Accept header {accept!r} is served; served are {', '.join(MIME_TYPES)}")


def only_statement(text: str) -> Script:
    """The one traversal that can be explained or profiled at a time. Raises BadRequest where there are several."""
    script, *others = parse(text)
    if others:
        raise BadRequest(f"The query has {1 + len(others)} statements; explain and profile take one at a time")
    return script


def gremlin_text(fields: Mapping[str, Any]) -> str:
    text = fields.get("gremlin")
    if not isinstance(text, str) or not text.strip():
        raise MissingParameter('The query is missing: send {"gremlin": "g.V().limit(1)"}')
    return text


def count_predicates(value: Any) -> int:
    """How many predicates a traversal asks for, children included: what the clients' summary shows."""
    if isinstance(value, Traversal):
        return sum(count_predicates(arg) for call in value.steps for arg in call.args)
    if isinstance(value, P):
        return sum(map(count_predicates, value.args)) if value.name in ("and", "or", "not") else 1
    return 0
