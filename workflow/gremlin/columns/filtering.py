"""Filters on morsels: tests of elements and values as masks, children as tests, comparisons with names, ``dedup``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import compress
from typing import Any

import numpy as np

from workflow.graphs.elements import Edge, Vertex
from workflow.gremlin.columns.forms import Form, Make, MorselBy, merged_masks
from workflow.gremlin.columns.morsel import Morsel, morsels_of
from workflow.gremlin.columns.names import may_hold_maps, named_column
from workflow.gremlin.columns.values import (
    CodedColumn,
    Column,
    ElementColumn,
    NotColumnar,
    Places,
    PropertiesColumn,
    few,
    joined,
    property_of,
)
from workflow.gremlin.running.context import ExecutionContext
from workflow.gremlin.running.step import Frame
from workflow.gremlin.semantics.keys import hash_key
from workflow.gremlin.semantics.predicates import compile_predicate
from workflow.gremlin.semantics.values import Long, T
from workflow.gremlin.steps.choosing.filters import (
    ConnectiveStep,
    DedupStep,
    IsStep,
    NotStep,
    TraversalFilterStep,
)
from workflow.gremlin.steps.choosing.has import HasContainer, HasKeyStep, HasStep
from workflow.gremlin.steps.choosing.where import CONNECTIVES, WhereEndStep, WherePredicateStep, WhereStartStep
from workflow.gremlin.traversal import P
from workflow.queries.columns.expansion import SMALL
from workflow.queries.columns.grouping import firsts, paired

_COMPARISONS: dict[str, Callable[..., Any]] = {
    "eq": np.equal,
    "lt": np.less,
    "lte": np.less_equal,
    "gt": np.greater,
    "gte": np.greater_equal,
    "between": lambda values, low, high: (values >= low) & (values < high),
    "inside": lambda values, low, high: (values > low) & (values < high),
}


def compared(predicate: P, values: Places) -> Places | None:
    """A predicate put to an array of numbers; None where arrays do not compare as Gremlin does."""
    compare = _COMPARISONS.get(predicate.name)
    if compare is None or not all(map(_plain_number, predicate.args)):
        return None
    return np.asarray(compare(values, *predicate.args))


def _plain_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1 << 53


def mask_of_values(test: Callable[[Any], bool], column: Column) -> Places:
    """Which values pass a test: bool of shape (n,). Equal ones are tested once where codes tell them apart."""
    if isinstance(column, CodedColumn) and len(column) > 1:
        used, inverse = np.unique(column.codes, return_inverse=True)
        holds = np.fromiter(map(test, column.table[used].tolist()), bool, len(used))
        return np.asarray(holds[inverse])
    return np.fromiter(map(test, column.tolist()), bool, len(column))


def masks_of(containers: Sequence[HasContainer], column: ElementColumn) -> Places:
    """Which elements pass all tests: bool of shape (n,). Later tests are put only to what passed the ones before."""
    passed = np.arange(len(column))
    for container in containers:
        if not len(passed):
            break
        passed = passed[_mask(container, column.take(passed))]
    mask = np.zeros(len(column), dtype=bool)
    mask[passed] = True
    return mask


def _mask(container: HasContainer, column: ElementColumn) -> Places:
    key, graph = container.key, column.graph
    rows = column.rows
    if isinstance(key, str):
        return _property_mask(container, key, column)
    if key is T.label:
        label_of = graph.vertex_label if column.kind is Vertex else graph.edge_label
        labels = list(map(label_of, rows.tolist()))
        holds = {
            label: container.test(column.kind(graph, row))
            for label, row in dict(zip(labels, rows.tolist(), strict=True)).items()
        }
        return np.fromiter(map(holds.__getitem__, labels), bool, len(labels))
    if key is T.id and len(rows) > SMALL:
        mask = id_mask(container.predicate, column)
        if mask is not None:
            return mask
    return np.fromiter(map(container.test, column.tolist()), bool, len(rows))


def id_mask(predicate: P, column: ElementColumn) -> Places | None:
    """Which elements have an id that passes; None where arrays do not compare their ids as Gremlin does."""
    used, inverse = np.unique(column.rows, return_inverse=True)
    id_of = column.graph.vertex_id if column.kind is Vertex else column.graph.edge_id
    ids = list(map(id_of, used.tolist()))
    if not set(map(type, ids)) <= {int, Long} or not all(-(1 << 53) < id < 1 << 53 for id in (min(ids), max(ids))):
        return None
    mask = compared(predicate, np.array(ids, dtype=np.int64))
    return None if mask is None else mask[inverse]


def _property_mask(container: HasContainer, key: str, column: ElementColumn) -> Places:
    rows, test = column.rows, container.value_test
    if not few(column) and all(map(_plain_number, container.predicate.args)):
        numeric = column.view(key).numeric()
        if numeric is not None:
            found = compared(container.predicate, numeric.values[rows])
            if found is not None:
                return np.asarray(found & numeric.present[rows])
    try:
        held, present = property_of(column, key)
    except NotColumnar:
        values_of = column.graph.vertex_values
        return np.fromiter((any(map(test, values_of(row, key))) for row in rows.tolist()), bool, len(rows))
    if present is None:
        return mask_of_values(test, held)
    mask = np.zeros(len(rows), dtype=bool)
    places = np.flatnonzero(present)
    mask[places] = mask_of_values(test, held.take(places))
    return mask


def _property_parts_mask(containers: Sequence[HasContainer], column: PropertiesColumn) -> Places:
    mask = np.ones(len(column), dtype=bool)
    for container in containers:
        part = column.keys_of if container.key is T.key else column.values
        mask &= mask_of_values(container.value_test, part)
    return mask


class FilterForm(Form):
    """A step that lets pass or not."""

    def mask(self, ctx: ExecutionContext, morsel: Morsel) -> Places:
        """Which traversers pass: bool of shape (n,). Raises NotColumnar."""
        raise NotColumnar

    def apply(self, ctx: ExecutionContext, morsel: Morsel) -> Morsel:
        return morsel.take(self.mask(ctx, morsel))


class HasForm(FilterForm):
    """``has`` with predicates."""

    step: HasStep

    def mask(self, ctx: ExecutionContext, morsel: Morsel) -> Places:
        if isinstance(morsel.column, ElementColumn):
            return masks_of(self.step.containers, morsel.column)
        if isinstance(morsel.column, PropertiesColumn) and all(
            c.key in (T.key, T.value_) for c in self.step.containers
        ):
            return _property_parts_mask(self.step.containers, morsel.column)
        tests = self.step.tests
        return mask_of_values(lambda value: all(test(value) for test in tests), morsel.column)


class HasKeyForm(FilterForm):
    """``has("key")`` and ``hasNot("key")``."""

    step: HasKeyStep

    def mask(self, ctx: ExecutionContext, morsel: Morsel) -> Places:
        column = morsel.column
        if not isinstance(column, ElementColumn):
            raise NotColumnar
        key = self.step.key
        try:
            _, present = property_of(column, key)
        except NotColumnar:
            values_of = column.graph.vertex_values
            present = np.fromiter((len(values_of(row, key)) > 0 for row in column.rows.tolist()), bool, len(column))
        held = np.ones(len(column), dtype=bool) if present is None else present
        return held if self.step.present else ~held


class DiscardForm(FilterForm):
    """``discard``: nothing passes."""

    def mask(self, ctx: ExecutionContext, morsel: Morsel) -> Places:
        return np.zeros(len(morsel), dtype=bool)


class IsForm(FilterForm):
    """``is``."""

    step: IsStep

    def mask(self, ctx: ExecutionContext, morsel: Morsel) -> Places:
        return mask_of_values(self.step.test, morsel.column)


class TestForm(FilterForm):
    """``filter``, ``where`` and ``not`` of a child."""

    __test__ = False  # not for pytest
    step: TraversalFilterStep

    def __init__(self, step: TraversalFilterStep, make: Make) -> None:
        super().__init__(step)
        self.child = make(step.child)
        self.turned = isinstance(step, NotStep)

    def mask(self, ctx: ExecutionContext, morsel: Morsel) -> Places:
        holds = self.child.test(ctx, morsel)
        return ~holds if self.turned else holds


class ConnectiveForm(FilterForm):
    """``and`` and ``or``: later children are asked only about what is still open."""

    step: ConnectiveStep

    def __init__(self, step: ConnectiveStep, make: Make) -> None:
        super().__init__(step)
        self.children = [make(child) for child in step.parts]

    def mask(self, ctx: ExecutionContext, morsel: Morsel) -> Places:
        every = self.step.every
        holds = np.full(len(morsel), every, dtype=bool)
        places = np.arange(len(morsel))
        for child in self.children:
            if not len(places):
                break
            found = child.test(ctx, morsel.take(places))
            decided = ~found if every else found
            holds[places[decided]] = not every
            places = places[~decided]
        return holds


class WhereForm(FilterForm):
    """``where("a", lt("b"))`` with by() in turn, of one predicate."""

    step: WherePredicateStep

    def __init__(self, step: WherePredicateStep, make: Make) -> None:
        super().__init__(step)
        if step.predicate.name in CONNECTIVES:
            raise NotColumnar
        self.name = step.name_in(step.predicate)
        self.by = [MorselBy(step.bys.at(turn), make) for turn in (0, 1)]

    def mask(self, ctx: ExecutionContext, morsel: Morsel) -> Places:
        start = self.step.start
        if start is None:
            left, held = self.by[0].of(ctx, morsel)
        else:
            named, known = named_column(ctx, morsel, start)
            if known is not None:
                raise NotColumnar
            left, held = self.by[0].of_values(ctx, named)
        predicate = self.step.predicate
        if self.name in ctx.side_effects and not may_hold_maps(morsel.column):
            right = self.by[1].by.of_value(ctx, ctx.side_effects.get(self.name))
            several = isinstance(right, (list, tuple, set, frozenset))
            if predicate.name not in ("within", "without"):
                raise NotColumnar
            mask = _among(list(right) if several else [right], left)
            if predicate.name == "without":
                mask = ~mask
            return mask if held is None else mask & held
        other, known = named_column(ctx, morsel, self.name)
        if known is not None:
            raise NotColumnar
        right_column, right_held = self.by[1].of_values(ctx, other)
        held = merged_masks(held, right_held)
        if held is None:
            return pairwise(predicate, left, right_column)
        places = np.flatnonzero(held)
        mask = np.zeros(len(morsel), dtype=bool)
        mask[places] = pairwise(predicate, left.take(places), right_column.take(places))
        return mask


def _among(wanted: list[Any], column: Column) -> Places:
    """Which values equal one of some others."""
    if isinstance(column, ElementColumn) and all(type(v) in (Vertex, Edge) for v in wanted):
        rows = [v.row for v in wanted if type(v) is column.kind]
        return np.isin(column.rows, np.array(rows, dtype=np.int64))
    return mask_of_values(compile_predicate(P("within", (wanted,))), column)


def pairwise(predicate: P, left: Column, right: Column) -> Places:
    """``predicate`` of each value with the other at its place. Raises NotColumnar."""
    name = predicate.name
    if len(predicate.args) != 1:
        raise NotColumnar
    if isinstance(left, ElementColumn) and isinstance(right, ElementColumn) and name in ("eq", "neq"):
        same = left.rows == right.rows if left.kind is right.kind else np.zeros(len(left), dtype=bool)
        return np.asarray(same if name == "eq" else ~same)
    codes = paired(left.keys(), right.keys())
    _, places, inverse = np.unique(codes, return_index=True, return_inverse=True)
    others = right.take(places).tolist()
    tests = {id(other): _test(predicate, other) for other in {id(one): one for one in others}.values()}
    pairs = zip(left.take(places).tolist(), others, strict=True)
    holds = np.fromiter((tests[id(other)](value) for value, other in pairs), bool, len(places))
    return np.asarray(holds[inverse])


def _test(predicate: P, other: Any) -> Callable[[Any], bool]:
    if predicate.name in ("within", "without"):
        several = isinstance(other, (list, tuple, set, frozenset))
        return compile_predicate(P(predicate.name, (list(other) if several else [other],)))
    return compile_predicate(type(predicate)(predicate.name, (other,)))


class WhereStartForm(Form):
    """Goes on from what a name stands for."""

    step: WhereStartStep

    def apply(self, ctx: ExecutionContext, morsel: Morsel) -> Morsel:
        column, known = named_column(ctx, morsel, self.step.label)
        if known is not None:
            raise NotColumnar
        return morsel.split(ctx, column)


class WhereEndForm(FilterForm):
    """Passes what equals the value of a name."""

    step: WhereEndStep

    def mask(self, ctx: ExecutionContext, morsel: Morsel) -> Places:
        wanted, known = named_column(ctx, morsel, self.step.label, maps=False)
        if known is not None:
            raise NotColumnar
        column = morsel.column
        if isinstance(wanted, ElementColumn) and isinstance(column, ElementColumn):
            return np.asarray((wanted.rows == column.rows) & (wanted.kind is column.kind))
        both = joined([wanted, column]).keys()
        return np.asarray(both[: len(column)] == both[len(column) :])


class DedupForm(Form):
    """``dedup``: of everything, in a child of each origin by itself."""

    stateless = False
    step: DedupStep

    def __init__(self, step: DedupStep, make: Make) -> None:
        super().__init__(step)
        self.by = MorselBy(step.by, make)

    def _keyed(self, ctx: ExecutionContext, morsel: Morsel) -> tuple[Morsel, list[Column]]:
        if not self.step.names:
            column, held = self.by.of(ctx, morsel)
            columns = [column]
        else:
            columns, held = [], None
            for name in self.step.names:
                named, known = named_column(ctx, morsel, name)
                if known is not None:
                    raise NotColumnar
                column, mask = self.by.of_values(ctx, named)
                columns.append(column)
                held = merged_masks(held, mask)
        if held is None:
            return morsel, columns
        places = np.flatnonzero(held)
        return morsel.take(places), [column.take(places) for column in columns]

    @staticmethod
    def _codes(columns: list[Column]) -> Places:
        codes = columns[0].keys()
        for column in columns[1:]:
            codes = paired(codes, column.keys())
        return codes

    def within(self, ctx: ExecutionContext, morsel: Morsel, size: int) -> Morsel:
        morsel, columns = self._keyed(ctx, morsel)
        assert morsel.origin is not None
        return replace(morsel.take(firsts(paired(self._codes(columns), morsel.origin))), bulk=None)

    def stream(self, ctx: ExecutionContext, source: Iterator[Morsel], frame: Frame) -> Iterator[Morsel]:
        seen: set[Any] = frame.setdefault(self.step, set())
        for morsel in source:
            ctx.check()
            if not len(morsel):
                continue
            try:
                kept, columns = self._keyed(ctx, morsel)
            except NotColumnar:
                # the ordinary step remembers the same keys
                yield from morsels_of(ctx, self.step.run(ctx, morsel.traversers(ctx), frame))
                continue
            places = firsts(self._codes(columns))
            keys = self._seen_keys([column.take(places) for column in columns])
            new = [key not in seen for key in keys]
            seen.update(compress(keys, new))
            ctx.hold(len(seen))
            yield replace(kept.take(places[np.array(new, dtype=bool)]), bulk=None)

    def _seen_keys(self, columns: list[Column]) -> list[Any]:
        if self.step.names:
            rows = zip(*(column.tolist() for column in columns), strict=True)
            return [hash_key(list(row)) for row in rows]
        return list(map(hash_key, columns[0].tolist()))
