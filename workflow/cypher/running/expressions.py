"""Expressions become functions of a run and a row."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import regex

from workflow.cypher.errors import CypherTypeError
from workflow.cypher.functions.table import FUNCTIONS
from workflow.cypher.lang import tree as t
from workflow.cypher.planning.procedures import NamedFunction
from workflow.cypher.running.run import CypherRun, Row
from workflow.cypher.semantics import arithmetic, relations
from workflow.cypher.semantics.arithmetic import kind_of
from workflow.cypher.semantics.elements import labels_of, properties_of, property_of
from workflow.errors import QueryFailed
from workflow.graphs.elements import Edge, Vertex
from workflow.values.limits import MATCH_TIMEOUT_S, MOST_PATTERN

Evaluator = Callable[[CypherRun, Row], Any]

_COMPARISONS: Final[dict[str, Callable[[Any, Any], bool | None]]] = {
    "=": relations.equals,
    "<>": lambda a, b: None if (found := relations.equals(a, b)) is None else not found,
    "<": relations.less,
    "<=": relations.less_or_equal,
    ">": relations.greater,
    ">=": relations.greater_or_equal,
}


class Expressions:
    """Makes evaluators. What needs patterns or queries is made by whoever made this.

    Args:
        matching: for a pattern, what gives the rows in which it is found, beginning with a row that binds names.
        querying: for a query in braces, what gives its rows.
        functions: those beside the language's, by exact name.
        known: columns that stand for expressions, by the shape of the expression.
    """

    def __init__(
        self,
        matching: Callable[[t.PathPattern, t.Expression | None], Callable[[CypherRun, Row], Iterator[Row]]],
        querying: Callable[[t.Query], Callable[[CypherRun, Row], Iterator[Row]]],
        functions: Mapping[str, NamedFunction],
        known: Mapping[object, str] | None = None,
    ) -> None:
        self._matching = matching
        self._querying = querying
        self._functions = functions
        self._known = known or {}

    def knowing(self, known: Mapping[object, str]) -> Expressions:
        """The same with columns for some expressions."""
        return Expressions(self._matching, self._querying, self._functions, known)

    def condition(self, e: t.Expression) -> Callable[[CypherRun, Row], bool]:
        """Whether a row passes: null does not."""
        evaluate = self.of(e)
        return lambda run, row: evaluate(run, row) is True

    def of(self, e: t.Expression) -> Evaluator:
        """The evaluator of an expression."""
        if self._known:
            column = self._known.get(t.shape(e))
            if column is not None:
                return lambda run, row: row[column]
        make: Callable[[Any], Evaluator] = getattr(self, _MAKERS[type(e)])
        return make(e)

    # -- leaves

    def _constant(self, e: t.Constant) -> Evaluator:
        value = e.value
        return lambda run, row: value

    def _parameter(self, e: t.Parameter) -> Evaluator:
        name = e.name
        return lambda run, row: run.parameter(name)

    def _variable(self, e: t.Variable) -> Evaluator:
        name = e.name
        return lambda run, row: row[name]

    # -- members

    def _property(self, e: t.PropertyAccess) -> Evaluator:
        subject, key = self.of(e.subject), e.key
        return lambda run, row: member(subject(run, row), key)

    def _index(self, e: t.Index) -> Evaluator:
        subject, index = self.of(e.subject), self.of(e.index)
        return lambda run, row: indexed(subject(run, row), index(run, row))

    def _slice(self, e: t.Slice) -> Evaluator:
        subject = self.of(e.subject)
        start = None if e.start is None else self.of(e.start)
        end = None if e.end is None else self.of(e.end)

        def evaluate(run: CypherRun, row: Row) -> Any:
            values = subject(run, row)
            first = 0 if start is None else start(run, row)
            last = len(values) if end is None and values is not None else None if end is None else end(run, row)
            if values is None or first is None or last is None:
                return None
            return _list("[..]", values)[_whole(first) : _whole(last)]

        return evaluate

    def _list(self, e: t.ListLiteral) -> Evaluator:
        items = [self.of(one) for one in e.items]
        return lambda run, row: [item(run, row) for item in items]

    def _map(self, e: t.MapLiteral) -> Evaluator:
        entries = [(key, self.of(value)) for key, value in e.entries]
        return lambda run, row: {key: value(run, row) for key, value in entries}

    def _map_projection(self, e: t.MapProjection) -> Evaluator:
        subject = self.of(e.subject)
        entries = [None if entry is None else (entry[0], self.of(entry[1])) for entry in e.entries]

        def evaluate(run: CypherRun, row: Row) -> Any:
            value = subject(run, row)
            if value is None:
                return None
            out: dict[str, Any] = {}
            for entry in entries:
                if entry is None:
                    out.update(value if isinstance(value, Mapping) else properties_of(value))
                else:
                    out[entry[0]] = entry[1](run, row)
            return out

        return evaluate

    # -- operators

    def _unary(self, e: t.Unary) -> Evaluator:
        operand = self.of(e.operand)
        if e.operator == "NOT":
            return lambda run, row: None if (value := truth(operand(run, row))) is None else not value
        operation = arithmetic.negate if e.operator == "-" else arithmetic.plus_sign
        return lambda run, row: operation(operand(run, row))

    def _binary(self, e: t.Binary) -> Evaluator:
        left, right = self.of(e.left), self.of(e.right)
        if e.operator == "AND":
            return lambda run, row: _and(truth(left(run, row)), lambda: truth(right(run, row)))
        if e.operator == "OR":
            return lambda run, row: _or(truth(left(run, row)), lambda: truth(right(run, row)))
        operation = _BINARY[e.operator]
        return lambda run, row: operation(left(run, row), right(run, row))

    def _comparison(self, e: t.Comparison) -> Evaluator:
        first = self.of(e.first)
        rest = [(_COMPARISONS[operator], self.of(value)) for operator, value in e.rest]
        if len(rest) == 1:
            (test, second) = rest[0]
            return lambda run, row: test(first(run, row), second(run, row))

        def evaluate(run: CypherRun, row: Row) -> bool | None:
            answer: bool | None = True
            left = first(run, row)
            for test, value in rest:
                right = value(run, row)
                answer = _and(answer, functools.partial(test, left, right))
                left = right
            return answer

        return evaluate

    def _is_null(self, e: t.IsNull) -> Evaluator:
        operand, negated = self.of(e.operand), e.negated
        return lambda run, row: (operand(run, row) is None) is not negated

    def _has_labels(self, e: t.HasLabels) -> Evaluator:
        subject, test = self.of(e.subject), label_test(e.labels)

        def evaluate(run: CypherRun, row: Row) -> bool | None:
            value = subject(run, row)
            if value is None:
                return None
            if isinstance(value, Vertex):
                return test(labels_of(value))
            if isinstance(value, Edge):
                return test([value.label])
            raise CypherTypeError(f"A value of type {kind_of(value)} has no labels", "InvalidArgumentType")

        return evaluate

    # -- calls

    def _call(self, e: t.Call) -> Evaluator:
        own = self._functions.get(e.name)
        function = FUNCTIONS[e.name.lower()] if own is None else own.function
        arguments = [self.of(one) for one in e.arguments]
        call, null, contextual = function.call, function.null, function.contextual

        def evaluate(run: CypherRun, row: Row) -> Any:
            values = [argument(run, row) for argument in arguments]
            if not null and any(value is None for value in values):
                return None
            return call(run, *values) if contextual else call(*values)

        return evaluate

    def _case(self, e: t.Case) -> Evaluator:
        subject = None if e.subject is None else self.of(e.subject)
        branches = [(self.of(condition), self.of(value)) for condition, value in e.branches]
        otherwise = None if e.otherwise is None else self.of(e.otherwise)

        def evaluate(run: CypherRun, row: Row) -> Any:
            wanted = None if subject is None else subject(run, row)
            for condition, value in branches:
                found = condition(run, row)
                if (found if subject is None else relations.equals(wanted, found)) is True:
                    return value(run, row)
            return None if otherwise is None else otherwise(run, row)

        return evaluate

    # -- over lists

    def _list_comprehension(self, e: t.ListComprehension) -> Evaluator:
        source, name = self.of(e.source), e.variable.name
        condition = None if e.condition is None else self.of(e.condition)
        value = None if e.value is None else self.of(e.value)

        def evaluate(run: CypherRun, row: Row) -> Any:
            members = source(run, row)
            if members is None:
                return None
            out = []
            inner = dict(row)
            for one in _list("a list comprehension", members):
                run.tick()
                inner[name] = one
                if condition is None or condition(run, inner) is True:
                    out.append(one if value is None else value(run, inner))
            return out

        return evaluate

    def _quantifier(self, e: t.Quantifier) -> Evaluator:
        source, name, kind = self.of(e.source), e.variable.name, e.kind
        condition = self.of(e.condition) if e.condition is not None else self.of(e.variable)

        def evaluate(run: CypherRun, row: Row) -> bool | None:
            members = source(run, row)
            if members is None:
                return None
            inner = dict(row)
            counts = {True: 0, False: 0, None: 0}
            for one in _list(f"{kind}()", members):
                run.tick()
                inner[name] = one
                counts[truth(condition(run, inner))] += 1
            return quantified(kind, counts[True], counts[False], counts[None])

        return evaluate

    def _reduce(self, e: t.Reduce) -> Evaluator:
        initial, source, value = self.of(e.initial), self.of(e.source), self.of(e.value)
        accumulator, name = e.accumulator.name, e.variable.name

        def evaluate(run: CypherRun, row: Row) -> Any:
            members = source(run, row)
            if members is None:
                return None
            inner = dict(row)
            inner[accumulator] = initial(run, row)
            for one in _list("reduce()", members):
                run.tick()
                inner[name] = one
                inner[accumulator] = value(run, inner)
            return inner[accumulator]

        return evaluate

    # -- over the graph

    def _pattern(self, e: t.PatternExpression) -> Evaluator:
        rows = self._matching(e.pattern, None)
        if e.pattern.shortest is None:
            return lambda run, row: next(rows(run, row), None) is not None
        one = e.pattern.shortest == "one"

        def evaluate(run: CypherRun, row: Row) -> Any:
            paths = [found[PATH] for found in rows(run, row)]
            return (paths[0] if paths else None) if one else paths

        return evaluate

    def _pattern_comprehension(self, e: t.PatternComprehension) -> Evaluator:
        rows, value = self._matching(e.pattern, e.condition), self.of(e.value)
        return lambda run, row: [value(run, found) for found in rows(run, row)]

    def _subquery(self, e: t.Subquery) -> Evaluator:
        rows = self._querying(e.query)
        if e.kind == "exists":
            return lambda run, row: next(rows(run, row), None) is not None
        if e.kind == "count":
            return lambda run, row: sum(1 for _ in rows(run, row))
        return lambda run, row: [next(iter(found.values()), None) for found in rows(run, row)]


PATH: Final = "\0path"
"""The column of a path that has no name."""

_MAKERS: Final[dict[type, str]] = {
    t.Constant: "_constant",
    t.Parameter: "_parameter",
    t.Variable: "_variable",
    t.PropertyAccess: "_property",
    t.Index: "_index",
    t.Slice: "_slice",
    t.ListLiteral: "_list",
    t.MapLiteral: "_map",
    t.MapProjection: "_map_projection",
    t.Unary: "_unary",
    t.Binary: "_binary",
    t.Comparison: "_comparison",
    t.IsNull: "_is_null",
    t.HasLabels: "_has_labels",
    t.Call: "_call",
    t.Case: "_case",
    t.ListComprehension: "_list_comprehension",
    t.Quantifier: "_quantifier",
    t.Reduce: "_reduce",
    t.PatternExpression: "_pattern",
    t.PatternComprehension: "_pattern_comprehension",
    t.Subquery: "_subquery",
}


# -- logic


def truth(value: Any) -> bool | None:
    """A truth value or null. Raises CypherTypeError for anything else."""
    if value is None or isinstance(value, bool):
        return value
    raise CypherTypeError(f"A truth value is wanted, not {kind_of(value)}", "InvalidArgumentType")


def _and(a: bool | None, b: Callable[[], bool | None]) -> bool | None:
    if a is False:
        return False
    other = b()
    return other if a is True or other is False else None


def _or(a: bool | None, b: Callable[[], bool | None]) -> bool | None:
    if a is True:
        return True
    other = b()
    return other if a is False or other is True else None


def _xor(a: Any, b: Any) -> bool | None:
    left, right = truth(a), truth(b)
    return None if left is None or right is None else left is not right


def quantified(kind: str, true: int, false: int, unknown: int) -> bool | None:
    """What a quantifier says of members of which so many pass, fail, and may do either."""
    if kind == "all":
        return False if false else None if unknown else True
    if kind == "any":
        return True if true else None if unknown else False
    if kind == "none":
        return False if true else None if unknown else True
    return False if true > 1 else None if unknown else true == 1


def _in(value: Any, members: Any) -> bool | None:
    return None if members is None else relations.contained(value, _list("IN", members))


def _text_test(test: Callable[[str, str], bool]) -> Callable[[Any, Any], bool | None]:
    return lambda a, b: test(a, b) if isinstance(a, str) and isinstance(b, str) else None


def _matches(text: str, pattern: str) -> bool:
    if len(pattern) > MOST_PATTERN:
        raise QueryFailed(f"A regular expression has at most {MOST_PATTERN} characters")
    try:
        return regex.fullmatch(pattern, text, timeout=MATCH_TIMEOUT_S) is not None
    except TimeoutError:
        raise QueryFailed("A regular expression takes too long to be searched for") from None
    except regex.error as error:
        raise QueryFailed(f"{pattern!r} is no regular expression: {error}") from error


_BINARY: Final[dict[str, Callable[[Any, Any], Any]]] = {
    **arithmetic.OPERATIONS,
    "XOR": _xor,
    "IN": _in,
    "STARTS WITH": _text_test(str.startswith),
    "ENDS WITH": _text_test(str.endswith),
    "CONTAINS": _text_test(lambda a, b: b in a),
    "=~": _text_test(_matches),
}


# -- members


def _list(what: str, value: Any) -> Sequence[Any]:
    if isinstance(value, list | tuple):
        return value
    raise CypherTypeError(f"{what} takes a list, not {kind_of(value)}", "InvalidArgumentType")


def _whole(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise CypherTypeError(f"A place in a list is an integer, not {kind_of(value)}", "InvalidArgumentType")


def member(value: Any, key: str) -> Any:
    """``value.key``."""
    if isinstance(value, Vertex | Edge):
        return property_of(value, key)
    if value is None:
        return None
    if isinstance(value, Mapping):
        return value.get(key)
    part = getattr(value, "part", None)  # of a temporal value
    if part is not None:
        return part(key)
    raise CypherTypeError(f"A value of type {kind_of(value)} has no property {key!r}", "InvalidArgumentType")


def indexed(value: Any, index: Any) -> Any:
    """``value[index]``."""
    if value is None or index is None:
        return None
    if isinstance(value, list | tuple):
        place = _whole(index)
        return value[place] if -len(value) <= place < len(value) else None
    if isinstance(value, Mapping | Vertex | Edge):
        if not isinstance(index, str):
            raise CypherTypeError(f"A key is a text, not {kind_of(index)}", "MapElementAccessByNonString")
        return member(value, index)
    raise CypherTypeError(f"A value of type {kind_of(value)} has no members", "InvalidArgumentType")


def label_test(labels: t.LabelExpression) -> Callable[[Sequence[str]], bool]:
    """Whether the labels of an element are those that are asked for."""
    if isinstance(labels, t.Label):
        name = labels.name
        return (lambda found: bool(found)) if name is None else (lambda found: name in found)
    if isinstance(labels, t.LabelNot):
        inner = label_test(labels.operand)
        return lambda found: not inner(found)
    assert isinstance(labels, t.LabelAll | t.LabelAny)
    tests = [label_test(one) for one in labels.operands]
    if isinstance(labels, t.LabelAll):
        return lambda found: all(test(found) for test in tests)
    return lambda found: any(test(found) for test in tests)
