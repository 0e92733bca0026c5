"""What names stand for in a morsel: stops of the paths that were given them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from workflow.gremlin.columns.morsel import Morsel
from workflow.gremlin.columns.values import Column, MapColumn, NotColumnar, Places, PlainColumn, column_of, plain
from workflow.gremlin.running.context import ExecutionContext
from workflow.gremlin.running.scope import popped
from workflow.gremlin.running.step import MISSING
from workflow.gremlin.semantics.values import Pop


def named_column(
    ctx: ExecutionContext, morsel: Morsel, name: str, pop: Pop = Pop.last, *, maps: bool = True
) -> tuple[Column, Places | None]:
    """The value of a name for each traverser, and a mask of those that have one; None where all do.

    Raises:
        NotColumnar: a side effect has that name, or the current value is a map that may hold it.
    """
    if maps and isinstance(morsel.column, MapColumn) and name in morsel.column.columns:
        return morsel.column.columns[name], None
    if maps and (name in ctx.side_effects or may_hold_maps(morsel.column)):
        raise NotColumnar
    held: list[tuple[Column, Places | None]] = []
    for stop, at in morsel.stops():
        if stop.nodes is not None:
            if not held or pop is not Pop.last:
                return _by_path(ctx, morsel, name, pop)
            break
        if name in stop.labels:
            held.append((stop.column, at))
            if pop is Pop.last:
                break
    if not held:
        return plain([None] * len(morsel)), np.zeros(len(morsel), dtype=bool)
    if len(held) > 1 or pop is Pop.all:
        return _by_path(ctx, morsel, name, pop)
    column, at = held[0]
    return column if at is None else column.take(at), None


def may_hold_maps(column: Column) -> bool:
    """Whether a value is a map, whose entries then have names, too."""
    return isinstance(column, PlainColumn) and any(isinstance(value, Mapping) for value in column.tolist())


def _by_path(ctx: ExecutionContext, morsel: Morsel, name: str, pop: Pop) -> tuple[Column, Places | None]:
    found = []
    for node in morsel.nodes():
        values = [] if node is None else node.find(name)
        found.append(popped(pop, values) if values else MISSING)
    if not any(value is MISSING for value in found):
        return column_of(found, ctx.graph), None
    return plain(found), np.fromiter((value is not MISSING for value in found), bool, len(found))
