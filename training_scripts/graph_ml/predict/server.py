"""The endpoint's HTTP server: one thread a connection, kept alive, standard library only."""

from __future__ import annotations

import json
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from pydantic import ValidationError

from ..schemas import EndpointRequest
from ..schemas.base import describe
from ..tracing import Traces
from .base import Incompatible, Predictor

MOST_BYTES = 16 * 1024 * 1024


class EndpointServer(ThreadingHTTPServer):
    """Holds the predictor once it is loaded."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128
    predictor: Predictor | None = None
    failed: str | None = None
    traces = Traces()

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.answered = 0
        self.counting = threading.Lock()  # guards answered


class Handler(BaseHTTPRequestHandler):
    """``GET /ping`` and ``POST /invocations``."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 120
    wbufsize = -1
    server: EndpointServer

    def do_GET(self) -> None:
        """Health: 200 with the number of answered calls, 503 while the model is loaded, 500 where that failed."""
        if self.path.split("?")[0] != "/ping":
            self.reply(404, {"error": f"no such path {self.path!r}; there are /ping and /invocations"})
        elif self.server.failed is not None:
            self.reply(500, {"error": self.server.failed, "kind": "load"})
        elif self.server.predictor is None:
            self.reply(503, {"error": "the model is being loaded", "kind": "loading"})
        else:
            self.reply(200, {"status": "ok", "answered": self.server.answered})

    def do_POST(self) -> None:
        """Answer one request; 400 for what the model cannot answer, 500 for what should not happen."""
        length = self.headers.get("Content-Length", "")
        if self.path.split("?")[0] != "/invocations":
            self.close_connection = True
            self.reply(404, {"error": f"no such path {self.path!r}; there are /ping and /invocations"})
            return
        if not length.isdigit() or int(length) > MOST_BYTES:
            self.close_connection = True
            self.reply(
                413, {"error": f"a request needs a Content-Length of at most {MOST_BYTES} bytes", "kind": "size"}
            )
            return
        body = self.rfile.read(int(length))
        if self.server.predictor is None:
            self.reply(503, {"error": self.server.failed or "the model is being loaded", "kind": "loading"})
            return
        try:
            with self.server.traces.span("model answer", self.headers.get("traceparent"), bytes=len(body)):
                answer = self.server.predictor.answer(EndpointRequest.model_validate_json(body)).to_json()
        except Incompatible as error:
            self.reply(400, {"error": str(error), "kind": "incompatible"})
        except ValidationError as error:
            self.reply(400, {"error": describe(error), "kind": "malformed"})
        except Exception as error:  # noqa: BLE001 - the edge of a request: the server goes on
            traceback.print_exc()
            self.reply(500, {"error": f"{type(error).__name__}: {error}", "kind": "internal"})
        else:
            with self.server.counting:
                self.server.answered += 1
            self.send(200, answer.encode())

    def reply(self, status: int, document: dict[str, Any]) -> None:
        """Send a JSON object."""
        self.send(status, json.dumps(document).encode())

    def send(self, status: int, body: bytes) -> None:
        """Send head and body together: both wait in the buffer until the flush."""
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        """Write no line for a request; the caller keeps the access log."""


def serve(
    load: Callable[[], Predictor], host: str, port: int, log: Callable[[str], None], traces: Traces | None = None
) -> int:
    """Serve until SIGTERM or SIGINT. The socket listens while the model is loaded, so ``/ping`` always answers.

    Args:
        load: gives a predictor that has already answered.
        host, port: where to listen; port 0 takes a free one.
        log: gets one line with the address once the model answers.
        traces: of the answers; by default none.

    Returns:
        0, or 1 where the model could not be loaded.
    """
    server = EndpointServer((host, port), Handler)
    server.traces = traces or Traces()
    server.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def stop(signum: int, frame: object) -> None:
        threading.Thread(target=server.shutdown, daemon=True).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)

    def prepare() -> None:
        try:
            server.predictor = load()
        except Exception as error:  # noqa: BLE001 - the edge of the process: /ping tells the reason
            traceback.print_exc()
            server.failed = f"{type(error).__name__}: {error}"
            sys.stderr.write(f"the model could not be loaded: {server.failed}\n")
            server.shutdown()
        else:
            log(f"endpoint listens on http://{host}:{server.server_address[1]}")

    threading.Thread(target=prepare, daemon=True).start()
    server.serve_forever(poll_interval=0.1)
    server.server_close()
    server.traces.close()
    return 1 if server.failed is not None else 0
