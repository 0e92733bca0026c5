"""Which browser pages may talk to the service, and request lines as proxies write them."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final

_AUTHORITY: Final = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]*)(?::(?P<port>[0-9]{1,5}))?")
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
    found = [(name.lower(), value) for name, value in headers]
    origins = [value.decode("latin-1") for name, value in found if name == b"origin"]
    if not origins:
        return True
    own = [value.decode("latin-1") for name, value in found if name == b"host"]
    scheme, _, page = origins[0].partition("://")
    default = {"http": 80, "https": 443}.get(scheme)
    if len(origins) > 1 or len(own) != 1 or default is None:
        return False
    try:
        (name, page_port), (own_name, own_port) = host_and_port(page), host_and_port(own[0])
    except ValueError:
        return False
    if name not in LOOPBACK_NAMES.union(own_hosts):
        return False
    return name == own_name and (page_port or default) == (own_port or default)


def host_and_port(text: str) -> tuple[str, int | None]:
    """The name or address and the port of a ``Host`` header; brackets of IPv6 are left out.

    Raises ValueError for everything else: URL readers make ``::1`` of ``[::1].evil.example``.
    """
    found = _AUTHORITY.fullmatch(text)
    if found is None:
        raise ValueError(f"{text[:100]!r} is no host")
    return found["name"].strip("[]").lower(), int(found["port"]) if found["port"] else None


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
