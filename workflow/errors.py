"""Every error a user can meet, as one tree.

A class carries its wire form: ``code`` is the name botocore's ``neptunedata`` model lists, ``status`` the HTTP status
the same model gives that name. The message says what was asked, what is wrong and what to do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar


class WorkflowError(Exception):
    """Anything Despina refuses or fails at, with a sentence for the user."""

    code: ClassVar[str] = "InternalFailureException"
    status: ClassVar[int] = 500

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class BadRequest(WorkflowError):
    code, status = "BadRequestException", 400


class InvalidParameter(WorkflowError):
    code, status = "InvalidParameterException", 400


class InvalidNumericData(WorkflowError):
    code, status = "InvalidNumericDataException", 400


class MissingParameter(WorkflowError):
    code, status = "MissingParameterException", 400


class InvalidArgument(WorkflowError):
    code, status = "InvalidArgumentException", 400


class IllegalArgument(WorkflowError):
    code, status = "IllegalArgumentException", 400


class ConstraintViolation(WorkflowError):
    code, status = "ConstraintViolationException", 400


class PreconditionsFailed(WorkflowError):
    code, status = "PreconditionsFailedException", 400


class UnsupportedOperation(WorkflowError):
    code, status = "UnsupportedOperationException", 400


class MLResourceNotFound(WorkflowError):
    code, status = "MLResourceNotFoundException", 404


class BulkLoadIdNotFound(WorkflowError):
    code, status = "BulkLoadIdNotFoundException", 404


class AccessDenied(WorkflowError):
    code, status = "AccessDeniedException", 403


class TooManyRequests(WorkflowError):
    code, status = "TooManyRequestsException", 429


class InternalFailure(WorkflowError):
    code, status = "InternalFailureException", 500


class StorageError(WorkflowError):
    """Bytes could not be read from or written to an s3:// address."""

    code, status = "S3Exception", 400


class LoadUrlAccessDenied(WorkflowError):
    """A bulk load names a folder the operator has not allowed."""

    code, status = "LoadUrlAccessDeniedException", 400


class StatisticsNotAvailable(WorkflowError):
    code, status = "StatisticsNotAvailableException", 400


class ExpiredStream(WorkflowError):
    """A change-log position that is no longer kept."""

    code, status = "ExpiredStreamException", 400


class StreamRecordsNotFound(WorkflowError):
    code, status = "StreamRecordsNotFoundException", 404


class MalformedQuery(WorkflowError):
    """Query text that does not parse; the message names line, column and what was expected."""

    code, status = "MalformedQueryException", 400


class QueryTooLarge(WorkflowError):
    code, status = "QueryTooLargeException", 400


class ReadOnlyViolation(WorkflowError):
    code, status = "ReadOnlyViolationException", 400


class QueryFailed(WorkflowError):
    """A traversal that was refused when compiled or raised while it ran; the text is TinkerPop's where it has one."""

    # 400: the same query fails again, and clients such as boto3 ask again after every 5xx
    code, status = "BadRequestException", 400


class NoSuchMethod(QueryFailed):
    """A step, or an overload of one, that Gremlin does not have; Neptune's parser refuses it with the text."""

    code, status = "MalformedQueryException", 400


class FailStep(QueryFailed):
    """A ``fail()`` step was reached; ``details`` say where."""

    code, status = "FailureByQueryException", 500

    def __init__(self, message: str, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.details: Mapping[str, Any] = details or {}


class TimeLimitExceeded(WorkflowError):
    code, status = "TimeLimitExceededException", 500


class MemoryLimitExceeded(WorkflowError):
    code, status = "MemoryLimitExceededException", 500


class CancelledByUser(WorkflowError):
    code, status = "CancelledByUserException", 500


class ConcurrentModification(WorkflowError):
    code, status = "ConcurrentModificationException", 500


class ExportFailed(WorkflowError):
    """An export that did not write what the graph holds; the message names what is missing."""

    code, status = "InternalFailureException", 500


class ExportJobNotFound(WorkflowError):
    """No export job of that id."""

    code, status = "MLResourceNotFoundException", 404

    def __init__(self, job_id: str) -> None:
        super().__init__(f"there is no export job {job_id!r}; POST /neptune-export answers with the id of a new one")
        self.job_id = job_id


class EndpointStartFailed(WorkflowError):
    """An endpoint process that did not come up, with its last log lines."""

    code, status = "InternalFailureException", 500

    def __init__(self, name: str, reason: str, log_tail: str = "") -> None:
        super().__init__(f"endpoint {name!r} did not start: {reason}" + (f"\n{log_tail}" if log_tail else ""))
        self.name, self.reason, self.log_tail = name, reason, log_tail
