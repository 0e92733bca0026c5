"""Reading clauses, queries and whole statements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

from workflow.cypher.errors import CypherSyntaxError, refuse
from workflow.cypher.lang.expressions import ExpressionReader
from workflow.cypher.lang.tree import (
    CallProcedure,
    CallSubquery,
    Clause,
    Create,
    Delete,
    Expression,
    Foreach,
    HasLabels,
    Index,
    Item,
    Label,
    LabelAll,
    LabelExpression,
    Match,
    MergePattern,
    Projection,
    PropertyAccess,
    Query,
    Remove,
    Return,
    Set,
    SetItem,
    SetLabels,
    SetProperties,
    SetProperty,
    Sort,
    Statement,
    Unwind,
    Variable,
    With,
    Yield,
)

_MODES: Final[dict[str, Literal["explain", "profile"]]] = {"EXPLAIN": "explain", "PROFILE": "profile"}
_UPDATES: Final = (Create, MergePattern, Set, Remove, Delete, Foreach)
_READS: Final = (Match, Unwind, CallProcedure, CallSubquery)


class QueryReader(ExpressionReader):
    """The whole parser."""

    def statement(self) -> Statement:
        """The whole text."""
        mode: Literal["run", "explain", "profile"] = "run"
        hints: list[tuple[str, str]] = []
        while True:
            if self.is_word("EXPLAIN") or self.is_word("PROFILE"):
                mode = _MODES[self.token.text.upper()]
                self.at += 1
            elif self.is_word("CYPHER"):
                self._skip_options()
            elif self.is_word("USING", "QUERY"):
                hints.append(self._hint())
            else:
                break
        query = self.query()
        while self.take(";"):
            pass
        if self.token.kind != "end":
            self.fail("the end of the query")
        return Statement(self.text, mode, tuple(hints), query)

    def _skip_options(self) -> None:
        """``CYPHER 5 planner=cost``: told to other planners than ours."""
        self.at += 1
        if self.token.kind == "number":
            self.at += 1
        while self.is_name() and self.ahead("="):
            self.at += 3

    def _hint(self) -> tuple[str, str]:
        self.at += 2
        self.expect(":")
        name = self.name("the name of a hint").lower()
        token = self.token
        if token.kind not in ("string", "number", "name"):
            self.fail("the value of the hint")
        self.at += 1
        return name, token.text.strip("\"'")

    # -- queries

    def query(self) -> Query:
        """Linear queries joined by UNION."""
        start = self.token.offset
        parts = [self._linear()]
        joins: set[bool] = set()
        while self.is_word("UNION"):
            union = self.token.offset
            self.at += 1
            joins.add(not self.take_word("ALL"))
            if len(joins) > 1:
                raise CypherSyntaxError(
                    "Invalid input: UNION and UNION ALL cannot be mixed", "InvalidClauseComposition", self.text, union
                )
            self.take_word("DISTINCT")
            parts.append(self._linear())
        if len(parts) > 1:
            for clauses in parts:
                if not isinstance(clauses[-1], Return):
                    self._refuse_order(clauses[-1], "every part of a UNION ends in RETURN")
        return Query(start, tuple(parts), True in joins)

    def _linear(self) -> tuple[Clause, ...]:
        clauses: list[Clause] = []
        while (reader := self._clause_here()) is not None:
            clause = reader()
            self._check_order(clauses, clause)
            clauses.append(clause)
        if not clauses:
            self.fail("a clause such as MATCH, CREATE, WITH or RETURN")
        last = clauses[-1]
        ends = isinstance(last, (Return, *_UPDATES, CallSubquery)) or (
            isinstance(last, CallProcedure) and (len(clauses) == 1 or last.yields is None)
        )
        if not ends:
            self._refuse_order(last, "a query ends in RETURN or in a clause that writes")
        return tuple(clauses)

    def _check_order(self, before: list[Clause], clause: Clause) -> None:
        if not before:
            return
        last = before[-1]
        if isinstance(last, Return):
            self._refuse_order(clause, "nothing stands behind RETURN")
        if isinstance(last, CallProcedure) and last.everything:
            refuse(self.text, clause.at, "nothing behind YIELD *, which is for a procedure that stands alone")
        if isinstance(last, _UPDATES) and isinstance(clause, _READS):
            self._refuse_order(clause, "WITH stands between a clause that writes and one that reads")

    def _refuse_order(self, clause: Clause, reason: str) -> None:
        raise CypherSyntaxError(f"Invalid input: {reason}", "InvalidClauseComposition", self.text, clause.at)

    def _clause_here(self) -> Callable[[], Clause] | None:
        token = self.token
        if token.kind != "name":
            return None
        word = token.text.upper()
        if word in ("OPTIONAL", "DETACH"):
            return self._match if word == "OPTIONAL" else self._delete
        return {
            "MATCH": self._match,
            "UNWIND": self._unwind,
            "CREATE": self._create,
            "MERGE": self._merge,
            "SET": self._set,
            "REMOVE": self._remove,
            "DELETE": self._delete,
            "FOREACH": self._foreach,
            "WITH": self._with,
            "RETURN": self._return,
            "CALL": self._call_clause,
        }.get(word)

    def subquery(self) -> Query:
        self.expect("{")
        self.enter()
        with self.bars(True):
            if self._clause_here() is not None:
                query = self._nested()
            else:
                start = self.token.offset
                match = Match(start, False, self.patterns(), self._where())
                query = Query(start, ((match,),), False)
        self.depth -= 1
        self.expect("}")
        return query

    def _nested(self) -> Query:
        """The query of EXISTS and its like, which may end in any clause that reads."""
        start = self.token.offset
        parts: list[tuple[Clause, ...]] = []
        distinct = False
        while True:
            clauses: list[Clause] = []
            while (reader := self._clause_here()) is not None:
                clause = reader()
                if isinstance(clause, _UPDATES):
                    self._refuse_order(clause, "a subquery in an expression only reads")
                self._check_order(clauses, clause)
                clauses.append(clause)
            if not clauses:
                self.fail("a clause that reads")
            parts.append(tuple(clauses))
            if not self.take_word("UNION"):
                return Query(start, tuple(parts), distinct)
            distinct = not self.take_word("ALL")

    # -- clauses that read

    def _where(self) -> Expression | None:
        return self.expression() if self.take_word("WHERE") else None

    def _match(self) -> Clause:
        start = self.token.offset
        optional = self.take_word("OPTIONAL")
        self.expect_word("MATCH")
        patterns = self.patterns()
        while self.is_word("USING"):
            self._index_hint()
        return Match(start, optional, patterns, self._where())

    def _index_hint(self) -> None:
        """``USING INDEX n:Label(key)``, ``USING SCAN n:Label``, ``USING JOIN ON n``: told to other planners."""
        self.at += 1
        if self.take_word("JOIN"):
            self.expect_word("ON")
            self.name("a variable")
            while self.take(","):
                self.name("a variable")
            return
        if not self.take_word("SCAN"):
            self.expect_word("INDEX")
            self.take_word("SEEK")
        self.name("a variable")
        self.expect(":")
        self.name("a label")
        if self.take("("):
            self.name("a key")
            while self.take(","):
                self.name("a key")
            self.expect(")")

    def _unwind(self) -> Clause:
        start = self.token.offset
        self.at += 1
        source = self.expression()
        self.expect_word("AS")
        return Unwind(start, source, self.variable())

    def _with(self) -> Clause:
        start = self.token.offset
        self.at += 1
        return With(start, self._projection(), self._where())

    def _return(self) -> Clause:
        start = self.token.offset
        self.at += 1
        return Return(start, self._projection())

    def _projection(self) -> Projection:
        start = self.token.offset
        distinct = self.is_word("DISTINCT") and not (self.ahead(".") or self.ahead(",") or self.is_word("AS", by=1))
        if distinct:
            self.at += 1
        everything = self.take("*")
        items: list[Item] = []
        if not everything:
            items.append(self._item())
        while self.take(","):
            items.append(self._item())
        return Projection(start, distinct, everything, tuple(items), *self._ordered())

    def _ordered(self) -> tuple[tuple[Sort, ...], Expression | None, Expression | None]:
        """``ORDER BY``, ``SKIP`` and ``LIMIT``, each where it is there."""
        order: list[Sort] = []
        if self.take_word("ORDER", "BY"):
            order.append(self._sort())
            while self.take(","):
                order.append(self._sort())
        skip = self.expression() if self.take_word("SKIP") or self.take_word("OFFSET") else None
        return tuple(order), skip, self.expression() if self.take_word("LIMIT") else None

    def _item(self) -> Item:
        start = self.token.offset
        value = self.expression()
        text = self.since(start)
        return Item(start, value, self.variable() if self.take_word("AS") else None, text)

    def _sort(self) -> Sort:
        start = self.token.offset
        value = self.expression()
        descending = self.take_word("DESC") or self.take_word("DESCENDING")
        if not descending and not self.take_word("ASC"):
            self.take_word("ASCENDING")
        return Sort(start, value, descending)

    def _call_clause(self) -> Clause:
        start = self.token.offset
        self.at += 1
        if self.is_mark("{") or self.is_mark("("):
            return self._call_subquery(start)
        name = self.dotted("a procedure")
        arguments = self.arguments() if self.take("(") else None
        yields: list[Yield] | None = None
        everything = False
        if self.take_word("YIELD"):
            everything = self.take("*")
            yields = []
            if not everything and not self.take("-"):
                yields.append(self._yield())
                while self.take(","):
                    yields.append(self._yield())
        condition = self._where() if yields is not None else None
        return CallProcedure(start, name, arguments, None if yields is None else tuple(yields), everything, condition)

    def _yield(self) -> Yield:
        start = self.token.offset
        column = self.name("a column of the procedure")
        return Yield(start, column, self.variable() if self.take_word("AS") else None)

    def _call_subquery(self, start: int) -> Clause:
        imports: tuple[Variable, ...] | None = None
        if self.take("("):
            names: list[Variable] = []
            while not self.take(")"):
                if names:
                    self.expect(",")
                names.append(self.variable())
            imports = tuple(names)
        self.expect("{")
        self.enter()
        query = self.query()
        self.depth -= 1
        self.expect("}")
        return CallSubquery(start, query, imports)

    # -- clauses that write

    def _create(self) -> Clause:
        start = self.token.offset
        self.at += 1
        return Create(start, self.patterns())

    def _merge(self) -> Clause:
        start = self.token.offset
        self.at += 1
        pattern = self.pattern()
        created: list[SetItem] = []
        matched: list[SetItem] = []
        while self.take_word("ON"):
            items = created if self.take_word("CREATE") else matched
            if items is matched:
                self.expect_word("MATCH")
            self.expect_word("SET")
            items += self._set_items()
        return MergePattern(start, pattern, tuple(created), tuple(matched))

    def _set(self) -> Clause:
        start = self.token.offset
        self.at += 1
        return Set(start, tuple(self._set_items()))

    def _set_items(self) -> list[SetItem]:
        found = [self._set_item()]
        while self.take(","):
            found.append(self._set_item())
        return found

    def _set_item(self) -> SetItem:
        start = self.token.offset
        target = self.postfixed(self.atom())
        if isinstance(target, HasLabels):
            return self._set_labels(target)
        if isinstance(target, Variable):
            if self.take("+="):
                return SetProperties(start, target, self.expression(), True)
            self.expect("=")
            return SetProperties(start, target, self.expression(), False)
        if not isinstance(target, PropertyAccess | Index):
            self.fail("a property, a variable or labels to set")
        self.expect("=")
        return SetProperty(start, target, self.expression())

    def _set_labels(self, target: HasLabels) -> SetLabels:
        if not isinstance(target.subject, Variable):
            self.fail("the variable of a node in front of labels")
        return SetLabels(target.at, target.subject, tuple(self._plain_labels(target.labels)))

    def _plain_labels(self, labels: LabelExpression) -> list[str]:
        if isinstance(labels, Label) and labels.name is not None:
            return [labels.name]
        if isinstance(labels, LabelAll):
            return [name for one in labels.operands for name in self._plain_labels(one)]
        raise CypherSyntaxError(
            "Invalid input: labels are set and removed by name", "UnexpectedSyntax", self.text, labels.at
        )

    def _remove(self) -> Clause:
        start = self.token.offset
        self.at += 1
        found = [self._removed()]
        while self.take(","):
            found.append(self._removed())
        return Remove(start, tuple(found))

    def _removed(self) -> PropertyAccess | Index | SetLabels:
        target = self.postfixed(self.atom())
        if isinstance(target, HasLabels):
            return self._set_labels(target)
        if not isinstance(target, PropertyAccess | Index):
            self.fail("a property or labels to remove")
        return target

    def _delete(self) -> Clause:
        start = self.token.offset
        detach = self.take_word("DETACH")
        self.expect_word("DELETE")
        values = [self.expression()]
        while self.take(","):
            values.append(self.expression())
        return Delete(start, detach, tuple(values))

    def _foreach(self) -> Clause:
        start = self.token.offset
        self.at += 1
        self.expect("(")
        self.enter()
        variable = self.variable()
        self.expect_word("IN")
        with self.bars(False):
            source = self.expression()
        self.expect("|")
        clauses: list[Clause] = []
        with self.bars(True):
            while (reader := self._clause_here()) is not None:
                clause = reader()
                if not isinstance(clause, _UPDATES):
                    self._refuse_order(clause, "FOREACH only takes clauses that write")
                clauses.append(clause)
        if not clauses:
            self.fail("a clause that writes")
        self.depth -= 1
        self.expect(")")
        return Foreach(start, variable, source, tuple(clauses))
