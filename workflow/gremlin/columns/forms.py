"""The protocol of steps on morsels, what runs them one after the other, and children run for many starts at once.

A form stands for one step. At the top of a query it maps a stream of morsels; inside a child it gets everything at
once, with the origin of each traverser, and what the step remembers counts for each origin by itself. A form raises
``NotColumnar`` (or the step's own error) for what only the ordinary step can do or refuse: then that step runs on
these traversers as objects, so that an error comes after what went before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from workflow.errors import QueryFailed
from workflow.gremlin.columns.morsel import (
    Morsel,
    concatenated,
    morsel_of,
    morsels_of,
    started,
)
from workflow.gremlin.columns.values import (
    Column,
    ElementColumn,
    NotColumnar,
    Places,
    PropertiesColumn,
    column_of,
    plain,
    property_of,
)
from workflow.gremlin.running.by import ByChild, ByIdentity, ByKey, ByToken
from workflow.gremlin.running.context import ExecutionContext
from workflow.gremlin.running.step import MISSING, By, Child, FilterStep, FlatMapStep, Frame, MapStep, Step
from workflow.gremlin.running.traverser import Traverser
from workflow.gremlin.semantics.values import T

MOST_AT_ONCE = 1 << 18
"""So many traversers a child may have at once, where they are of several starts; of more starts half run at a time."""
MOST_OF_ONE = 1 << 20
"""So many a child may have of one start."""


class TooMany(NotColumnar):
    """A child would have too many traversers at once."""


def check_size(count: int, starts: int) -> None:
    """Raise TooMany where a child of some starts would have so many traversers."""
    if count > (MOST_AT_ONCE if starts > 1 else MOST_OF_ONE):
        raise TooMany


class Form:
    """One step on morsels."""

    stateless = True

    def __init__(self, step: Step) -> None:
        self.step = step

    def apply(self, ctx: ExecutionContext, morsel: Morsel) -> Morsel:
        """What the step makes of a morsel, in order. Raises NotColumnar."""
        raise NotColumnar

    def within(self, ctx: ExecutionContext, morsel: Morsel, size: int) -> Morsel:
        """The same in a child of ``size`` origins, where the morsel is all there is. Raises NotColumnar."""
        return self.apply(ctx, morsel)

    def stream(self, ctx: ExecutionContext, source: Iterator[Morsel], frame: Frame) -> Iterator[Morsel]:
        """What the step makes of all morsels of a chain."""
        for morsel in source:
            ctx.check()
            if len(morsel):
                yield from self.carefully(ctx, morsel, {})

    def carefully(self, ctx: ExecutionContext, morsel: Morsel, frame: Frame) -> Iterator[Morsel]:
        """``apply``, or the ordinary step where that cannot be."""
        try:
            found = self.apply(ctx, morsel)
        except (NotColumnar, QueryFailed):
            yield from morsels_of(ctx, self.step.run(ctx, morsel.traversers(ctx), frame))
        else:
            yield found

    def __str__(self) -> str:
        return str(self.step)


class SlowForm(Form):
    """A step that has no form of its own: it runs on traversers."""

    def __init__(self, step: Step) -> None:
        super().__init__(step)
        run = type(step).run
        self.stateless = run in (MapStep.run, FilterStep.run, FlatMapStep.run)

    def stream(self, ctx: ExecutionContext, source: Iterator[Morsel], frame: Frame) -> Iterator[Morsel]:
        return morsels_of(ctx, self.step.run(ctx, (t for morsel in source for t in morsel.traversers(ctx)), frame))

    def apply(self, ctx: ExecutionContext, morsel: Morsel) -> Morsel:
        step = self.step
        if not self.stateless:
            raise NotColumnar
        traversers = morsel.traversers(ctx)
        if isinstance(step, FilterStep):
            return morsel.take(np.fromiter((step.accept(ctx, t) for t in traversers), bool, len(morsel)))
        values: list[Any] = []
        places: list[int] = []
        for place, t in enumerate(traversers):
            if not place & 127:
                ctx.check()
            if isinstance(step, MapStep):
                value = step.map(ctx, t)
                if value is not MISSING:
                    values.append(value)
                    places.append(place)
            elif isinstance(step, FlatMapStep):
                values.extend(step.flat_map(ctx, t))
                places.extend([place] * (len(values) - len(places)))
        return morsel.split(ctx, column_of(values, ctx.graph), np.array(places, dtype=np.int64))

    def within(self, ctx: ExecutionContext, morsel: Morsel, size: int) -> Morsel:
        if self.stateless:
            return self.apply(ctx, morsel)
        found: list[Traverser] = []
        origins: list[int] = []
        groups: list[list[Traverser]] = [[] for _ in range(size)]
        for t, origin in zip(morsel.traversers(ctx), _origins(morsel), strict=True):
            groups[origin].append(t)
        for origin, group in enumerate(groups):
            ctx.check()
            found.extend(self.step.run(ctx, iter(group), {}))
            origins.extend([origin] * (len(found) - len(origins)))
        if len({t.loops for t in found}) > 1:
            raise NotColumnar
        return morsel_of(ctx, found, np.array(origins, dtype=np.int64))


def _origins(morsel: Morsel) -> list[int]:
    found: list[int] = [] if morsel.origin is None else morsel.origin.tolist()
    return found


Watch = Callable[[str, Iterator[Morsel]], Iterator[Morsel]]
"""Counts and times what a form of some name sends on."""


def streamed(
    forms: Iterable[Form], ctx: ExecutionContext, source: Iterator[Morsel], frame: Frame, watch: Watch | None = None
) -> Iterator[Morsel]:
    """Join forms to one stream of morsels."""
    for form in forms:
        source = form.stream(ctx, source, frame)
        if watch is not None:
            source = watch(str(form), source)
        if form.step.tracked:
            source = _named(source, form.step.tracked)
    return source


def _named(source: Iterator[Morsel], labels: frozenset[str]) -> Iterator[Morsel]:
    for morsel in source:
        yield morsel.named(labels)


def all_within(forms: Iterable[Form], ctx: ExecutionContext, morsel: Morsel, size: int) -> Morsel:
    """Run forms one after the other on all traversers of a child."""
    for form in forms:
        ctx.check()
        morsel = form.within(ctx, morsel, size)
        if form.step.tracked:
            morsel = morsel.named(form.step.tracked)
    return morsel


class HopLike(Form):
    """A step along edges, of which it can be asked how far it leads without going."""

    def degrees(self, ctx: ExecutionContext, morsel: Morsel) -> Places:
        """How many results each traverser has, int64 of shape (n,). Raises NotColumnar."""
        raise NotColumnar


class MorselChild:
    """A child traversal run for all traversers of a morsel at once."""

    def __init__(self, child: Child, forms: Sequence[Form]) -> None:
        self.child = child
        self.forms = tuple(forms)
        self.stateless = all(form.stateless for form in self.forms)
        last = self.forms[-1] if self.forms else None
        self._hop = last if isinstance(last, HopLike) and not last.step.tracked else None

    def results(self, ctx: ExecutionContext, morsel: Morsel) -> Morsel:
        """The results for every traverser, by origin: its place in the morsel. Each counts once, whatever its bulk."""
        return self._run(ctx, self.forms, _begun(morsel), len(morsel))

    def flowing(self, ctx: ExecutionContext, morsel: Morsel) -> Morsel:
        """The same of a child that traversers flow through: they keep their bulk."""
        return self._run(ctx, self.forms, replace(morsel, origin=np.arange(len(morsel))), len(morsel))

    def of_groups(self, ctx: ExecutionContext, morsel: Morsel, size: int) -> Morsel:
        """The results for groups of traversers: the morsel says in ``origin`` to which of ``size`` each belongs."""
        return self._run(ctx, self.forms, morsel, size)

    def _run(self, ctx: ExecutionContext, forms: tuple[Form, ...], morsel: Morsel, size: int) -> Morsel:
        try:
            return all_within(forms, ctx, morsel, size)
        except TooMany:
            if size < 2:
                raise
        half = size // 2
        places, cut = np.arange(len(morsel)), int(np.searchsorted(_origin(morsel), half))
        lower = self._run(ctx, forms, morsel.take(places[:cut]), half)
        upper = morsel.take(places[cut:])
        upper = self._run(ctx, forms, replace(upper, origin=_origin(upper) - half), size - half)
        shifted = replace(upper, origin=None if upper.origin is None else upper.origin + half)
        return concatenated([lower, shifted])

    def test(self, ctx: ExecutionContext, morsel: Morsel) -> Places:
        """Which traversers have a result: bool of shape (n,)."""
        try:
            return self._test(ctx, morsel)
        except NotColumnar:
            child = self.child
            return np.fromiter((child.test(ctx, t) for t in morsel.traversers(ctx)), bool, len(morsel))

    def _test(self, ctx: ExecutionContext, morsel: Morsel) -> Places:
        holds = np.zeros(len(morsel), dtype=bool)
        if not self.forms:
            return ~holds
        if self._hop is None:
            found = self.results(ctx, morsel)
        else:
            found = self._run(ctx, self.forms[:-1], _begun(morsel), len(morsel))
            found = found.take(self._hop.degrees(ctx, found) > 0)
        if found.origin is not None:
            holds[found.origin] = True
        return holds

    def first(self, ctx: ExecutionContext, morsel: Morsel) -> tuple[Column, Places]:
        """The first results, and the places of the traversers that have one, ascending."""
        try:
            found = self.results(ctx, morsel)
        except NotColumnar:
            values = [self.child.first(ctx, t) for t in morsel.traversers(ctx)]
            held = [place for place, value in enumerate(values) if value is not MISSING]
            return column_of([values[place] for place in held], ctx.graph), np.array(held, dtype=np.int64)
        origins, places = np.unique(_origin(found), return_index=True)
        return found.column.take(places), origins


def _origin(morsel: Morsel) -> Places:
    return np.zeros(0, dtype=np.int64) if morsel.origin is None else morsel.origin


def _begun(morsel: Morsel) -> Morsel:
    return replace(morsel, bulk=None, origin=np.arange(len(morsel)))


Make = Callable[[Child], MorselChild]
"""Gives the form of a child. Raises NotColumnar where it has none."""

Projected = tuple[Column, Places | None]
"""A value for each of n traversers, and a mask of those that have one; None where all do."""


class MorselBy:
    """A ``by()`` on columns."""

    def __init__(self, by: By, make: Make) -> None:
        self.by = by
        self.child = make(by.child) if isinstance(by, ByChild) else None

    def of(self, ctx: ExecutionContext, morsel: Morsel) -> Projected:
        """The projected value of each traverser. Raises NotColumnar."""
        return self._of(ctx, morsel.column) if self.child is None else self._by_child(ctx, morsel)

    def of_values(self, ctx: ExecutionContext, column: Column) -> Projected:
        """The same of bare values."""
        return self._of(ctx, column) if self.child is None else self._by_child(ctx, started(ctx, column))

    def _by_child(self, ctx: ExecutionContext, morsel: Morsel) -> Projected:
        assert self.child is not None
        found, places = self.child.first(ctx, morsel)
        if len(places) == len(morsel):
            return found, None
        present = np.zeros(len(morsel), dtype=bool)
        present[places] = True
        if not len(places):
            return plain([None] * len(morsel)), present
        back = np.zeros(len(morsel), dtype=np.int64)
        back[places] = np.arange(len(places))
        return found.take(back), present

    def _of(self, ctx: ExecutionContext, column: Column) -> Projected:
        by = self.by
        if isinstance(by, ByIdentity):
            return column, None
        if isinstance(by, ByKey) and isinstance(column, ElementColumn):
            return property_of(column, by.key)
        if isinstance(by, ByToken) and isinstance(column, PropertiesColumn) and by.token in (T.key, T.value_):
            return column.keys_of if by.token is T.key else column.values, None
        values = [by.of_value(ctx, value) for value in column.tolist()]
        if not any(value is MISSING for value in values):
            return column_of(values, ctx.graph), None
        return plain(values), np.fromiter((value is not MISSING for value in values), bool, len(values))


def merged_masks(first: Places | None, second: Places | None) -> Places | None:
    """Where both hold; None stands for everywhere."""
    if first is None or second is None:
        return second if first is None else first
    return np.asarray(first & second)
