"""The process of the service: it listens, keeps its secrets, and ends cleanly."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import faulthandler
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from types import FrameType
from typing import Any

from workflow import tracing
from workflow.app import Application, build
from workflow.errors import WorkflowError
from workflow.queries.garbage import ShortCollections
from workflow.server.access.auth import check_listening
from workflow.server.access.tls import check_tls
from workflow.server.operations.logs import configure
from workflow.settings import BadSetting, Settings
from workflow.storage import Storage

# a tenth of Python's own: among 32 queries that compute, a status answer took 21 s to come with that, and 2 s with this
SWITCH_S = 0.0005
# from SIGTERM to the end, however much hangs: what was acknowledged is on the disk, and jobs go on at the next start
END_S = 18.0
# what a query may still take from SIGTERM on: less than the web server waits, so that its client hears why it ended
QUERIES_S, GRACE_S = 3.0, 5
_PR_SET_DUMPABLE = 4  # of prctl(2); /proc/<pid>/environ and mem are root's without it


class PortTaken(WorkflowError):
    """The address to listen on belongs to somebody else."""

    code = "PreconditionsFailedException"
    status = 400

    def __init__(self, host: str, port: int, reason: str) -> None:
        super().__init__(
            f"cannot listen on {host}:{port} ({reason}); stop what uses that port, or choose another with --port"
        )


def serve(
    settings: Settings,
    on_ready: Callable[[str, int], None] | None = None,
    on_bolt: Callable[[str, int], None] | None = None,
    on_s3: Callable[[str, int], None] | None = None,
) -> None:
    """Run the service until SIGTERM or SIGINT; it ends within ``END_S`` of them, cleanly unless something hangs.

    Args:
        settings: port 0 takes a free one.
        on_ready: called with host and port once the service answers.
        on_bolt: the same, before it, for the port of Bolt alone where there is one.
        on_s3: the same for the port of S3.

    Raises PortTaken where nobody can listen, InsecureListening where everybody could, BadSetting for half of a TLS.
    """
    import uvicorn  # 0.2 s; commands that only talk to a service do without

    from workflow.server.access.connections import most_connections
    from workflow.server.access.sockets import PatientSocket
    from workflow.server.bolt.connections import BoltConnection, protocol_with_bolt
    from workflow.server.bolt.service import BoltService

    check_listening(settings)
    tls = check_tls(settings)
    hide_secrets()
    with contextlib.suppress(OSError, RuntimeError):  # of a process without standard error
        # a mapped file that is cut, or whose disk fails, ends the process without an error: this says where
        faulthandler.enable()
    configure(settings)
    if settings.traces:
        tracing.switch_on()
    sys.setswitchinterval(SWITCH_S)
    listeners = [_listen(settings.host, settings.port)]
    try:
        if settings.bolt_port is not None:
            listeners.append(_listen(settings.host, settings.bolt_port))
        application = build(settings)
    except BaseException:
        for listener in listeners:
            listener.close()
        raise
    bolt = BoltService(application.services)
    buckets: Any = None

    previous: dict[int, Any] = {}

    class Server(uvicorn.Server):
        """uvicorn's server, which by itself would raise SIGTERM again after its end and so kill our own clean stop."""

        bolt: asyncio.Server | None = None

        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            if threading.current_thread() is not threading.main_thread():
                yield
                return
            for number in (signal.SIGTERM, signal.SIGINT):
                previous[number] = signal.signal(number, self.handle_exit)
            try:
                yield
            finally:
                # a second SIGTERM while the jobs are being stopped must not cut that short; Ctrl-C may
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                signal.signal(signal.SIGINT, previous[signal.SIGINT])

        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            if not self.should_exit:
                # runs without the interpreter, whoever holds it, and says where every thread was
                faulthandler.dump_traceback_later(END_S, exit=True)
                threading.Thread(target=_leave, args=(application,), name="leaving", daemon=True).start()
            super().handle_exit(sig, frame)

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            for own in listeners[1:]:
                self.bolt = await asyncio.get_running_loop().create_server(
                    lambda: BoltConnection(bolt, self.server_state.connections), sock=own, ssl=tls
                )
                if on_bolt is not None:
                    on_bolt(*own.getsockname()[:2])
            if self.started and on_ready is not None:
                on_ready(*listeners[0].getsockname()[:2])

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            if self.bolt is not None:
                self.bolt.close()
            await super().shutdown(sockets)

    budget = application.services.budget
    config = uvicorn.Config(
        application.asgi(),
        http=partial(protocol_with_bolt(bolt), budget=budget),  # type: ignore[arg-type]  # is called as a class is
        ws=partial(PatientSocket, budget=budget),  # type: ignore[arg-type]
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=GRACE_S,
        server_header=False,
        proxy_headers=False,
        # an answer is what its type says and nothing a browser might guess, and no page of others may embed it
        headers=[("X-Content-Type-Options", "nosniff"), ("Cross-Origin-Resource-Policy", "same-origin")],
        limit_concurrency=most_connections(),
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
        # Gremlin drivers answer no pings while they are idle, so pinging would end their connections
        ws_ping_interval=None,
        ws_max_size=64 * 1024 * 1024,
        ws_per_message_deflate=False,
    )
    collections = ShortCollections()
    try:
        if settings.s3_port is not None:
            buckets = _buckets(settings, application.services.storage)
            if on_s3 is not None:
                on_s3("127.0.0.1", buckets.server_port)
        application.start()
        collections.begin()
        Server(config).run(sockets=listeners[:1])
    finally:
        collections.end()
        if buckets is not None:
            buckets.shutdown()
        application.close()
        tracing.switch_off()
        for listener in listeners:
            listener.close()
        for number, handler in previous.items():
            signal.signal(number, handler)


def _leave(application: Application) -> None:
    application.leave()
    time.sleep(QUERIES_S)
    application.end_queries()


def hide_secrets() -> None:
    """Keep the variables and the memory of this process, with passwords and keys in them, from its own user's others.

    Jobs are such others, and may run the code of custom models. Does nothing where the system is not Linux, and cannot
    stop root.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def _buckets(settings: Settings, storage: Storage) -> Any:
    from workflow.emulator.folder_buckets import serve_buckets

    if settings.storage != "folder" or settings.s3_port is None:
        raise BadSetting("--s3", "serves a folder, and DESPINA_STORAGE names S3 itself; leave one of them out")
    return serve_buckets(storage, settings.s3_port)


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
