"""The one port: SageMaker and its runtime here, every other service through moto in the same process."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import re
import socket
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from workflow.emulator.calls import RecordedCall, call_of, caller_of, region_of
from workflow.emulator.control import ControlPlane, name_in
from workflow.emulator.errors import ApiError
from workflow.emulator.faults import CALLS, Fault, Faults
from workflow.emulator.hosting.runtime import Reply, Runtime
from workflow.emulator.moto_server import Environ, StartResponse, WsgiApp

_log = logging.getLogger(__name__)

JSON = "application/x-amz-json-1.1"
_TARGET = "SageMaker."
_ENDPOINT = re.compile(r"/endpoints/([^/]+)/(invocations|async-invocations|invocations-response-stream)")
_INVOKED = {
    "invocations": "InvokeEndpoint",
    "async-invocations": "InvokeEndpointAsync",
    "invocations-response-stream": "InvokeEndpointWithResponseStream",
}
# moto fails on these; the SDK takes a refusal for an answer and goes on
_NOT_ALLOWED = {"SimulatePrincipalPolicy"}
_DENIED = (
    b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>Policies are not simulated by the emulator.</Message>"
    b"</Error></ErrorResponse>"
)
_SLOW = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
_S3_REFUSALS: Mapping[Fault, tuple[str, str]] = {
    "access_denied": ("AccessDenied", "403 Forbidden"),
    "expired_token": ("ExpiredToken", "400 Bad Request"),
}
_REASONS = {200: "OK", 202: "Accepted", 400: "Bad Request", 404: "Not Found", 424: "Failed Dependency"}


class Front:
    """The WSGI application of the emulator.

    Args:
        others: answers what is not SageMaker's.
        region: that requests to SageMaker must be signed for.
    """

    def __init__(self, control: ControlPlane, runtime: Runtime, faults: Faults, others: WsgiApp, region: str) -> None:
        self._control, self._runtime, self._faults, self._others = control, runtime, faults, others
        self._region = region
        self.calls = control.calls

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        path = unquote(str(environ.get("PATH_INFO", "/")))
        target = str(environ.get("HTTP_X_AMZ_TARGET", ""))
        endpoint = _ENDPOINT.fullmatch(path)
        reply: Reply | None
        if path.startswith("/_emulator/"):
            reply = self._own(path, environ)
        elif target.startswith(_TARGET):
            reply = self._answered(target.removeprefix(_TARGET), environ)
        elif endpoint is not None:
            reply = self._invoked(endpoint[1], endpoint[2], environ)
        else:
            return self._passed_on(environ, start_response)
        if reply is None:
            return _cut(environ, start_response)
        headers = {**reply.headers, "Content-Length": str(len(reply.body))}
        start_response(f"{reply.status} {_REASONS.get(reply.status, 'Error')}", list(headers.items()))
        return [reply.body]

    def _answered(self, operation: str, environ: Environ) -> Reply | None:
        """The answer of the control plane; None for one that never arrives."""
        try:
            request = json.loads(_body(environ) or b"{}")
            self._check_region(environ)
            about = f"{operation} {name_in(request)}"
            match self._faults.first(("no_answer", "bad_gateway", "slow_answer"), about):
                case ("no_answer", _):
                    return None
                case ("bad_gateway", _):
                    return Reply(502, {"Content-Type": "text/html"}, b"<html>Bad Gateway</html>")
                case (_, seconds):
                    time.sleep(seconds)
            self.calls.add(RecordedCall("sagemaker", operation, caller_of(environ)[0], name_in(request)))
            answer = self._control.answer(operation, request)
            if self._faults.happens("lost_answer", about) is not None:
                return None
            return _json(200, answer, JSON)
        except ValueError as error:
            return _error(ApiError("SerializationException", f"the body is no JSON: {error}"))
        except ApiError as error:
            return _error(error)
        except Exception as error:  # noqa: BLE001 - the edge of a request
            _log.exception("%s failed", operation)
            return _error(ApiError("InternalFailure", f"{type(error).__name__}: {error}", 500))

    def _invoked(self, name: str, how: str, environ: Environ) -> Reply:
        headers = {key[5:].replace("_", "-").lower(): str(v) for key, v in environ.items() if key.startswith("HTTP_")}
        if environ.get("CONTENT_TYPE"):
            headers["content-type"] = str(environ["CONTENT_TYPE"])
        self.calls.add(RecordedCall("sagemaker", _INVOKED[how], caller_of(environ)[0], name))
        try:
            self._check_region(environ)
            match how:
                case "invocations":
                    return self._runtime.invoke(name, headers, _body(environ))
                case "async-invocations":
                    return self._runtime.invoke_async(name, headers, _body(environ))
                case _:
                    raise ApiError("NotEmulatedException", "response streams are not emulated", 501)
        except ApiError as error:
            return _error(error, runtime=True)

    def _check_region(self, environ: Environ) -> None:
        """Raises ApiError for a request that is signed for another region: its jobs, logs and buckets would be here."""
        asked = region_of(environ)
        if asked not in ("", self._region):
            raise ApiError(
                "InvalidSignatureException",
                f"Credential should be scoped to a valid region, not {asked!r}: this emulator is of {self._region!r}. "
                "Set AWS_REGION to that, or start the emulator with another",
            )

    def _passed_on(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Let another service answer, with what is to go wrong on the way to S3."""
        environ, call = self._noted(environ)
        if call is not None and call.operation in _NOT_ALLOWED:
            head = [("Content-Type", "text/xml"), ("Content-Length", str(len(_DENIED)))]
            start_response("403 Forbidden", head)
            return [_DENIED]
        if call is None or call.service != "s3":
            return self._others(environ, start_response)
        about = f"{call.operation} {environ.get('PATH_INFO', '')}"
        refused = self._faults.first(tuple(_S3_REFUSALS), about)
        if refused is not None:
            code, status = _S3_REFUSALS[refused[0]]
            body = f"<Error><Code>{code}</Code><Message>{CALLS[refused[0]][1]}</Message></Error>".encode()
            start_response(status, [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
            return [body]
        seconds = self._faults.happens("slow_s3", about)
        if seconds is not None:
            time.sleep(seconds)
        if self._faults.happens("s3_slow_down", about) is not None:
            start_response("503 Slow Down", [("Content-Type", "application/xml"), ("Content-Length", str(len(_SLOW)))])
            return [_SLOW]
        happens = None
        if call.operation == "GetObject":
            happens = self._faults.first(("s3_broken_off", "s3_damaged"), about)
        if happens is None:
            return self._others(environ, start_response)
        body = b"".join(self._others(environ, start_response))
        if happens[0] == "s3_damaged":
            return [bytes([body[0] ^ 1]) + body[1:]] if body else [body]
        return _Half(environ, body)

    def _noted(self, environ: Environ) -> tuple[Environ, RecordedCall | None]:
        """Keep what is called of another service; a form is read for it, and put back."""
        body = b""
        if str(environ.get("CONTENT_TYPE", "")).startswith("application/x-www-form-urlencoded"):
            body = _body(environ)
            environ = {**environ, "wsgi.input": io.BytesIO(body)}
        call = call_of(environ, body)
        if call is not None:
            self.calls.add(call)
        return environ, call

    def _own(self, path: str, environ: Environ) -> Reply:
        """The emulator's own requests: whether it lives, faults, and what was called."""
        method = environ.get("REQUEST_METHOD")
        if path == "/_emulator/health":
            return _json(200, {"status": "ok"}, "application/json")
        if path == "/_emulator/calls" and method == "GET":
            return _json(200, {"calls": self.calls.to_json()}, "application/json")
        if path == "/_emulator/calls" and method == "DELETE":
            self.calls.clear()
            return _json(200, {}, "application/json")
        if path == "/_emulator/faults" and method == "DELETE":
            self._faults.clear()
            return _json(200, {}, "application/json")
        if path == "/_emulator/faults" and method == "PUT":
            try:
                self._faults.ask(json.loads(_body(environ)))
            except (ApiError, ValueError, re.error) as error:
                return _json(400, {"message": str(error)}, "application/json")
            return _json(200, {}, "application/json")
        return _json(404, {"message": f"there is no {method} {path}"}, "application/json")


class _Half:
    """An answer that ends in its middle: the connection is closed."""

    def __init__(self, environ: Environ, body: bytes) -> None:
        self._environ, self._body = environ, body

    def __iter__(self) -> Iterator[bytes]:
        yield self._body[: len(self._body) // 2]
        _close(self._environ)


def _cut(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Close the connection instead of an answer."""
    _close(environ)
    start_response("500 Lost", [("Content-Length", "0")])
    return []


def _close(environ: Environ) -> None:
    connection: socket.socket = environ["werkzeug.socket"]
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _body(environ: Environ) -> bytes:
    body: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    return body


def _json(status: int, document: Mapping[str, Any], kind: str) -> Reply:
    return Reply(status, {"Content-Type": kind}, json.dumps(document).encode())


def _error(error: ApiError, *, runtime: bool = False) -> Reply:
    told = {"__type": error.code, "message": error.message, "Message": error.message, **error.members}
    headers = {"Content-Type": "application/json" if runtime else JSON, "x-amzn-ErrorType": error.code}
    return Reply(error.status, headers, json.dumps(told).encode())
