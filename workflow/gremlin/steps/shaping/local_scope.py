"""Steps with ``Scope.local``: they work inside each value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workflow.errors import QueryFailed
from workflow.graphs.elements import Path
from workflow.gremlin.running.step import ExecutionContext, MapStep
from workflow.gremlin.running.traverser import Traverser
from workflow.gremlin.semantics.keys import GMap, distinct
from workflow.gremlin.semantics.values import GList, GSet
from workflow.gremlin.steps.shaping.maps import unfolded


def rebuilt_map(items: list[tuple[Any, Any]], like: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """A map of the items, of the same kind as another."""
    return dict(items) if isinstance(like, dict) else GMap(items)


class LocalDedupStep(MapStep):
    """``dedup(local)``: a set of the members."""

    def map(self, ctx: ExecutionContext, traverser: Traverser) -> Any:
        return distinct(unfolded(traverser.value))


class LocalRangeStep(MapStep):
    """``range``, ``limit`` and ``skip`` of a collection or map."""

    def __init__(self, low: int, high: int) -> None:
        super().__init__()
        if low != -1 and high != -1 and low > high:
            raise QueryFailed(f"Not a legal range: [{low}, {high}]")
        self.low = max(low, 0)
        self.high = high

    def map(self, ctx: ExecutionContext, traverser: Traverser) -> Any:
        part = slice(self.low, None if self.high < 0 else self.high)
        return sliced(traverser.value, part)

    def arguments(self) -> str:
        return f"local,{self.low},{self.high}"


class LocalTailStep(MapStep):
    """``tail(local, n)``."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def map(self, ctx: ExecutionContext, traverser: Traverser) -> Any:
        return sliced(traverser.value, slice(-self.size, None) if self.size else slice(0, 0))

    def arguments(self) -> str:
        return f"local,{self.size}"


def sliced(value: Any, part: slice) -> Any:
    """A part of a collection, map or path; a single member is still a collection. Other values stay as they are."""
    if isinstance(value, Mapping):
        return rebuilt_map(list(value.items())[part], value)
    if isinstance(value, (GSet, set, frozenset)):
        return GSet(list(value)[part])
    if isinstance(value, (list, tuple)):
        return GList(value[part])
    if isinstance(value, Path):
        return Path(value.objects[part], value.labels[part])
    return value


class LocalSampleStep(MapStep):
    """``sample(local, n)``."""

    def __init__(self, amount: int) -> None:
        super().__init__()
        self.amount = amount

    def map(self, ctx: ExecutionContext, traverser: Traverser) -> Any:
        value = traverser.value
        if isinstance(value, Mapping):
            if len(value) <= self.amount:
                return value
            return rebuilt_map(self._drawn(ctx, list(value.items())), value)
        if isinstance(value, (list, tuple, set, frozenset)):
            if len(value) <= self.amount:
                return value
            return GList(self._drawn(ctx, list(value)))
        return value

    def _drawn(self, ctx: ExecutionContext, members: list[Any]) -> list[Any]:
        chance = ctx.random_numbers(self)
        return [members.pop(chance.below(len(members))) for _ in range(self.amount)]
