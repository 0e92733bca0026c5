"""Which queries run right now, so that ``/gremlin/status`` and its like can list and cancel them."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from workflow import tracing
from workflow.errors import CancelledByUser, TooManyRequests, WorkflowError


class Cancellation:
    """Set where a query is to stop. Every query has one and nobody waits for it, so it is no ``threading.Event``.

    Attributes:
        error: what the query then raises, where it was not its user who wanted that.
        silent: whoever asked is answered nothing instead of the error, where the language has that.
    """

    __slots__ = ("_is_set", "error", "silent")

    def __init__(self) -> None:
        self._is_set = False
        self.error: WorkflowError | None = None
        self.silent = False

    def set(self) -> None:
        """Ask the query to stop at its next check; from any thread."""
        self._is_set = True

    def is_set(self) -> bool:
        """Whether it was asked to."""
        return self._is_set


MOST_SHOWN: Final = 1024  # characters of a query, as Neptune tells them


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks a query.

    Attributes:
        user: where they had to say so.
        address: host and port.
        connection: the name of their connection.
        metadata: what they say of their transaction.
    """

    user: str = ""
    address: str = ""
    connection: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class RunningQuery:
    """One accepted query. Its worker writes ``started_at``, None until there is one; anybody may set ``cancelled``.

    Attributes:
        caller: who asked, as far as its transport knows.
    """

    id: str
    text: Callable[[], str] | str
    accepted_at: float
    started_at: float | None = None
    cancelled: Cancellation = field(default_factory=Cancellation)
    span: Any = None
    caller: Caller = field(default_factory=Caller)

    def begin(self) -> None:
        """Its time begins, and what its thread does is below its span; its time is not begun again."""
        if self.started_at is None:
            self.started_at = time.monotonic()
        tracing.enter(self.span)

    def check(self) -> None:
        """Raise where the query was asked to stop: for what goes on when its last step has given its last result."""
        if self.cancelled.is_set():
            raise self.cancelled.error or CancelledByUser("The query was cancelled")

    def shown(self) -> str:
        """The beginning of its text."""
        return (self.text if isinstance(self.text, str) else self.text())[:MOST_SHOWN]

    def as_status(self) -> dict[str, object]:
        """The entry of a status answer: times in milliseconds."""
        now = time.monotonic()
        started = self.started_at
        return {
            "queryId": self.id,
            "queryString": self.shown(),
            "queryEvalStats": {
                "waited": round(((now if started is None else started) - self.accepted_at) * 1000),
                "elapsed": 0 if started is None else round((now - started) * 1000),
                "cancelled": self.cancelled.is_set(),
            },
        }


MAX_ACCEPTED: Final = 8192  # as many as Neptune keeps waiting


class QueryRegistry:
    """All queries between acceptance and their last frame. Safe to share between threads."""

    def __init__(self, max_accepted: int = MAX_ACCEPTED, language: str = "gremlin") -> None:
        self.language = language
        self._max_accepted = max_accepted
        self._queries: dict[str, RunningQuery] = {}
        self._lock = threading.Lock()  # guards _queries and accepted_total
        self.accepted_total = 0

    def accept(self, text: Callable[[], str] | str, id: str | None = None) -> RunningQuery:
        """Enter a query; a taken id gets a fresh one, since ids come from clients. Raises TooManyRequests."""
        with self._lock:
            if len(self._queries) >= self._max_accepted:
                raise TooManyRequests(f"{self._max_accepted} queries are running or waiting; try again later")
            name = id if id and id not in self._queries else str(uuid.uuid4())
            query = RunningQuery(name, text, time.monotonic())
            self._queries[name] = query
            self.accepted_total += 1
        if tracing.is_on():
            query.span = tracing.started(f"{self.language} query", query_id=name, query_text=query.shown())
        return query

    def finish(self, query: RunningQuery) -> None:
        with self._lock:
            self._queries.pop(query.id, None)
        span, query.span = query.span, None
        tracing.ended(span)

    def get(self, id: str) -> RunningQuery | None:
        return self._queries.get(id)

    def cancel(self, id: str, *, silent: bool = False) -> bool:
        """Ask a query to stop at its next check; false where there is none of that id."""
        query = self.get(id)
        if query is None:
            return False
        query.cancelled.silent = silent
        query.cancelled.set()
        return True

    def cancel_all(self) -> None:
        """For a service that stops."""
        for query in self.all():
            query.cancelled.error = CancelledByUser("The query was cancelled, because the service stops")
            query.cancelled.set()

    def all(self) -> list[RunningQuery]:
        with self._lock:
            return list(self._queries.values())

    def status(self, *, include_waiting: bool = False) -> dict[str, object]:
        """The answer of a status request without a query's id."""
        queries = self.all()
        running = [query for query in queries if query.started_at is not None]
        listed = queries if include_waiting else running
        return {
            "acceptedQueryCount": len(queries),
            "runningQueryCount": len(running),
            "queries": [query.as_status() for query in listed],
        }
