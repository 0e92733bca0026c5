"""Homes that older versions wrote: how their records become those of now.

Until schema 2 loads and exports had files of their own beside that of the jobs.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

OLD_FILES: Final = ("exports.sqlite", "loads.sqlite")
ASIDE: Final = ".before-schema-2"


def bring_up_to_date(connection: sqlite3.Connection, version: int, path: Path | None) -> None:
    """Add what schema ``version`` lacks, within the caller's transaction. Doing it twice changes nothing."""
    if version == 1:
        for column in ("started_ms", "ended_ms"):
            connection.execute(f"ALTER TABLE jobs ADD COLUMN {column} INTEGER")
    if path is None:
        return
    for name, rows in (("exports.sqlite", _exports), ("loads.sqlite", _loads)):
        if (path.parent / name).is_file():
            with contextlib.closing(sqlite3.connect(path.parent / name)) as old:
                old.row_factory = sqlite3.Row
                for job, lines in rows(old):
                    _take_over(connection, job, lines)


def put_aside(path: Path) -> None:
    """Rename the files whose records were taken over, so that nobody takes them for those of now."""
    for name in OLD_FILES:
        with contextlib.suppress(FileNotFoundError):
            (path.parent / name).rename(path.parent / (name + ASIDE))


LOAD_FILE: Final = (
    *("place", "uri", "version", "status", "records", "duplicates", "parsing", "datatype", "inserting"),
    *("started_ms", "ended_ms"),
)
Lines = list[tuple[str, int, dict[str, Any]]]


def _take_over(connection: sqlite3.Connection, job: dict[str, Any], lines: Lines) -> None:
    columns = ", ".join(job)
    connection.execute(
        f"INSERT OR IGNORE INTO jobs ({columns}) VALUES ({', '.join('?' * len(job))})",  # noqa: S608 - columns of ours
        [json.dumps(value) if isinstance(value, dict) else value for value in job.values()],
    )
    connection.executemany(
        "INSERT OR IGNORE INTO lines VALUES (?, ?, ?, ?, ?)",
        [(job["kind"], job["id"], part, number, json.dumps(line)) for part, number, line in lines],
    )


def _job(kind: str, row: sqlite3.Row, **more: Any) -> dict[str, Any]:
    ended = row["ended_ms"]
    return {
        "kind": kind,
        "id": row["id"],
        "state": row["status"],
        "updated_ms": ended or more["created_ms"],
        "ended_ms": ended,
        "failure": None,
        "attempts": 0,
        "cleaned": 0,
        **more,
    }


def _exports(old: sqlite3.Connection) -> Iterator[tuple[dict[str, Any], Lines]]:
    for row in old.execute("SELECT * FROM exports ORDER BY rowid"):
        result: dict[str, Any] = {}
        if row["stats"] is not None:
            result = {"stats": json.loads(row["stats"])["stats"], "warnings": json.loads(row["warnings"] or "[]")}
        yield (
            _job(
                "export",
                row,
                created_ms=row["created_ms"],
                request={"body": json.loads(row["body"]), "host": row["host"]},
                names={"name": row["name"], "output": row["output"]},
                result=result,
                failure=row["reason"],
            ),
            [],
        )


def _loads(old: sqlite3.Connection) -> Iterator[tuple[dict[str, Any], Lines]]:
    for row in old.execute("SELECT * FROM loads ORDER BY number"):
        lines: Lines = []
        for feed in old.execute("SELECT * FROM feeds WHERE load_id = ? ORDER BY place", (row["id"],)):
            lines.append(("files", feed["place"] + 1, {name: feed[name] for name in LOAD_FILE}))
        for error in old.execute("SELECT * FROM load_errors WHERE load_id = ? ORDER BY number", (row["id"],)):
            line = {name: error[name] for name in ("code", "message", "uri", "line")}
            lines.append(("errors", error["number"], line))
        yield (
            _job(
                "load",
                row,
                created_ms=row["started_ms"] or 0,
                started_ms=row["started_ms"],
                request=json.loads(row["request"]),
                names={"graph": row["graph"], "source": row["source"]},
                result={"run": row["run"], "retries": row["retries"], "forgotten": bool(row["forgotten"])},
            ),
            lines,
        )
