"""The errors of openCypher: the classes its compatibility kit names, each with the kit's word for what is wrong.

``kind`` is the class (SyntaxError, TypeError …) and ``detail`` the word (UndefinedVariable …); both stand at the end of
the message, where users can search for them. What was found before the query ran is a ``CompileError``.
"""

from __future__ import annotations

from typing import ClassVar, NoReturn

from workflow.errors import MalformedQuery
from workflow.queries.reader import place


class CypherSyntaxError(MalformedQuery):
    """A query that openCypher does not allow, found before anything runs.

    Attributes:
        detail: the kit's word, such as ``UndefinedVariable``.
        line, column: where, both from 1.
    """

    kind: ClassVar[str] = "SyntaxError"

    def __init__(self, reason: str, detail: str, text: str, offset: int) -> None:
        self.detail = detail
        self.line, self.column = place(text, offset)
        super().__init__(f"{reason} at line {self.line}, column {self.column} ({self.kind}: {detail})")


def refuse(text: str, offset: int, expected: str) -> NoReturn:
    """Raise CypherSyntaxError for something else than was expected at an offset."""
    found = text[offset : offset + 20].split("\n")[0]
    said = f"found {found!r}" if found else "the text ends"
    raise CypherSyntaxError(f"Invalid input: expected {expected}, {said}", "UnexpectedSyntax", text, offset)
