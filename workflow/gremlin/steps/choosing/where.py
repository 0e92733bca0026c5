"""``where``: filters that compare what names stand for."""

from __future__ import annotations

from typing import Any

from workflow.errors import NoSuchMethod, QueryFailed
from workflow.gremlin.running.by_cycle import ByCycleModulated
from workflow.gremlin.running.scope import required_scope_value
from workflow.gremlin.running.step import (
    MISSING,
    Args,
    Builder,
    Child,
    ExecutionContext,
    FilterStep,
    MapStep,
    Step,
    StepBuilder,
)
from workflow.gremlin.running.traverser import Traverser
from workflow.gremlin.semantics.keys import hash_key
from workflow.gremlin.semantics.predicates import compile_predicate
from workflow.gremlin.steps.choosing.filters import TraversalFilterStep, describe
from workflow.gremlin.traversal import Instruction, P, Traversal

MANY = 1000
"""Values that take so long to compare with that the clock is looked at for each traverser."""
WHERE_START = "where-start"
WHERE_END = "where-end"
LABELS = frozenset({"labels"})
CONNECTIVES = frozenset({"and", "or", "not"})


class WherePredicateStep(ByCycleModulated, FilterStep):
    """``where(eq("a"))`` and ``where("a", neq("b"))``, with by() projections in turn."""

    requires = LABELS

    def __init__(self, start: str | None, predicate: P) -> None:
        super().__init__()
        self.start = start
        self.predicate = predicate

    def accept(self, ctx: ExecutionContext, traverser: Traverser) -> bool:
        if self.start is None:
            value = self.bys.at(0).of(ctx, traverser)
        else:
            value = self.bys.at(0).of_value(ctx, required_scope_value(ctx, self.start, traverser, self))
        turn = [1]
        bound = self._bind(ctx, traverser, self.predicate, turn)
        return value is not MISSING and bound is not None and compile_predicate(bound)(value)

    def _bind(self, ctx: ExecutionContext, traverser: Traverser, predicate: P, turn: list[int]) -> P | None:
        """The predicate with the names in it replaced by what they stand for, None where a by() gives nothing."""
        if predicate.name in CONNECTIVES:
            parts = [self._bind(ctx, traverser, p, turn) for p in predicate.args]
            return None if any(p is None for p in parts) else P(predicate.name, tuple(parts))
        key = self.name_in(predicate)
        value = self.bys.at(turn[0]).of_value(ctx, required_scope_value(ctx, key, traverser, self))
        turn[0] += 1
        if value is MISSING:
            return None
        if predicate.name in ("within", "without"):
            several = isinstance(value, (list, tuple, set, frozenset))
            if several and len(value) > MANY:
                ctx.check()
            return P(predicate.name, (list(value) if several else [value],))
        return type(predicate)(predicate.name, (value, *predicate.args[1:]))

    @staticmethod
    def name_in(predicate: P) -> str:
        """The name that a predicate compares with."""
        value = predicate.args[0] if predicate.args else None
        if isinstance(value, (list, tuple)):
            value = value[0] if value else None
        if not isinstance(value, str):
            raise QueryFailed(f"where() compares with labels, and {value!r} is none")
        return value

    def arguments(self) -> str:
        return ",".join(filter(None, [self.start, describe(self.predicate)]))


class WhereStartStep(MapStep):
    """Continues from the value that a name has."""

    requires = LABELS

    def __init__(self, label: str) -> None:
        super().__init__()
        self.label = label

    def map(self, ctx: ExecutionContext, traverser: Traverser) -> Any:
        return required_scope_value(ctx, self.label, traverser, self)

    def arguments(self) -> str:
        return self.label


class WhereEndStep(FilterStep):
    """Passes what equals the value of a name."""

    requires = LABELS

    def __init__(self, label: str) -> None:
        super().__init__()
        self.label = label

    def accept(self, ctx: ExecutionContext, traverser: Traverser) -> bool:
        wanted = required_scope_value(ctx, self.label, Traverser(None, 1, traverser.path), self)
        return bool(hash_key(wanted) == hash_key(traverser.value))

    def arguments(self) -> str:
        return self.label


class WhereTraversalStep(TraversalFilterStep):
    """``where(as("a").out().as("b"))``: variables at the ends of the child."""

    requires = LABELS


def bound_child(traversal: Traversal) -> Traversal:
    """The child with the labels at its ends turned into look-ups; the same object where it has none."""
    steps = list(infix(traversal).steps)
    if not steps:
        return traversal
    changed = False
    if steps[0].name in CONNECTIVES:
        args = tuple(bound_child(a) if isinstance(a, Traversal) else a for a in steps[0].args)
        changed = any(a is not b for a, b in zip(args, steps[0].args, strict=True))
        steps[0] = Instruction(steps[0].name, args)
    elif steps[0].name == "as":
        steps[0] = Instruction(WHERE_START, steps[0].args[:1])
        changed = True
    if len(steps) > 1 and steps[-1].name == "as":
        if len(steps[-1].args) > 1:
            raise QueryFailed("The end step of a where()-traversal can only have one label: " + str(steps[-1].args))
        steps[-1] = Instruction(WHERE_END, steps[-1].args)
        changed = True
    return Traversal(tuple(steps)) if changed else traversal


def infix(traversal: Traversal) -> Traversal:
    """``a.or().b`` becomes ``or(a, b)``; ``and`` binds closer. The steps a query starts with stay in front."""
    steps = traversal.steps
    if not any(s.name in ("and", "or") and not s.args for s in steps):
        return traversal
    head = 0
    while head < len(steps) and steps[head].name in ("V", "E", "inject", "addV", "addE"):
        head += 1
    rest = _infix(list(steps[head:]), "or", "and")
    return Traversal((*steps[:head], *rest), traversal.source, traversal.terminal, traversal.terminal_args)


def _infix(steps: list[Instruction], marker: str, inner: str | None) -> list[Instruction]:
    parts: list[list[Instruction]] = [[]]
    pending: tuple[Any, ...] | None = None
    for step in steps:
        if step.name == marker and not step.args:
            parts.append([])
            pending = ()
        elif step.name == "as" and pending == () and not parts[-1]:
            parts[-1].append(step)  # a label on the marker opens the next part
        else:
            pending = None
            parts[-1].append(step)
    solved = [_infix(part, inner, None) if inner else part for part in parts]
    if len(parts) == 1:
        return solved[0]
    return [Instruction(marker, tuple(Traversal(tuple(part)) for part in solved))]


def _where(builder: Builder, name: str, args: Args) -> Step:
    if len(args) == 1 and isinstance(args[0], P):
        return WherePredicateStep(None, builder.checked(args[0]))
    if len(args) == 2 and isinstance(args[0], str) and isinstance(args[1], P):
        return WherePredicateStep(args[0], builder.checked(args[1]))
    if len(args) == 1 and isinstance(args[0], Traversal):
        bound = bound_child(args[0])
        child: Child = builder.local(bound)
        return TraversalFilterStep(child) if bound is args[0] else WhereTraversalStep(child)
    raise NoSuchMethod(f"Could not locate method: where({', '.join(map(repr, args))})")


def _start(builder: Builder, name: str, args: Args) -> Step:
    return WhereStartStep(_label(name, args))


def _end(builder: Builder, name: str, args: Args) -> Step:
    return WhereEndStep(_label(name, args))


def _label(name: str, args: Args) -> str:
    """The label of a step that stands for a where() of labels; nobody writes it, but a client may send it."""
    if len(args) != 1 or not isinstance(args[0], str):
        raise NoSuchMethod(f"Could not locate method: {name}()")
    return args[0]


STEPS: dict[str, StepBuilder] = {"where": _where, WHERE_START: _start, WHERE_END: _end}
