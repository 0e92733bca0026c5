"""What expressions are known to be before anything runs, and those that can mean nothing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Final, NoReturn

from workflow.cypher.errors import CypherSyntaxError, CypherTypeError
from workflow.cypher.functions.aggregates import AGGREGATES
from workflow.cypher.functions.table import FUNCTIONS
from workflow.cypher.lang import tree as t
from workflow.cypher.planning import types
from workflow.cypher.planning.procedures import Library
from workflow.cypher.planning.types import ANY, BOOLEAN, INTEGER, LIST, MAP, PATH, STRING, Type

Scope = dict[str, Type]
"""The names that can be seen, and what is known of their values."""

_NO_PROPERTIES: Final = frozenset({"integer", "float", "boolean", "string", "list"})
_NO_INDEX: Final = frozenset({"integer", "float", "boolean", "string", "path"})
_NO_NUMBERS: Final = frozenset({"boolean", "string", "list", "map", "node", "relationship", "path"})


class ExpressionChecks(ABC):
    """Finds the types of expressions.

    Args:
        text: of the statement, for errors.
        library: what it may call beside the functions of the language.
    """

    def __init__(self, text: str, library: Library) -> None:
        self.text = text
        self.library = library
        self.aggregating = False  # an aggregation may stand here

    def refuse(self, node: t.Node, detail: str, reason: str) -> NoReturn:
        """Raise CypherSyntaxError about a part of the statement."""
        raise CypherSyntaxError(reason, detail, self.text, node.at)

    @abstractmethod
    def query(self, query: t.Query, scope: Scope) -> tuple[str, ...] | None:
        """Check a query inside of an expression."""

    @abstractmethod
    def pattern(self, path: t.PathPattern, scope: Scope, mode: str, seen: set[str]) -> None:
        """Check a pattern inside of an expression."""

    def predicate(self, value: t.Expression, scope: Scope) -> None:
        """A condition: patterns may stand in it, aggregations may not."""
        found = self.type_of(value, scope, pattern=True)
        if found.known and found != BOOLEAN:
            self.refuse(value, "InvalidArgumentType", f"A condition is true or false, not {found.name}")

    def operands(self, values: Iterable[t.Expression], scope: Scope) -> list[Type]:
        """The types of several expressions."""
        return [self.type_of(value, scope) for value in values]

    def type_of(self, e: t.Expression, scope: Scope, *, pattern: bool = False) -> Type:
        """What is known of an expression's value.

        Args:
            pattern: a pattern may stand here, as a test.
        """
        match e:
            case t.Constant():
                return types.of_constant(e.value)
            case t.Parameter():
                return ANY
            case t.Variable():
                if e.name not in scope:
                    self.refuse(e, "UndefinedVariable", f"The name {e.name} is not known here")
                return scope[e.name]
            case t.PropertyAccess():
                return self.property(e, scope)
            case t.Index():
                subject, _ = self.operands((e.subject, e.index), scope)
                if subject.name in _NO_INDEX:
                    raise CypherTypeError(f"A value of type {subject.name} has no members", "InvalidArgumentType")
                return subject.item or ANY if subject.name == "list" else ANY
            case t.Slice():
                self.operands([one for one in (e.start, e.end) if one is not None], scope)
                subject = self.type_of(e.subject, scope)
                return subject if subject.name == "list" else LIST
            case t.ListLiteral():
                return Type("list", types.common(self.operands(e.items, scope)))
            case t.MapLiteral():
                self.operands([value for _, value in e.entries], scope)
                return MAP
            case t.MapProjection():
                self.type_of(e.subject, scope)
                self.operands([entry[1] for entry in e.entries if entry is not None], scope)
                return MAP
            case t.Unary() | t.Binary() | t.Comparison() | t.IsNull() | t.HasLabels():
                return self.operation(e, scope, pattern=pattern)
            case t.CountAll() | t.Call():
                return self.called(e, scope)
            case t.Case():
                return self.case(e, scope)
            case t.ListComprehension() | t.Quantifier() | t.Reduce():
                return self.over_list(e, scope)
            case _:
                return self.over_graph(e, scope, pattern=pattern)

    def property(self, e: t.PropertyAccess, scope: Scope) -> Type:
        """``subject.key``."""
        subject = self.type_of(e.subject, scope)
        if subject.name == "path":
            self.refuse(e, "InvalidArgumentType", "A path has no properties")
        if subject.name in _NO_PROPERTIES:
            raise CypherTypeError(f"A value of type {subject.name} has no property {e.key!r}", "InvalidArgumentType")
        return ANY

    def operation(self, e: t.Expression, scope: Scope, *, pattern: bool) -> Type:
        """An operator and its operands."""
        if isinstance(e, t.IsNull):
            self.type_of(e.operand, scope)
            return BOOLEAN
        if isinstance(e, t.HasLabels):
            found = self.type_of(e.subject, scope)
            if found.known and found.name not in ("node", "relationship"):
                self.refuse(e, "InvalidArgumentType", f"A value of type {found.name} has no labels")
            return BOOLEAN
        if isinstance(e, t.Comparison):
            self.operands((e.first, *(value for _, value in e.rest)), scope)
            return BOOLEAN
        if isinstance(e, t.Unary):
            if e.operator == "NOT":
                return self.logic(e.operator, (e.operand,), scope)
            return self.arithmetic(e.operator, (e.operand,), scope)
        assert isinstance(e, t.Binary)
        if e.operator in ("AND", "OR", "XOR"):
            return self.logic(e.operator, (e.left, e.right), scope)
        if e.operator == "IN":
            _, members = self.operands((e.left, e.right), scope)
            if members.known and members.name != "list":
                self.refuse(e, "InvalidArgumentType", f"IN looks into a list, not into {members.name}")
            return BOOLEAN
        if e.operator in ("STARTS WITH", "ENDS WITH", "CONTAINS", "=~"):
            self.operands((e.left, e.right), scope)
            return BOOLEAN
        if e.operator == "+":
            return _sum(*self.operands((e.left, e.right), scope))
        return self.arithmetic(e.operator, (e.left, e.right), scope)

    def logic(self, operator: str, values: Sequence[t.Expression], scope: Scope) -> Type:
        """AND, OR, XOR or NOT: of truth values."""
        for value in values:
            found = self.type_of(value, scope, pattern=True)
            if found.known and found != BOOLEAN:
                self.refuse(value, "InvalidArgumentType", f"{operator} takes true and false, not {found.name}")
        return BOOLEAN

    def arithmetic(self, operator: str, values: Sequence[t.Expression], scope: Scope) -> Type:
        """A sum, product or power: of numbers, and a sum of texts, lists and moments too."""
        found = self.operands(values, scope)
        for value, kind in zip(values, found, strict=True):
            if kind.name in _NO_NUMBERS:
                self.refuse(value, "InvalidArgumentType", f"{operator} takes numbers, not {kind.name}")
        names = {kind.name for kind in found}
        if operator == "^":
            return types.FLOAT if names <= types.NUMERIC else ANY
        return INTEGER if names == {"integer"} else types.FLOAT if names <= types.NUMERIC else ANY

    def called(self, e: t.Call | t.CountAll, scope: Scope) -> Type:
        """A call of a function or an aggregation."""
        if self.library.aggregates(e):
            return self.aggregate(e, scope)
        assert isinstance(e, t.Call)
        own = self.library.functions.get(e.name)
        function = FUNCTIONS.get(e.name.lower()) if own is None else own.function
        if function is None:
            self.refuse(e, "UnknownFunction", f"There is no function {e.name}()")
        if len(e.arguments) < function.least or (function.most is not None and len(e.arguments) > function.most):
            self.refuse(e, "InvalidNumberOfArguments", f"{e.name}() does not take {len(e.arguments)} arguments")
        tests = e.name.lower() == "exists"
        found = [self.type_of(value, scope, pattern=tests) for value in e.arguments]
        for kind, accepted in zip(found, function.accepts, strict=False):
            if kind.known and kind.name not in accepted:
                self.refuse(e, "InvalidArgumentType", f"{e.name}() does not take a value of type {kind.name}")
        return Type(function.returns)

    def aggregate(self, e: t.Call | t.CountAll, scope: Scope) -> Type:
        """A call of an aggregation."""
        if not self.aggregating:
            self.refuse(e, "InvalidAggregation", "An aggregation stands in WITH, RETURN and their ORDER BY only")
        if isinstance(e, t.CountAll):
            return INTEGER
        own = self.library.aggregations.get(e.name)
        if own is None:
            _, count, returns = AGGREGATES[e.name.lower()]
            least = most = count
        else:
            least, most, returns = own.least, own.most, own.returns
        if not least <= len(e.arguments) <= most:
            self.refuse(e, "InvalidNumberOfArguments", f"{e.name}() does not take {len(e.arguments)} arguments")
        for value in e.arguments:
            for node in t.walk(value):
                if self.library.aggregates(node):
                    self.refuse(node, "NestedAggregation", "An aggregation cannot stand in another")
                if isinstance(node, t.Call) and node.name.lower() == "rand":
                    self.refuse(node, "NonConstantExpression", "rand() cannot stand in an aggregation")
        self.operands(e.arguments, scope)
        return Type(returns)

    def case(self, e: t.Case, scope: Scope) -> Type:
        """CASE: what its branches have in common."""
        if e.subject is not None:
            self.type_of(e.subject, scope)
        found: list[Type] = []
        for condition, value in e.branches:
            if e.subject is None:
                self.type_of(condition, scope, pattern=True)
            else:
                self.type_of(condition, scope)
            found.append(self.type_of(value, scope))
        if e.otherwise is not None:
            found.append(self.type_of(e.otherwise, scope))
        return types.common(found)

    def over_list(self, e: t.ListComprehension | t.Quantifier | t.Reduce, scope: Scope) -> Type:
        """What goes through a list with a name of its own."""
        source = self.type_of(e.source, scope)
        if source.known and source.name != "list":
            self.refuse(e.source, "InvalidArgumentType", f"A list is gone through, not {source.name}")
        inner = {**scope, e.variable.name: source.item or ANY}
        aggregating, self.aggregating = self.aggregating, False  # the rows of an aggregation are the query's
        try:
            if isinstance(e, t.Reduce):
                inner[e.accumulator.name] = ANY
                self.type_of(e.initial, scope)
                return self.type_of(e.value, inner)
            if e.condition is not None:
                self.predicate(e.condition, inner)
            if isinstance(e, t.Quantifier):
                return BOOLEAN
            return Type("list", (source.item or ANY) if e.value is None else self.type_of(e.value, inner))
        finally:
            self.aggregating = aggregating

    def over_graph(self, e: t.Expression, scope: Scope, *, pattern: bool) -> Type:
        """What looks at the graph."""
        aggregating, self.aggregating = self.aggregating, False
        try:
            if isinstance(e, t.PatternExpression):
                if e.pattern.shortest is None and not pattern:
                    self.refuse(
                        e, "UnexpectedSyntax", "A pattern is a test, and no value: put it into WHERE or exists()"
                    )
                self.pattern(e.pattern, dict(scope), "test", set())
                return BOOLEAN if e.pattern.shortest is None else PATH if e.pattern.shortest == "one" else LIST
            inner = dict(scope)
            if isinstance(e, t.PatternComprehension):
                self.pattern(e.pattern, inner, "match", set())
                if e.condition is not None:
                    self.predicate(e.condition, inner)
                return Type("list", self.type_of(e.value, inner))
            assert isinstance(e, t.Subquery)
            self.query(e.query, inner)
            return {"exists": BOOLEAN, "count": INTEGER, "collect": LIST}[e.kind]
        finally:
            self.aggregating = aggregating


def _sum(left: Type, right: Type) -> Type:
    names = {left.name, right.name}
    if "list" in names:
        return LIST
    if "any" in names or "null" in names:
        return ANY
    if "string" in names:
        return STRING
    return INTEGER if names == {"integer"} else types.FLOAT if names <= types.NUMERIC else ANY
