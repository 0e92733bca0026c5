"""``match`` on morsels: patterns joined one after the other, the most selective first, negative ones last."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from workflow.gremlin.columns.forms import Form, Make, MorselChild, TooMany
from workflow.gremlin.columns.morsel import Morsel, morsels_of
from workflow.gremlin.columns.moving import same_keys
from workflow.gremlin.columns.names import named_column
from workflow.gremlin.columns.shaping import as_maps, spread
from workflow.gremlin.columns.values import Column, NotColumnar
from workflow.gremlin.running.context import ExecutionContext
from workflow.gremlin.running.step import Frame
from workflow.gremlin.steps.choosing.filters import NotStep, TraversalFilterStep
from workflow.gremlin.steps.choosing.match import MatchPattern, MatchStep

SAMPLE = 32
"""So many traversers tell how many results a pattern has."""
MOST_JOINED = 16_384
"""More traversers go on in parts, so that only a few are held at a time."""


@dataclass(eq=False)
class Join:
    """A pattern with its child on morsels."""

    pattern: MatchPattern
    child: MorselChild

    @property
    def negative(self) -> bool:
        """Whether it says what must not be."""
        steps = self.child.child.steps
        inner = steps[0] if len(steps) == 1 else None
        if type(inner) is NotStep:
            return True
        return isinstance(inner, TraversalFilterStep) and any(type(step) is NotStep for step in inner.child.steps)


class MatchForm(Form):
    """``match`` of patterns that are children or tests of them; ``and`` and ``or`` of patterns have no form."""

    stateless = False
    step: MatchStep

    def __init__(self, step: MatchStep, make: Make) -> None:
        super().__init__(step)
        self.joins: list[Join] = []
        for pattern in step.patterns:
            if pattern.child is None or (pattern.is_test and pattern.end is not None):
                raise NotColumnar
            if pattern.start is None and not pattern.is_test:
                raise NotColumnar
            self.joins.append(Join(pattern, make(pattern.child)))

    def stream(self, ctx: ExecutionContext, source: Iterator[Morsel], frame: Frame) -> Iterator[Morsel]:
        for morsel in source:
            if not len(morsel):
                continue
            done = 0
            parts = max(1, -(-len(morsel) // MOST_JOINED))
            for part in np.array_split(np.arange(len(morsel)), parts):
                one = morsel.take(part)
                try:
                    for found in self._solved(ctx, self._begun(one), tuple(self.joins)):
                        done += 1
                        yield found
                except NotColumnar:
                    if done:
                        raise
                    yield from morsels_of(ctx, self.step.run(ctx, one.traversers(ctx), frame))

    def within(self, ctx: ExecutionContext, morsel: Morsel, size: int) -> Morsel:
        raise NotColumnar

    def _begun(self, morsel: Morsel) -> Morsel:
        if any(stop.nodes is not None for stop, _ in morsel.stops()):
            raise NotColumnar
        start = self.step.start
        return morsel if start is None or start in _known(morsel) else morsel.named(frozenset({start}))

    def _solved(self, ctx: ExecutionContext, morsel: Morsel, joins: tuple[Join, ...]) -> Iterator[Morsel]:
        """The morsel with all patterns joined, in parts."""
        ctx.check()
        if not len(morsel):
            return
        if not joins:
            yield self._bindings(ctx, morsel)
            return
        chosen = self._next(ctx, morsel, joins)
        rest = tuple(join for join in joins if join is not chosen)
        found = self._joined(ctx, morsel, chosen)
        for part in np.array_split(np.arange(len(found)), max(1, -(-len(found) // MOST_JOINED))):
            yield from self._solved(ctx, found.take(part), rest)

    def _next(self, ctx: ExecutionContext, morsel: Morsel, joins: tuple[Join, ...]) -> Join:
        known = _known(morsel)
        ready = [join for join in joins if join.pattern.needs <= known]
        if not ready:
            raise NotColumnar  # the ordinary step says so
        if len(ready) == 1:
            return ready[0]
        tried = {join: self._cost(ctx, morsel, join, known) for join in ready}
        return min(ready, key=tried.__getitem__)

    def _cost(self, ctx: ExecutionContext, morsel: Morsel, join: Join, known: set[str]) -> tuple[int, float]:
        """Tests and ends that are known first, then what leads to the fewest; what must not be comes last."""
        pattern = join.pattern
        if join.negative:
            return (3, 0.0)
        if pattern.is_test or pattern.end in known:
            return (0, 0.0)
        sample = morsel.take(np.linspace(0, len(morsel) - 1, min(len(morsel), SAMPLE)).astype(np.int64))
        try:
            results = len(self._joined(ctx, sample, join))
        except TooMany:
            return (2, float("inf"))
        return (1 if results <= len(sample) else 2, results / len(sample))

    def _joined(self, ctx: ExecutionContext, morsel: Morsel, join: Join) -> Morsel:
        pattern = join.pattern
        if pattern.is_test:
            return morsel.take(join.child.test(ctx, morsel))
        assert pattern.start is not None
        column, missing = named_column(ctx, morsel, pattern.start, maps=False)
        if missing is not None:
            raise NotColumnar
        begin = morsel.split(ctx, column)
        reached = join.child.results(ctx, begin)  # for one of those that a traverser stands for: they are alike
        if not _known(reached) >= _known(begin):  # what is reduced has no path: go on from where the pattern began
            reached = replace(spread(ctx, begin, reached), origin=None)
        elif begin.bulk is None or reached.origin is None:
            reached = replace(reached, origin=None)
        else:
            reached = replace(reached, origin=None, bulk=reached.bulks() * begin.bulk[reached.origin])
        if pattern.end is None:
            return reached
        if pattern.end not in _known(reached):
            return reached.named(frozenset({pattern.end}))
        held, missing = named_column(ctx, reached, pattern.end, maps=False)
        same = None if missing is not None else same_keys(held, reached.column)
        return reached.take(np.zeros(len(reached), dtype=bool) if same is None else same)

    def _bindings(self, ctx: ExecutionContext, morsel: Morsel) -> Morsel:
        known = _known(morsel)
        names = [name for name in self.step.names if name in known]
        columns: list[Column] = [named_column(ctx, morsel, name, maps=False)[0] for name in names]
        return as_maps(ctx, morsel, names, columns, None)


def _known(morsel: Morsel) -> set[str]:
    return {label for stop, _ in morsel.stops() for label in stop.labels}
