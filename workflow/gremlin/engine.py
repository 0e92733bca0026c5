"""The engine: runs traversals on a graph.

A traversal passes through these stages: the user's strategies rewrite it, then the engine's extension, it is compiled
to a plan, the plan is optimised, and the plan runs lazily on a version of the graph or as a transaction.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from workflow.errors import MemoryLimitExceeded, NoSuchMethod, QueryFailed, QueryTooLarge, WorkflowError
from workflow.gremlin.planning.batched import BatchedStep
from workflow.gremlin.planning.compile import Compiler, Plan
from workflow.gremlin.planning.explain import ProfileResult, StepProfiler, explained
from workflow.gremlin.planning.extension import Extension
from workflow.gremlin.planning.hints import hint_notes
from workflow.gremlin.planning.optimise import optimised
from workflow.gremlin.planning.source import apply_source, check_source, source_options, timeout_of, transaction_command
from workflow.gremlin.planning.spellings import spelling_notes
from workflow.gremlin.planning.strategies import StrategySet, apply_strategies
from workflow.gremlin.running.services import ServiceRegistry
from workflow.gremlin.running.step import AwaitingStep, ExecutionContext, Step, labelled
from workflow.gremlin.running.traverser import Traverser
from workflow.gremlin.steps.facts import facts_of
from workflow.gremlin.steps.gathering.profile import ProfileStep
from workflow.gremlin.steps.moving.sources import SEED
from workflow.gremlin.steps.whole_graph.io import GraphFiles
from workflow.gremlin.traversal import Traversal, filled
from workflow.queries.attempts import Attempt, HeldTransaction, Settle, run_query
from workflow.queries.run import Flag
from workflow.queries.suspension import Answering, AnswerNeeded
from workflow.settings import Profile

if TYPE_CHECKING:
    from workflow.graphs.protocols import Transaction, WritableGraph

SEGMENT = 150
"""Steps joined lazily; a longer chain is cut, because every step is a frame on the stack."""


PLANS_KEPT = 512


class QueryOptions(NamedTuple):
    """What a request says about how its query runs.

    ``repeated`` tells that this very traversal object comes again, so that its plan is worth keeping; ``values`` are
    what fills its blanks this time. ``answering``
    stands in for what the engine's extension would make. ``began_at`` is when the time began that ``timeout_s`` limits,
    in ``time.monotonic()``. After ``wanted`` results the run ends as if there were no more, and what was written
    up to there is kept. ``required`` makes it an error to have none, which undoes what was written. ``effort`` is how
    many elements along edges a brief run may come to; beyond them it raises NotBrief. ``soon`` takes what waits for a
    commit to be durable, which the caller has then to wait for; Occupied is raised where it would wait for others.
    """

    timeout_s: float | None = None
    max_results: int | None = None
    wanted: int | None = None
    required: bool = False
    cancelled: Flag | None = None
    options: Mapping[str, Any] = MappingProxyType({})
    read_only: bool = False
    repeated: bool = False
    values: tuple[Any, ...] = ()
    answering: Answering | None = None
    began_at: float | None = None
    effort: int | None = None
    soon: list[Settle] | None = None


@dataclass(frozen=True)
class Prepared:
    """A compiled query with what its source said; ``options`` together with ``given``, those of its request.

    ``everything`` are the steps of the plan with those of children; ``profiles`` whether ``profile()`` is among them.
    """

    plan: Plan
    everything: tuple[Step, ...]
    profiles: bool
    original: Traversal
    rewritten: Traversal
    strategies: StrategySet
    options: Mapping[str, Any]
    given: Mapping[str, Any]


class Engine:
    """Answers traversals on one graph. Safe to share between threads."""

    def __init__(
        self,
        graph: WritableGraph,
        profile: Profile,
        *,
        extension: Extension | None = None,
        services: ServiceRegistry | None = None,
        files: GraphFiles | None = None,
    ) -> None:
        self.graph = graph
        self.files = files
        self.profile_name: Profile = profile
        self.extension = extension
        self.services = services or ServiceRegistry.for_profile(profile)
        self._plans: dict[int, Prepared] = {}  # by identity: equal traversals may differ in the types of numbers

    def on(self, graph: WritableGraph) -> Engine:
        """The same engine on another graph, such as one version of its own."""
        twin = copy(self)
        twin.graph = graph
        return twin

    def run(
        self, traversal: Traversal, options: QueryOptions | None = None, transaction: Transaction | None = None
    ) -> Iterator[Traverser]:
        """The results, lazily; compile errors are raised at once.

        Without a transaction a traversal that changes the graph is one of its own: committed when the last result that
        the options ask for was taken, rolled back on an error or when the iterator is closed before.
        """
        options = options or QueryOptions()
        if transaction_command(traversal) is not None:
            return iter(())
        return self._execute(self._kept(traversal, options), options, transaction, None)

    def run_in_parts(self, traversal: Traversal, options: QueryOptions) -> Iterator[Traverser | AnswerNeeded]:
        """The results of a reading traversal, for a caller that itself asks endpoints whenever the run suspends.

        Gives an AnswerNeeded where it needs an answer, and goes on when ``options.answering`` has
        that answer. What a step of a child needs is raised instead.
        """
        prepared = self._kept(traversal, options)
        if prepared.plan.mutates:
            raise QueryFailed("Only what reads can be run in parts")
        if options.began_at is None:
            options = options._replace(began_at=time.monotonic())
        with self.graph.reading() as version:
            ctx = self._context(prepared, options, Attempt(version), None)
            source = yield from self._with_answers(prepared.plan.steps, ctx)
            yield from self._limited(source, options)

    def _with_answers(
        self, steps: tuple[Step, ...], ctx: ExecutionContext
    ) -> Generator[AnswerNeeded, None, Iterator[Traverser]]:
        """The chain of steps, joined, where every answer it will need is there already."""
        found = next(((at, step) for at, step in enumerate(steps) if isinstance(step, AwaitingStep)), None)
        if found is None:
            return self._join(steps, ctx, self._seed(ctx))
        at, step = found
        inputs = list(self._join(steps[:at], ctx, self._seed(ctx)))
        while True:
            try:
                step.ready(ctx, inputs)
                return self._join(steps[at:], ctx, iter(inputs))
            except AnswerNeeded as needed:
                yield needed

    def session(self) -> Session:
        """Several runs as one transaction."""
        return Session(self)

    def explain(self, traversal: Traversal) -> str:
        """The stages from text to plan."""
        return self._explained(self.prepare(traversal, QueryOptions()))

    def _explained(self, prepared: Prepared) -> str:
        compiler = Compiler(extension=self.extension)
        compiled = compiler.compile(prepared.rewritten)  # once more: the optimiser changed those it was given
        with self.graph.reading() as version:
            notes = spelling_notes(version, compiled.all_steps())
        notes += hint_notes(prepared.original, lambda name: self.extension is not None and self.extension.owns(name))
        return explained(prepared.original, prepared.rewritten, compiled.steps, prepared.plan.steps, notes)

    def profile(
        self,
        traversal: Traversal,
        options: QueryOptions | None = None,
        each: Callable[[Traverser], None] | None = None,
    ) -> ProfileResult:
        """Run a traversal and say what its steps did; the results are shown to ``each``, counted and let go."""
        options = options or QueryOptions()
        prepared = self.prepare(traversal, options)
        profiler = StepProfiler()
        begin = time.perf_counter()
        results = 0
        for traverser in self._execute(prepared, options, None, profiler):
            results += traverser.bulk
            if each is not None:
                each(traverser)
        duration_s = time.perf_counter() - begin
        return ProfileResult(profiler.result(), results, duration_s, self._explained(prepared))

    def _kept(self, traversal: Traversal, options: QueryOptions) -> Prepared:
        """The plan, of an earlier run where there was one: plans are not changed by running, and threads share them."""
        if not options.repeated:
            return self.prepare(traversal, options)
        kept = self._plans.get(id(traversal))
        if kept is None or kept.original is not traversal or kept.given != options.options:
            try:
                kept = self.prepare(traversal, options)
            except WorkflowError:
                if not options.values:
                    raise
                return self.prepare(filled(traversal, options.values), options)  # a refusal names the values
            if len(self._plans) >= PLANS_KEPT:
                self._plans.clear()
            self._plans[id(traversal)] = kept
        return kept

    def prepare(self, traversal: Traversal, options: QueryOptions) -> Prepared:
        """Rewrite, compile and optimise; raises for whatever can be refused without running."""
        check_source(traversal)
        rewritten, strategies = apply_strategies(traversal)
        settings = {**strategies.options, **source_options(rewritten), **options.options}
        if self.extension is not None:
            rewritten = self.extension.rewrite(rewritten, settings)
        if not rewritten.steps:
            raise QueryFailed("The traversal has no steps")
        first = rewritten.steps[0].name
        own_steps = () if self.extension is None else self.extension.steps
        if not facts_of(first).starts and first not in own_steps:
            raise NoSuchMethod(
                f"Could not locate method: GraphTraversalSource.{first}(): a traversal starts with V(), E() …"
            )
        compiler = Compiler(strategies.without, self.extension)
        plan = compiler.compile(rewritten)
        better = Plan(optimised(plan, without=strategies.without), rewritten, plan.full_path, plan.mutates)
        everything = tuple(better.all_steps())
        profiles = any(isinstance(step, ProfileStep) for step in everything)
        return Prepared(better, everything, profiles, traversal, rewritten, strategies, settings, options.options)

    def _execute(
        self,
        prepared: Prepared,
        options: QueryOptions,
        transaction: Transaction | None,
        profiler: StepProfiler | None,
    ) -> Iterator[Traverser]:
        answering = options.answering or (None if self.extension is None else self.extension.answering())
        if options.began_at is None or options.answering is not answering:
            options = options._replace(began_at=options.began_at or time.monotonic(), answering=answering)

        def start(attempt: Attempt) -> Iterator[Traverser]:
            ctx = self._context(prepared, options, attempt, profiler)
            return self._limited(self._join(prepared.plan.steps, ctx, self._seed(ctx)), options)

        try:
            yield from run_query(
                self.graph,
                start,
                writes=prepared.plan.mutates and not options.read_only,
                transaction=transaction,
                answering=answering,
                soon=options.soon,
            )
        except RecursionError as e:
            raise QueryTooLarge("The query is nested too deep to be run") from e

    def _limited(self, results: Iterator[Traverser], options: QueryOptions) -> Iterator[Traverser]:
        """The results, as many as the options ask for; the last is cut out of its bulk."""
        limit, wanted = options.max_results, options.wanted
        count = 0
        for t in results if wanted is None or wanted > 0 else ():
            count += t.bulk
            if limit is not None and count > limit:
                raise MemoryLimitExceeded(f"The query has more than {limit} results, which is the limit")
            if wanted is not None and count >= wanted:
                t.bulk -= count - wanted
                yield t
                break
            yield t
        if options.required and not count:
            raise QueryFailed("The traversal has no next() result")

    def _context(
        self,
        prepared: Prepared,
        options: QueryOptions,
        attempt: Attempt,
        profiler: StepProfiler | None,
    ) -> ExecutionContext:
        ctx = ExecutionContext(
            self.graph,
            self.profile_name,
            options=prepared.options,
            strategies=prepared.strategies.strategies,
            answering=options.answering,
            services=self.services,
            timeout_s=timeout_of(prepared.options, options.timeout_s),
            began_at=options.began_at,
            attempt=attempt,
            cancelled=options.cancelled,
            read_only=options.read_only,
            full_path=prepared.plan.full_path,
            effort=options.effort,
        )
        ctx.files, ctx.values = self.files, options.values
        if prepared.strategies.seed is not None:
            ctx.seed = prepared.strategies.seed
        everything = prepared.everything
        if profiler is None and prepared.profiles:
            profiler = StepProfiler()
        ctx.profiler = profiler
        apply_source(ctx, prepared.rewritten)
        for step in everything:
            step.register(ctx.side_effects)
            step.prepare(ctx)
        return ctx

    def _seed(self, ctx: ExecutionContext) -> Iterator[Traverser]:
        seed = ctx.traverser(SEED, 1, None, None if ctx.sack_initial is None else ctx.sack_initial(), None)
        return iter((seed,))

    def _join(self, steps: Sequence[Step], ctx: ExecutionContext, source: Iterator[Traverser]) -> Iterator[Traverser]:
        profiler = ctx.profiler
        frame: dict[Step, Any] = {}
        for at, step in enumerate(steps):
            source = step.run(ctx, source, frame)
            if step.tracked:
                source = labelled(source, step.tracked)
            if isinstance(profiler, StepProfiler) and not isinstance(step, (ProfileStep, BatchedStep)):
                source = profiler.watch(step, source)
            if at % SEGMENT == SEGMENT - 1:
                source = iter(list(source))
        return source


class Session:
    """One transaction over several traversals. Used by one request at a time."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._open = HeldTransaction(engine.graph)

    def run(self, traversal: Traversal, options: QueryOptions | None = None) -> Iterator[Traverser]:
        """The results; what was written waits for commit. ``tx().commit()`` and ``rollback()`` work as text, too."""
        options = options or QueryOptions()
        command = transaction_command(traversal)
        if command is not None:
            if command == "commit":
                self.commit()
            elif command in ("rollback", "close"):
                self.rollback()
            return iter(())
        return self._run(self.engine.prepare(traversal, options), options)

    def _run(self, prepared: Prepared, options: QueryOptions) -> Iterator[Traverser]:
        with self._open.statement(writes=prepared.plan.mutates) as transaction:
            yield from self.engine._execute(prepared, options, transaction, None)

    def commit(self) -> None:
        """Make the changes durable; nothing happens where there are none."""
        self._open.commit()

    def rollback(self) -> None:
        """Undo the changes; nothing happens where there are none."""
        self._open.rollback()
