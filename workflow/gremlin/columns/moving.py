"""Sources, hops and paths on morsels."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat
from typing import Any

import numpy as np

from workflow.errors import QueryFailed
from workflow.graphs.elements import Edge, Path, Vertex
from workflow.gremlin.columns.filtering import masks_of
from workflow.gremlin.columns.forms import (
    Form,
    HopLike,
    Make,
    MorselBy,
    check_size,
    merged_masks,
)
from workflow.gremlin.columns.morsel import FIRST_PART, Morsel, morsels_of
from workflow.gremlin.columns.values import Column, ElementColumn, NotColumnar, Places, joined, plain
from workflow.gremlin.running.context import ExecutionContext
from workflow.gremlin.running.step import Frame
from workflow.gremlin.steps.moving.adjacent import AdjacentStep, EdgesHop, EndsStep, OtherVertexStep
from workflow.gremlin.steps.moving.path import PathFilterStep, PathRange, PathStep
from workflow.gremlin.steps.moving.sources import GraphStep
from workflow.queries.columns.expansion import degrees, ends, larger, reached


def elements(morsel: Morsel, kind: type[Vertex] | type[Edge]) -> ElementColumn:
    """The column, if it is one of such elements. Raises NotColumnar."""
    if isinstance(morsel.column, ElementColumn) and morsel.column.kind is kind:
        return morsel.column
    raise NotColumnar


class SourceForm(Form):
    """``V()`` and ``E()`` with their tests, at the begin or for every traverser again."""

    step: GraphStep

    def _rows(self, ctx: ExecutionContext) -> Places:
        step, graph = self.step, ctx.graph
        if step.ids is None and not step.lookups:
            whole = graph.vertex_rows if step.kind is Vertex else graph.edge_rows  # type: ignore[attr-defined]
            return np.asarray(whole(step.labels_wanted)).astype(np.int64)
        return np.fromiter(step.rows(ctx), np.int64)

    def _tested(self, ctx: ExecutionContext, rows: Places) -> ElementColumn:
        column = ElementColumn(ctx.graph, self.step.kind, rows)  # type: ignore[arg-type]
        return column.take(masks_of(self.step.containers, column)) if self.step.containers else column

    def stream(self, ctx: ExecutionContext, source: Iterator[Morsel], frame: Frame) -> Iterator[Morsel]:
        size = FIRST_PART
        for morsel in source:
            rows = self._rows(ctx)
            for place in range(len(morsel)):
                begin = 0
                while begin < len(rows):
                    ctx.check()
                    part = rows[begin : begin + size]
                    begin, size = begin + size, larger(size)
                    try:
                        column = self._tested(ctx, part)
                    except QueryFailed:
                        t = next(iter(morsel.take(np.array([place])).traversers(ctx)))
                        yield from morsels_of(ctx, self.step.of_rows(ctx, t, part.tolist()))
                        continue
                    if len(column):
                        yield morsel.split(ctx, column, np.full(len(column), place))

    def within(self, ctx: ExecutionContext, morsel: Morsel, size: int) -> Morsel:
        column = self._tested(ctx, self._rows(ctx))
        check_size(len(column) * len(morsel), size)
        places = np.repeat(np.arange(len(morsel)), len(column))
        return morsel.split(ctx, column.take(np.tile(np.arange(len(column)), len(morsel))), places)


class HopForm(HopLike):
    """``out``, ``inE`` and their like."""

    step: EdgesHop

    def __init__(self, step: EdgesHop) -> None:
        super().__init__(step)
        self.to_edges = not isinstance(step, AdjacentStep)
        self.labels = step.edge_labels or None
        if any(not isinstance(label, str) for label in step.edge_labels):
            raise NotColumnar

    def _parts(self, ctx: ExecutionContext, morsel: Morsel, most: int | None) -> Iterator[Morsel]:
        column = elements(morsel, Vertex)
        kind: Any = Edge if self.to_edges else Vertex
        graph = column.graph
        for rows, origins in reached(graph, column.rows, self.step.way, self.labels, edges=self.to_edges, most=most):
            yield morsel.split(ctx, ElementColumn(graph, kind, rows), origins)

    def apply(self, ctx: ExecutionContext, morsel: Morsel) -> Morsel:
        starts = 1 if morsel.origin is None or not len(morsel) else 1 + int(morsel.origin[-1] != morsel.origin[0])
        check_size(int(self.degrees(ctx, morsel).sum()), starts)
        for found in self._parts(ctx, morsel, None):
            return found
        kind: Any = Edge if self.to_edges else Vertex
        nothing = np.zeros(0, dtype=np.int64)
        return morsel.split(ctx, ElementColumn(elements(morsel, Vertex).graph, kind, nothing), nothing)

    def degrees(self, ctx: ExecutionContext, morsel: Morsel) -> Places:
        column = elements(morsel, Vertex)
        return degrees(column.graph, column.rows, self.step.way, self.labels)

    def stream(self, ctx: ExecutionContext, source: Iterator[Morsel], frame: Frame) -> Iterator[Morsel]:
        most = FIRST_PART
        for morsel in source:
            if not isinstance(morsel.column, ElementColumn) or morsel.column.kind is not Vertex:
                yield from morsels_of(ctx, self.step.run(ctx, morsel.traversers(ctx), {}))
                continue
            for found in self._parts(ctx, morsel, most):
                ctx.check()
                yield found
                most = larger(most)


class EndsForm(Form):
    """``outV``, ``inV`` and ``bothV``."""

    step: EndsStep

    def apply(self, ctx: ExecutionContext, morsel: Morsel) -> Morsel:
        column = elements(morsel, Edge)
        sources, targets = ends(column.graph, column.rows)
        if self.step.way != "both":
            return morsel.split(
                ctx, ElementColumn(column.graph, Vertex, sources if self.step.way == "out" else targets)
            )
        rows = np.column_stack((sources, targets)).ravel()
        return morsel.split(ctx, ElementColumn(column.graph, Vertex, rows), np.repeat(np.arange(len(morsel)), 2))


class OtherForm(Form):
    """``otherV``: away from the vertex that the path was at last."""

    step: OtherVertexStep

    def apply(self, ctx: ExecutionContext, morsel: Morsel) -> Morsel:
        column = elements(morsel, Edge)
        sources, targets = ends(column.graph, column.rows)
        others = np.full(len(morsel), -1, dtype=np.int64)
        for stop, at in morsel.stops():
            if stop.nodes is not None:
                raise NotColumnar
            if not isinstance(stop.column, ElementColumn):
                if any(isinstance(v, Vertex) for v in stop.column.tolist()):
                    raise NotColumnar
                continue
            if stop.column.kind is Vertex:
                rows = stop.column.rows if at is None else stop.column.rows[at]
                others = np.where((others < 0) & (rows == sources), targets, others)
                others = np.where((others < 0) & (rows == targets), sources, others)
                if (others >= 0).all():
                    return morsel.split(ctx, ElementColumn(column.graph, Vertex, others))
        if len(morsel):
            raise NotColumnar
        return morsel.split(ctx, ElementColumn(column.graph, Vertex, others))


class PathForm(Form):
    """``path()``, its stops projected in turn."""

    step: PathStep

    def __init__(self, step: PathStep, make: Make) -> None:
        super().__init__(step)
        self.projections = [MorselBy(by, make) for by in step.bys.items]

    def apply(self, ctx: ExecutionContext, morsel: Morsel) -> Morsel:
        columns, labels = stops_between(morsel, self.step)
        present: Places | None = None
        if self.projections:
            columns, present = projected_stops(ctx, self.projections, columns)
        if present is not None:
            morsel = morsel.take(present)
            columns = [column.take(np.flatnonzero(present)) for column in columns]
        objects = zip(*(column.tolist() for column in columns), strict=True)
        return morsel.split(ctx, plain(map(Path, objects, repeat(tuple(labels))), len(morsel)))


def stops_between(morsel: Morsel, step: PathRange) -> tuple[list[Column], list[frozenset[str]]]:
    """The columns and names of the stops that count for a step. Raises NotColumnar where a name of it is not there."""
    columns, labels = morsel.whole()
    low = 0 if step.from_label is None else _last(labels, step.from_label)
    high = len(labels) - 1 if step.to_label is None else _last(labels, step.to_label)
    if low > high:
        raise NotColumnar
    return columns[low : high + 1], labels[low : high + 1]


def _last(labels: list[frozenset[str]], name: str) -> int:
    places = [place for place, names in enumerate(labels) if name in names]
    if not places:
        raise NotColumnar
    return places[-1]


def projected_stops(
    ctx: ExecutionContext, projections: list[MorselBy], columns: list[Column]
) -> tuple[list[Column], Places | None]:
    """The stops of paths, each through its by(), and where all of them have a value."""
    present: Places | None = None
    out: list[Column] = []
    for level, column in enumerate(columns):
        projected, mask = projections[level % len(projections)].of_values(ctx, column)
        present = merged_masks(present, mask)
        out.append(projected)
    return out, present


class PathFilterForm(Form):
    """``simplePath`` and ``cyclicPath``."""

    step: PathFilterStep

    def __init__(self, step: PathFilterStep, make: Make) -> None:
        super().__init__(step)
        self.projections = [MorselBy(by, make) for by in step.bys.items]

    def apply(self, ctx: ExecutionContext, morsel: Morsel) -> Morsel:
        columns, _ = stops_between(morsel, self.step)
        present: Places | None = None
        if self.projections:
            columns, present = projected_stops(ctx, self.projections, columns)
        cyclic = np.zeros(len(morsel), dtype=bool)
        for later in range(1, len(columns)):
            for before in range(later):
                same = same_keys(columns[before], columns[later])
                if same is not None:
                    cyclic |= same
        holds = ~cyclic if self.step.simple else cyclic
        return morsel.take(holds if present is None else holds & present)


def same_keys(first: Column, second: Column) -> Places | None:
    """Where two columns hold the same key; None for nowhere."""
    if isinstance(first, ElementColumn) and isinstance(second, ElementColumn):
        return np.asarray(first.rows == second.rows) if first.kind is second.kind else None
    both = joined([first, second]).keys()
    return np.asarray(both[: len(first)] == both[len(first) :])
