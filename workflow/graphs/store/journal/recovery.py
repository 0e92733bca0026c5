"""Reading a graph's folder back: the snapshot that ``CURRENT`` names and every commit of the logs that follow it.

Where the logs stop being readable there are two cases. What was being written when the process ended stands at the very
end, with nothing valid behind it, and nobody was told that it is durable: it is laid aside in a file of its own and
the log cut to its last whole commit. In every other case (a valid commit further on, a commit missing that was
acknowledged, a file gone) opening is refused and nothing is changed.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from workflow.graphs.store.journal.changes import replay
from workflow.graphs.store.journal.current import Current
from workflow.graphs.store.journal.journal import Commit
from workflow.graphs.store.journal.log_file import (
    acknowledged,
    later_commits,
    log_number,
    log_path,
    log_paths,
    read_log,
)
from workflow.graphs.store.journal.segments import SegmentFile, StoreDamaged, read_segment, sync_folder
from workflow.graphs.store.versions.batch import Later, catch_up_adjacency, install
from workflow.graphs.store.versions.state import State

log = logging.getLogger(__name__)


class LogDamaged(StoreDamaged):
    """Commits are lost that once were durable. All before the damage can be had again: ``despina store repair``."""

    def __init__(self, path: Path, start: int, last: int, reason: str) -> None:
        super().__init__(path, f"at byte {start}, behind commit {last}: {reason}")
        self.start, self.last = start, last


@dataclass(slots=True)
class Recovered:
    """What a folder holds, and where unfinished commits stand in it."""

    last: tuple[int, int]
    """Number and time in ms of the last commit."""
    newest: int
    """The number of the newest log."""
    state: State = field(default_factory=State)
    segments: dict[int, set[str]] = field(default_factory=dict)
    """The segment files that each log names."""
    torn: list[tuple[Path, int]] = field(default_factory=list)
    """Logs and the byte from which they hold a commit that was never finished."""
    later: Later = field(default_factory=dict)
    """Adjacency of bulk loads that is put into ``state`` before anything else is."""


def recover(folder: Path, current: Current) -> Recovered:
    """Read everything; changes nothing. Raises StoreDamaged."""
    logs = log_paths(folder)
    newest = max([current.log, *map(log_number, logs)])
    found = Recovered((current.commit, current.time_ms), newest)
    if current.snapshot is not None:
        install(found.state, read_segment(folder, current.snapshot))
    path, end = log_path(folder, newest), 0
    for number in range(current.log, newest + 1):
        path, end = log_path(folder, number), 0
        if not path.exists():
            raise LogDamaged(path, 0, found.last[0], "the file is missing")
        old = number <= current.old_logs
        for commit, start, stop in read_log(path, old=old):
            if commit.number != found.last[0] + 1:
                raise LogDamaged(path, start, found.last[0], f"commit {commit.number} follows commit {found.last[0]}")
            try:
                _redo(folder, found, number, commit)
            except (StoreDamaged, LookupError, ValueError, TypeError) as error:
                reason = f"commit {commit.number} cannot be done again: {error!r}"
                raise LogDamaged(path, start, found.last[0], reason) from error
            found.last, end = (commit.number, commit.time_ms), stop
        if path.stat().st_size > end:
            for commit, start, _ in later_commits(path, end, found.last[0], old):
                reason = f"what stands there does not match its checksum, but commit {commit.number} at {start} does"
                raise LogDamaged(path, end, found.last[0], reason)
            found.torn.append((path, end))
    if (known := acknowledged(folder)) > found.last[0]:
        raise LogDamaged(path, end, found.last[0], f"commits up to {known} were acknowledged and are not there")
    catch_up_adjacency(found.state, found.later)
    found.state.rebase()
    return found


def _redo(folder: Path, found: Recovered, number: int, commit: Commit) -> None:
    if commit.kind == "segment":
        file = SegmentFile.of(commit.body)
        install(found.state, read_segment(folder, file), found.later)
        found.segments.setdefault(number, set()).add(file.name)
    else:
        catch_up_adjacency(found.state, found.later)
        replay(found.state, commit.body)


def lay_aside(path: Path, start: int) -> Path | None:
    """Move what a log holds from a byte on into a file of its own and cut the log there.

    Returns that file; None, with nothing changed, where the disk has no room for it.
    """
    data = path.read_bytes()[start:]
    name = f"log.torn-{log_number(path):08d}-{start}"
    kept = next(p for n in count() if not (p := path.with_name(f"{name}-{n}" if n else name)).exists())
    try:
        with kept.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        log.warning("%s: its end, which is no finished commit, stays where it is: %s", path, error)
        kept.unlink(missing_ok=True)
        return None
    sync_folder(path.parent)
    with path.open("r+b") as file:
        file.truncate(start)
        os.fsync(file.fileno())
    log.warning("%s: the last %d bytes are no finished commit; they are in %s now", path, len(data), kept.name)
    return kept
