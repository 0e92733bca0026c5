"""Steps that let pass or not: ``is``, ``not``, ``and``, ``or``, ``filter``, ``dedup``, ranges, samples."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

from workflow.errors import QueryFailed
from workflow.gremlin.compile import Compiler
from workflow.gremlin.predicates import Test
from workflow.gremlin.semantics import hash_key, is_number
from workflow.gremlin.steps.base import (
    MISSING,
    Args,
    By,
    Child,
    ExecutionContext,
    FilterStep,
    Frame,
    Step,
    StepBuilder,
)
from workflow.gremlin.steps.by import IDENTITY, ByChild
from workflow.gremlin.steps.scope import required_scope_value
from workflow.gremlin.traversal import P, Traversal
from workflow.gremlin.traverser import Traverser
from workflow.gremlin.values import Scope


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

    def modulate(self, compiler: Compiler, name: str, args: Args) -> None:
        if name != "by":
            self.refuse(name)
        if self.given:
            raise QueryFailed("Dedup step can only have one by modulator")
        self.by = compiler.by(args)
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


class RangeStep(Step):
    """``range``, ``limit`` and ``skip`` over all that passes."""

    def __init__(self, low: int, high: int) -> None:
        super().__init__()
        if low != -1 and high != -1 and low > high:
            raise QueryFailed(f"Not a legal range: [{low}, {high}]")
        self.low = low
        self.high = high
        self.in_repeat = False

    def run(self, ctx: ExecutionContext, source: Iterator[Traverser], frame: Frame) -> Iterator[Traverser]:
        if self.in_repeat:
            yield from self._each_round(source, frame)
            return
        low, high = max(self.low, 0), self.high
        passed = frame.get(self, 0)
        if 0 <= high <= passed:
            return
        for t in source:
            first, last = passed, passed + t.bulk
            passed = last
            frame[self] = passed
            if last <= low:
                continue
            kept = (last if high < 0 else min(last, high)) - max(first, low)
            if kept > 0:
                if kept != t.bulk:
                    t.bulk = kept
                yield t
            if 0 <= high <= passed:
                return

    def _each_round(self, source: Iterator[Traverser], frame: Frame) -> Iterator[Traverser]:
        """In the body of a repeat every round has its own count."""
        counts: dict[Any, int] = frame.setdefault(self, {})
        low, high = max(self.low, 0), self.high
        for t in source:
            first = counts.get(t.loops, 0)
            last = counts[t.loops] = first + t.bulk
            kept = (last if high < 0 else min(last, high)) - max(first, low)
            if kept > 0:
                t.bulk = kept
                yield t

    def arguments(self) -> str:
        return f"{self.low},{self.high}"


class TailStep(Step):
    """``tail(n)``: the last n."""

    barrier = True

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def run(self, ctx: ExecutionContext, source: Iterator[Traverser], frame: Frame) -> Iterator[Traverser]:
        kept: deque[Traverser] = deque()
        total = 0
        for t in source:
            kept.append(t)
            total += t.bulk
            while kept and total - kept[0].bulk >= self.size:
                total -= kept.popleft().bulk
        if total > self.size and kept:
            kept[0].bulk -= total - self.size
        yield from (t for t in kept if t.bulk > 0)

    def arguments(self) -> str:
        return str(self.size)


class CoinStep(Step):
    """``coin(p)``: each passes with a probability."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def run(self, ctx: ExecutionContext, source: Iterator[Traverser], frame: Frame) -> Iterator[Traverser]:
        draw = ctx.chance(self).random
        for t in source:
            kept = sum(draw() <= self.probability for _ in range(t.bulk))
            if kept:
                t.bulk = kept
                yield t

    def arguments(self) -> str:
        return str(self.probability)


class SampleStep(Step):
    """``sample(n)``: n of all, drawn without putting back, by weight where ``by`` gives one."""

    barrier = True

    def __init__(self, amount: int) -> None:
        super().__init__()
        self.amount = amount
        self.by: By | None = None

    def modulate(self, compiler: Compiler, name: str, args: Args) -> None:
        if name != "by":
            self.refuse(name)
        if self.by is not None:
            raise QueryFailed("Sample step can only have one by modulator")
        self.by = compiler.by(args)

    def run(self, ctx: ExecutionContext, source: Iterator[Traverser], frame: Frame) -> Iterator[Traverser]:
        pool: list[tuple[float, Traverser]] = []
        for t in source:
            weight = 1.0
            if self.by is not None:
                value = self.by.of(ctx, t)
                if value is MISSING:
                    continue
                if not is_number(value):
                    raise QueryFailed(f"Traverser {t.value} does not evaluate to a number with {self.by}")
                weight = float(value)
            for _ in range(t.bulk):
                one = t.copy()
                one.bulk = 1
                pool.append((weight, one))
        if len(pool) > self.amount:
            # Efraimidis and Spirakis: the largest u^(1/w) are a weighted sample without replacement
            draw = ctx.chance(self).random
            keyed = [(draw() ** (1.0 / w) if w > 0 else -1.0, i) for i, (w, _) in enumerate(pool)]
            chosen = sorted(i for _, i in sorted(keyed, reverse=True)[: self.amount])
            pool = [pool[i] for i in chosen]
        for _, t in pool:
            yield t

    def children(self) -> Iterable[Child]:
        return (self.by.child,) if isinstance(self.by, ByChild) else ()


class TimeLimitStep(Step):
    """``timeLimit(ms)``: what comes in time."""

    def __init__(self, limit_ms: int) -> None:
        super().__init__()
        if limit_ms <= 0:
            raise QueryFailed("timeLimit() takes a positive number of milliseconds")
        self.limit_ms = limit_ms

    def run(self, ctx: ExecutionContext, source: Iterator[Traverser], frame: Frame) -> Iterator[Traverser]:
        end = frame.setdefault(self, time.monotonic() + self.limit_ms / 1000)
        for t in source:
            if time.monotonic() > end:
                return
            yield t


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


def number_argument(name: str, args: Args, at: int = 0) -> int:
    """A whole number among the arguments; QueryFailed for anything else."""
    value = args[at] if at < len(args) else None
    if isinstance(value, bool) or not isinstance(value, int):
        raise QueryFailed(f"{name}() takes a whole number and not {value!r}")
    return int(value)


def scoped(args: Args) -> tuple[bool, Args]:
    """Whether the first argument says ``Scope.local``, and the arguments behind a scope."""
    if args and isinstance(args[0], Scope):
        return args[0] is Scope.local, args[1:]
    return False, args


def _is(compiler: Compiler, name: str, args: Args) -> Step:
    if len(args) != 1:
        raise QueryFailed("is() takes one predicate or value")
    if isinstance(args[0], Traversal):
        raise QueryFailed("is() takes a predicate or value and not a traversal")
    return IsStep(args[0], compiler.test_of(args[0]))


def _filter(compiler: Compiler, name: str, args: Args) -> Step:
    if len(args) == 1 and isinstance(args[0], P):
        return IsStep(args[0], compiler.predicate(args[0]))
    if len(args) != 1:
        raise QueryFailed("filter() takes one traversal")
    return TraversalFilterStep(compiler.local(args[0]))


def _not(compiler: Compiler, name: str, args: Args) -> Step:
    if len(args) != 1:
        raise QueryFailed("not() takes one traversal")
    return NotStep(compiler.local(args[0]))


def _connective(compiler: Compiler, name: str, args: Args) -> Step:
    return ConnectiveStep([compiler.local(a) for a in args], every=name == "and")


def _dedup(compiler: Compiler, name: str, args: Args) -> Step:
    local, rest = scoped(args)
    if not all(isinstance(a, str) for a in rest):
        raise QueryFailed("dedup() takes labels")
    if local:
        from workflow.gremlin.steps.local_scope import LocalDedupStep

        return LocalDedupStep()
    return DedupStep(rest)


def _range(compiler: Compiler, name: str, args: Args) -> Step:
    local, rest = scoped(args)
    if name == "range":
        low, high = number_argument(name, rest), number_argument(name, rest, 1)
    elif name == "limit":
        low, high = 0, number_argument(name, rest)
    else:
        low, high = number_argument(name, rest), -1
    if local:
        from workflow.gremlin.steps.local_scope import LocalRangeStep

        return LocalRangeStep(low, high)
    step = RangeStep(low, high)
    step.in_repeat = compiler.in_repeat
    return step


def _tail(compiler: Compiler, name: str, args: Args) -> Step:
    local, rest = scoped(args)
    size = number_argument(name, rest) if rest else 1
    if local:
        from workflow.gremlin.steps.local_scope import LocalTailStep

        return LocalTailStep(size)
    return TailStep(size)


def _sample(compiler: Compiler, name: str, args: Args) -> Step:
    local, rest = scoped(args)
    amount = number_argument(name, rest)
    if local:
        from workflow.gremlin.steps.local_scope import LocalSampleStep

        return LocalSampleStep(amount)
    return SampleStep(amount)


def _coin(compiler: Compiler, name: str, args: Args) -> Step:
    if len(args) != 1 or not is_number(args[0]):
        raise QueryFailed("coin() takes a probability")
    return CoinStep(float(args[0]))


def _time_limit(compiler: Compiler, name: str, args: Args) -> Step:
    return TimeLimitStep(number_argument(name, args))


def _plain(kind: type[Step]) -> StepBuilder:
    def build(compiler: Compiler, name: str, args: Args) -> Step:
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
    "range": _range,
    "limit": _range,
    "skip": _range,
    "tail": _tail,
    "coin": _coin,
    "sample": _sample,
    "timeLimit": _time_limit,
    "discard": _plain(DiscardStep),
}
