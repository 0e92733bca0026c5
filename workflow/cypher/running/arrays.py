"""Whole arrays instead of rows: a chain of hops from every node that fits, and what is counted or read at its nodes.

``MATCH (a:A)-[:R]->(b)-[:S]->(c) WHERE b.x > 1 RETURN a.k, count(*)`` needs no row at all: a frontier is one array of
node rows for each name of the pattern, a hop gathers neighbours from compressed adjacency, a condition is a mask, a
property is a column, and a last hop of which nothing is wanted is a sum of degrees. Such a plan stands for a MATCH and
the projection behind it where these begin a query that only reads; the ordinary operators answer whatever arrays
cannot, which is found before anything was given.

Relationships of one MATCH differ: each hop leaves out the edges its row has already gone along.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from workflow.cypher.errors import CypherArithmeticError
from workflow.cypher.running.array_plan import TESTS, ArrayColumn, ArrayOrder, ArrayPlan, NodeCondition
from workflow.cypher.running.blocks import RowBlock
from workflow.cypher.running.outcome import StepCost
from workflow.cypher.running.run import CypherRun, Row
from workflow.cypher.semantics.elements import read
from workflow.cypher.semantics.relations import equivalence_key, order_key
from workflow.graphs.elements import Vertex
from workflow.graphs.protocols import is_columnar
from workflow.graphs.store.versions.arrays import WRAPPERS, Codes, Numeric
from workflow.queries.columns.sorting import sorted_in_parts
from workflow.values.numbers import Float, Long

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workflow.graphs.protocols import ColumnarGraph

    Ints = NDArray[np.int64]
    Mask = NDArray[np.bool_]

BLOCK: Final = 1 << 17
"""Rows of a frontier at most: what is longer is gone through in pieces, which fit in the processor's cache."""

PART: Final = 1 << 14
"""Rows of a block that is handed on."""

FEW_LOOKUPS: Final = 1000
"""Values that are looked up one by one, and rows that are tested so."""

DENSE: Final = 1 << 20
"""Combinations of grouping keys that are numbered by their place in an array, without sorting."""

LARGEST: Final = float(1 << 62)


class NotAsArrays(Exception):
    """The arrays cannot answer this; the ordinary operators can."""


def array_groups(plan: ArrayPlan, run: CypherRun, step: int) -> Iterator[Row]:
    """A row for each group; rows of the pattern count for a step. Raises NotAsArrays before the first, or never."""
    return _walk(plan, run, step).groups()


def array_blocks(plan: ArrayPlan, run: CypherRun, step: int, start: int, end: int | None) -> Iterator[RowBlock]:
    """The projected rows in their order, from place ``start`` up to ``end``. Raises as ``array_groups`` does."""
    return _walk(plan, run, step).blocks(start, end)


def _walk(plan: ArrayPlan, run: CypherRun, step: int) -> _Walk:
    graph = run.graph
    if not is_columnar(graph) or (run.notes_reads and plan.looks_up):
        raise NotAsArrays  # arrays are noted as a whole, which is more than what is looked up
    return _Walk(run, graph, plan, step)


@dataclass
class ChainFrontier:
    """Rows side by side: one array a node of the pattern, one an edge; ``weight`` is how many rows each stands for."""

    nodes: list[Ints]
    edges: list[Ints] = field(default_factory=list)
    weight: Ints | None = None

    def __len__(self) -> int:
        return len(self.nodes[0])

    def some(self, places: Any) -> ChainFrontier:
        """The rows at these places, or where this mask is true."""
        weight = None if self.weight is None else self.weight[places]
        return ChainFrontier([one[places] for one in self.nodes], [one[places] for one in self.edges], weight)


class _Walk:
    """One run of a plan."""

    def __init__(self, run: CypherRun, graph: ColumnarGraph, plan: ArrayPlan, step: int) -> None:
        self._run, self._graph, self._plan, self._step = run, graph, plan, step
        self._labelled: dict[tuple[str, ...], Mask | None] = {}
        self._start = self._looked_up()
        self._masks = [
            None if at == 0 and self._start is not None else self._fitting(at) for at in range(len(plan.names))
        ]
        self._csrs = [graph.csr(hop.types, hop.way) for hop in plan.hops]
        loops = any(hop.way == "both" for hop in plan.hops) and bool(np.equal(*graph.edge_ends()).any())
        if loops or any(csr is None for csr in self._csrs):
            raise NotAsArrays  # a loop is met once from both sides
        wanted = {column.node for column in plan.columns}
        # a last node that nobody asks for is counted by degrees
        self._summed = plan.grouped and bool(plan.hops) and plan.names[-1] not in wanted
        self._columns = [self._read(column) for column in plan.columns]

    def _fitting(self, at: int) -> Mask | None:
        """Which rows fit a node of the pattern, bool over all rows; None where any does."""
        labels, conditions = self._plan.labels[at], self._plan.conditions[at]
        of_labels = self._of_labels(labels)
        if not conditions:
            return of_labels
        if of_labels is None:
            mask = np.zeros(self._graph.row_limit(), dtype=bool)
            mask[self._graph.vertex_rows(None)] = True
        else:
            mask = of_labels.copy()
        name = self._plan.names[at]
        for condition in conditions:
            compared = self._compared(condition)
            if compared is not None:
                mask &= compared
                continue
            for row in np.flatnonzero(mask).tolist():
                self._run.tick()
                mask[row] = condition.holds(self._run, {name: Vertex(self._graph, row)})
        return mask

    def _of_labels(self, labels: tuple[str, ...]) -> Mask | None:
        """Which rows have all of some labels, bool over all rows; None where every living one has."""
        if not labels:
            return None
        if not self._run.splits_labels:
            raise NotAsArrays
        if labels not in self._labelled:
            found = self._graph.vertex_rows([labels[0]])
            mask: Mask | None = None
            if len(labels) > 1 or self._run.notes_reads or len(found) < self._graph.vertex_count():
                mask = np.zeros(self._graph.row_limit(), dtype=bool)
                mask[found] = True
                for label in labels[1:]:
                    more = np.zeros(len(mask), dtype=bool)
                    more[self._graph.vertex_rows([label])] = True
                    mask &= more
            self._labelled[labels] = mask
        return self._labelled[labels]

    def _looked_up(self) -> Ints | None:
        """The rows of the first node where the index finds them and they are few."""
        plan, graph = self._plan, self._graph
        for condition in plan.conditions[0] if plan.hops else ():
            if condition.key is None or condition.value is None or condition.test not in ("=", "IN"):
                continue
            value = condition.value(self._run, {})
            values = value if condition.test == "IN" and isinstance(value, list) else [value]
            if len(values) > FEW_LOOKUPS or not all(type(item) in (str, int, Long) for item in values):
                continue
            matching: set[int] = set()
            for item in values:
                if condition.key == "~id":
                    row = graph.vertex_row(item) if isinstance(item, str) else None
                    rows: Iterable[int] | None = [] if row is None else [row]
                else:
                    rows = graph.find_vertices(None, condition.key, item)
                matching.update(rows or ())
                if rows is None or len(matching) > FEW_LOOKUPS:
                    break
            else:
                mask = self._of_labels(plan.labels[0])
                name = plan.names[0]
                fitting = [
                    row
                    for row in sorted(matching)
                    if (mask is None or mask[row])
                    and all(other.holds(self._run, {name: Vertex(graph, row)}) for other in plan.conditions[0])
                ]
                return np.array(fitting, dtype=np.int64)
        return None

    def _compared(self, condition: NodeCondition) -> Mask | None:
        """A comparison of a column with one value, bool over all rows; None where the arrays cannot say."""
        if condition.key is None or condition.value is None:
            return None
        value = condition.value(self._run, {})
        view = self._graph.column(condition.key)
        if condition.test == "IN":
            whole = isinstance(value, list) and all(type(item) in (int, Long) and abs(item) < 2**53 for item in value)
            numbers = view.numeric() if whole else None
            return None if numbers is None else numbers.present & np.isin(numbers.values, np.array(value, dtype=float))
        if isinstance(value, str) and condition.test == "=":
            codes = view.codes()
            if codes is None:
                return None
            same = [at for at, item in enumerate(codes.values) if isinstance(item, str) and item == value]
            equal: Mask = np.isin(codes.codes, same)
            return equal
        numeric = view.numeric()
        if numeric is None or isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 2**53:
            return None
        if isinstance(value, float) and numeric.values.dtype.kind == "i":
            return None  # integers that no float holds
        mask: Mask = numeric.present & TESTS[condition.test](numeric.values, value)
        return mask

    # -- going along

    def _frontiers(self) -> Iterator[ChainFrontier]:
        """The rows of the whole pattern, piece by piece."""
        mask, start = self._masks[0], self._start
        if start is None:
            start = self._graph.vertex_rows(None).astype(np.int64) if mask is None else np.flatnonzero(mask)
        costs = self._run.outcome.costs
        for frontier in self._along(ChainFrontier([start]), 0):
            if costs is not None:
                rows = len(frontier) if frontier.weight is None else int(frontier.weight.sum())
                costs.setdefault(self._step, StepCost()).rows += rows
            yield frontier

    def _along(self, frontier: ChainFrontier, at: int) -> Iterator[ChainFrontier]:
        self._run.check()
        if at == len(self._plan.hops):
            for begin in range(0, len(frontier), BLOCK):
                yield frontier.some(slice(begin, begin + BLOCK)) if len(frontier) > BLOCK else frontier
            return
        if self._summed and at == len(self._plan.hops) - 1:
            yield self._weighted(frontier, at)
            return
        csr = self._csrs[at]
        assert csr is not None
        starts = csr.indptr[frontier.nodes[-1]].astype(np.int64)
        degrees = csr.indptr[frontier.nodes[-1] + 1] - starts
        size = int(degrees.sum())
        if size > BLOCK and len(frontier) > 1:
            middle = min(max(1, int(np.searchsorted(np.cumsum(degrees), size // 2))), len(frontier) - 1)
            yield from self._along(frontier.some(slice(None, middle)), at)
            yield from self._along(frontier.some(slice(middle, None)), at)
            return
        parents = np.repeat(np.arange(len(frontier)), degrees)
        places = _places(starts, degrees)
        there, edges = csr.neighbours[places].astype(np.int64), csr.edges[places].astype(np.int64)
        mask = self._masks[at + 1]
        keep = np.ones(size, dtype=bool) if mask is None else mask[there]
        for before in frontier.edges:
            keep &= before[parents] != edges
        grown = frontier.some(parents[keep])
        grown.nodes.append(there[keep])
        grown.edges.append(edges[keep])
        if len(grown):
            yield from self._along(grown, at + 1)

    def _weighted(self, frontier: ChainFrontier, at: int) -> ChainFrontier:
        """Each row with the number of ways to make the last hop: the edges that fit, but for those already gone."""
        csr, hop, mask = self._csrs[at], self._plan.hops[at], self._masks[at + 1]
        assert csr is not None
        here = frontier.nodes[-1]
        starts = csr.indptr[here].astype(np.int64)
        weight = csr.indptr[here + 1] - starts
        if mask is not None and int(weight.sum()) < len(csr.neighbours):
            places = _places(starts, weight)
            parents = np.repeat(np.arange(len(here)), weight)
            weight = np.bincount(parents[mask[csr.neighbours[places]]], minlength=len(here))
        elif mask is not None:
            sums = np.concatenate(([0], np.cumsum(mask[csr.neighbours])))
            weight = sums[csr.indptr[here + 1]] - sums[csr.indptr[here]]
        if not frontier.edges:
            return ChainFrontier(frontier.nodes, [], weight).some(weight > 0)
        source, target = self._graph.edge_ends()
        for edges, gone in zip(frontier.edges, self._plan.hops, strict=False):
            of_type = None
            if hop.types is not None and not (gone.types is not None and set(gone.types) <= set(hop.types)):
                of_type = np.zeros(len(source), dtype=bool)
                of_type[self._graph.edge_rows(hop.types)] = True
            for way, near, far in (("out", source, target), ("in", target, source)):
                if hop.way in (way, "both"):
                    again = near[edges] == here
                    if of_type is not None:
                        again &= of_type[edges]
                    if mask is not None:
                        again &= mask[far[edges]]
                    weight = weight - again
        return ChainFrontier(frontier.nodes, frontier.edges, weight).some(weight > 0)

    # -- what is wanted

    def _read(self, column: ArrayColumn) -> Any:
        """Where a column is read: codes of a key, numbers of an aggregate; None for whole nodes and ``count(*)``."""
        if column.node is None or column.key is None:
            return None
        view = self._graph.column(column.key)
        found: Any = None if column.aggregate == "count" else view.numeric()
        if column.aggregate == "count" or (found is None and not column.aggregate) or self._is_key(column):
            found = view.codes()
        if found is None:
            raise NotAsArrays
        return found

    def _at(self, column: ArrayColumn, frontier: ChainFrontier) -> Ints:
        """The node rows that a column is about."""
        assert column.node is not None
        return frontier.nodes[self._plan.names.index(column.node)]

    def _is_key(self, column: ArrayColumn) -> bool:
        return self._plan.grouped and not column.aggregate

    def blocks(self, start: int, end: int | None) -> Iterator[RowBlock]:
        """The rows of the pattern in their order, from place ``start`` up to ``end``."""
        names = tuple(column.name for column in self._plan.columns)
        for frontier in self._cut(start, end):
            for begin in range(0, len(frontier), PART):
                self._run.check()
                part = frontier.some(slice(begin, begin + PART))
                yield RowBlock(
                    names,
                    [
                        self._values(source, self._at(column, part))
                        for column, source in zip(self._plan.columns, self._columns, strict=True)
                    ],
                )

    def _values(self, source: Numeric | Codes | None, rows: Ints) -> list[Any]:
        """What a column holds in these rows, null where nothing; the nodes themselves where it has no source."""
        if source is None:
            return [Vertex(self._graph, row) for row in rows.tolist()]
        if isinstance(source, Codes):
            table = source.values
            return [None if code < 0 else read(table[code]) for code in source.codes[rows].tolist()]
        found: list[Any] = source.values[rows].tolist()
        if source.kind is Float:
            found = list(map(WRAPPERS[Float], found))
        held = source.present[rows]
        if not held.all():
            found = [value if there else None for value, there in zip(found, held.tolist(), strict=True)]
        return found

    def _cut(self, start: int, end: int | None) -> Iterator[ChainFrontier]:
        """The rows that are wanted, sorted where the plan has an order."""
        if self._plan.order and end != start:
            yield self._sorted(end).some(slice(start, end))
            return
        done = 0
        for frontier in self._frontiers() if end != start else ():
            size = len(frontier)
            yield frontier.some(slice(max(0, start - done), None if end is None else end - done))
            done += size
            if end is not None and done >= end:
                return

    def _sorted(self, end: int | None) -> ChainFrontier:
        """The first ``end`` rows in their order, or all; equal ones as they came."""
        best: ChainFrontier | None = None
        for frontier in self._frontiers():
            if best is not None:
                frontier = ChainFrontier(
                    [np.concatenate(pair) for pair in zip(best.nodes, frontier.nodes, strict=True)],
                    [np.concatenate(pair) for pair in zip(best.edges, frontier.edges, strict=True)],
                )
            self._run.hold(len(frontier))
            best = frontier if end is None else self._first(frontier, end)
        if best is None:
            return ChainFrontier([np.zeros(0, dtype=np.int64) for _ in self._plan.names])
        return self._first(best, end)

    def _first(self, frontier: ChainFrontier, end: int | None) -> ChainFrontier:
        keys: list[Any] = []
        for order in self._plan.order or ():
            keys += self._sort_keys(order, frontier)
        if end is not None and len(frontier) > 4 * end:
            for key in keys[:2]:  # whatever is beyond the first so many by the first key alone is not among them
                if key.min() != key.max():
                    near = np.flatnonzero(key <= np.partition(key, end - 1)[end - 1])
                    frontier, keys = frontier.some(near), [one[near] for one in keys]
                    break
        return frontier.some(np.lexsort(keys[::-1])[:end])

    def _sort_keys(self, order: ArrayOrder, frontier: ChainFrontier) -> list[Any]:
        """Arrays that sort one after the other: of which kind a value is, and where it stands in it."""
        rows = frontier.nodes[self._plan.names.index(order.node)]
        if order.key is None:
            return [-rows if order.descending else rows]
        view = self._graph.column(order.key)
        numeric = view.numeric()
        if numeric is not None:
            values, kinds = numeric.values[rows], np.where(numeric.present[rows], 0, 2)
            if values.dtype.kind == "f":
                kinds[(kinds == 0) & np.isnan(values)] = 1
            values = np.where(kinds == 0, values, values.dtype.type(0))
            if order.descending:
                return [-kinds, ~values if values.dtype.kind == "i" else -values]
            return [kinds, values]
        codes = view.codes()
        if codes is None:
            held = [self._graph.vertex_values(row, order.key) for row in self._run.each(rows.tolist())]
            keys = [order_key(read(some[0]) if len(some) else None) for some in self._run.each(held)]
            ranks = {key: rank for rank, key in enumerate(sorted_in_parts(self._run, list(set(keys))))}
            found = np.fromiter((ranks[key] for key in keys), dtype=np.int64, count=len(keys))
        else:
            distinct, places = np.unique(codes.codes[rows], return_inverse=True)
            table = codes.values
            keys = [order_key(None if code < 0 else read(table[code])) for code in self._run.each(distinct.tolist())]
            ranks = {key: rank for rank, key in enumerate(sorted_in_parts(self._run, list(set(keys))))}
            found = np.array([ranks[key] for key in keys], dtype=np.int64)[places.reshape(-1)]
        return [np.zeros(len(found), dtype=np.int64), -found if order.descending else found]

    def groups(self) -> Iterator[Row]:
        """A row for each group."""
        keys = [at for at, column in enumerate(self._plan.columns) if not column.aggregate]
        groups: dict[Any, _Group] = {}
        for frontier in self._frontiers():
            if len(frontier):
                self._gather(frontier, keys, groups)
                self._run.hold(len(groups))
        if not groups and not keys:
            groups[()] = _Group([], self._plan.columns)
        for group in self._run.each(groups.values()):
            given = iter(group.keys)
            yield {
                column.name: group.result(at) if column.aggregate else next(given)
                for at, column in enumerate(self._plan.columns)
            }

    def _gather(self, frontier: ChainFrontier, keys: Sequence[int], groups: dict[Any, _Group]) -> None:
        """Add a piece of the pattern's rows to the groups."""
        codes = []
        for at in keys:
            rows = self._at(self._plan.columns[at], frontier)
            codes.append(rows if self._columns[at] is None else self._columns[at].codes[rows])
        distinct, numbers = _numbered(codes, len(frontier))
        of_rows = []
        for combination in self._run.each(distinct):
            values = [self._value(at, code) for at, code in zip(keys, combination, strict=True)]
            key = tuple(map(equivalence_key, values))
            if key not in groups:
                groups[key] = _Group(values, self._plan.columns)
            of_rows.append(groups[key])
        weight = np.ones(len(frontier), dtype=np.int64) if frontier.weight is None else frontier.weight
        for at, column in enumerate(self._plan.columns):
            if column.aggregate:
                self._aggregate(at, column, frontier, numbers, weight, of_rows)

    def _value(self, at: int, code: int) -> Any:
        source = self._columns[at]
        if source is None:
            return Vertex(self._graph, code)
        return None if code < 0 else read(source.values[code])

    def _aggregate(
        self, at: int, column: ArrayColumn, frontier: ChainFrontier, place: Ints, weight: Ints, groups: Sequence[_Group]
    ) -> None:
        source, size = self._columns[at], len(groups)
        if source is None and not column.distinct:
            for group, count in zip(groups, _sums(place, weight, size), strict=True):
                group.counts[at] += count
            return
        rows = self._at(column, frontier)
        if column.distinct:
            pairs = np.unique(np.stack((place, rows)), axis=1)
            for number, row in pairs.T.tolist():
                groups[number].seen[at].add(row)
            return
        if column.aggregate == "count":
            held = source.codes[rows] >= 0
            for group, count in zip(groups, _sums(place[held], weight[held], size), strict=True):
                group.counts[at] += count
            return
        held = source.present[rows]
        place, rows, weight = place[held], rows[held], weight[held]
        values = source.values[rows]
        counts = _sums(place, weight, size)
        whole = values.dtype.kind == "i"
        if whole and len(values) and float(np.abs(values).max()) * float(weight.sum()) > LARGEST:
            whole = False  # as the sum of Python's own integers
        if whole:
            totals: list[Any] = _sums(place, values * weight, size)
        elif values.dtype.kind == "i":
            totals = [0] * size
            for number, value, times in zip(place.tolist(), values.tolist(), weight.tolist(), strict=True):
                totals[number] += value * times
        else:
            totals = np.bincount(place, values * weight, size).tolist()
        low, high = np.full(size, np.inf), np.full(size, -np.inf)
        if values.dtype.kind == "i":
            low, high = np.full(size, 2**63 - 1, np.int64), np.full(size, -(2**63), np.int64)
        if column.aggregate in ("min", "max"):
            np.minimum.at(low, place, values)
            np.maximum.at(high, place, values)
        for number, group in enumerate(groups):
            if counts[number]:
                group.add(at, counts[number], totals[number], low[number].item(), high[number].item())


def _places(starts: Ints, degrees: Ints) -> Ints:
    """Where the edges of rows stand, one row after the other: ``degrees`` of them from ``starts`` on."""
    return np.repeat(starts - np.concatenate(([0], np.cumsum(degrees)[:-1])), degrees) + np.arange(int(degrees.sum()))


def _numbered(codes: Sequence[Ints], size: int) -> tuple[list[list[int]], Ints]:
    """The different combinations of codes, each from -1 on, and for each of ``size`` rows the number of its own."""
    if not codes:
        return [[]], np.zeros(size, dtype=np.int64)
    widths = [int(column.max()) + 2 for column in codes]
    if math.prod(widths) > DENSE:
        distinct, number_of = np.unique(np.stack(codes), axis=1, return_inverse=True)
        return distinct.T.tolist(), number_of.reshape(-1)
    joined = np.zeros(size, dtype=np.int64)
    for column, width in zip(codes, widths, strict=True):
        joined = joined * width + (column + 1)
    held = np.flatnonzero(np.bincount(joined, minlength=math.prod(widths)))
    numbers = np.zeros(math.prod(widths), dtype=np.int64)
    numbers[held] = np.arange(len(held))
    parts: list[Ints] = []
    rest = held
    for width in reversed(widths):
        rest, part = np.divmod(rest, width)
        parts.append(part - 1)
    return np.stack(parts[::-1], axis=1).tolist(), numbers[joined]


def _sums(place: Ints, values: Ints, size: int) -> list[int]:
    """The sum of integers in each place; exact, which a sum of floats is not beyond 2^53."""
    if not len(values) or float(np.abs(values).max()) * len(values) < 2**53:
        return [int(one) for one in np.bincount(place, values, size)]
    found = np.zeros(size, dtype=np.int64)
    np.add.at(found, place, values)
    return [int(one) for one in found]


class _Group:
    """What is known of one group: for each column with an aggregate its count, sum, extremes, or distinct rows."""

    def __init__(self, keys: list[Any], columns: Sequence[ArrayColumn]) -> None:
        self.keys = keys
        self._columns = columns
        self.counts = [0] * len(columns)
        self.totals: list[Any] = [0] * len(columns)
        self.low: list[Any] = [None] * len(columns)
        self.high: list[Any] = [None] * len(columns)
        self.seen: list[set[int]] = [set() for _ in columns]

    def add(self, at: int, count: int, total: Any, low: Any, high: Any) -> None:
        """So many numbers more."""
        self.counts[at] += count
        self.totals[at] += total
        self.low[at] = low if self.low[at] is None else min(self.low[at], low)
        self.high[at] = high if self.high[at] is None else max(self.high[at], high)

    def result(self, at: int) -> Any:
        """The value of an aggregate."""
        column = self._columns[at]
        if column.distinct:
            return len(self.seen[at])
        match column.aggregate:
            case "count":
                return self.counts[at]
            case "sum":
                if isinstance(self.totals[at], int) and not -(2**63) <= self.totals[at] < 2**63:
                    raise CypherArithmeticError("long overflow", "IntegerOverflow")
                return self.totals[at]
            case "avg":
                return self.totals[at] / self.counts[at] if self.counts[at] else None
        return self.low[at] if column.aggregate == "min" else self.high[at]
