"""HTTP ``/openCypher`` and below, as Neptune has it: queries, plans, the queries that run."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, cast, get_args

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse

from workflow.errors import AccessDenied, CancelledByUser, InvalidParameter, MissingParameter
from workflow.queries.running import Caller, QueryRegistry, RunningQuery
from workflow.server.access.auth import AUTHENTICATED
from workflow.server.access.budget import Budget, address_of
from workflow.server.access.origins import allows_origin
from workflow.server.cypher.execution import CypherRequest, CypherRunner
from workflow.server.cypher.explain import ExplainMode, explain_html, explain_text
from workflow.server.cypher.json_values import parameters_of, row_json
from workflow.server.errors import error_body, error_response
from workflow.server.neptune.bodies import LARGE, body_of, members_of, read_body
from workflow.server.query_failures import known
from workflow.server.running_queries import in_worker, status_answer
from workflow.server.services import Services
from workflow.server.streams import WorkerStream

MAX_BODY: Final = 64 * 1024 * 1024
WORKERS: Final = 64
QUIET_S: Final = 1.0  # a query that takes longer is watched for a client that goes away
JSON_TYPE: Final = "application/json;charset=UTF-8"
PLAIN_QUERY: Final = "application/opencypher"
_MODES: Final[tuple[str, ...]] = get_args(ExplainMode)


def handlers(services: Services) -> CypherHandlers:
    """The handlers that the table of operations names."""
    settings = services.settings
    runner = CypherRunner(
        services.cypher,
        settings.profile,
        services.cypher_queries,
        settings.query_timeout_ms,
        ids="text",
        default_label="vertex" if settings.profile == "neptune" else None,
    )
    return CypherHandlers(runner, own_hosts=(settings.host, *settings.allowed_hosts), budget=services.budget)


@dataclass(frozen=True, slots=True)
class CypherCall:
    """A request as it was read: the query, how its plan is to be told where that is asked for, and its id."""

    query: CypherRequest
    mode: ExplainMode | None
    id: str


class CypherHandlers:
    """The handlers, over one runner and its worker threads."""

    def __init__(self, runner: CypherRunner, *, own_hosts: tuple[str, ...] = (), budget: Budget | None = None) -> None:
        self.runner = runner
        self.own_hosts = own_hosts
        self.budget = budget or Budget()
        self.workers = ThreadPoolExecutor(WORKERS, thread_name_prefix="opencypher")

    @property
    def _registry(self) -> QueryRegistry:
        return self.runner.registry

    async def query(self, request: Request) -> Response:
        """``/openCypher``: JSON, form, or a bare query; ``explain`` among the members asks for the plan.

        What comes by GET or HEAD only reads, as HTTP has it: a link on a page must not be able to write.
        """
        self._admit(request)
        asked = await self._asked(request)
        if asked.mode is not None:
            return await self._explained(request, asked.query, asked.mode)
        running = self._registry.accept(asked.query.text, asked.id)
        running.caller = _caller(request)
        stream = WorkerStream(
            self._pieces(asked.query, running), self.workers, self.budget.account(address_of(request.scope))
        )
        try:
            while not stream.finished.done() and not stream.chunks:
                await stream.progress(QUIET_S)
                if await request.is_disconnected():
                    running.cancelled.set()
            if stream.chunks:
                # once it has begun nothing but its end can say that it failed
                return StreamingResponse(_body(stream, running), media_type=JSON_TYPE)
            content = "".join(await stream.rest())
        except asyncio.CancelledError:
            running.cancelled.set()
            await stream.abandon()
            raise
        except Exception as error:  # noqa: BLE001 - the edge of a request
            await _end(stream, running)
            if _silent(error, running):
                return Response('{"results": []}', media_type=JSON_TYPE)
            failure = known(error)
            return error_response(failure.code, failure.status, failure.message, running.id)
        stream.close()
        return Response(content, media_type=JSON_TYPE)

    def _pieces(self, asked: CypherRequest, running: RunningQuery) -> Iterator[str]:
        """The body, row by row."""
        try:
            result = self.runner.result(asked, running)
            yield '{"results": ['
            separator = ""
            for row in result.rows:
                yield separator + row_json(row)
                separator = ", "
            silences = result.outcome.told
            yield f'], "warnings": {json.dumps(silences)}}}' if silences else "]}"
        finally:
            self._registry.finish(running)

    async def explain(self, request: Request) -> Response:
        """``/openCypher/explain``."""
        self._admit(request)
        asked = await self._asked(request, explained=True)
        return await self._explained(request, asked.query, asked.mode or "static")

    async def _explained(self, request: Request, asked: CypherRequest, mode: ExplainMode) -> Response:
        running = self._registry.accept(asked.text)
        running.caller = _caller(request)
        html = "text/html" in request.headers.get("accept", "")

        def work() -> str:
            try:
                result = self.runner.result(asked, running)
                if mode != "static":
                    for _ in result.rows:
                        pass
                write = explain_html if html else explain_text
                return write(asked.text, result, mode)
            finally:
                self._registry.finish(running)

        try:
            text = await in_worker(self.workers, request, running, work)
        except Exception as error:  # noqa: BLE001 - the edge of a request
            failure = known(error)
            return error_response(failure.code, failure.status, failure.message, running.id)
        return HTMLResponse(text) if html else PlainTextResponse(text)

    async def status(self, request: Request) -> Response:
        """``/openCypher/status``: list, one query, cancel; by path as boto3 asks, or by form as graph-notebook."""
        self._admit(request)
        fields = {**request.query_params, **await body_of(request, MAX_BODY)}
        id = request.path_params.get("queryId") or ""
        return JSONResponse(status_answer(self._registry, request.method, id, fields))

    async def _asked(self, request: Request, *, explained: bool = False) -> CypherCall:
        """What a request asks; what takes long to read is read in a worker."""
        body = await read_body(request, MAX_BODY)
        if len(body) < LARGE:
            return _asked(request, body, explained)
        return await asyncio.get_running_loop().run_in_executor(self.workers, _asked, request, body, explained)

    def _admit(self, request: Request) -> None:
        if not allows_origin(request.scope["headers"], self.own_hosts):
            raise AccessDenied("A page of another origin may not use this service")


def _caller(request: Request) -> Caller:
    client = request.client
    address = "" if client is None else f"{client.host}:{client.port}"
    return Caller(str(request.scope.get(AUTHENTICATED, "")), address)


def _asked(request: Request, body: bytes, explained: bool) -> CypherCall:
    """What the query parameters and the body ask, which may also be the query and nothing else.

    Raises BadRequest, MissingParameter, InvalidParameter and what the parameters raise.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() == PLAIN_QUERY:
        fields: dict[str, Any] = {**request.query_params, "query": body.decode(errors="replace")}
    else:
        fields = {**request.query_params, **members_of(body)}
    mode = None
    if fields.get("explain"):
        mode = str(fields["explain"]).lower()
        if mode not in _MODES:
            raise InvalidParameter(f"explain must be one of {', '.join(_MODES)}, not {mode[:40]!r}")
    elif explained:
        raise MissingParameter(f"explain is missing: it is one of {', '.join(_MODES)}")
    text = fields.get("query", fields.get("openCypherQuery"))
    if not isinstance(text, str) or not text.strip():
        raise MissingParameter('query is missing: send {"query": "MATCH (n) RETURN n LIMIT 1"}')
    query = CypherRequest(
        text,
        parameters_of(fields.get("parameters")),
        graph=str(fields.get("graph") or "g"),
        read_only=request.method not in ("POST",),
        measured=mode not in (None, "static"),
        user=str(request.scope.get(AUTHENTICATED, "")),
    )
    return CypherCall(query, cast("ExplainMode | None", mode), str(fields.get("queryId") or uuid.uuid4()))


async def _body(stream: WorkerStream[str], running: RunningQuery) -> AsyncIterator[str]:
    """A long answer as it comes; a failure is appended, as Neptune does, and leaves the body no JSON."""
    try:
        while not stream.finished.done() or stream.chunks:
            while stream.chunks:
                yield "".join(stream.chunks[0])
                stream.sent()
            await stream.progress()
        yield "".join(await stream.rest())
    except Exception as error:  # noqa: BLE001 - the edge of a request
        if _silent(error, running):
            yield "]}"
            return
        failure = known(error)
        yield "\n" + json.dumps(error_body(failure.code, failure.message, running.id))
    finally:
        await _end(stream, running)


async def _end(stream: WorkerStream[str], running: RunningQuery) -> None:
    """Nobody wants more of an answer."""
    if not stream.finished.done():
        running.cancelled.set()
        await stream.abandon()
    stream.close()


def _silent(error: Exception, running: RunningQuery) -> bool:
    return isinstance(error, CancelledByUser) and running.cancelled.silent
