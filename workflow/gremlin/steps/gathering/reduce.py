"""All values to one: ``count``, ``sum``, ``min``, ``max``, ``mean``, ``fold``; over the stream or within a value."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from workflow.errors import NoSuchMethod, QueryFailed
from workflow.gremlin.running.arguments import scoped
from workflow.gremlin.running.step import (
    MISSING,
    Args,
    Builder,
    ExecutionContext,
    MapStep,
    ReduceStep,
    Step,
    StepBuilder,
)
from workflow.gremlin.running.traverser import Traverser
from workflow.gremlin.semantics import arithmetic
from workflow.gremlin.semantics.comparison import maximum, mean, minimum
from workflow.gremlin.semantics.values import GList, Long, Operator
from workflow.gremlin.steps.shaping.maps import operate, unfolded

CHECK_EVERY = 1024


class CountStep(ReduceStep):
    """``count()``."""

    counts = True

    def reduce(self, ctx: ExecutionContext, source: Iterator[Traverser]) -> Any:
        total = 0
        for turn, t in enumerate(source):
            total += t.bulk
            if not turn % CHECK_EVERY:
                ctx.check()
        return Long(total)


class FoldStep(ReduceStep):
    """``fold()``: a list."""

    def reduce(self, ctx: ExecutionContext, source: Iterator[Traverser]) -> Any:
        out: GList = GList()
        for t in source:
            if t.bulk == 1:
                out.append(t.value)
            else:
                ctx.hold(len(out) + t.bulk)
                out.extend([t.value] * t.bulk)
        return out


class SeededFoldStep(ReduceStep):
    """``fold(seed, operator)``."""

    def __init__(self, seed: Any, operator: Operator) -> None:
        super().__init__()
        self.seed = seed
        self.operator = operator

    def reduce(self, ctx: ExecutionContext, source: Iterator[Traverser]) -> Any:
        total = self.seed
        for t in source:
            for turn in range(t.bulk):
                if not turn % CHECK_EVERY:
                    ctx.check()
                total = operate(self.operator, total, t.value)
        return total


class SumStep(ReduceStep):
    """``sum()``: nothing for no input, null for nothing but nulls."""

    def reduce(self, ctx: ExecutionContext, source: Iterator[Traverser]) -> Any:
        total: Any = MISSING
        for t in source:
            value = t.value
            if value is not None and t.bulk != 1:
                value = arithmetic.mul(value, t.bulk)
            if total is MISSING or total is None:
                total = _number(value)
            elif value is not None:
                total = arithmetic.add(total, value)
        return total


class ExtremeStep(ReduceStep):
    """``min()`` and ``max()``."""

    def __init__(self, choose: Callable[[Any, Any], Any]) -> None:
        super().__init__()
        self.choose = choose

    def reduce(self, ctx: ExecutionContext, source: Iterator[Traverser]) -> Any:
        best: Any = MISSING
        for t in source:
            best = t.value if best is MISSING else self.choose(best, t.value)
        return best


class MeanStep(ReduceStep):
    """``mean()``."""

    def reduce(self, ctx: ExecutionContext, source: Iterator[Traverser]) -> Any:
        pairs = [(_number(t.value), t.bulk) for t in source]
        return mean(pairs) if pairs else MISSING


class LocalReduceStep(MapStep):
    """A reduction of what is inside each value."""

    def __init__(self, reduce: Callable[[list[Any]], Any]) -> None:
        super().__init__()
        self.reduction = reduce

    def map(self, ctx: ExecutionContext, traverser: Traverser) -> Any:
        return self.reduction(list(unfolded(traverser.value)))

    def arguments(self) -> str:
        return "local"


def _number(value: Any) -> Any:
    """The value, if arithmetic can be done with it."""
    if value is not None:
        arithmetic.add(value, 0)
    return value


def _local_count(values: list[Any]) -> Any:
    return Long(len(values))


def _local_sum(values: list[Any]) -> Any:
    if not values:
        return MISSING
    total: Any = None
    for value in values:
        if value is not None:
            total = _number(value) if total is None else arithmetic.add(total, value)
    return total


def _local_extreme(choose: Callable[[Any, Any], Any]) -> Callable[[list[Any]], Any]:
    def reduce(values: list[Any]) -> Any:
        best: Any = MISSING
        for value in values:
            best = value if best is MISSING else choose(best, value)
        return best

    return reduce


def _local_mean(values: list[Any]) -> Any:
    return mean([(_number(v), 1) for v in values], widen=False) if values else MISSING


def _reducer(make: Callable[[], Step], local: Callable[[list[Any]], Any]) -> StepBuilder:
    def build(builder: Builder, name: str, args: Args) -> Step:
        is_local, rest = scoped(args)
        if rest:
            raise NoSuchMethod(f"Could not locate method: {name}({', '.join(map(repr, rest))})")
        return LocalReduceStep(local) if is_local else make()

    return build


def _fold(builder: Builder, name: str, args: Args) -> Step:
    if not args:
        return FoldStep()
    for arg in args:
        builder.checked(arg)
    if len(args) != 2 or not isinstance(args[1], Operator):
        raise QueryFailed("fold() takes nothing, or a seed and an operator")
    return SeededFoldStep(args[0], args[1])


STEPS: dict[str, StepBuilder] = {
    "count": _reducer(CountStep, _local_count),
    "sum": _reducer(SumStep, _local_sum),
    "min": _reducer(lambda: ExtremeStep(minimum), _local_extreme(minimum)),
    "max": _reducer(lambda: ExtremeStep(maximum), _local_extreme(maximum)),
    "mean": _reducer(MeanStep, _local_mean),
    "fold": _fold,
}
