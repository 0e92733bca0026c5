"""So many of what passes: ``range``, ``limit``, ``skip``, ``tail``, ``sample``, ``coin``, ``timeLimit``."""

from __future__ import annotations

import heapq
import time
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

from workflow.errors import QueryFailed
from workflow.gremlin.running.arguments import number_argument, scoped
from workflow.gremlin.running.by import ByChild
from workflow.gremlin.running.step import MISSING, Args, Builder, By, Child, ExecutionContext, Frame, Step, StepBuilder
from workflow.gremlin.running.traverser import Traverser
from workflow.gremlin.semantics.comparison import is_number
from workflow.gremlin.semantics.types import is_nan
from workflow.gremlin.steps.shaping.local_scope import LocalRangeStep, LocalSampleStep, LocalTailStep
from workflow.values.numerals import to_double


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
        draw = ctx.random_numbers(self).random
        for t in source:
            kept = 0
            for turn in range(t.bulk):
                if not turn & 1023:
                    ctx.check()
                kept += draw() <= self.probability
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

    def modulate(self, builder: Builder, name: str, args: Args) -> None:
        if name != "by":
            self.refuse(name)
        if self.by is not None:
            raise QueryFailed("Sample step can only have one by modulator")
        self.by = builder.by(args)

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
                weight = to_double(value)
            ctx.hold(len(pool) + t.bulk)
            for _ in range(t.bulk):
                one = t.copy()
                one.bulk = 1
                pool.append((weight, one))
        if len(pool) > self.amount:
            # Efraimidis and Spirakis: the largest u^(1/w) are a weighted sample without replacement
            draw = ctx.random_numbers(self).random
            keyed = [(draw() ** (1.0 / w) if w > 0 else -1.0, i) for i, (w, _) in enumerate(ctx.each(pool))]
            chosen = sorted(i for _, i in heapq.nlargest(self.amount, ctx.each(keyed)))
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


def _range(builder: Builder, name: str, args: Args) -> Step:
    local, rest = scoped(args)
    if name == "range":
        low, high = number_argument(name, rest), number_argument(name, rest, 1)
    elif name == "limit":
        low, high = 0, number_argument(name, rest)
    else:
        low, high = number_argument(name, rest), -1
    if local:
        return LocalRangeStep(low, high)
    step = RangeStep(low, high)
    step.in_repeat = builder.in_repeat
    return step


def _tail(builder: Builder, name: str, args: Args) -> Step:
    local, rest = scoped(args)
    size = number_argument(name, rest) if rest else 1
    if local:
        return LocalTailStep(size)
    return TailStep(size)


def _sample(builder: Builder, name: str, args: Args) -> Step:
    local, rest = scoped(args)
    amount = number_argument(name, rest)
    if local:
        return LocalSampleStep(amount)
    return SampleStep(amount)


def _coin(builder: Builder, name: str, args: Args) -> Step:
    if len(args) != 1 or not is_number(args[0]) or is_nan(args[0]):
        raise QueryFailed("coin() takes a probability")
    return CoinStep(to_double(args[0]))


def _time_limit(builder: Builder, name: str, args: Args) -> Step:
    return TimeLimitStep(number_argument(name, args))


STEPS: dict[str, StepBuilder] = {
    "range": _range,
    "limit": _range,
    "skip": _range,
    "tail": _tail,
    "coin": _coin,
    "sample": _sample,
    "timeLimit": _time_limit,
}
