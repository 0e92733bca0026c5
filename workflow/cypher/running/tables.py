"""Patterns found for many rows at once: a table of arrays grows by a column with every node that is gone to.

A clause that gets thousands of rows, or goes from one node to thousands, need not make a row for each: the nodes and
relationships found so far stand as arrays of their rows in the graph, a hop gathers what lies near all of them, and a
test is a mask. What becomes of it are ordinary rows, in the same order in which they are found one by one. A step that
has no form for tables is made row by row, from there on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from workflow.cypher.lang import tree as t
from workflow.cypher.running.expressions import Evaluator
from workflow.cypher.running.hops import OTHER_WAY, RelationshipElement, vertex_of
from workflow.cypher.running.run import CypherRun, Row
from workflow.cypher.semantics.elements import labels_of
from workflow.graphs.elements import Edge, Vertex
from workflow.graphs.protocols import is_columnar
from workflow.graphs.store.versions.arrays import Numeric

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workflow.graphs.protocols import ColumnarGraph, ColumnView

    Ints = NDArray[np.int64]
    Mask = NDArray[np.bool_]

PIECE: Final = 1 << 15
"""Rows of a table at most, where one row alone does not become more."""

FIRST_BATCH, MOST_BATCH = 64, 4096
"""Rows that a table begins with: few at first, since nobody may want more than the first answers."""

PART_OF_ALL: Final = 64
"""Arrays over all elements are worth to be made for this part of them."""

MOST_TRAILS: Final = 256
"""Ways of any length from one node that are kept for all rows that stand there."""

COMPARED: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "=": np.equal,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
}
_MIRRORED: Final = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


@dataclass(frozen=True)
class Table:
    """Rows side by side, as places in those that were given and arrays of what was found for them.

    Attributes:
        graph: that they were found in.
        given: the rows before.
        parents: the place in ``given`` of each row, (n,), never falling.
        nodes: rows of nodes by name, each (n,).
        edges: rows of single relationships by name, each (n,).
        trails: by name, relationships of any number: a tuple of rows each, (n,) of objects.
    """

    graph: ColumnarGraph
    given: Sequence[Row]
    parents: Ints
    nodes: dict[str, Ints] = field(default_factory=dict)
    edges: dict[str, Ints] = field(default_factory=dict)
    trails: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.parents)

    def some(self, places: Any) -> Table:
        """The rows at these places, or where this mask is true."""
        return replace(
            self,
            parents=self.parents[places],
            nodes={name: rows[places] for name, rows in self.nodes.items()},
            edges={name: rows[places] for name, rows in self.edges.items()},
            trails={name: rows[places] for name, rows in self.trails.items()},
        )

    def columns(self, names: Iterable[str] | None = None) -> list[tuple[str, list[Any]]]:
        """What is found by name, as queries see it: a value a row."""
        graph, wanted = self.graph, None if names is None else frozenset(names)
        found: list[tuple[str, list[Any]]] = []
        for kind, columns in ((Vertex, self.nodes), (Edge, self.edges)):
            for name, rows in columns.items():
                if wanted is None or name in wanted:
                    found.append((name, [kind(graph, row) for row in rows.tolist()]))
        for name, trails in self.trails.items():
            if wanted is None or name in wanted:
                found.append((name, [[Edge(graph, row) for row in trail] for trail in trails]))
        return found

    def rows(self, names: Iterable[str] | None = None) -> Iterator[tuple[int, Row]]:
        """Each row with its place in ``given``; each is the caller's own."""
        columns = self.columns(names)
        given, keys = self.given, [name for name, _ in columns]
        values = zip(*(held for _, held in columns), strict=True) if columns else iter([()] * len(self))
        for parent, found in zip(self.parents.tolist(), values, strict=True):
            yield parent, {**given[parent], **dict(zip(keys, found, strict=True))}

    def gone(self) -> Iterator[set[int]]:
        """For each row, the relationships that it has gone along."""
        singles = [rows.tolist() for rows in self.edges.values()]
        longs = list(self.trails.values())
        for at in range(len(self)):
            yield {*(rows[at] for rows in singles), *(edge for trails in longs for edge in trails[at])}


class Growth(Protocol):
    """One step of a pattern, for tables."""

    def grown(self, run: CypherRun, table: Table) -> Iterator[Table] | None:
        """The table with what the step finds, in pieces; None where it has to be found row by row."""


TableTest = Callable[[CypherRun, Table], "Mask | None"]
"""Which rows of a table pass, (n,); None where that has to be asked row by row."""


# -- steps


@dataclass(frozen=True)
class TakeNodes:
    """Nodes that the given rows bind."""

    name: str
    labels: Callable[[Any], bool] | None

    def grown(self, run: CypherRun, table: Table) -> Iterator[Table] | None:
        if self.name in table.nodes:
            return iter((table,))
        held = [vertex_of(self.name, row[self.name]) for row in table.given]
        rows = np.fromiter((-1 if one is None else one.row for one in held), dtype=np.int64, count=len(held))
        rows = rows[table.parents]
        keep = rows >= 0
        if self.labels is not None:
            keep[keep] = _labelled(table.graph, rows[keep], self.labels)
        return iter((replace(table, nodes={**table.nodes, self.name: rows}).some(keep),))


@dataclass(frozen=True)
class ScanNodes:
    """Nodes that one row finds by a label or a value."""

    name: str
    labels: Callable[[Any], bool] | None
    candidates: Callable[[CypherRun, Row], Sequence[int]]

    def grown(self, run: CypherRun, table: Table) -> Iterator[Table] | None:
        if len(table) != 1 or table.nodes:
            return None  # as many as there are for each of the others
        found = self.candidates(run, table.given[table.parents[0]])
        return self._pieces(table, np.fromiter(found, dtype=np.int64, count=len(found)))

    def _pieces(self, table: Table, found: Ints) -> Iterator[Table]:
        size = FIRST_BATCH
        while len(found):
            rows, found = found[:size], found[size:]
            if self.labels is not None:
                rows = rows[_labelled(table.graph, rows, self.labels)]
            yield replace(table.some(np.zeros(len(rows), dtype=np.int64)), nodes={self.name: rows})
            size = min(4 * size, MOST_BATCH)


@dataclass(frozen=True)
class HopAlong:
    """One relationship each."""

    one: RelationshipElement
    backward: bool
    labels: Callable[[Any], bool] | None

    def grown(self, run: CypherRun, table: Table) -> Iterator[Table] | None:
        start, end = (self.one.right, self.one.left) if self.backward else (self.one.left, self.one.right)
        way = OTHER_WAY[self.one.way] if self.backward else self.one.way
        return self._pieces(run, table, start, end, way)

    def _pieces(self, run: CypherRun, table: Table, start: str, end: str, way: Any) -> Iterator[Table]:
        graph, here = table.graph, table.nodes[start]
        run.check()
        types = self.one.types
        if len(here) * PART_OF_ALL < graph.edge_count() or (csr := graph.csr(types, way)) is None:
            if len(here) > PIECE // PART_OF_ALL:
                middle = len(here) // 2
                for part in (slice(None, middle), slice(middle, None)):
                    yield from self._pieces(run, table.some(part), start, end, way)
                return
            others = [list(graph.neighbours(row, way, types)) for row in here.tolist()]
            degrees = np.fromiter(map(len, others), dtype=np.int64, count=len(others))
            there = np.fromiter((row for some in others for row in some), dtype=np.int64)
            edges = np.fromiter((edge for row in here.tolist() for edge in graph.incident(row, way, types)), np.int64)
        else:
            starts = csr.indptr[here].astype(np.int64)
            degrees = csr.indptr[here + 1] - starts
            size = int(degrees.sum())
            if size > PIECE and len(here) > 1:
                middle = min(max(1, int(np.searchsorted(np.cumsum(degrees), size // 2))), len(here) - 1)
                for part in (slice(None, middle), slice(middle, None)):
                    yield from self._pieces(run, table.some(part), start, end, way)
                return
            begins = np.repeat(starts - np.concatenate(([0], np.cumsum(degrees)[:-1])), degrees)
            places = begins + np.arange(size)
            there, edges = csr.neighbours[places].astype(np.int64), csr.edges[places].astype(np.int64)
        yield self._fitting(table, end, np.repeat(np.arange(len(here)), degrees), there, edges, here)

    def _fitting(self, table: Table, end: str, parents: Ints, there: Ints, edges: Ints, here: Ints) -> Table:
        keep = np.ones(len(there), dtype=bool)
        if self.one.way == "both":
            keep &= _once(parents, there == here[parents], edges)
        for before in table.edges.values():
            keep &= before[parents] != edges
        for trails in table.trails.values():
            keep &= np.fromiter(
                (edge not in trails[at] for at, edge in zip(parents.tolist(), edges.tolist(), strict=True)), bool
            )
        if end in table.nodes:
            keep &= table.nodes[end][parents] == there
        elif self.labels is not None:
            keep[keep] = _labelled(table.graph, there[keep], self.labels)
        found = table.some(parents[keep])
        return replace(
            found,
            nodes={**found.nodes, end: there[keep]},
            edges={**found.edges, self.one.name: edges[keep]},
        )


def _once(parents: Ints, loops: Mask, edges: Ints) -> Mask:
    """Everything but the second sight of a loop from the same row, bool (n,)."""
    keep = np.ones(len(loops), dtype=bool)
    seen: set[tuple[int, int]] = set()
    for place in np.flatnonzero(loops).tolist():
        met = int(parents[place]), int(edges[place])
        keep[place] = met not in seen
        seen.add(met)
    return keep


@dataclass(frozen=True)
class TrailsAlong:
    """Relationships of any number whose types no other one of the pattern has: ways from a node are found once."""

    one: RelationshipElement
    backward: bool
    labels: Callable[[Any], bool] | None
    trails: Callable[[CypherRun, int], Iterator[tuple[list[int], int]]]

    def grown(self, run: CypherRun, table: Table) -> Iterator[Table] | None:
        start, end = (self.one.right, self.one.left) if self.backward else (self.one.left, self.one.right)
        here = table.nodes[start]
        known: dict[int, tuple[list[tuple[int, ...]], Ints]] = {}
        for row in np.unique(here).tolist():
            found = []
            for edges, other in self.trails(run, row):
                found.append((tuple(edges[::-1] if self.backward else edges), other))
                if len(found) > MOST_TRAILS:
                    return None
            ends = np.fromiter((other for _, other in found), dtype=np.int64, count=len(found))
            keep = np.ones(len(found), dtype=bool)
            if self.labels is not None and end not in table.nodes:
                keep = _labelled(table.graph, ends, self.labels)
            known[row] = [way for (way, _), kept in zip(found, keep.tolist(), strict=True) if kept], ends[keep]
        return self._pieces(run, table, here, end, known)

    def _pieces(self, run: CypherRun, table: Table, here: Ints, end: str, known: dict[int, Any]) -> Iterator[Table]:
        step = max(1, PIECE // MOST_TRAILS)
        for begin in range(0, len(table), step):
            run.check()
            part, rows = table.some(slice(begin, begin + step)), here[begin : begin + step].tolist()
            parents = np.repeat(np.arange(len(rows)), [len(known[row][0]) for row in rows])
            there = np.concatenate([known[row][1] for row in rows])
            ways = np.empty(len(parents), dtype=object)
            ways[:] = [way for row in rows for way in known[row][0]]
            keep = part.nodes[end][parents] == there if end in part.nodes else np.ones(len(there), dtype=bool)
            found = part.some(parents[keep])
            yield replace(
                found,
                nodes={**found.nodes, end: there[keep]},
                trails={**found.trails, self.one.name: ways[keep]},
            )


# -- tests


def _labelled(graph: ColumnarGraph, rows: Ints, labels: Callable[[Any], bool]) -> Mask:
    """Which of some nodes have the labels that are asked for, bool (n,)."""
    known: dict[str, bool] = {}
    found = []
    for row in rows.tolist():
        label = graph.vertex_label(row)
        fits = known.get(label)
        if fits is None:
            fits = known[label] = bool(labels(labels_of(Vertex(graph, row))))
        found.append(fits)
    return np.array(found, dtype=bool)


def table_test(
    e: t.Expression, needs: frozenset[str], pattern: frozenset[str], of: Callable[[t.Expression], Evaluator]
) -> TableTest | None:
    """A condition as a mask over tables, where it compares a property with what is the same for all rows, or two nodes.

    Args:
        e: the condition.
        needs: the names of the pattern in it.
        pattern: all names of the pattern's nodes and relationships.
        of: makes evaluators.
    """
    if isinstance(e, t.Comparison) and len(e.rest) == 1:
        one, operator, other = e.first, str(e.rest[0][0]), e.rest[0][1]
        if isinstance(one, t.Variable) and isinstance(other, t.Variable) and operator in ("=", "<>"):
            return _same(one.name, other.name, equal=operator == "=")
        if isinstance(other, t.PropertyAccess) and operator in _MIRRORED:
            one, operator, other = other, _MIRRORED[operator], one
        if isinstance(one, t.PropertyAccess) and isinstance(one.subject, t.Variable):
            of_pattern = operator in COMPARED and one.subject.name in pattern and one.key != "~id"
            if of_pattern and not _reads_rows(other):
                compared = _compared(one.subject.name, one.key, COMPARED[operator], of(other))
                return _first_of(compared, _asked_once(one.subject.name, of(e)))
    if isinstance(e, t.Binary) and e.operator == "IN":
        names = [one.name for one in (e.left, e.right) if isinstance(one, t.Variable)]
        if len(names) == 2 and names[1] not in pattern:
            return _member(*names)
    if len(needs) == 1 and not _reads_rows(e, but=needs):
        return _asked_once(next(iter(needs)), of(e))
    return None


def _reads_rows(e: t.Expression, but: frozenset[str] = frozenset()) -> bool:
    """Whether an expression has names besides these, looks at the graph, or is another one each time."""
    looks = (t.Subquery, t.PatternExpression, t.PatternComprehension, t.ListComprehension, t.Quantifier, t.Reduce)
    for one in t.walk(e):
        if isinstance(one, looks) or (isinstance(one, t.Variable) and one.name not in but):
            return True
        if isinstance(one, t.Call) and one.name.lower() in ("rand", "randomuuid"):
            return True
    return False


def _first_of(*tests: TableTest) -> TableTest:
    """The first of several ways to ask the same that can say."""

    def test(run: CypherRun, table: Table) -> Mask | None:
        return next((mask for one in tests if (mask := one(run, table)) is not None), None)

    return test


def _member(name: str, members: str) -> TableTest:
    """Whether a node is in a list that the given rows have."""

    def test(run: CypherRun, table: Table) -> Mask | None:
        rows = table.nodes.get(name)
        if rows is None:
            return None
        known: dict[int, set[int]] = {}
        found = np.zeros(len(table), dtype=bool)
        for place, (parent, row) in enumerate(zip(table.parents.tolist(), rows.tolist(), strict=True)):
            if parent not in known:
                held = table.given[parent].get(members)
                if not isinstance(held, list | tuple | None):
                    return None
                run.tick()
                known[parent] = {one.row for one in held or () if isinstance(one, Vertex) and one.graph is table.graph}
            found[place] = row in known[parent]
        return found

    return test


def _same(one: str, other: str, *, equal: bool) -> TableTest:
    def test(run: CypherRun, table: Table) -> Mask | None:
        columns = [table.nodes.get(name) for name in (one, other)]
        for at, name in enumerate((one, other)):
            if columns[at] is None and name not in table.edges and name not in table.trails:
                held = [row.get(name) for row in table.given]
                found = [value.row for value in held if isinstance(value, Vertex) and value.graph is table.graph]
                if len(found) < len(held):
                    return None
                columns[at] = np.array(found, dtype=np.int64)[table.parents]
        if columns[0] is None or columns[1] is None:
            return None
        equals: Mask = columns[0] == columns[1]
        return equals if equal else ~equals

    return test


def _compared(name: str, key: str, test: Callable[[Any, Any], Any], value: Evaluator) -> TableTest:
    def compare(run: CypherRun, table: Table) -> Mask | None:
        numeric = numbers(table, name, key)
        limit = value(run, {})
        if numeric is None or isinstance(limit, bool) or not isinstance(limit, int | float) or not abs(limit) < 2**53:
            return None
        if isinstance(limit, float) and numeric.values.dtype.kind == "i":
            return None  # integers that no float holds
        rows = (table.nodes if name in table.nodes else table.edges)[name]
        found: Mask = numeric.present[rows] & test(numeric.values[rows], limit)
        return found

    return compare


def numbers(table: Table, name: str, key: str) -> Numeric | None:
    """A property over all nodes or relationships, where the named ones of a table are a fair part of these."""
    graph = table.graph
    if name in table.nodes:
        if len(table) * PART_OF_ALL < graph.row_limit():
            return None
        view: ColumnView = graph.column(key)
    elif name in table.edges:
        if len(table) * PART_OF_ALL < graph.edge_count():
            return None
        view = graph.edge_column(key)
    else:
        return None
    return view.numeric()


def _asked_once(name: str, evaluate: Evaluator) -> TableTest:
    """A condition on one node or relationship, asked once where it stands in several rows."""

    def test(run: CypherRun, table: Table) -> Mask | None:
        kind, columns = (Vertex, table.nodes) if name in table.nodes else (Edge, table.edges)
        if name not in columns:
            return None
        rows = columns[name].tolist()
        known: dict[int, bool] = {}
        for row in rows:
            if row not in known:
                run.tick()
                known[row] = evaluate(run, {name: kind(table.graph, row)}) is True
        return np.fromiter((known[row] for row in rows), dtype=bool, count=len(rows))

    return test


# -- what a limit leaves


@dataclass(frozen=True)
class TopRows:
    """By which property rows are sorted before a limit leaves the first few."""

    name: str
    key: str
    descending: bool


class BestSoFar:
    """Leaves out rows that cannot be among the first ``end``; those it cannot judge stay."""

    def __init__(self, top: TopRows, end: int) -> None:
        self._top, self._end = top, end
        self._best: Any = None

    def kept(self, table: Table) -> Table:
        """The rows of a table that may be wanted."""
        top = self._top
        numeric = numbers(table, top.name, top.key) if self._end else None
        if numeric is None:
            return table
        rows = (table.nodes if top.name in table.nodes else table.edges)[top.name]
        values, present = numeric.values[rows], numeric.present[rows]
        if values.dtype.kind == "f":
            present = present & ~np.isnan(values)
        if top.descending:
            values = ~values if values.dtype.kind == "i" else -values
        best = values[present] if self._best is None else np.concatenate((self._best, values[present]))
        if len(best) <= self._end:
            self._best = best
            return table
        self._best = np.partition(best, self._end - 1)[: self._end]
        return table.some(~present | (values <= self._best.max()))


def table_graph(run: CypherRun) -> ColumnarGraph | None:
    """The graph of a run as tables need it; None where rows are to be found one by one."""
    graph = run.graph
    return graph if is_columnar(graph) and not run.notes_reads else None


def begun(graph: ColumnarGraph, given: Sequence[Row]) -> Table:
    """A table of the given rows, with nothing found yet."""
    return Table(graph, given, np.arange(len(given)))
