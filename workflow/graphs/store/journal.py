"""The order of commits of one graph: what makes them durable, and what the change stream reads.

On disk a commit is one record of an append-only log: length and CRC-32 of the payload, then the payload as JSON. A
record counts only when all of it is there, so a commit is there whole or not at all. A bulk load is written as a
segment file first and becomes a commit by the record that names it.
"""

from __future__ import annotations

import json
import os
import struct
import threading
import time
import uuid
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final, Literal, Protocol

from workflow.errors import InternalFailure
from workflow.graphs.store.batch import Batch
from workflow.graphs.store.batch_records import BatchRecords
from workflow.graphs.store.changes import Operation, Record, records_of
from workflow.graphs.store.segments import StoreDamaged, read_segment, sync_folder, write_segment

HEADER: Final = struct.Struct("<II")
MEMORY_OPERATIONS: Final = 50_000
MEMORY_COMMITS: Final = 1000
_sync: Final[Callable[[int], None]] = getattr(os, "fdatasync", os.fsync)


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit as the log holds it; ``body`` is a list of operations or the name of a segment file."""

    number: int
    time_ms: int
    kind: Literal["ops", "segment"]
    body: Any


class Journal(Protocol):
    """Where commits go, in order, by one writer at a time. Reading is safe beside it."""

    def append(self, operations: Sequence[Operation]) -> None:
        """Returns once the commit is durable; on an error it is not there."""

    def prepare(self, batch: Batch) -> None:
        """Bring the bulk of a batch to safety before ``append_batch`` makes it a commit."""

    def append_batch(self, batch: Batch) -> None:
        """The same as ``append``, for a bulk load."""

    def restart(self) -> None:
        """The graph is empty from here on; what was before is forgotten."""

    def last(self) -> tuple[int, int]:
        """Number and time in ms of the last commit; (0, start) when there is none."""

    def commits(self, first: int) -> Iterator[Commit]:
        """Commits still held, from number ``first`` on."""

    def records(self, commit: Commit, first: int = 1) -> Iterator[Record]:
        """The change log's lines of a commit, from number ``first`` on."""

    def count(self, commit: Commit) -> int:
        """How many lines the change log has of a commit."""

    def horizon(self) -> tuple[int, int]:
        """Commit and number of the newest line that is no longer kept; (0, 0) when all are."""

    def settle(self) -> None:
        """Wait for work in the background; called before ``close``, without the writer's seat."""

    def close(self) -> None: ...


class MemoryJournal:
    """Keeps the latest commits in memory, for the change stream alone; a bulk load passes unlisted."""

    def __init__(self) -> None:
        self._commits: deque[Commit] = deque()
        self._held = 0
        self._last = (0, _now_ms())
        self._dropped: Commit | None = None

    def append(self, operations: Sequence[Operation]) -> None:
        self._number("ops", operations, len(operations))

    def prepare(self, batch: Batch) -> None:
        """Nothing is kept of it."""

    def append_batch(self, batch: Batch) -> None:
        self._number("ops", [], 0)

    def restart(self) -> None:
        self._dropped = self._commits[-1] if self._commits else self._dropped
        self._commits = deque()
        self._held = 0

    def _number(self, kind: Literal["ops"], body: Sequence[Operation], size: int) -> None:
        commit = Commit(self._last[0] + 1, _now_ms(), kind, body)
        self._last = (commit.number, commit.time_ms)
        commits = self._commits.copy()
        commits.append(commit)
        self._held += size
        while commits and (self._held > MEMORY_OPERATIONS or len(commits) > MEMORY_COMMITS):
            self._dropped = commits.popleft()
            self._held -= len(self._dropped.body)
        self._commits = commits

    def last(self) -> tuple[int, int]:
        return self._last

    def commits(self, first: int) -> Iterator[Commit]:
        return iter([commit for commit in self._commits if commit.number >= first])

    def records(self, commit: Commit, first: int = 1) -> Iterator[Record]:
        return islice(records_of(commit.body), first - 1, None)

    def count(self, commit: Commit) -> int:
        return sum(1 for _ in records_of(commit.body))

    def horizon(self) -> tuple[int, int]:
        dropped = self._dropped
        return (0, 0) if dropped is None else (dropped.number, self.count(dropped))

    def settle(self) -> None:
        """There is nothing in the background."""

    def close(self) -> None:
        """Nothing to let go of."""


class FileJournal:
    """The log of a graph's folder. Every commit is written and synchronised before ``append`` returns."""

    def __init__(self, folder: Path, number: int, last: tuple[int, int]) -> None:
        self.folder = folder
        self.number = number
        self._last = last
        self._lock = threading.Lock()
        self._prepared: tuple[Batch, str] | None = None
        self._broken = False
        self._read: tuple[str, BatchRecords] | None = None
        self._file = self._open(number)
        self.segments = 0
        self.on_commit: Callable[[], None] = lambda: None

    def _open(self, number: int) -> int:
        handle = os.open(log_path(self.folder, number), os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        sync_folder(self.folder)
        return handle

    @property
    def pending(self) -> str | None:
        """The segment that is written but not yet a commit, without its suffix."""
        return None if self._prepared is None else self._prepared[1]

    @property
    def size(self) -> int:
        """Bytes in the current log file."""
        return os.fstat(self._file).st_size

    def append(self, operations: Sequence[Operation]) -> None:
        self._write("ops", operations)

    def prepare(self, batch: Batch) -> None:
        # named before it is written, so that nobody sweeps it away
        self._prepared = (batch, f"segment-{uuid.uuid4().hex}")
        write_segment(self.folder / f"{self._prepared[1]}.npz", batch)

    def append_batch(self, batch: Batch) -> None:
        if self._prepared is None or self._prepared[0] is not batch:
            self.prepare(batch)
        assert self._prepared is not None
        self._write("segment", f"{self._prepared[1]}.npz")
        self._prepared = None
        self.segments += 1

    def _write(self, kind: Literal["ops", "segment"], body: Any) -> None:
        with self._lock:
            if self._broken:
                raise InternalFailure(f"the log in {self.folder} could not be written before; restart the service")
            number, time_ms = self._last[0] + 1, max(_now_ms(), self._last[1])
            payload = json.dumps([number, time_ms, kind, body], separators=(",", ":")).encode()
            before = self.size
            try:
                _write_all(self._file, HEADER.pack(len(payload), zlib.crc32(payload)) + payload)
                _sync(self._file)
            except OSError as error:
                self._take_back(before)
                raise InternalFailure(f"the commit could not be written to {self.folder}: {error}") from error
            self._last = (number, time_ms)
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
            self._file, self.number, self.segments = handle, number, 0
            self._read = None

    def last(self) -> tuple[int, int]:
        return self._last

    def commits(self, first: int) -> Iterator[Commit]:
        for path in log_paths(self.folder):
            for commit, _ in read_log(path, first):
                if commit.number <= self._last[0]:
                    yield commit

    def records(self, commit: Commit, first: int = 1) -> Iterator[Record]:
        if commit.kind == "ops":
            return islice(records_of(commit.body), first - 1, None)
        return self._bulk(commit.body).since(first)

    def count(self, commit: Commit) -> int:
        return sum(1 for _ in records_of(commit.body)) if commit.kind == "ops" else len(self._bulk(commit.body))

    def _bulk(self, name: str) -> BatchRecords:
        """A bulk load; the last one read is held until the next commit, for it is read page by page."""
        read = self._read
        if read is None or read[0] != name:
            read = self._read = (name, BatchRecords(read_segment(self.folder / name)))
        return read[1]

    def horizon(self) -> tuple[int, int]:
        return 0, 0

    def close(self) -> None:
        with self._lock:
            self._broken = True
            os.close(self._file)


def log_path(folder: Path, number: int) -> Path:
    return folder / f"log-{number:08d}.bin"


def log_paths(folder: Path) -> list[Path]:
    """Log files in order."""
    return sorted(folder.glob("log-*.bin"))


def read_log(path: Path, first: int = 0) -> Iterator[tuple[Commit, int]]:
    """Whole commits from number ``first`` on, each with the offset where it ends; stops before a torn one.

    A commit is torn when the file ends inside it, or when nothing but zeros follows it. Raises StoreDamaged when a
    commit in the middle does not read back.
    """
    with path.open("rb") as file:
        size, end, number = os.fstat(file.fileno()).st_size, 0, None
        while len(header := file.read(HEADER.size)) == HEADER.size:
            length, checksum = HEADER.unpack(header)
            stop = end + HEADER.size + length
            if stop > size or not length:
                return
            if number is not None and number + 1 < first:
                # numbers follow each other, so what nobody asked for need not be read
                file.seek(stop)
                number, end = number + 1, stop
                continue
            payload = file.read(length)
            if zlib.crc32(payload) != checksum:
                if file.read().strip(b"\0"):
                    raise StoreDamaged(path, f"the commit at byte {end} does not match its checksum")
                return
            commit, end = Commit(*json.loads(payload)), stop
            number = commit.number
            if number >= first:
                yield commit, end


def _write_all(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
