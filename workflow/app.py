"""The composition root: builds the service from its settings; the only file that names a driver."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from workflow.errors import WorkflowError
from workflow.server.app import create_app
from workflow.server.services import Services
from workflow.settings import Settings
from workflow.storage import Storage
from workflow.storage.local import LocalStorage
from workflow.storage.s3 import S3Storage


class PortTaken(WorkflowError):
    """The address to listen on belongs to somebody else."""

    code = "PreconditionsFailedException"
    status = 400

    def __init__(self, host: str, port: int, reason: str) -> None:
        super().__init__(
            f"cannot listen on {host}:{port} ({reason}); stop what uses that port, or choose another with --port"
        )


class Application:
    """A built service: its parts, its HTTP face, and how to start and stop it."""

    def __init__(
        self, services: Services, closers: list[Callable[[], None]], starters: list[Callable[[], None]]
    ) -> None:
        self.services = services
        self._closers = closers
        self._starters = starters
        self._closed = False

    def asgi(self) -> Any:
        """The ASGI application."""
        return create_app(self.services)

    def start(self) -> None:
        """Take up what an earlier run left: unfinished jobs, endpoints in service."""
        for starter in self._starters:
            starter()

    def close(self) -> None:
        """Stop everything that was started and flush everything that is kept. Closing twice is fine."""
        if self._closed:
            return
        self._closed = True
        self.services.stopping.set()
        for closer in reversed(self._closers):
            closer()


def open_storage(settings: Settings) -> Storage:
    """What ``s3://`` addresses mean: keys below the home folder, or S3 itself."""
    return S3Storage(settings.region) if settings.storage == "s3" else LocalStorage(settings.s3_root)


def build(settings: Settings) -> Application:
    """Put the parts together; nothing runs before ``start``."""
    closers: list[Callable[[], None]] = []
    starters: list[Callable[[], None]] = []
    storage = open_storage(settings)
    graphs = _open_graphs(settings, closers)
    engines = _engines(settings, graphs, None)
    services = Services(
        settings=settings, storage=storage, engines=engines, graphs=graphs, started_ms=int(time.time() * 1000)
    )
    return Application(services, closers, starters)


def traversal_sources(graphs: tuple[str, ...]) -> dict[str, str]:
    """Traversal source name to graph name: ``g<name>`` each, the first also ``g``; a graph ``g`` is just ``g``."""
    sources = {"g": graphs[0]}
    for name in graphs:
        sources["g" if name == "g" else f"g{name}"] = name
    return sources


def _optional(module: str, name: str) -> Any:
    if importlib.util.find_spec(module) is None:
        return None
    return getattr(importlib.import_module(module), name, None)


def _open_graphs(settings: Settings, closers: list[Callable[[], None]]) -> dict[str, Any]:
    open_graph = _optional("workflow.graphs.store", "open_graph")
    if open_graph is None:
        return {}
    opened = {}
    for name in settings.graphs:
        folder: Path | None = None if settings.in_memory else settings.home / "graphs" / name
        opened[name] = open_graph(name, folder, settings.profile)
        closers.append(opened[name].close)
    return {source: opened[name] for source, name in traversal_sources(settings.graphs).items()}


def _engines(settings: Settings, graphs: Mapping[str, Any], prediction: Any) -> dict[str, Any]:
    engine = _optional("workflow.gremlin.engine", "Engine")
    if engine is None:
        return {}
    return {source: engine(graph, settings.profile, prediction=prediction) for source, graph in graphs.items()}


def serve(settings: Settings, on_ready: Callable[[str, int], None] | None = None) -> None:
    """Run the service until SIGTERM or SIGINT.

    Args:
        settings: port 0 takes a free one.
        on_ready: called with host and port once the service answers.

    Raises PortTaken where nobody can listen.
    """
    import uvicorn  # 0.2 s; commands that only talk to a service do without

    listener = _listen(settings.host, settings.port)
    application = build(settings)

    class Server(uvicorn.Server):
        """uvicorn's server, which by itself would raise SIGTERM again after its end and so kill our own clean stop."""

        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            if threading.current_thread() is not threading.main_thread():
                yield
                return
            previous = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGTERM, signal.SIGINT)}
            try:
                yield
            finally:
                for number, handler in previous.items():
                    # a second signal while the jobs are being stopped must not cut that short
                    signal.signal(number, signal.SIG_IGN if number == signal.SIGTERM else handler)

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started and on_ready is not None:
                host, port = listener.getsockname()[:2]
                on_ready(host, port)

    config = uvicorn.Config(
        application.asgi(),
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=5,
        server_header=False,
    )
    try:
        application.start()
        Server(config).run(sockets=[listener])
    finally:
        application.close()
        listener.close()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except (OSError, OverflowError) as error:
        listener.close()
        raise PortTaken(host, port, getattr(error, "strerror", None) or str(error)) from error
    listener.setblocking(False)
    return listener
