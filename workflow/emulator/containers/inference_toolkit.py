"""What a framework image does when it is started with ``serve``: ``/ping`` and ``/invocations`` over the user's code.

A program of its own that needs the standard library alone. The model folder's ``code/inference.py`` defines
``model_fn``, and ``input_fn``, ``predict_fn`` and ``output_fn``, or ``transform_fn`` in their place; each may take one
more parameter, ``context``. A default is there for JSON in and out.
"""

import importlib.util
import inspect
import json
import os
import sys
import traceback
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

TEXT = ("application/json", "text/csv")


class Handlers:
    """The functions of an inference module, with the defaults filled in."""

    def __init__(self, module: ModuleType, model_dir: Path) -> None:
        self._module = module
        self.accept = os.environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", "application/json")
        model_fn = getattr(module, "model_fn", None)
        if model_fn is None:
            raise LookupError(f"{module.__file__} defines no model_fn")
        if hasattr(module, "transform_fn") and any(
            hasattr(module, name) for name in ("input_fn", "predict_fn", "output_fn")
        ):
            raise LookupError("transform_fn cannot be mixed with input_fn, predict_fn or output_fn")
        self._call_if_there("pre_model_fn", str(model_dir))
        self.model = _call(model_fn, str(model_dir))
        self._call_if_there("model_warmup_fn", str(model_dir), self.model)

    def answer(self, body: bytes, content_type: str, accept: str) -> tuple[bytes, str]:
        """The body and the content type of an answer."""
        kind = content_type.partition(";")[0].strip().lower()
        data: Any = body.decode() if kind in TEXT else body
        wanted = self.accept if accept in ("", "*/*") else accept
        if hasattr(self._module, "transform_fn"):
            found = _call(self._module.transform_fn, self.model, data, content_type, wanted)
        else:
            given = _call(getattr(self._module, "input_fn", _decoded), data, content_type)
            said = _call(self._module.predict_fn, given, self.model)
            found = _call(getattr(self._module, "output_fn", _encoded), said, wanted)
        text, kind = found if isinstance(found, tuple) else (found, wanted)
        return (text.encode() if isinstance(text, str) else bytes(text)), kind

    def _call_if_there(self, name: str, *arguments: Any) -> None:
        function = getattr(self._module, name, None)
        if function is not None:
            _call(function, *arguments)


def main() -> int:
    """Serve the model folder until SIGTERM."""
    base = Path(os.environ.get("SAGEMAKER_BASE_DIR") or "/opt/ml")
    model_dir = base / "model"
    submitted = os.environ.get("SAGEMAKER_SUBMIT_DIRECTORY", "")
    # code that lies in S3 was brought beside the model
    code = Path(submitted) if submitted and "://" not in submitted else model_dir / "code"
    program = code / os.environ.get("SAGEMAKER_PROGRAM", "inference.py")
    if not program.exists():
        sys.stderr.write(f"the model has no {program.relative_to(base)}\n")
        return 1
    sys.path.insert(0, str(code))
    spec = importlib.util.spec_from_file_location(program.stem, program)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[program.stem] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    handlers = Handlers(module, model_dir)

    class Handler(BaseHTTPRequestHandler):
        """``GET /ping``, ``POST /invocations``."""

        protocol_version = "HTTP/1.1"
        wbufsize = -1  # one write for head and body: two would wait for each other's acknowledgement
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self._send(200 if self.path == "/ping" else 404, b"", "text/plain")

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.path != "/invocations":
                self._send(404, b"", "text/plain")
                return
            try:
                answer = handlers.answer(
                    body, self.headers.get("Content-Type") or "application/json", self.headers.get("Accept") or ""
                )
            except Exception:  # noqa: BLE001 - the edge of a request: the caller sees what happened
                traceback.print_exc()
                self._send(500, traceback.format_exc().encode(), "text/plain")
                return
            self._send(200, *answer)

        def _send(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()

        def log_message(self, *_: object) -> None:
            """Keep no access log."""

    port = int(os.environ.get("SAGEMAKER_BIND_TO_PORT", "8080"))
    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    server.serve_forever()
    return 0


def _call(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call with one more argument, the context, where the function takes one more."""
    try:
        takes = len(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        takes = len(arguments)
    return (
        function(*arguments, None)
        if takes == len(arguments) + 1 and not _has_default(function)
        else function(*arguments[:takes])
    )


def _has_default(function: Callable[..., Any]) -> bool:
    last = list(inspect.signature(function).parameters.values())[-1]
    return last.default is not inspect.Parameter.empty


def _decoded(body: Any, content_type: str) -> Any:
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/json":
        return json.loads(body)
    if kind == "text/csv":
        return [line.split(",") for line in body.splitlines() if line]
    raise ValueError(f"content type {content_type!r} is not supported; define input_fn")


def _encoded(prediction: Any, accept: str) -> tuple[str, str]:
    value = prediction.tolist() if hasattr(prediction, "tolist") else prediction
    if accept == "text/csv":
        rows = value if isinstance(value, list) else [value]
        return "\n".join(",".join(map(str, row)) if isinstance(row, list) else str(row) for row in rows), accept
    return json.dumps(value), "application/json"


if __name__ == "__main__":
    sys.exit(main())
