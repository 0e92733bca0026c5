"""Finding patterns in a graph, from the rows that bind some of their names to those that bind all.

A pattern is solved element by element: from a node that is bound or cheap to find along its relationships. A test runs
as soon as the names it needs are bound. All relationships of one clause differ.

Source: openCypher's MATCH with its relationship isomorphism.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from workflow.cypher.lang import tree as t
from workflow.cypher.running.expressions import PATH, Evaluator, Expressions, label_test
from workflow.cypher.running.hops import NOTHING, OTHER_WAY, RelationshipElement, Solve, hops, restore, vertex_of
from workflow.cypher.running.run import CypherRun, Row
from workflow.cypher.running.shortest import shortest
from workflow.cypher.running.tables import (
    BestSoFar,
    Growth,
    HopAlong,
    ScanNodes,
    Table,
    TableTest,
    TakeNodes,
    TrailsAlong,
    begun,
    table_test,
)
from workflow.cypher.semantics.elements import labels_of
from workflow.cypher.semantics.paths import CypherPath
from workflow.graphs.elements import Edge, Vertex

if TYPE_CHECKING:
    from workflow.graphs.protocols import ColumnarGraph


@dataclass(frozen=True, slots=True)
class Test:
    """A condition, and the names of the pattern that it needs; ``masks`` asks it of a table at once."""

    needs: frozenset[str]
    holds: Callable[[CypherRun, Row], bool]
    masks: TableTest | None = None


@dataclass(frozen=True, slots=True)
class NodeElement:
    """A node of a pattern; ``lookups`` are values that its keys must have, which an index may find."""

    name: str
    labels: Callable[[Any], bool] | None
    label: str | None
    lookups: list[tuple[str, t.Expression]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class PathElement:
    """Which names a path is made of."""

    name: str
    nodes: tuple[str, ...]
    relationships: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PatternStep:
    """Finds one element of a pattern, and tests what can be tested then.

    ``way`` says how, and is None for what is no search; ``growth`` does it for a table at once.
    """

    solve: Solve
    tests: list[Test]
    way: str | None = None
    growth: Growth | None = None


class Pattern:
    """The patterns of one clause with its condition."""

    def __init__(
        self,
        paths: Iterable[t.PathPattern],
        condition: t.Expression | None,
        expressions: Expressions,
        fresh: Callable[[], str],
    ) -> None:
        self._expressions = expressions
        self._fresh = fresh
        self.nodes: dict[str, NodeElement] = {}
        self.relationships: list[RelationshipElement] = []
        self.paths: list[PathElement] = []
        self._pending: list[
            tuple[frozenset[str], t.Expression, Callable[[Evaluator], Callable[[CypherRun, Row], bool]]]
        ] = []
        for path in paths:
            self._path(path)
        own = {*self.nodes, *(one.name for one in self.relationships), *(one.name for one in self.paths)}
        self.names = frozenset(name for name in own if not name.startswith("\0"))
        self._own = frozenset(own)
        self._tests: list[Test] = [
            self._test((needs | _names(e)) & own, e, make(expressions.of(e)), plain=make is _is_true)
            for needs, e, make in self._pending
        ]
        for part in _conjuncts(condition):
            self._condition(part)
        self._plans: dict[frozenset[str], list[PatternStep]] = {}

    # -- reading the pattern

    def _path(self, path: t.PathPattern) -> None:
        names = [self._node(node) for node in path.nodes]
        relationships = []
        for at, one in enumerate(path.relationships):
            element = self._relationship(one, names[at], names[at + 1], path.shortest)
            self.relationships.append(element)
            relationships.append(element.name)
        if path.variable is not None or path.shortest is not None:
            name = PATH if path.variable is None else path.variable.name
            self.paths.append(PathElement(name, tuple(names), tuple(relationships)))

    def _node(self, node: t.NodePattern) -> str:
        name = self._fresh() if node.variable is None else node.variable.name
        element = self.nodes.get(name)
        labels = None if node.labels is None else label_test(node.labels)
        if element is None:
            element = self.nodes[name] = NodeElement(name, labels, _one_label(node.labels))
        elif labels is not None:
            self._pending.append((frozenset({name}), t.Variable(node.at, name), _with_labels(labels)))
        if isinstance(node.properties, t.MapLiteral):
            for key, value in node.properties.entries:
                element.lookups.append((key, value))
                wanted = t.Comparison(
                    node.at, t.PropertyAccess(node.at, t.Variable(node.at, name), key), (("=", value),)
                )
                self._pending.append((frozenset({name}), wanted, _is_true))
        if node.condition is not None:
            self._pending.append((frozenset({name}), node.condition, _is_true))
        return name

    def _relationship(
        self, one: t.RelationshipPattern, left: str, right: str, shortest: str | None
    ) -> RelationshipElement:
        types = _plain_types(one.types)
        entries = one.properties.entries if isinstance(one.properties, t.MapLiteral) else ()
        condition = one.condition
        name = self._fresh() if one.variable is None else one.variable.name
        if one.length is None:  # tests of one relationship may need names that are bound after it
            for key, value in entries:
                if _names(value):
                    wanted = t.Comparison(
                        one.at, t.PropertyAccess(one.at, t.Variable(one.at, name), key), (("=", value),)
                    )
                    self._pending.append((frozenset({name}), wanted, _is_true))
            entries = tuple((key, value) for key, value in entries if not _names(value))
            if condition is not None:
                self._pending.append((frozenset({name}), condition, _is_true))
                condition = None
        return RelationshipElement(
            name,
            types,
            None if one.types is None or types is not None else label_test(one.types),
            one.way,
            one.length,
            [(key, self._expressions.of(value)) for key, value in entries],
            None if condition is None else self._expressions.condition(condition),
            left,
            right,
            shortest,
        )

    def _condition(self, part: t.Expression) -> None:
        self._tests.append(self._test(_names(part) & self._own, part, self._expressions.condition(part), plain=True))
        if not isinstance(part, t.Comparison) or len(part.rest) != 1 or part.rest[0][0] != "=":
            return
        for one, other in ((part.first, part.rest[0][1]), (part.rest[0][1], part.first)):
            if (
                isinstance(one, t.PropertyAccess)
                and isinstance(one.subject, t.Variable)
                and one.subject.name in self.nodes
            ):
                self.nodes[one.subject.name].lookups.append((one.key, other))
            if isinstance(one, t.Call) and one.name.lower() == "id" and isinstance(one.arguments[0], t.Variable):
                element = self.nodes.get(one.arguments[0].name)
                if element is not None:
                    element.lookups.append((_ID, other))

    def _test(
        self, needs: frozenset[str], e: t.Expression, holds: Callable[[CypherRun, Row], bool], *, plain: bool
    ) -> Test:
        own = {*self.nodes, *(one.name for one in self.relationships if one.length is None)}
        return Test(needs, holds, table_test(e, needs, frozenset(own), self._expressions.of) if plain else None)

    # -- planning

    def rows(self, run: CypherRun, row: Row) -> Iterator[Row]:
        """Every row in which the pattern is found; each is the caller's own."""
        plan = self._planned(frozenset(row.keys() & self._own))
        if len(plan) > 1:
            yield from self._solved(run, dict(row), set(), plan, 0)
            return
        (step,), found = plan, dict(row)
        for _ in step.solve(run, found, set()):
            run.tick()
            if all(test.holds(run, found) for test in step.tests):
                yield dict(found)

    def ways(self, names: Iterable[str]) -> tuple[str, ...]:
        """How the pattern is found where these names are bound, a line for each element."""
        plan = self._planned(self._own & frozenset(names))
        return tuple(step.way for step in plan if step.way is not None)

    def rows_of(
        self, run: CypherRun, graph: ColumnarGraph, given: Sequence[Row], best: BestSoFar | None
    ) -> Iterator[tuple[int, Row]]:
        """The same for rows that bind the same names, as tables: each with the place of the row it comes of, in order.

        Args:
            run: whose deadline counts.
            graph: of the run.
            given: the rows, one at least.
            best: leaves out what is not wanted in the end.
        """
        plan = self._planned(frozenset(given[0].keys() & self._own))
        yield from self._grown(run, begun(graph, given), plan, 0, best)

    def grows(self, names: Iterable[str]) -> bool:
        """Whether tables pay where these names are bound: there is a hop, and they can make the first one."""
        growths = [step.growth for step in self._planned(self._own & frozenset(names)) if step.solve is not _once]
        return bool(self.relationships) and len(growths) > 1 and None not in growths[:2]

    def _grown(
        self, run: CypherRun, table: Table, plan: list[PatternStep], at: int, best: BestSoFar | None
    ) -> Iterator[tuple[int, Row]]:
        if not len(table):
            return
        if at == len(plan):
            yield from (table if best is None else best.kept(table)).rows(self.names)
            return
        step = plan[at]
        pieces = None if step.growth is None else step.growth.grown(run, table)
        if pieces is None:
            for used, (parent, row) in zip(table.gone(), table.rows(), strict=True):
                for found in self._solved(run, row, used, plan, at):
                    yield parent, found
            return
        for piece in pieces:
            for test in step.tests:
                if len(piece):
                    piece = self._passing(run, piece, test)
            yield from self._grown(run, piece, plan, at + 1, best)

    def _passing(self, run: CypherRun, table: Table, test: Test) -> Table:
        """The rows of a table that a test lets through."""
        mask = None if test.masks is None else test.masks(run, table)
        if mask is None:
            passing = []
            for _, row in table.rows(test.needs):
                run.tick()
                passing.append(test.holds(run, row))
            mask = np.array(passing, dtype=bool)
        return table if mask.all() else table.some(mask)

    def _planned(self, bound: frozenset[str]) -> list[PatternStep]:
        plan = self._plans.get(bound)
        if plan is None:
            plan = self._plans[bound] = self._plan(set(bound))
        return plan

    def _solved(self, run: CypherRun, row: Row, used: set[int], plan: list[PatternStep], at: int) -> Iterator[Row]:
        if at == len(plan):
            yield dict(row)
            return
        step = plan[at]
        tests = step.tests
        for _ in step.solve(run, row, used):
            run.tick()
            if all(test.holds(run, row) for test in tests):
                yield from self._solved(run, row, used, plan, at + 1)

    def _plan(self, bound: set[str]) -> list[PatternStep]:
        tests = list(self._tests)
        plan: list[PatternStep] = []
        solved: set[str] = set()

        def add(solve: Solve, *names: str, way: str | None = None, growth: Growth | None = None) -> None:
            bound.update(names)
            ready = [test for test in tests if test.needs <= bound]
            for test in ready:
                tests.remove(test)
            plan.append(PatternStep(solve, ready, way, growth))

        if any(not test.needs - bound for test in tests):
            add(_once, growth=_Once())
        waiting = list(self.relationships)
        while len(solved) < len(self.nodes) or waiting:
            along = next((one for one in waiting if one.left in solved or one.right in solved), None)
            if along is not None and along.shortest is not None and not {along.left, along.right} <= solved:
                other = along.right if along.left in solved else along.left
                add(self._start(self.nodes[other], bound), other, way=self._start_way(self.nodes[other], bound))
                solved.add(other)
                continue
            if along is not None:
                waiting.remove(along)
                backward = along.left not in solved
                target = along.left if backward else along.right
                add(
                    self._along(along, backward=backward),
                    along.name,
                    target,
                    way=_along_way(along, backward=backward, known=target in bound),
                    growth=self._growth(along, backward=backward, bound=bound, solved=solved),
                )
                solved.add(target)
                continue
            start = min(
                (one for one in self.nodes.values() if one.name not in solved), key=lambda one: self._cost(one, bound)
            )
            add(
                self._start(start, bound),
                start.name,
                way=self._start_way(start, bound),
                growth=self._start_growth(start, bound),
            )
            solved.add(start.name)
        for path in self.paths:
            add(_path_of(path, {one.name: one for one in self.relationships}), path.name)
        assert not tests
        return plan

    def _cost(self, node: NodeElement, bound: set[str]) -> int:
        if node.name in bound:
            return 0
        keys = [key for key, value in node.lookups if not _names(value) & (self._own - bound)]
        return 1 if _ID in keys else 2 if keys else 3 if node.label else 4

    def _start_way(self, node: NodeElement, bound: set[str]) -> str:
        if node.name in bound:
            return f"take {_shown(node.name)}, which is bound"
        keys = [key for key, value in node.lookups if not _names(value) & (self._own - bound)]
        if _ID in keys or "~id" in keys:
            return f"look up {_shown(node.name)} by its id"
        if keys:
            return f"look up {_shown(node.name)} by {keys[0]}"
        return (
            f"scan the nodes with label {node.label} for {_shown(node.name)}"
            if node.label
            else (f"scan all nodes for {_shown(node.name)}")
        )

    # -- solving

    def _start(self, node: NodeElement, bound: set[str]) -> Solve:
        name, labels = node.name, node.labels
        if name in bound:

            def check(run: CypherRun, row: Row, used: set[int]) -> Iterator[None]:
                value = vertex_of(name, row[name])
                if value is not None and (labels is None or labels(labels_of(value))):
                    yield

            return check
        usable = self._usable(node, bound)
        fitting: dict[str, bool] = {}  # whether nodes with all these labels fit

        def scan(run: CypherRun, row: Row, used: set[int]) -> Iterator[None]:
            graph = run.graph
            for at in _candidates(run, node.label, [(key, value(run, row)) for key, value in usable]):
                if labels is not None:
                    label = graph.vertex_label(at)
                    if label not in fitting:
                        fitting[label] = labels(labels_of(Vertex(graph, at)))
                    if not fitting[label]:
                        continue
                row[name] = Vertex(graph, at)
                yield
            row.pop(name, None)

        return scan

    def _usable(self, node: NodeElement, bound: set[str]) -> list[tuple[str, Evaluator]]:
        """The keys by which a node can be looked up, with their values."""
        known = self._own - bound
        return [(key, self._expressions.of(value)) for key, value in node.lookups if not _names(value) & known]

    def _start_growth(self, node: NodeElement, bound: set[str]) -> Growth:
        if node.name in bound:
            return TakeNodes(node.name, node.labels)
        usable = self._usable(node, bound)

        def candidates(run: CypherRun, row: Row) -> Sequence[int]:
            return list(_candidates(run, node.label, [(key, value(run, row)) for key, value in usable]))

        return ScanNodes(node.name, node.labels, candidates)

    def _growth(self, one: RelationshipElement, *, backward: bool, bound: set[str], solved: set[str]) -> Growth | None:
        """How a table goes along a relationship; None where each row has to for itself."""
        target = one.left if backward else one.right
        if one.name in bound or one.shortest is not None or one.allowed is not None or one.properties or one.condition:
            return None
        if target in bound and target not in solved:
            return None  # it is compared with what the given row binds
        labels = None if target in solved else self.nodes[target].labels
        if one.length is None:
            return HopAlong(one, backward, labels)
        others = [other.types for other in self.relationships if other is not one]
        if others and (one.types is None or any(types is None or set(types) & set(one.types) for types in others)):
            return None  # which ways there are depends on where the row has gone
        least, most = one.length.least, one.length.most

        def trails(run: CypherRun, row: int) -> Iterator[tuple[list[int], int]]:
            return _trails(run, one, {}, row, set(), 1 if least is None else least, most, backward=backward)

        return TrailsAlong(one, backward, labels, trails)

    def _along(self, one: RelationshipElement, *, backward: bool) -> Solve:
        start, end = (one.right, one.left) if backward else (one.left, one.right)
        target = self.nodes[end].labels
        if one.shortest is not None:
            return shortest(one)
        if one.length is not None:
            return _variable_length(one, start, end, target, backward=backward)

        def expand(run: CypherRun, row: Row, used: set[int]) -> Iterator[None]:
            here = vertex_of(start, row[start])
            if here is None:
                return
            held = row.get(one.name, NOTHING)
            there = row.get(end, NOTHING)
            for edge, other in hops(run, one, row, here.row, backward=backward):
                if edge in used or (held is not NOTHING and not (isinstance(held, Edge) and held.row == edge)):
                    continue
                vertex = Vertex(run.graph, other)
                if there is not NOTHING and there != vertex:
                    continue
                if target is not None and not target(labels_of(vertex)):
                    continue
                used.add(edge)
                row[one.name] = Edge(run.graph, edge)
                row[end] = vertex
                yield
                used.discard(edge)
            restore(row, one.name, held)
            restore(row, end, there)

        return expand


def _shown(name: str) -> str:
    return "a node" if name.startswith("\0") else name


def _along_way(one: RelationshipElement, *, backward: bool, known: bool) -> str:
    start, end = (one.right, one.left) if backward else (one.left, one.right)
    types = ":" + "|".join(one.types) if one.types else ""
    length = "" if one.length is None else f"*{one.length.least or ''}..{one.length.most or ''}"
    way = OTHER_WAY[one.way] if backward else one.way
    arrow = f"{'<' if way == 'in' else ''}-[{types}{length}]-{'>' if way == 'out' else ''}"
    what = "find the shortest" if one.shortest else "look for" if known else "go along"
    return f"{what} ({_shown(start)}){arrow}({_shown(end)})"


_ID = "\0id"


def _once(run: CypherRun, row: Row, used: set[int]) -> Iterator[None]:
    yield


class _Once:
    """A step that finds nothing, before which given names are tested."""

    def grown(self, run: CypherRun, table: Table) -> Iterator[Table]:
        return iter((table,))


def _candidates(run: CypherRun, label: str | None, values: list[tuple[str, Any]]) -> Iterable[int]:
    graph = run.graph
    for key, value in values:
        if key in (_ID, "~id"):
            if key == _ID and run.ids == "integer":
                return (
                    [value]
                    if isinstance(value, int) and not isinstance(value, bool) and graph.has_vertex(value)
                    else []
                )
            found = None if value is None else graph.vertex_row(value)
            return [] if found is None else [found]
    for key, value in values:
        if value is None:
            return []
        rows = graph.find_vertices(None, key, value) if isinstance(value, str | int | float) else None
        if rows is not None:
            return list(rows)
    return list(graph.vertices() if label is None or not run.splits_labels else graph.vertices([label]))


def _variable_length(
    one: RelationshipElement, start: str, end: str, target: Callable[[Any], bool] | None, *, backward: bool
) -> Solve:
    assert one.length is not None
    least = 1 if one.length.least is None else one.length.least
    most = one.length.most

    def expand(run: CypherRun, row: Row, used: set[int]) -> Iterator[None]:
        here = vertex_of(start, row[start])
        if here is None:
            return
        held, there = row.get(one.name, NOTHING), row.get(end, NOTHING)
        wanted = None if held is NOTHING else [edge.row for edge in held]
        for edges, other in _trails(run, one, row, here.row, used, least, most, backward=backward):
            found = edges[::-1] if backward else list(edges)
            if wanted is not None and found != wanted:
                continue
            vertex = Vertex(run.graph, other)
            if there is not NOTHING and there != vertex:
                continue
            if target is not None and not target(labels_of(vertex)):
                continue
            row[one.name] = [Edge(run.graph, edge) for edge in found]
            row[end] = vertex
            yield
            restore(row, one.name, held)
            restore(row, end, there)

    return expand


def _trails(
    run: CypherRun,
    one: RelationshipElement,
    row: Row,
    start: int,
    used: set[int],
    least: int,
    most: int | None,
    *,
    backward: bool,
) -> Iterator[tuple[list[int], int]]:
    """Every way along different relationships, shorter ones before what they lead to; ``used`` are left out."""
    edges: list[int] = []
    stack: list[Iterator[tuple[int, int]]] = []
    at = start
    try:
        while True:
            if len(edges) >= least:
                yield edges, at
            deeper = most is None or len(edges) < most
            stack.append(hops(run, one, row, at, backward=backward) if deeper else iter(()))
            while stack:
                step = next(((edge, other) for edge, other in stack[-1] if edge not in used), None)
                run.tick()
                if step is not None:
                    edge, at = step
                    used.add(edge)
                    edges.append(edge)
                    run.hold(len(edges)) if not len(edges) & 1023 else None
                    break
                stack.pop()
                if edges:
                    used.discard(edges.pop())
            else:
                return
    finally:
        used.difference_update(edges)


def _path_of(path: PathElement, relationships: dict[str, RelationshipElement]) -> Solve:
    def assemble(run: CypherRun, row: Row, used: set[int]) -> Iterator[None]:
        row[path.name] = assembled(path, row)
        yield
        row.pop(path.name, None)

    return assemble


def assembled(path: PathElement, row: Row) -> CypherPath:
    """The path whose nodes and relationships a row binds."""
    nodes: list[Vertex] = [row[path.nodes[0]]]
    edges: list[Edge] = []
    for name in path.relationships:
        found = row[name]
        for edge in found if isinstance(found, list) else [found]:
            edges.append(edge)
            source, target = edge.out_vertex, edge.in_vertex
            nodes.append(target if source == nodes[-1] else source)
    return CypherPath(tuple(nodes), tuple(edges))


def _is_true(evaluate: Evaluator) -> Callable[[CypherRun, Row], bool]:
    return lambda run, row: evaluate(run, row) is True


def _with_labels(labels: Callable[[Any], bool]) -> Callable[[Evaluator], Callable[[CypherRun, Row], bool]]:
    return lambda evaluate: lambda run, row: labels(labels_of(evaluate(run, row)))


def _conjuncts(condition: t.Expression | None) -> list[t.Expression]:
    if condition is None:
        return []
    if isinstance(condition, t.Binary) and condition.operator == "AND":
        return [*_conjuncts(condition.left), *_conjuncts(condition.right)]
    return [condition]


def _names(part: t.Node) -> frozenset[str]:
    return frozenset(one.name for one in t.walk(part) if isinstance(one, t.Variable))


def _one_label(labels: t.LabelExpression | None) -> str | None:
    """A label that every node of the pattern has, where there is one."""
    if isinstance(labels, t.Label):
        return labels.name
    if isinstance(labels, t.LabelAll):
        return next((found for one in labels.operands if (found := _one_label(one)) is not None), None)
    return None


def _plain_types(types: t.LabelExpression | None) -> tuple[str, ...] | None:
    """The names where any of several types will do."""
    if isinstance(types, t.Label):
        return None if types.name is None else (types.name,)
    if isinstance(types, t.LabelAny):
        parts = [_plain_types(one) for one in types.operands]
        return None if None in parts else tuple(dict.fromkeys(name for part in parts if part for name in part))
    return None
