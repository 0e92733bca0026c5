"""Steps that go several ways, on morsels: every way is run once for all that take it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from workflow.gremlin.columns.forms import Form, Make, MorselBy, MorselChild, streamed
from workflow.gremlin.columns.morsel import Morsel, gathered, regrouped
from workflow.gremlin.columns.shaping import spread
from workflow.gremlin.columns.values import NotColumnar, Places
from workflow.gremlin.running.context import ExecutionContext
from workflow.gremlin.running.step import MISSING, Child, Frame
from workflow.gremlin.steps.branching.branch import (
    BranchStep,
    CoalesceStep,
    IfStep,
    LocalStep,
    OptionalStep,
    UnionStep,
)


def _outer(morsel: Morsel, found: Morsel) -> Morsel:
    """Results whose origins are places in a morsel, with the origins that the morsel itself has."""
    return replace(found, origin=None if morsel.origin is None else morsel.origin[found.origin])


def _from_places(morsel: Morsel, places: Places) -> Morsel:
    """Some traversers of a morsel, with their places as origins."""
    return replace(morsel.take(places), origin=places)


def _placed(found: Morsel, places: Places) -> Morsel:
    assert found.origin is not None
    return replace(found, origin=places[found.origin])


class UnionForm(Form):
    """``union``."""

    step: UnionStep

    def __init__(self, step: UnionStep, make: Make) -> None:
        super().__init__(step)
        self.children = [make(child) for child in step.ways]
        self.gathers = any(child.has_barrier for child in step.ways)
        self.stateless = not self.gathers
        if not self.gathers and not all(child.stateless for child in self.children):
            raise NotColumnar

    def apply(self, ctx: ExecutionContext, morsel: Morsel) -> Morsel:
        if not self.children:
            return morsel.take(np.zeros(0, dtype=np.int64))
        return _outer(morsel, regrouped(ctx, [child.flowing(ctx, morsel) for child in self.children]))

    def within(self, ctx: ExecutionContext, morsel: Morsel, size: int) -> Morsel:
        if not self.gathers or not self.children:
            return self.apply(ctx, morsel)
        if morsel.origin is None or not len(morsel):
            return morsel.take(np.zeros(0, dtype=np.int64))
        reached, groups = np.unique(morsel.origin, return_inverse=True)  # where nobody comes, no way is taken
        begun = replace(morsel, origin=groups)
        return _placed(regrouped(ctx, [child.of_groups(ctx, begun, len(reached)) for child in self.children]), reached)

    def stream(self, ctx: ExecutionContext, source: Iterator[Morsel], frame: Frame) -> Iterator[Morsel]:
        if not self.gathers:
            yield from super().stream(ctx, source, frame)
            return
        frames: list[Frame] = frame.setdefault(self.step, [{} for _ in self.children])
        held = gathered(ctx, source)
        if held:
            for child, own in zip(self.children, frames, strict=True):
                yield from streamed(child.forms, ctx, iter(held), own)


class ChooseForm(Form):
    """``choose`` and ``branch``: equal choices are looked up once."""

    step: BranchStep

    def __init__(self, step: BranchStep, make: Make) -> None:
        super().__init__(step)
        self.condition = make(step.condition) if isinstance(step, IfStep) else None
        self.by = None if self.condition is not None else MorselBy(step.by, make)
        self.targets: list[tuple[Child, MorselChild]] = [(child, make(child)) for child in step.targets()]
        if any(child.has_barrier for child, _ in self.targets):
            raise NotColumnar
        if not all(form.stateless for _, form in self.targets):
            raise NotColumnar

    def apply(self, ctx: ExecutionContext, morsel: Morsel) -> Morsel:
        routes, choices = self._routes(ctx, morsel)
        parts: list[Morsel] = []
        for child, form in self.targets:
            taken = np.fromiter((any(c is child for c in route) for route in routes), bool, len(routes))
            places = np.flatnonzero(taken[choices])
            if len(places):
                parts.append(_placed(form.flowing(ctx, morsel.take(places)), places))
        if not parts:
            return morsel.take(np.zeros(0, dtype=np.int64))
        return _outer(morsel, regrouped(ctx, parts))

    def _routes(self, ctx: ExecutionContext, morsel: Morsel) -> tuple[list[list[Child]], Places]:
        """The children of each distinct choice, and which choice each traverser makes."""
        if self.condition is not None:
            holds = self.condition.test(ctx, morsel)
            return [self.step.children_for(ctx, False), self.step.children_for(ctx, True)], holds.astype(np.int64)
        assert self.by is not None
        column, present = self.by.of(ctx, morsel)
        where = np.arange(len(morsel)) if present is None else np.flatnonzero(present)
        kept = column.take(where)
        _, places, inverse = np.unique(kept.keys(), return_index=True, return_inverse=True)
        routes = [self.step.children_for(ctx, value) for value in kept.take(places).tolist()]
        choices = np.full(len(morsel), len(routes), dtype=np.int64)
        choices[where] = inverse
        return [*routes, self.step.children_for(ctx, MISSING)], choices


class CoalesceForm(Form):
    """``coalesce``: a child is run for those for whom the ones before had nothing."""

    step: CoalesceStep

    def __init__(self, step: CoalesceStep, make: Make) -> None:
        super().__init__(step)
        self.children = [make(child) for child in step.ways]

    def apply(self, ctx: ExecutionContext, morsel: Morsel) -> Morsel:
        places = np.arange(len(morsel))
        parts: list[Morsel] = []
        for child in self.children:
            if not len(places):
                break
            begun = _from_places(morsel, places)
            found = child.results(ctx, begun)
            parts.append(spread(ctx, begun, found))
            done = np.zeros(len(places), dtype=bool)
            done[found.origin] = True
            places = places[~done]
        if not parts:
            return morsel.take(np.zeros(0, dtype=np.int64))
        return _outer(morsel, regrouped(ctx, parts))


class OptionalForm(Form):
    """``optional``."""

    step: OptionalStep

    def __init__(self, step: OptionalStep, make: Make) -> None:
        super().__init__(step)
        self.child = make(step.child)

    def apply(self, ctx: ExecutionContext, morsel: Morsel) -> Morsel:
        found = self.child.flowing(ctx, morsel)
        lonely = np.ones(len(morsel), dtype=bool)
        lonely[found.origin] = False
        rest = _from_places(morsel, np.flatnonzero(lonely))
        return _outer(morsel, regrouped(ctx, [part for part in (found, rest) if len(part)] or [rest]))


class LocalForm(Form):
    """``local``: the child for every single traverser, bulk undone."""

    step: LocalStep

    def __init__(self, step: LocalStep, make: Make) -> None:
        super().__init__(step)
        self.child = make(step.child)

    def apply(self, ctx: ExecutionContext, morsel: Morsel) -> Morsel:
        if morsel.bulk is not None:
            ctx.hold(int(morsel.bulk.sum()))
            morsel = replace(morsel.take(np.repeat(np.arange(len(morsel)), morsel.bulk)), bulk=None)
        return _outer(morsel, self.child.results(ctx, morsel))
