"""The durable record of bulk loads: loads, their files, and the errors found in them."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

from workflow.errors import BulkLoadIdNotFound
from workflow.graphs.files.loading import FileReport

LoadStatus = Literal[
    "LOAD_NOT_STARTED",
    "LOAD_IN_QUEUE",
    "LOAD_IN_PROGRESS",
    "LOAD_COMPLETED",
    "LOAD_CANCELLED_BY_USER",
    "LOAD_CANCELLED_DUE_TO_ERRORS",
    "LOAD_FAILED",
    "LOAD_UNEXPECTED_ERROR",
    "LOAD_S3_READ_ERROR",
    "LOAD_S3_ACCESS_DENIED_ERROR",
    "LOAD_FAILED_BECAUSE_DEPENDENCY_NOT_SATISFIED",
]
UNFINISHED: Final = ("LOAD_NOT_STARTED", "LOAD_IN_QUEUE", "LOAD_IN_PROGRESS")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS loads (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, graph TEXT NOT NULL, source TEXT NOT NULL,
    request TEXT NOT NULL, status TEXT NOT NULL, run INTEGER NOT NULL, retries INTEGER NOT NULL,
    started_ms INTEGER, ended_ms INTEGER, forgotten INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE IF NOT EXISTS feeds (
    load_id TEXT NOT NULL, place INTEGER NOT NULL, uri TEXT NOT NULL, version TEXT NOT NULL, status TEXT NOT NULL,
    records INTEGER NOT NULL DEFAULT 0, duplicates INTEGER NOT NULL DEFAULT 0, parsing INTEGER NOT NULL DEFAULT 0,
    datatype INTEGER NOT NULL DEFAULT 0, inserting INTEGER NOT NULL DEFAULT 0, started_ms INTEGER, ended_ms INTEGER,
    PRIMARY KEY (load_id, place)
) STRICT;
CREATE TABLE IF NOT EXISTS load_errors (
    load_id TEXT NOT NULL, number INTEGER NOT NULL, code TEXT NOT NULL, message TEXT NOT NULL, uri TEXT NOT NULL,
    line INTEGER NOT NULL, PRIMARY KEY (load_id, number)
) STRICT;
"""


@dataclass(frozen=True, slots=True)
class Feed:
    """One file of a load; ``version`` tells whether it has changed since."""

    place: int
    uri: str
    version: str
    status: LoadStatus
    records: int = 0
    duplicates: int = 0
    parsing: int = 0
    datatype: int = 0
    inserting: int = 0
    started_ms: int | None = None
    ended_ms: int | None = None

    def with_report(self, report: FileReport) -> Feed:
        """The same with a report's counts."""
        return replace(
            self,
            records=report.records,
            duplicates=report.duplicates,
            parsing=report.parsing_errors,
            datatype=report.datatype_errors,
            inserting=report.insert_errors,
        )


@dataclass(frozen=True, slots=True)
class Load:
    """One load with its files."""

    id: str
    graph: str
    source: str
    request: dict[str, Any]
    status: LoadStatus
    run: int
    retries: int
    started_ms: int | None
    ended_ms: int | None
    feeds: tuple[Feed, ...]


@dataclass(frozen=True, slots=True)
class LoadError:
    """One line of the error log."""

    code: str
    message: str
    uri: str
    line: int


class LoadStore:
    """Loads by id. Safe to share between threads; every change is on disk when the call returns."""

    def __init__(self, path: Path | None, clock: Callable[[], int] = lambda: int(time.time() * 1000)) -> None:
        """None keeps the loads in memory; ``clock`` gives milliseconds."""
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._clock = clock
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path or ":memory:", check_same_thread=False)
        self._db.row_factory = sqlite3.Row
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "busy_timeout = 10000"):
            self._db.execute(f"PRAGMA {pragma}")
        self._db.executescript(_SCHEMA)

    def add(
        self, id: str, graph: str, source: str, request: dict[str, Any], feeds: Sequence[Feed], status: LoadStatus
    ) -> None:
        """Record a new load; its run number follows the last of the same source."""
        with self._lock, self._db:
            (run,) = self._db.execute(
                "SELECT count(*) + 1 FROM loads WHERE source = ? AND graph = ?", (source, graph)
            ).fetchone()
            self._db.execute(
                "INSERT INTO loads (id, graph, source, request, status, run, retries) VALUES (?, ?, ?, ?, ?, ?, 0)",
                (id, graph, source, json.dumps(request), status, run),
            )
            for feed in feeds:
                self._put(id, feed)

    def _put(self, id: str, feed: Feed) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO feeds VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                id,
                feed.place,
                feed.uri,
                feed.version,
                feed.status,
                feed.records,
                feed.duplicates,
                feed.parsing,
                feed.datatype,
                feed.inserting,
                feed.started_ms,
                feed.ended_ms,
            ),
        )

    def get(self, id: str) -> Load:
        """Raises BulkLoadIdNotFound."""
        with self._lock:
            row = self._db.execute("SELECT * FROM loads WHERE id = ?", (id,)).fetchone()
            feeds = self._db.execute("SELECT * FROM feeds WHERE load_id = ? ORDER BY place", (id,)).fetchall()
        if row is None:
            raise BulkLoadIdNotFound(f"there is no bulk load {id[:100]!r}; GET /loader lists them")
        return Load(
            row["id"],
            row["graph"],
            row["source"],
            json.loads(row["request"]),
            row["status"],
            row["run"],
            row["retries"],
            row["started_ms"],
            row["ended_ms"],
            tuple(Feed(*tuple(feed)[1:]) for feed in feeds),
        )

    def ids(self, statuses: Sequence[str] | None = None, newest_first: bool = True, limit: int = 1 << 31) -> list[str]:
        """Ids of loads, of some statuses or of all."""
        marks = ", ".join("?" * len(statuses)) if statuses is not None else ""
        where = f"WHERE status IN ({marks})" if statuses is not None else ""
        order = "DESC" if newest_first else "ASC"
        query = f"SELECT id FROM loads {where} ORDER BY number {order} LIMIT ?"  # noqa: S608 - constants and marks
        with self._lock:
            return [row["id"] for row in self._db.execute(query, (*(statuses or ()), limit))]

    def before(self, graph: str, source: str) -> str | None:
        """The latest load of the same source into the same graph, as long as that graph was not emptied since."""
        with self._lock:
            row = self._db.execute(
                "SELECT id FROM loads WHERE graph = ? AND source = ? AND NOT forgotten ORDER BY number DESC LIMIT 1",
                (graph, source),
            ).fetchone()
        return None if row is None else str(row["id"])

    def forget(self, graph: str) -> None:
        """The graph was emptied: no load into it can be resumed."""
        with self._lock, self._db:
            self._db.execute("UPDATE loads SET forgotten = 1 WHERE graph = ?", (graph,))

    def set_status(self, id: str, status: LoadStatus) -> None:
        """Move a load on; the first start and the end are noted with their time."""
        now = self._clock()
        with self._lock, self._db:
            self._db.execute("UPDATE loads SET status = ? WHERE id = ?", (status, id))
            if status == "LOAD_IN_PROGRESS":
                self._db.execute("UPDATE loads SET started_ms = coalesce(started_ms, ?) WHERE id = ?", (now, id))
            elif status not in UNFINISHED:
                self._db.execute(
                    "UPDATE loads SET started_ms = coalesce(started_ms, ?), ended_ms = ? WHERE id = ?", (now, now, id)
                )

    def retry(self, id: str) -> None:
        """Count another attempt, after a restart."""
        with self._lock, self._db:
            self._db.execute("UPDATE loads SET retries = retries + 1 WHERE id = ?", (id,))

    def set_feed(self, id: str, feed: Feed, errors: Sequence[LoadError] = ()) -> None:
        """Record the state of a file, with the errors found in it."""
        with self._lock, self._db:
            self._put(id, feed)
            (count,) = self._db.execute("SELECT count(*) FROM load_errors WHERE load_id = ?", (id,)).fetchone()
            self._db.executemany(
                "INSERT INTO load_errors VALUES (?, ?, ?, ?, ?, ?)",
                [(id, count + n, one.code, one.message, one.uri, one.line) for n, one in enumerate(errors, 1)],
            )

    def errors(self, id: str, first: int, count: int) -> list[LoadError]:
        """A page of the error log; ``first`` counts from 1."""
        with self._lock:
            rows = self._db.execute(
                "SELECT code, message, uri, line FROM load_errors WHERE load_id = ? AND number >= ? "
                "ORDER BY number LIMIT ?",
                (id, first, count),
            ).fetchall()
        return [LoadError(*row) for row in rows]

    def close(self) -> None:
        with self._lock:
            self._db.close()
