"""``group`` and ``groupCount`` on morsels: what is gathered by key."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from workflow.gremlin.columns.forms import Make, MorselBy
from workflow.gremlin.columns.gathering import ReduceForm, merged
from workflow.gremlin.columns.morsel import Morsel, concatenated, gathered
from workflow.gremlin.columns.values import Column, NotColumnar, Places
from workflow.gremlin.running.by import IDENTITY, ByChild
from workflow.gremlin.running.context import ExecutionContext
from workflow.gremlin.running.step import MISSING
from workflow.gremlin.semantics.values import GList, Long
from workflow.gremlin.steps.gathering.group import GroupCountStep, GroupStep, made_map
from workflow.queries.columns.grouping import by_appearance, totals


class KeyedForm(ReduceForm):
    """All to one map, by keys of the traversers."""

    def reduced(self, ctx: ExecutionContext, source: Iterator[Morsel]) -> Any:
        held = gathered(ctx, source)
        if not held:
            return made_map([], ctx)
        if len({b.loops for b in held}) > 1:
            return self.step.reduce(ctx, (t for b in held for t in b.traversers(ctx)))
        whole = concatenated(held)
        try:
            return self.grouped(ctx, whole)
        except NotColumnar:
            return self.step.reduce(ctx, whole.traversers(ctx))

    def grouped(self, ctx: ExecutionContext, whole: Morsel) -> Any:
        """The map of all traversers, which have gone through as many loops. Raises NotColumnar."""
        raise NotImplementedError


class GroupCountForm(KeyedForm):
    """``groupCount``."""

    step: GroupCountStep

    def __init__(self, step: GroupCountStep, make: Make) -> None:
        super().__init__(step)
        self.by = MorselBy(step.by or IDENTITY, make)

    def grouped(self, ctx: ExecutionContext, whole: Morsel) -> Any:
        column, groups, places, bulk, _ = _by_key(ctx, self.by, whole)
        counts = totals(groups, len(places), bulk)
        keys = column.take(places).tolist()
        return made_map([(key, Long(count)) for key, count in zip(ctx.each(keys), counts.tolist(), strict=True)], ctx)

    def within(self, ctx: ExecutionContext, morsel: Morsel, size: int) -> Morsel:
        raise NotColumnar


def _by_key(
    ctx: ExecutionContext, by: MorselBy, morsel: Morsel
) -> tuple[Column, Places, Places, Places | None, Morsel]:
    """(keys, the group of each, the first place of each group, bulks, the traversers) of those that have a key."""
    column, present = by.of(ctx, morsel)
    if present is not None:
        where = np.flatnonzero(present)
        column, morsel = column.take(where), morsel.take(where)
    groups, places = by_appearance(column.keys())
    return column, groups, places, morsel.bulk, morsel


class GroupForm(KeyedForm):
    """``group`` by a key: its values are lists of projections, or a child's result for each group."""

    step: GroupStep

    def __init__(self, step: GroupStep, make: Make) -> None:
        super().__init__(step)
        self.key_by = MorselBy(step.key_by, make)
        value = step.value
        self.value_by = MorselBy(value.by, make) if value.folded or not value.reduces else None
        self.child = make(value.by.child) if not value.folded and isinstance(value.by, ByChild) else None

    def grouped(self, ctx: ExecutionContext, whole: Morsel) -> Any:
        column, groups, places, _, morsel = _by_key(ctx, self.key_by, whole)
        keys = column.take(places).tolist()
        arranged = np.argsort(groups, kind="stable")
        morsel, groups = morsel.take(arranged), groups[arranged]
        if self.step.value.folded:
            values = self._folded(ctx, morsel, groups, len(places))
        elif self.step.value.reduces and self.child is not None:
            members = merged(ctx, replace(morsel, origin=groups))
            found = self.child.of_groups(ctx, members, len(places))
            values = self._firsts(found, len(places))
        else:
            values = self._lasts(ctx, morsel, groups, len(places))
        return made_map([(k, v) for k, v in zip(ctx.each(keys), values, strict=True) if v is not MISSING], ctx)

    def _folded(self, ctx: ExecutionContext, morsel: Morsel, groups: Places, size: int) -> list[Any]:
        assert self.value_by is not None
        column, present = self.value_by.of(ctx, morsel)
        bulk = morsel.bulk
        if present is not None:
            where = np.flatnonzero(present)
            column, groups, bulk = column.take(where), groups[where], None if bulk is None else bulk[where]
        if bulk is not None:
            ctx.hold(int(bulk.sum()))
            column, groups = column.take(np.repeat(np.arange(len(column)), bulk)), np.repeat(groups, bulk)
        stops = np.searchsorted(groups, np.arange(size + 1)).tolist()
        values = column.tolist()
        return [GList(values[begin:end]) for begin, end in ctx.each(pairwise(stops))]

    @staticmethod
    def _firsts(found: Morsel, size: int) -> list[Any]:
        values: list[Any] = [MISSING] * size
        assert found.origin is not None
        origins, places = np.unique(found.origin, return_index=True)
        for origin, value in zip(origins.tolist(), found.column.take(places).tolist(), strict=True):
            values[origin] = value
        return values

    def _lasts(self, ctx: ExecutionContext, morsel: Morsel, groups: Places, size: int) -> list[Any]:
        assert self.value_by is not None
        column, present = self.value_by.of(ctx, morsel)
        where = np.arange(len(morsel)) if present is None else np.flatnonzero(present)
        values: list[Any] = [MISSING] * size
        for group, value in zip(ctx.each(groups[where].tolist()), column.take(where).tolist(), strict=True):
            values[group] = value
        return values

    def within(self, ctx: ExecutionContext, morsel: Morsel, size: int) -> Morsel:
        raise NotColumnar
