"""What is wrong with a graph's folder, and making it readable again with all that stands before the damage."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from workflow.graphs.store.journal.current import Current, read_current
from workflow.graphs.store.journal.log_file import Witness, acknowledged, later_commits, log_number, log_paths
from workflow.graphs.store.journal.recovery import LogDamaged, lay_aside, recover
from workflow.graphs.store.journal.segments import SegmentFile, StoreDamaged
from workflow.graphs.store.persistence import lock_folder

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Findings:
    """What a folder holds."""

    folder: Path
    commit: int
    """The last commit that can be read."""
    vertices: int = 0
    edges: int = 0
    unfinished: int = 0
    """Bytes of a commit that was being written when the process ended; opening lays them aside."""
    damage: StoreDamaged | None = None
    lost: int = 0
    """The last commit that is known to have been there, where that is a later one."""

    @property
    def can_be_repaired(self) -> bool:
        """Whether the damage is in the logs, so that everything before it can be kept."""
        return isinstance(self.damage, LogDamaged)


def examine(folder: Path) -> Findings:
    """Read a whole folder without changing it. Raises FolderInUse."""
    with _locked(folder):
        return _examine(folder)[1]


def repair(folder: Path) -> Findings:
    """Lay everything behind the damage aside, in files beside the log; returns what stands then.

    Raises FolderInUse, and StoreDamaged where the damage is not in a log: then only a backup helps.
    """
    with _locked(folder):
        while True:
            current, findings = _examine(folder)
            if findings.damage is None:
                return findings
            if current is None or not isinstance(findings.damage, LogDamaged):
                raise findings.damage
            _cut(folder, current, findings.damage)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    handle = lock_folder(folder)
    try:
        yield
    finally:
        os.close(handle)


def _examine(folder: Path) -> tuple[Current | None, Findings]:
    try:
        known = read_current(folder)
    except StoreDamaged as error:
        return None, Findings(folder, 0, damage=error, lost=acknowledged(folder))
    if known is None:
        return None, Findings(folder, 0)
    current = known[0]
    try:
        found = recover(folder, current)
    except LogDamaged as error:
        lost = max([acknowledged(folder), *(commit for commit, _ in _behind(folder, current, error))])
        return current, Findings(folder, error.last, damage=error, lost=lost)
    except StoreDamaged as error:
        return current, Findings(folder, 0, damage=error, lost=acknowledged(folder))
    unfinished = sum(path.stat().st_size - start for path, start in found.torn)
    state = found.state
    return current, Findings(folder, found.last[0], state.vertices.living, state.edges.living, unfinished)


def _behind(folder: Path, current: Current, damage: LogDamaged) -> Iterator[tuple[int, SegmentFile | None]]:
    """Number and segment of every commit behind the damage that still reads back."""
    for path in log_paths(folder):
        if path >= damage.path:
            start = damage.start - 1 if path == damage.path else -1
            for commit, _, _ in later_commits(path, start, damage.last, log_number(path) <= current.old_logs):
                yield commit.number, SegmentFile.of(commit.body) if commit.kind == "segment" else None


def _cut(folder: Path, current: Current, damage: LogDamaged) -> None:
    for _, segment in list(_behind(folder, current, damage)):
        if segment is not None and (folder / segment.name).exists():
            (folder / segment.name).rename(folder / f"log.torn-{segment.name}")
    path = damage.path
    if not path.exists():
        path.touch(mode=0o600)
    for later in log_paths(folder):
        start = damage.start if later == path else 0
        if later >= path and later.stat().st_size > start and lay_aside(later, start) is None:
            raise damage
    witness = Witness(folder)
    witness.set(damage.last)
    witness.close()
