"""Reading tokens one by one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from workflow.errors import QueryTooLarge
from workflow.gremlin.lang.tokens import Token, refuse, tokenize


@dataclass(frozen=True, slots=True)
class Limits:
    """How much text is read at all."""

    max_length: int = 4_000_000
    max_depth: int = 48
    max_statements: int = 10_000


class Reader:
    """A place in the tokens of a text, and what to say when something else was expected there."""

    def __init__(self, text: str, bindings: Mapping[str, Any], limits: Limits) -> None:
        self.text = text
        self.bindings = bindings
        self.limits = limits
        self.tokens = tokenize(text)
        self.at = 0
        self.depth = 0

    # -- tokens

    @property
    def token(self) -> Token:
        return self.tokens[self.at]

    def ahead(self, mark: str, by: int = 1) -> bool:
        at = self.at + by
        return at < len(self.tokens) and self.tokens[at].text == mark and self.tokens[at].kind == "mark"

    def is_mark(self, mark: str) -> bool:
        token = self.tokens[self.at]
        return token.kind == "mark" and token.text == mark

    def take(self, mark: str) -> bool:
        if self.is_mark(mark):
            self.at += 1
            return True
        return False

    def expect(self, mark: str) -> None:
        if not self.take(mark):
            self.fail(repr(mark))

    def name(self, what: str) -> str:
        token = self.tokens[self.at]
        if token.kind != "name":
            self.fail(what)
        self.at += 1
        return token.text

    def fail(self, expected: str) -> NoReturn:
        refuse(self.text, self.token.offset, expected)

    def enter(self) -> None:
        self.depth += 1
        if self.depth > self.limits.max_depth:
            raise QueryTooLarge(f"The query is nested more than {self.limits.max_depth} deep")
