"""An endpoint that obeys the protocol and knows its answers by heart: for tests of everything in front of a model."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[[dict[str, Any]], dict[str, Any]]


class Refusal(Exception):
    """Answered as an HTTP error."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(status)
        self.status, self.body = status, body


class FakeEndpoint:
    """An HTTP server on a loopback port, by default a free one. ``calls`` are the request bodies, in order."""

    def __init__(self, answer: Answer, port: int = 0) -> None:
        self.calls: list[dict[str, Any]] = []
        self.connections = 0
        self._sockets: list[socket.socket] = []
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # head and body go in two packets, and the second would wait 40 ms

            def setup(self) -> None:
                endpoint.connections += 1
                endpoint._sockets.append(self.request)
                super().setup()

            def do_GET(self) -> None:
                self._send(200, b"{}")

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                endpoint.calls.append(body)
                try:
                    self._send(200, json.dumps(answer(body)).encode())
                except Refusal as refusal:
                    self._send(refusal.status, json.dumps(refusal.body).encode())

            def _send(self, status: int, data: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128  # five by default: a burst of callers would be refused

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A caller that went away is its own business."""

        self._server = Server(("127.0.0.1", port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        """Stop, and hang up on everybody. Closing twice is fine."""
        self._server.shutdown()
        for one in self._sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self._server.server_close()
        self._thread.join()


def answered(task: str, kind: str, items: list[dict[str, Any]]) -> dict[str, Any]:
    """A whole answer in the protocol's form."""
    return {"version": "v1", "model": {"id": f"m-{task}", "created_ms": 17}, "output": {"task": task, kind: items}}


def classes(
    known: dict[str, list[tuple[Any, float | None]]], task: str, fresh: tuple[Any, float] | None = None
) -> Answer:
    """Property predictions by node or edge id; with a subgraph, unknown ids get ``fresh``."""

    def answer(body: dict[str, Any]) -> dict[str, Any]:
        data = body["data"]
        kind = "nodes" if "nodes" in data else "edges"
        items = []
        for one in data[kind]:
            id = one["nodeId"] if kind == "nodes" else one["edgeId"]
            found = known.get(id, [])
            if not found and fresh is not None and "graph" in data:
                assert any(node["nodeId"] == id for node in data["graph"]["nodes"])
                found = [fresh]
            results = [
                {"value": value} if score is None else {"value": value, "score": score} for value, score in found
            ]
            items.append({**one, "results": results[: data["globalParameters"]["topk"]]})
        return answered(task, kind, items)

    return answer


def links(
    tails: dict[str, list[tuple[str, float]]],
    heads: dict[str, list[tuple[str, float]]] | None = None,
    fresh: list[tuple[str, float]] | None = None,
) -> Answer:
    """Link predictions by vertex id, best first; with a subgraph, unknown ids get ``fresh``."""

    def answer(body: dict[str, Any]) -> dict[str, Any]:
        data = body["data"]
        if body["mode"] == "predict_relation":
            both = [{"value": "read", "score": 0.75}, {"value": "lent", "score": 0.25}]
            return answered("link_prediction", "edges", [{**one, "results": both} for one in data["edges"]])
        tail_wanted = body["mode"] == "predict_tail"
        known = tails if tail_wanted else heads or {}
        items = []
        for one in data["edges"]:
            id = one["headNodeId" if tail_wanted else "tailNodeId"]
            found = known.get(id, [])
            if not found and fresh is not None and "graph" in data:
                found = fresh
            left_out = set(data.get("exclude", {}).get(id, ()))
            results = [{"nodeId": node, "score": score} for node, score in found if node not in left_out]
            items.append({"nodeId": id, "results": results[: data["globalParameters"]["topk"]]})
        return answered("link_prediction", "nodes", items)

    return answer
