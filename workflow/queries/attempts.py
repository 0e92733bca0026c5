"""Running a query on a graph: under a read lease, or as a transaction, and again where it must be.

A query runs again in two cases. One that reads lets writers in while it waits for an answer from outside; where one
came, what it has read may hold no more. One that writes is undone at a question that has no answer yet, and begins
again when the answer is there. The last of the attempts neither lets anybody in nor stops.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from workflow.graphs.store.rwlock import GraphMoved
from workflow.queries.suspension import Answering, AnswerNeeded

if TYPE_CHECKING:
    from workflow.graphs.protocols import Transaction, WritableGraph
    from workflow.graphs.store.rwlock import Lease

Result = TypeVar("Result")

LAST: Final = (False, False, False, True)
"""Whether an attempt is the last one, attempt by attempt."""


@dataclass(slots=True)
class Attempt:
    """What a run has of its graph.

    Attributes:
        lease: the read lease, while it may be paused.
        transaction: what the run writes through, and reads from.
    """

    lease: Lease | None = None
    transaction: Transaction | None = None


def run_query(
    graph: WritableGraph,
    start: Callable[[Attempt], Iterator[Result]],
    *,
    writes: bool,
    timeout_s: float | None = None,
    transaction: Transaction | None = None,
    answering: Answering | None = None,
) -> Iterator[Result]:
    """The results of a query, lazily.

    Without a transaction a query that writes is one of its own: committed when the last result was taken, rolled back
    on an error or when the iterator is closed before. What has been given cannot be taken back: from the first result
    on a reader's lease is not paused any more, and a writer asks whatever it needs at once.

    Args:
        start: begins one attempt and gives its results.
        writes: whether it may change the graph.
        timeout_s: how long to wait for the graph's writer.
        transaction: of whoever calls, who commits it or rolls it back.
        answering: asked by the query's steps.
    """
    for last in LAST:
        try:
            if transaction is not None:
                yield from start(Attempt(transaction=transaction))
            elif writes:
                if answering is not None:
                    answering.suspends = not last
                with _own_transaction(graph, timeout_s) as own:
                    results = start(Attempt(transaction=own))
                    for first in results:
                        if answering is not None:
                            answering.suspends = False
                        yield first
                        yield from results
            else:
                with graph.reading() as lease:
                    attempt = Attempt(None if last else lease)
                    results = start(attempt)
                    for first in results:
                        attempt.lease = None
                        yield first
                        yield from results
            return
        except GraphMoved:
            continue
        except AnswerNeeded as needed:
            if answering is None:
                raise
            answering.ask(needed)


@contextmanager
def _own_transaction(graph: WritableGraph, timeout_s: float | None) -> Iterator[Transaction]:
    own = graph.begin(timeout_s)
    kept = False
    try:
        yield own
        own.commit()
        kept = True
    finally:
        if not kept:
            own.rollback()


class HeldTransaction:
    """One transaction over several statements. Used by one request at a time.

    It begins with the first statement that writes. Between statements the changes are suspended, so others see the
    committed graph.
    """

    def __init__(self, graph: WritableGraph) -> None:
        self._graph = graph
        self._transaction: Transaction | None = None

    @contextmanager
    def statement(self, *, writes: bool, timeout_s: float | None = None) -> Iterator[Transaction | None]:
        """The transaction for one statement; None where nothing was written yet and the statement only reads."""
        if self._transaction is not None:
            self._transaction.resume()
        elif writes:
            self._transaction = self._graph.begin(timeout_s)
        try:
            yield self._transaction
        finally:
            if self._transaction is not None:
                self._transaction.suspend()

    def commit(self) -> None:
        """Make the changes durable; nothing happens where there are none."""
        transaction, self._transaction = self._transaction, None
        if transaction is not None:
            transaction.commit()

    def rollback(self) -> None:
        """Undo the changes; nothing happens where there are none."""
        transaction, self._transaction = self._transaction, None
        if transaction is not None:
            transaction.rollback()
