"""What graphs take on disk, and rebuilding what they are kept in: a new snapshot for the old one and its log."""

from __future__ import annotations

import logging
import os
import threading
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from workflow.errors import InvalidParameter, UnsupportedOperation, WorkflowError
from workflow.graphs.store.persistence import GraphFolder
from workflow.graphs.store.store import EmbeddedGraph
from workflow.neptune.engine import (
    Nothing,
    OneRebuild,
    RebuildCancelled,
    RebuildList,
    RebuildStarted,
    RebuildStatus,
    StartRebuild,
    StorageInfo,
)
from workflow.server.neptune.routes import ApiCall
from workflow.server.services import Services

_log = logging.getLogger(__name__)


@dataclass
class Rebuild:
    """One rebuild of every graph, one after the other; ``done`` counts them."""

    request: StartRebuild
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: str = "PREPARING"
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    ended: datetime | None = None
    done: int = 0
    failure: str | None = None

    @property
    def concurrency(self) -> int:
        """As asked, at most the processors there are."""
        return min(self.request.concurrency, os.cpu_count() or 1)


class StorageOperations:
    """Handlers over the graphs of a service that are kept in folders."""

    def __init__(self, services: Services) -> None:
        self._stopping = services.stopping
        self._kept: dict[int, tuple[EmbeddedGraph, GraphFolder]] = {}
        for graph in services.graphs.values():
            if isinstance(graph, EmbeddedGraph) and isinstance(graph.journal, GraphFolder):
                self._kept[id(graph)] = graph, graph.journal
        self._lock = threading.Lock()  # guards _rebuilds and the state of each
        self._rebuilds: dict[str, Rebuild] = {}

    def info(self, request: Nothing, call: ApiCall) -> StorageInfo:
        """Bytes of the folders now: the property graph's columns and adjacency, and its change log."""
        self._check()
        total = snapshots = logs = elements = commits = 0
        for graph, journal in self._kept.values():
            sizes = {path.name: _bytes(path) for path in journal.folder.iterdir() if path.is_file()}
            total += sum(sizes.values())
            snapshots += sum(size for name, size in sizes.items() if name.startswith(("snapshot-", "segment-")))
            logs += sum(size for name, size in sizes.items() if name.startswith("log-"))
            elements += graph.vertex_count() + graph.edge_count()
            commits += journal.last()[0]
        return {
            "totalStorageBytesUsed": total,
            "quads": {"PG": {"SPOG": {"sizeInBytes": snapshots, "count": elements}}},
            "streams": {"sizeInBytes": logs, "count": commits},
            "internals": {"sizeInBytes": total - snapshots - logs, "count": len(self._kept)},
        }

    def start(self, request: StartRebuild, call: ApiCall) -> RebuildStarted:
        """Begin one; a client token that was used gets the rebuild that it began."""
        self._check()
        with self._lock:
            token = request.client_token
            same = [rebuild for rebuild in self._rebuilds.values() if token and rebuild.request.client_token == token]
            if not same and any(rebuild.ended is None for rebuild in self._rebuilds.values()):
                raise InvalidParameter("a rebuild is running; wait until it has ended, or cancel it")
            rebuild = same[0] if same else Rebuild(request)
            if not same:
                self._rebuilds[rebuild.id] = rebuild
                threading.Thread(target=self._run, args=(rebuild,), name="index-rebuild", daemon=True).start()
            return {
                "status": rebuild.status,
                "rebuildId": rebuild.id,
                "scope": rebuild.request.scope,
                "concurrency": rebuild.concurrency,
                "writeBufferSize": rebuild.request.write_buffer,
            }

    def list(self, request: Nothing, call: ApiCall) -> RebuildList:
        """Ids since the service began, newest first."""
        with self._lock:
            return {"rebuildIds": [*reversed(self._rebuilds)]}

    def status(self, request: OneRebuild, call: ApiCall) -> RebuildStatus:
        rebuild = self._find(request.rebuild_id)
        with self._lock:
            answer: RebuildStatus = {
                "status": rebuild.status,
                "scope": rebuild.request.scope,
                "concurrency": rebuild.concurrency,
                "writeBufferSize": rebuild.request.write_buffer,
                "startTime": rebuild.started.isoformat(timespec="milliseconds"),
                "progressPercentage": 100 * rebuild.done // max(1, len(self._kept)),
            }
            if rebuild.ended is not None:
                answer["endTime"] = rebuild.ended.isoformat(timespec="milliseconds")
            if rebuild.failure is not None:
                answer["failureReason"] = rebuild.failure
        return answer

    def cancel(self, request: OneRebuild, call: ApiCall) -> RebuildCancelled:
        """Stop after the graph whose turn it is: what is rebuilt stays. Raises InvalidParameter when it has ended."""
        rebuild = self._find(request.rebuild_id)
        with self._lock:
            if rebuild.ended is not None:
                raise InvalidParameter(f"the rebuild {rebuild.id} has ended already ({rebuild.status})")
            rebuild.status = "CANCELLING"
            return {
                "status": rebuild.status,
                "concurrency": rebuild.concurrency,
                "writeBufferSize": rebuild.request.write_buffer,
            }

    def _run(self, rebuild: Rebuild) -> None:
        try:
            for graph, journal in self._kept.values():
                with self._lock:
                    if rebuild.status == "CANCELLING" or self._stopping.is_set():
                        break
                    rebuild.status = "REBUILDING"
                journal.compact(graph)
                with self._lock:
                    rebuild.done += 1
            failure = None
        except Exception as error:  # noqa: BLE001 - the edge of a thread: whatever happened is its reason
            _log.exception("the rebuild %s failed", rebuild.id)
            failure = error.message if isinstance(error, WorkflowError) else f"{type(error).__name__}: {error}"
        with self._lock:
            whole = rebuild.done == len(self._kept)
            rebuild.status = "FAILED" if failure else "COMPLETED" if whole else "CANCELLED"
            rebuild.failure, rebuild.ended = failure, datetime.now(UTC)

    def _find(self, id: str) -> Rebuild:
        with self._lock:
            found = self._rebuilds.get(id)
        if found is None:
            raise InvalidParameter(f"there is no rebuild {id[:100]!r}; GET /storage/indexes/rebuilds lists them")
        return found

    def _check(self) -> None:
        if not self._kept:
            raise UnsupportedOperation("this service keeps no graph on disk, so there is nothing to measure or rebuild")


def _bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # a log or snapshot that was replaced this moment
        return 0


def handlers(services: Services) -> StorageOperations:
    """Those of a service."""
    return StorageOperations(services)
