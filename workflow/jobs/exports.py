"""Exports: checked and accepted, run by the supervisor, and told of in the export service's words.

An export appears at its address whole or not at all: it is written into a working folder and then moved there.
"""

from __future__ import annotations

import contextlib
import errno
import json
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

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
from workflow.jobs.model import IllegalTransition, JobRecord, first_state
from workflow.jobs.store import JobStore, UnknownJob
from workflow.jobs.supervisor import Supervisor
from workflow.jobs.work import Outcome
from workflow.runners.base import Control, JobCancelled
from workflow.storage import S3Uri, Storage
from workflow.storage.durable import sync_folders, sync_tree

_CANCELLED = "cancelled: the job was deleted before it ended"


class ExportService:
    """Starts, runs, reports and cancels exports. Safe to share between threads."""

    def __init__(
        self,
        store: JobStore,
        storage: Storage,
        sources: ExportSources,
        work_folder: Path,
        *,
        parallel: int = 2,
        now: Callable[[], datetime] = datetime.now,
    ) -> None:
        """
        Args:
            work_folder: for exports in the making; on the file system of the storage where that is a folder.
            now: local time, which names the folder of an export.
        """
        self._store, self._storage, self._sources, self._now = store, storage, sources, now
        self._work = work_folder
        self._supervisor = Supervisor(store, {"export": self}, parallel)
        self._accepting = threading.Lock()  # guards the choice of an address: looked at and taken at once
        self._progress: dict[str, _Pace] = {}  # of what runs, each written by the thread of its export

    # -- what the HTTP face calls

    def start(self, body: Mapping[str, Any], host: str | None = None) -> dict[str, str]:
        """Check a request, keep it, and run it soon. Answers ``jobName`` and ``jobId``."""
        body = self._with_filter_file(body)
        request = parse_request(body)
        self._sources.open(request, host)
        with self._accepting:
            job = self._accepted(body, host, self._output(request))
        self._supervisor.submit(job)
        return {"jobName": job.names["name"], "jobId": job.id}

    def _accepted(self, body: Mapping[str, Any], host: str | None, output: S3Uri) -> JobRecord:
        """A stored job. An address is used once, except by requests that overwrite or that ended before."""
        for other in self._store.named("export", "output", str(output)):
            if not other.is_final:
                raise InvalidParameter(f"another export is writing to {output}; wait until it ends")
            self._store.remove("export", other.id)
        id, now = str(uuid.uuid4()), int(time.time() * 1000)
        names = {"name": f"neptune-export-{id[:8]}-{now}", "output": str(output)}
        job = JobRecord("export", id, first_state("export"), now, now, {"body": dict(body), "host": host}, names)
        self._store.add(job)
        return job

    def status(self, job_id: str) -> dict[str, Any]:
        """The answer of a poll. Raises ExportJobNotFound.

        ``status`` is told always, ``progress`` (in the form of the other jobs) while it runs, ``outputS3Uri``,
        ``stats`` and ``warnings`` once it is ``succeeded``, ``failureReason`` once it ``failed``; ``details`` (ours)
        say when it was given, began and ended, and how many bytes it wrote.
        """
        job = self._job(job_id)
        answer: dict[str, Any] = {"jobId": job.id, "jobName": job.names["name"], "status": job.state}
        progress = self._progress.get(job_id)
        if job.state == "running" and progress is not None:
            answer["progress"] = progress.answer()
        if job.state == "succeeded":
            answer["outputS3Uri"] = job.names["output"]
            answer |= {"stats": job.result["stats"], "warnings": job.result["warnings"]}
            if job.cleaned:
                answer["cleaned"] = True
        if job.state == "failed":
            answer["failureReason"] = job.failure
        size = job.result.get("size_bytes")
        answer["details"] = job.moments if size is None else {**job.moments, "size_bytes": size}
        return answer

    def cancel(self, job_id: str) -> dict[str, Any]:
        """Stop a job; one that has ended stays as it is. Raises ExportJobNotFound."""
        self._job(job_id)
        with contextlib.suppress(IllegalTransition):
            self._supervisor.cancel("export", job_id, reason=_CANCELLED)
        return self.status(job_id)

    def list(self) -> list[str]:
        """JobRecord ids, newest first."""
        return self._store.newest_ids("export", -1)

    def _job(self, job_id: str) -> JobRecord:
        try:
            return self._store.get("export", job_id)
        except UnknownJob as error:
            raise ExportJobNotFound(job_id) from error

    # -- life

    def start_work(self) -> None:
        """Take up what an earlier run of the service left; such jobs start over, for nothing of them is visible yet."""
        shutil.rmtree(self._work, ignore_errors=True)
        self._supervisor.recover()

    def leave(self) -> None:
        """Tell what runs to stop, and wait for none of it."""
        self._supervisor.leave()

    def close(self) -> None:
        """Break off what runs; it is taken up again at the next start."""
        self._supervisor.close()

    # -- running, as the supervisor asks for it

    def run(self, job: JobRecord, control: Control) -> Outcome:
        """Write and publish one export."""
        folder = self._work / job.id
        request, output = parse_request(job.request["body"]), S3Uri.parse(job.names["output"])
        source = self._sources.open(request, job.request["host"], control.cancelled)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        try:
            outcome = write_export(source, request, folder, lambda progress: self._report(job.id, progress, control))
            sizes = {
                path.relative_to(folder).as_posix(): path.stat().st_size for path in folder.rglob("*") if path.is_file()
            }
            self._report(job.id, ExportProgress("publishing", 0, len(sizes)), control)
            self._publish(request, folder, output)
            self._verify_published(request, output, sizes)
            self._complete(request, output, outcome)
        except WorkflowError:
            if control.cancelled.is_set():  # a filter was broken off
                raise JobCancelled(job.id) from None
            raise
        finally:
            self._progress.pop(job.id, None)
        warnings = [*outcome.warnings, *self._sources.unread(request, job.request["host"])]
        told = {"stats": outcome.stats["stats"], "warnings": warnings}
        return Outcome({**told, "size_bytes": sum(sizes.values())})

    def is_ready(self, job: JobRecord) -> bool:
        """Exports wait for nothing but their turn."""
        return True

    def clear(self, job: JobRecord) -> None:
        """Remove what was written and not published."""
        shutil.rmtree(self._work / job.id, ignore_errors=True)

    def clean(self, job: JobRecord) -> None:
        """Remove what was published into a folder of its own."""
        if parse_request(job.request["body"]).subdirectory:
            self._storage.delete(S3Uri.parse(job.names["output"]))

    def _report(self, job_id: str, progress: ExportProgress, control: Control) -> None:
        before = self._progress.get(job_id)
        begun = before is not None and before.last.phase == progress.phase
        self._progress[job_id] = _Pace(progress, before.began if begun and before else time.monotonic())
        if control.cancelled.is_set():
            raise JobCancelled(job_id)

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
        sync_tree(folder)
        try:
            folder.rename(target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            # the storage is another disk: copy beside the target, so that it still appears at once
            beside = target.with_name(f".despina-partial-{folder.name}")
            shutil.copytree(folder, beside, dirs_exist_ok=True)
            sync_tree(beside)
            beside.rename(target)
        bucket = self._storage.local_path(S3Uri(output.bucket))
        assert bucket is not None  # where one address is a folder here, all are
        sync_folders([target.parent], bucket.parent)

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
        return bool(self._store.named("export", "output", str(output)))

    def _taken(self, output: S3Uri) -> bool:
        return self._is_of_an_export(output) or next(iter(self._storage.list(output)), None) is not None


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
