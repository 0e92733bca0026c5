"""Reading the tokens of a query one by one, with errors that name line and column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, NoReturn

from workflow.errors import MalformedQuery, QueryTooLarge


@dataclass(frozen=True, slots=True)
class Limits:
    """How much text is read at all."""

    max_length: int = 4_000_000
    max_depth: int = 48
    max_statements: int = 10_000


class Token(NamedTuple):
    """``kind`` is name, number, string, mark or end; ``new_line`` says that a line break stands before it."""

    kind: str
    text: str
    offset: int
    new_line: bool


def place(text: str, offset: int) -> tuple[int, int]:
    """Line and column of an offset, both from 1."""
    line = text.count("\n", 0, offset) + 1
    return line, offset - (text.rfind("\n", 0, offset) + 1) + 1


def refuse(text: str, offset: int, expected: str) -> NoReturn:
    """Raise MalformedQuery for what stands at an offset."""
    line, column = place(text, offset)
    found = text[offset : offset + 20].split("\n")[0]
    said = f"found {found!r}" if found else "the text ends"
    raise MalformedQuery(f"Query parsing failed at line {line}, column {column}: expected {expected}, {said}")


class Reader:
    """A place in the tokens of a text. A language's parser is a subclass."""

    def __init__(self, text: str, tokens: Sequence[Token], limits: Limits) -> None:
        self.text = text
        self.tokens = tokens
        self.limits = limits
        self.at = 0
        self.depth = 0

    @property
    def token(self) -> Token:
        return self.tokens[self.at]

    def ahead(self, mark: str, by: int = 1) -> bool:
        """Whether this mark stands ``by`` tokens further on."""
        at = self.at + by
        return at < len(self.tokens) and self.tokens[at].text == mark and self.tokens[at].kind == "mark"

    def is_mark(self, mark: str) -> bool:
        """Whether the next token is this mark."""
        token = self.tokens[self.at]
        return token.kind == "mark" and token.text == mark

    def take(self, mark: str) -> bool:
        """Step over a mark; false where another token stands."""
        if self.is_mark(mark):
            self.at += 1
            return True
        return False

    def expect(self, mark: str) -> None:
        """Step over a mark; raises MalformedQuery where another token stands."""
        if not self.take(mark):
            self.fail(repr(mark))

    def name(self, what: str) -> str:
        """Step over a name and give it; ``what`` is what an error says was expected."""
        token = self.tokens[self.at]
        if token.kind != "name":
            self.fail(what)
        self.at += 1
        return token.text

    def fail(self, expected: str) -> NoReturn:
        """Raise MalformedQuery at the next token."""
        refuse(self.text, self.token.offset, expected)

    def enter(self) -> None:
        """One level deeper; the caller counts ``depth`` down again. Raises QueryTooLarge."""
        self.depth += 1
        if self.depth > self.limits.max_depth:
            raise QueryTooLarge(f"The query is nested more than {self.limits.max_depth} deep")
