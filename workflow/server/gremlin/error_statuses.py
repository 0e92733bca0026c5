"""How an error becomes a status of the Gremlin protocol, in the manner of each profile."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Final
from uuid import UUID

from workflow.errors import (
    AccessDenied,
    CancelledByUser,
    MalformedQuery,
    NoSuchMethod,
    QueryFailed,
    QueryTooLarge,
    TimeLimitExceeded,
    TooManyRequests,
    WorkflowError,
)
from workflow.gremlin.wire import UnreadableRequest, UnwritableResult
from workflow.server.errors import error_body
from workflow.settings import Profile


class StatusCode(IntEnum):
    """Status codes of the 3.x sub-protocol."""

    SUCCESS = 200
    NO_CONTENT = 204
    PARTIAL_CONTENT = 206
    UNAUTHORIZED = 401
    FORBIDDEN = 403
    AUTHENTICATE = 407
    TOO_MANY_REQUESTS = 429
    REQUEST_SERIALIZATION = 497
    MALFORMED_REQUEST = 498
    INVALID_ARGUMENTS = 499
    SERVER_ERROR = 500
    FAIL_STEP = 595
    TEMPORARY = 596
    EVALUATION = 597
    TIMEOUT = 598
    SERIALIZATION = 599


@dataclass(frozen=True, slots=True)
class Status:
    """What a failed request is answered."""

    code: int
    message: str
    attributes: Mapping[str, Any] = field(default_factory=dict)


class BadMessage(WorkflowError):
    """A message whose op or arguments the protocol does not know; ``protocol_code`` is 498 or 499."""

    code, status = "BadRequestException", 400

    def __init__(self, message: str, protocol_code: int = StatusCode.INVALID_ARGUMENTS) -> None:
        super().__init__(message)
        self.protocol_code = protocol_code


class WrongCredentials(AccessDenied):
    """A user name and password that do not match."""

    def __init__(self) -> None:
        super().__init__("Username and/or password are incorrect")


_BY_CLASS: Final[tuple[tuple[type[Exception], int], ...]] = (
    (UnreadableRequest, StatusCode.REQUEST_SERIALIZATION),
    (WrongCredentials, StatusCode.UNAUTHORIZED),
    (AccessDenied, StatusCode.FORBIDDEN),
    (TooManyRequests, StatusCode.TOO_MANY_REQUESTS),
    (TimeLimitExceeded, StatusCode.TIMEOUT),
    (UnwritableResult, StatusCode.SERIALIZATION),
)


def status_of(error: WorkflowError, profile: Profile, request_id: UUID | None, *, bytecode: bool) -> Status:
    """The status that a client of this profile gets for an error."""
    code = _protocol_code(error, profile, bytecode=bytecode)
    details = getattr(error, "details", None)
    if profile == "neptune":
        return Status(code, json.dumps(error_body(error.code, error.message, str(request_id or ""))))
    attributes: dict[str, Any] = {"exceptions": [error.code], "stackTrace": error.message}
    if isinstance(details, Mapping) and code == StatusCode.FAIL_STEP:
        attributes["failStepMessage"] = str(details.get("text", error.message))
    return Status(code, error.message, attributes)


def _protocol_code(error: WorkflowError, profile: Profile, *, bytecode: bool) -> int:
    if isinstance(error, BadMessage):
        return error.protocol_code
    if any(kind.__name__ == "FailStep" for kind in type(error).__mro__):
        return StatusCode.FAIL_STEP
    for kind, code in _BY_CLASS:
        if isinstance(error, kind):
            return code
    if profile == "tinkerpop":
        return StatusCode.SERVER_ERROR if bytecode else StatusCode.EVALUATION
    if isinstance(error, (MalformedQuery, NoSuchMethod, QueryTooLarge)):
        return StatusCode.MALFORMED_REQUEST
    if isinstance(error, CancelledByUser):
        return StatusCode.SERVER_ERROR
    if isinstance(error, QueryFailed):
        return StatusCode.EVALUATION
    return StatusCode.INVALID_ARGUMENTS if error.status < 500 else StatusCode.SERVER_ERROR
