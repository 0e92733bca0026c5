"""Bulk loads as a service: started, queued, listed, cancelled; run one at a time, and resumed after a restart."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from typing import Any, Final

from workflow.errors import (
    AccessDenied,
    BadRequest,
    BulkLoadIdNotFound,
    CancelledByUser,
    LoadUrlAccessDenied,
    StorageError,
    WorkflowError,
)
from workflow.graphs.files.loading import FileLoader, FileReport, LoadRules
from workflow.jobs.load_folders import LoadFolders, SourceFile
from workflow.jobs.model import IllegalTransition, JobRecord, LoadState, State
from workflow.jobs.store import JobStore, UnknownJob
from workflow.jobs.supervisor import Supervisor
from workflow.jobs.work import Outcome
from workflow.neptune.engine import LoadAnswer, LoadList, LoadStarted, StartLoad
from workflow.runners.base import Capacity, Control, JobCancelled
from workflow.stages import estimates
from workflow.stages.bulkload import in_order

MOST_WAITING: Final = 64
WAITING: Final = ("LOAD_NOT_STARTED", "LOAD_IN_QUEUE")
UNFINISHED: Final = (*WAITING, "LOAD_IN_PROGRESS")
FILES: Final = "files"  # the lines of a load's record: its files, and the errors found in them
ERRORS: Final = "errors"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LoadFile:
    """One file of a load; ``version`` tells whether it has changed since."""

    place: int
    uri: str
    version: str
    status: LoadState
    records: int = 0
    duplicates: int = 0
    parsing: int = 0
    datatype: int = 0
    inserting: int = 0
    started_ms: int | None = None
    ended_ms: int | None = None

    def with_report(self, report: FileReport) -> LoadFile:
        """The same with a report's counts."""
        return replace(
            self,
            records=report.records,
            duplicates=report.duplicates,
            parsing=report.parsing_errors,
            datatype=report.datatype_errors,
            inserting=report.insert_errors,
        )


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
        store: JobStore,
        folders: LoadFolders,
        loaders: Mapping[str, FileLoader],
        capacity: Callable[[], Capacity] = lambda: Capacity(None, None),
    ) -> None:
        self._store, self._folders, self._loaders, self._capacity = store, folders, loaders, capacity
        self._supervisor = Supervisor(store, {"load": self}, parallel=1)
        self._accepting = threading.Lock()  # guards the queue: looked at and joined at once
        self._turn = threading.Condition()  # guards the two below: a load runs, or the graphs are emptied
        self._busy = False
        self._emptying = 0
        self._progress: dict[str, FileReport] = {}  # of the file that is read, written by the thread of its load

    # -- what the HTTP face calls
    def start(self, request: StartLoad) -> LoadStarted:
        """Accept a load, or refuse it; the answer has its id, and the load survives a restart from here on."""
        if request.graph not in self._loaders:
            raise BadRequest(f"there is no graph {request.graph[:80]!r}; these exist: {', '.join(self._loaders)}")
        listed = self._folders.files(request.source)
        with self._accepting:
            waiting = self._store.unfinished("load")
            if waiting and not request.queue:
                raise BadRequest("Max concurrent load limit breached: a load is running; set queueRequest to TRUE")
            if len(waiting) >= MOST_WAITING:
                raise BadRequest(f"Max load queue size limit breached: {MOST_WAITING} loads are waiting")
            for dependency in request.dependencies:
                self._load(dependency)
            before = self._of_source(request)
            files = self._files_to_load(request, before, listed)
            self._check_room(listed, files)
            job = JobRecord(
                kind="load",
                id=str(uuid.uuid4()),
                state="LOAD_IN_QUEUE" if waiting else "LOAD_NOT_STARTED",
                created_ms=_now_ms(),
                updated_ms=_now_ms(),
                request=request.to_json(),
                names={"graph": request.graph, "source": request.source},
                result={"run": len(before) + 1, "retries": 0, "forgotten": False},
            )
            self._store.add(job, {FILES: [asdict(file) for file in files]})
        self._supervisor.submit(job)
        return {"status": "200 OK", "payload": {"loadId": job.id}}

    def _load(self, load_id: str) -> JobRecord:
        try:
            return self._store.get("load", load_id)
        except UnknownJob as error:
            raise BulkLoadIdNotFound(f"there is no bulk load {load_id[:100]!r}; GET /loader lists them") from error

    def _of_source(self, request: StartLoad) -> list[JobRecord]:
        """The loads of the same source into the same graph, newest first."""
        found = self._store.named("load", "source", request.source)
        return [job for job in found if job.names["graph"] == request.graph]

    def _check_room(self, listed: list[SourceFile], files: list[LoadFile]) -> None:
        """Raises TooLarge where the files that are still to be read cannot fit."""
        waiting = {file.uri for file in files if file.status != "LOAD_COMPLETED"}
        needs = estimates.load_needs((file.address, file.size) for file in listed if file.address in waiting)
        free = self._capacity()
        estimates.check(needs, free.memory_bytes, free.disk_free_bytes, "Load fewer files, or use a larger machine.")

    def _files_to_load(self, request: StartLoad, before: list[JobRecord], listed: list[SourceFile]) -> list[LoadFile]:
        """The files to load; those a previous load of this source brought in whole are carried over when resuming."""
        done: dict[tuple[str, str], LoadFile] = {}
        last = next((job for job in before if not job.result["forgotten"]), None)
        if request.mode != "NEW" and last is not None:
            held = self._files(last.id)
            done = {(file.uri, file.version): file for file in held if file.status == "LOAD_COMPLETED"}
        elif request.mode == "RESUME":
            raise BadRequest(f"there is no previous load of {request.source} to resume; use mode NEW or AUTO")
        return [
            replace(done[(file.address, file.version)], place=place)
            if (file.address, file.version) in done
            else LoadFile(place, file.address, file.version, "LOAD_NOT_STARTED")
            for place, file in enumerate(listed)
        ]

    def _files(self, load_id: str) -> list[LoadFile]:
        return [LoadFile(**line) for line in self._store.lines("load", load_id, FILES)]

    def status(
        self, load_id: str, details: bool = False, errors: bool = False, page: int = 1, errors_per_page: int = 10
    ) -> LoadAnswer:
        """A load as Neptune's loader reports it. Raises BulkLoadIdNotFound."""
        job = self._load(load_id)
        running = self._progress.get(load_id)
        files = [
            file.with_report(running) if running is not None and file.status == "LOAD_IN_PROGRESS" else file
            for file in self._files(load_id)
        ]
        statuses = sorted(file.status for file in files)
        payload: dict[str, Any] = {
            "feedCount": [{status: len(list(same))} for status, same in groupby(statuses)],
            "overallStatus": _overall(job, files),
        }
        failed = [_of_file(job, file) for file in files if file.status not in (*UNFINISHED, "LOAD_COMPLETED")]
        if failed:
            payload["failedFeeds"] = failed
        if details:
            payload["feeds"] = [_of_file(job, file) for file in files]
        if errors:
            first = (page - 1) * errors_per_page + 1
            logs = self._store.lines("load", load_id, ERRORS, first, errors_per_page)
            payload["errors"] = {
                "startIndex": first if logs else 0,
                "endIndex": first + len(logs) - 1 if logs else 0,
                "loadId": load_id,
                "errorLogs": [
                    {
                        "errorCode": log["code"],
                        "errorMessage": log["message"],
                        "fileName": log["uri"],
                        "recordNum": log["line"],
                    }
                    for log in logs
                ],
            }
        return {"status": "200 OK", "payload": payload}

    def list(self, limit: int = 100, include_queued: bool = True) -> LoadList:
        """Ids of loads, newest first."""
        queued = set() if include_queued else {job.id for job in self._store.in_states(*WAITING)}
        found = [load_id for load_id in self._store.newest_ids("load", -1) if load_id not in queued]
        return {"status": "200 OK", "payload": {"loadIds": found[:limit]}}

    def cancel(self, load_id: str) -> dict[str, Any]:
        """Stop a load; files that are loaded stay. Raises BulkLoadIdNotFound, or BadRequest when it has ended."""
        self._load(load_id)
        try:
            self._supervisor.cancel("load", load_id)
        except IllegalTransition as error:
            raise BadRequest(f"load {load_id} has ended already ({error.state})") from error
        return {"status": "200 OK"}

    @contextmanager
    def emptying(self) -> Iterator[None]:
        """Around emptying all graphs, during which nothing is loaded.

        The load that runs is stopped. Those that wait bring all of their files, and the next load of a source all of
        its.
        """
        with self._turn:
            self._emptying += 1
        try:
            for job in self._store.in_states("LOAD_IN_PROGRESS"):
                with suppress(IllegalTransition):
                    self._supervisor.cancel("load", job.id, reason="the graph was emptied while it was loaded into")
            with self._taking_turn(lambda: not self._busy), self._accepting:
                # first, so that a service that is killed in the middle loads a file twice rather than never
                for graph in self._loaders:
                    self._forget(graph)
                yield
        finally:
            with self._turn:
                self._emptying -= 1
                self._turn.notify_all()

    def _forget(self, graph: str) -> None:
        for job in self._store.named("load", "graph", graph):
            if job.is_final:
                self._store.update("load", job.id, result={**job.result, "forgotten": True})
                continue
            for file in self._files(job.id):  # those that an earlier load had brought
                self._put(job, LoadFile(file.place, file.uri, file.version, "LOAD_NOT_STARTED"))

    @contextmanager
    def _taking_turn(self, free: Callable[[], bool]) -> Iterator[None]:
        """Wait until ``free`` and keep everybody else out. Raises what ``free`` raises."""
        with self._turn:
            while not free():
                self._turn.wait(0.1)
            self._busy = True
        try:
            yield
        finally:
            with self._turn:
                self._busy = False
                self._turn.notify_all()

    def start_work(self) -> None:
        """Take up what an earlier run left, and whatever comes."""
        for job in self._store.in_states("LOAD_IN_PROGRESS"):
            retries = int(job.result["retries"]) + 1
            self._store.update("load", job.id, result={**job.result, "retries": retries})
        self._supervisor.recover()

    def leave(self) -> None:
        """Tell what runs to stop, and wait for none of it."""
        self._supervisor.leave()

    def close(self) -> None:
        """Stop at the next chunk; what is unfinished goes on at the next start."""
        self._supervisor.close()

    # -- running, as the supervisor asks for it
    def is_ready(self, job: JobRecord) -> bool:
        """Whether everything that it depends on has ended."""
        return all(self._load(other).is_final for other in _request(job).dependencies)

    def run(self, job: JobRecord, control: Control) -> Outcome:
        """Load the files that are not in yet, vertices first."""

        def free() -> bool:
            if control.cancelled.is_set():
                raise JobCancelled(job.id)
            return not self._busy and not self._emptying

        try:
            with self._taking_turn(free):
                return Outcome(state=self._run(job, control))
        except JobCancelled:
            raise
        except Exception as error:  # noqa: BLE001 - the edge of a job: it ends with its reason
            _log.exception("load %s failed", job.id)
            self._give_up(job, "LOAD_CANCELLED_DUE_TO_ERRORS", "UNEXPECTED_ERROR", f"{type(error).__name__}: {error}")
            return Outcome(state="LOAD_UNEXPECTED_ERROR")

    def _run(self, job: JobRecord, control: Control) -> State:
        request, loader = _request(job), self._loaders[job.names["graph"]]
        if any(self._load(other).state != "LOAD_COMPLETED" for other in request.dependencies):
            return "LOAD_FAILED_BECAUSE_DEPENDENCY_NOT_SATISFIED"
        by_uri = {file.uri: file for file in self._files(job.id) if file.status != "LOAD_COMPLETED"}
        try:
            order = in_order(((uri, loader.kind(self._folders.open(uri), uri)) for uri in by_uri), request.edge_only)
        except (WorkflowError, OSError) as error:
            self._give_up(job, "LOAD_CANCELLED_DUE_TO_ERRORS", "READ_ERROR", str(error))
            return _read_failure(error)
        outcome: LoadState = "LOAD_COMPLETED"
        for uri in order:
            ended = self._read(job, request, loader, by_uri[uri], control)
            if ended != "LOAD_COMPLETED":
                outcome = ended
                if request.fail_on_error:
                    break
        self._give_up(job, "LOAD_CANCELLED_DUE_TO_ERRORS")
        return outcome

    def _read(
        self, job: JobRecord, request: StartLoad, loader: FileLoader, file: LoadFile, control: Control
    ) -> LoadState:
        """Load one file and record what became of it. Raises JobCancelled."""
        file = replace(file, status="LOAD_IN_PROGRESS", started_ms=_now_ms())
        self._put(job, file)
        rules = LoadRules(
            request.fail_on_error, request.update_single, request.parser.keep_empty_strings, request.parser.number_ids
        )
        report = self._progress[job.id] = FileReport()
        notes: list[dict[str, Any]] = []
        try:
            loader.load(self._folders.open(file.uri), file.uri, rules, report, control.cancelled.is_set)
            ended: LoadState = "LOAD_FAILED" if _is_failure(report, request.fail_on_error) else "LOAD_COMPLETED"
        except CancelledByUser:
            if control.cancelled.is_set():
                raise JobCancelled(job.id) from None
            ended = "LOAD_CANCELLED_BY_USER"
        except (WorkflowError, OSError) as error:
            ended = _read_failure(error)
            notes.append(_error("LOAD_ERROR", str(error), file.uri))
        finally:
            self._progress.pop(job.id, None)
        notes += [_error(error.code, error.message, file.uri, error.line) for error in report.errors]
        self._put(job, replace(file.with_report(report), status=ended, ended_ms=_now_ms()), *notes)
        return ended

    def _put(self, job: JobRecord, file: LoadFile, *errors: Mapping[str, Any]) -> None:
        self._store.set_line("load", job.id, FILES, file.place + 1, asdict(file), errors=errors)

    def _give_up(self, job: JobRecord, status: LoadState, code: str = "", message: str = "") -> None:
        """Mark the files that were not read; the reason, where there is one, goes with the first of them."""
        notes = [_error(code, message, job.names["source"])] if code else []
        for file in self._files(job.id):
            if file.status in UNFINISHED:
                self._put(job, replace(file, status=status), *notes)
                notes = []

    def clear(self, job: JobRecord) -> None:
        """Mark the files that a cancelled load has not read."""
        if job.state == "LOAD_CANCELLED_BY_USER":
            self._give_up(job, "LOAD_CANCELLED_BY_USER")
        elif job.state == "LOAD_FAILED_BECAUSE_DEPENDENCY_NOT_SATISFIED":
            self._give_up(job, "LOAD_CANCELLED_DUE_TO_ERRORS")

    def clean(self, job: JobRecord) -> None:
        """A load writes nothing to storage."""


def _request(job: JobRecord) -> StartLoad:
    return StartLoad.model_validate(job.request)


def _error(code: str, message: str, uri: str, line: int = 0) -> dict[str, Any]:
    return {"code": code, "message": message[:1000], "uri": uri, "line": line}


def _is_failure(report: FileReport, fail_on_error: bool) -> bool:
    whole_file = any(error.line <= 1 for error in report.errors)
    return whole_file or (fail_on_error and report.failures > 0)


def _read_failure(error: Exception) -> LoadState:
    if isinstance(error, LoadUrlAccessDenied | AccessDenied):
        return "LOAD_S3_ACCESS_DENIED_ERROR"
    return "LOAD_S3_READ_ERROR" if isinstance(error, StorageError | OSError) else "LOAD_FAILED"


def _overall(job: JobRecord, files: list[LoadFile]) -> dict[str, Any]:
    return _told(job, job.names["source"], job.state, job.started_ms, job.ended_ms, files)


def _of_file(job: JobRecord, file: LoadFile) -> dict[str, Any]:
    return _told(job, file.uri, file.status, file.started_ms, file.ended_ms, [file])


def _told(
    job: JobRecord, uri: str, status: State, started_ms: int | None, ended_ms: int | None, files: list[LoadFile]
) -> dict[str, Any]:
    spent = 0 if started_ms is None else ((ended_ms or _now_ms()) - started_ms) // 1000
    return {
        "fullUri": uri,
        "runNumber": job.result["run"],
        "retryNumber": job.result["retries"],
        "status": status,
        "totalTimeSpent": spent,
        "startTime": 0 if started_ms is None else started_ms // 1000,
        "totalRecords": sum(file.records for file in files),
        "totalDuplicates": sum(file.duplicates for file in files),
        "parsingErrors": sum(file.parsing for file in files),
        "datatypeMismatchErrors": sum(file.datatype for file in files),
        "insertErrors": sum(file.inserting for file in files),
    }


def _now_ms() -> int:
    return int(time.time() * 1000)
