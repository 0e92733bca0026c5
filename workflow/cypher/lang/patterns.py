"""Reading patterns: nodes, relationships, label expressions, paths."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from workflow.cypher.errors import CypherSyntaxError
from workflow.cypher.lang.reader import CypherReader
from workflow.cypher.lang.tree import (
    Expression,
    Label,
    LabelAll,
    LabelAny,
    LabelExpression,
    LabelNot,
    Length,
    MapLiteral,
    NodePattern,
    Parameter,
    PathPattern,
    RelationshipPattern,
    Variable,
)

_SHORTEST: dict[str, Literal["one", "all"]] = {"SHORTESTPATH": "one", "ALLSHORTESTPATHS": "all"}


class PatternReader(CypherReader):
    """The part of the parser that reads patterns. The expressions inside them belong to a subclass.

    ``bars_join_labels`` is false where ``|`` ends an expression: in ``[x IN xs WHERE x:A | x]``.
    """

    bars_join_labels = True

    @abstractmethod
    def expression(self) -> Expression:
        """Any expression."""

    @abstractmethod
    def parameter(self) -> Parameter | None:
        """``$name`` or ``{name}``; None where neither stands."""

    @abstractmethod
    def map_literal(self) -> MapLiteral:
        """``{key: value}``."""

    @contextmanager
    def bars(self, join_labels: bool) -> Iterator[None]:
        """What ``|`` means to whatever is read inside."""
        before, self.bars_join_labels = self.bars_join_labels, join_labels
        try:
            yield
        finally:
            self.bars_join_labels = before

    def patterns(self) -> tuple[PathPattern, ...]:
        """Patterns with commas between them."""
        found = [self.pattern()]
        while self.take(","):
            found.append(self.pattern())
        return tuple(found)

    def pattern(self) -> PathPattern:
        """One pattern, with ``name =`` in front where the path has one."""
        start = self.token.offset
        variable: Variable | None = None
        if self.is_name() and self.ahead("="):
            variable = self.variable()
            self.expect("=")
        shortest = self.shortest_kind()
        if shortest is not None:
            path = self.shortest_path(shortest)
        elif self.is_mark("(") and self.ahead("("):  # parentheses around a whole pattern mean nothing
            self.expect("(")
            path = self.chain()
            self.expect(")")
        else:
            path = self.chain()
        return PathPattern(start, variable, path.nodes, path.relationships, path.shortest)

    def shortest_kind(self) -> Literal["one", "all"] | None:
        """Whether ``shortestPath(`` or ``allShortestPaths(`` stands here."""
        token = self.token
        return _SHORTEST.get(token.text.upper()) if token.kind == "name" and self.ahead("(") else None

    def shortest_path(self, kind: Literal["one", "all"]) -> PathPattern:
        """``shortestPath(pattern)``."""
        start = self.token.offset
        self.at += 1
        self.expect("(")
        path = self.chain()
        self.expect(")")
        if len(path.relationships) != 1:
            raise CypherSyntaxError(
                "Invalid input: a shortest path needs two nodes and one relationship", "UnexpectedSyntax", self.text,
                start,
            )  # fmt: skip
        return PathPattern(start, None, path.nodes, path.relationships, kind)

    def chain(self) -> PathPattern:
        """A node, and relationships each with one more node."""
        start = self.token.offset
        nodes = [self.node()]
        relationships: list[RelationshipPattern] = []
        while self.is_mark("-") or (self.is_mark("<") and self.ahead("-")):
            relationships.append(self.relationship())
            nodes.append(self.node())
        return PathPattern(start, None, tuple(nodes), tuple(relationships))

    def node(self) -> NodePattern:
        """``(variable:Label {key: value} WHERE condition)``."""
        start = self.token.offset
        self.expect("(")
        with self.bars(True):
            variable = self.variable() if self.is_name() and not self._is_condition() else None
            labels = self.label_expression() if self.take(":") else None
            properties = self._properties()
            condition = self.expression() if self.take_word("WHERE") else None
        self.expect(")")
        return NodePattern(start, variable, labels, properties, condition)

    def _is_condition(self) -> bool:
        """``WHERE`` that is no variable of that name: something follows which a variable cannot have behind it."""
        return self.is_word("WHERE") and not any(self.ahead(mark) for mark in (")", "]", ":", "{", "$", "*"))

    def relationship(self) -> RelationshipPattern:
        """``-[variable:TYPE*1..3 {key: value}]->``, in any of its directions."""
        start = self.token.offset
        left = self.take("<")
        self.expect("-")
        variable: Variable | None = None
        types: LabelExpression | None = None
        length: Length | None = None
        properties: MapLiteral | Parameter | None = None
        condition: Expression | None = None
        if self.take("["):
            with self.bars(True):
                variable = self.variable() if self.is_name() and not self._is_condition() else None
                types = self.label_expression() if self.take(":") else None
                length = self._length() if self.take("*") else None
                properties = self._properties()
                condition = self.expression() if self.take_word("WHERE") else None
            if not self.is_mark("]"):
                self._refuse_relationship()
            self.expect("]")
        self.expect("-")
        right = self.take(">")
        way: Literal["out", "in", "both"] = "both" if left == right else "in" if left else "out"
        return RelationshipPattern(start, variable, types, way, length, properties, condition)

    def _refuse_relationship(self) -> None:
        if self.token.kind == "number" or self.is_mark(".."):  # -[:T1..2]->: the star is missing
            raise CypherSyntaxError(
                "Invalid input: the length of a relationship is written *1..2", "InvalidRelationshipPattern", self.text,
                self.token.offset,
            )  # fmt: skip

    def _length(self) -> Length:
        least = self._hops()
        if not self.take(".."):
            return Length(least, least)
        return Length(least, self._hops())

    def _hops(self) -> int | None:
        token = self.token
        if token.kind != "number":
            if self.is_mark("-"):
                raise CypherSyntaxError(
                    "Invalid input: the length of a relationship is not negative", "InvalidRelationshipPattern",
                    self.text, token.offset,
                )  # fmt: skip
            return None
        if not token.text.isdigit():
            self.fail("a whole number of relationships")
        self.at += 1
        return int(token.text)

    def _properties(self) -> MapLiteral | Parameter | None:
        if not self.is_mark("{") and not self.is_mark("$"):
            return None
        return self.parameter() or self.map_literal()

    # -- labels

    def label_expression(self) -> LabelExpression:
        """What stands behind the colon of a node or a relationship; a colon may stand in front of every label."""
        start = self.token.offset
        operands = [self._labels_together()]
        while self.is_mark("|") and self.bars_join_labels:
            self.expect("|")
            self.take(":")
            operands.append(self._labels_together())
        return operands[0] if len(operands) == 1 else LabelAny(start, tuple(operands))

    def _labels_together(self) -> LabelExpression:
        start = self.token.offset
        operands = [self._label()]
        while self.take("&") or self.take(":"):
            operands.append(self._label())
        return operands[0] if len(operands) == 1 else LabelAll(start, tuple(operands))

    def _label(self) -> LabelExpression:
        start = self.token.offset
        if self.take("!"):
            self.enter()
            operand = self._label()
            self.depth -= 1
            return LabelNot(start, operand)
        if self.take("%"):
            return Label(start, None)
        if self.take("("):
            self.enter()
            inner = self.label_expression()
            self.depth -= 1
            self.expect(")")
            return inner
        return Label(start, self.name("a label or a type"))
