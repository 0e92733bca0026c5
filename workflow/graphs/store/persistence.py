"""A graph that outlives its process: a folder with a snapshot, the log since, and segments of bulk loads.

``CURRENT`` names the snapshot and the first log that follows it, and is replaced atomically. Opening reads the
snapshot and does the log again; a record torn by a crash is the end of the log, and was never acknowledged. When the
log has grown, a new one is begun and a new snapshot written beside the running service; until ``CURRENT`` names it, the
old snapshot and both logs count.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from workflow.errors import InternalFailure
from workflow.graphs.store.batch import batch_of, install
from workflow.graphs.store.changes import replay
from workflow.graphs.store.journal import Commit, FileJournal, log_path, log_paths, read_log
from workflow.graphs.store.memory import return_memory
from workflow.graphs.store.segments import StoreDamaged, read_segment, sync_folder, write_segment
from workflow.graphs.store.state import State
from workflow.graphs.store.store import EmbeddedGraph, Profile

FORMAT = 1
LOG_LIMIT_BYTES = 32 * 1024 * 1024
MOST_SEGMENTS = 16
SEAT_PAUSE_S = 0.5
log = logging.getLogger(__name__)


class FolderInUse(InternalFailure):
    """Another process has the graph open."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"the graph in {folder} is open in another process; stop that one first")
        self.folder = folder


class GraphFolder(FileJournal):
    """The folder of one graph, as the journal its graph writes to."""

    def __init__(self, folder: Path, profile: Profile, log_limit_bytes: int = LOG_LIMIT_BYTES) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._log_limit_bytes = log_limit_bytes
        self._profile = profile
        self._becoming = threading.Lock()
        self._settling = False
        self._compacting: threading.Thread | None = None
        self._handle = _lock(folder)
        try:
            self._current = _read_current(folder, profile)
            self.state, last, newest, segments = _recover(folder, self._current)
            _sweep(folder, self._current)
            super().__init__(folder, newest, last)
        except BaseException:
            os.close(self._handle)
            raise
        self.segments = segments
        return_memory()

    def attach(self, graph: EmbeddedGraph) -> None:
        """From now on a grown log makes a new snapshot of this graph."""

        def look() -> None:
            grown = self.size > self._log_limit_bytes or self.segments >= MOST_SEGMENTS
            if grown and (self._compacting is None or not self._compacting.is_alive()):
                self._compacting = threading.Thread(target=self._compact_quietly, args=(graph,), daemon=True)
                self._compacting.start()

        self.on_commit = look

    def _compact_quietly(self, graph: EmbeddedGraph) -> None:
        try:
            self.compact(graph)
        except Exception:
            # the edge of a thread; the log alone is enough, and the next commit tries again
            log.exception("no new snapshot could be made in %s", self.folder)

    def compact(self, graph: EmbeddedGraph) -> None:
        """Write a snapshot and drop the log before it. Writers wait for a copy in memory, readers for nothing.

        Waits for an open transaction; given up when the graph is closed meanwhile.
        """
        while not graph.writer.try_take(SEAT_PAUSE_S):
            if self._settling:
                return
        try:
            batch = batch_of(graph.state)
            last = self.last()
            self.switch(self.number + 1)
            number = self.number
        finally:
            graph.writer.leave()
        snapshot = f"snapshot-{number:08d}.npz"
        write_segment(self.folder / snapshot, batch)
        self._become(snapshot, number, last)

    def restart(self) -> None:
        self.switch(self.number + 1)
        self._become(None, self.number, self.last())

    def horizon(self) -> tuple[int, int]:
        current = self._current
        return current["commit"], current.get("lines", 0)  # of folders from before this was kept, none are missed

    def _become(self, snapshot: str | None, number: int, last: tuple[int, int]) -> None:
        """From log ``number`` on, on top of a snapshot; what was before, up to commit ``last``, is dropped."""
        facts = {"snapshot": snapshot, "log": number, "commit": last[0], "time_ms": last[1]}
        facts["lines"] = sum(self.count(commit) for commit in self.commits(last[0]) if commit.number == last[0])
        with self._becoming:
            # a reset that came while the snapshot was written has left it behind
            if self._current["log"] < number:
                self._current = {"format": FORMAT, "profile": self._profile, **facts}
                _write_current(self.folder, self._current)
            _sweep(self.folder, self._current, lambda: self.pending)

    def settle(self) -> None:
        self.on_commit = lambda: None
        self._settling = True
        if self._compacting is not None:
            self._compacting.join()

    def close(self) -> None:
        super().close()
        os.close(self._handle)


def open_graph(
    folder: Path | None, name: str = "g", profile: Profile = "neptune", log_limit_bytes: int = LOG_LIMIT_BYTES
) -> EmbeddedGraph:
    """The graph kept in a folder, made when there is none; without a folder, one that lives in memory only.

    Raises:
        FolderInUse: another process has it open.
        StoreDamaged: a file does not read back as it was written.
    """
    if folder is None:
        return EmbeddedGraph(name, profile)
    journal = GraphFolder(folder, profile, log_limit_bytes)
    graph = EmbeddedGraph(name, profile, journal, journal.state)
    journal.attach(graph)
    return graph


def _lock(folder: Path) -> int:
    handle = os.open(folder / "LOCK", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise FolderInUse(folder) from error
    return handle


def _read_current(folder: Path, profile: Profile) -> dict[str, Any]:
    path = folder / "CURRENT"
    if not path.exists():
        if log_paths(folder):
            raise StoreDamaged(path, "it is missing, but there is a log")
        current = {"format": FORMAT, "profile": profile, "snapshot": None, "log": 1, "commit": 0, "time_ms": 0}
        _write_current(folder, current)
        return current
    try:
        found: dict[str, Any] = json.loads(path.read_text())
        if found["format"] != FORMAT:
            raise StoreDamaged(path, f"format {found['format']}; this version reads {FORMAT}")
        if found["profile"] != profile:
            raise InternalFailure(f"the graph in {folder} was made with profile {found['profile']!r}, not {profile!r}")
    except (ValueError, KeyError, TypeError) as error:
        raise StoreDamaged(path, str(error)) from error
    return found


def _write_current(folder: Path, current: dict[str, Any]) -> None:
    temporary = folder / "CURRENT.tmp"
    with temporary.open("w") as file:
        json.dump(current, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(folder / "CURRENT")
    sync_folder(folder)


def _recover(folder: Path, current: dict[str, Any]) -> tuple[State, tuple[int, int], int, int]:
    """State, last commit, newest log number and segments since the snapshot; cuts off a torn record."""
    state = State()
    if current["snapshot"] is not None:
        install(state, read_segment(folder / current["snapshot"]))
    last, newest, segments = (current["commit"], current["time_ms"]), current["log"], 0
    for path in log_paths(folder):
        number = int(path.stem.removeprefix("log-"))
        if number < current["log"]:
            continue
        newest, end = number, 0
        for commit, stop in read_log(path):
            end = stop
            if commit.number != last[0] + 1:
                raise StoreDamaged(path, f"commit {commit.number} follows commit {last[0]}")
            _redo(folder, state, commit)
            segments += commit.kind == "segment"
            last = (commit.number, commit.time_ms)
        if path.stat().st_size > end:
            _cut(path, end)
    state.rebase()
    return state, last, newest, segments


def _redo(folder: Path, state: State, commit: Commit) -> None:
    if commit.kind == "segment":
        install(state, read_segment(folder / commit.body))
    else:
        try:
            replay(state, commit.body)
        except (KeyError, ValueError, TypeError) as error:
            raise StoreDamaged(folder, f"commit {commit.number} cannot be done again: {error!r}") from error


def _cut(path: Path, end: int) -> None:
    log.warning("%s: the last %d bytes are a commit that was never finished; cut off", path, path.stat().st_size - end)
    with path.open("r+b") as file:
        file.truncate(end)
        os.fsync(file.fileno())


def _sweep(folder: Path, current: dict[str, Any], pending: Callable[[], str | None] = lambda: None) -> None:
    """Remove what ``CURRENT`` no longer needs: older logs and snapshots, segments no log names, unfinished files."""
    # in this order: a file seen now is pending still, or named by the log already, or of no use
    files = [*folder.glob("segment-*"), *folder.glob("snapshot-*")]
    unfinished = pending()
    needed = {current["snapshot"]}
    for path in log_paths(folder):
        if path < log_path(folder, current["log"]):
            path.unlink()
            continue
        needed.update(commit.body for commit, _ in read_log(path) if commit.kind == "segment")
    for path in files:
        if path.name not in needed and path.stem != unfinished:
            path.unlink(missing_ok=True)
