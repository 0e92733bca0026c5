"""Bulk loads as a service: started, queued, listed, cancelled; run one at a time, and resumed after a restart."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any, BinaryIO, Final

from workflow.errors import AccessDenied, BadRequest, CancelledByUser, LoadUrlAccessDenied, StorageError, WorkflowError
from workflow.graphs.files.loading import FileLoader, FileReport, LoadRules
from workflow.jobs.load_store import UNFINISHED, Feed, Load, LoadError, LoadStatus, LoadStore
from workflow.runners.base import Capacity
from workflow.stages import estimates
from workflow.stages.bulkload import LoadRequest, in_order, parse_load
from workflow.storage import S3Uri, Storage

MOST_WAITING: Final = 64
CSV_ENDINGS: Final = (".csv", ".csv.gz", ".csv.bz2")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file to load; another version has other bytes."""

    address: str
    version: str
    size: int


class LoadFolders:
    """Where the files of a source lie: s3:// addresses through the storage, folders only where the operator said so."""

    def __init__(self, storage: Storage, allowed: tuple[Path, ...]) -> None:
        self._storage = storage
        self._allowed = tuple(folder.resolve() for folder in allowed)

    def files(self, source: str) -> list[SourceFile]:
        """Every file of a source, sorted. Raises StorageError or LoadUrlAccessDenied.

        Where some names end like CSV files the others are passed over: read-me files, configurations, reports.
        """
        found = list(self._folder(Path(source)) if source.startswith("/") else self._prefix(S3Uri.parse(source)))
        if not found:
            raise StorageError(f"there is nothing to load at {source}; check the address")
        return [file for file in found if file.address.lower().endswith(CSV_ENDINGS)] or found

    def open(self, address: str) -> BinaryIO:
        """A stream over one file. Raises StorageError or LoadUrlAccessDenied."""
        if not address.startswith("/"):
            return self._storage.open(S3Uri.parse(address))
        try:
            return self._confined(Path(address)).open("rb")
        except OSError as error:
            raise StorageError(f"{address} cannot be read: {error.strerror}") from error

    def _prefix(self, prefix: S3Uri) -> Iterator[SourceFile]:
        for info in self._storage.list(prefix):
            if not _hidden(info.uri.name):
                yield SourceFile(str(info.uri), f"{info.size}-{info.modified.isoformat()}", info.size)

    def _folder(self, path: Path) -> Iterator[SourceFile]:
        path = self._confined(path)
        paths = sorted(path.rglob("*")) if path.is_dir() else [path]
        for one in paths:
            if one.is_file() and not _hidden(one.name) and self._is_inside(one.resolve()):
                facts = one.stat()
                yield SourceFile(str(one), f"{facts.st_size}-{facts.st_mtime_ns}", facts.st_size)

    def _confined(self, path: Path) -> Path:
        real = path.resolve()
        if not self._is_inside(real):
            raise LoadUrlAccessDenied(
                f"{path} lies outside the folders this service may read; put the files under an s3:// address, "
                "or allow the folder in the service's settings"
            )
        return real

    def _is_inside(self, path: Path) -> bool:
        return any(path.is_relative_to(folder) for folder in self._allowed)


class LoadService:
    """Loads files into the service's graphs. Safe to share between threads.

    Args:
        store: where loads are kept.
        folders: what a source may name.
        loaders: by traversal source; ``g`` is loaded into unless a request names another in ``graph``.
        capacity: what memory and disk are free; a load that cannot fit is refused.
    """

    def __init__(
        self,
        store: LoadStore,
        folders: LoadFolders,
        loaders: Mapping[str, FileLoader],
        capacity: Callable[[], Capacity] = lambda: Capacity(None, None),
    ) -> None:
        self._capacity = capacity
        self._store = store
        self._folders = folders
        self._loaders = loaders
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._cancelled: set[str] = set()
        self._progress: dict[str, FileReport] = {}
        self._worker: threading.Thread | None = None

    # -- what the HTTP face calls
    def start(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Accept a load, or refuse it; the answer has its id, and the load survives a restart from here on."""
        request = parse_load(body)
        graph = str(body.get("graph") or "g")
        if graph not in self._loaders:
            raise BadRequest(f"there is no graph {graph[:80]!r}; these exist: {', '.join(self._loaders)}")
        listed = self._folders.files(request.source)
        with self._lock:
            waiting = self._store.ids(UNFINISHED)
            if waiting and not request.queue:
                raise BadRequest("Max concurrent load limit breached: a load is running; set queueRequest to TRUE")
            if len(waiting) >= MOST_WAITING:
                raise BadRequest(f"Max load queue size limit breached: {MOST_WAITING} loads are waiting")
            for dependency in request.dependencies:
                self._store.get(dependency)
            feeds = self._feeds(request, graph, listed)
            self._check_room(listed, feeds)
            load_id = str(uuid.uuid4())
            status: LoadStatus = "LOAD_IN_QUEUE" if waiting else "LOAD_NOT_STARTED"
            self._store.add(load_id, graph, request.source, dict(request.body), feeds, status)
        self._wake.set()
        return {"status": "200 OK", "payload": {"loadId": load_id}}

    def _check_room(self, listed: list[SourceFile], feeds: list[Feed]) -> None:
        """Raises TooLarge where the files that are still to be read cannot fit."""
        waiting = {feed.uri for feed in feeds if feed.status != "LOAD_COMPLETED"}
        needs = estimates.load_needs((file.address, file.size) for file in listed if file.address in waiting)
        free = self._capacity()
        estimates.check(needs, free.memory_bytes, free.disk_free_bytes, "Load fewer files, or use a larger machine.")

    def _feeds(self, request: LoadRequest, graph: str, listed: list[SourceFile]) -> list[Feed]:
        """The files to load; those a previous load of this source brought in whole are carried over when resuming."""
        done: dict[tuple[str, str], Feed] = {}
        before = self._store.before(graph, request.source) if request.mode != "NEW" else None
        if before is not None:
            held = self._store.get(before).feeds
            done = {(feed.uri, feed.version): feed for feed in held if feed.status == "LOAD_COMPLETED"}
        elif request.mode == "RESUME":
            raise BadRequest(f"there is no previous load of {request.source} to resume; use mode NEW or AUTO")
        return [
            replace(done[(file.address, file.version)], place=place)
            if (file.address, file.version) in done
            else Feed(place, file.address, file.version, "LOAD_NOT_STARTED")
            for place, file in enumerate(listed)
        ]

    def status(
        self, load_id: str, details: bool = False, errors: bool = False, page: int = 1, errors_per_page: int = 10
    ) -> dict[str, Any]:
        """A load as Neptune's loader reports it. Raises BulkLoadIdNotFound."""
        load = self._store.get(load_id)
        running = self._progress.get(load_id)
        feeds = [
            feed.with_report(running) if running is not None and feed.status == "LOAD_IN_PROGRESS" else feed
            for feed in load.feeds
        ]
        statuses = sorted(feed.status for feed in feeds)
        payload: dict[str, Any] = {
            "feedCount": [{status: len(list(same))} for status, same in groupby(statuses)],
            "overallStatus": _overall(load, feeds),
        }
        failed = [_feed(load, feed) for feed in feeds if feed.status not in (*UNFINISHED, "LOAD_COMPLETED")]
        if failed:
            payload["failedFeeds"] = failed
        if details:
            payload["feeds"] = [_feed(load, feed) for feed in feeds]
        if errors:
            first = (page - 1) * errors_per_page + 1
            logs = self._store.errors(load_id, first, errors_per_page)
            payload["errors"] = {
                "startIndex": first if logs else 0,
                "endIndex": first + len(logs) - 1 if logs else 0,
                "loadId": load_id,
                "errorLogs": [
                    {"errorCode": one.code, "errorMessage": one.message, "fileName": one.uri, "recordNum": one.line}
                    for one in logs
                ],
            }
        return {"status": "200 OK", "payload": payload}

    def list(self, limit: int = 100, include_queued: bool = True) -> dict[str, Any]:
        """Ids of loads, newest first."""
        queued = set() if include_queued else set(self._store.ids(["LOAD_IN_QUEUE", "LOAD_NOT_STARTED"]))
        found = [load_id for load_id in self._store.ids() if load_id not in queued]
        return {"status": "200 OK", "payload": {"loadIds": found[:limit]}}

    def cancel(self, load_id: str) -> dict[str, Any]:
        """Stop a load; files that are loaded stay. Raises BulkLoadIdNotFound, or BadRequest when it has ended."""
        with self._lock:
            load = self._store.get(load_id)
            if load.status not in UNFINISHED:
                raise BadRequest(f"load {load_id} has ended already ({load.status})")
            self._cancelled.add(load_id)
            self._store.set_status(load_id, "LOAD_CANCELLED_BY_USER")
        self._wake.set()
        return {"status": "200 OK"}

    def forget(self, graph: str) -> None:
        """The graph was emptied: the next load of a source brings all of it again."""
        self._store.forget(graph)

    # -- the worker
    def start_work(self) -> None:
        """Take up what an earlier run left, and whatever comes."""
        for load_id in self._store.ids(["LOAD_IN_PROGRESS"]):
            self._store.retry(load_id)
        self._worker = threading.Thread(target=self._work, name="bulk-load", daemon=True)
        self._worker.start()

    def close(self) -> None:
        """Stop at the next chunk; what is unfinished goes on at the next start."""
        self._stopping.set()
        self._wake.set()
        if self._worker is not None:
            self._worker.join()
        self._store.close()

    def _work(self) -> None:
        while not self._stopping.is_set():
            load = self._next()
            if load is None:
                self._wake.wait()
                self._wake.clear()
                continue
            try:
                self._run(load)
            except Exception as error:  # noqa: BLE001 - the edge of a job: it ends with its reason, the worker lives on
                _log.exception("load %s failed", load.id)
                note = LoadError("UNEXPECTED_ERROR", f"{type(error).__name__}: {error}"[:1000], load.source, 0)
                self._finish(load, "LOAD_UNEXPECTED_ERROR", note)

    def _next(self) -> Load | None:
        """The load whose turn it is: one left unfinished, then the oldest whose dependencies are done."""
        for load_id in [*self._store.ids(["LOAD_IN_PROGRESS"]), *self._store.ids(UNFINISHED, newest_first=False)]:
            load = self._store.get(load_id)
            states = [self._store.get(other).status for other in parse_load(load.request).dependencies]
            if any(state not in (*UNFINISHED, "LOAD_COMPLETED") for state in states):
                self._store.set_status(load_id, "LOAD_FAILED_BECAUSE_DEPENDENCY_NOT_SATISFIED")
            elif all(state == "LOAD_COMPLETED" for state in states):
                return load
        return None

    def _run(self, load: Load) -> None:
        request = parse_load(load.request)
        loader = self._loaders[load.graph]
        with self._lock:
            if load.id in self._cancelled:
                return self._finish(load, "LOAD_CANCELLED_BY_USER")
            self._store.set_status(load.id, "LOAD_IN_PROGRESS")
        by_uri = {feed.uri: feed for feed in load.feeds if feed.status != "LOAD_COMPLETED"}
        try:
            order = in_order(((uri, self._kind(loader, uri)) for uri in by_uri), request.edge_only)
        except (WorkflowError, OSError) as error:
            return self._finish(load, _read_failure(error), LoadError("READ_ERROR", str(error)[:1000], load.source, 0))
        outcome: LoadStatus = "LOAD_COMPLETED"
        for uri in order:
            ended = self._file(load, request, loader, by_uri[uri])
            if self._stopping.is_set():
                return None
            if ended != "LOAD_COMPLETED":
                outcome = ended
                if request.fail_on_error or ended == "LOAD_CANCELLED_BY_USER":
                    break
        return self._finish(load, outcome)

    def _kind(self, loader: FileLoader, uri: str) -> Any:
        return loader.kind(self._folders.open(uri), uri)

    def _file(self, load: Load, request: LoadRequest, loader: FileLoader, feed: Feed) -> LoadStatus:
        """Load one file and record what became of it."""
        feed = replace(feed, status="LOAD_IN_PROGRESS", started_ms=_now_ms())
        self._store.set_feed(load.id, feed)
        rules = LoadRules(request.fail_on_error, request.update_single, request.keep_empty_strings)
        report = self._progress[load.id] = FileReport()
        notes: list[LoadError] = []
        try:
            loader.load(self._folders.open(feed.uri), feed.uri, rules, report, self._stop_asked(load.id))
            ended: LoadStatus = "LOAD_FAILED" if _is_failure(report, request.fail_on_error) else "LOAD_COMPLETED"
        except CancelledByUser:
            ended = "LOAD_CANCELLED_BY_USER"
        except (WorkflowError, OSError) as error:
            ended = _read_failure(error)
            notes.append(LoadError("LOAD_ERROR", str(error)[:1000], feed.uri, 0))
        finally:
            self._progress.pop(load.id, None)
        if self._stopping.is_set() and ended == "LOAD_CANCELLED_BY_USER":
            # not the user: the service stops, and the file is loaded at the next start
            return ended
        notes += [LoadError(one.code, one.message, feed.uri, one.line) for one in report.errors]
        feed = replace(feed.with_report(report), status=ended, ended_ms=_now_ms())
        self._store.set_feed(load.id, feed, notes)
        return ended

    def _stop_asked(self, load_id: str) -> Callable[[], bool]:
        return lambda: self._stopping.is_set() or load_id in self._cancelled

    def _finish(self, load: Load, status: LoadStatus, note: LoadError | None = None) -> None:
        if load.id in self._cancelled:
            status = "LOAD_CANCELLED_BY_USER"
        rest: LoadStatus = (
            "LOAD_CANCELLED_BY_USER" if status == "LOAD_CANCELLED_BY_USER" else "LOAD_CANCELLED_DUE_TO_ERRORS"
        )
        for feed in self._store.get(load.id).feeds:
            if feed.status in UNFINISHED:
                self._store.set_feed(load.id, replace(feed, status=rest), [note] if note else [])
                note = None
        self._store.set_status(load.id, status)
        self._cancelled.discard(load.id)


def _is_failure(report: FileReport, fail_on_error: bool) -> bool:
    whole_file = any(error.line <= 1 for error in report.errors)
    return whole_file or (fail_on_error and report.failures > 0)


def _read_failure(error: Exception) -> LoadStatus:
    if isinstance(error, LoadUrlAccessDenied | AccessDenied):
        return "LOAD_S3_ACCESS_DENIED_ERROR"
    return "LOAD_S3_READ_ERROR" if isinstance(error, StorageError | OSError) else "LOAD_FAILED"


def _overall(load: Load, feeds: list[Feed]) -> dict[str, Any]:
    started = load.started_ms
    spent = 0 if started is None else ((load.ended_ms or _now_ms()) - started) // 1000
    return {
        "fullUri": load.source,
        "runNumber": load.run,
        "retryNumber": load.retries,
        "status": load.status,
        "totalTimeSpent": spent,
        "startTime": 0 if started is None else started // 1000,
        "totalRecords": sum(feed.records for feed in feeds),
        "totalDuplicates": sum(feed.duplicates for feed in feeds),
        "parsingErrors": sum(feed.parsing for feed in feeds),
        "datatypeMismatchErrors": sum(feed.datatype for feed in feeds),
        "insertErrors": sum(feed.inserting for feed in feeds),
    }


def _feed(load: Load, feed: Feed) -> dict[str, Any]:
    one = replace(load, source=feed.uri, status=feed.status, started_ms=feed.started_ms, ended_ms=feed.ended_ms)
    return _overall(one, [feed])


def _hidden(name: str) -> bool:
    return name.startswith((".", "_"))


def _now_ms() -> int:
    return int(time.time() * 1000)
