"""Values out of morsels: properties, tokens, names, maps of projections, sacks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from workflow.graphs.elements import Edge, Vertex
from workflow.gremlin.columns.forms import Form, Make, MorselBy, merged_masks
from workflow.gremlin.columns.morsel import Morsel
from workflow.gremlin.columns.names import named_column
from workflow.gremlin.columns.values import (
    CodedColumn,
    Column,
    ElementColumn,
    MapColumn,
    NotColumnar,
    Places,
    PropertiesColumn,
    column_of,
    few,
    joined,
    plain,
    property_of,
)
from workflow.gremlin.running.context import ExecutionContext
from workflow.gremlin.running.step import MISSING
from workflow.gremlin.semantics.values import Operator, T
from workflow.gremlin.steps.shaping.elements import PropertiesStep, TokenStep, ValuesStep
from workflow.gremlin.steps.shaping.maps import (
    ChildFlatMapStep,
    ChildMapStep,
    ConstantStep,
    ProjectStep,
    SackStep,
    SackValueStep,
    SelectOneStep,
    SelectStep,
    operate,
)
from workflow.gremlin.steps.shaping.value_step import ValueStep


class SameForm(Form):
    """A step that hands on what comes."""

    def apply(self, ctx: ExecutionContext, morsel: Morsel) -> Morsel:
        return morsel


class TokenForm(Form):
    """``id`` and ``label`` of elements."""

    step: TokenStep

    def apply(self, ctx: ExecutionContext, morsel: Morsel) -> Morsel:
        column, token = morsel.column, self.step.token
        if isinstance(column, PropertiesColumn) and token in (T.key, T.value_):
            return morsel.split(ctx, column.keys_of if token is T.key else column.values)
        if not isinstance(column, ElementColumn) or token not in (T.id, T.label):
            raise NotColumnar
        graph, vertices = column.graph, column.kind is Vertex
        if token is T.id:
            read: Any = graph.vertex_id if vertices else graph.edge_id
            return morsel.split(ctx, plain(map(read, column.rows.tolist()), len(column)))
        read = graph.vertex_label if vertices else graph.edge_label
        return morsel.split(ctx, coded(list(map(read, column.rows.tolist()))))


def coded(texts: Sequence[str]) -> CodedColumn:
    """Texts of which many are the same."""
    table: dict[str, int] = {}
    codes = np.fromiter((table.setdefault(text, len(table)) for text in texts), np.int64, len(texts))
    return CodedColumn(codes, np.fromiter(table, dtype=object, count=len(table)))


class ValuesForm(Form):
    """``values`` of one key of elements."""

    step: ValuesStep

    def apply(self, ctx: ExecutionContext, morsel: Morsel) -> Morsel:
        column = morsel.column
        if not isinstance(column, ElementColumn):
            raise NotColumnar
        if len(self.step.keys) != 1:
            return self._several(ctx, morsel, column)
        key = self.step.keys[0]
        try:
            found, present = property_of(column, key)
        except NotColumnar:
            held = [column.graph.vertex_values(row, key) for row in column.rows.tolist()]
            places = np.repeat(np.arange(len(held)), [len(values) for values in held])
            return morsel.split(ctx, plain([value for values in held for value in values]), places)
        if present is None:
            return morsel.split(ctx, found)
        where = np.flatnonzero(present)
        return morsel.split(ctx, found.take(where), where)

    def _several(self, ctx: ExecutionContext, morsel: Morsel, column: ElementColumn) -> Morsel:
        values: list[Any] = []
        places: list[int] = []
        flat_map = self.step.values_of
        for place, element in enumerate(column.tolist()):
            values.extend(flat_map(element))
            places.extend([place] * (len(values) - len(places)))
        return morsel.split(ctx, plain(values), np.array(places, dtype=np.int64))


class PropertiesForm(Form):
    """``properties``: by element, and of one element in the order of its keys, or of the keys that were asked for."""

    step: PropertiesStep

    def apply(self, ctx: ExecutionContext, morsel: Morsel) -> Morsel:
        column = morsel.column
        if not isinstance(column, ElementColumn) or few(column) or (column.kind is Edge and len(self.step.keys) != 1):
            raise NotColumnar
        keys = list(dict.fromkeys(self.step.keys or column.graph.vertex_keys()))
        places: list[Places] = []
        codes: list[Places] = []
        values: list[Column] = []
        for code, key in enumerate(keys):
            found, present = property_of(column, key)
            where = np.arange(len(column)) if present is None else np.flatnonzero(present)
            if len(where):
                places.append(where)
                codes.append(np.full(len(where), code))
                values.append(found.take(where))
        if not places:
            return morsel.split(ctx, plain(()), np.zeros(0, dtype=np.int64))
        owners, numbers = np.concatenate(places), np.concatenate(codes)
        order = np.lexsort((numbers, owners))
        owners = owners[order]
        names = CodedColumn(numbers[order], np.fromiter(keys, dtype=object, count=len(keys)))
        found_all = joined(values)
        properties = PropertiesColumn(
            column.take(owners), names, found_all if len(keys) == 1 else found_all.take(order)
        )
        return morsel.split(ctx, properties, owners)


class ConstantForm(Form):
    """``constant``."""

    step: ConstantStep

    def apply(self, ctx: ExecutionContext, morsel: Morsel) -> Morsel:
        value = self.step.constant
        return morsel.split(ctx, plain((value for _ in range(len(morsel))), len(morsel)))


class ValueForm(Form):
    """A step that is a function of the value alone: put once to each of the values that a table tells apart."""

    step: ValueStep

    def apply(self, ctx: ExecutionContext, morsel: Morsel) -> Morsel:
        function, column = self.step.function, morsel.column
        if not isinstance(column, CodedColumn):
            return self._kept(ctx, morsel, list(map(function, column.tolist())))
        used, inverse = np.unique(column.codes, return_inverse=True)
        values = list(map(function, column.table[used].tolist()))
        if all(type(value) is str for value in values):
            texts = coded(values)
            return morsel.split(ctx, CodedColumn(texts.codes[inverse], texts.table))
        if not all(isinstance(value, (str, int, float)) or value is MISSING for value in values):
            values = list(map(function, column.tolist()))  # nobody shares a list or a map
        else:
            values = [values[place] for place in inverse.tolist()]
        return self._kept(ctx, morsel, values)

    def _kept(self, ctx: ExecutionContext, morsel: Morsel, found: list[Any]) -> Morsel:
        places = [place for place, value in enumerate(found) if value is not MISSING]
        if len(places) == len(found):
            return morsel.split(ctx, plain(found))
        return morsel.split(ctx, plain([found[place] for place in places]), np.array(places, dtype=np.int64))


class SelectOneForm(Form):
    """``select`` of one name."""

    step: SelectOneStep

    def __init__(self, step: SelectOneStep, make: Make) -> None:
        super().__init__(step)
        self.by = MorselBy(step.by, make)

    def apply(self, ctx: ExecutionContext, morsel: Morsel) -> Morsel:
        column, known = named_column(ctx, morsel, self.step.key, self.step.pop)
        if known is not None:
            where = np.flatnonzero(known)
            morsel, column = morsel.take(where), column.take(where)
        if not isinstance(column, ElementColumn) and any(value is None for value in column.tolist()):
            raise NotColumnar
        found, present = self.by.of_values(ctx, column)
        if present is None:
            return morsel.split(ctx, found)
        where = np.flatnonzero(present)
        return morsel.split(ctx, found.take(where), where)


class SelectForm(Form):
    """``select`` of several names: a map."""

    step: SelectStep

    def __init__(self, step: SelectStep, make: Make) -> None:
        super().__init__(step)
        self.bys = [MorselBy(step.bys.at(i), make) for i in range(len(step.keys))]

    def apply(self, ctx: ExecutionContext, morsel: Morsel) -> Morsel:
        columns: list[Column] = []
        present: Places | None = None
        for key, by in zip(self.step.keys, self.bys, strict=True):
            column, known = named_column(ctx, morsel, key, self.step.pop)
            if known is not None:
                if not known.any():
                    return morsel.split(ctx, plain(()), np.zeros(0, dtype=np.int64))
                raise NotColumnar
            column, mask = by.of_values(ctx, column)
            columns.append(column)
            present = merged_masks(present, mask)
        return as_maps(ctx, morsel, self.step.keys, columns, present)


def as_maps(
    ctx: ExecutionContext, morsel: Morsel, keys: Sequence[str], columns: Sequence[Column], present: Places | None
) -> Morsel:
    """A map of columns for each traverser that has all of them."""
    where = None if present is None else np.flatnonzero(present)
    kept = columns if where is None else [column.take(where) for column in columns]
    return morsel.split(ctx, MapColumn(dict(zip(keys, kept, strict=True))), where)


class ProjectForm(Form):
    """``project``."""

    step: ProjectStep

    def __init__(self, step: ProjectStep, make: Make) -> None:
        super().__init__(step)
        self.bys = [MorselBy(step.bys.at(i), make) for i in range(len(step.keys))]

    def apply(self, ctx: ExecutionContext, morsel: Morsel) -> Morsel:
        keys = self.step.keys
        found = [by.of(ctx, morsel) for by in self.bys]
        if all(mask is None for _, mask in found):
            return as_maps(ctx, morsel, keys, [column for column, _ in found], None)
        maps: list[dict[str, Any]] = [{} for _ in range(len(morsel))]
        for key, (column, mask) in zip(keys, found, strict=True):
            where = np.arange(len(morsel)) if mask is None else np.flatnonzero(mask)
            for place, value in zip(where.tolist(), column.take(where).tolist(), strict=True):
                maps[place][key] = value
        return morsel.split(ctx, plain(maps))


class SackForm(Form):
    """``sack()``."""

    step: SackStep

    def apply(self, ctx: ExecutionContext, morsel: Morsel) -> Morsel:
        if morsel.sack is None:
            return morsel.split(ctx, plain([None] * len(morsel)))
        return morsel.split(ctx, column_of(morsel.sack.tolist(), ctx.graph))


class SackValueForm(Form):
    """``sack(operator).by(…)``."""

    step: SackValueStep

    def __init__(self, step: SackValueStep, make: Make) -> None:
        super().__init__(step)
        self.by = None if step.by is None else MorselBy(step.by, make)

    def apply(self, ctx: ExecutionContext, morsel: Morsel) -> Morsel:
        column, present = (morsel.column, None) if self.by is None else self.by.of(ctx, morsel)
        if present is not None:
            where = np.flatnonzero(present)
            morsel, column = morsel.take(where), column.take(where)
        before = [None] * len(morsel) if morsel.sack is None else morsel.sack.tolist()
        sacks = _operated(self.step.operator, before, column.tolist())
        return replace(morsel, sack=np.fromiter(sacks, object, len(sacks)))


LARGEST_INT = (1 << 31) - 1


def _operated(operator: Operator, before: list[Any], values: list[Any]) -> list[Any]:
    if operator is Operator.assign:
        return values
    if operator is Operator.sum and set(map(type, before)) == {int} == set(map(type, values)):
        sums = [a + b for a, b in zip(before, values, strict=True)]
        if min(sums) >= -LARGEST_INT and max(sums) <= LARGEST_INT:
            return sums
    return [operate(operator, a, b) for a, b in zip(before, values, strict=True)]


class ChildMapForm(Form):
    """``map(child)`` and ``flatMap(child)``."""

    def __init__(self, step: ChildMapStep | ChildFlatMapStep, make: Make) -> None:
        super().__init__(step)
        self.child = make(step.child)
        self.only_first = isinstance(step, ChildMapStep)

    def apply(self, ctx: ExecutionContext, morsel: Morsel) -> Morsel:
        if self.only_first:
            column, places = self.child.first(ctx, morsel)
            return morsel.split(ctx, column, places)
        return spread(ctx, morsel, self.child.results(ctx, morsel))


def spread(ctx: ExecutionContext, morsel: Morsel, found: Morsel) -> Morsel:
    """The results of a child as what the traversers of a morsel lead to."""
    assert found.origin is not None
    out = morsel.split(ctx, found.column, found.origin)
    return out if found.bulk is None else replace(out, bulk=out.bulks() * found.bulk)
