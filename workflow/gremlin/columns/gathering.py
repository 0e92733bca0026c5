"""Steps that take many traversers together, on morsels: ranges, counts, reductions, orders, groups, aggregates."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cmp_to_key
from typing import Any, Final

import numpy as np

from workflow.graphs.elements import BulkedValue
from workflow.gremlin.columns.forms import Form, HopLike, Make, MorselBy
from workflow.gremlin.columns.morsel import Morsel, concatenated, gathered, morsels_of, started
from workflow.gremlin.columns.values import CodedColumn, Column, ElementColumn, NotColumnar, Places, column_of, plain
from workflow.gremlin.running.by import IDENTITY
from workflow.gremlin.running.context import ExecutionContext
from workflow.gremlin.running.step import MISSING, Frame, ReduceStep, Step
from workflow.gremlin.semantics.comparison import code_units, order
from workflow.gremlin.semantics.values import GList, Long, Order
from workflow.gremlin.steps.choosing.ranges import RangeStep
from workflow.gremlin.steps.gathering.order import OrderStep
from workflow.gremlin.steps.gathering.reduce import CountStep
from workflow.gremlin.steps.gathering.side_effects import AggregateStep, BarrierStep
from workflow.queries.columns.grouping import by_appearance, paired, totals
from workflow.queries.columns.sorting import sorted_in_parts


class RangeForm(Form):
    """``limit``, ``skip`` and ``range``: ends what comes before it when it has enough."""

    stateless = False
    step: RangeStep

    def __init__(self, step: RangeStep) -> None:
        super().__init__(step)
        if step.in_repeat:
            raise NotColumnar

    def stream(self, ctx: ExecutionContext, source: Iterator[Morsel], frame: Frame) -> Iterator[Morsel]:
        high = self.step.high
        passed: int = frame.get(self.step, 0)
        if 0 <= high <= passed:
            return
        for morsel in source:
            if not len(morsel):
                continue
            kept, passed = self._cut(morsel, passed)
            frame[self.step] = passed
            yield kept
            if 0 <= high <= passed:
                return

    def _cut(self, morsel: Morsel, passed: int) -> tuple[Morsel, int]:
        low, high = max(self.step.low, 0), self.step.high
        if morsel.bulk is None:
            begin = max(low - passed, 0)
            end = len(morsel) if high < 0 else min(len(morsel), high - passed)
            return morsel.take(np.arange(begin, max(begin, end))), passed + len(morsel)
        last = passed + np.cumsum(morsel.bulk)
        first = last - morsel.bulk
        kept = (last if high < 0 else np.minimum(last, high)) - np.maximum(first, low)
        where = np.flatnonzero(kept > 0)
        return replace(morsel.take(where), bulk=kept[where]), int(last[-1])

    def within(self, ctx: ExecutionContext, morsel: Morsel, size: int) -> Morsel:
        if morsel.bulk is not None or morsel.origin is None:
            raise NotColumnar
        low, high = max(self.step.low, 0), self.step.high
        rank = np.arange(len(morsel)) - np.searchsorted(morsel.origin, morsel.origin)
        return morsel.take(rank >= low if high < 0 else (rank >= low) & (rank < high))


AT_ONCE: Final = 8192  # traversers that become objects between two looks at the clock


class ReduceForm(Form):
    """All to one value, in a child for each origin."""

    stateless = False
    step: ReduceStep

    def stream(self, ctx: ExecutionContext, source: Iterator[Morsel], frame: Frame) -> Iterator[Morsel]:
        if frame.get(self.step):
            return
        frame[self.step] = True
        value = self.reduced(ctx, source)
        if value is not MISSING:
            yield started(ctx, column_of([value], ctx.graph))

    def reduced(self, ctx: ExecutionContext, source: Iterator[Morsel]) -> Any:
        """The value of all morsels; MISSING where nothing is sent on."""
        return self.step.reduce(ctx, (t for morsel in source for t in morsel.traversers(ctx)))

    def within(self, ctx: ExecutionContext, morsel: Morsel, size: int) -> Morsel:
        assert morsel.origin is not None
        stops = np.searchsorted(morsel.origin, np.arange(size + 1)).tolist()
        found = []
        origins = []
        first = 0
        while first < size:
            ctx.check()
            begin = stops[first]
            last = max(first + 1, min(first + AT_ONCE, bisect_right(stops, begin + AT_ONCE) - 1))
            part = morsel.take(np.arange(begin, stops[last]))
            values, bulks = part.column.tolist(), part.bulks().tolist()
            for origin in range(first, last):
                own = slice(stops[origin] - begin, stops[origin + 1] - begin)
                value = self.step.reduce(ctx, self.members(values[own], bulks[own]))  # type: ignore[arg-type]
                if value is not MISSING:
                    found.append(value)
                    origins.append(origin)
            first = last
        return started(ctx, column_of(found, ctx.graph), np.array(origins, dtype=np.int64))

    def members(self, values: list[Any], bulks: list[int]) -> Iterator[BulkedValue]:
        """What the step reduces of one origin."""
        return map(BulkedValue, values, bulks)


class CountForm(ReduceForm):
    """``count``."""

    step: CountStep

    def reduced(self, ctx: ExecutionContext, source: Iterator[Morsel]) -> Any:
        total = 0
        for morsel in source:
            ctx.check()
            total += len(morsel) if morsel.bulk is None else int(morsel.bulk.sum())
        return Long(total)

    def within(self, ctx: ExecutionContext, morsel: Morsel, size: int) -> Morsel:
        assert morsel.origin is not None
        return _counts(ctx, totals(morsel.origin, size, morsel.bulk))


def _counts(ctx: ExecutionContext, counts: Places) -> Morsel:
    distinct, codes = np.unique(counts, return_inverse=True)
    table = np.fromiter(map(Long, distinct.tolist()), dtype=object, count=len(distinct))
    return started(ctx, CodedColumn(codes, table), np.arange(len(counts)))


class DegreeCountForm(Form):
    """``count`` of what a hop leads to, in a child."""

    stateless = False

    def __init__(self, hop: HopLike, count: Step) -> None:
        super().__init__(count)
        self.hop = hop

    def __str__(self) -> str:
        return f"{self.hop.step}, {self.step}"

    def within(self, ctx: ExecutionContext, morsel: Morsel, size: int) -> Morsel:
        assert morsel.origin is not None
        degrees = self.hop.degrees(ctx, morsel)
        return _counts(ctx, totals(morsel.origin, size, degrees * morsel.bulks()))

    def stream(self, ctx: ExecutionContext, source: Iterator[Morsel], frame: Frame) -> Iterator[Morsel]:
        if frame.get(self.step):
            return
        frame[self.step] = True
        total = 0
        for morsel in source:
            ctx.check()
            try:
                total += sum((self.hop.degrees(ctx, morsel) * morsel.bulks()).tolist())
            except NotColumnar:
                total += sum(t.bulk for t in self.hop.step.run(ctx, morsel.traversers(ctx), {}))
        yield started(ctx, plain([Long(total)]))


class BarrierForm(Form):
    """``barrier``: all first; equal traversers without a path or a sack become one."""

    stateless = False
    step: BarrierStep

    def stream(self, ctx: ExecutionContext, source: Iterator[Morsel], frame: Frame) -> Iterator[Morsel]:
        held: list[Morsel] = []
        count = 0
        for morsel in source:
            if not len(morsel):
                continue
            if held and held[0].loops != morsel.loops:
                yield merged(ctx, concatenated(held))
                held, count = [], 0
            held.append(morsel)
            count += len(morsel)
            ctx.hold(count)
            if self.step.size is not None and count >= self.step.size:
                one = merged(ctx, concatenated(held))
                held, count = [one], len(one)
                if count >= self.step.size:
                    yield one
                    held, count = [], 0
        if held:
            yield merged(ctx, concatenated(held))

    def within(self, ctx: ExecutionContext, morsel: Morsel, size: int) -> Morsel:
        return morsel if ctx.sack_merge is None else merged(ctx, morsel)


def _sacks_merged(merge: Callable[[Any, Any], Any], morsel: Morsel) -> Morsel:
    """Equal traversers, which have no paths, as one whose sack is that of all, merged in their order."""
    codes = morsel.column.keys()
    if morsel.origin is not None:
        codes = paired(codes, morsel.origin)
    groups, places = by_appearance(codes)
    if len(places) == len(morsel) or morsel.sack is None:
        return morsel
    sacks: list[Any] = [MISSING] * len(places)
    for group, sack in zip(groups.tolist(), morsel.sack.tolist(), strict=True):
        held = sacks[group]
        sacks[group] = sack if held is MISSING else merge(held, sack)
    one = replace(morsel.take(places), bulk=totals(groups, len(places), morsel.bulk))
    return replace(one, sack=np.fromiter(sacks, object, len(sacks)))


def merged(ctx: ExecutionContext, morsel: Morsel) -> Morsel:
    """Equal traversers as one, where the first of them stands; the same where they have paths or sacks of their own."""
    if ctx.sack_merge is not None and morsel.sack is not None:
        return _sacks_merged(ctx.sack_merge, morsel)
    if ctx.full_path or morsel.sack is not None or not isinstance(morsel.column, ElementColumn):
        return morsel
    if morsel.history is not None and morsel.at is None:
        return morsel
    codes = morsel.column.rows
    if morsel.at is not None:
        codes = paired(codes, morsel.at)
    if morsel.origin is not None:
        codes = paired(codes, morsel.origin)
    groups, places = by_appearance(codes)
    if len(places) == len(morsel):
        return morsel
    return replace(morsel.take(places), bulk=totals(groups, len(places), morsel.bulk))


class OrderForm(Form):
    """``order`` by projections."""

    stateless = False
    step: OrderStep

    def __init__(self, step: OrderStep, make: Make) -> None:
        super().__init__(step)
        comparators = step.comparators
        self.ways = comparators.directions()
        if Order.shuffle in self.ways:
            raise NotColumnar
        self.bys = [MorselBy(by, make) for by in comparators.projections()]

    def stream(self, ctx: ExecutionContext, source: Iterator[Morsel], frame: Frame) -> Iterator[Morsel]:
        held = gathered(ctx, source)
        if not held:
            return
        if len({morsel.loops for morsel in held}) == 1:
            try:
                yield self._arranged(ctx, concatenated(held), self.step.limit)
                return
            except NotColumnar:
                pass
        yield from morsels_of(ctx, self.step.run(ctx, (t for b in held for t in b.traversers(ctx)), frame))

    def within(self, ctx: ExecutionContext, morsel: Morsel, size: int) -> Morsel:
        return self._arranged(ctx, morsel, None)

    def _arranged(self, ctx: ExecutionContext, morsel: Morsel, limit: int | None) -> Morsel:
        found = [by.of(ctx, morsel) for by in self.bys]
        keep: Places | None = None
        for _, mask in found:
            if mask is not None:
                keep = mask if keep is None else keep & mask
        columns = [column for column, _ in found]
        if keep is not None:
            where = np.flatnonzero(keep)
            morsel, columns = morsel.take(where), [column.take(where) for column in columns]
        keys = [ranks(ctx, column) for column in columns]
        signed = [key if way is Order.asc else -key for key, way in zip(keys, self.ways, strict=True)]
        if morsel.origin is not None:
            signed.insert(0, morsel.origin)
        places = np.lexsort(signed[::-1])
        return morsel.take(places[:limit])


def ranks(ctx: ExecutionContext, column: Column) -> Places:
    """Integers in the order of the values; those that tie share one."""
    codes = column.keys()
    _, places, inverse = np.unique(codes, return_index=True, return_inverse=True)
    values = column.take(places).tolist()
    rank = np.zeros(len(values), dtype=np.int64)
    kinds = set(map(type, values))
    if kinds <= {int, Long} or kinds == {str}:  # different keys are never a tie
        by = None if kinds != {str} or all(map(str.isascii, values)) else code_units
        keys = values if by is None else list(map(by, values))
        rank[sorted_in_parts(ctx, range(len(values)), keys.__getitem__)] = np.arange(len(values))
        return np.asarray(rank[inverse])
    number = -1
    before: Any = None
    arranged = sorted_in_parts(ctx, range(len(values)), lambda place: cmp_to_key(order)(values[place]))
    for at, place in enumerate(ctx.each(arranged)):
        value = values[place]
        if at == 0 or order(before, value) != 0:
            number += 1
        rank[place] = number
        before = value
    return np.asarray(rank[inverse])


class FoldForm(ReduceForm):
    """``fold``."""

    def reduced(self, ctx: ExecutionContext, source: Iterator[Morsel]) -> Any:
        out: GList = GList()
        for morsel in source:
            if morsel.bulk is not None:
                ctx.hold(len(out) + int(morsel.bulk.sum()))
                morsel = morsel.take(np.repeat(np.arange(len(morsel)), morsel.bulk))
            out.extend(morsel.column.tolist())
            ctx.hold(len(out))
        return out


class AggregateForm(Form):
    """``aggregate``: all first, then on."""

    stateless = False
    step: AggregateStep

    def __init__(self, step: AggregateStep, make: Make) -> None:
        super().__init__(step)
        if step.lazy:
            raise NotColumnar
        self.by = MorselBy(step.by or IDENTITY, make)

    def stream(self, ctx: ExecutionContext, source: Iterator[Morsel], frame: Frame) -> Iterator[Morsel]:
        held = gathered(ctx, source)
        for morsel in held:
            ctx.check()
            try:
                column, present = self.by.of(ctx, morsel)
            except NotColumnar:
                self.step.collect(ctx, list(morsel.traversers(ctx)))
                continue
            bulk = morsel.bulks() if morsel.bulk is not None else np.ones(len(morsel), dtype=np.int64)
            if present is not None:
                where = np.flatnonzero(present)
                column, bulk = column.take(where), bulk[where]
            if morsel.bulk is not None:
                ctx.hold(int(bulk.sum()))
                column = column.take(np.repeat(np.arange(len(column)), bulk))
            self.step.collect_values(ctx, GList(column.tolist()))
        yield from held


class CodedReduceForm(ReduceForm):
    """``min``, ``max``, ``sum`` and ``mean``: of few distinct whole numbers each once, with its count."""

    def reduced(self, ctx: ExecutionContext, source: Iterator[Morsel]) -> Any:
        counts: dict[Any, int] | None = {}
        held: list[Morsel] = []
        for morsel in source:
            ctx.check()
            held.append(morsel)
        for morsel in held:
            column = morsel.column
            if not isinstance(column, CodedColumn) or counts is None:
                counts = None
                break
            used, inverse = np.unique(column.codes, return_inverse=True)
            values = column.table[used].tolist()
            if not set(map(type, values)) <= {int}:
                counts = None
                break
            for value, count in zip(values, totals(inverse, len(used), morsel.bulk).tolist(), strict=True):
                counts[value] = counts.get(value, 0) + count
        if counts is not None and sum(abs(value) * count for value, count in counts.items()) < 1 << 31:
            return self.step.reduce(ctx, (BulkedValue(v, n) for v, n in counts.items()))  # type: ignore[misc]
        return super().reduced(ctx, iter(held))

    def members(self, values: list[Any], bulks: list[int]) -> Iterator[BulkedValue]:
        if set(map(type, values)) <= {int} and sum(abs(v) * n for v, n in zip(values, bulks, strict=True)) < 1 << 31:
            counts: dict[int, int] = {}
            for value, bulk in zip(values, bulks, strict=True):
                counts[value] = counts.get(value, 0) + bulk
            return (BulkedValue(value, count) for value, count in counts.items())
        return super().members(values, bulks)
