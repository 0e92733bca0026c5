"""Which queries whole arrays can answer: a MATCH of one chain and the projection behind it, as a plan.

``MATCH (a:A)-[:R]->(b)-[:S]->(c) WHERE b.x > 1 RETURN a.k, count(*)`` needs no row at all: see ``arrays``. Such a plan
stands for a MATCH and the projection behind it where these begin a query that only reads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from workflow.cypher.lang import tree as t
from workflow.cypher.running.expressions import Expressions
from workflow.cypher.running.run import CypherRun, Row
from workflow.graphs.elements import Way

_OTHER: Final[dict[Way, Way]] = {"out": "in", "in": "out", "both": "both"}
_AGGREGATES: Final = ("count", "sum", "avg", "min", "max")
TESTS: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "=": np.equal,
    "IN": np.isin,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
}


@dataclass(frozen=True, slots=True)
class ArrayHop:
    """One hop of a chain, in the order in which it is gone along."""

    way: Way
    types: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class NodeCondition:
    """What one node must be: ``holds`` tests a row with the node alone.

    ``key``, ``test`` and ``value`` are of a comparison of a property with what is the same for all nodes.
    """

    holds: Callable[[CypherRun, Row], bool]
    key: str | None = None
    test: str = ""
    value: Callable[[CypherRun, Row], Any] | None = None


@dataclass(frozen=True, slots=True)
class ArrayColumn:
    """A column of the projection: a grouping key where ``aggregate`` is empty.

    ``node`` is a name of the pattern, None for ``count(*)``; ``key`` is a property of it, None for the node itself.
    """

    name: str
    node: str | None
    key: str | None
    aggregate: str = ""
    distinct: bool = False


@dataclass(frozen=True, slots=True)
class ArrayOrder:
    """A property of a node by which the rows are sorted, or the node itself; null is the largest of all."""

    node: str
    key: str | None
    descending: bool


@dataclass(frozen=True)
class ArrayPlan:
    """A chain of nodes and hops, and the columns of what is wanted of it.

    Attributes:
        names: of the nodes, in the order of the chain.
        labels: that each node must have.
        conditions: of each node.
        order: of the rows; None where the arrays cannot tell it, and rows come unsorted.
    """

    names: tuple[str, ...]
    hops: tuple[ArrayHop, ...]
    labels: tuple[tuple[str, ...], ...]
    conditions: tuple[tuple[NodeCondition, ...], ...]
    columns: tuple[ArrayColumn, ...]
    order: tuple[ArrayOrder, ...] | None = ()

    @property
    def grouped(self) -> bool:
        return any(column.aggregate for column in self.columns)

    @property
    def looks_up(self) -> bool:
        """Whether it begins at nodes that have a certain value."""
        return any(one.test in ("=", "IN") for one in self.conditions[0])


def array_plan(match: t.Match, projection: t.Projection, expressions: Expressions) -> ArrayPlan | None:
    """The plan of a MATCH and the projection behind it; None for what has none. Groups come unsorted."""
    if match.optional or len(match.patterns) != 1 or projection.everything or projection.distinct:
        return None
    (path,) = match.patterns
    names = [None if node.variable is None else node.variable.name for node in path.nodes]
    given = [name for name in names if name is not None]
    if path.variable is not None or path.shortest is not None or len(set(given)) != len(given):
        return None
    # what the pattern itself calls nodes without a name
    chain = [name or f"\0node{at}" for at, name in enumerate(names)]
    hops = [_hop(one) for one in path.relationships]
    labels = [_labels(node.labels) for node in path.nodes]
    edge_names = {one.variable.name for one in path.relationships if one.variable is not None}
    columns = [_column(item, given, edge_names) for item in projection.items]
    conditions = _conditions(path, match.condition, chain, expressions)
    if None in hops or None in labels or None in columns or conditions is None:
        return None
    order = _order(projection, given, [one for one in columns if one is not None])
    lookups = [any(one.test == "=" for one in some) for some in conditions]
    if lookups[-1] and not lookups[0]:  # begin where there are fewer
        chain, labels, conditions = chain[::-1], labels[::-1], conditions[::-1]
        hops = [ArrayHop(_OTHER[one.way], one.types) for one in hops[::-1] if one is not None]
    if any(lookups) and len(hops) < 2:
        return None  # a look-up and one hop take less than an array of all nodes
    return ArrayPlan(
        tuple(chain),
        tuple(one for one in hops if one is not None),
        tuple(one for one in labels if one is not None),
        tuple(map(tuple, conditions)),
        tuple(one for one in columns if one is not None),
        order,
    )


def _order(
    projection: t.Projection, nodes: Sequence[str], columns: Sequence[ArrayColumn]
) -> tuple[ArrayOrder, ...] | None:
    """By which properties the rows are sorted; None where it is by something else."""
    named = {column.name: column for column in columns}
    found = []
    for sort in projection.order:
        value, node, key = sort.value, None, None
        if isinstance(value, t.Variable) and value.name in named:
            node, key = named[value.name].node, named[value.name].key
        elif isinstance(value, t.PropertyAccess) and isinstance(value.subject, t.Variable):
            subject = value.subject.name
            column = named.get(subject)  # a column hides the node of its name, unless it is that node
            if subject in nodes and (column is None or (column.node == subject and column.key is None)):
                node, key = subject, value.key
        elif isinstance(value, t.Variable) and value.name in nodes:
            node = value.name
        if node is None or key == "~id":
            return None
        found.append(ArrayOrder(node, key, sort.descending))
    return tuple(found)


def _hop(one: t.RelationshipPattern) -> ArrayHop | None:
    if one.length is not None or one.properties is not None or one.condition is not None:
        return None
    if one.types is None:
        return ArrayHop(one.way, None)
    types = [one.types] if isinstance(one.types, t.Label) else list(getattr(one.types, "operands", ()))
    any_of = isinstance(one.types, t.Label | t.LabelAny)
    if not any_of or not all(isinstance(kind, t.Label) and kind.name is not None for kind in types):
        return None
    return ArrayHop(one.way, tuple(dict.fromkeys(str(kind.name) for kind in types if isinstance(kind, t.Label))))


def _labels(labels: t.LabelExpression | None) -> tuple[str, ...] | None:
    if labels is None:
        return ()
    parts = [labels] if isinstance(labels, t.Label) else list(getattr(labels, "operands", ()))
    every = isinstance(labels, t.Label | t.LabelAll)
    if not every or not all(isinstance(one, t.Label) and one.name is not None for one in parts):
        return None
    return tuple(str(one.name) for one in parts if isinstance(one, t.Label))


def _column(item: t.Item, nodes: Sequence[str], edges: set[str]) -> ArrayColumn | None:
    value = item.value
    if isinstance(value, t.CountAll):
        return ArrayColumn(item.name, None, None, "count")
    aggregate, distinct = "", False
    if isinstance(value, t.Call):
        aggregate, distinct = value.name.lower(), value.distinct
        if aggregate not in _AGGREGATES or len(value.arguments) != 1 or (distinct and aggregate != "count"):
            return None
        value = value.arguments[0]
        if isinstance(value, t.Variable) and value.name in edges and aggregate == "count" and not distinct:
            return ArrayColumn(item.name, None, None, "count")  # a relationship of a row is never null
    if isinstance(value, t.Variable) and value.name in nodes and aggregate in ("", "count"):
        return ArrayColumn(item.name, value.name, None, aggregate, distinct)
    if isinstance(value, t.PropertyAccess) and isinstance(value.subject, t.Variable) and value.subject.name in nodes:
        if distinct or value.key == "~id":
            return None
        return ArrayColumn(item.name, value.subject.name, value.key, aggregate)
    return None


def _conditions(
    path: t.PathPattern, where: t.Expression | None, chain: Sequence[str], expressions: Expressions
) -> list[list[NodeCondition]] | None:
    found: list[list[NodeCondition]] = [[] for _ in chain]
    for at, node in enumerate(path.nodes):
        if node.condition is not None or not isinstance(node.properties, t.MapLiteral | None):
            return None
        for key, value in () if node.properties is None else node.properties.entries:
            if _variables(value):
                return None
            wanted = t.Comparison(
                node.at, t.PropertyAccess(node.at, t.Variable(node.at, chain[at]), key), (("=", value),)
            )
            found[at].append(_condition(wanted, chain[at], expressions))
    for part in _conjuncts(where):
        names = _variables(part)
        if len(names) != 1 or not names <= set(chain) or _queries(part):
            return None
        (name,) = names
        found[chain.index(name)].append(_condition(part, name, expressions))
    return found


def _condition(e: t.Expression, name: str, expressions: Expressions) -> NodeCondition:
    holds = expressions.condition(e)
    parts: tuple[t.Expression, str, t.Expression] | None = None
    if isinstance(e, t.Comparison) and len(e.rest) == 1:
        parts = e.first, *e.rest[0]
    elif isinstance(e, t.Binary):
        parts = e.left, e.operator, e.right
    if parts is not None and parts[1] in TESTS:
        one, test, other = parts
        if isinstance(one, t.PropertyAccess) and isinstance(one.subject, t.Variable) and not _variables(other):
            return NodeCondition(holds, one.key, test, expressions.of(other))
    return NodeCondition(holds)


def _conjuncts(e: t.Expression | None) -> list[t.Expression]:
    if e is None:
        return []
    if isinstance(e, t.Binary) and e.operator == "AND":
        return [*_conjuncts(e.left), *_conjuncts(e.right)]
    return [e]


def _variables(node: t.Node) -> set[str]:
    return {one.name for one in t.walk(node) if isinstance(one, t.Variable)}


def _queries(node: t.Node) -> bool:
    """Whether a condition looks at the graph itself, or at chance."""
    kinds = (t.Subquery, t.PatternExpression, t.PatternComprehension)
    calls = [one.name.lower() for one in t.walk(node) if isinstance(one, t.Call)]
    return "rand" in calls or any(isinstance(one, kinds) for one in t.walk(node))
