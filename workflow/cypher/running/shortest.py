"""The shortest ways between two nodes, found from both ends, level by level."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from workflow.cypher.lang import tree as t
from workflow.cypher.running.hops import NOTHING, OTHER_WAY, RelationshipElement, Solve, hops, restore, vertex_of
from workflow.cypher.running.run import CypherRun, Row
from workflow.graphs.elements import Edge, Way
from workflow.graphs.protocols import is_columnar
from workflow.queries.columns.expansion import Reached, reached

if TYPE_CHECKING:
    from workflow.graphs.protocols import ColumnarGraph


def shortest(one: RelationshipElement) -> Solve:
    """Binds a relationship to the shortest ways between its two nodes, which are bound."""
    length = one.length or t.Length(1, 1)
    least = 1 if length.least is None else length.least

    def solve(run: CypherRun, row: Row, used: set[int]) -> Iterator[None]:
        begin, end = vertex_of(one.left, row[one.left]), vertex_of(one.right, row[one.right])
        if begin is None or end is None:
            return
        held = row.get(one.name, NOTHING)
        for edges in _shortest_ways(run, one, row, begin.row, end.row, least, length.most):
            row[one.name] = [Edge(run.graph, edge) for edge in edges]
            if one.length is None:
                row[one.name] = Edge(run.graph, edges[0])
            yield
            restore(row, one.name, held)
            if one.shortest == "one":
                return

    return solve


def _shortest_ways(
    run: CypherRun, one: RelationshipElement, row: Row, begin: int, end: int, least: int, most: int | None
) -> Iterator[list[int]]:
    if begin == end:
        if least == 0:
            yield []
        return
    # from both ends, a level at a time on the side with less to look at: what the two sides have in common after a
    # level lies on the outermost levels of both, or they would have met before
    sides = _sides(run, one, row, begin, end)
    met: list[int] = []
    while not met and all(len(side.frontier) for side in sides):
        if most is not None and sides[0].depth + sides[1].depth >= most:
            return
        side, other = sorted(sides, key=lambda one: len(one.frontier))
        side.widen()
        met = other.reached(side.frontier)
        run.hold(side.size + other.size)
    if sides[0].depth + sides[1].depth < least:
        return
    for node in met:
        for before in sides[0].ways(node):
            for after in sides[1].ways(node):
                yield [*before, *after[::-1]]


def _sides(run: CypherRun, one: RelationshipElement, row: Row, begin: int, end: int) -> tuple[_Side, _Side]:
    """The searches from both ends: over arrays where nothing is asked of a relationship but its type."""
    graph = run.graph
    plain = one.allowed is None and not one.properties and one.condition is None
    # what is noted is less where nodes are looked at one by one
    if plain and is_columnar(graph) and not run.notes_reads:
        return (
            _ArraySide(graph, begin, one.way, one.types),
            _ArraySide(graph, end, OTHER_WAY[one.way], one.types),
        )
    return _RowSide(run, one, row, begin, backward=False), _RowSide(run, one, row, end, backward=True)


class _Side(Protocol):
    """A search from one end."""

    depth: int

    @property
    def frontier(self) -> Any:
        """The nodes of the outermost level, each once."""

    @property
    def size(self) -> int:
        """How many nodes it has reached."""

    def widen(self) -> None:
        """One level further."""

    def reached(self, nodes: Any) -> list[int]:
        """Those of another frontier that it has reached too."""

    def ways(self, node: int) -> Iterator[list[int]]:
        """The edges from the start to a node of the outermost level, in every shortest way."""


class _ArraySide:
    """A search along adjacency arrays; ``frontier`` is int64 of shape (n,)."""

    def __init__(self, graph: ColumnarGraph, start: int, way: Way, types: tuple[str, ...] | None) -> None:
        self._graph, self._way, self._types = graph, way, types
        self._seen = np.zeros(graph.row_limit(), dtype=bool)
        self._seen[start] = True
        self._levels: list[tuple[Any, Any, Any]] = []  # nodes, where they were reached from, and along which edges
        self.frontier = np.array([start], dtype=np.int64)
        self.depth = 0
        self.size = 1

    def widen(self) -> None:
        # one direction after the other: arrays of both together would be a third of the graph once more
        parts = [self._next(way) for way in (("out", "in") if self._way == "both" else (self._way,))]
        rows, parents, along = (np.concatenate(part) for part in zip(*parts, strict=True))
        new = ~self._seen[rows]
        nodes = rows[new]
        self._seen[nodes] = True
        self._levels.append((nodes, parents[new], along[new]))
        ordered = np.sort(nodes)  # np.unique takes several times as long for so few
        self.frontier = ordered[np.append(True, ordered[1:] != ordered[:-1])[: len(ordered)]]
        self.depth += 1
        self.size += len(self.frontier)

    def _next(self, way: Way) -> tuple[Any, Any, Any]:
        """What lies behind the frontier: nodes, where they are reached from, and along which edges."""
        nothing = np.zeros(0, dtype=np.int64)
        found, along = (
            next(reached(self._graph, self.frontier, way, self._types, edges=edges), Reached(nothing, nothing))
            for edges in (False, True)
        )
        return found.rows, self.frontier[found.origins], along.rows

    def reached(self, nodes: Any) -> list[int]:
        found: list[int] = nodes[self._seen[nodes]].tolist()
        return found

    def ways(self, node: int) -> Iterator[list[int]]:
        stack: list[tuple[int, list[int]]] = [(node, [])]
        while stack:
            at, edges = stack.pop()
            if len(edges) == self.depth:
                yield edges
                continue
            nodes, parents, along = self._levels[self.depth - len(edges) - 1]
            places = np.flatnonzero(nodes == at)[::-1]
            before = zip(parents[places].tolist(), along[places].tolist(), strict=True)
            stack += [(parent, [edge, *edges]) for parent, edge in before]


class _RowSide:
    """A search node by node; of each node it knows the nodes and edges by which it was first reached."""

    def __init__(self, run: CypherRun, one: RelationshipElement, row: Row, start: int, *, backward: bool) -> None:
        self._run, self._one, self._row = run, one, row
        self.parents: dict[int, list[tuple[int, int]]] = {start: []}
        self.frontier = [start]
        self.depth = 0
        self._start, self._backward = start, backward

    @property
    def size(self) -> int:
        return len(self.parents)

    def widen(self) -> None:
        reached: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for at in self.frontier:
            self._run.tick()
            for edge, other in hops(self._run, self._one, self._row, at, backward=self._backward):
                if other not in self.parents:
                    reached[other].append((at, edge))
        self.parents.update(reached)
        self.frontier = list(reached)
        self.depth += 1

    def reached(self, nodes: Any) -> list[int]:
        return [node for node in nodes if node in self.parents]

    def ways(self, node: int) -> Iterator[list[int]]:
        stack: list[tuple[int, list[int]]] = [(node, [])]
        while stack:
            at, edges = stack.pop()
            if at == self._start:
                yield edges
            stack += [(before, [edge, *edges]) for before, edge in reversed(self.parents[at])]
