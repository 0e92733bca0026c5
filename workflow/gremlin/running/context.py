"""What a running query has at hand: the graph, the clock, side effects, random numbers, the transaction."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Protocol

from workflow.errors import (
    CancelledByUser,
    MemoryLimitExceeded,
    QueryFailed,
    ReadOnlyViolation,
    TimeLimitExceeded,
)
from workflow.gremlin.running.random_numbers import Chance, FreshChance, SeededChance
from workflow.gremlin.running.traverser import PathTraverser, Traverser
from workflow.gremlin.traversal import Strategy
from workflow.settings import Profile

if TYPE_CHECKING:
    from workflow.graphs.base import Transaction, WritableGraph
    from workflow.graphs.store.rwlock import Lease
    from workflow.queries.suspension import Answering


MOST_HELD = 5_000_000
"""Traversers that one step may keep waiting: some 2 GB."""


class Profiler(Protocol):
    """Counts and times what passes each top-level step."""

    def result(self) -> Any: ...


class SideEffects:
    """The named side effects of one query.

    A key has a value and a reducer that folds additions in; ``register`` is called by steps when they are compiled
    into a plan (through ``Plan.side_effects``), ``withSideEffect`` wins over what a step registers.
    """

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.reducers: dict[str, Callable[[Any, Any], Any]] = {}

    def register(self, key: str, initial: Callable[[], Any], reducer: Callable[[Any, Any], Any] | None = None) -> None:
        """Give a key its first value and reducer unless it has them."""
        if key not in self.values:
            self.values[key] = initial()
        if reducer is not None:
            self.reducers.setdefault(key, reducer)

    def __contains__(self, key: object) -> bool:
        return key in self.values

    def get(self, key: str) -> Any:
        """Raises QueryFailed in TinkerPop's words for a key nobody set."""
        try:
            return self.values[key]
        except KeyError:
            raise QueryFailed(f"The side-effect key does not exist in the side-effects: {key}") from None

    def add(self, key: str, value: Any) -> None:
        """Fold a value in by the key's reducer; without one it replaces the value."""
        reducer = self.reducers.get(key)
        self.values[key] = value if reducer is None or key not in self.values else reducer(self.values[key], value)


class ExecutionContext:
    """What one run of a query has at hand. Used by one thread.

    ``answering`` is what steps of an extension ask, ``services`` what the engine was built with. ``options`` are the
    ``with()`` options of the traversal source and the request together. ``strategies`` are the user's, by name.
    ``lease`` is the lease of the graph while it may be paused. The time that ``timeout_s`` limits counts from
    ``began_at``, a time of ``time.monotonic()``, or from now.
    """

    def __init__(
        self,
        graph: WritableGraph,
        profile: Profile,
        *,
        options: Mapping[str, Any] | None = None,
        strategies: Mapping[str, Strategy] | None = None,
        answering: Answering | None = None,
        services: Any = None,
        timeout_s: float | None = None,
        cancelled: threading.Event | None = None,
        read_only: bool = False,
        full_path: bool = False,
        transaction: Transaction | None = None,
        began_at: float | None = None,
        lease: Lease | None = None,
    ) -> None:
        self.graph = graph
        self.profile: Profile = profile
        self.options: Mapping[str, Any] = options or {}
        self.strategies: Mapping[str, Strategy] = strategies or {}
        self.answering = answering
        self.services = services
        self.files: Any = None  # what io() may touch, a GraphFiles; None where nothing
        self.timeout_s = timeout_s
        self.deadline = None if timeout_s is None else (began_at or time.monotonic()) + timeout_s
        self.cancelled = cancelled
        self.read_only = read_only
        self.side_effects = SideEffects()
        self.seed: int | None = None
        self._chances: dict[object, Chance] = {}
        self.bulked = True  # withBulk(false): merged traversers count as one
        self.apart = False  # equal traversers are not merged: something of theirs that values do not show differs
        self.foreign: dict[int, tuple[Any, str]] = {}  # by identity, properties that no element has, and what they are
        self.transaction = transaction
        self.lease = lease
        self.traverser: type[Traverser] = PathTraverser if full_path else Traverser
        self.user_side_effects: frozenset[str] = frozenset()
        self.profiler: Profiler | None = None
        self.groups: dict[str, Any] = {}  # what group("key") steps have collected so far
        self.memory: dict[Any, Any] = {}  # what a step keeps for the whole run, beyond the frames of its chain
        self.sack_initial: Callable[[], Any] | None = None
        self.sack_merge: Callable[[Any, Any], Any] | None = None

    def check(self) -> None:
        """Raise when time is up or the query was cancelled; sources and barriers call it every few hundred turns."""
        if self.cancelled is not None and self.cancelled.is_set():
            raise getattr(self.cancelled, "error", None) or CancelledByUser("The query was cancelled")
        if self.deadline is not None and time.monotonic() > self.deadline:
            limit = int(1000 * (self.timeout_s or 0))
            raise TimeLimitExceeded(f"A timeout occurred: the query ran longer than its limit of {limit} ms")

    def unleased(self) -> AbstractContextManager[None]:
        """Let writers in while something else than the graph is waited for.

        Raises GraphMoved at the end where one came; the engine then runs the query again. Nothing happens where the
        query holds no lease, or one that must not be paused any more.
        """
        return nullcontext() if self.lease is None else self.lease.paused()

    def gathered(self, source: Iterable[Traverser]) -> list[Traverser]:
        """All of a source, with an eye on the clock and on how many are held."""
        out: list[Traverser] = []
        for t in source:
            out.append(t)
            if not len(out) & 1023:
                self.hold(len(out))
        return out

    def hold(self, count: int) -> None:
        """Raise when a step holds too many traversers at once; also checks the clock."""
        self.check()
        if count > MOST_HELD:
            raise MemoryLimitExceeded(
                f"A step of the query would hold more than {MOST_HELD} traversers at once; narrow what comes before it"
            )

    def chance(self, step: object) -> Chance:
        """The random numbers of a step; every step of a seeded query draws its own sequence."""
        found = self._chances.get(step)
        if found is None:
            found = self._chances[step] = FreshChance() if self.seed is None else SeededChance(self.seed)
        return found

    def writer(self) -> Transaction:
        """The transaction of this query, begun when first asked for. The engine commits or rolls back."""
        if self.read_only:
            raise ReadOnlyViolation("The query changes the graph, which is not allowed here")
        if self.transaction is None:
            left = None if self.deadline is None else max(0.0, self.deadline - time.monotonic())
            self.transaction = self.graph.begin(left)
        return self.transaction

    def start(self, value: Any) -> Traverser:
        """A new traverser at the beginning of a query."""
        first = self.traverser(None).start(value)
        if self.sack_initial is not None:
            first.sack = self.sack_initial()
        return first
