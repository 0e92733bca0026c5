"""Errors as Neptune's data plane answers them: ``{"code", "detailedMessage", "message", "requestId"}``.

botocore takes the class from ``code``, and the text it prints from ``message``; the service model requires the others.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import uuid
from difflib import get_close_matches
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from workflow.errors import WorkflowError
from workflow.server.operations.logs import REQUEST_ID

_log = logging.getLogger(__name__)

# codes for what the framework itself refuses
_FRAMEWORK_CODES = {
    404: "ResourceNotFoundException",
    405: "MethodNotAllowedException",
    408: "ClientTimeoutException",
    413: "BadRequestException",
    429: "TooManyRequestsException",
}


def error_response(code: str, status: int, message: str, request_id: str | None = None) -> Response:
    """An error body of the data plane; ``request_id`` is made when the request brought none."""
    identity = request_id or REQUEST_ID.get() or str(uuid.uuid4())
    headers = {"x-amzn-RequestId": identity, "x-amzn-errortype": code}
    return JSONResponse(error_body(code, message, identity), status, headers=headers)


def error_body(code: str, message: str, request_id: str) -> dict[str, str]:
    """The members of an error."""
    return {"code": code, "detailedMessage": message, "message": message, "requestId": request_id}


async def workflow_error(request: Request, error: Exception) -> Response:
    """The answer to an error of our own tree."""
    assert isinstance(error, WorkflowError)
    if error.status >= 500:
        # quoted: a line break in a path or a message would forge a line of the log
        _log.warning("%s %r: %r", request.method, request.url.path, error.message)
    return error_response(error.code, error.status, error.message)


async def http_error(request: Request, error: Exception) -> Response:
    """The answer to what Starlette refuses: unknown paths, methods a path does not take."""
    assert isinstance(error, HTTPException)
    code = _FRAMEWORK_CODES.get(error.status_code, "BadRequestException")
    match error.status_code:
        case 404:
            message = f"There is nothing at {request.url.path}; {nearest_path(request)}"
        case 405:
            message = f"{request.url.path} does not take {request.method}."
        case _:
            message = error.detail or HTTPStatus(error.status_code).phrase
    return error_response(code, error.status_code, message)


def nearest_path(request: Request) -> str:
    """What was likely meant by an address that there is not; paths with an id in them cannot be told."""
    paths = [str(route.path) for route in request.app.routes if hasattr(route, "path") and "{" not in route.path]
    close = get_close_matches(request.url.path.rstrip("/"), paths, 1, 0.8)
    return f"did you mean {close[0]}?" if close else "check the path."


async def client_gone(request: Request, error: Exception) -> Response:
    """The answer to a client that hung up in the middle of its request; nobody reads it, and nothing has failed."""
    return error_response("ClientTimeoutException", 408, "The client went away before the request was whole.")


async def unexpected_error(request: Request, error: Exception) -> Response:
    """The answer to a defect: the log has its traceback, the answer does not."""
    _log.error("%s %r failed", request.method, request.url.path, exc_info=error)
    if (isinstance(error, OSError) and error.errno == 28) or (
        isinstance(error, sqlite3.OperationalError) and "full" in str(error)
    ):
        return error_response(
            "InternalFailureException", 500, "The disk of the service is full; free some space and ask again."
        )
    return error_response(
        "InternalFailureException",
        500,
        f"The service failed on this request ({type(error).__name__}); its log says more.",
    )


def json_error(body: bytes, error: ValueError | RecursionError) -> str:
    """A sentence for a body that is no JSON, with the position of what is wrong where that is known."""
    if isinstance(error, UnicodeDecodeError):
        return f"The request body is not UTF-8: byte {error.start} is {body[error.start]:#04x}. Send JSON in UTF-8."
    if isinstance(error, json.JSONDecodeError):
        return f"The request body is not valid JSON: {error.msg} at line {error.lineno}, column {error.colno}."
    if isinstance(error, RecursionError):
        return "The request body is nested too deeply."
    return "The request body has a number with too many digits."
