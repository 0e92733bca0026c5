"""A place in the tokens of a Cypher text: words in any case, names with or without backticks."""

from __future__ import annotations

from typing import NoReturn

from workflow.cypher.errors import refuse
from workflow.cypher.lang.tokens import tokenize
from workflow.cypher.lang.tree import Variable
from workflow.queries.reader import Limits, Reader, Token


class CypherReader(Reader):
    """What every part of the parser reads with."""

    def __init__(self, text: str, limits: Limits) -> None:
        super().__init__(text, tokenize(text), limits)

    def fail(self, expected: str) -> NoReturn:
        """Raise CypherSyntaxError at the next token."""
        refuse(self.text, self.token.offset, expected)

    def is_word(self, *words: str, by: int = 0) -> bool:
        """Whether these words follow each other, ``by`` tokens further on."""
        for at, word in enumerate(words, self.at + by):
            if at >= len(self.tokens):
                return False
            token = self.tokens[at]
            if token.kind != "name" or token.text.upper() != word:
                return False
        return True

    def take_word(self, *words: str) -> bool:
        """Step over these words; false where others stand."""
        if self.is_word(*words):
            self.at += len(words)
            return True
        return False

    def expect_word(self, *words: str) -> None:
        """Step over these words. Raises CypherSyntaxError where others stand."""
        if not self.take_word(*words):
            self.fail(" ".join(words))

    def is_name(self, by: int = 0) -> bool:
        """Whether a name stands here, be it a word of the language: those are not reserved."""
        at = self.at + by
        return at < len(self.tokens) and self.tokens[at].kind in ("name", "quoted")

    def name(self, what: str) -> str:
        """Step over a name and give it without its backticks."""
        if not self.is_name():
            self.fail(what)
        self.at += 1
        return unquoted(self.tokens[self.at - 1])

    def variable(self) -> Variable:
        """Step over the name of a variable."""
        at = self.token.offset
        return Variable(at, self.name("a variable"))

    def dotted(self, what: str) -> str:
        """Step over a name with dots, such as that of a procedure."""
        name = self.name(what)
        while self.is_mark(".") and self.is_name(by=1):
            self.at += 1
            name += "." + self.name(what)
        return name

    def since(self, start: int) -> str:
        """The text from an offset to the end of the last token read."""
        last = self.tokens[self.at - 1]
        return self.text[start : last.offset + len(last.text)]


def unquoted(token: Token) -> str:
    """A name as it is meant: a backtick inside backticks is written twice."""
    return token.text[1:-1].replace("``", "`") if token.kind == "quoted" else token.text
