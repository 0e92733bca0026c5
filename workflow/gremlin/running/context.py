"""What a running query has at hand: the graph, the clock, side effects, random numbers, the transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from workflow.errors import (
    QueryFailed,
    ReadOnlyViolation,
)
from workflow.gremlin.running.random_numbers import FreshRandomNumbers, RandomNumbers, SeededRandomNumbers
from workflow.gremlin.running.traverser import PathTraverser, Traverser
from workflow.gremlin.traversal import Strategy
from workflow.queries.attempts import Attempt
from workflow.queries.run import Flag, Run
from workflow.settings import Profile

if TYPE_CHECKING:
    from workflow.graphs.elements import Graph
    from workflow.graphs.protocols import Transaction, WritableGraph
    from workflow.queries.suspension import Answering


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


class ExecutionContext(Run):
    """The graph, options and side effects of one run of a traversal. Used by one thread.

    ``graph`` is what the run reads, ``root`` the graph whose version that is.
    ``answering`` is what steps of an extension ask, ``services`` what the engine was built with. ``options`` are the
    ``with()`` options of the traversal source and the request together. ``strategies`` are the user's, by name.
    The rest is what every ``Run`` has.
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
        cancelled: Flag | None = None,
        read_only: bool = False,
        full_path: bool = False,
        began_at: float | None = None,
        attempt: Attempt | None = None,
        effort: int | None = None,
    ) -> None:
        super().__init__(timeout_s=timeout_s, began_at=began_at, cancelled=cancelled, attempt=attempt, effort=effort)
        self.root = graph
        self.graph: Graph = self.attempt.graph or graph
        self.profile: Profile = profile
        self.options: Mapping[str, Any] = options or {}
        self.strategies: Mapping[str, Strategy] = strategies or {}
        self.answering = answering
        self.services = services
        self.values: tuple[Any, ...] = ()  # of this run, for the blanks of its plan
        self.files: Any = None  # what io() may touch, a GraphFiles; None where nothing
        self.read_only = read_only
        self.side_effects = SideEffects()
        self.seed: int | None = None
        self._random_numbers: dict[object, RandomNumbers] = {}
        self.bulked = True  # withBulk(false): merged traversers count as one
        self.apart = False  # equal traversers are not merged: something of theirs that values do not show differs
        self.foreign: dict[int, tuple[Any, str]] = {}  # by identity, properties that no element has, and what they are
        self.transaction = self.attempt.transaction
        self.full_path = full_path  # whether every stop is remembered, and not only those with a name
        self.traverser: type[Traverser] = PathTraverser if full_path else Traverser
        self.user_side_effects: frozenset[str] = frozenset()
        self.profiler: Profiler | None = None
        self.groups: dict[str, Any] = {}  # what group("key") steps have collected so far
        self.memory: dict[Any, Any] = {}  # what a step keeps for the whole run, beyond the frames of its chain
        self.sack_initial: Callable[[], Any] | None = None
        self.sack_merge: Callable[[Any, Any], Any] | None = None

    def gathered(self, source: Iterable[Traverser]) -> list[Traverser]:
        """All of a source, with an eye on the clock and on how many are held."""
        out: list[Traverser] = []
        for t in source:
            out.append(t)
            if not len(out) & 1023:
                self.hold(len(out))
        return out

    def random_numbers(self, step: object) -> RandomNumbers:
        """The random numbers of a step; every step of a seeded query draws its own sequence."""
        found = self._random_numbers.get(step)
        if found is None:
            found = FreshRandomNumbers() if self.seed is None else SeededRandomNumbers(self.seed)
            self._random_numbers[step] = found
        return found

    def writer(self) -> Transaction:
        """The transaction of this query, begun when first asked for. The engine commits or rolls back."""
        if self.read_only:
            raise ReadOnlyViolation("The query changes the graph, which is not allowed here")
        if self.transaction is None:
            self.transaction = self.root.begin()
            self.graph = self.transaction.graph
        return self.transaction

    def start(self, value: Any) -> Traverser:
        """A new traverser at the beginning of a query."""
        first = self.traverser(None).start(value)
        if self.sack_initial is not None:
            first.sack = self.sack_initial()
        return first
