"""What running queries of a service means whatever their language: time limits, sessions, graphs without waiting."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Generic, TypeVar

from workflow.graphs.protocols import is_columnar
from workflow.queries.running import QueryRegistry
from workflow.queries.sessions import Endable, QuerySession
from workflow.settings import Profile

LONGEST_MS: Final = 1 << 40  # 35 years

Engine = TypeVar("Engine")
Open = TypeVar("Open", bound=Endable)
Result = TypeVar("Result")


class LanguageRunner(Generic[Engine, Open]):
    """The part of a language's runner that knows nothing of the language. Shared between threads.

    Args:
        engines: by the name a query uses.
        profile: decides what a time limit, closing a session and a failure inside it mean.
        registry: all queries that run or wait.
        default_timeout_ms: for queries that ask for no time; in the neptune profile also the most they may ask for.
    """

    def __init__(
        self, engines: Mapping[str, Engine], profile: Profile, registry: QueryRegistry, default_timeout_ms: float
    ) -> None:
        self.engines = engines
        self.profile: Profile = profile
        self.registry = registry
        self.default_timeout_ms = default_timeout_ms

    def timeout_s(self, asked_ms: Any) -> float | None:
        """How long a query may run that asked for so many milliseconds; None without a limit.

        0 asks for no limit, which only the tinkerpop profile grants. What is no number counts as not asked, and beyond
        some years all numbers are one.
        """
        limit: float | None = self.default_timeout_ms or None
        if isinstance(asked_ms, (int, float)) and not isinstance(asked_ms, bool) and asked_ms >= 0:
            asked_ms = min(asked_ms, LONGEST_MS)
            if self.profile == "tinkerpop":
                limit = asked_ms or None
            else:
                limit = min(asked_ms, limit or asked_ms) if asked_ms else limit
        return None if limit is None else limit / 1000

    def without_waiting(self, engine: Engine | None, work: Callable[[], Result]) -> Result | None:
        """Do ``work`` on a graph that lives in this process; do nothing for a remote one, which could block."""
        graph: Any = getattr(engine, "graph", None)
        return work() if graph is not None and is_columnar(graph) else None

    def close(self, session: QuerySession[Open], *, lost: bool = False) -> None:
        """End a session: Neptune commits what a session of scripts did, everything else is undone.

        Args:
            lost: the connection broke, nobody asked for the end.
        """
        with session.lock:
            if self.profile == "neptune" and session.scripted and not session.failed and not lost:
                session.commit()
            else:
                session.rollback()

    def statements(self, session: QuerySession[Open], results: Callable[[], Iterator[Result]]) -> Iterator[Result]:
        """The results of statements inside a session whose failure ends it, where the profile says so.

        Neptune rolls the whole session back; a Gremlin Server leaves that to the client.
        """
        try:
            yield from results()
        except BaseException:
            if self.profile == "neptune" and not session.forgiving:
                session.failed = True
                session.rollback()
            raise

    def as_one_transaction(self, results: Callable[[QuerySession[Open]], Iterator[Result]]) -> Iterator[Result]:
        """The results of several statements of one request, which stand or fall together."""
        session: QuerySession[Open] = QuerySession("")
        try:
            yield from results(session)
        except BaseException:
            session.rollback()
            raise
        session.commit()
