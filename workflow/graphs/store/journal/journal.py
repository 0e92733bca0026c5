"""The order of commits of one graph: what makes them durable, and what the change stream reads."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Literal, Protocol

from workflow.graphs.store.journal.changes import Operation, Record, count, records_of
from workflow.graphs.store.versions.batch import Batch
from workflow.graphs.store.versions.records import Ticket

MEMORY_OPERATIONS: Final = 50_000
MEMORY_COMMITS: Final = 1000


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit as the log holds it; ``body`` is a list of operations, or names the segment file of a bulk load."""

    number: int
    time_ms: int
    kind: Literal["ops", "segment"]
    body: Any


class Journal(Protocol):
    """Where commits go, in order, by one writer at a time. Reading is safe beside it, and so is ``sync``.

    ``append`` gives a commit its place; ``sync`` makes it durable, and with it all before it. Where that cannot be
    done, all commits that were not durable are lost and a new ``era`` begins: what stood on them cannot be appended.
    """

    era: int

    trouble: str | None
    """What keeps it from its work in the background though commits are durable, in a sentence; None if all is well."""

    def append(self, operations: Sequence[Operation], era: int) -> Ticket:
        """The commit is the next one; on an error it is not there. InternalFailure where ``era`` is over."""

    def prepare(self, batch: Batch) -> None:
        """Bring the bulk of a batch to safety before ``append_batch`` makes it a commit."""

    def append_batch(self, batch: Batch, era: int) -> Ticket:
        """The same as ``append``, for a bulk load."""

    def sync(self, ticket: Ticket) -> None:
        """Returns once the commit is durable. From any thread; InternalFailure where it is lost."""

    def restart(self) -> None:
        """The graph is empty from here on; what was before is forgotten."""

    def last(self) -> tuple[int, int]:
        """Number and time in ms of the last durable commit; (0, start) when there is none."""

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

    era = 0
    trouble: str | None = None

    def __init__(self) -> None:
        self._commits: deque[Commit] = deque()
        self._held = 0
        self._last = (0, now_ms())
        self._dropped: Commit | None = None

    def append(self, operations: Sequence[Operation], era: int = 0) -> Ticket:
        return self._number("ops", operations, count(operations))

    def prepare(self, batch: Batch) -> None:
        """Nothing is kept of it."""

    def append_batch(self, batch: Batch, era: int = 0) -> Ticket:
        return self._number("ops", [], 0)

    def sync(self, ticket: Ticket) -> None:
        """Nothing is durable here."""

    def restart(self) -> None:
        self._dropped = self._commits[-1] if self._commits else self._dropped
        self._commits = deque()
        self._held = 0

    def _number(self, kind: Literal["ops"], body: Sequence[Operation], size: int) -> Ticket:
        commit = Commit(self._last[0] + 1, now_ms(), kind, body)
        self._last = (commit.number, commit.time_ms)
        commits = self._commits.copy()
        commits.append(commit)
        self._held += size
        while commits and (self._held > MEMORY_OPERATIONS or len(commits) > MEMORY_COMMITS):
            self._dropped = commits.popleft()
            self._held -= count(self._dropped.body)
        self._commits = commits
        return Ticket(commit.number, 0)

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


def now_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000
