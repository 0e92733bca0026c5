"""The journal that is a folder: an append-only log of commits, and segment files of bulk loads.

A commit is one record of the log; a record counts only when all of it is there, so a commit is there whole or not at
all. A bulk load is written as a segment file first and becomes a commit by the record that names it.
"""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final, Literal

from workflow.errors import InternalFailure
from workflow.graphs.store.batch import Batch
from workflow.graphs.store.batch_records import BatchRecords
from workflow.graphs.store.changes import Operation, Record, records_of
from workflow.graphs.store.journal import Commit, now_ms
from workflow.graphs.store.log_file import Placed, Witness, log_number, log_path, log_paths, read_log, record
from workflow.graphs.store.segments import SegmentFile, StoreDamaged, read_segment, sync_folder, write_segment

_sync: Final[Callable[[int], None]] = getattr(os, "fdatasync", os.fsync)


class FileJournal:
    """The log of a graph's folder. Every commit is written and synchronised before ``append`` returns."""

    def __init__(self, folder: Path, number: int, last: tuple[int, int], old_logs: int = 0) -> None:
        """
        Args:
            number: of the log to go on with.
            last: number and time in ms of the last commit.
            old_logs: logs up to this number are of format 1.
        """
        self.folder = folder
        self.number = number
        self._last = last
        self._old_logs = old_logs
        self._lock = threading.Lock()  # guards the open log: one record is written, or one switch made, at a time
        self._preparing: str | None = None
        self._prepared: tuple[Batch, SegmentFile] | None = None
        self._broken = False
        self._read: tuple[str, BatchRecords] | None = None
        self._file = self._open(number)
        self._witness = Witness(folder)
        self._witness.note(last[0])
        self.segments: dict[int, set[str]] = {}
        """The segment files that each log names."""
        self.on_commit: Callable[[], None] = lambda: None

    def _open(self, number: int) -> int:
        handle = os.open(log_path(self.folder, number), os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        sync_folder(self.folder)
        return handle

    @property
    def pending(self) -> str | None:
        """The segment that is written but not yet a commit, without its suffix."""
        return self._preparing

    @property
    def size(self) -> int:
        """Bytes in the current log file."""
        return os.fstat(self._file).st_size

    def append(self, operations: Sequence[Operation]) -> None:
        self._write("ops", operations)

    def prepare(self, batch: Batch) -> None:
        # named before it is written, so that nobody sweeps it away
        self._preparing = f"segment-{uuid.uuid4().hex}"
        self._prepared = (batch, write_segment(self.folder / f"{self._preparing}.npz", batch))

    def append_batch(self, batch: Batch) -> None:
        if self._prepared is None or self._prepared[0] is not batch:
            self.prepare(batch)
        assert self._prepared is not None
        self._write("segment", self._prepared[1])
        self.segments.setdefault(self.number, set()).add(self._prepared[1].name)
        self._prepared = self._preparing = None

    def _write(self, kind: Literal["ops", "segment"], body: Any) -> None:
        with self._lock:
            if self._broken:
                raise InternalFailure(f"the log in {self.folder} could not be written before; restart the service")
            commit = Commit(self._last[0] + 1, max(now_ms(), self._last[1]), kind, body)
            data = record(commit)
            before = self.size
            try:
                _write_all(self._file, data)
                _sync(self._file)
            except OSError as error:
                self._take_back(before)
                raise InternalFailure(f"the commit could not be written to {self.folder}: {error}") from error
            self._witness.note(commit.number)
            self._last = (commit.number, commit.time_ms)
            self._read = None
        self.on_commit()

    def _take_back(self, size: int) -> None:
        """Cut off a record that was written in part; without that, later ones would stand behind garbage."""
        try:
            os.ftruncate(self._file, size)
            _sync(self._file)
        except OSError:
            self._broken = True

    def switch(self, number: int) -> None:
        """Go on in a new log file."""
        with self._lock:
            handle = self._open(number)
            os.close(self._file)
            self._file, self.number = handle, number
            self._read = None

    def last(self) -> tuple[int, int]:
        return self._last

    def commits(self, first: int) -> Iterator[Commit]:
        """Raises StoreDamaged where some of them, though acknowledged, no longer read back."""
        last, reached = self._last[0], 0
        for path in log_paths(self.folder):
            for commit, _, _ in self.read(path, first):
                if commit.number <= self._last[0]:
                    reached = commit.number
                    yield commit
        if max(reached, first - 1, self.horizon()[0]) < last:
            raise StoreDamaged(self.folder, f"commit {reached + 1} does not read back")

    def read(self, path: Path, first: int = 0) -> Iterator[Placed]:
        """Commits of one log from number ``first`` on."""
        return read_log(path, first, log_number(path) <= self._old_logs)

    def records(self, commit: Commit, first: int = 1) -> Iterator[Record]:
        if commit.kind == "ops":
            return islice(records_of(commit.body), first - 1, None)
        return self._bulk(commit.body).since(first)

    def count(self, commit: Commit) -> int:
        return sum(1 for _ in records_of(commit.body)) if commit.kind == "ops" else len(self._bulk(commit.body))

    def _bulk(self, named: Any) -> BatchRecords:
        """A bulk load; the last one read is held until the next commit, for it is read page by page."""
        read, file = self._read, SegmentFile.of(named)
        if read is None or read[0] != file.name:
            read = self._read = (file.name, BatchRecords(read_segment(self.folder, file)))
        return read[1]

    def horizon(self) -> tuple[int, int]:
        return 0, 0

    def close(self) -> None:
        with self._lock:
            self._broken = True
            os.close(self._file)
            self._witness.close()


def _write_all(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]
