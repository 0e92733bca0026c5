"""Reading expressions by precedence climbing.

From the loosest: OR, XOR, AND, NOT, comparisons, the tests of lists, texts and null, ``+ -``, ``* / %``, ``^``, the
signs, and what stands behind an operand (``.key``, ``[index]``, ``:Label``).
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Final, Literal

from workflow.cypher.errors import CypherSyntaxError
from workflow.cypher.lang.patterns import PatternReader
from workflow.cypher.lang.tokens import number_value, string_value
from workflow.cypher.lang.tree import (
    Binary,
    BinaryOperator,
    Call,
    Case,
    Comparison,
    ComparisonOperator,
    Constant,
    CountAll,
    Expression,
    HasLabels,
    Index,
    IsNull,
    ListComprehension,
    ListLiteral,
    MapLiteral,
    MapProjection,
    Parameter,
    PatternComprehension,
    PatternExpression,
    PropertyAccess,
    Quantifier,
    Query,
    Reduce,
    Slice,
    Subquery,
    Unary,
    Variable,
)

_COMPARISONS: Final[dict[str, ComparisonOperator]] = {
    "=": "=", "<>": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">=",
}  # fmt: skip
_NOT, _COMPARED = 4, 5
# how tight an operator binds, what it is, and how many tokens it has
_WORDS: Final[dict[str, tuple[int, BinaryOperator | Literal["IS"], int]]] = {
    "OR": (1, "OR", 1),
    "XOR": (2, "XOR", 1),
    "AND": (3, "AND", 1),
    "IS": (6, "IS", 1),
    "IN": (6, "IN", 1),
    "STARTS": (6, "STARTS WITH", 2),
    "ENDS": (6, "ENDS WITH", 2),
    "CONTAINS": (6, "CONTAINS", 1),
}
_MARKS: Final[dict[str, tuple[int, BinaryOperator | Literal["IS"], int]]] = {
    "=~": (6, "=~", 1),
    "+": (7, "+", 1),
    "-": (7, "-", 1),
    "*": (8, "*", 1),
    "/": (8, "/", 1),
    "%": (8, "%", 1),
    "^": (9, "^", 1),
}
_CONSTANTS: Final[dict[str, bool | None]] = {"TRUE": True, "FALSE": False, "NULL": None}
_QUANTIFIERS: Final[dict[str, Literal["all", "any", "none", "single"]]] = {
    "ALL": "all", "ANY": "any", "NONE": "none", "SINGLE": "single",
}  # fmt: skip
_SUBQUERIES: Final[dict[str, Literal["exists", "count", "collect"]]] = {
    "EXISTS": "exists", "COUNT": "count", "COLLECT": "collect",
}  # fmt: skip


class ExpressionReader(PatternReader):
    """The part of the parser that reads expressions. The queries inside them belong to a subclass."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        self._no_pattern: set[int] = set()  # tokens at which a pattern was looked for in vain

    @abstractmethod
    def subquery(self) -> Query:
        """What stands between the braces of ``EXISTS {…}``: a query, or a pattern alone."""

    def expression(self) -> Expression:
        """Any expression."""
        self.enter()
        try:
            return self._operation(1)
        finally:
            self.depth -= 1

    # -- operators

    def _operation(self, least: int) -> Expression:
        """Operands joined by operators that bind at least as tight as ``least``."""
        start = self.token.offset
        negations = 0
        while least <= _NOT and self.take_word("NOT"):
            negations += 1
        left = self._operation(_NOT + 1) if negations else self._signed()
        for _ in range(negations):
            left = Unary(start, "NOT", left)
        while True:
            found = self._operator_here()
            if found is None or found[0] < least:
                return left
            level, operator, length = found
            if level == _COMPARED:
                left = self._comparison(start, left)
                continue
            self.at += length
            if operator == "IS":
                negated = self.take_word("NOT")
                self.expect_word("NULL")
                left = IsNull(start, left, negated)
            else:
                left = Binary(start, operator, left, self._operation(level + 1))

    def _operator_here(self) -> tuple[int, BinaryOperator | Literal["IS"], int] | None:
        """The level of the operator that stands here, the operator, and how many tokens it has."""
        token = self.token
        if token.kind == "mark":
            if token.text in _COMPARISONS:
                return _COMPARED, "=~", 1
            return _MARKS.get(token.text)
        if token.kind != "name":
            return None
        found = _WORDS.get(token.text.upper())
        if found is not None and found[2] == 2 and not self.is_word("WITH", by=1):
            return None
        return found

    def _comparison(self, start: int, first: Expression) -> Expression:
        rest: list[tuple[ComparisonOperator, Expression]] = []
        while self.token.kind == "mark" and self.token.text in _COMPARISONS:
            operator = _COMPARISONS[self.token.text]
            self.at += 1
            rest.append((operator, self._operation(_COMPARED + 1)))
        return Comparison(start, first, tuple(rest))

    def _signed(self) -> Expression:
        start = self.token.offset
        signs: list[Literal["-", "+"]] = []
        while self.is_mark("-") or self.is_mark("+"):
            signs.append("-" if self.is_mark("-") else "+")
            self.at += 1
        if signs and signs[-1] == "-" and self.token.kind == "number":
            signs.pop()  # part of the number: -9223372036854775808 has no positive twin
            found = self.postfixed(self._number(negative=True))
        else:
            found = self.postfixed(self.atom())
        for sign in reversed(signs):
            found = Unary(start, sign, found)
        return found

    # -- behind an operand

    def postfixed(self, found: Expression) -> Expression:
        """An operand with what stands behind it: keys, indexes, labels, a map projection."""
        start = found.at
        while True:
            if self.is_mark(".") and self.is_name(by=1):
                self.at += 1
                found = PropertyAccess(start, found, self.name("a key"))
            elif self.take("["):
                found = self._indexed(start, found)
            elif self.is_mark(":") and self._is_label_test(found):
                self.at += 1
                found = HasLabels(start, found, self.label_expression())
            elif isinstance(found, Variable) and self.is_mark("{"):
                found = self._map_projection(found)
            else:
                return found

    def _is_label_test(self, found: Expression) -> bool:
        return isinstance(found, Variable | PropertyAccess | Index | Call | Parameter) or self.text[found.at] == "("

    def _indexed(self, start: int, found: Expression) -> Expression:
        with self.bars(True):
            first = None if self.is_mark("..") else self.expression()
            if self.take(".."):
                end = None if self.is_mark("]") else self.expression()
                self.expect("]")
                return Slice(start, found, first, end)
        self.expect("]")
        assert first is not None
        return Index(start, found, first)

    def _map_projection(self, subject: Variable) -> Expression:
        self.expect("{")
        entries: list[tuple[str, Expression] | None] = []
        with self.bars(True):
            while not self.is_mark("}"):
                if entries:
                    self.expect(",")
                entries.append(self._projected(subject))
        self.expect("}")
        return MapProjection(subject.at, subject, tuple(entries))

    def _projected(self, subject: Variable) -> tuple[str, Expression] | None:
        start = self.token.offset
        if self.take("."):
            if self.take("*"):
                return None
            key = self.name("a key, or *")
            return key, PropertyAccess(start, subject, key)
        key = self.name("a key, .key, .* or a variable")
        if self.take(":"):
            return key, self.expression()
        return key, Variable(start, key)

    # -- operands

    def atom(self) -> Expression:
        """An operand without what may stand behind it."""
        token = self.token
        if token.kind == "number":
            return self._number(negative=False)
        if token.kind == "string":
            self.at += 1
            return Constant(token.offset, string_value(self.text, token))
        if token.kind == "mark":
            return self._marked()
        if token.kind == "misnumber":
            raise CypherSyntaxError(
                f"Invalid input: {token.text!r} is no number", "InvalidNumberLiteral", self.text, token.offset
            )
        if token.kind == "name":
            found = self._keyword()
            if found is not None:
                return found
        if not self.is_name():
            self.fail("an expression")
        return self._call() if self._is_call() else self.variable()

    def _number(self, *, negative: bool) -> Constant:
        token = self.token
        self.at += 1
        return Constant(token.offset, number_value(self.text, token, negative=negative))

    def _marked(self) -> Expression:
        if self.is_mark("("):
            pattern = self._pattern_here()
            if pattern is not None:
                return pattern
            self.expect("(")
            with self.bars(True):
                inner = self.expression()
            self.expect(")")
            return inner
        if self.is_mark("["):
            return self._list()
        parameter = self.parameter()
        if parameter is not None:
            return parameter
        if not self.is_mark("{"):
            self.fail("an expression")
        return self.map_literal()

    def _pattern_here(self) -> PatternExpression | None:
        """A pattern with at least one relationship, which otherwise is an expression in parentheses."""
        begin, depth = self.at, self.depth
        if begin in self._no_pattern or not (
            self.is_name(by=1) or any(self.ahead(mark) for mark in (")", ":", "{", "$"))
        ):
            return None
        start = self.token.offset
        try:
            self.enter()
            path = self.chain()
        except CypherSyntaxError:
            path = None
        self.depth = depth
        if path is None or not path.relationships:
            self._no_pattern.add(begin)
            self.at = begin
            return None
        return PatternExpression(start, path)

    def _keyword(self) -> Expression | None:
        """What begins with a word of the language; None where the word is a name."""
        token = self.token
        word = token.text.upper()
        if word in _CONSTANTS and not self.ahead("("):
            self.at += 1
            return Constant(token.offset, _CONSTANTS[word])
        if word == "CASE" and not any(self.ahead(mark) for mark in (".", ",", ")", "=")):
            return self._case()
        if word in _SUBQUERIES and self.ahead("{") and not self._is_projection():
            self.at += 1
            return Subquery(token.offset, _SUBQUERIES[word], self.subquery())
        if not self.ahead("("):
            return None
        if word in _QUANTIFIERS and self.is_name(by=2) and self.is_word("IN", by=3):
            return self._quantifier(_QUANTIFIERS[word])
        if word == "REDUCE" and self.is_name(by=2) and self.ahead("=", by=3):
            return self._reduce()
        if word == "COUNT" and self.ahead("*", by=2) and self.ahead(")", by=3):
            self.at += 4
            return CountAll(token.offset)
        shortest = self.shortest_kind()
        if shortest is not None:
            return PatternExpression(token.offset, self.shortest_path(shortest))
        return None

    def _is_projection(self) -> bool:
        """``count {.key}``: a map projection of a variable with the name of a subquery."""
        return self.ahead("}", by=2) or self.ahead(".", by=2)

    def parameter(self) -> Parameter | None:
        start = self.token.offset
        if self.is_mark("{") and self.is_name(by=1) and self.ahead("}", by=2):
            self.at += 1
            found = Parameter(start, self.name("a parameter"))
            self.at += 1
            return found
        if not self.take("$"):
            return None
        if self.token.kind == "number" and self.token.text.isdigit():
            self.at += 1
            return Parameter(start, self.tokens[self.at - 1].text)
        return Parameter(start, self.name("the name of a parameter"))

    def map_literal(self) -> MapLiteral:
        start = self.token.offset
        self.expect("{")
        entries: list[tuple[str, Expression]] = []
        with self.bars(True):
            while not self.is_mark("}"):
                if entries:
                    self.expect(",")
                key = self.name("a key")
                self.expect(":")
                entries.append((key, self.expression()))
        self.expect("}")
        return MapLiteral(start, tuple(entries))

    def _is_call(self) -> bool:
        by = 1
        while self.ahead(".", by) and self.is_name(by + 1):
            by += 2
        return self.ahead("(", by)

    def _call(self) -> Call:
        start = self.token.offset
        name = self.dotted("a function")
        self.expect("(")
        with self.bars(True):
            distinct = self.take_word("DISTINCT")
            arguments = self.arguments()
        return Call(start, name, arguments, distinct)

    def arguments(self) -> tuple[Expression, ...]:
        """Expressions with commas between them, up to the closing parenthesis."""
        found: list[Expression] = []
        while not self.take(")"):
            if found:
                self.expect(",")
            found.append(self.expression())
        return tuple(found)

    def _case(self) -> Case:
        start = self.token.offset
        self.at += 1
        subject = None if self.is_word("WHEN") else self.expression()
        branches: list[tuple[Expression, Expression]] = []
        while self.take_word("WHEN"):
            condition = self.expression()
            self.expect_word("THEN")
            branches.append((condition, self.expression()))
        if not branches:
            self.fail("WHEN")
        otherwise = self.expression() if self.take_word("ELSE") else None
        self.expect_word("END")
        return Case(start, subject, tuple(branches), otherwise)

    # -- lists

    def _list(self) -> Expression:
        start = self.token.offset
        if self.is_name(by=1) and self.is_word("IN", by=2):
            return self._list_comprehension()
        comprehension = self._pattern_comprehension()
        if comprehension is not None:
            return comprehension
        self.expect("[")
        items: list[Expression] = []
        with self.bars(True):
            while not self.take("]"):
                if items:
                    self.expect(",")
                items.append(self.expression())
        return ListLiteral(start, tuple(items))

    def _list_comprehension(self) -> ListComprehension:
        start = self.token.offset
        self.expect("[")
        variable, source, condition = self._filtered()
        with self.bars(True):
            value = self.expression() if self.take("|") else None
        self.expect("]")
        return ListComprehension(start, variable, source, condition, value)

    def _filtered(self) -> tuple[Variable, Expression, Expression | None]:
        """``variable IN source WHERE condition``."""
        variable = self.variable()
        self.expect_word("IN")
        with self.bars(False):
            source = self.expression()
            condition = self.expression() if self.take_word("WHERE") else None
        return variable, source, condition

    def _pattern_comprehension(self) -> PatternComprehension | None:
        """``[pattern WHERE condition | value]``; None where a list stands."""
        begin, depth = self.at, self.depth
        named = self.is_name(by=1) and self.ahead("=", by=2) and self.ahead("(", by=3)
        if begin in self._no_pattern or not (named or self.ahead("(")):
            return None
        start = self.token.offset
        try:
            self.enter()
            self.expect("[")
            path = self.pattern()
        except CypherSyntaxError:
            path = None
        self.depth = depth
        if path is None or not path.relationships or not (self.is_mark("|") or self.is_word("WHERE")):
            self._no_pattern.add(begin)
            self.at = begin
            return None
        with self.bars(False):
            condition = self.expression() if self.take_word("WHERE") else None
        self.expect("|")
        with self.bars(True):
            value = self.expression()
        self.expect("]")
        return PatternComprehension(start, path, condition, value)

    def _quantifier(self, kind: Literal["all", "any", "none", "single"]) -> Quantifier:
        start = self.token.offset
        self.at += 2
        variable, source, condition = self._filtered()
        self.expect(")")
        return Quantifier(start, kind, variable, source, condition)

    def _reduce(self) -> Reduce:
        start = self.token.offset
        self.at += 2
        accumulator = self.variable()
        self.expect("=")
        initial = self.expression()
        self.expect(",")
        variable = self.variable()
        self.expect_word("IN")
        with self.bars(False):
            source = self.expression()
        self.expect("|")
        with self.bars(True):
            value = self.expression()
        self.expect(")")
        return Reduce(start, accumulator, initial, variable, source, value)
