"""A toy endpoint host: one more driver is one file, and this is it. Every model serves from a thread."""

from __future__ import annotations

import json
import runpy
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any

from workflow.endpoints.host import Deployment
from workflow.errors import EndpointStartFailed
from workflow.runners.base import Resources
from workflow.runners.bundle import unpack
from workflow.settings import Settings
from workflow.storage import S3Uri, Storage


class ThreadedHost:
    """Servers by handle: the name and a number."""

    def __init__(self, storage: Storage, folder: Path) -> None:
        self._storage, self._folder = storage, folder
        self._numbers = count()
        self._serving: dict[str, ThreadingHTTPServer] = {}

    def deploy(self, name: str, archive: S3Uri, resources: Resources) -> Deployment:
        handle = f"{name} {next(self._numbers)}"
        base = self._folder / handle.replace(" ", "/")
        self._storage.download(archive, base / "archive")
        unpack(base / "archive" / archive.name, base / "model")
        code = runpy.run_path(str(base / "model/code/inference.py"))
        try:
            model = code["model_fn"](str(base / "model"))
        except SystemExit as error:
            raise EndpointStartFailed(name, "the model's code ended", str(error)) from error
        server = ThreadingHTTPServer(("127.0.0.1", 0), _answering(code["predict_fn"], model))
        threading.Thread(target=server.serve_forever, args=(0.01,), name=handle, daemon=True).start()
        self._serving[handle] = server
        described = json.loads((base / "model/model.json").read_text())
        return Deployment(name, f"http://127.0.0.1:{server.server_port}", archive, handle, "nowhere", described)

    def withdraw(self, deployment: Deployment) -> None:
        self._end(deployment.handle)

    def remove(self, name: str) -> None:
        for handle in [one for one in self._serving if one.rpartition(" ")[0] == name]:
            self._end(handle)

    def look_up(self, name: str) -> Deployment | None:
        return None

    def is_healthy(self, deployment: Deployment) -> bool:
        return deployment.handle in self._serving

    def close(self) -> None:
        for handle in [*self._serving]:
            self._end(handle)

    def _end(self, handle: str) -> None:
        server = self._serving.pop(handle, None)
        if server is not None:
            server.shutdown()
            server.server_close()


def _answering(predict: Any, model: Any) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer({})

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            self._answer(predict(json.loads(self.rfile.read(length)), model))

        def _answer(self, document: Any) -> None:
            body = json.dumps(document).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """There is no log."""

    return Handler


def open_host(settings: Settings, storage: Storage) -> ThreadedHost:
    """What the table of drivers names."""
    return ThreadedHost(storage, settings.home / "endpoints")
