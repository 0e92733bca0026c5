"""Running a query on a graph: on one version of it, or as a transaction, and again where it must be.

A query that writes is undone at a question from outside that has no answer yet, and begins again when the answer is
there. It also begins again where commits of others met what it has read, as long as it has given nothing. The last of
the attempts asks at once and is not repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar, cast

from workflow.errors import ConcurrentModification
from workflow.graphs.protocols import is_columnar
from workflow.queries.suspension import Answering, AnswerNeeded

if TYPE_CHECKING:
    from workflow.graphs.elements import Graph
    from workflow.graphs.protocols import BriefTransaction, Transaction, WritableGraph

Result = TypeVar("Result")

LAST: Final = (False, False, False, True)
"""Whether an attempt is the last one, attempt by attempt."""


Settle = Callable[[], None]
"""Waits until a commit is durable. Raises where it cannot be made so."""


class Occupied(Exception):
    """A writer that may not wait would have to."""


@dataclass(slots=True)
class Attempt:
    """What a run has of its graph.

    Attributes:
        graph: what it reads.
        transaction: what it writes through.
    """

    graph: Graph | None = None
    transaction: Transaction | None = None


def run_query(
    graph: WritableGraph,
    start: Callable[[Attempt], Iterator[Result]],
    *,
    writes: bool,
    transaction: Transaction | None = None,
    answering: Answering | None = None,
    soon: list[Settle] | None = None,
) -> Iterator[Result]:
    """The results of a query, lazily.

    Without a transaction a query that writes is one of its own: committed when the last result was taken, rolled back
    on an error or when the iterator is closed before. What has been given cannot be taken back: from the first result
    on a writer asks whatever it needs at once, and does not begin again.

    Args:
        start: begins one attempt and gives its results.
        writes: whether it may change the graph.
        transaction: of whoever calls, who commits it or rolls it back.
        answering: asked by the query's steps.
        soon: takes what waits for the commit, instead of waiting here. Raises Occupied where it would wait for others.
    """
    for last in LAST:
        given = transaction is not None
        try:
            if transaction is not None:
                yield from start(Attempt(transaction.graph, transaction))
            elif writes:
                if answering is not None:
                    answering.suspends = not last
                with _OwnTransaction(graph, soon) as own:
                    results = start(Attempt(own.graph, own))
                    for first in results:
                        given = True
                        if answering is not None:
                            answering.suspends = False
                        yield first
                        yield from results
            else:
                with graph.reading() as version:
                    yield from start(Attempt(version))
            return
        except ConcurrentModification:
            if given or last:
                raise
        except AnswerNeeded as needed:
            if answering is None:
                raise
            answering.ask(needed)


class _OwnTransaction:
    """The transaction of one query, committed at its end; a class, since every small write makes one."""

    def __init__(self, graph: WritableGraph, soon: list[Settle] | None) -> None:
        self._own = graph.begin() if soon is None else _at_once(graph)
        self._soon = soon

    def __enter__(self) -> Transaction:
        return self._own

    def __exit__(self, error: object, *_: object) -> None:
        kept = False
        try:
            if error is None:
                if self._soon is None:
                    self._own.commit()
                else:
                    self._soon.append(cast("BriefTransaction", self._own).commit_soon())
                kept = True
        finally:
            if not kept:
                self._own.rollback()


def _at_once(graph: WritableGraph) -> Transaction:
    # asking for the protocol itself would take as long as the transaction
    begin: Callable[[], BriefTransaction | None] | None = getattr(graph, "begin_at_once", None)
    begun = None if begin is None else begin()
    if begun is None:
        raise Occupied
    return begun


class HeldTransaction:
    """One transaction over several statements. Used by one request at a time.

    It begins with the first statement. Between statements nobody waits for it.
    """

    def __init__(self, graph: WritableGraph) -> None:
        self._graph = graph
        self._transaction: Transaction | None = None

    @contextmanager
    def statement(self, *, writes: bool) -> Iterator[Transaction | None]:
        """The transaction for one statement; None where a graph that is far away is only read."""
        if self._transaction is not None:
            self._transaction.resume()
        elif writes or is_columnar(self._graph):
            self._transaction = self._graph.begin()
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
