"""Steps from value to value: ``map``, ``constant``, ``select``, ``project``, ``unfold``, ``loops``, ``sack`` …"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from workflow.errors import NoSuchMethod, QueryFailed
from workflow.graphs.elements import Path
from workflow.gremlin.running.arguments import is_data
from workflow.gremlin.running.by import IDENTITY, ByChild, column_of
from workflow.gremlin.running.by_cycle import ByCycleModulated
from workflow.gremlin.running.scope import scope_value
from workflow.gremlin.running.step import (
    MISSING,
    Args,
    Builder,
    By,
    Child,
    ExecutionContext,
    FlatMapStep,
    Frame,
    MapStep,
    SideEffectStep,
    Step,
    StepBuilder,
)
from workflow.gremlin.running.traverser import Traverser
from workflow.gremlin.semantics import arithmetic
from workflow.gremlin.semantics.comparison import maximum, minimum
from workflow.gremlin.semantics.keys import GMap, hash_key
from workflow.gremlin.semantics.values import Column, GList, GSet, MapEntry, Operator, Pop
from workflow.gremlin.traversal import Traversal


class ChildMapStep(MapStep):
    """``map(child)``: the first result of the child."""

    def __init__(self, child: Child) -> None:
        super().__init__()
        self.child = child

    def map(self, ctx: ExecutionContext, traverser: Traverser) -> Any:
        return self.child.first(ctx, traverser)

    def children(self) -> Iterable[Child]:
        return (self.child,)


class ChildFlatMapStep(Step):
    """``flatMap(child)``: all results of the child."""

    def __init__(self, child: Child) -> None:
        super().__init__()
        self.child = child

    def run(self, ctx: ExecutionContext, source: Iterator[Traverser], frame: Frame) -> Iterator[Traverser]:
        for t in source:
            for found in self.child.each(ctx, t):
                out = t.split(found.value)
                out.bulk = t.bulk * found.bulk
                yield out

    def children(self) -> Iterable[Child]:
        return (self.child,)


class ConstantStep(MapStep):
    """``constant(value)``."""

    def __init__(self, value: Any) -> None:
        super().__init__()
        self.constant = value

    def map(self, ctx: ExecutionContext, traverser: Traverser) -> Any:
        return self.constant

    def arguments(self) -> str:
        return str(self.constant)


class UnfoldStep(FlatMapStep):
    """``unfold()``: members of a collection, entries of a map, stops of a path."""

    def flat_map(self, ctx: ExecutionContext, traverser: Traverser) -> Iterable[Any]:
        return unfolded(traverser.value)


def unfolded(value: Any) -> Iterable[Any]:
    """What a value is taken apart into; itself where it is no collection."""
    if isinstance(value, Mapping):
        return [MapEntry(k, v) for k, v in value.items()]
    if isinstance(value, (list, tuple, set, frozenset)):
        return list(value)
    if isinstance(value, Path):
        return value.objects
    return (value,)


class SelectOneStep(MapStep):
    """``select("a")``."""

    requires = frozenset({"labels"})

    def __init__(self, pop: Pop, key: str) -> None:
        super().__init__()
        self.pop = pop
        self.key = key
        self.by: By = IDENTITY

    def modulate(self, builder: Builder, name: str, args: Args) -> None:
        if name != "by":
            self.refuse(name)
        self.by = builder.by(args)

    def map(self, ctx: ExecutionContext, traverser: Traverser) -> Any:
        found = scope_value(ctx, self.pop, self.key, traverser)
        if found is MISSING or found is None:
            return found
        return self.by.of_value(ctx, found)

    def children(self) -> Iterable[Child]:
        return (self.by.child,) if isinstance(self.by, ByChild) else ()

    def arguments(self) -> str:
        return f"{self.pop.value},{self.key}"


class SelectStep(ByCycleModulated, MapStep):
    """``select("a", "b", …)``: a map of names."""

    requires = frozenset({"labels"})

    def __init__(self, pop: Pop, keys: tuple[str, ...]) -> None:
        super().__init__()
        self.pop = pop
        self.keys = keys

    def map(self, ctx: ExecutionContext, traverser: Traverser) -> Any:
        out: dict[str, Any] = {}
        for i, key in enumerate(self.keys):
            found = scope_value(ctx, self.pop, key, traverser)
            if found is MISSING:
                return MISSING
            found = self.bys.at(i).of_value(ctx, found)
            if found is MISSING:
                return MISSING
            out[key] = found
        return out

    def arguments(self) -> str:
        return f"{self.pop.value},[{', '.join(self.keys)}]"


class SelectColumnStep(MapStep):
    """``select(keys)`` and ``select(values)``."""

    def __init__(self, column: Column) -> None:
        super().__init__()
        self.column = column

    def map(self, ctx: ExecutionContext, traverser: Traverser) -> Any:
        return column_of(self.column, traverser.value)

    def arguments(self) -> str:
        return str(self.column.value)


class SelectTraversalStep(MapStep):
    """``select(traversal)``: the name comes from a child."""

    requires = frozenset({"labels"})

    def __init__(self, pop: Pop, child: Child) -> None:
        super().__init__()
        self.pop = pop
        self.child = child
        self.by: By = IDENTITY

    def modulate(self, builder: Builder, name: str, args: Args) -> None:
        if name != "by":
            self.refuse(name)
        self.by = builder.by(args)

    def map(self, ctx: ExecutionContext, traverser: Traverser) -> Any:
        key = self.child.first(ctx, traverser)
        if key is MISSING:
            return MISSING
        found = scope_value(ctx, self.pop, key, traverser)
        if found is MISSING or found is None:
            return found
        projected = self.by.of_value(ctx, found)
        return None if projected is MISSING else projected

    def children(self) -> Iterable[Child]:
        return (self.child, self.by.child) if isinstance(self.by, ByChild) else (self.child,)


class ProjectStep(ByCycleModulated, MapStep):
    """``project("a", "b").by(…)``."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        super().__init__()
        if len(set(keys)) != len(keys):
            raise QueryFailed("keys must be unique in ProjectStep")
        self.keys = keys

    def map(self, ctx: ExecutionContext, traverser: Traverser) -> Any:
        out: dict[str, Any] = {}
        for i, key in enumerate(self.keys):
            found = self.bys.at(i).of(ctx, traverser)
            if found is not MISSING:
                out[key] = found
        return out

    def arguments(self) -> str:
        return f"[{', '.join(self.keys)}]"


class LoopsStep(MapStep):
    """``loops()`` and ``loops("name")``."""

    def __init__(self, name: str | None) -> None:
        super().__init__()
        self.loop = name

    def map(self, ctx: ExecutionContext, traverser: Traverser) -> Any:
        loop = traverser.loops
        while loop is not None and self.loop is not None and loop.name != self.loop:
            loop = loop.outer
        if loop is None:
            if self.loop is None:
                return 0
            raise QueryFailed(f"Loop name not defined: {self.loop}")
        return loop.turns


class SackStep(MapStep):
    """``sack()``: the sack's content."""

    requires = frozenset({"sack"})

    def map(self, ctx: ExecutionContext, traverser: Traverser) -> Any:
        return traverser.sack


class SackValueStep(SideEffectStep):
    """``sack(operator).by(…)``: works on the sack."""

    requires = frozenset({"sack"})

    def __init__(self, operator: Operator) -> None:
        super().__init__()
        self.operator = operator
        self.by: By | None = None

    def modulate(self, builder: Builder, name: str, args: Args) -> None:
        if name != "by":
            self.refuse(name)
        if self.by is not None:
            raise QueryFailed("Sack step can only have one by modulator")
        self.by = builder.by(args)

    def run(self, ctx: ExecutionContext, source: Iterator[Traverser], frame: Frame) -> Iterator[Traverser]:
        for t in source:
            value = t.value if self.by is None else self.by.of(ctx, t)
            if value is not MISSING:
                t.sack = operate(self.operator, t.sack, value)
                yield t

    def effect(self, ctx: ExecutionContext, traverser: Traverser) -> None:
        raise NotImplementedError

    def children(self) -> Iterable[Child]:
        return (self.by.child,) if isinstance(self.by, ByChild) else ()

    def arguments(self) -> str:
        return str(self.operator.value)


def operate(operator: Operator, a: Any, b: Any) -> Any:
    """``a operator b`` for sacks and side effects."""
    if operator is Operator.assign:
        return b
    if operator is Operator.add_all:
        return add_all(a, b)
    if operator in (Operator.and_, Operator.or_):
        return (bool(a) and bool(b)) if operator is Operator.and_ else (bool(a) or bool(b))
    return _ARITHMETIC[operator](a, b)


_ARITHMETIC: dict[Operator, Any] = {
    Operator.sum: arithmetic.add,
    Operator.sum_long: arithmetic.add,
    Operator.minus: arithmetic.sub,
    Operator.mult: arithmetic.mul,
    Operator.div: arithmetic.div,
    Operator.min: minimum,
    Operator.max: maximum,
}


def add_all(a: Any, b: Any) -> Any:
    """Two collections or maps in one; a new object."""
    if a is None or b is None:
        return b if a is None else a
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        joined = GMap(a)
        for key, value in b.items():
            joined[key] = value
        return joined
    if isinstance(a, (GSet, set, frozenset)):
        return GSet({hash_key(v): v for v in [*a, *unfolded(b)]}.values())
    if isinstance(a, (list, tuple)):
        return GList([*a, *unfolded(b)])
    raise QueryFailed(f"Objects of addAll are collections or maps; {a!r} and {b!r} are not")


def _child_step(kind: type[ChildMapStep] | type[ChildFlatMapStep]) -> StepBuilder:
    def build(builder: Builder, name: str, args: Args) -> Step:
        if len(args) != 1:
            raise QueryFailed(f"{name}() takes one traversal")
        return kind(builder.local(args[0]))

    return build


def _constant(builder: Builder, name: str, args: Args) -> Step:
    if len(args) != 1:
        raise QueryFailed("constant() takes one value")
    if not is_data(builder.checked(args[0])):
        raise QueryFailed(f"constant() takes a value, and {args[0]} is none")
    return ConstantStep(args[0])


def _unfold(builder: Builder, name: str, args: Args) -> Step:
    return UnfoldStep()


def _select(builder: Builder, name: str, args: Args) -> Step:
    pop = Pop.last
    if args and isinstance(args[0], Pop):
        pop, args = args[0], args[1:]
    if len(args) == 1 and isinstance(args[0], Column):
        return SelectColumnStep(args[0])
    if len(args) == 1 and isinstance(args[0], Traversal):
        return SelectTraversalStep(pop, builder.local(args[0]))
    if not args or not all(isinstance(a, str) for a in args):
        raise NoSuchMethod(f"Could not locate method: select({', '.join(map(repr, args))})")
    return SelectOneStep(pop, args[0]) if len(args) == 1 else SelectStep(pop, args)


def _project(builder: Builder, name: str, args: Args) -> Step:
    if not args or not all(isinstance(a, str) for a in args):
        raise QueryFailed("project() takes the keys of its map")
    return ProjectStep(args)


def _loops(builder: Builder, name: str, args: Args) -> Step:
    return LoopsStep(args[0] if args else None)


def _sack(builder: Builder, name: str, args: Args) -> Step:
    if not args:
        return SackStep()
    if not isinstance(args[0], Operator):
        raise QueryFailed("sack() takes an operator such as Operator.sum")
    return SackValueStep(args[0])


STEPS: dict[str, StepBuilder] = {
    "map": _child_step(ChildMapStep),
    "flatMap": _child_step(ChildFlatMapStep),
    "constant": _constant,
    "unfold": _unfold,
    "select": _select,
    "project": _project,
    "loops": _loops,
    "sack": _sack,
}
