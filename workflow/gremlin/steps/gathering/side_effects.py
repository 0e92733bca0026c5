"""Side effects and barriers: ``aggregate``, ``store``, ``cap``, ``sideEffect``, ``subgraph``, ``barrier``, ``fail``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from workflow.errors import FailStep, QueryFailed
from workflow.graphs.elements import Edge
from workflow.gremlin.running.arguments import number_argument
from workflow.gremlin.running.by import IDENTITY, ByChild
from workflow.gremlin.running.merging import merge_into
from workflow.gremlin.running.step import (
    MISSING,
    Args,
    Builder,
    By,
    Child,
    ExecutionContext,
    Frame,
    ReduceStep,
    SideEffects,
    SideEffectStep,
    Step,
    StepBuilder,
)
from workflow.gremlin.running.traverser import Traverser
from workflow.gremlin.semantics.arithmetic import add, div, mul
from workflow.gremlin.semantics.collected_graph import CollectedGraph
from workflow.gremlin.semantics.values import Barrier, Gathered, GList, Long, Operator, Scope
from workflow.gremlin.steps.moving.adjacent import refuse_cast
from workflow.gremlin.steps.shaping.maps import add_all


class AggregateStep(Step):
    """``aggregate("x")``: all first, then on; ``lazy`` (``store``, ``aggregate(local, "x")``) one by one."""

    barrier = True

    def __init__(self, key: str, lazy: bool) -> None:
        super().__init__()
        self.key = key
        self.lazy = lazy
        self.by: By | None = None

    def modulate(self, builder: Builder, name: str, args: Args) -> None:
        if name != "by":
            self.refuse(name)
        if self.by is not None:
            raise QueryFailed("Aggregate step can only have one by modulator")
        self.by = builder.by(args)

    def register(self, side_effects: SideEffects) -> None:
        side_effects.register(self.key, Gathered, add_all)

    def run(self, ctx: ExecutionContext, source: Iterator[Traverser], frame: Frame) -> Iterator[Traverser]:
        if self.lazy:
            for t in source:
                self.collect(ctx, [t])
                yield t
            return
        passed = ctx.gathered(source)
        self.collect(ctx, passed)
        yield from passed

    def collect(self, ctx: ExecutionContext, traversers: list[Traverser]) -> None:
        """Add what is projected of traversers."""
        by = self.by or IDENTITY
        values: GList = GList()
        for t in traversers:
            value = by.of(ctx, t)
            if value is not MISSING:
                if t.bulk > 1:
                    ctx.hold(len(values) + t.bulk)
                values.extend([value] * t.bulk)
        if traversers:
            self.collect_values(ctx, values)

    def collect_values(self, ctx: ExecutionContext, values: GList) -> None:
        """Add values to the side effect."""
        effects = ctx.side_effects
        reducer = effects.reducers.get(self.key)
        if reducer is add_all:
            held = effects.values.get(self.key)
            if type(held) is Gathered and self.key not in ctx.user_side_effects:
                held.extend(values)  # ours alone: no copy a round
            else:
                effects.add(self.key, values)
        elif reducer is None or getattr(reducer, "operator", None) is Operator.assign:
            effects.add(self.key, values)
        else:
            for value in values:
                effects.add(self.key, value)

    def children(self) -> Iterable[Child]:
        return (self.by.child,) if isinstance(self.by, ByChild) else ()

    def arguments(self) -> str:
        return self.key


class CapStep(ReduceStep):
    """``cap("x", …)``: side effects as the result."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        super().__init__()
        self.keys = keys

    def reduce(self, ctx: ExecutionContext, source: Iterator[Traverser]) -> Any:
        for _ in source:
            pass
        if len(self.keys) == 1:
            return ctx.side_effects.get(self.keys[0])
        return {key: ctx.side_effects.get(key) for key in self.keys}

    def arguments(self) -> str:
        return ",".join(self.keys)


class ChildSideEffectStep(SideEffectStep):
    """``sideEffect(child)``."""

    def __init__(self, child: Child) -> None:
        super().__init__()
        self.child = child

    def effect(self, ctx: ExecutionContext, traverser: Traverser) -> None:
        for _ in self.child.run(ctx, iter((traverser.copy(),)), {}):
            pass

    def children(self) -> Iterable[Child]:
        return (self.child,)


class SubgraphStep(Step):
    """``subgraph("g")``: the edges with their ends, as a graph."""

    barrier = True

    def __init__(self, key: str) -> None:
        super().__init__()
        self.key = key

    def register(self, side_effects: SideEffects) -> None:
        side_effects.register(self.key, CollectedGraph)

    def run(self, ctx: ExecutionContext, source: Iterator[Traverser], frame: Frame) -> Iterator[Traverser]:
        passed = ctx.gathered(source)
        graph = ctx.side_effects.get(self.key)
        if not isinstance(graph, CollectedGraph):
            raise QueryFailed(f"The side effect {self.key} is no graph")
        for t in ctx.each(passed):
            if not isinstance(t.value, Edge):
                refuse_cast(t.value, "Edge")
            graph.add(t.value)
        yield from ctx.each(passed)

    def arguments(self) -> str:
        return self.key


class BarrierStep(Step):
    """``barrier()``: all first, equal traversers merged; with a size, so many at a time."""

    barrier = True

    def __init__(self, size: int | None) -> None:
        super().__init__()
        self.size = size

    def run(self, ctx: ExecutionContext, source: Iterator[Traverser], frame: Frame) -> Iterator[Traverser]:
        batch: dict[Any, Traverser] = {}
        for count, t in enumerate(source):
            merge_into(batch, t, ctx)
            if self.size is not None and len(batch) >= self.size:
                ctx.check()
                yield from batch.values()
                batch = {}
            elif not count & 1023:
                ctx.hold(len(batch))
        yield from batch.values()

    def arguments(self) -> str:
        return "" if self.size is None else str(self.size)


class NormSackStep(Step):
    """``barrier(normSack)``: sacks become shares of their sum."""

    barrier = True
    requires = frozenset({"sack"})

    def run(self, ctx: ExecutionContext, source: Iterator[Traverser], frame: Frame) -> Iterator[Traverser]:
        batch: dict[Any, Traverser] = {}
        for t in source:
            merge_into(batch, t, ctx)
        total: Any = 0.0
        for t in batch.values():
            total = add(total, mul(t.sack, Long(t.bulk)))
        for t in batch.values():
            t.sack = div(mul(t.sack, Long(t.bulk)), total)
            yield t


class FailingStep(SideEffectStep):
    """``fail("message")``."""

    def __init__(self, message: str) -> None:
        super().__init__()
        self.message = message

    def effect(self, ctx: ExecutionContext, traverser: Traverser) -> None:
        raise FailStep(self.message, {"message": self.message, "traverser": str(traverser.value)})


def _one_key(name: str, args: Args) -> str:
    if len(args) != 1 or not isinstance(args[0], str):
        raise QueryFailed(f"{name}() takes the key of a side effect")
    return args[0]


def _aggregate(builder: Builder, name: str, args: Args) -> Step:
    lazy = name == "store"
    if args and isinstance(args[0], Scope):
        lazy, args = args[0] is Scope.local, args[1:]
    return AggregateStep(_one_key(name, args), lazy)


def _cap(builder: Builder, name: str, args: Args) -> Step:
    if not args or not all(isinstance(a, str) for a in args):
        raise QueryFailed("cap() takes the keys of side effects")
    return CapStep(args)


def _side_effect(builder: Builder, name: str, args: Args) -> Step:
    if len(args) != 1:
        raise QueryFailed("sideEffect() takes one traversal")
    return ChildSideEffectStep(builder.local(args[0]))


def _subgraph(builder: Builder, name: str, args: Args) -> Step:
    return SubgraphStep(_one_key(name, args))


def _barrier(builder: Builder, name: str, args: Args) -> Step:
    if not args:
        return BarrierStep(None)
    if args[0] is Barrier.norm_sack:
        return NormSackStep()
    return BarrierStep(number_argument(name, args))


def _fail(builder: Builder, name: str, args: Args) -> Step:
    return FailingStep(str(args[0]) if args else "fail() step triggered")


STEPS: dict[str, StepBuilder] = {
    "aggregate": _aggregate,
    "store": _aggregate,
    "cap": _cap,
    "sideEffect": _side_effect,
    "subgraph": _subgraph,
    "barrier": _barrier,
    "fail": _fail,
}
