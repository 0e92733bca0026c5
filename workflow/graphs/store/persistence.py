"""A graph that outlives its process: a folder with a snapshot, the log since, and segments of bulk loads.

``CURRENT`` names the snapshot and the first log that follows it. Opening reads them back (``recovery``). When the
log has grown, a new one is begun and a new snapshot written beside the running service; until ``CURRENT`` names it, the
old snapshot and both logs count.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from workflow.errors import InternalFailure, WorkflowError
from workflow.graphs.store.journal.current import FIRST, FORMAT, Current, begin, read_current, write_current
from workflow.graphs.store.journal.file_journal import FileJournal
from workflow.graphs.store.journal.log_file import log_number, log_paths
from workflow.graphs.store.journal.recovery import lay_aside, recover
from workflow.graphs.store.journal.segments import SegmentFile, StoreDamaged, write_segment
from workflow.graphs.store.memory import return_memory
from workflow.graphs.store.store import EmbeddedGraph
from workflow.graphs.store.versions.batch import batch_of, put_in_order
from workflow.graphs.store.versions.state import State
from workflow.settings import Profile

LOG_LIMIT_BYTES, LEAST_LIMIT_BYTES, PER_SNAPSHOT = 32 * 1024 * 1024, 8 * 1024 * 1024, 32
"""A log is folded in when it has this part of the snapshot's bytes, within these limits: doing 10 MB again after a
crash takes 0.6 s, and a large snapshot is not written anew for little."""
MOST_SEGMENTS = 16
LARGE_SEGMENTS_BYTES: Final = 64 << 20
"""So much of bulk loads is folded into a snapshot once the snapshot is no larger: all of them together write little."""
LOG_AT_STOP_BYTES, SEGMENTS_AT_STOP_BYTES, MOST_AT_STOP_BYTES = 4 << 20, 8 << 20, 1 << 30
"""A clean stop folds in what takes a start a quarter of a second or more, unless the graph takes long to write."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 5.0, 600.0
"""How long a failed compaction waits before the next, from the first to the last of a row."""
EVERY_LINE = 1 << 62
log = logging.getLogger(__name__)


class FolderInUse(InternalFailure):
    """Another process has the graph open."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"the graph in {folder} is open in another process; stop that one first")
        self.folder = folder


class GraphFolder(FileJournal):
    """The folder of one graph, as the journal its graph writes to."""

    def __init__(self, folder: Path, profile: Profile, log_limit_bytes: int | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._log_limit_bytes = log_limit_bytes
        self._profile = profile
        self._pause_s, self._again_at = FIRST_PAUSE_S, 0.0
        self._folding = threading.Lock()  # guards the making of a snapshot, one at a time; taken before all others
        self._snapshot: str | None = None
        """The snapshot that is being written, without its suffix."""
        self._becoming = threading.Lock()  # guards CURRENT and what it lets be removed
        self._compacting: threading.Thread | None = None
        self._fold_at_stop: Callable[[], None] = _nothing
        self._handle = lock_folder(folder)
        try:
            self._current, is_whole = read_current(folder) or (begin(folder, profile), True)
            if self._current.profile != profile:
                made = self._current.profile
                raise InternalFailure(f"the graph in {folder} was made with profile {made!r}, not {profile!r}")
            found = recover(folder, self._current)
            number = found.newest
            for path, start in found.torn:
                if not lay_aside(path, start):
                    number = found.newest + 1
            if self._current.format == FIRST:
                # the logs there are stay as they are for as long as they count; a new one is written to
                self._current = replace(self._current, old_logs=found.newest)
                number = found.newest + 1
            is_whole = is_whole and self._current.format == FORMAT
            self._current = replace(self._current, format=FORMAT)
            super().__init__(folder, number, found.last, self._current.old_logs)
            if not is_whole:
                write_current(folder, self._current)
            self.segments = found.segments
            self._sweep()
        except BaseException as error:
            os.close(self._handle)
            if isinstance(error, OSError) and error.errno == errno.EROFS:
                raise InternalFailure(
                    f"the graph in {folder} cannot be opened ({error.strerror}); make the folder writable, or copy it"
                ) from error
            raise
        self._read_back: State | None = found.state
        return_memory()

    def take_state(self) -> State:
        """What was read back. Given away once: the journal holds no version."""
        state, self._read_back = self._read_back, None
        assert state is not None
        return state

    def attach(self, graph: EmbeddedGraph) -> None:
        """From now on a grown log makes a new snapshot of this graph."""

        def look() -> None:
            grown = self._grown(self._most_of_log(), max(LARGE_SEGMENTS_BYTES, self._snapshot_bytes()))
            grown = grown or sum(map(len, self.segments.values())) >= MOST_SEGMENTS
            waits = self.trouble is not None and time.monotonic() < self._again_at
            if (grown or self.trouble) and not waits and self._folding.acquire(blocking=False):
                thread = threading.Thread(target=self._compact_quietly, args=(graph,), name="compaction", daemon=True)
                before, self._compacting = self._compacting, thread
                try:
                    thread.start()
                except BaseException:
                    self._compacting = before
                    self._folding.release()
                    raise

        def look_quietly() -> None:
            try:
                look()
            except Exception as error:
                # whoever commits has nothing to do with it: the commit is durable
                self.trouble = f"the log in {self.folder} goes on growing: {error}"
                log.exception("%s", self.trouble)

        self.on_commit = look_quietly
        self._fold_at_stop = partial(self._compact_at_stop, graph)

    def _grown(self, log_bytes: int, segment_bytes: int) -> bool:
        """Whether the logs, or the bulk loads they name, are larger than that."""
        named = (name for names in list(self.segments.values()) for name in list(names))
        loaded = sum(_size(self.folder / name) for name in named)
        return self.size > log_bytes or loaded > segment_bytes

    def _most_of_log(self) -> int:
        if self._log_limit_bytes is not None:
            return self._log_limit_bytes
        return min(LOG_LIMIT_BYTES, max(LEAST_LIMIT_BYTES, self._snapshot_bytes() // PER_SNAPSHOT))

    def _snapshot_bytes(self) -> int:
        return 0 if self._current.snapshot is None else self._current.snapshot.size or 0

    def _compact_at_stop(self, graph: EmbeddedGraph) -> None:
        if self._grown(LOG_AT_STOP_BYTES, SEGMENTS_AT_STOP_BYTES) and not self._grown(
            MOST_AT_STOP_BYTES, MOST_AT_STOP_BYTES - self._snapshot_bytes()
        ):
            with self._folding:
                try:
                    self._fold(graph)
                except (OSError, WorkflowError) as error:
                    # what was acknowledged is safe without it
                    log.warning("no new snapshot could be made in %s at the stop: %s", self.folder, error)

    def _compact_quietly(self, graph: EmbeddedGraph) -> None:
        try:
            self._fold(graph)
        except Exception as error:
            # the edge of a thread; the log alone is enough, and a later commit tries again
            self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
            self._again_at = time.monotonic() + self._pause_s
            self.trouble = f"no new snapshot could be made in {self.folder}; the log goes on growing: {error}"
            log.exception("%s", self.trouble)
        else:
            self.trouble, self._pause_s = self._broken, FIRST_PAUSE_S
        finally:
            self._folding.release()

    def compact(self, graph: EmbeddedGraph) -> None:
        """Write a snapshot and drop the log before it. Writers wait until a new log is begun, readers for nothing."""
        with self._folding:
            self._fold(graph)

    def _fold(self, graph: EmbeddedGraph) -> None:
        with graph.between_commits() as state:
            last = self.last()
            if self.size or self.number == self._current.log:
                self.switch(self.number + 1)
            number = self.number
        # the version is held until it is written: the batch has views of rows that would be given again else
        batch = batch_of(state)
        put_in_order(batch)
        self._snapshot = f"snapshot-{number:08d}"
        try:
            written = write_segment(self.folder / f"{self._snapshot}.npz", batch)
        finally:
            self._snapshot = None
        self._become(written, number, last)

    def restart(self) -> None:
        self.switch(self.number + 1)
        self._become(None, self.number, self.last())

    def horizon(self) -> tuple[int, int]:
        return self._current.commit, self._current.lines

    def _become(self, snapshot: SegmentFile | None, number: int, last: tuple[int, int]) -> None:
        """From log ``number`` on, on top of a snapshot; what was before, up to commit ``last``, is dropped."""
        lines = self._lines(last[0])
        with self._becoming:
            # a reset that came while the snapshot was written has left it behind
            if self._current.log < number:
                current = Current(self._profile, snapshot, number, *last, lines, self._old_logs)
                try:
                    write_current(self.folder, current)
                except OSError:
                    # on a full disk the new snapshot's room is needed for commits; but nothing goes that may count
                    with suppress(OSError, InternalFailure):
                        if read_current(self.folder) == (self._current, True):
                            self._sweep()
                    raise
                self._current = current
            self._sweep()

    def _lines(self, number: int) -> int:
        """How many lines the change log had of the last commit."""
        found, lost = 0, None
        try:
            found = sum(self.count(commit) for commit in self.commits(number) if commit.number == number)
        except StoreDamaged as error:
            lost = error
        with self._becoming:
            if self._current.commit == number:
                # it was folded in, before or meanwhile, and its log is gone
                return self._current.lines
        if lost is None:
            return found
        # what is in memory is whole: writing it anew mends the folder
        log.warning("%s: the change log of commit %d is lost (%s)", self.folder, number, lost)
        return EVERY_LINE

    def _sweep(self) -> None:
        """Remove what ``CURRENT`` no longer needs: older logs and snapshots, segments no log names."""
        for path in log_paths(self.folder):
            if log_number(path) < self._current.log:
                path.unlink()
                self.segments.pop(log_number(path), None)
        # in this order: a file seen now is pending still, or named by a log already, or of no use
        files = [*self.folder.glob("segment-*"), *self.folder.glob("snapshot-*")]
        pending = self.pending, self._snapshot
        needed = {name for names in list(self.segments.values()) for name in list(names)}
        if self._current.snapshot is not None:
            needed.add(self._current.snapshot.name)
        for path in files:
            if path.name not in needed and path.stem not in pending:
                path.unlink(missing_ok=True)

    def settle(self) -> None:
        self.on_commit = lambda: None
        if self._compacting is not None:
            self._compacting.join()
        self._fold_at_stop()
        self._fold_at_stop = _nothing

    def close(self) -> None:
        super().close()
        os.close(self._handle)


def open_graph(
    folder: Path | None, name: str = "g", profile: Profile = "neptune", log_limit_bytes: int | None = None
) -> EmbeddedGraph:
    """The graph kept in a folder, made when there is none; without a folder, one that lives in memory only.

    Raises:
        FolderInUse: another process has it open.
        StoreDamaged: a file does not read back as it was written.
    """
    if folder is None:
        return EmbeddedGraph(name, profile)
    journal = GraphFolder(folder, profile, log_limit_bytes)
    graph = EmbeddedGraph(name, profile, journal, journal.take_state())
    journal.attach(graph)
    return graph


def _size(path: Path) -> int:
    """Of a file; 0 of one that a compaction has removed meanwhile."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _nothing() -> None:
    """Of a folder that no graph writes to."""


def lock_folder(folder: Path) -> int:
    """A handle that holds a graph's folder for this process alone. Raises FolderInUse."""
    try:
        handle = os.open(folder / "LOCK", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        if error.errno != errno.EROFS:
            raise
        # nobody writes there, and whoever only looks may
        handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise FolderInUse(folder) from error
    return handle
