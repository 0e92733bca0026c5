"""A job store on a disk without room opens as it is, and says what helps where it cannot."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from workflow.errors import InternalFailure
from workflow.jobs.store import JobStore


class Full(sqlite3.Connection):
    """A connection to a file on a full disk: nothing has room for shared memory unless it is alone."""

    always = False
    alone = False

    def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
        self.alone = self.alone or "EXCLUSIVE" in sql
        if "user_version" in sql and (self.always or not self.alone):
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error
        return super().execute(sql, *args)


@pytest.mark.parametrize("always", [False, True])
def test_a_store_on_a_full_disk_is_opened_without_shared_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, always: bool
) -> None:
    path = tmp_path / "jobs.sqlite"
    JobStore(path).close()
    connect = sqlite3.connect
    monkeypatch.setattr(Full, "always", always)
    monkeypatch.setattr("sqlite3.connect", lambda *args, **options: connect(*args, factory=Full, **options))
    if always:
        with pytest.raises(InternalFailure, match=r"disk is full.*; make room on the disk and start again"):
            JobStore(path)
    else:
        store = JobStore(path)
        assert store.newest_ids("dataprocessing", 5) == []
        store.close()
