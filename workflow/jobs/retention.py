"""What ended jobs left behind and nobody needs any more: chosen by rule, and removed.

Needed is what something live builds on, directly or by others: every endpoint, every job that has not ended, and every
job younger than the limit. Records stay, and say that their files were removed; what clients uploaded for loads, logs
and folders of demos go by age.
"""

from __future__ import annotations

import fcntl
import logging
import re
import shutil
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from workflow.jobs.execution import own_place
from workflow.jobs.model import TRANSITIONS, JobKind, JobRecord
from workflow.jobs.store import JobStore
from workflow.jobs.work import Work
from workflow.storage import S3Uri, Storage

_log = logging.getLogger(__name__)
DAY_MS: Final = 86_400_000
LOOK_S: Final = 6 * 3600.0
# where clients put the frames and files of a load: below their bucket, under a name that is a token or a hash
UPLOAD: Final = re.compile(r"/load/(?:[0-9a-f]{32}|[0-9a-f]{16})$")
Key = tuple[JobKind, str]

# members of requests that name another job
_NAMES: Final[dict[str, JobKind]] = {
    "dataProcessingJobId": "dataprocessing",
    "previousDataProcessingJobId": "dataprocessing",
    "mlModelTrainingJobId": "modeltraining",
    "previousModelTrainingJobId": "modeltraining",
    "mlModelTransformJobId": "modeltransform",
}


@dataclass(frozen=True)
class Removal:
    """One thing that can go: the files of a job, those that were uploaded for a load, a log, or a demo's folder."""

    what: str
    name: str
    size_bytes: int
    job: Key | None = None
    path: Path | None = None


def builds_on(job: JobRecord, jobs: Iterable[JobRecord]) -> set[Key]:
    """The jobs whose files a job reads: those its request names, the trial it names, and the export it was fed."""
    known = list(jobs)
    found = {(kind, str(job.request[name])) for name, kind in _NAMES.items() if job.request.get(name)}
    trial, source = job.request.get("trainingJobName"), str(job.request.get("inputDataS3Location") or "")
    for other in known:
        if trial and any(one["name"] == trial for one in other.result.get("trials", ())):
            found.add((other.kind, other.id))
        output = other.names.get("output", "").rstrip("/")
        if source and output and (source.rstrip("/") + "/").startswith(output + "/"):
            found.add((other.kind, other.id))
    return found


def removable(jobs: Iterable[JobRecord], before_ms: int) -> list[JobRecord]:
    """Ended jobs from before a moment whose files are still there and that nothing live needs."""
    known = {(job.kind, job.id): job for job in jobs}
    old = {key for key, job in known.items() if job.is_final and (job.ended_ms or job.updated_ms) < before_ms}
    needed: set[Key] = set()
    waiting = [key for key in known if key not in old]
    while waiting:
        for other in builds_on(known[waiting.pop()], known.values()) - needed:
            needed.add(other)
            if other in known:
                waiting.append(other)
    return [known[key] for key in known if key in old - needed and key[0] != "load" and not known[key].cleaned]


def uploads(jobs: Iterable[JobRecord], before_ms: int) -> list[JobRecord]:
    """A load for each upload that no load from after a moment, or under way, has read; only clients' own uploads."""
    loads = [job for job in jobs if job.kind == "load" and UPLOAD.search(job.names.get("source", "").rstrip("/"))]
    young = {job.names["source"] for job in loads if not job.is_final or (job.ended_ms or job.updated_ms) >= before_ms}
    return [*{job.names["source"]: job for job in loads if job.names["source"] not in young}.values()]


class Retention:
    """Finds and removes what nobody needs.

    Args:
        work: how the files of a job are removed, by kind.
        home: where logs and demos lie.
    """

    def __init__(self, store: JobStore, work: Mapping[JobKind, Work], storage: Storage, home: Path) -> None:
        self._store, self._work, self._storage, self._home = store, work, storage, home
        self._closing = threading.Event()

    def plan(self, older_than_days: int, now_ms: int | None = None) -> list[Removal]:
        """What would be removed; nothing is changed."""
        before_ms = (now_ms or int(time.time() * 1000)) - older_than_days * DAY_MS
        jobs = [job for kind in TRANSITIONS for job in self._store.of_kind(kind)]
        gone = removable(jobs, before_ms)
        found = [Removal(job.kind, job.id, self._size(job), job=(job.kind, job.id)) for job in gone]
        kept = [name for job in jobs if job not in gone and not job.cleaned for name in job.names.values()]
        found += [
            Removal("upload", load.names["source"], size, job=("load", load.id))
            for load in uploads(jobs, before_ms)
            if (size := sum(info.size for info in self._storage.list(S3Uri.parse(load.names["source"]))))
        ]
        logs = [log for log in sorted((self._home / "logs").glob("*")) if log.is_file() and _is_old(log, before_ms)]
        found += [
            Removal("log", log.name, log.stat().st_size, path=log)
            for log in logs
            if not log.name.startswith(tuple(kept))
        ]
        found += [
            Removal("demo", demo.name, folder_bytes(demo), path=demo)
            for demo in sorted((self._home / "demo").glob("*"))
            if demo.is_dir() and _is_old(demo, before_ms) and not _in_use(demo)
        ]
        return found

    def remove(self, removals: Iterable[Removal]) -> int:
        """Remove what was planned; what has come into use meanwhile is passed over. Gives the bytes."""
        freed = 0
        for removal in removals:
            if removal.job is not None:
                jobs = [job for kind in TRANSITIONS for job in self._store.of_kind(kind)]
                unneeded = [*removable(jobs, 1 << 62), *uploads(jobs, 1 << 62)]
                job = next((job for job in unneeded if (job.kind, job.id) == removal.job), None)
                if job is None:
                    continue
                if job.kind == "load":
                    self._storage.delete(S3Uri.parse(job.names["source"]))
                else:
                    self._work[job.kind].clean(job)
                self._store.update(job.kind, job.id, cleaned=True)
            elif removal.path is not None and removal.path.is_dir():
                shutil.rmtree(removal.path, ignore_errors=True)
            elif removal.path is not None:
                removal.path.unlink(missing_ok=True)
            freed += removal.size_bytes
            _log.info("removed %s %s, %d bytes", removal.what, removal.name, removal.size_bytes)
        return freed

    def _size(self, job: JobRecord) -> int:
        return sum(info.size for info in self._storage.list(own_place(job)))

    def start(self, days: int) -> None:
        """Look now and then, as long as the service runs."""
        threading.Thread(target=self._work_on, args=(days,), name="retention", daemon=True).start()

    def close(self) -> None:
        """Stop looking."""
        self._closing.set()

    def _work_on(self, days: int) -> None:
        while not self._closing.is_set():
            try:
                self.remove(self.plan(days))
            except Exception:  # noqa: BLE001 - the edge of a thread: the next look may succeed
                _log.exception("what nobody needs could not be removed")
            self._closing.wait(LOOK_S)


def folder_bytes(folder: Path) -> int:
    """The size of all files below a folder."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):
            total += path.lstat().st_size if path.is_file() and not path.is_symlink() else 0
    return total


def _is_old(path: Path, before_ms: int) -> bool:
    return path.stat().st_mtime * 1000 < before_ms


def _in_use(home: Path) -> bool:
    """Whether a service runs on a home."""
    try:
        with (home / "service.lock").open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False
