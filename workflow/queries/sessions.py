"""What a client keeps open between requests."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar


class Endable(Protocol):
    """A transaction as its session sees it."""

    def commit(self) -> None:
        """Make durable what was written."""

    def rollback(self) -> None:
        """Undo it."""


Open = TypeVar("Open", bound=Endable)


class QuerySession(Generic[Open]):
    """The open transactions of one client session, by the name of their graph; used by one request at a time.

    ``lock`` is held by the request that uses it, from its first to its last result: it guards all the rest.

    Args:
        forgiving: a failed query leaves the transaction open in every profile, as TinkerPop 4 has it.
    """

    def __init__(self, id: str, *, forgiving: bool = False) -> None:
        self.id = id
        self.forgiving = forgiving
        self.lock = threading.Lock()  # held by the one request that uses the session; guards all of it
        self.begun_at = time.monotonic()
        self.scripted = False
        self.failed = False
        self._open: dict[str, Open] = {}

    def on(self, graph: str, begin: Callable[[], Open]) -> Open:
        """The transaction on a graph, begun with the first request that uses it."""
        found = self._open.get(graph)
        if found is None:
            found = self._open[graph] = begin()
        return found

    def commit(self) -> None:
        """Commit all of them."""
        while self._open:
            _, transaction = self._open.popitem()
            transaction.commit()

    def rollback(self) -> None:
        """Undo all of them."""
        while self._open:
            _, transaction = self._open.popitem()
            transaction.rollback()
