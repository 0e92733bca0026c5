"""``order``: of the stream or within a value."""

from __future__ import annotations

import functools
import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from workflow.errors import NoSuchMethod, QueryFailed
from workflow.gremlin.running.arguments import scoped
from workflow.gremlin.running.by import IDENTITY, ByChild
from workflow.gremlin.running.step import (
    MISSING,
    Args,
    Builder,
    By,
    Child,
    ExecutionContext,
    Frame,
    MapStep,
    Step,
    StepBuilder,
)
from workflow.gremlin.running.traverser import Traverser
from workflow.gremlin.semantics.comparison import code_units, order
from workflow.gremlin.semantics.values import GList, Long, MapEntry, Order, T
from workflow.gremlin.steps.shaping.local_scope import rebuilt_map
from workflow.queries.columns.sorting import sorted_in_parts

Row = tuple[tuple[Any, ...], Any]


class Comparators:
    """The by() modulators of an order: projections with directions."""

    def __init__(self) -> None:
        self.parts: list[tuple[By, Order]] = []

    def modulate(self, builder: Builder, args: Args) -> None:
        """``by(key)``, ``by(key, desc)``, ``by(desc)``, ``by(traversal, shuffle)`` …"""
        direction = Order.asc
        if args and isinstance(args[-1], Order):
            direction, args = args[-1], args[:-1]
        elif len(args) > 1:
            builder.checked(args[1])
            raise QueryFailed(f"order().by() takes an Order as its comparator and not {args[1]!r}")
        self.parts.append((builder.by(args), direction))

    @property
    def shuffled(self) -> bool:
        return bool(self.parts) and self.parts[-1][1] is Order.shuffle

    def projections(self) -> list[By]:
        return [by for by, _ in self.parts] or [IDENTITY]

    def directions(self) -> list[Order]:
        return [way for _, way in self.parts] or [Order.asc]

    def key(self) -> Callable[[Row], Any]:
        """A sort key for rows of (projected values, thing)."""
        ways = [1 if way is Order.asc else -1 if way is Order.desc else 0 for way in self.directions()]
        if len(ways) == 1 and ways[0] != 0:
            way = ways[0]
            return functools.cmp_to_key(lambda a, b: way * order(a[0][0], b[0][0]))

        def compare(a: Row, b: Row) -> int:
            for i, way in enumerate(ways):
                found = way * order(a[0][i], b[0][i])
                if found:
                    return found
            return 0

        return functools.cmp_to_key(compare)

    def arrange(self, rows: list[Row], ctx: ExecutionContext, step: Step, limit: int | None = None) -> list[Row]:
        """The rows in order; with a limit only the first of them."""
        if self.shuffled:
            ctx.random_numbers(step).shuffle(rows)
            return rows
        plain = [_plain_key(place, [row[0][place] for row in rows]) for place in range(len(self.directions()))]
        if rows and all(plain):
            for key, way in zip(reversed(plain), reversed(self.directions()), strict=True):
                if way is not Order.shuffle:  # which says nothing before another
                    rows = sorted_in_parts(ctx, rows, key, descending=way is Order.desc)  # what ties stays as it was
            return rows[:limit]
        if limit is not None and limit < len(rows) // 4:
            return heapq.nsmallest(limit, rows, key=self.key())
        return sorted_in_parts(ctx, rows, self.key())

    def children(self) -> Iterable[Child]:
        return [by.child for by, _ in self.parts if isinstance(by, ByChild)]

    def __str__(self) -> str:
        return "[" + ", ".join(f"[{by}, {way.value}]" for by, way in self.parts) + "]"


def _plain_key(place: int, values: list[Any]) -> Callable[[Row], Any] | None:
    """Python's own key of rows by one of their values, where those are all whole numbers or all texts."""
    kinds = set(map(type, values))
    if kinds <= {int, Long}:
        return lambda row: row[0][place]
    if kinds != {str}:
        return None
    return (lambda row: row[0][place]) if all(map(str.isascii, values)) else (lambda row: code_units(row[0][place]))


class OrderStep(Step):
    """``order()``; ``limit`` is set where only the first so many are wanted."""

    barrier = True

    def __init__(self) -> None:
        super().__init__()
        self.comparators = Comparators()
        self.limit: int | None = None

    def modulate(self, builder: Builder, name: str, args: Args) -> None:
        if name != "by":
            self.refuse(name)
        self.comparators.modulate(builder, args)

    def run(self, ctx: ExecutionContext, source: Iterator[Traverser], frame: Frame) -> Iterator[Traverser]:
        projections = self.comparators.projections()
        rows: list[Row] = []
        for turn, t in enumerate(source):
            if not turn & 1023:
                ctx.hold(len(rows))
            values = tuple(by.of(ctx, t) for by in projections)
            if not any(v is MISSING for v in values):
                rows.append((values, t))
        for _, t in self.comparators.arrange(rows, ctx, self, self.limit):
            yield t

    def children(self) -> Iterable[Child]:
        return self.comparators.children()

    def arguments(self) -> str:
        return str(self.comparators)


class LocalOrderStep(MapStep):
    """``order(local)`` of a collection or of the entries of a map."""

    def __init__(self) -> None:
        super().__init__()
        self.comparators = Comparators()

    def modulate(self, builder: Builder, name: str, args: Args) -> None:
        if name != "by":
            self.refuse(name)
        self.comparators.modulate(builder, args)

    def map(self, ctx: ExecutionContext, traverser: Traverser) -> Any:
        value = traverser.value
        if isinstance(value, Mapping):
            found = self._arranged(ctx, [MapEntry(k, v) for k, v in value.items()])
            return rebuilt_map([(e.key, e.value) for e in found], value)
        if isinstance(value, (list, tuple, set, frozenset)):
            return GList(self._arranged(ctx, list(value)))
        return value

    def _arranged(self, ctx: ExecutionContext, members: list[Any]) -> list[Any]:
        projections = self.comparators.projections()
        rows: list[Row] = []
        for member in ctx.each(members):
            values = tuple(_named(by.of_value(ctx, member)) for by in projections)
            if not any(v is MISSING for v in values):
                rows.append((values, member))
        return [member for _, member in self.comparators.arrange(rows, ctx, self)]

    def children(self) -> Iterable[Child]:
        return self.comparators.children()

    def arguments(self) -> str:
        return f"local,{self.comparators}"


def _named(value: Any) -> Any:
    """Tokens among the keys of a map stand in the order of their names."""
    return value.value if isinstance(value, T) else value


def _order(builder: Builder, name: str, args: Args) -> Step:
    local, rest = scoped(args)
    if rest:
        raise NoSuchMethod(f"Could not locate method: order({', '.join(map(repr, rest))})")
    return LocalOrderStep() if local else OrderStep()


STEPS: dict[str, StepBuilder] = {"order": _order}
