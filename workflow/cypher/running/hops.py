"""A relationship of a pattern, and the hops along it from one node."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from workflow.cypher.errors import CypherTypeError
from workflow.cypher.lang import tree as t
from workflow.cypher.running.expressions import Evaluator
from workflow.cypher.running.run import CypherRun, Row
from workflow.cypher.semantics.arithmetic import kind_of
from workflow.cypher.semantics.relations import equals
from workflow.graphs.elements import Edge, Vertex, Way

OTHER_WAY: Final[dict[Way, Way]] = {"out": "in", "in": "out", "both": "both"}
NOTHING: Final[Any] = object()
"""What a name holds that a row does not bind."""


@dataclass(frozen=True, slots=True)
class RelationshipElement:
    """A relationship of a pattern, between two of its nodes by name."""

    name: str
    types: tuple[str, ...] | None
    allowed: Callable[[Any], bool] | None
    way: Way
    length: t.Length | None
    properties: list[tuple[str, Evaluator]]
    condition: Callable[[CypherRun, Row], bool] | None
    left: str
    right: str
    shortest: str | None = None


Solve = Callable[[CypherRun, Row, set[int]], Iterator[None]]
"""Binds names of a row in every way there is, one after the other, and takes them back at its end."""


def restore(row: Row, name: str, value: Any) -> None:
    """Bind a name as it was before, or not at all where it was NOTHING."""
    if value is NOTHING:
        row.pop(name, None)
    else:
        row[name] = value


def vertex_of(name: str, value: Any) -> Vertex | None:
    """The node a name is bound to; None where it is null."""
    if value is None or isinstance(value, Vertex):
        return value
    raise CypherTypeError(f"{name} is {kind_of(value)}, and no node", "InvalidArgumentType")


def hops(
    run: CypherRun, one: RelationshipElement, row: Row, start: int, *, backward: bool
) -> Iterator[tuple[int, int]]:
    """The relationships at a node that fit, by row, each with the node at its other end."""
    graph = run.graph
    way = OTHER_WAY[one.way] if backward else one.way
    loops: set[int] = set()
    edges, others = list(graph.incident(start, way, one.types)), list(graph.neighbours(start, way, one.types))
    for edge, other in zip(edges, others, strict=True):
        if other == start:  # a loop is met once for each direction
            if edge in loops:
                continue
            loops.add(edge)
        if one.allowed is not None and not one.allowed([graph.edge_label(edge)]):
            continue
        if one.properties and not _has_properties(run, one, row, edge):
            continue
        if one.condition is not None:
            held = row.get(one.name, NOTHING)
            row[one.name] = Edge(graph, edge)
            passes = one.condition(run, row)
            restore(row, one.name, held)
            if not passes:
                continue
        yield edge, other


def _has_properties(run: CypherRun, one: RelationshipElement, row: Row, edge: int) -> bool:
    values = run.graph.edge_values(edge)
    return all(equals(values.get(key), value(run, row)) is True for key, value in one.properties)
