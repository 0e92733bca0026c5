"""How an error becomes a failure of Bolt: drivers choose the class of their exception by its code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from workflow.cypher import errors as cypher
from workflow.cypher.wire.framing import BoltVersion
from workflow.cypher.wire.packstream import BadPackStream
from workflow.errors import (
    AccessDenied,
    BadRequest,
    CancelledByUser,
    ConcurrentModification,
    ConstraintViolation,
    IllegalArgument,
    InvalidArgument,
    MalformedQuery,
    MemoryLimitExceeded,
    MissingParameter,
    QueryFailed,
    QueryTooLarge,
    ReadOnlyViolation,
    TimeLimitExceeded,
    TooManyRequests,
    WorkflowError,
)
from workflow.server.access.signatures import NotAuthenticated

GENERAL_STATUS: Final = "50N42"
_STATUS_WITH_STATUSES: Final = BoltVersion(5, 7)


class DatabaseNotFound(BadRequest):
    """A database that the service does not have."""

    def __init__(self, name: str, known: str) -> None:
        super().__init__(f"There is no database {name[:80]!r}; there are {known}")


class UnexpectedMessage(BadRequest):
    """A message that the protocol does not have where it came."""


class TransactionEnded(TimeLimitExceeded):
    """A transaction that was undone because nobody used it."""


# the first class that fits decides
_CODES: Final[tuple[tuple[type[WorkflowError], str], ...]] = (
    (DatabaseNotFound, "ClientError.Database.DatabaseNotFound"),
    (UnexpectedMessage, "ClientError.Request.Invalid"),
    (BadPackStream, "ClientError.Request.InvalidFormat"),
    (cypher.CypherTypeError, "ClientError.Statement.TypeError"),
    (cypher.CypherArithmeticError, "ClientError.Statement.ArithmeticError"),
    (cypher.CypherArgumentError, "ClientError.Statement.ArgumentError"),
    (cypher.EntityNotFound, "ClientError.Statement.EntityNotFound"),
    (cypher.CypherSemanticError, "ClientError.Statement.SemanticError"),
    (cypher.ProcedureError, "ClientError.Procedure.ProcedureNotFound"),
    (cypher.ParameterMissing, "ClientError.Statement.ParameterMissing"),
    (MalformedQuery, "ClientError.Statement.SyntaxError"),
    (QueryTooLarge, "ClientError.Statement.SyntaxError"),
    (ConstraintViolation, "ClientError.Schema.ConstraintValidationFailed"),
    (NotAuthenticated, "ClientError.Security.Unauthorized"),
    (AccessDenied, "ClientError.Security.Forbidden"),
    (ReadOnlyViolation, "ClientError.Statement.AccessMode"),
    (ConcurrentModification, "TransientError.Transaction.Outdated"),
    (TimeLimitExceeded, "ClientError.Transaction.TransactionTimedOut"),
    (CancelledByUser, "ClientError.Transaction.Terminated"),
    (MemoryLimitExceeded, "TransientError.General.MemoryPoolOutOfMemoryError"),
    (TooManyRequests, "TransientError.Request.NoThreadsAvailable"),
    (QueryFailed, "ClientError.Statement.ArgumentError"),
    (IllegalArgument, "ClientError.Statement.ArgumentError"),
    (InvalidArgument, "ClientError.Statement.ArgumentError"),
    (MissingParameter, "ClientError.Statement.ParameterMissing"),
)


def code_of(error: WorkflowError) -> str:
    """The status code of Neo4j."""
    for kind, code in _CODES:
        if isinstance(error, kind):
            return f"Neo.{code}"
    return (
        "Neo.DatabaseError.General.UnknownError" if error.status >= 500 else "Neo.ClientError.General.InvalidArguments"
    )


def failure_members(error: WorkflowError, version: BoltVersion) -> Mapping[str, Any]:
    """What a FAILURE says; from 5.7 on in the words of GQL too."""
    code = code_of(error)
    if version < _STATUS_WITH_STATUSES:
        return {"code": code, "message": error.message}
    status, said = (
        ("42001", "error: syntax error or access rule violation - invalid syntax")
        if code.endswith("SyntaxError")
        else (GENERAL_STATUS, "error: general processing exception - unexpected error")
    )
    record: dict[str, Any] = {"OPERATION": "", "OPERATION_CODE": "0", "CURRENT_SCHEMA": "/"}
    kind = code.split(".")[1]
    record["_classification"] = {"ClientError": "CLIENT_ERROR", "TransientError": "TRANSIENT_ERROR"}.get(
        kind, "DATABASE_ERROR"
    )
    if isinstance(error, cypher.CypherSyntaxError):
        record["_position"] = {"offset": error.offset, "line": error.line, "column": error.column}
    return {
        "neo4j_code": code,
        "message": error.message,
        "gql_status": status,
        "description": f"{said}. {error.message}",
        "diagnostic_record": record,
    }
