"""Steps that let pass or not: ``is``, ``not``, ``and``, ``or``, ``filter``, ``dedup``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from workflow.errors import QueryFailed
from workflow.gremlin.running.arguments import scoped
from workflow.gremlin.running.by import IDENTITY, ByChild
from workflow.gremlin.running.scope import required_scope_value
from workflow.gremlin.running.step import (
    MISSING,
    Args,
    Builder,
    By,
    Child,
    ExecutionContext,
    FilterStep,
    Frame,
    Step,
    StepBuilder,
)
from workflow.gremlin.running.traverser import Traverser
from workflow.gremlin.semantics.keys import hash_key
from workflow.gremlin.semantics.predicates import Test
from workflow.gremlin.steps.shaping.local_scope import LocalDedupStep
from workflow.gremlin.traversal import P, Traversal


class IsStep(FilterStep):
    """``is(predicate or value)``."""

    def __init__(self, predicate: Any, test: Test) -> None:
        super().__init__()
        self.predicate = predicate
        self.test = test

    def accept(self, ctx: ExecutionContext, traverser: Traverser) -> bool:
        return self.test(traverser.value)

    def arguments(self) -> str:
        return describe(self.predicate)


def describe(value: Any) -> str:
    """A predicate or value as explain() writes it."""
    return f"{value.name}({', '.join(map(describe, value.args))})" if isinstance(value, P) else str(value)


class TraversalFilterStep(FilterStep):
    """``filter``, ``where`` of a child without names: passes where the child has a result."""

    def __init__(self, child: Child) -> None:
        super().__init__()
        self.child = child

    def accept(self, ctx: ExecutionContext, traverser: Traverser) -> bool:
        return self.child.test(ctx, traverser)

    def children(self) -> Iterable[Child]:
        return (self.child,)


class NotStep(TraversalFilterStep):
    """Passes where the child has no result."""

    def accept(self, ctx: ExecutionContext, traverser: Traverser) -> bool:
        return not self.child.test(ctx, traverser)


class ConnectiveStep(FilterStep):
    """``and`` and ``or`` of children."""

    def __init__(self, children: list[Child], every: bool) -> None:
        super().__init__()
        self.parts = tuple(children)
        self.every = every

    def accept(self, ctx: ExecutionContext, traverser: Traverser) -> bool:
        results = (child.test(ctx, traverser) for child in self.parts)
        return all(results) if self.every else any(results)

    def children(self) -> Iterable[Child]:
        return self.parts


class DedupStep(Step):
    """``dedup()`` of all that passes, by the value, a projection, or the values of labels."""

    barrier = True

    def __init__(self, labels: tuple[str, ...]) -> None:
        super().__init__()
        self.names = labels
        self.by: By = IDENTITY
        self.given = False
        if labels:
            self.requires = frozenset({"labels"})

    def modulate(self, builder: Builder, name: str, args: Args) -> None:
        if name != "by":
            self.refuse(name)
        if self.given:
            raise QueryFailed("Dedup step can only have one by modulator")
        self.by = builder.by(args)
        self.given = True

    def run(self, ctx: ExecutionContext, source: Iterator[Traverser], frame: Frame) -> Iterator[Traverser]:
        seen: set[Any] = frame.setdefault(self, set())
        by, plain = self.by, self.by is IDENTITY and not self.names
        for t in source:
            if plain:
                key = hash_key(t.value)
            else:
                value = self._key(ctx, by, t)
                if value is MISSING:
                    continue
                key = hash_key(value)
            if key not in seen:
                seen.add(key)
                t.bulk = 1
                yield t

    def _key(self, ctx: ExecutionContext, by: By, t: Traverser) -> Any:
        if not self.names:
            return by.of(ctx, t)
        out = []
        for name in self.names:
            value = by.of_value(ctx, required_scope_value(ctx, name, t, self))
            if value is MISSING:
                return MISSING
            out.append(value)
        return out

    def children(self) -> Iterable[Child]:
        return (self.by.child,) if isinstance(self.by, ByChild) else ()

    def arguments(self) -> str:
        return ",".join([*self.names, *([] if self.by is IDENTITY else [str(self.by)])])


class DiscardStep(Step):
    """``discard()``, and ``none()`` of older clients: nothing passes, everything runs."""

    def run(self, ctx: ExecutionContext, source: Iterator[Traverser], frame: Frame) -> Iterator[Traverser]:
        for _ in source:
            pass
        yield from ()


class IdentityStep(Step):
    """Hands on what comes."""

    def run(self, ctx: ExecutionContext, source: Iterator[Traverser], frame: Frame) -> Iterator[Traverser]:
        return source


def _is(builder: Builder, name: str, args: Args) -> Step:
    if len(args) != 1:
        raise QueryFailed("is() takes one predicate or value")
    if isinstance(args[0], Traversal):
        raise QueryFailed("is() takes a predicate or value and not a traversal")
    return IsStep(args[0], builder.test_of(args[0]))


def _filter(builder: Builder, name: str, args: Args) -> Step:
    if len(args) == 1 and isinstance(args[0], P):
        return IsStep(args[0], builder.predicate(args[0]))
    if len(args) != 1:
        raise QueryFailed("filter() takes one traversal")
    return TraversalFilterStep(builder.local(args[0]))


def _not(builder: Builder, name: str, args: Args) -> Step:
    if len(args) != 1:
        raise QueryFailed("not() takes one traversal")
    return NotStep(builder.local(args[0]))


def _connective(builder: Builder, name: str, args: Args) -> Step:
    return ConnectiveStep([builder.local(a) for a in args], every=name == "and")


def _dedup(builder: Builder, name: str, args: Args) -> Step:
    local, rest = scoped(args)
    if not all(isinstance(a, str) for a in rest):
        raise QueryFailed("dedup() takes labels")
    if local:
        return LocalDedupStep()
    return DedupStep(rest)


def _plain(kind: type[Step]) -> StepBuilder:
    def build(builder: Builder, name: str, args: Args) -> Step:
        if args:
            raise QueryFailed(f"{name}() takes no arguments")
        return kind()

    return build


STEPS: dict[str, StepBuilder] = {
    "identity": _plain(IdentityStep),
    "is": _is,
    "filter": _filter,
    "not": _not,
    "and": _connective,
    "or": _connective,
    "dedup": _dedup,
    "discard": _plain(DiscardStep),
}
