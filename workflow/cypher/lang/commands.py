"""Commands that list what there is: ``SHOW PROCEDURES``, ``SHOW INDEXES YIELD name WHERE … RETURN …`` and their like.

Source: the Cypher manual of Neo4j 5, "SHOW …". A command is read as a call of a procedure of its name, which no CALL
can write: one that gives the columns people are shown, and one with ``YIELD`` behind its name that gives all of them.
"""

from __future__ import annotations

from typing import Final

from workflow.cypher.lang.clauses import QueryReader
from workflow.cypher.lang.tree import (
    CallProcedure,
    Clause,
    Constant,
    Expression,
    Item,
    ListLiteral,
    Projection,
    Query,
    Return,
    Sort,
    Variable,
    With,
    Yield,
)

_WORDS: Final[dict[str, str]] = {
    "PROCEDURE": "PROCEDURES", "PROCEDURES": "PROCEDURES", "FUNCTION": "FUNCTIONS", "FUNCTIONS": "FUNCTIONS",
    "INDEX": "INDEXES", "INDEXES": "INDEXES", "CONSTRAINT": "CONSTRAINTS", "CONSTRAINTS": "CONSTRAINTS",
    "DATABASE": "DATABASES", "DATABASES": "DATABASES", "TRANSACTION": "TRANSACTIONS", "TRANSACTIONS": "TRANSACTIONS",
}  # fmt: skip
_KINDS: Final[dict[str, tuple[str, ...]]] = {
    "PROCEDURES": (),
    "FUNCTIONS": ("ALL", "BUILT IN", "USER DEFINED"),
    "INDEXES": ("ALL", "RANGE", "TEXT", "POINT", "LOOKUP", "FULLTEXT", "VECTOR"),
    "CONSTRAINTS": ("ALL", "UNIQUE", "UNIQUENESS", "KEY", "NODE KEY", "EXIST", "EXISTENCE", "PROPERTY TYPE"),
    "DATABASES": ("DEFAULT", "HOME"),
    "TRANSACTIONS": (),
}
"""What may stand before the word of a command, and narrows it."""


class CommandReader(QueryReader):
    """The parser of statements: queries and commands."""

    def query(self) -> Query:
        """A query, or a command as the calls that it means."""
        if not self.is_word("SHOW"):
            return super().query()
        start = self.token.offset
        return Query(start, (tuple(self._show()),), False)

    def _show(self) -> list[Clause]:
        start = self.token.offset
        self.expect_word("SHOW")
        kind, command = self._command()
        which = self._names() if command in ("DATABASES", "TRANSACTIONS") else []
        if self.take_word("EXECUTABLE") and self.take_word("BY") and not self.take_word("CURRENT", "USER"):
            self.name("a user")
        names = ListLiteral(start, tuple(Constant(start, one) for one in which))
        arguments = (Constant(start, kind), names)
        if not self.take_word("YIELD"):
            call = CallProcedure(start, f"SHOW {command}", arguments, (), True, self._where())
            return [call]
        everything = self.take("*")
        yields: list[Yield] = []
        if not everything:
            yields.append(self._yield())
            while self.take(","):
                yields.append(self._yield())
        ordered = self._ordered()
        condition = self._where()
        call = CallProcedure(start, f"SHOW {command} YIELD", arguments, tuple(yields), everything, None)
        return [call, *self._behind(start, yields, ordered, condition)]

    def _behind(
        self,
        start: int,
        yields: list[Yield],
        ordered: tuple[tuple[Sort, ...], Expression | None, Expression | None],
        condition: Expression | None,
    ) -> list[Clause]:
        """Order, number and condition of the rows, and RETURN, which is made where it is not written."""
        clauses: list[Clause] = []
        if any(ordered) or condition is not None:
            clauses.append(With(start, Projection(start, False, True, (), *ordered), condition))
        if self.is_word("RETURN"):
            clauses.append(self._return())
        elif yields or clauses:
            names = [one.alias.name if one.alias else one.column for one in yields]
            items = tuple(Item(start, Variable(start, name), None, name) for name in names)
            clauses.append(Return(start, Projection(start, False, not items, items, (), None, None)))
        return clauses

    def _command(self) -> tuple[str, str]:
        """The word that narrows it, and the command in the plural."""
        words = [token.text.upper() for token in self.tokens[self.at : self.at + 3]]
        by = next((by for by, word in enumerate(words) if word in _WORDS), 0)
        before, command = " ".join(words[:by]), _WORDS.get(words[by], "")
        if not command or (before and before not in _KINDS[command]):
            self.fail("PROCEDURES, FUNCTIONS, INDEXES, CONSTRAINTS, DATABASES or TRANSACTIONS")
        self.at += by + 1
        return before, command

    def _names(self) -> list[str]:
        """What is asked for by name or id."""
        found: list[str] = []
        while not self._ends():
            if self.token.kind == "string":
                self.at += 1
                found.append(self.tokens[self.at - 1].text.strip("\"'"))
            else:
                found.append(self.dotted("a name"))
            self.take(",")
        return found

    def _ends(self) -> bool:
        return self.token.kind == "end" or self.is_mark(";") or self.is_word("YIELD") or self.is_word("WHERE")
