"""Morsels: traversers as columns, their paths as links to the morsels before, made into objects only when read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workflow.gremlin.columns.values import Column, NotColumnar, Places, column_of, joined
from workflow.gremlin.running.context import ExecutionContext
from workflow.gremlin.running.traverser import NO_LABELS, PathNode, PathTraverser, RepeatLoop, Traverser
from workflow.queries.columns.expansion import larger

FIRST_PART = 64


@dataclass(frozen=True, eq=False)
class Stop:
    """One stop of the paths of a morsel.

    Attributes:
        column: the values of this stop.
        labels: the names it was given.
        parent: the stop before.
        places: where each value came from in ``parent``, int64 of the column's length; None where at the same place.
        nodes: paths that are objects already, at the begin of a chain only; ``column`` then holds their last values.
    """

    column: Column
    labels: frozenset[str] = NO_LABELS
    parent: Stop | None = None
    places: Places | None = None
    nodes: NDArray[np.object_] | None = None


@dataclass(frozen=True, eq=False)
class Morsel:
    """Some traversers, in their order.

    Attributes:
        column: where they stand, n values.
        bulk: int64, shape (n,); None where each stands for one.
        sack: their sacks, None where nothing reads any.
        history: the last stop of their paths that is remembered.
        at: the place of each in ``history``, int64 of shape (n,); None where at the same place.
        here: whether that stop is where they stand.
        loops: the rounds they went, which is the same for all of a morsel.
        origin: in a child, for which traverser of the parent each is a result, ascending; int64 of shape (n,).
    """

    column: Column
    bulk: Places | None = None
    sack: NDArray[np.object_] | None = None
    history: Stop | None = None
    at: Places | None = None
    here: bool = False
    loops: RepeatLoop | None = None
    origin: Places | None = None

    def __len__(self) -> int:
        return len(self.column)

    def bulks(self) -> Places:
        """The bulk of each, int64 of shape (n,)."""
        return np.ones(len(self), dtype=np.int64) if self.bulk is None else self.bulk

    def take(self, places: Places) -> Morsel:
        """The traversers at some places, by index or by mask."""
        if places.dtype == bool:
            if places.all():
                return self
            places = np.flatnonzero(places)
        at = self.at
        if self.history is not None:
            at = places if at is None else at[places]
        return replace(
            self,
            column=self.column.take(places),
            bulk=None if self.bulk is None else self.bulk[places],
            sack=None if self.sack is None else self.sack[places],
            at=at,
            origin=None if self.origin is None else self.origin[places],
        )

    def split(self, ctx: ExecutionContext, column: Column, places: Places | None = None) -> Morsel:
        """What the traversers lead to; ``places`` says from which of them, None where one each."""
        before = self if places is None else self.take(places)
        if not ctx.full_path:
            return replace(before, column=column, here=False)
        stop = Stop(column, NO_LABELS, before.history, before.at)
        return replace(before, column=column, history=stop, at=None, here=True)

    def named(self, labels: frozenset[str]) -> Morsel:
        """The same, their current stop with more names."""
        if self.here and self.history is not None:
            return replace(self, history=replace(self.history, labels=self.history.labels | labels))
        return replace(self, history=Stop(self.column, labels, self.history, self.at), at=None, here=True)

    def stops(self) -> Iterator[tuple[Stop, Places | None]]:
        """The stops from the last to the first, each with the place of every traverser in it."""
        stop, at = self.history, self.at
        while stop is not None:
            yield stop, at
            if stop.places is not None:
                at = stop.places if at is None else stop.places[at]
            stop = stop.parent

    def whole(self) -> tuple[list[Column], list[frozenset[str]]]:
        """The paths as one column a stop, each of shape (n,), from the first to the last.

        Raises:
            NotColumnar: the paths do not all have the same shape.
        """
        columns: list[Column] = []
        labels: list[frozenset[str]] = []
        for stop, at in self.stops():
            if stop.nodes is not None:
                raise NotColumnar
            columns.append(stop.column if at is None else stop.column.take(at))
            labels.append(stop.labels)
        return columns[::-1], labels[::-1]

    def nodes(self) -> list[PathNode | None]:
        """The paths as objects."""
        held = list(self.stops())
        if not held:
            return [None] * len(self)
        above: list[PathNode | None] = [None] * len(self)
        for stop, at in reversed(held):
            if stop.nodes is not None:
                above = (stop.nodes if at is None else stop.nodes[at]).tolist()
                if stop.labels:
                    above = [_relabelled(node, stop.labels) for node in above]
                continue
            values = (stop.column if at is None else stop.column.take(at)).tolist()
            above = list(map(PathNode, above, values, repeat(stop.labels)))
        return above

    def traversers(self, ctx: ExecutionContext) -> Iterator[Traverser]:
        """The same as objects."""
        values = self.column.tolist()
        bulks: Iterable[int] = repeat(1) if self.bulk is None else self.bulk.tolist()
        sacks: Iterable[Any] = repeat(None) if self.sack is None else self.sack.tolist()
        paths: Iterable[PathNode | None] = repeat(None) if self.history is None else self.nodes()
        kind = PathTraverser if ctx.full_path else Traverser
        return map(kind, values, bulks, paths, sacks, repeat(self.loops))


def _relabelled(node: PathNode | None, labels: frozenset[str]) -> PathNode | None:
    return node if node is None or labels <= node.labels else PathNode(node.parent, node.value, node.labels | labels)


def morsel_of(ctx: ExecutionContext, traversers: Sequence[Traverser], origin: Places | None = None) -> Morsel:
    """Traversers that went the same number of rounds as columns."""
    size = len(traversers)
    column = column_of([t.value for t in traversers], ctx.graph)
    bulk = None
    if any(t.bulk != 1 for t in traversers):
        bulk = np.fromiter((t.bulk for t in traversers), np.int64, size)
    sack = None
    if any(t.sack is not None for t in traversers):
        sack = np.fromiter((t.sack for t in traversers), object, size)
    history = None
    if any(t.path is not None for t in traversers):
        history = Stop(column, nodes=np.fromiter((t.path for t in traversers), object, size))
    here = ctx.full_path and history is not None
    return Morsel(column, bulk, sack, history, None, here, traversers[0].loops if size else None, origin)


def morsels_of(ctx: ExecutionContext, traversers: Iterator[Traverser]) -> Iterator[Morsel]:
    """Traversers as morsels, which begin small; what was there before an error is given before it is raised."""
    size = FIRST_PART
    held: list[Traverser] = []
    try:
        for t in traversers:
            if held and (len(held) >= size or held[0].loops != t.loops):
                yield morsel_of(ctx, held)
                held, size = [], larger(size)
            held.append(t)
    except Exception:
        if held:
            yield morsel_of(ctx, held)
        raise
    if held:
        yield morsel_of(ctx, held)


def started(ctx: ExecutionContext, column: Column, origin: Places | None = None) -> Morsel:
    """Traversers that begin at some values, as one does at the begin of a query."""
    sack = None
    if ctx.sack_initial is not None:
        sack = np.fromiter((ctx.sack_initial() for _ in range(len(column))), object, len(column))
    history = Stop(column) if ctx.full_path else None
    return Morsel(column, None, sack, history, None, ctx.full_path, None, origin)


def gathered(ctx: ExecutionContext, source: Iterable[Morsel]) -> list[Morsel]:
    """All of a source, with an eye on the clock and on how much is held."""
    out: list[Morsel] = []
    count = 0
    for morsel in source:
        if len(morsel):
            out.append(morsel)
            count += len(morsel)
            ctx.hold(count)
    return out


def concatenated(morsels: Sequence[Morsel]) -> Morsel:
    """Morsels of the same number of rounds one behind the other; there is at least one."""
    if len(morsels) == 1:
        return morsels[0]
    column = joined([b.column for b in morsels])
    bulk = None
    if any(b.bulk is not None for b in morsels):
        bulk = np.concatenate([b.bulks() for b in morsels])
    sack = None
    if any(b.sack is not None for b in morsels):
        sack = np.concatenate([np.full(len(b), None, dtype=object) if b.sack is None else b.sack for b in morsels])
    origin = None
    if morsels[0].origin is not None:
        origin = np.concatenate([b.origin for b in morsels if b.origin is not None])
    history, at = _joined_paths(morsels, column)
    here = all(b.here for b in morsels)
    return Morsel(column, bulk, sack, history, at, here, morsels[0].loops, origin)


def _joined_paths(morsels: Sequence[Morsel], column: Column) -> tuple[Stop | None, Places | None]:
    if all(b.history is None for b in morsels):
        return None, None
    first = morsels[0].history
    if all(b.history is first for b in morsels):
        return first, np.concatenate([np.arange(len(b)) if b.at is None else b.at for b in morsels])
    shapes = {tuple((stop.labels, stop.nodes is None) for stop, _ in b.stops()) for b in morsels}
    if len(shapes) == 1 and all(plain_ for _, plain_ in next(iter(shapes))):
        wholes = [b.whole() for b in morsels]
        history: Stop | None = None
        for level, labels in enumerate(wholes[0][1]):
            history = Stop(joined([columns[level] for columns, _ in wholes]), labels, history)
        return history, None
    nodes = [node for b in morsels for node in b.nodes()]
    return Stop(column, nodes=np.fromiter(nodes, object, len(nodes))), None


def regrouped(ctx: ExecutionContext, morsels: Sequence[Morsel]) -> Morsel:
    """Results of several children together, in the order of their origins; of one origin as the morsels stand."""
    whole = concatenated(morsels)
    if len(morsels) == 1 or whole.origin is None:
        return whole
    return whole.take(np.argsort(whole.origin, kind="stable"))
