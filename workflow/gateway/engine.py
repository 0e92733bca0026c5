"""The engine in front of a remote database: plain queries are forwarded, inference steps are answered here.

What stands before an inference step runs in the database; what follows runs here, on the vertices that came back.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Protocol

from workflow.errors import CancelledByUser, UnsupportedOperation
from workflow.gateway.graph import RemoteGraph, refuse_writing
from workflow.graphs.elements import BulkedValue, Path
from workflow.gremlin.engine import Engine, QueryOptions, Session
from workflow.gremlin.planning.compile import Compiler
from workflow.gremlin.planning.explain import ProfileResult, StepProfiler
from workflow.gremlin.planning.extension import Extension
from workflow.gremlin.planning.source import TIMEOUT_OPTIONS, source_options, timeout_of, transaction_command
from workflow.gremlin.planning.strategies import apply_strategies
from workflow.gremlin.running.step import ExecutionContext, chain
from workflow.gremlin.running.traverser import Traverser
from workflow.gremlin.semantics.values import Long
from workflow.gremlin.steps.facts import leaves_something, may_write
from workflow.gremlin.steps.moving.sources import SEED
from workflow.gremlin.traversal import Instruction, Strategy, Traversal, children_of, filled
from workflow.settings import Profile

Chain = tuple[Instruction, ...]


class Database(Protocol):
    """A remote database that takes our traversals; see ``graphs.sources.gremlin.GremlinDatabase``."""

    url: str
    source: str

    def submit(self, op: str, processor: str, args: Mapping[str, Any], *, repeatable: bool = True) -> Iterator[Any]:
        """The data of each answer frame."""

    def close(self) -> None: ...


class GatewayEngine(Engine):
    """An ``Engine`` over a remote database. Safe to share between threads."""

    def __init__(self, database: Database, profile: Profile, *, extension: Extension | None = None) -> None:
        super().__init__(RemoteGraph("g", self._plain), profile, extension=extension)
        self._database = database

    def run(
        self, traversal: Traversal, options: QueryOptions | None = None, transaction: Any = None
    ) -> Iterator[Traverser]:
        """The results, lazily. Each query is a transaction of the database's own."""
        options = options or QueryOptions()
        traversal = filled(traversal, options.values)
        if transaction_command(traversal) is not None:
            return iter(())
        if options.read_only and may_write(traversal.steps):
            refuse_writing()
        folded = self._folded(traversal, options)
        found = self._forward(_cut(traversal, options), options) if folded is None else self._mixed(folded, options)
        return self._limited(found, options)

    def session(self) -> Session:
        return GatewaySession(self)

    def explain(self, traversal: Traversal) -> str:
        """Which steps go to the database, and which are answered here."""
        folded = self._folded(traversal, QueryOptions())
        if folded is None:
            return f"Forwarded to {self._database.url}: {_names(traversal.steps)}"
        ahead, here = self._split(folded)
        return f"Forwarded to {self._database.url}: {_names(ahead)}\nAnswered here: {_names(here)}"

    def profile(
        self,
        traversal: Traversal,
        options: QueryOptions | None = None,
        each: Callable[[Traverser], None] | None = None,
    ) -> ProfileResult:
        """Count and time the whole; what its steps cost, only the database knows."""
        begin = time.perf_counter()
        results = 0
        for t in self.run(traversal, options):
            results += t.bulk
            if each is not None:
                each(t)
        return ProfileResult(StepProfiler().result(), results, time.perf_counter() - begin, self.explain(traversal))

    def _folded(self, traversal: Traversal, options: QueryOptions) -> Traversal | None:
        """The traversal with its inference step folded; None where it has none."""
        rewritten, strategies = apply_strategies(traversal)
        settings = {**strategies.options, **source_options(rewritten), **options.options}
        if self.extension is None:
            return None
        folded = self.extension.rewrite(rewritten, settings)
        return None if folded is rewritten else folded

    def _split(self, folded: Traversal) -> tuple[Chain, Chain]:
        """What the database runs, and what runs here: from the first step of the extension on."""
        return split(folded.steps, () if self.extension is None else self.extension.steps)

    def _source(self, traversal: Traversal) -> tuple[Chain, dict[str, Any]]:
        extension = self.extension
        return forwarded_source(traversal, lambda option: extension is not None and extension.owns(option))

    def _forward(self, traversal: Traversal, options: QueryOptions) -> Iterator[Traverser]:
        source, settings = self._source(traversal)
        args: dict[str, Any] = {
            "gremlin": Traversal(traversal.steps, source),
            "aliases": {"g": self._database.source},
        }
        timeout_s = timeout_of({**settings, **options.options}, options.timeout_s)
        if timeout_s is not None:
            args["evaluationTimeout"] = max(1, int(timeout_s * 1000))
        for frame in self._database.submit("bytecode", "traversal", args, repeatable=not may_write(traversal.steps)):
            if options.cancelled is not None and options.cancelled.is_set():
                raise CancelledByUser("The query was cancelled")
            for one in frame:
                yield Traverser(one.value, one.bulk) if isinstance(one, BulkedValue) else Traverser(one)

    def _plain(self, traversal: Traversal) -> Iterator[Traverser]:
        return self._forward(traversal, QueryOptions())

    def _mixed(self, folded: Traversal, options: QueryOptions) -> Iterator[Traverser]:
        ahead, here = self._split(folded)
        _refuse_side_effects(folded.source, ahead)
        graph = RemoteGraph("g", lambda asked: self._forward(asked, options))
        plan = Compiler(extension=self.extension).compile(Traversal(here))
        if plan.mutates:
            refuse_writing()
        _, settings = self._source(folded)
        ctx = ExecutionContext(
            graph,
            self.profile_name,
            options=settings,
            answering=None if self.extension is None else self.extension.answering(),
            services=self.services,
            timeout_s=timeout_of({**settings, **options.options}, options.timeout_s),
            cancelled=options.cancelled,
            read_only=True,
            full_path=plan.full_path,
        )
        for step in plan.all_steps():
            step.register(ctx.side_effects)
            step.prepare(ctx)
        if not ahead:
            start: Iterator[Traverser] = iter((ctx.traverser(SEED),))
        else:
            asked = Traversal((*ahead, Instruction("path")), folded.source)
            start = (_resumed(ctx, graph.known(t.value)) for t in self._forward(asked, options) for _ in range(t.bulk))
        yield from chain(plan.steps, ctx, start, {})


class GatewaySession(Session):
    """Statements of one client session; each is a transaction of its own in the database."""

    def __init__(self, engine: GatewayEngine) -> None:
        super().__init__(engine)
        self._written = False

    def run(self, traversal: Traversal, options: QueryOptions | None = None) -> Iterator[Any]:
        self._written = self._written or may_write(traversal.steps)
        return self.engine.run(traversal, options)

    def commit(self) -> None:
        """Nothing waits to be committed."""
        self._written = False

    def rollback(self) -> None:
        """Raises UnsupportedOperation where something was written, unless an error is on its way already."""
        written, self._written = self._written, False
        if written and sys.exc_info()[0] is None:
            raise UnsupportedOperation("The gateway forwards statements one by one: what was written stays written")


def split(steps: Chain, own: Collection[str]) -> tuple[Chain, Chain]:
    """The steps before the one that is or holds one of these names, and the rest."""
    for index, instruction in enumerate(steps):
        if _holds(instruction, own):
            # a modulator belongs to the step it modulates
            while index > 0 and steps[index].name in ("by", "option"):
                index -= 1
            return steps[:index], steps[index:]
    return steps, ()


def _holds(instruction: Instruction, own: Collection[str]) -> bool:
    if instruction.name in own:
        return True
    return any(_holds(step, own) for child in children_of(instruction.args) for step in child.steps)


def forwarded_source(traversal: Traversal, owned: Callable[[str], bool]) -> tuple[Chain, dict[str, Any]]:
    """The source instructions a database is to see, and the options, which travel with the request or stay here.

    Args:
        traversal: as it is forwarded, or with its inference step folded.
        owned: whether an option is for what is answered here.
    """
    kept: list[Instruction] = []
    options: dict[str, Any] = {}
    for instruction in traversal.source:
        if instruction.name == "with":
            key = str(instruction.args[0])
            options[key] = instruction.args[1] if len(instruction.args) > 1 else True
            if not owned(key) and key not in TIMEOUT_OPTIONS:
                kept.append(instruction)
        elif instruction.name == "withStrategies":
            strategies = []
            for arg in instruction.args:
                if isinstance(arg, Strategy) and arg.name.rpartition(".")[2] == "OptionsStrategy":
                    options |= arg.configuration
                else:
                    strategies.append(arg)
            if strategies:
                kept.append(replace(instruction, args=tuple(strategies)))
        else:
            kept.append(instruction)
    return tuple(kept), options


def _cut(traversal: Traversal, options: QueryOptions) -> Traversal:
    """A traversal whose database stops, and writes no more, after as many results as are wanted."""
    if options.wanted is None or not traversal.steps or traversal.steps[-1].name == "profile":
        return traversal
    return replace(traversal, steps=(*traversal.steps, Instruction("limit", (Long(max(0, options.wanted)),))))


def _refuse_side_effects(source: Iterable[Instruction], ahead: Iterable[Instruction]) -> None:
    """Raise UnsupportedOperation for what stays in the database, where the steps that follow here cannot see it."""
    kept = [one for one in source if one.name in ("withSideEffect", "withSack")]
    for one in (*kept, *filter(leaves_something, ahead)):
        raise UnsupportedOperation(
            f"Through a gateway {one.name}() cannot stand before an inference step: what it collects stays in the "
            "database"
        )


def _resumed(ctx: ExecutionContext, path: Path) -> Traverser:
    """The traverser that arrived where a path of the database ends."""
    traverser: Traverser | None = None
    for value, labels in zip(path.objects, path.labels, strict=True):
        traverser = ctx.start(value) if traverser is None else traverser.split(value)
        if labels:
            traverser.label(labels)
    assert traverser is not None
    return traverser


def _names(steps: tuple[Instruction, ...]) -> str:
    return ".".join(f"{step.name}()" for step in steps) or "nothing"
