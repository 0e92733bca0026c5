"""The embedded property graph: everything in memory, in columns and adjacency arrays, one version after the other.

A reader has one version, which never changes, and waits for nobody. A writer makes the next version aside. Commits come
one after the other: each is compared with those since it began, written to the journal, and the base of what follows;
readers see it when it is durable, which many commits become at once. Versions share all they have in common, and one is
freed when its last reader leaves it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import numpy as np

from workflow.errors import IllegalArgument
from workflow.graphs.protocols import ColumnarGraph
from workflow.graphs.source import GraphSource
from workflow.graphs.store.conflicts import MOST_KEYS, History, Key, touched, touched_by_load
from workflow.graphs.store.journal.changes import Operation
from workflow.graphs.store.journal.journal import Journal, MemoryJournal
from workflow.graphs.store.journal.stream import last_event
from workflow.graphs.store.past import Past
from workflow.graphs.store.snapshot import VersionSnapshot
from workflow.graphs.store.transaction import StoreTransaction, TransactionsMet, catch_up, redo
from workflow.graphs.store.turns import Turns
from workflow.graphs.store.versions.batch import Batch, install, rows_of_ends
from workflow.graphs.store.versions.records import Change, Ticket
from workflow.graphs.store.versions.state import State
from workflow.graphs.store.views import LABEL_SEPARATOR, StoredGraph
from workflow.settings import Profile

CLOSE_TIMEOUT_S = 2.0
MOST_AT_ONCE = 1 << 20
"""A graph with more vertices and edges takes so long to fork that whoever must not wait lets others do it."""
FEW_COMMITS = 8
"""So many commits a bulk load catches up with while others wait; where there are more, it does so beside them first."""
_VARIANTS = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


class EmbeddedGraph(StoredGraph):
    """A property graph in this process. Implements ``ColumnarGraph`` and ``GraphSource``.

    Read directly it is the newest version each time it is asked; ``reading`` gives one version to be read at leisure.
    """

    def __init__(
        self, name: str = "g", profile: Profile = "neptune", journal: Journal | None = None, state: State | None = None
    ) -> None:
        super().__init__(name, profile, State() if state is None else state)
        self.journal: Journal = MemoryJournal() if journal is None else journal
        self.turns = Turns()
        # guards the order of commits: all that stands below, but for ``state``; a brief transaction holds it all along
        self._order = threading.RLock()
        self._loading = threading.Lock()  # guards the passage of one bulk load at a time; taken before ``_order``
        self._publishing = threading.Lock()  # guards ``state`` against going back; taken after ``_order``
        self._random: list[str] = []
        self._era = self.journal.era
        self._open: dict[StoreTransaction, int] = {}
        self._history, self._past = History(), Past()
        self._holds = 0
        self._meanwhile: list[Sequence[Change]] | None = None
        """The changes of the commits since a bulk load began, while there is one."""
        self.state.stamp = (0, self.journal.last()[0])
        self._tip = self.state
        """The last commit, durable or not; what is written next stands on it."""
        self._newest = StoredGraph(name, profile, self.state)

    def version(self) -> tuple[int, int]:
        """Another value after every commit and every reset."""
        return self.state.stamp

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
    def snapshot(self, version: StoredGraph | None = None) -> Iterator[VersionSnapshot]:
        """All of a version, by default of the newest."""
        state = self.state if version is None else version.state
        separator = LABEL_SEPARATOR if self.profile == "neptune" else None
        yield VersionSnapshot(state, separator, partial(last_event, self.journal, state.stamp[1]))

    def begin(self) -> StoreTransaction:
        """A transaction; readers are not waited for, and a writer that takes long is not either."""
        return StoreTransaction(self)

    def begin_at_once(self) -> StoreTransaction | None:
        """A transaction beside which nobody commits, so that it must end before its thread does anything else.

        None where somebody would have to be waited for, or where a version takes long to fork.
        """
        state = self._tip
        if len(state.vertices) + len(state.edges) > MOST_AT_ONCE or not self.turns.free:
            return None
        if not self._order.acquire(blocking=False):
            return None
        try:
            return StoreTransaction(self, brief=True)
        except BaseException:
            self._order.release()
            raise

    def enter(self, transaction: StoreTransaction) -> State:
        """The version on which a transaction begins."""
        with self._order:
            self._current()
            self._open[transaction] = self._tip.stamp[1]
            return self._tip

    def compare(self, transaction: StoreTransaction) -> None:
        """TransactionsMet where commits have changed what an open transaction has read or written."""
        with self._order:
            self._current()
            self._compare(transaction)

    def leave(self, transaction: StoreTransaction) -> None:
        """A transaction has ended; what it has not published is forgotten."""
        with self._order:
            self._open.pop(transaction, None)
            if not self._open:
                self._history.clear()
            base = transaction.base
            if transaction.changes and base is not None and base.stamp[0] == self._tip.stamp[0]:
                self._past.note(transaction.graph.state, self._tip.stamp[1], *transaction.given_rows())
        if transaction.brief:
            self._order.release()

    def keep(self, transaction: StoreTransaction, operations: Sequence[Operation]) -> Callable[[], None]:
        """Give a transaction's changes their place; returns what makes them durable, and what everybody sees."""
        with self._order:
            self._current()
            state = transaction.graph.state
            self._compare(transaction)
            if self._tip is not transaction.base:
                state = self._tip.fork()
                redo(state, transaction.changes)
            ticket = self.journal.append(operations, self._era)
            self._advance(state, ticket, transaction, lambda: touched(operations))
        if not transaction.brief:
            self.turns.leave(transaction)
        return partial(self._keep, ticket, state)

    def _keep(self, ticket: Ticket, state: State) -> None:
        self._settle(ticket)
        self._publish(state)

    def hold_rows(self) -> None:
        """From now on give no row again that an element has had: somebody names elements by their rows."""
        with self._order:
            self._holds += 1

    def let_rows_go(self) -> None:
        """Take back one ``hold_rows``."""
        with self._order:
            self._holds -= 1

    def settled(self, state: State) -> None:
        """Returns once the last commit of a version is durable."""
        if state.stamp > self.state.stamp and state.ticket is not None:
            self._settle(state.ticket)
            self._publish(state)

    def _compare(self, transaction: StoreTransaction) -> None:
        base, tip = transaction.base, self._tip
        if base is tip or base is None:
            return
        if base.stamp[0] != tip.stamp[0] or self._history.met(base.stamp[1], transaction.keys()):
            raise TransactionsMet

    def _advance(
        self, state: State, ticket: Ticket, by: StoreTransaction | None, keys: Callable[[], Iterable[Key]]
    ) -> None:
        """What is written next stands on ``state``."""
        others = [commit for transaction, commit in self._open.items() if transaction is not by]
        if others:
            self._history.note(ticket.number, keys(), min(others))
        if self._meanwhile is not None and by is not None:
            self._meanwhile.append(by.changes)
        removed = state.vertices.removed, state.edges.removed
        for elements in (state.vertices, state.edges):
            elements.clear_removed()
            elements.publish_labels()
        before, self._tip = self._tip, state
        state.stamp, state.ticket = (before.stamp[0], ticket.number), ticket
        self._past.note(before, ticket.number, *removed)
        del before
        if not self._holds:
            self._past.release(state)

    def _settle(self, ticket: Ticket) -> None:
        try:
            self.journal.sync(ticket)
        except Exception:
            with self._order:
                self._current()
            raise

    def _current(self) -> None:
        """Go back to what is durable where commits behind it were lost."""
        if self.journal.era != self._era:
            self._era = self.journal.era
            self._past.forget_after(self.state.stamp[1])
            self._begin_epoch(self.state)

    def _begin_epoch(self, state: State) -> None:
        """Go on upon a version that is not the next after the last: no open transaction can be committed."""
        with self._publishing:
            state.stamp = (self._tip.stamp[0] + 1, self.journal.last()[0])
            self._tip = self.state = state
            self._newest = StoredGraph(self.name, self.profile, state)
        self._history = History()

    def _publish(self, state: State) -> None:
        """What readers see from now on, unless it is newer already."""
        with self._publishing:
            if state.stamp > self.state.stamp:
                self.state, self._newest = state, StoredGraph(self.name, self.profile, state)

    @contextmanager
    def between_commits(self) -> Iterator[State]:
        """The last version, all of it durable; nobody commits meanwhile."""
        with self._order:
            self._current()
            if self._tip.ticket is not None:
                self.journal.sync(self._tip.ticket)
            self._publish(self._tip)
            yield self._tip

    def load(self, batch: Batch) -> None:
        """Add many new elements as one commit. IllegalArgument when an id is taken or an end unknown.

        Others commit meanwhile: what they did is done again upon the load, which becomes the last commit.
        """
        with self._loading:
            prepared = False
            while True:
                with self._order:
                    self._current()
                    base, self._meanwhile = self._tip, []
                try:
                    self._check(base, batch)
                    if not prepared:
                        self.journal.prepare(batch)
                        prepared = True
                    # the base is held until all is done again: no row of an element in it is given to another one
                    state, epoch = base.fork(), base.stamp[0]
                    install(state, batch)
                    while len(self._meanwhile) > FEW_COMMITS:
                        with self._order:
                            others, self._meanwhile = self._meanwhile, []
                        catch_up(state, others)
                    with self._order:
                        self._current()
                        if self._tip.stamp[0] != epoch:
                            continue  # the graph was reset, or went back to what is durable
                        catch_up(state, self._meanwhile)
                        del base
                        ticket = self.journal.append_batch(batch, self._era)
                        if len(batch.vertices) + len(batch.edges) > MOST_KEYS:
                            self._history.forget(ticket.number)
                            self._advance(state, ticket, None, lambda: ())
                        else:
                            self._advance(state, ticket, None, lambda: touched_by_load(batch))
                finally:
                    self._meanwhile = None
                break
            self._settle(ticket)
            self._publish(state)
            for elements in (state.vertices, state.edges):
                elements.shared.tidy()

    @staticmethod
    def _check(state: State, batch: Batch) -> None:
        for kind, elements, ids in (
            ("Vertex", state.vertices, batch.vertices.ids),
            ("Edge", state.edges, batch.edges.ids),
        ):
            taken = elements.first_taken(ids)
            if taken is not None:
                raise IllegalArgument(f"{kind} with id already exists: {taken}")
        if len(batch.edges) and batch.ends is not batch.vertices.ids:
            lost = np.flatnonzero(rows_of_ends(state, batch) < 0).tolist()
            new = set(batch.vertices.ids) if lost else set()
            for place in lost:
                if batch.ends[place] not in new:
                    raise IllegalArgument(f"an edge names the vertex {batch.ends[place]!r}, which does not exist")

    def reset(self) -> None:
        """Remove everything, for good. Rows and ids begin anew."""
        with self.between_commits():
            self.journal.restart()
            self._past = Past()
            self._begin_epoch(State())

    def close(self) -> None:
        """Let go of the files. A commit in progress is waited for; a running transaction is not, it loses all."""
        self.journal.settle()
        alone = self._order.acquire(timeout=CLOSE_TIMEOUT_S)
        try:
            self.journal.close()
        finally:
            if alone:
                self._order.release()

    # -- ids
    def fresh_text(self) -> str:
        """A random UUID (version 4) as text; randomness is drawn for many at once, which takes a third of the time."""
        if not self._random:
            self._random = _random_digits(64)
        return _uuid(self._random.pop())

    def fresh_texts(self, count: int) -> list[str]:
        """So many of them."""
        return list(map(_uuid, _random_digits(count)))


def _random_digits(count: int) -> list[str]:
    drawn = os.urandom(16 * count).hex()
    return [drawn[place : place + 32] for place in range(0, len(drawn), 32)]


def _uuid(digits: str) -> str:
    """A version 4 UUID of 32 random digits."""
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{_VARIANTS[digits[16]]}{digits[17:20]}-{digits[20:]}"


def _promises(graph: EmbeddedGraph) -> tuple[ColumnarGraph, GraphSource]:
    """Lets the type checker compare the store with its protocols."""
    return graph, graph
