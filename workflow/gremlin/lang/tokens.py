"""Text to tokens, each with its place."""

from __future__ import annotations

import re

from workflow.queries.reader import Token, refuse

_TOKEN = re.compile(
    r"""
    (?P<space>(?:\s+|//[^\n]*|/\*.*?\*/)+)
  | (?P<name>[A-Za-z_$][A-Za-z_$0-9]*)
  | (?P<number>0[xX][0-9a-fA-F]+[lLnN]?
              |(?:\d[\d_]*(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?[bBsSnNiIlLfFdDmM]?(?![A-Za-z_$0-9]))
  | (?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
  | (?P<mark>\.\.|->|[.,;:()\[\]{}+\-])
    """,
    re.VERBOSE | re.DOTALL,
)


def tokenize(text: str) -> list[Token]:
    """All tokens of a text and an ``end`` token; MalformedQuery where no token begins."""
    out: list[Token] = []
    offset, end, match = 0, len(text), _TOKEN.match
    new_line = False
    while offset < end:
        found = match(text, offset)
        if found is None:
            refuse(text, offset, "a closing quote" if text[offset] in "\"'" else "a name, a literal or a bracket")
        kind = found.lastgroup or ""
        if kind == "space":
            new_line = new_line or "\n" in found.group()
        else:
            out.append(Token(kind, found.group(), offset, new_line))
            new_line = False
        offset = found.end()
    out.append(Token("end", "", end, new_line))
    return out
