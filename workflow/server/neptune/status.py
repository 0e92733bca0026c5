"""The engine's own endpoints: status, fast reset, statistics, summary, the change stream, and what is not offered."""

from __future__ import annotations

import platform
import secrets
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from workflow import __version__
from workflow.errors import InvalidParameter, MissingParameter, UnsupportedOperation
from workflow.graphs.store.statistics import GraphStatistics
from workflow.graphs.store.stream import read_stream
from workflow.server.neptune.bodies import body_of, number
from workflow.server.services import Services

GREMLIN_VERSION: Final = "tinkerpop-3.8.1"
TOKEN_LIFE_S: Final = 3600.0
STARTS: Final = ("AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER", "TRIM_HORIZON", "LATEST")
_SPARQL_PATHS: Final = (
    "/sparql",
    "/sparql/status",
    "/sparql/status/{id:path}",
    "/sparql/explain",
    "/sparql/stream",
    "/sparql/gsp",
    "/sparql/gsp/",
    "/sparql/statistics",
    "/sparql/statistics/summary",
    "/rdf/statistics",
    "/rdf/statistics/summary",
    "/rdf/stream",
)
_CYPHER_PATHS: Final = tuple(
    f"/{name}{rest}"
    for name in ("openCypher", "opencypher")
    for rest in ("", "/status", "/status/{id:path}", "/explain")
)
_STORAGE_PATHS: Final = (
    "/storage/info",
    "/storage/indexes/rebuilds",
    "/storage/indexes/rebuilds/{id:path}",
)
_REFUSED: Final = {
    **dict.fromkeys(_SPARQL_PATHS, "SPARQL is not offered by this service; query the graph with Gremlin"),
    **dict.fromkeys(_CYPHER_PATHS, "openCypher is not offered by this service; query the graph with Gremlin"),
    **dict.fromkeys(_STORAGE_PATHS, "this service has no indexes to rebuild, and its storage is a folder of its home"),
}


class FastReset:
    """The two steps of emptying every graph: a token, then the token given back."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._lock = threading.Lock()
        self._token: tuple[str, float] | None = None

    def act(self, body: dict[str, Any]) -> dict[str, Any]:
        """Raises MissingParameter or InvalidParameter."""
        action = str(body.get("action") or "")
        if action == "initiateDatabaseReset":
            with self._lock:
                self._token = (secrets.token_hex(16), time.monotonic() + TOKEN_LIFE_S)
                return {"status": "200 OK", "payload": {"token": self._token[0]}}
        if action == "performDatabaseReset":
            self._spend(str(body.get("token") or ""))
            for graph in {id(graph): graph for graph in self._services.graphs.values()}.values():
                graph.reset()
            if self._services.loads is not None:
                for source in self._services.graphs:
                    self._services.loads.forget(source)
            return {"status": "200 OK"}
        if not action:
            raise MissingParameter("action is required: initiateDatabaseReset or performDatabaseReset")
        raise InvalidParameter(f"action {action[:80]!r} is unknown; use initiateDatabaseReset or performDatabaseReset")

    def _spend(self, token: str) -> None:
        if not token:
            raise MissingParameter("token is required; initiateDatabaseReset gives one")
        with self._lock:
            held = self._token
            if (
                held is None
                or time.monotonic() > held[1]
                or not secrets.compare_digest(token.encode(errors="replace"), held[0].encode())
            ):
                raise InvalidParameter(
                    f"System command parameter 'token' : '{token[:80]}' does not match database reset token"
                )
            self._token = None


def routes(services: Services) -> list[BaseRoute]:
    """All of them; a service without a graph of its own answers what needs one with UnsupportedOperationException."""
    reset = FastReset(services)
    graph: Any = services.graphs.get("g")
    statistics = GraphStatistics(graph) if hasattr(graph, "journal") else None

    async def status(request: Request) -> Response:
        return JSONResponse(engine_status(services))

    async def system(request: Request) -> Response:
        body = await body_of(request) or dict(request.query_params)
        _own(statistics)
        return await _answer(partial(reset.act, body))

    async def get_statistics(request: Request) -> Response:
        return await _payload(_own(statistics).describe)

    async def manage_statistics(request: Request) -> Response:
        mode = str((await body_of(request)).get("mode") or "")
        found = _own(statistics)
        if not mode:
            raise MissingParameter("mode is required: disableAutoCompute, enableAutoCompute or refresh")
        if mode == "refresh":
            return await _payload(lambda: {"statisticsId": found.refresh()})
        if mode not in ("disableAutoCompute", "enableAutoCompute"):
            raise InvalidParameter(f"mode {mode[:80]!r}: use disableAutoCompute, enableAutoCompute or refresh")
        await to_thread.run_sync(found.set_auto, mode == "enableAutoCompute")
        return JSONResponse({"status": "200 OK", "payload": {}})

    async def delete_statistics(request: Request) -> Response:
        await to_thread.run_sync(_own(statistics).delete)
        return JSONResponse({"status": "200 OK", "payload": {"active": False, "statisticsId": "-1"}})

    async def summary(request: Request) -> Response:
        mode = request.query_params.get("mode") or "basic"
        if mode not in ("basic", "detailed"):
            raise InvalidParameter(f"mode {mode[:80]!r}: use basic or detailed")
        return await _payload(partial(_own(statistics).summary, mode == "detailed"))

    async def stream(request: Request) -> Response:
        _own(statistics)
        query = request.query_params
        start: Any = query.get("iteratorType") or "AT_SEQUENCE_NUMBER"
        if start not in STARTS:
            raise InvalidParameter(f"iteratorType {start[:80]!r}: use one of {', '.join(STARTS)}")
        if start.endswith("SEQUENCE_NUMBER") and not query.get("commitNum"):
            # not MissingParameter, which the model does not list for the stream
            raise InvalidParameter(f"commitNum is required for {start}; TRIM_HORIZON begins at the beginning")
        limit = number(query, "limit", 10, 1, 100_000)
        place = (1, 1)
        if start.endswith("SEQUENCE_NUMBER"):  # ignored otherwise
            place = number(query, "commitNum", 1, 0, 1 << 53), number(query, "opNum", 1, 0, 1 << 53)
        form = "GREMLIN_JSON" if request.url.path.startswith("/gremlin") else "PG_JSON"
        # never compressed: boto3 can ask for gzip and not read it
        return await _answer(partial(read_stream, graph.journal, start, limit, *place, form))

    found: list[BaseRoute] = [
        Route("/status", status, methods=["GET"]),
        Route("/system", system, methods=["POST"]),
        Route("/gremlin/stream", stream, methods=["GET"]),
    ]
    for prefix in ("/propertygraph", "/pg"):
        found += [
            Route(f"{prefix}/statistics", get_statistics, methods=["GET"]),
            Route(f"{prefix}/statistics", manage_statistics, methods=["POST"]),
            Route(f"{prefix}/statistics", delete_statistics, methods=["DELETE"]),
            Route(f"{prefix}/statistics/summary", summary, methods=["GET"]),
            Route(f"{prefix}/stream", stream, methods=["GET"]),
        ]
    every = ["GET", "POST", "PUT", "DELETE"]
    return found + [Route(path, _refusal(why), methods=every) for path, why in _REFUSED.items()]


def engine_status(services: Services) -> dict[str, Any]:
    """What ``/status`` says; the languages listed are those this service speaks."""
    started = time.gmtime(services.started_ms / 1000)
    return {
        "status": "healthy",
        "startTime": time.strftime("%a %b %d %H:%M:%S UTC %Y", started),
        "dbEngineVersion": f"despina-{__version__}",
        "role": "writer",
        "dfeQueryEngine": "disabled",
        "gremlin": {"version": GREMLIN_VERSION},
        "labMode": {},
        "features": {"Streams": {"status": "enabled"}, "AuditLog": {"status": "disabled"}},
        "settings": {
            "clusterQueryTimeoutInMs": str(services.settings.query_timeout_ms),
            "profile": services.settings.profile,
            # where clients on this machine find what s3:// addresses mean
            "storage": "s3" if services.settings.storage == "s3" else str(services.settings.s3_root.absolute()),
            "python": platform.python_version(),
        },
    }


def _own(statistics: GraphStatistics | None) -> GraphStatistics:
    if statistics is None:
        raise UnsupportedOperation("this service keeps no graph of its own; ask the database it stands in front of")
    return statistics


def _refusal(why: str) -> Callable[[Request], Any]:
    async def refuse(request: Request) -> Response:
        raise UnsupportedOperation(why)

    return refuse


async def _answer(work: Callable[[], dict[str, Any]]) -> Response:
    """The JSON answer of blocking work, made in a worker thread: a page of the change log has megabytes."""
    return await to_thread.run_sync(lambda: JSONResponse(work()))


async def _payload(work: Callable[[], dict[str, Any]]) -> Response:
    return JSONResponse({"status": "200 OK", "payload": await to_thread.run_sync(work)})
