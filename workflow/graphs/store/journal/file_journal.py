"""The journal that is a folder: an append-only log of commits, and segment files of bulk loads.

Commits get their places one after the other; whoever waits for one of them to be durable writes all that have come by
then, so many writers share one synchronisation of the disk.

A commit is one record of the log; a record counts only when all of it is there, so a commit is there whole or not at
all. A bulk load is written as a segment file first and becomes a commit by the record that names it.
"""

from __future__ import annotations

import errno
import logging
import os
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, Final, Literal

from workflow.errors import InternalFailure
from workflow.graphs.store.journal.batch_records import BatchRecords
from workflow.graphs.store.journal.changes import Operation, Record, records_of
from workflow.graphs.store.journal.journal import Commit, now_ms
from workflow.graphs.store.journal.log_file import Placed, Witness, log_number, log_path, log_paths, read_log, record
from workflow.graphs.store.journal.segments import SegmentFile, StoreDamaged, read_segment, sync_folder, write_segment
from workflow.graphs.store.versions.batch import Batch, put_in_order
from workflow.graphs.store.versions.records import Ticket

log = logging.getLogger(__name__)
LARGE: Final = 4096
"""So many elements of a load are put in order in its file; of fewer that is made anew in no time."""
NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT)
_sync: Final[Callable[[int], None]] = getattr(os, "fdatasync", os.fsync)
_DURABLE: Final[int] = getattr(os, "RWF_DSYNC", 0)
"""Makes a write return when it is durable: a thread that computes gets Python's lock once, not twice."""


class FileJournal:
    """The log of a graph's folder."""

    trouble: str | None = None

    def __init__(self, folder: Path, number: int, last: tuple[int, int], old_logs: int = 0) -> None:
        """
        Args:
            number: of the log to go on with.
            last: number and time in ms of the last commit.
            old_logs: logs up to this number are of format 1.
        """
        self.folder = folder
        self.number = number
        self._last = self._written = last
        self._old_logs = old_logs
        self.era = 0
        self._syncing = threading.Lock()  # guards the synchronisation of the log; taken before ``_lock``
        self._lock = threading.Lock()  # guards the open log and what is known of it
        self._preparing: str | None = None
        self._prepared: tuple[Batch, SegmentFile] | None = None
        self._broken: str | None = None
        """Why nothing is written any more, in a sentence."""
        self._read: tuple[str, BatchRecords] | None = None
        self._file = self._open(number)
        self._sound = os.fstat(self._file).st_size
        self._queue: list[bytes] = []
        """Records that have their place and are not yet written."""
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
        """Bytes of the current log that are durable."""
        return self._sound

    def append(self, operations: Sequence[Operation], era: int = 0) -> Ticket:
        return self._write("ops", operations, era)

    def prepare(self, batch: Batch) -> None:
        # named before it is written, so that nobody sweeps it away
        self._preparing = f"segment-{uuid.uuid4().hex}"
        if len(batch.vertices) + len(batch.edges) >= LARGE:
            put_in_order(batch)  # the graph needs it now, and a start after a crash will again
        self._prepared = (batch, write_segment(self.folder / f"{self._preparing}.npz", batch))

    def append_batch(self, batch: Batch, era: int = 0) -> Ticket:
        if self._prepared is None or self._prepared[0] is not batch:
            self.prepare(batch)
        assert self._prepared is not None
        ticket = self._write("segment", self._prepared[1], era)
        self.segments.setdefault(self.number, set()).add(self._prepared[1].name)
        self._prepared = self._preparing = None
        return ticket

    def _write(self, kind: Literal["ops", "segment"], body: Any, era: int) -> Ticket:
        with self._lock:
            if self._broken:
                raise InternalFailure(self._broken)
            if era != self.era:
                raise InternalFailure(f"commits before this one could not be written to {self.folder}; begin again")
            commit = Commit(self._written[0] + 1, max(now_ms(), self._written[1]), kind, body)
            self._queue.append(record(commit))
            self._written = (commit.number, commit.time_ms)
            return Ticket(commit.number, era)

    def sync(self, ticket: Ticket) -> None:
        with self._syncing:
            # another thread may have done it meanwhile, for both
            grows = ticket.era == self.era and ticket.number > self._last[0]
            if grows:
                self._sync_all()
            if ticket.era != self.era:
                raise InternalFailure(f"the commit could not be written to {self.folder}; begin again")
        if grows:
            self.on_commit()

    def _sync_all(self) -> None:
        """Write what waits; begin a new era, without it, where that cannot be done."""
        with self._lock:
            if self._broken:
                raise InternalFailure(self._broken)
            file, written, data = self._file, self._written, b"".join(self._queue)
            self._queue = []
        try:
            _write_durably(file, data)
        except OSError as error:
            with self._lock:
                self.era += 1
                self._written, self._queue = self._last, []
                self._cut(self._sound, error)
            raise InternalFailure(f"the commit could not be written to {self.folder}: {error}") from error
        self._witness.note(written[0])
        self._last, self._sound = written, self._sound + len(data)
        self._read = None

    def _cut(self, size: int, failed: OSError) -> None:
        """Cut off what was not written whole; without that, later records would stand behind garbage.

        Where the disk had no room the next commit is tried. After any other failure nothing is known of what it holds,
        and what the system says of the next synchronisation need not be true: all further commits are refused.
        """
        is_cut = True
        try:
            os.ftruncate(self._file, size)
            _sync(self._file)
        except OSError as error:
            failed, is_cut = error, False
        if failed.errno not in NO_ROOM or not is_cut:
            self.trouble = self._broken = (
                f"the log in {self.folder} could not be written ({failed}), so no commits are taken; see to the disk "
                "and restart the service, which reads back what is there. Reads go on"
            )
            log.error("%s", self.trouble)

    def switch(self, number: int) -> None:
        """Go on in a new log file."""
        with self._syncing:
            if self._written != self._last:
                self._sync_all()
            with self._lock:
                handle = self._open(number)
                os.close(self._file)
                self._file, self.number = handle, number
                self._sound = os.fstat(handle).st_size
                self._read = None

    def last(self) -> tuple[int, int]:
        return self._last

    def commits(self, first: int) -> Iterator[Commit]:
        """Without a gap, those that a compaction folds in meanwhile left out.

        Raises StoreDamaged where some of them, though acknowledged, no longer read back.
        """
        last, reached = self._last[0], 0
        for path in log_paths(self.folder):
            try:
                for commit, _, _ in self.read(path, first):
                    if commit.number <= self._last[0]:
                        reached = commit.number
                        yield commit
            except FileNotFoundError:
                if reached:
                    return
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
        with self._syncing:
            if self._written != self._last:
                with suppress(InternalFailure):  # nobody was told that these are durable
                    self._sync_all()
        with self._lock:
            self._broken = f"the log in {self.folder} is closed"
            os.close(self._file)
            self._witness.close()


def _write_durably(handle: int, data: bytes) -> None:
    view = memoryview(data)
    if _DURABLE:
        try:
            while view:
                # at the end of the file, whatever the offset says: it was opened to append
                view = view[os.pwritev(handle, [view], 0, _DURABLE) :]
        except OSError as error:
            if error.errno != errno.EOPNOTSUPP:
                raise
        else:
            return
    while view:
        view = view[os.write(handle, view) :]
    _sync(handle)
