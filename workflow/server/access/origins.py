"""Which browser pages may talk to the service, and request lines as proxies write them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final
from urllib.parse import urlsplit

LOOPBACK_NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1"})

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]


def allows_origin(headers: Iterable[tuple[bytes, bytes]], own_hosts: Iterable[str] = ()) -> bool:
    """Whether a request may come from where it says.

    Without an ``Origin`` header no page sent it: programs are free to name any ``Host``. With one it must be a page of
    this service: the same host and port as ``Host`` names, and a host name of ours, since a foreign name can be made to
    resolve to this machine.
    """
    found = {name.lower(): value for name, value in headers}
    origin = found.get(b"origin")
    if origin is None:
        return True
    try:
        page = urlsplit(origin.decode("latin-1"))
        own = urlsplit("//" + found.get(b"host", b"").decode("latin-1"))
        name, page_port, own_port = (page.hostname or "").lower(), page.port, own.port
    except ValueError:
        return False
    if page.scheme not in ("http", "https") or name not in LOOPBACK_NAMES.union(own_hosts):
        return False
    default = 443 if page.scheme == "https" else 80
    return name == (own.hostname or "").lower() and (page_port or default) == (own_port or default)


def origin_form(path: str) -> str:
    """The path of a request line in absolute form, such as ``ws://host:8182/gremlin``; other paths as they are."""
    if path.startswith("/") or "://" not in path:
        return path
    rest = path.partition("://")[2]
    return "/" + rest.partition("/")[2]


class AbsoluteFormPaths:
    """ASGI wrapper that lets request lines in absolute form find their route, as graph-notebook's proxy mode sends."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path")
        if isinstance(path, str) and not path.startswith("/"):
            scope = dict(scope, path=origin_form(path), raw_path=origin_form(path).encode("utf-8"))
        await self.app(scope, receive, send)
