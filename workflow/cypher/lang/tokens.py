"""Cypher text to tokens, each with its place; numbers and texts to their values."""

from __future__ import annotations

import re
from typing import Final, NoReturn

from workflow.cypher.errors import CypherSyntaxError, refuse
from workflow.queries.reader import Token

_TOKEN: Final = re.compile(
    r"""
    (?P<space>(?:\s+|//[^\n\r]*|/\*.*?\*/)+)
  | (?P<name>[^\W\d]\w*)
  | (?P<quoted>`(?:[^`]|``)*`)
  | (?P<number>0[xX][0-9a-fA-F]+|0o[0-7]+
              |\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|(?<!\.)\.\d+(?:[eE][+-]?\d+)?|\d+)
  | (?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
  | (?P<mark><=|>=|<>|=~|\+=|\.\.|[-+*/%^=<>.,;:()\[\]{}|&!$])
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE: Final = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.DOTALL)
_ESCAPED: Final = {
    "\\": "\\", "'": "'", '"': '"', "`": "`", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t",
}  # fmt: skip
_WORD: Final = re.compile(r"\w+")
LARGEST: Final = 2**63 - 1


def tokenize(text: str) -> list[Token]:
    """All tokens of a text and an ``end`` token. Raises CypherSyntaxError where no token begins.

    A name in backticks is a token ``quoted``; digits that run into letters, as in ``12ab``, are a token ``misnumber``.
    """
    out: list[Token] = []
    offset, end = 0, len(text)
    new_line = False
    while offset < end:
        match = _TOKEN.match(text, offset)
        if match is None:
            _refuse_character(text, offset)
        kind, word = match.lastgroup or "", match.group()
        if kind == "space":
            new_line = new_line or "\n" in word
        else:
            if kind == "number" and (end_of_word := _WORD.match(text, match.end())) is not None:
                kind, word = "misnumber", word + end_of_word.group()
            out.append(Token(kind, word, offset, new_line))
            new_line = False
            offset += len(word)
            continue
        offset = match.end()
    out.append(Token("end", "", end, new_line))
    return out


def _refuse_character(text: str, offset: int) -> NoReturn:
    character = text[offset]
    if character in "\"'`":
        refuse(text, offset, f"a closing {character}")
    if text.startswith("/*", offset):
        refuse(text, offset, "the end of the comment, */")
    if ord(character) > 127:
        raise CypherSyntaxError(
            f"Invalid input: the character {character!r} stands for nothing", "InvalidUnicodeCharacter", text, offset
        )
    refuse(text, offset, "a name, a literal or an operator")


def number_value(text: str, token: Token, *, negative: bool) -> int | float:
    """The value of a number token. Raises CypherSyntaxError where it does not fit 64 bits.

    Args:
        text: the query, for the error.
        token: of kind number.
        negative: a minus stands in front, which the value then has.
    """
    word = token.text.lower()
    if word.startswith(("0x", "0o")):
        magnitude = int(word[2:], 16 if word[1] == "x" else 8)
    elif word.isdigit():
        digits = word.lstrip("0")[:20]  # more are too large, however many
        magnitude = int(digits or 0)
    else:
        value = float(word)
        if value == float("inf"):
            raise CypherSyntaxError(
                f"The number {word:.40} is too large for a float", "FloatingPointOverflow", text, token.offset
            )
        return -value if negative else value
    if magnitude > LARGEST + negative:
        raise CypherSyntaxError(
            f"The integer {word:.40} is too large for 64 bits", "IntegerOverflow", text, token.offset
        )
    return -magnitude if negative else magnitude


def string_value(text: str, token: Token) -> str:
    """The value of a string token, escapes resolved. Raises CypherSyntaxError for an escape that means nothing."""

    def resolved(found: re.Match[str]) -> str:
        short, long, single = found.groups()
        if single is None:
            code = int(short or long, 16)
            if code <= 0x10FFFF:
                return chr(code)
        elif single in _ESCAPED:
            return _ESCAPED[single]
        unicode = single is None or single in "uU"
        raise CypherSyntaxError(
            f"Invalid input: {found.group()!r} escapes no character",
            "InvalidUnicodeLiteral" if unicode else "UnexpectedSyntax",
            text,
            token.offset + 1 + found.start(),
        )

    value = _ESCAPE.sub(resolved, token.text[1:-1])
    if any("\ud800" <= one <= "\udfff" for one in value):  # characters beyond 16 bits, written as two
        value = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return value
