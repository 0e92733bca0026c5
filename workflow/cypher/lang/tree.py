"""The tree of a query as it is written: statements, clauses, patterns and expressions.

Every node says ``at`` which offset of the text it begins, for errors; names are without their backticks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Literal

# -- expressions


@dataclass(frozen=True, slots=True)
class Node:
    """Any part of a query; ``at`` is the offset of its first character."""

    at: int


@dataclass(frozen=True, slots=True)
class Expression(Node):
    """What has a value for each row."""


@dataclass(frozen=True, slots=True)
class Constant(Expression):
    """A literal: null, a truth value, a 64-bit integer, a float or a text."""

    value: bool | int | float | str | None


@dataclass(frozen=True, slots=True)
class Parameter(Expression):
    """``$name``, or ``{name}`` as it was written before."""

    name: str


@dataclass(frozen=True, slots=True)
class Variable(Expression):
    """A name of the row."""

    name: str


@dataclass(frozen=True, slots=True)
class PropertyAccess(Expression):
    """``subject.key``."""

    subject: Expression
    key: str


@dataclass(frozen=True, slots=True)
class Index(Expression):
    """``subject[index]``: of a list by place, of a map or an element by key."""

    subject: Expression
    index: Expression


@dataclass(frozen=True, slots=True)
class Slice(Expression):
    """``subject[start..end]``; either end may be missing."""

    subject: Expression
    start: Expression | None
    end: Expression | None


@dataclass(frozen=True, slots=True)
class ListLiteral(Expression):
    """``[a, b]``."""

    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class MapLiteral(Expression):
    """``{key: value}``, in the order written."""

    entries: tuple[tuple[str, Expression], ...]


@dataclass(frozen=True, slots=True)
class MapProjection(Expression):
    """``variable {.key, .*, other, name: value}``: an entry has a key and a value; ``.*`` is an entry of neither."""

    subject: Variable
    entries: tuple[tuple[str, Expression] | None, ...]


UnaryOperator = Literal["NOT", "-", "+"]
BinaryOperator = Literal[
    "OR", "XOR", "AND", "+", "-", "*", "/", "%", "^", "IN", "STARTS WITH", "ENDS WITH", "CONTAINS", "=~"
]
ComparisonOperator = Literal["=", "<>", "<", "<=", ">", ">="]


@dataclass(frozen=True, slots=True)
class Unary(Expression):
    """An operator in front of its operand."""

    operator: UnaryOperator
    operand: Expression


@dataclass(frozen=True, slots=True)
class Binary(Expression):
    """An operator between its operands."""

    operator: BinaryOperator
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Comparison(Expression):
    """``a < b <= c``: each neighbouring pair must hold."""

    first: Expression
    rest: tuple[tuple[ComparisonOperator, Expression], ...]


@dataclass(frozen=True, slots=True)
class IsNull(Expression):
    """``operand IS NULL``, or ``IS NOT NULL``."""

    operand: Expression
    negated: bool


@dataclass(frozen=True, slots=True)
class HasLabels(Expression):
    """``subject:Label``: whether an element has the labels, or a relationship the type."""

    subject: Expression
    labels: LabelExpression


@dataclass(frozen=True, slots=True)
class Call(Expression):
    """``name(arguments)``, of a function or an aggregation; ``name`` as written, with its dots."""

    name: str
    arguments: tuple[Expression, ...]
    distinct: bool = False


@dataclass(frozen=True, slots=True)
class CountAll(Expression):
    """``count(*)``."""


@dataclass(frozen=True, slots=True)
class Case(Expression):
    """``CASE [subject] WHEN … THEN … ELSE … END``."""

    subject: Expression | None
    branches: tuple[tuple[Expression, Expression], ...]
    otherwise: Expression | None


@dataclass(frozen=True, slots=True)
class ListComprehension(Expression):
    """``[variable IN source WHERE condition | value]``."""

    variable: Variable
    source: Expression
    condition: Expression | None
    value: Expression | None


@dataclass(frozen=True, slots=True)
class PatternComprehension(Expression):
    """``[pattern WHERE condition | value]``."""

    pattern: PathPattern
    condition: Expression | None
    value: Expression


@dataclass(frozen=True, slots=True)
class Quantifier(Expression):
    """``all(variable IN source WHERE condition)``, and any, none, single."""

    kind: Literal["all", "any", "none", "single"]
    variable: Variable
    source: Expression
    condition: Expression | None


@dataclass(frozen=True, slots=True)
class Reduce(Expression):
    """``reduce(accumulator = initial, variable IN source | value)``."""

    accumulator: Variable
    initial: Expression
    variable: Variable
    source: Expression
    value: Expression


@dataclass(frozen=True, slots=True)
class PatternExpression(Expression):
    """A pattern where a value is wanted: a predicate, or the paths of ``shortestPath()``."""

    pattern: PathPattern


@dataclass(frozen=True, slots=True)
class Subquery(Expression):
    """``EXISTS {…}``, ``COUNT {…}`` or ``COLLECT {…}``."""

    kind: Literal["exists", "count", "collect"]
    query: Query


# -- patterns


@dataclass(frozen=True, slots=True)
class LabelExpression(Node):
    """What labels an element must have."""


@dataclass(frozen=True, slots=True)
class Label(LabelExpression):
    """One label or type by name; ``%`` in the text, any at all, is None."""

    name: str | None


@dataclass(frozen=True, slots=True)
class LabelNot(LabelExpression):
    """``!A``."""

    operand: LabelExpression


@dataclass(frozen=True, slots=True)
class LabelAll(LabelExpression):
    """``A&B``, or ``:A:B``."""

    operands: tuple[LabelExpression, ...]


@dataclass(frozen=True, slots=True)
class LabelAny(LabelExpression):
    """``A|B``, or ``:A|:B``."""

    operands: tuple[LabelExpression, ...]


@dataclass(frozen=True, slots=True)
class NodePattern(Node):
    """``(variable:Label {key: value} WHERE condition)``."""

    variable: Variable | None
    labels: LabelExpression | None
    properties: MapLiteral | Parameter | None
    condition: Expression | None


@dataclass(frozen=True, slots=True)
class Length:
    """``*least..most``: how many relationships follow each other; None where nothing is said."""

    least: int | None
    most: int | None


@dataclass(frozen=True, slots=True)
class RelationshipPattern(Node):
    """``-[variable:TYPE*1..3 {key: value}]->``; ``way`` is ``both`` without an arrow, and with two."""

    variable: Variable | None
    types: LabelExpression | None
    way: Literal["out", "in", "both"]
    length: Length | None
    properties: MapLiteral | Parameter | None
    condition: Expression | None


@dataclass(frozen=True, slots=True)
class PathPattern(Node):
    """Node patterns with a relationship pattern between any two; ``shortest`` of ``shortestPath()`` and its like."""

    variable: Variable | None
    nodes: tuple[NodePattern, ...]
    relationships: tuple[RelationshipPattern, ...]
    shortest: Literal["one", "all"] | None = None


# -- clauses


@dataclass(frozen=True, slots=True)
class Clause(Node):
    """One step of a query, from a table of rows to another."""


@dataclass(frozen=True, slots=True)
class Match(Clause):
    """``[OPTIONAL] MATCH patterns [WHERE condition]``; hints of indexes are read and left out."""

    optional: bool
    patterns: tuple[PathPattern, ...]
    condition: Expression | None


@dataclass(frozen=True, slots=True)
class Unwind(Clause):
    """``UNWIND list AS variable``."""

    source: Expression
    variable: Variable


@dataclass(frozen=True, slots=True)
class Item(Node):
    """One column of WITH or RETURN; ``text`` is the expression as written, the name of a column without AS."""

    value: Expression
    alias: Variable | None
    text: str

    @property
    def name(self) -> str:
        """The name of the column."""
        if self.alias is not None:
            return self.alias.name
        return self.value.name if isinstance(self.value, Variable) else self.text


@dataclass(frozen=True, slots=True)
class Sort(Node):
    """One key of ORDER BY."""

    value: Expression
    descending: bool


@dataclass(frozen=True, slots=True)
class Projection(Node):
    """What WITH and RETURN have in common; ``everything`` is ``*``."""

    distinct: bool
    everything: bool
    items: tuple[Item, ...]
    order: tuple[Sort, ...]
    skip: Expression | None
    limit: Expression | None


@dataclass(frozen=True, slots=True)
class With(Clause):
    """``WITH projection [WHERE condition]``."""

    projection: Projection
    condition: Expression | None


@dataclass(frozen=True, slots=True)
class Return(Clause):
    """``RETURN projection``."""

    projection: Projection


@dataclass(frozen=True, slots=True)
class Create(Clause):
    """``CREATE patterns``."""

    patterns: tuple[PathPattern, ...]


@dataclass(frozen=True, slots=True)
class SetProperty(Node):
    """``subject.key = value``, or ``subject[key] = value``."""

    target: PropertyAccess | Index
    value: Expression


@dataclass(frozen=True, slots=True)
class SetProperties(Node):
    """``variable = map`` replaces all properties, ``variable += map`` adds to them."""

    variable: Variable
    value: Expression
    adding: bool


@dataclass(frozen=True, slots=True)
class SetLabels(Node):
    """``variable:Label:Other``, of SET and of REMOVE."""

    variable: Variable
    labels: tuple[str, ...]


SetItem = SetProperty | SetProperties | SetLabels


@dataclass(frozen=True, slots=True)
class MergePattern(Clause):
    """``MERGE pattern [ON CREATE SET items] [ON MATCH SET items]``."""

    pattern: PathPattern
    on_create: tuple[SetItem, ...]
    on_match: tuple[SetItem, ...]


@dataclass(frozen=True, slots=True)
class Set(Clause):
    """``SET items``."""

    items: tuple[SetItem, ...]


@dataclass(frozen=True, slots=True)
class Remove(Clause):
    """``REMOVE n.key, n:Label``."""

    items: tuple[PropertyAccess | Index | SetLabels, ...]


@dataclass(frozen=True, slots=True)
class Delete(Clause):
    """``[DETACH] DELETE expressions``."""

    detach: bool
    values: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Foreach(Clause):
    """``FOREACH (variable IN source | updating clauses)``."""

    variable: Variable
    source: Expression
    clauses: tuple[Clause, ...]


@dataclass(frozen=True, slots=True)
class Yield(Node):
    """``column [AS alias]`` of a procedure."""

    column: str
    alias: Variable | None


@dataclass(frozen=True, slots=True)
class CallProcedure(Clause):
    """``CALL name[(arguments)] [YIELD columns [WHERE condition]]``.

    ``arguments`` is None where there are no parentheses; ``yields`` is None without YIELD, and ``YIELD *`` is
    ``everything``.
    """

    name: str
    arguments: tuple[Expression, ...] | None
    yields: tuple[Yield, ...] | None
    everything: bool
    condition: Expression | None


@dataclass(frozen=True, slots=True)
class CallSubquery(Clause):
    """``CALL {query}``, or ``CALL (names) {query}``; ``imports`` is None for the first."""

    query: Query
    imports: tuple[Variable, ...] | None


# -- statements


@dataclass(frozen=True, slots=True)
class Query(Node):
    """Linear queries joined by UNION; ``distinct`` is UNION without ALL."""

    parts: tuple[tuple[Clause, ...], ...]
    distinct: bool


@dataclass(frozen=True, slots=True)
class Statement:
    """A whole text: how it is asked, and the query.

    ``hints`` are those of ``USING QUERY:name value``, names in lower case.
    """

    text: str
    mode: Literal["run", "explain", "profile"]
    hints: tuple[tuple[str, str], ...]
    query: Query


def children(part: Any) -> Iterator[Node]:
    """The nodes right below one."""
    for field in fields(part):
        yield from _nodes(getattr(part, field.name))


def shape(part: Any) -> Any:
    """A part without its places, so that two that say the same are equal."""
    if isinstance(part, tuple):
        return tuple(map(shape, part))
    if not is_dataclass(part) or isinstance(part, type):
        return (type(part), part)
    return (type(part), *(shape(getattr(part, field.name)) for field in fields(part) if field.name != "at"))


def walk(part: Node) -> Iterator[Node]:
    """A node and everything below it."""
    yield part
    for child in children(part):
        yield from walk(child)


def _nodes(value: Any) -> Iterator[Node]:
    if isinstance(value, Node):
        yield value
    elif isinstance(value, tuple):
        for one in value:
            yield from _nodes(one)
