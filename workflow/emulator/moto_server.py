"""moto as a WSGI application, and a web server for it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable
from typing import Any

from workflow.errors import PreconditionsFailed

Environ = dict[str, Any]
StartResponse = Callable[[str, list[tuple[str, str]]], Any]
WsgiApp = Callable[[Environ, StartResponse], Iterable[bytes]]


class EmulatorMissing(PreconditionsFailed):
    """The packages of the emulator are not installed."""

    def __init__(self) -> None:
        super().__init__('the emulator needs moto: pip install "despina[emulator]"')


def moto_app() -> WsgiApp:
    """Every service of AWS that moto knows. Raises EmulatorMissing."""
    try:
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    except ImportError as error:
        raise EmulatorMissing from error
    application: WsgiApp = DomainDispatcherApplication(create_backend_app)
    return application


def serve_in_thread(application: WsgiApp, port: int, name: str) -> Any:
    """A web server on loopback, which answers in a thread of that name; port 0 takes a free one.

    Raises PreconditionsFailed where the port is taken.
    """
    from werkzeug.serving import make_server

    with socket.socket() as free:  # werkzeug itself ends the process
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            free.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            raise PreconditionsFailed(
                f"cannot listen on 127.0.0.1:{port} ({error}); stop what uses that port, or choose another"
            ) from error
    server = make_server("127.0.0.1", port, application, True, request_handler=_handler())
    serve = server.serve_forever
    threading.Thread(target=serve, kwargs={"poll_interval": 0.05}, name=f"emulator-{name}", daemon=True).start()
    return server


def _handler() -> Any:
    from moto.moto_server.werkzeug_app import MotoRequestHandler

    class Handler(MotoRequestHandler):
        """One send for head and body, connections that stay open, and no access log."""

        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log(self, type: str, message: str, *args: object) -> None:
            """Keep no access log."""

    return Handler
