"""``repeat`` on morsels, level by level; what leaves the loop is handed on before the rest of its level is walked."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import replace

import numpy as np

from workflow.errors import QueryFailed
from workflow.gremlin.columns.forms import Form, Make, MorselChild, TooMany, all_within, streamed
from workflow.gremlin.columns.gathering import merged
from workflow.gremlin.columns.morsel import Morsel, concatenated, gathered, regrouped
from workflow.gremlin.columns.values import NotColumnar, Places
from workflow.gremlin.running.context import ExecutionContext
from workflow.gremlin.running.step import Frame
from workflow.gremlin.running.traverser import RepeatLoop
from workflow.gremlin.steps.branching.repeat import RepeatStep, TimesStep
from workflow.queries.columns.expansion import larger

MOST_STARTS = 256
MOST_TOGETHER = 1 << 18
"""So many traversers may go round, in all rounds of several starts together, each round counted as some."""
ROUND = 1 << 10


class Condition:
    """``until`` or ``emit``."""

    def __init__(self, child: MorselChild) -> None:
        first = child.child.steps[0] if len(child.child.steps) == 1 else None
        self.times = first.turns if isinstance(first, TimesStep) else None
        self.child = child

    def holds(self, ctx: ExecutionContext, morsel: Morsel) -> Places:
        """For which traversers: bool of shape (n,)."""
        if self.times is not None:
            return np.full(len(morsel), morsel.loops is not None and morsel.loops.turns >= self.times, dtype=bool)
        return self.child.test(ctx, morsel)


class RepeatForm(Form):
    """``repeat``. The traversers of one start go all their rounds before those of the next, as one queue would do it.

    Where the body gathers (``dedup``, ``order``), all starts go round together.
    """

    step: RepeatStep

    def __init__(self, step: RepeatStep, make: Make) -> None:
        super().__init__(step)
        if step.body is None:
            raise NotColumnar
        self.body = make(step.body)
        self.gathers = step.body.has_barrier
        self.stateless = not self.gathers
        if not self.gathers and not self.body.stateless:
            raise NotColumnar
        self.until = None if step.until is None else Condition(make(step.until))
        self.emit = None if step.emit is None else Condition(make(step.emit))

    def stream(self, ctx: ExecutionContext, source: Iterator[Morsel], frame: Frame) -> Iterator[Morsel]:
        body_frame: Frame = frame.setdefault(self.step, {})
        if self.gathers:
            held = gathered(ctx, source)
            yield from self._loop(ctx, held, body_frame)
            return
        size = 1
        for morsel in source:
            begin = 0
            while begin < len(morsel):
                part = morsel.take(np.arange(begin, min(begin + size, len(morsel))))
                begin, size = begin + size, min(4 * size, MOST_STARTS)
                try:
                    found = None if len(part) == 1 else self._together(ctx, part)
                except (NotColumnar, QueryFailed):
                    found = None
                if found is not None:
                    yield found
                    continue
                for place in range(len(part)):
                    yield from self._loop(ctx, [part.take(np.array([place]))], {})

    def apply(self, ctx: ExecutionContext, morsel: Morsel) -> Morsel:
        if self.gathers:
            raise NotColumnar
        return self._together(ctx, morsel)

    def _together(self, ctx: ExecutionContext, starts: Morsel) -> Morsel:
        """All that leaves the loop, of several starts that go round at the same time, in the order of the starts.

        Raises:
            NotColumnar: they do not come to an end soon; the first of them may fill a limit that waits behind.
        """
        if not len(starts):
            return starts
        going = replace(starts, origin=np.arange(len(starts)))
        left = list(self._loop(ctx, [going], {}, MOST_TOGETHER))
        if not left:
            return starts.take(np.zeros(0, dtype=np.int64))
        found = regrouped(ctx, left)
        return replace(found, origin=None if starts.origin is None else starts.origin[found.origin])

    def _loop(
        self, ctx: ExecutionContext, starts: list[Morsel], body_frame: Frame, most: int | None = None
    ) -> Iterator[Morsel]:
        name = self.step.loop_name
        waiting: list[Morsel] = []
        for morsel in starts:
            entered = replace(morsel, loops=RepeatLoop(name, 0, morsel.loops))
            yield from self._before(ctx, entered, waiting)
        again = self.step.until_first or self.step.emit_first
        while waiting:
            level = self._level(ctx, waiting)
            if most is not None and (most := most - ROUND - sum(map(len, level))) < 0:
                raise TooMany
            back: list[Morsel] = []
            held = 0
            if most is None:
                rounds = streamed(self.body.forms, ctx, iter(level), body_frame)
            else:  # of several starts, which a stream would forget
                rounds = (all_within(self.body.forms, ctx, one, len(starts[0])) for one in level)
            for reached in rounds:
                if not len(reached):
                    continue
                loop = reached.loops
                turned = RepeatLoop(name, 1, None) if loop is None else RepeatLoop(name, loop.turns + 1, loop.outer)
                kept = yield from self._behind(ctx, replace(reached, loops=turned))
                if len(kept):
                    held += len(kept)
                    ctx.hold(held)
                    back.append(kept)
            if again:
                waiting = []
                for morsel in back:
                    yield from self._before(ctx, morsel, waiting)
            else:
                waiting = back

    def _level(self, ctx: ExecutionContext, waiting: list[Morsel]) -> list[Morsel]:
        """What goes round next: joined, equal traversers merged, and cut into parts that begin small."""
        if len({(morsel.loops, morsel.history is None) for morsel in waiting}) > 1:
            return waiting
        whole = merged(ctx, concatenated(waiting))
        if len(whole) <= 1:
            return [whole]
        parts: list[Morsel] = []
        begin, size = 0, 16
        while begin < len(whole):
            parts.append(whole.take(np.arange(begin, min(begin + size, len(whole)))))
            begin, size = begin + size, larger(size)
        return parts

    def _before(self, ctx: ExecutionContext, morsel: Morsel, waiting: list[Morsel]) -> Iterator[Morsel]:
        """``until`` and ``emit`` in front of the loop."""
        until = self.until if self.step.until_first else None
        emit = self.emit if self.step.emit_first else None
        leaving = np.zeros(len(morsel), dtype=bool) if until is None else until.holds(ctx, morsel)
        out = leaving
        if emit is not None:
            out = leaving.copy()
            staying = np.flatnonzero(~leaving)
            out[staying] = emit.holds(ctx, morsel.take(staying))
        rest = morsel.take(~leaving)
        if len(rest):
            waiting.append(rest)
        if out.any():
            yield _left(morsel.take(out))

    def _behind(self, ctx: ExecutionContext, morsel: Morsel) -> Generator[Morsel, None, Morsel]:
        """``until`` and ``emit`` behind the loop; returns what goes round again."""
        until = None if self.step.until_first else self.until
        emit = None if self.step.emit_first else self.emit
        leaving = np.zeros(len(morsel), dtype=bool) if until is None else until.holds(ctx, morsel)
        out = leaving
        if emit is not None:
            out = leaving.copy()
            staying = np.flatnonzero(~leaving)
            out[staying] |= emit.holds(ctx, morsel.take(staying))
        if out.any():
            yield _left(morsel.take(out))
        return morsel.take(~leaving)


def _left(morsel: Morsel) -> Morsel:
    return replace(morsel, loops=None if morsel.loops is None else morsel.loops.outer)
