"""The errors of openCypher: the classes its compatibility kit names, each with the kit's word for what is wrong.

``kind`` is the class (SyntaxError, TypeError …) and ``detail`` the word (UndefinedVariable …); both stand at the end of
the message, where users can search for them.
"""

from __future__ import annotations

from typing import ClassVar, NoReturn

from workflow.errors import ConstraintViolation, MalformedQuery, MissingParameter, QueryFailed
from workflow.queries.reader import place


class CypherSyntaxError(MalformedQuery):
    """A query that openCypher does not allow, found before anything runs.

    Attributes:
        detail: the kit's word, such as ``UndefinedVariable``.
        offset, line, column: where; the last two from 1.
    """

    kind: ClassVar[str] = "SyntaxError"

    def __init__(self, reason: str, detail: str, text: str, offset: int) -> None:
        self.detail = detail
        self.offset = offset
        self.line, self.column = place(text, offset)
        super().__init__(f"{reason} at line {self.line}, column {self.column} ({self.kind}: {detail})")


class CypherFailure(QueryFailed):
    """A query that failed while it ran, or could be seen to fail by its types."""

    kind: ClassVar[str] = ""

    def __init__(self, reason: str, detail: str) -> None:
        self.detail = detail
        super().__init__(f"{reason} ({self.kind}: {detail})")


class CypherTypeError(CypherFailure):
    """A value of a kind that an operation does not take."""

    kind = "TypeError"


class CypherArgumentError(CypherFailure):
    """A value of the right kind that an operation does not take."""

    kind = "ArgumentError"


class CypherArithmeticError(CypherFailure):
    """A result that no 64-bit integer can hold, or a division by zero."""

    kind = "ArithmeticError"


class EntityNotFound(CypherFailure):
    """What was deleted in the same query is read."""

    kind = "EntityNotFound"


class CypherSemanticError(CypherFailure):
    """A query whose values make it mean nothing."""

    kind = "SemanticError"


class ProcedureError(CypherFailure):
    """A procedure that there is not."""

    kind = "ProcedureError"


class ConstraintFailed(ConstraintViolation):
    """A change that the graph does not allow, such as a node without its relationships."""

    kind: ClassVar[str] = "ConstraintVerificationFailed"

    def __init__(self, reason: str, detail: str) -> None:
        self.detail = detail
        super().__init__(f"{reason} ({self.kind}: {detail})")


class ParameterMissing(MissingParameter):
    """A parameter that the query names and nobody gave."""

    kind: ClassVar[str] = "ParameterMissing"

    def __init__(self, name: str) -> None:
        self.detail = "MissingParameter"
        super().__init__(f"The parameter ${name} is not given; send it beside the query ({self.kind}: {self.detail})")


def refuse(text: str, offset: int, expected: str) -> NoReturn:
    """Raise CypherSyntaxError for something else than was expected at an offset."""
    found = text[offset : offset + 20].split("\n")[0]
    said = f"found {found!r}" if found else "the text ends"
    raise CypherSyntaxError(f"Invalid input: expected {expected}, {said}", "UnexpectedSyntax", text, offset)
