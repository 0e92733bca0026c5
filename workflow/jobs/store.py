"""The durable record of everything that was started, loads and endpoints included: one SQLite file in WAL mode.

Every change is one committed transaction before the call returns, so what was answered survives ``kill -9``. A home of
an older format is brought to this one when it is opened.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from workflow.errors import InternalFailure, InvalidParameter, MLResourceNotFound
from workflow.jobs.model import TRANSITIONS, IllegalTransition, JobKind, JobRecord, State, check_transition, is_end
from workflow.jobs.older_homes import bring_up_to_date, put_aside

SCHEMA_VERSION = 2
_NO_ROOM = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    state TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    request TEXT NOT NULL,
    names TEXT NOT NULL,
    result TEXT NOT NULL,
    failure TEXT,
    attempts INTEGER NOT NULL,
    inputs_hash TEXT,
    reused_from TEXT,
    cleaned INTEGER NOT NULL,
    started_ms INTEGER,
    ended_ms INTEGER,
    UNIQUE (kind, id)
) STRICT;
CREATE INDEX IF NOT EXISTS jobs_by_hash ON jobs (kind, inputs_hash) WHERE inputs_hash IS NOT NULL;
CREATE TABLE IF NOT EXISTS lines (
    kind TEXT NOT NULL, id TEXT NOT NULL, part TEXT NOT NULL, number INTEGER NOT NULL, document TEXT NOT NULL,
    PRIMARY KEY (kind, id, part, number)
) STRICT;
"""

_COLUMNS = (
    "kind, id, state, created_ms, updated_ms, request, names, result, "
    "failure, attempts, inputs_hash, reused_from, cleaned, started_ms, ended_ms"
)


class UnknownJob(MLResourceNotFound):
    """No job of that kind has that id; the text is the guide's."""

    def __init__(self, kind: JobKind, job_id: str) -> None:
        super().__init__("Invalid ID provided. Please check whether a resource with the given ID exists.")
        self.kind, self.job_id = kind, job_id


class DuplicateJob(InvalidParameter):
    """The id is taken; the text is the guide's."""

    def __init__(self, kind: JobKind, job_id: str) -> None:
        super().__init__("Another resource with same ID already exists. Please use a new ID.")
        self.kind, self.job_id = kind, job_id


class JobStore:
    """Jobs by kind and id. Safe to share between threads.

    Args:
        path: the file; its folder is made. None keeps the jobs in memory.
        clock: milliseconds since the epoch.
    """

    def __init__(self, path: Path | None, clock: Callable[[], int] = lambda: int(time.time() * 1000)) -> None:
        self._clock = clock
        self._lock = threading.RLock()  # guards _connection: one statement or transaction at a time
        # hears of every job that begins or changes its state, when that is kept; must return at once and not raise
        self.listener: Callable[[JobRecord], None] = lambda job: None
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        try:
            try:
                self._open(path, alone=False)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF not in _NO_ROOM:
                    raise
                # one process alone needs no file of shared memory, for which a full disk has no room
                self._open(path, alone=True)
        except sqlite3.DatabaseError as error:
            cure = "make room on the disk" if error.sqlite_errorcode & 0xFF in _NO_ROOM else "restore it from a backup"
            raise InternalFailure(f"the job store {path} cannot be opened ({error}); {cure} and start again") from error

    def _open(self, path: Path | None, *, alone: bool) -> None:
        self._connection = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None)
        try:
            if alone:
                self._connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.execute("PRAGMA busy_timeout = 10000")
            (version,) = self._connection.execute("PRAGMA user_version").fetchone()
            if version > SCHEMA_VERSION:
                raise InternalFailure(f"{path} was written by a newer version (schema {version}); use that version")
            if version < SCHEMA_VERSION:
                self._connection.executescript(_SCHEMA)
                with self._transaction():
                    bring_up_to_date(self._connection, version, path)
                    self._connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            if path is not None:
                put_aside(path)
        except BaseException:
            self._connection.close()
            raise

    def add(self, job: JobRecord, lines: Mapping[str, Sequence[Mapping[str, Any]]] | None = None) -> None:
        """Keep a new job, with its lines by part. Raises DuplicateJob when the id is taken within its kind."""
        with self._transaction():
            try:
                self._connection.execute(
                    f"INSERT INTO jobs ({_COLUMNS}) VALUES ({', '.join('?' * 15)})",  # noqa: S608 - constant columns
                    _to_row(job),
                )
            except sqlite3.IntegrityError as error:
                raise DuplicateJob(job.kind, job.id) from error
            for part, documents in (lines or {}).items():
                self._add_lines(job.kind, job.id, part, documents)

    def get(self, kind: JobKind, job_id: str) -> JobRecord:
        """Raises UnknownJob."""
        job = self.find(kind, job_id)
        if job is None:
            raise UnknownJob(kind, job_id)
        return job

    def find(self, kind: JobKind, job_id: str) -> JobRecord | None:
        """The job, or None."""
        jobs = self._select("kind = ? AND id = ?", (kind, job_id))
        return jobs[0] if jobs else None

    def newest_ids(self, kind: JobKind, limit: int) -> list[str]:
        """Ids, newest first."""
        with self._lock:
            rows = self._connection.execute(
                "SELECT id FROM jobs WHERE kind = ? ORDER BY number DESC LIMIT ?", (kind, limit)
            ).fetchall()
        return [row[0] for row in rows]

    def of_kind(self, kind: JobKind) -> list[JobRecord]:
        """Every job of a kind, oldest first."""
        return self._select("kind = ? ORDER BY number", (kind,))

    def counts(self) -> dict[tuple[str, str], int]:
        """How many jobs there are by kind and state."""
        with self._lock:
            rows = self._connection.execute("SELECT kind, state, count(*) FROM jobs GROUP BY kind, state").fetchall()
        return {(kind, state): count for kind, state, count in rows}

    def in_states(self, *states: State) -> list[JobRecord]:
        """Every job in one of the states, oldest first."""
        return self._select(f"state IN ({', '.join('?' * len(states))}) ORDER BY number", states)

    def unfinished(self, kind: JobKind) -> list[JobRecord]:
        """Every job of a kind that has not ended, oldest first; for endpoints, all."""
        ends = [state for state in TRANSITIONS[kind] if is_end(kind, state)]
        marks = ", ".join("?" * len(ends))
        return self._select(f"kind = ? AND state NOT IN ({marks}) ORDER BY number", (kind, *ends))

    def named(self, kind: JobKind, name: str, value: str) -> list[JobRecord]:
        """The jobs of a kind whose ``names`` hold a value under a name, newest first."""
        return self._select("kind = ? AND json_extract(names, ?) = ? ORDER BY number DESC", (kind, f"$.{name}", value))

    def completed_with_hash(self, kind: JobKind, inputs_hash: str) -> list[JobRecord]:
        """Finished jobs of equal inputs whose artefacts were not removed, newest first."""
        return self._select(
            "kind = ? AND inputs_hash = ? AND state = 'Completed' AND cleaned = 0 ORDER BY number DESC",
            (kind, inputs_hash),
        )

    def move(
        self, kind: JobKind, job_id: str, to: State, *, only_from: State | None = None, **changes: Any
    ) -> JobRecord:
        """Change the state, and fields with it.

        Args:
            only_from: refuse (IllegalTransition) unless the job is in this state now.
            changes: fields of JobRecord.

        Raises UnknownJob, IllegalTransition.
        """
        with self._transaction():
            job = self.get(kind, job_id)
            if only_from is not None and job.state != only_from:
                raise IllegalTransition(kind, job_id, job.state, to)
            check_transition(kind, job_id, job.state, to)
            moments: dict[str, Any] = {"ended_ms": self._clock()} if is_end(kind, to) else {}
            moved = self._write(job, {"state": to, **moments, **changes})
        self.listener(moved)
        return moved

    def begin(self, kind: JobKind, job_id: str) -> JobRecord:
        """Count one more attempt to run a job; the first is when it started. Raises UnknownJob."""
        with self._transaction():
            job = self.get(kind, job_id)
            begun = self._write(job, {"attempts": job.attempts + 1, "started_ms": job.started_ms or self._clock()})
        self.listener(begun)
        return begun

    def update(self, kind: JobKind, job_id: str, **changes: Any) -> JobRecord:
        """Change fields other than the state. Raises UnknownJob."""
        with self._transaction():
            return self._write(self.get(kind, job_id), changes)

    def remove(self, kind: JobKind, job_id: str) -> None:
        """Forget a job and its lines; forgetting twice is fine."""
        with self._transaction():
            for table in ("jobs", "lines"):
                self._connection.execute(f"DELETE FROM {table} WHERE kind = ? AND id = ?", (kind, job_id))  # noqa: S608

    # -- lines: what belongs to a job and may be many, such as the files of a load and the errors found in them

    def lines(self, kind: JobKind, job_id: str, part: str, first: int = 1, count: int = -1) -> list[dict[str, Any]]:
        """Lines of a part in their order, from number ``first``, at most ``count`` (-1: all)."""
        with self._lock:
            rows = self._connection.execute(
                "SELECT document FROM lines WHERE kind = ? AND id = ? AND part = ? AND number >= ? "
                "ORDER BY number LIMIT ?",
                (kind, job_id, part, first, count),
            ).fetchall()
        return [json.loads(row[0]) for row in rows]

    def set_line(
        self, kind: JobKind, job_id: str, part: str, number: int, line: Mapping[str, Any], **more: Sequence[Any]
    ) -> None:
        """Put one line in the place of the one with its number, and append to other parts, as one change."""
        with self._transaction():
            self._connection.execute(
                "INSERT OR REPLACE INTO lines VALUES (?, ?, ?, ?, ?)", (kind, job_id, part, number, json.dumps(line))
            )
            for other, documents in more.items():
                self._add_lines(kind, job_id, other, documents)

    def _add_lines(self, kind: JobKind, job_id: str, part: str, documents: Sequence[Mapping[str, Any]]) -> None:
        (last,) = self._connection.execute(
            "SELECT coalesce(max(number), 0) FROM lines WHERE kind = ? AND id = ? AND part = ?", (kind, job_id, part)
        ).fetchone()
        self._connection.executemany(
            "INSERT INTO lines VALUES (?, ?, ?, ?, ?)",
            [(kind, job_id, part, last + place, json.dumps(one)) for place, one in enumerate(documents, 1)],
        )

    def close(self) -> None:
        """Flush and close the file."""
        with self._lock:
            self._connection.close()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            try:
                self._connection.execute("COMMIT")
            except sqlite3.Error:
                if self._connection.in_transaction:  # a full disk can leave it open
                    self._connection.execute("ROLLBACK")
                raise

    def _write(self, job: JobRecord, changes: dict[str, Any]) -> JobRecord:
        row = {**changes, "updated_ms": self._clock()}
        assignments = ", ".join(f"{column} = ?" for column in row)
        values = [json.dumps(value) if column in _JSON else value for column, value in row.items()]
        self._connection.execute(
            f"UPDATE jobs SET {assignments} WHERE kind = ? AND id = ?",  # noqa: S608 - columns are field names of ours
            [*values, job.kind, job.id],
        )
        return self.get(job.kind, job.id)

    def _select(self, condition: str, values: tuple[Any, ...]) -> list[JobRecord]:
        with self._lock:
            rows = self._connection.execute(
                f"SELECT {_COLUMNS} FROM jobs WHERE {condition}",  # noqa: S608 - conditions are written here
                values,
            ).fetchall()
        return [_from_row(row) for row in rows]


_JSON = {"request", "names", "result"}


def _to_row(job: JobRecord) -> tuple[Any, ...]:
    return (
        *(job.kind, job.id, job.state, job.created_ms, job.updated_ms),
        *(json.dumps(dict(part)) for part in (job.request, job.names, job.result)),
        *(job.failure, job.attempts, job.inputs_hash, job.reused_from, int(job.cleaned)),
        *(job.started_ms, job.ended_ms),
    )


def _from_row(row: tuple[Any, ...]) -> JobRecord:
    kind, job_id, state, created_ms, updated_ms, request, names, result = row[:8]
    failure, attempts, inputs_hash, reused, cleaned, started_ms, ended_ms = row[8:]
    return JobRecord(
        kind=kind,
        id=job_id,
        state=state,
        created_ms=created_ms,
        updated_ms=updated_ms,
        request=json.loads(request),
        names=json.loads(names),
        result=json.loads(result),
        failure=failure,
        attempts=attempts,
        inputs_hash=inputs_hash,
        reused_from=reused,
        cleaned=bool(cleaned),
        started_ms=started_ms,
        ended_ms=ended_ms,
    )
