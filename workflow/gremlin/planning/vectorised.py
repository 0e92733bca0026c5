"""Vectorised plans: the begin of a query on whole arrays of rows, as far as a step that takes everything anyway.

``V().hasLabel("person").has("age", 30).out().out().count()`` needs no traverser at all: a frontier is an array of rows
with an array of bulks, a hop gathers neighbours from compressed adjacency or propagates bulks along all edges at once,
a filter is a mask, and a count after a hop is a sum of degrees. The step keeps the ordinary steps it stands for and
runs those where the graph has no arrays or a property is not the same simple type everywhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from workflow.graphs.elements import Edge, Vertex, Way
from workflow.graphs.protocols import is_columnar
from workflow.gremlin.columns.filtering import id_mask
from workflow.gremlin.columns.values import ElementColumn
from workflow.gremlin.running.step import ExecutionContext, Frame, Step, chain
from workflow.gremlin.running.traverser import Traverser
from workflow.gremlin.semantics.arithmetic import div
from workflow.gremlin.semantics.values import Long, Order
from workflow.gremlin.steps.gathering.group import made_map
from workflow.gremlin.steps.moving.sources import GraphStep
from workflow.gremlin.traversal import P
from workflow.queries.run import Run

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workflow.graphs.protocols import ColumnarGraph, ColumnView

    Rows = NDArray[Any]

SMALL = 48
"""Frontiers up to this size are walked row by row: touching an array of all vertices would cost more."""

LARGEST = float(1 << 62)
Kind = type[Vertex] | type[Edge]


class NotVectorisable(Exception):
    """The arrays cannot answer this; the ordinary steps can."""


@dataclass
class Frontier:
    """Where a query stands: rows of one kind of element, each as often as its bulk says.

    Attributes:
        graph: what the rows belong to.
        kind: vertices or edges.
        rows: int64, shape (n,), in the order in which traversers would come; a row may stand there several times.
        bulk: int64, shape (n,), how many traversers a row stands for; None where each stands for one.
    """

    graph: ColumnarGraph
    kind: Kind
    rows: Rows
    bulk: Rows | None = None

    def total(self) -> int:
        """How many traversers there are."""
        return len(self.rows) if self.bulk is None else int(self.bulk.sum())

    def bulks(self) -> Rows:
        """The bulk of each row, int64, shape (n,)."""
        return np.ones(len(self.rows), dtype=np.int64) if self.bulk is None else self.bulk

    def keep(self, mask: Rows) -> Frontier:
        """The rows at which a mask, bool of shape (n,), is true."""
        return Frontier(self.graph, self.kind, self.rows[mask], None if self.bulk is None else self.bulk[mask])

    def column(self, key: str) -> ColumnView:
        """The property of that name, of all elements of the kind."""
        return self.graph.column(key) if self.kind is Vertex else self.graph.edge_column(key)


class RowOperation(Protocol):
    """One step on a frontier. Raises NotVectorisable."""

    def apply(self, frontier: Frontier) -> Frontier:
        """Where the query stands behind the step."""


class Finish(Protocol):
    """The step that takes everything: gives the values it sends on."""

    def values(self, frontier: Frontier, run: Run) -> Iterator[Any]:
        """What the step sends on, of the whole frontier."""


@dataclass
class RowHop:
    """``out``, ``in``, ``both`` to vertices, or to edges with ``to_edges``."""

    way: Way
    labels: tuple[str, ...]
    to_edges: bool = False

    def apply(self, frontier: Frontier) -> Frontier:
        if len(frontier.rows) <= SMALL:
            return self.walk(frontier)
        graph = frontier.graph
        csr = graph.csr(self.labels or None, self.way)
        if csr is None:
            raise NotVectorisable
        rows = frontier.rows
        starts = csr.indptr[rows].astype(np.int64)
        degrees = csr.indptr[rows + 1] - starts
        size = int(degrees.sum())
        kind: Kind = Edge if self.to_edges else Vertex
        if not self.to_edges and 2 * size > graph.row_limit():
            return self._propagate(frontier, degrees)
        places = np.repeat(starts - np.concatenate(([0], np.cumsum(degrees)[:-1])), degrees) + np.arange(size)
        reached = (csr.edges if self.to_edges else csr.neighbours)[places]
        bulk = None if frontier.bulk is None else np.repeat(frontier.bulk, degrees)
        return Frontier(graph, kind, reached, bulk)

    def walk(self, frontier: Frontier, spend: Callable[[int], None] | None = None) -> Frontier:
        """The same row by row; ``spend`` is told how many elements each leads to."""
        graph = frontier.graph
        along = graph.incident if self.to_edges else graph.neighbours
        labels = self.labels or None
        reached: list[int] = []
        bulk: list[int] = []
        for row, times in zip(frontier.rows.tolist(), frontier.bulks().tolist(), strict=True):
            here = along(row, self.way, labels)
            reached.extend(here)
            if spend is not None:
                spend(1 + len(reached) - len(bulk))
            bulk.extend([times] * (len(reached) - len(bulk)))
        kind: Kind = Edge if self.to_edges else Vertex
        bulks = None if frontier.bulk is None else np.array(bulk, dtype=np.int64)
        return Frontier(graph, kind, np.array(reached, dtype=np.int64), bulks)

    def _propagate(self, frontier: Frontier, degrees: Rows) -> Frontier:
        """All bulks along all edges at once: each vertex sums what stands at the other ends."""
        graph = frontier.graph
        bulks = frontier.bulks()
        if float(np.dot(bulks.astype(np.float64), degrees.astype(np.float64))) > LARGEST:
            raise NotVectorisable  # Python's own integers have no largest
        back: Way = {"out": "in", "in": "out"}.get(self.way, "both")  # type: ignore[assignment]
        csr = graph.csr(self.labels or None, back)
        if csr is None:
            raise NotVectorisable
        weights = _summed(frontier.rows, frontier, graph.row_limit())
        sums = np.concatenate(([0], np.cumsum(weights[csr.neighbours])))
        arrived = sums[csr.indptr[1:]] - sums[csr.indptr[:-1]]
        rows = np.flatnonzero(arrived)
        return Frontier(graph, Vertex, rows, arrived[rows])

    def count(self, frontier: Frontier) -> int:
        """How many this hop would lead to."""
        graph, labels = frontier.graph, self.labels or None
        if len(frontier.rows) <= SMALL:
            pairs = zip(frontier.rows.tolist(), frontier.bulks().tolist(), strict=True)
            return sum(times * graph.degree(row, self.way, labels) for row, times in pairs)
        degrees = graph.degree_array(self.way, labels)[frontier.rows]
        if frontier.bulk is None:
            return int(degrees.sum())
        if float(np.dot(frontier.bulk.astype(np.float64), degrees.astype(np.float64))) > LARGEST:
            raise NotVectorisable
        return int(np.dot(frontier.bulk, degrees))


@dataclass
class Ends:
    """``outV``, ``inV`` and ``bothV`` of edges."""

    way: Way

    def apply(self, frontier: Frontier) -> Frontier:
        if len(frontier.rows) <= SMALL:
            graph = frontier.graph
            rows = frontier.rows.tolist()
            sources = np.array([graph.edge_source(row) for row in rows], dtype=np.int64)
            targets = np.array([graph.edge_target(row) for row in rows], dtype=np.int64)
        else:
            sources, targets = (ends[frontier.rows].astype(np.int64) for ends in frontier.graph.edge_ends())
        bulk = frontier.bulk
        if self.way == "both":
            doubled = None if bulk is None else np.concatenate((bulk, bulk))
            return Frontier(frontier.graph, Vertex, np.concatenate((sources, targets)), doubled)
        return Frontier(frontier.graph, Vertex, sources if self.way == "out" else targets, bulk)


_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "eq": np.equal,
    "lt": np.less,
    "lte": np.less_equal,
    "gt": np.greater,
    "gte": np.greater_equal,
}


@dataclass
class Filter:
    """A test of elements; of one property by comparison with a number where ``key`` and ``predicate`` say so."""

    test: Callable[[Any], bool]
    key: str | None = None
    predicate: P | None = None
    value_test: Callable[[Any], bool] | None = None

    def apply(self, frontier: Frontier) -> Frontier:
        if len(frontier.rows) > SMALL and self.key is not None:
            mask = self.mask(frontier)
            if mask is not None:
                return frontier.keep(mask)
        graph, kind, test = frontier.graph, frontier.kind, self.test
        return frontier.keep(
            np.fromiter((test(kind(graph, row)) for row in frontier.rows.tolist()), bool, len(frontier.rows))
        )

    def mask(self, frontier: Frontier) -> Rows | None:
        """Which rows pass, or None where arrays cannot say."""
        column = frontier.column(self.key or "")
        compare = _COMPARISONS.get(self.predicate.name) if self.predicate is not None else None
        if compare is not None and self.predicate is not None and _plain_number(self.predicate.args[0]):
            numeric = column.numeric()
            if numeric is not None:
                rows = frontier.rows
                return np.asarray(numeric.present[rows] & compare(numeric.values[rows], self.predicate.args[0]))
        if self.value_test is None:
            return None
        codes = column.codes()
        if codes is None or len(codes.values) > max(len(frontier.rows), SMALL):
            return None
        test = self.value_test
        holds = np.array([*map(test, codes.values), False], dtype=bool)  # the last is where -1 points: no value
        return np.asarray(holds[codes.codes[frontier.rows]])


@dataclass
class IdFilter:
    """A test of ids; many of them by comparison with a number, where they are numbers."""

    test: Callable[[Any], bool]
    predicate: P

    def apply(self, frontier: Frontier) -> Frontier:
        graph, kind, test = frontier.graph, frontier.kind, self.test
        if len(frontier.rows) > SMALL:
            mask = id_mask(self.predicate, ElementColumn(graph, kind, frontier.rows))
            if mask is not None:
                return frontier.keep(mask)
        passed = (test(kind(graph, row)) for row in frontier.rows.tolist())
        return frontier.keep(np.fromiter(passed, bool, len(frontier.rows)))


def _plain_number(value: Any) -> bool:
    """A number that arrays compare as Gremlin does."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1 << 53


class Dedup:
    """``dedup()``: every row once."""

    def apply(self, frontier: Frontier) -> Frontier:
        _, first = np.unique(frontier.rows, return_index=True)
        return Frontier(frontier.graph, frontier.kind, frontier.rows[np.sort(first)])


@dataclass
class RowCount:
    """``count()``, of a last hop by degrees."""

    hop: RowHop | None = None

    def values(self, frontier: Frontier, run: Run) -> Iterator[Any]:
        yield Long(frontier.total() if self.hop is None else self.hop.count(frontier))


@dataclass
class GroupCount:
    """``groupCount()`` by a property, by the label, or by the elements themselves."""

    key: str | None = None
    by_label: bool = False

    def values(self, frontier: Frontier, run: Run) -> Iterator[Any]:
        graph = frontier.graph
        if self.key is not None:
            codes = frontier.column(self.key).codes()
            if codes is None:
                raise NotVectorisable
            counts = _summed(codes.codes[frontier.rows] + 1, frontier, len(codes.values) + 1)[1:]
            places = np.flatnonzero(counts)
            yield made_map([(codes.values[p], Long(counts[p])) for p in run.each(places.tolist())], run)
        elif self.by_label:
            labels = (
                Counter(_labels(frontier)) if frontier.bulk is None else _weighted(_labels(frontier), frontier.bulk)
            )
            yield {label: Long(times) for label, times in labels.items()}
        else:
            size = int(frontier.rows.max()) + 1 if len(frontier.rows) else 0
            counts = _summed(frontier.rows, frontier, size)
            places = np.flatnonzero(counts)
            yield made_map([(frontier.kind(graph, p), Long(counts[p])) for p in run.each(places.tolist())], run)


def _labels(frontier: Frontier) -> Iterator[str]:
    label_of = frontier.graph.vertex_label if frontier.kind is Vertex else frontier.graph.edge_label
    return map(label_of, frontier.rows.tolist())


def _weighted(keys: Iterator[str], weights: Rows) -> dict[str, int]:
    sums: dict[str, int] = {}
    for key, weight in zip(keys, weights.tolist(), strict=True):
        sums[key] = sums.get(key, 0) + weight
    return sums


class Labels:
    """``label().dedup()``."""

    def values(self, frontier: Frontier, run: Run) -> Iterator[Any]:
        return iter(dict.fromkeys(_labels(frontier)))


def _summed(places: Rows, frontier: Frontier, size: int) -> Rows:
    """Bulks by place, exactly."""
    if frontier.bulk is None:
        return np.bincount(places, minlength=size)
    sums = np.zeros(size, dtype=np.int64)
    np.add.at(sums, places, frontier.bulk)
    return sums


@dataclass
class RowReduction:
    """``values(key)`` and then ``sum``, ``min``, ``max`` or ``mean`` of whole numbers."""

    key: str
    how: str

    def values(self, frontier: Frontier, run: Run) -> Iterator[Any]:
        numeric = frontier.column(self.key).numeric()
        if numeric is None or numeric.kind not in (int, Long):
            raise NotVectorisable  # sums of reals depend on their order
        present = numeric.present[frontier.rows]
        found = numeric.values[frontier.rows][present]
        if not len(found):
            return
        bulks = frontier.bulks()[present]
        size = float(np.dot(np.abs(found).astype(np.float64), bulks.astype(np.float64)))
        if size >= (1 << 31 if numeric.kind is int else 1 << 62):
            raise NotVectorisable  # promotion to wider types
        if self.how in ("min", "max"):
            yield numeric.kind(found.min() if self.how == "min" else found.max())
            return
        total = numeric.kind(int(np.dot(found, bulks)))
        yield total if self.how == "sum" else div(total, Long(int(bulks.sum())), force_real=True)


@dataclass
class Ordered:
    """``order().by(key)`` of numbers, and the first so many of it."""

    key: str
    way: Order
    limit: int | None

    def values(self, frontier: Frontier, run: Run) -> Iterator[Any]:
        numeric = frontier.column(self.key).numeric()
        if numeric is None or frontier.bulk is not None:
            raise NotVectorisable
        rows = frontier.rows[numeric.present[frontier.rows]]
        keys = numeric.values[rows]
        if keys.dtype.kind == "f" and np.isnan(keys).any():
            raise NotVectorisable
        places = np.argsort(keys if self.way is Order.asc else -keys, kind="stable")
        for row in rows[places[: self.limit]].tolist():
            yield frontier.kind(frontier.graph, row)


class MaskedGraphStep(GraphStep):
    """A source with tests of properties: the rows that cannot pass are left out by masks, before all else."""

    def __init__(self, plain: GraphStep, filters: Sequence[Filter]) -> None:
        super().__init__(plain.kind, plain.ids)
        self.__dict__.update(plain.__dict__)
        self.filters = filters

    def rows(self, ctx: ExecutionContext) -> Iterable[int]:
        """The rows to look at, in order; the tests are still put to each."""
        if self.ids is not None or self.lookups or not is_columnar(ctx.graph):
            return super().rows(ctx)
        graph = ctx.graph
        whole = graph.vertex_rows if self.kind is Vertex else graph.edge_rows
        frontier = Frontier(graph, self.kind, whole(self.labels_wanted))
        for one in self.filters:
            mask = one.mask(frontier) if len(frontier.rows) > SMALL else None
            if mask is not None:
                frontier = frontier.keep(mask)
        found: list[int] = frontier.rows.tolist()
        return found


class VectorisedStep(Step):
    """A source, operations and a finish on arrays, in place of ordinary steps."""

    barrier = True

    def __init__(
        self,
        slow: tuple[Step, ...],
        source: GraphStep,
        operations: Sequence[RowOperation],
        finish: Finish,
        restarts: bool,
    ) -> None:
        super().__init__()
        self.slow = slow
        self.source = source
        self.operations = operations
        self.finish_with = finish
        self.restarts = restarts
        self.name = "vectorised"

    def run(self, ctx: ExecutionContext, source: Iterator[Traverser], frame: Frame) -> Iterator[Traverser]:
        for t in source:
            try:
                found = list(self._values(ctx))
            except NotVectorisable:
                yield from chain(self.slow, ctx, iter((t,)), frame)
                continue
            for value in found:
                yield ctx.start(value) if self.restarts else t.split(value)

    def _values(self, ctx: ExecutionContext) -> Iterator[Any]:
        if not is_columnar(ctx.graph) or not ctx.bulked:
            raise NotVectorisable
        graph = ctx.graph
        if self._counts_all:
            return iter((Long(graph.vertex_count() if self.source.kind is Vertex else graph.edge_count()),))
        frontier = self._begin(ctx, graph)
        for operation in self.operations:
            ctx.check()
            frontier = operation.apply(frontier) if ctx.effort is None else self._briefly(ctx, operation, frontier)
        ctx.check()
        finish = self.finish_with
        if ctx.effort is not None:
            if not isinstance(finish, RowCount) or (finish.hop is not None and len(frontier.rows) > SMALL):
                raise NotVectorisable
            ctx.spend(len(frontier.rows))
        return ctx.each(finish.values(frontier, ctx))

    @property
    def _counts_all(self) -> bool:
        """Whether all elements are counted, which is known without looking at any."""
        source, finish = self.source, self.finish_with
        if source.ids is not None or source.lookups or source.labels_wanted is not None or self.operations:
            return False
        return isinstance(finish, RowCount) and finish.hop is None

    @staticmethod
    def _briefly(ctx: ExecutionContext, operation: RowOperation, frontier: Frontier) -> Frontier:
        """An operation of a brief run, which uses no array of the whole graph: it might have to be made first."""
        if len(frontier.rows) > SMALL and not isinstance(operation, Dedup):
            raise NotVectorisable
        return operation.walk(frontier, ctx.spend) if isinstance(operation, RowHop) else operation.apply(frontier)

    def _begin(self, ctx: ExecutionContext, graph: ColumnarGraph) -> Frontier:
        source = self.source
        if source.ids is None and not source.lookups:
            whole = graph.vertex_rows if source.kind is Vertex else graph.edge_rows
            return Frontier(graph, source.kind, whole(source.labels_wanted))
        rows = np.array(list(source.rows(ctx)), dtype=np.int64)
        return Frontier(graph, source.kind, rows)

    def arguments(self) -> str:
        return ", ".join(map(str, self.slow))
