"""Status, fast reset, statistics, summary and change log: the operations over a service's own graph."""

from __future__ import annotations

import platform
import secrets
import threading
import time
from contextlib import nullcontext
from typing import Any, Final

from workflow import __version__
from workflow.errors import InvalidParameter, MissingParameter, UnsupportedOperation
from workflow.graphs.store.journal.stream import read_stream
from workflow.graphs.store.statistics import GraphStatistics
from workflow.neptune.engine import (
    EngineStatus,
    FastReset,
    GetStream,
    GetSummary,
    ManageStatistics,
    Nothing,
    ResetAnswer,
    StatisticsDeleted,
    StatisticsManaged,
)
from workflow.server.neptune.routes import ApiCall, at_once
from workflow.server.services import Services

GREMLIN_VERSION: Final = "tinkerpop-3.8.1"
CYPHER_VERSION: Final = "Neptune-9.0.20190305-1.0"
TOKEN_LIFE_S: Final = 3600.0
_OK: Final = "200 OK"


class EngineOperations:
    """Handlers of operations on the graphs of a service; some refuse where the graph is a remote database."""

    def __init__(self, services: Services) -> None:
        self._services = services
        graph: Any = services.graphs.get("g")
        self._graph = graph
        self._statistics = GraphStatistics(graph) if graph is not None else None
        self._status = engine_status(services)
        self._lock = threading.Lock()  # guards the token
        self._token: tuple[str, float] | None = None

    @at_once
    def status(self, request: Nothing, call: ApiCall) -> EngineStatus:
        graphs = self._services.graphs.items()
        troubles = {f"trouble.{name}": graph.trouble for name, graph in graphs if graph.trouble}
        return {**self._status, "settings": {**self._status["settings"], **troubles}} if troubles else self._status

    def reset(self, request: FastReset, call: ApiCall) -> ResetAnswer:
        """The two steps of emptying every graph: a token, then the token given back."""
        self._own()
        match request.action:
            case "initiateDatabaseReset":
                with self._lock:
                    self._token = (secrets.token_hex(16), time.monotonic() + TOKEN_LIFE_S)
                    return {"status": _OK, "payload": {"token": self._token[0]}}
            case "performDatabaseReset":
                self._spend(request.token or "")
                self._empty()
                return {"status": _OK}
            case other:
                known = "use initiateDatabaseReset or performDatabaseReset"
                raise InvalidParameter(f"action {other[:80]!r} is unknown; {known}")

    def _empty(self) -> None:
        loads = self._services.loads
        with nullcontext() if loads is None else loads.emptying():
            for graph in {id(graph): graph for graph in self._services.graphs.values()}.values():
                graph.reset()

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

    def describe(self, request: Nothing, call: ApiCall) -> dict[str, Any]:
        return {"status": _OK, "payload": self._own().describe()}

    def manage(self, request: ManageStatistics, call: ApiCall) -> StatisticsManaged:
        statistics = self._own()
        if request.mode is None:
            raise MissingParameter("mode is required: disableAutoCompute, enableAutoCompute or refresh")
        if request.mode == "refresh":
            return {"status": _OK, "payload": {"statisticsId": statistics.refresh()}}
        statistics.set_auto(request.mode == "enableAutoCompute")
        return {"status": _OK, "payload": {}}

    def delete(self, request: Nothing, call: ApiCall) -> StatisticsDeleted:
        self._own().delete()
        return {"status": _OK, "payload": {"active": False, "statisticsId": "-1"}}

    def summary(self, request: GetSummary, call: ApiCall) -> dict[str, Any]:
        return {"status": _OK, "payload": self._own().summary(request.mode == "detailed")}

    def stream(self, request: GetStream, call: ApiCall) -> dict[str, Any]:
        self._own()
        place = (1, 1)  # ignored otherwise
        if request.iterator.endswith("SEQUENCE_NUMBER"):
            if request.commit is None:
                # not MissingParameter, which the model does not list for the stream
                raise InvalidParameter(
                    f"commitNum is required for {request.iterator}; TRIM_HORIZON begins at the beginning"
                )
            place = (request.commit, request.operation)
        form = "GREMLIN_JSON" if call.path.startswith("/gremlin") else "PG_JSON"
        # never compressed: boto3 can ask for gzip and not read it
        return read_stream(self._graph.journal, request.iterator, request.limit, *place, form)

    def _own(self) -> GraphStatistics:
        if self._statistics is None:
            raise UnsupportedOperation("this service keeps no graph of its own; ask the database it stands in front of")
        return self._statistics


def handlers(services: Services) -> EngineOperations:
    """Those of a service."""
    return EngineOperations(services)


def engine_status(services: Services) -> EngineStatus:
    """What ``/status`` says while nothing is wrong; the languages listed are those this service speaks."""
    started = time.gmtime(services.started_ms / 1000)
    answer: EngineStatus = {
        "status": "healthy",
        "startTime": time.strftime("%a %b %d %H:%M:%S UTC %Y", started),
        "dbEngineVersion": f"despina-{__version__}",
        "role": "writer",
        "dfeQueryEngine": "disabled",
        "gremlin": {"version": GREMLIN_VERSION},
        "labMode": {},
        "features": {
            "SlowQueryLogs": "disabled",
            "ResultCache": {"status": "disabled"},
            "IAMAuthentication": "enabled" if services.settings.access_keys else "disabled",
            "Streams": "disabled"
            if services.settings.gremlin_url
            else "enabled",  # those of a database behind are its own
            "AuditLog": "disabled",
        },
        "settings": {
            "clusterQueryTimeoutInMs": str(services.settings.query_timeout_ms),
            "profile": services.settings.profile,
            # where clients on this machine find what s3:// addresses mean
            "storage": "s3" if services.settings.storage == "s3" else str(services.settings.s3_root.absolute()),
            "python": platform.python_version(),
        },
    }
    if services.cypher:
        answer["opencypher"] = {"version": CYPHER_VERSION}
    return answer
