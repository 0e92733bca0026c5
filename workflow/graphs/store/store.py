"""The embedded property graph: everything in memory, in columns and adjacency arrays, one version after the other.

A reader has one version, which never changes, and waits for nobody. A writer makes the next version aside and publishes
it when it is durable. Versions share all they have in common, and one is freed when its last reader leaves it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import numpy as np

from workflow.errors import IllegalArgument
from workflow.graphs.protocols import ColumnarGraph
from workflow.graphs.source import GraphSource
from workflow.graphs.store.batch import Batch, batch_of, install
from workflow.graphs.store.changes import Operation
from workflow.graphs.store.conflicts import Key, touched, touched_by_load
from workflow.graphs.store.journal import Journal, MemoryJournal
from workflow.graphs.store.snapshot import BatchSnapshot
from workflow.graphs.store.state import State
from workflow.graphs.store.stream import last_event
from workflow.graphs.store.transaction import StoreTransaction
from workflow.graphs.store.views import LABEL_SEPARATOR, StoredGraph
from workflow.graphs.store.writer import Writer
from workflow.settings import Profile

WRITER_TIMEOUT_S = 60.0
CLOSE_TIMEOUT_S = 2.0


class EmbeddedGraph(StoredGraph):
    """A property graph in this process. Implements ``ColumnarGraph`` and ``GraphSource``.

    Read directly it is the newest version each time it is asked; ``reading`` gives one version to be read at leisure.
    """

    def __init__(
        self, name: str = "g", profile: Profile = "neptune", journal: Journal | None = None, state: State | None = None
    ) -> None:
        super().__init__(name, profile, State() if state is None else state)
        self.journal: Journal = MemoryJournal() if journal is None else journal
        self.writer = Writer()
        self._resets = 0
        self._random: list[str] = []
        self.paused: set[StoreTransaction] = set()
        """Transactions of sessions between two requests; only for who holds the writer's seat."""
        self.publish(self.state)

    def version(self) -> tuple[int, int]:
        """Another value after every commit and every reset."""
        return self._resets, self.journal.last()[0]

    @property
    def trouble(self) -> str | None:
        """What keeps the journal from its work in the background, in a sentence."""
        return self.journal.trouble

    # -- versions and transactions
    @contextmanager
    def reading(self) -> Iterator[StoredGraph]:
        """The newest version, which stays as it is for as long as somebody holds it; nobody waits for anybody."""
        yield self._newest

    @contextmanager
    def snapshot(self, version: StoredGraph | None = None) -> Iterator[BatchSnapshot]:
        """All of a version, by default of the newest."""
        state = self.state if version is None else version.state
        separator = LABEL_SEPARATOR if self.profile == "neptune" else None
        yield BatchSnapshot(batch_of(state), separator, partial(last_event, self.journal, state.commit))

    def begin(self, timeout_s: float | None = None, *, pauses: bool = False) -> StoreTransaction:
        """Become the one writer. Waits for the one before, not for readers; ConcurrentModification after the time."""
        return StoreTransaction(self, WRITER_TIMEOUT_S if timeout_s is None else timeout_s, pauses=pauses)

    def publish(self, state: State) -> None:
        """What readers see from now on; only for who holds the writer's seat."""
        state.commit = self.journal.last()[0]
        self.state, self._newest = state, StoredGraph(self.name, self.profile, state)

    def keep(self, operations: Sequence[Operation], state: State) -> None:
        """Make a transaction's changes durable, and what everybody sees; only for who holds the writer's seat."""
        self.journal.append(operations)
        self.publish(state)
        self._tell(lambda: touched(operations))

    def _tell(self, keys: Callable[[], Iterable[Key]] | None) -> None:
        """Tell paused transactions which keys were changed; None for all there are."""
        if self.paused:
            changed = None if keys is None else set(keys())
            for transaction in self.paused:
                transaction.meets(changed)

    def load(self, batch: Batch) -> None:
        """Add many new elements as one commit. IllegalArgument when an id is taken or an end unknown."""
        self.writer.take(WRITER_TIMEOUT_S)
        try:
            self._check(batch)
            self.journal.prepare(batch)
            state = self.state.fork()
            self.journal.append_batch(batch)
            install(state, batch)
            self.publish(state)
            self._tell(lambda: touched_by_load(batch))
        finally:
            self.writer.leave()

    def _check(self, batch: Batch) -> None:
        state = self.state
        for kind, elements, ids in (
            ("Vertex", state.vertices, batch.vertices.ids),
            ("Edge", state.edges, batch.edges.ids),
        ):
            taken = elements.first_taken(ids)
            if taken is not None:
                raise IllegalArgument(f"{kind} with id already exists: {taken}")
        if len(batch.edges) and batch.ends is not batch.vertices.ids:
            lost = np.flatnonzero(state.vertices.find_many(batch.ends) < 0).tolist()
            new = set(batch.vertices.ids) if lost else set()
            for place in lost:
                if batch.ends[place] not in new:
                    raise IllegalArgument(f"an edge names the vertex {batch.ends[place]!r}, which does not exist")

    def reset(self) -> None:
        """Remove everything, for good. Rows and ids begin anew."""
        self.writer.take(WRITER_TIMEOUT_S)
        try:
            self.journal.restart()
            self._resets += 1
            self.publish(State())
            self._tell(None)
        finally:
            self.writer.leave()

    def close(self) -> None:
        """Let go of the files. A commit in progress is waited for; a running transaction is not, it loses all."""
        self.journal.settle()
        seated = self.writer.try_take(CLOSE_TIMEOUT_S)
        try:
            self.journal.close()
        finally:
            if seated:
                self.writer.leave()

    # -- ids
    def fresh_text(self) -> str:
        """A random UUID (version 4) as text; randomness is drawn for many at once, which takes a third of the time."""
        if not self._random:
            drawn = os.urandom(16 * 64).hex()
            self._random = [drawn[place : place + 32] for place in range(0, len(drawn), 32)]
        digits = self._random.pop()
        variant = "89ab"[int(digits[16], 16) & 3]
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def _promises(graph: EmbeddedGraph) -> tuple[ColumnarGraph, GraphSource]:
    """Lets the type checker compare the store with its protocols."""
    return graph, graph
