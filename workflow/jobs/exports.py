"""Export jobs: started over HTTP, run in the background, kept in SQLite so that a restart takes them up again.

An export appears at its address whole or not at all: it is written into a working folder and then moved there.
"""

from __future__ import annotations

import errno
import json
import logging
import shutil
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from workflow.errors import ExportFailed, ExportJobNotFound, InvalidParameter, StorageError, WorkflowError
from workflow.export import (
    ExportOutcome,
    ExportProgress,
    ExportRequest,
    filter_file,
    parse_request,
    with_filter,
    write_export,
)
from workflow.jobs.export_sources import ExportSources
from workflow.storage import S3Uri, Storage

_log = logging.getLogger(__name__)

ExportStatus = Literal["pending", "running", "succeeded", "failed"]
_FINAL = ("succeeded", "failed")
_CANCELLED = "cancelled: the job was deleted before it ended"

_TABLE = """
CREATE TABLE IF NOT EXISTS exports (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, body TEXT NOT NULL, host TEXT, output TEXT NOT NULL UNIQUE,
    status TEXT NOT NULL, reason TEXT, stats TEXT, warnings TEXT, created_ms INTEGER NOT NULL, ended_ms INTEGER
)
"""


class ExportService:
    """Starts, runs, reports and cancels exports. Safe to share between threads."""

    def __init__(
        self,
        database: Path | None,
        storage: Storage,
        sources: ExportSources,
        work_folder: Path,
        *,
        parallel: int = 2,
        now: Callable[[], datetime] = datetime.now,
    ) -> None:
        """
        Args:
            database: where jobs are kept; None keeps them in memory only.
            work_folder: for exports in the making; on the file system of the storage where that is a folder.
            now: local time, which names the folder of an export.
        """
        self._storage, self._sources, self._work, self._now = storage, sources, work_folder, now
        if database is not None:
            database.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(str(database or ":memory:"), check_same_thread=False, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute(_TABLE)
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(parallel, thread_name_prefix="export")
        self._progress: dict[str, _Pace] = {}
        self._broken_off: dict[str, threading.Event] = {}  # set when a job is cancelled or the service stops
        self._stopping = threading.Event()

    # -- what the HTTP face calls

    def start(self, body: Mapping[str, Any], host: str | None = None) -> dict[str, str]:
        """Check a request, keep it, and run it soon. Answers ``jobName`` and ``jobId``."""
        body = self._with_filter_file(body)
        request = parse_request(body)
        self._sources.open(request, host)
        output = self._output(request)
        job_id, created_ms = str(uuid.uuid4()), int(time.time() * 1000)
        name = f"neptune-export-{job_id[:8]}-{created_ms}"
        self._insert(job_id, name, json.dumps(body), host, str(output), created_ms)
        self._pool.submit(self._run, job_id)
        return {"jobName": name, "jobId": job_id}

    def status(self, job_id: str) -> dict[str, Any]:
        """The answer of a poll. Raises ExportJobNotFound.

        ``status`` is told always, ``progress`` (in the form of the other jobs) while it runs, ``outputS3Uri``,
        ``stats`` and ``warnings`` once it is ``succeeded``, ``failureReason`` once it ``failed``.
        """
        row = self._row(job_id)
        answer: dict[str, Any] = {"jobId": row["id"], "jobName": row["name"], "status": row["status"]}
        progress = self._progress.get(job_id)
        if row["status"] == "running" and progress is not None:
            answer["progress"] = progress.answer()
        if row["status"] == "succeeded":
            answer["outputS3Uri"] = row["output"]
            answer["stats"] = json.loads(row["stats"])["stats"]
            answer["warnings"] = json.loads(row["warnings"])
        if row["status"] == "failed":
            answer["failureReason"] = row["reason"]
        return answer

    def cancel(self, job_id: str) -> dict[str, Any]:
        """Stop a job; one that has ended stays as it is. Raises ExportJobNotFound."""
        row = self._row(job_id)
        if row["status"] not in _FINAL:
            self._end(job_id, "failed", reason=_CANCELLED)
            self._broken_off.setdefault(job_id, threading.Event()).set()
        return self.status(job_id)

    def list(self) -> list[str]:
        """Job ids, newest first."""
        with self._lock:
            return [
                row["id"] for row in self._db.execute("SELECT id FROM exports ORDER BY created_ms DESC, rowid DESC")
            ]

    # -- life

    def recover(self) -> None:
        """Take up what an earlier run of the service left; such jobs start over, for nothing of them is visible yet."""
        shutil.rmtree(self._work, ignore_errors=True)
        with self._lock:
            left = self._db.execute("SELECT id FROM exports WHERE status IN ('pending', 'running') ORDER BY rowid")
            jobs = [row["id"] for row in left.fetchall()]
        for job_id in jobs:
            self._pool.submit(self._run, job_id)

    def close(self) -> None:
        """Break off what runs; it is taken up again by the next ``recover``."""
        self._stopping.set()
        for running in tuple(self._broken_off.values()):
            running.set()
        self._pool.shutdown(wait=True, cancel_futures=True)
        with self._lock:
            self._db.close()

    # -- running

    def _run(self, job_id: str) -> None:
        row = self._row(job_id)
        if row["status"] in _FINAL or not self._begin(job_id):
            return
        folder, broken_off = self._work / job_id, self._broken_off.setdefault(job_id, threading.Event())
        try:
            request = parse_request(json.loads(row["body"]))
            output = S3Uri.parse(row["output"])
            source = self._sources.open(request, row["host"], broken_off)
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            outcome = write_export(source, request, folder, lambda progress: self._report(job_id, progress))
            sizes = {
                path.relative_to(folder).as_posix(): path.stat().st_size for path in folder.rglob("*") if path.is_file()
            }
            self._report(job_id, ExportProgress("publishing", 0, len(sizes)))
            self._publish(request, folder, output)
            self._verify_published(request, output, sizes)
            self._complete(request, output, outcome)
            self._end(job_id, "succeeded", stats=json.dumps(outcome.stats), warnings=json.dumps(outcome.warnings))
        except _Interrupted:
            _log.info("export %s was broken off", job_id)
        except WorkflowError as error:
            # a filter that was broken off by the end of the service runs again with the next
            if not self._stopping.is_set():
                self._end(job_id, "failed", reason=error.message)
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            what = "the disk is full; free some space and export again" if full else f"the export failed: {error}"
            self._end(job_id, "failed", reason=what)
        except Exception as error:  # noqa: BLE001 - the edge of a job: whatever went wrong ends it, with its reason
            _log.exception("export %s failed", job_id)
            self._end(job_id, "failed", reason=f"the export failed: {type(error).__name__}: {error}")
        finally:
            self._progress.pop(job_id, None)
            self._broken_off.pop(job_id, None)
            shutil.rmtree(folder, ignore_errors=True)

    def _report(self, job_id: str, progress: ExportProgress) -> None:
        before = self._progress.get(job_id)
        begun = before is not None and before.last.phase == progress.phase
        self._progress[job_id] = _Pace(progress, before.began if begun and before else time.monotonic())
        if self._stopping.is_set() or self._broken_off[job_id].is_set():
            raise _Interrupted

    def _publish(self, request: ExportRequest, folder: Path, output: S3Uri) -> None:
        target = self._storage.local_path(output)
        if target is None or not request.subdirectory:
            try:
                self._storage.upload(folder, output)
            except BaseException:
                if request.subdirectory:
                    self._storage.delete(output)
                raise
            return
        # the folder's name was reserved for this job: what lies there is its own, from a run that was killed
        shutil.rmtree(target, ignore_errors=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            folder.rename(target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            # the storage is another disk: copy beside the target, so that it still appears at once
            beside = target.with_name(f".despina-partial-{folder.name}")
            shutil.copytree(folder, beside, dirs_exist_ok=True)
            beside.rename(target)

    def _verify_published(self, request: ExportRequest, output: S3Uri, sizes: Mapping[str, int]) -> None:
        """Raises ExportFailed naming what the storage has not, or has not whole, and takes the rest away."""
        held = {one.uri.relative_to(output): one.size for one in self._storage.list(output)}
        missing = sorted(name for name, size in sizes.items() if held.get(name) != size)
        if missing:
            if request.subdirectory:
                self._storage.delete(output)
            raise ExportFailed(
                f"the export at {output} is not complete: {', '.join(missing)} missing or cut short; export again"
            )

    def _with_filter_file(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """The request with the content of the filter file it names: what is kept of it must not change any more."""
        address = filter_file(body)
        if address is None:
            return body
        try:
            content = json.loads(self._storage.read(S3Uri.parse(address)))
        except ValueError as error:
            raise InvalidParameter(f"the filter file {address} is not JSON: {error}") from error
        except StorageError as error:
            raise InvalidParameter(f"the filter file cannot be read: {error.message}") from error
        return with_filter(body, content)

    def _complete(self, request: ExportRequest, output: S3Uri, outcome: ExportOutcome) -> None:
        if request.completion_file is None:
            return
        done = {"outputS3Path": str(output), "stats": outcome.stats["stats"]}
        content = {"neptuneExport": done, **request.completion_payload}
        self._storage.write(S3Uri.parse(request.completion_file), json.dumps(content, indent=2).encode())

    def _output(self, request: ExportRequest) -> S3Uri:
        """Where the export will lie, a folder of its own unless the request wants none."""
        base = S3Uri.parse(request.output)
        if not request.subdirectory:
            if not request.overwrite:
                self._check_free(base, "set 'overwriteExisting', or choose another")
            return base
        prefix = f"{request.tag}-" if request.tag else ""
        if request.export_id is not None:
            output = base / f"{prefix}{request.export_id}"
            if not self._is_of_an_export(output):  # an id of before is exported again, in place of what it was
                self._check_free(output, "choose another 'exportId'")
            return output
        if not request.for_training:
            return base / f"{prefix}{uuid.uuid4().hex}"
        moment = self._now()
        while self._taken(output := base / f"{prefix}{moment:%Y%m%d_%H%M%S}"):
            moment += timedelta(seconds=1)
        return output

    def _check_free(self, output: S3Uri, advice: str) -> None:
        if next(iter(self._storage.list(output)), None) is not None:
            raise InvalidParameter(f"S3 destination contains existing objects: {output}; {advice}")

    def _is_of_an_export(self, output: S3Uri) -> bool:
        with self._lock:
            known = self._db.execute("SELECT 1 FROM exports WHERE output = ?", (str(output),)).fetchone()
        return known is not None

    def _taken(self, output: S3Uri) -> bool:
        return self._is_of_an_export(output) or next(iter(self._storage.list(output)), None) is not None

    # -- rows

    def _insert(self, job_id: str, name: str, body: str, host: str | None, output: str, created_ms: int) -> None:
        with self._lock:
            # an address is used once, except by requests that overwrite or that failed before
            self._db.execute("DELETE FROM exports WHERE output = ? AND status IN ('succeeded', 'failed')", (output,))
            try:
                self._db.execute(
                    "INSERT INTO exports (id, name, body, host, output, status, created_ms) "
                    "VALUES (?, ?, ?, ?, ?, 'pending', ?)",
                    (job_id, name, body, host, output, created_ms),
                )
            except sqlite3.IntegrityError as error:
                raise InvalidParameter(f"another export is writing to {output}; wait until it ends") from error

    def _row(self, job_id: str) -> sqlite3.Row:
        with self._lock, closing(self._db.execute("SELECT * FROM exports WHERE id = ?", (job_id,))) as rows:
            row: sqlite3.Row | None = rows.fetchone()
        if row is None:
            raise ExportJobNotFound(job_id)
        return row

    def _begin(self, job_id: str) -> bool:
        if self._stopping.is_set():
            return False
        with self._lock:
            changed = self._db.execute(
                "UPDATE exports SET status = 'running' WHERE id = ? AND status IN ('pending', 'running')", (job_id,)
            )
            return changed.rowcount == 1

    def _end(
        self,
        job_id: str,
        status: ExportStatus,
        *,
        reason: str | None = None,
        stats: str | None = None,
        warnings: str | None = None,
    ) -> None:
        with self._lock:
            self._db.execute(
                "UPDATE exports SET status = ?, reason = ?, stats = ?, warnings = ?, ended_ms = ? "
                "WHERE id = ? AND status IN ('pending', 'running')",
                (status, reason, stats, warnings, int(time.time() * 1000), job_id),
            )


@dataclass(frozen=True, slots=True)
class _Pace:
    """The last report of an export, and when its phase began by the monotonic clock."""

    last: ExportProgress
    began: float

    def answer(self) -> dict[str, Any]:
        """Progress in the members that data processing and training tell it in."""
        done, total = self.last.done, self.last.total
        eta_s = (time.monotonic() - self.began) * (total - done) / done if 0 < done < total else None
        return {"phase": self.last.phase, "step": done, "total": total, "metric": None, "eta_s": eta_s}


class _Interrupted(Exception):
    """The job was cancelled, or the service stops."""
