"""Who may use the service: hosts, browser pages, signatures and passwords, checked before any route is looked at.

Four guards in a row. *Once*: a header that decides here is given once, for two readers may take different ones.
*Host*: without authentication only names that cannot be made to point here by somebody else are answered, so that no
web page reaches the service by DNS rebinding. *Page*: a page of another origin is refused, whatever it sends.
*Credentials*: where keys or users are configured, a request carries a SigV4 signature made with one of the keys, or a
user and a password; a WebSocket may instead give them later, in the Gremlin protocol.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from workflow.errors import AccessDenied, BadRequest, WorkflowError
from workflow.server.access.origins import LOOPBACK_NAMES, ASGIApp, Receive, Scope, Send, allows_origin, host_and_port
from workflow.server.access.signatures import NotAuthenticated, check_claim, check_signature, header_of
from workflow.server.errors import error_response
from workflow.settings import Settings

AUTHENTICATED = (
    "despina.authenticated"  # in the scope of a request whose credentials were checked here: the user's name
)
MAX_SIGNED_BODY_BYTES = 64 << 20
# names that Amazon resolves; clients in proxy mode send them, and nobody else can make them point here
_NEPTUNE_HOST = re.compile(r"[a-z0-9.-]+\.neptune\.amazonaws\.com(\.cn)?")
OPEN_PATHS = ("/health", "/ready")  # for whoever watches the process; they tell nothing else and change nothing
_DECIDING = (b"host", b"origin", b"authorization", b"sec-fetch-site", b"sec-fetch-mode", b"x-amz-date", b"content-type")
_PAGES = "/ui/"  # what lies here changes nothing when it is read


class InsecureListening(WorkflowError):
    """The service was told to listen beyond this machine and let everybody in."""

    code = "PreconditionsFailedException"
    status = 400

    def __init__(self, host: str) -> None:
        super().__init__(
            f"refusing to listen on {host} without authentication: anybody in the network could use the service. "
            "Set DESPINA_ACCESS_KEYS=id:secret (SigV4) or DESPINA_USERS=name:password, or listen on 127.0.0.1."
        )


@dataclass(frozen=True)
class Policy:
    """What the operator allows.

    Attributes:
        access_keys: key id to secret, for SigV4.
        users: name to password, for basic authentication and the Gremlin protocol's SASL.
        hosts: further names under which the service is reached.
    """

    access_keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    users: Mapping[str, str] = field(default_factory=dict, repr=False)
    hosts: tuple[str, ...] = ()
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    @classmethod
    def of(cls, settings: Settings) -> Policy:
        """The policy of a service."""
        own = () if is_wildcard(settings.host) else (settings.host,)
        return cls(settings.access_keys, settings.users, (*own, *settings.allowed_hosts))

    @property
    def authenticates(self) -> bool:
        """Whether anybody has to show credentials."""
        return bool(self.access_keys or self.users)

    def knows(self, user: str, password: str) -> bool:
        """Whether that is a user and their password, in the same time for every wrong answer."""
        expected = self.users.get(user)
        given = hashlib.sha256(password.encode()).digest()
        wanted = hashlib.sha256((expected if expected is not None else "").encode()).digest()
        return hmac.compare_digest(given, wanted) and expected is not None


def check_listening(settings: Settings) -> None:
    """Raises InsecureListening for an address beyond this machine without any authentication."""
    if not is_loopback(settings.host) and not Policy.of(settings).authenticates:
        raise InsecureListening(settings.host)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a listening address."""
    if host.lower() in LOOPBACK_NAMES:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_wildcard(host: str) -> bool:
    """Whether an address means all of the machine's."""
    return host in ("", "0.0.0.0", "::")  # noqa: S104 - compared with, not bound to


class Guard:
    """The ASGI wrapper that refuses before any route is looked at."""

    def __init__(self, app: ASGIApp, policy: Policy) -> None:
        self.app, self.policy = app, policy
        self._own_names = {name.lower() for name in policy.hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or scope.get("path") in OPEN_PATHS:
            await self.app(scope, receive, send)
            return
        try:
            _check_once(scope)
            self._check_host(scope)
            self._check_page(scope)
            receive = await self._check_credentials(scope, receive)
        except WorkflowError as error:
            await self._refuse(error, scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _check_host(self, scope: Scope) -> None:
        if self.policy.authenticates:  # a page behind a rebound name has no credentials
            return
        host = header_of(scope, b"host")
        name = _host_name(host)
        if not _cannot_be_rebound(name) and name not in self._own_names:
            raise AccessDenied(
                f"The service does not answer under the name {name[:100]!r}; use its address, or allow the name with "
                "DESPINA_ALLOWED_HOSTS."
            )

    def _check_page(self, scope: Scope) -> None:
        if not allows_origin(scope["headers"], self.policy.hosts):
            raise AccessDenied("A page of another origin may not use this service.")
        if header_of(scope, b"sec-fetch-site") in ("cross-site", "same-site"):
            # a link to a page of ours may be followed; a link to a query, an image or a form of another page may not
            is_link = header_of(scope, b"sec-fetch-mode") == "navigate" and scope.get("method") == "GET"
            if not (is_link and (scope["path"] == "/" or scope["path"].startswith(_PAGES))):
                raise AccessDenied("A page of another site may not use this service.")

    async def _check_credentials(self, scope: Scope, receive: Receive) -> Receive:
        policy = self.policy
        if not policy.authenticates:
            return receive
        given = header_of(scope, b"authorization")
        kind = given.partition(" ")[0].lower()
        if kind == "basic":
            user, password = _basic(given)
            if not policy.knows(user, password):
                raise NotAuthenticated("The user or the password is wrong.")
        elif kind == "aws4-hmac-sha256":
            claim = check_claim(policy.access_keys, policy.now(), scope, given)
            user = claim.signature.key_id
            receive, body = await _buffered(scope, receive)
            check_signature(claim, scope, body)
        elif scope["type"] == "websocket" and policy.users:
            return receive  # the Gremlin protocol asks for them
        else:
            raise NotAuthenticated
        scope[AUTHENTICATED] = user
        return receive

    async def _refuse(self, error: WorkflowError, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await receive()  # websocket.connect; closing before accepting answers 403
            await send({"type": "websocket.close", "code": 1008, "reason": error.message[:120]})
            return
        if isinstance(error, NotAuthenticated) and self.policy.users:
            response = error_response(error.code, 401, error.message)
            response.headers["WWW-Authenticate"] = 'Basic realm="despina", charset="UTF-8"'
        else:
            response = error_response(error.code, error.status, error.message)
        await response(scope, receive, send)


def _check_once(scope: Scope) -> None:
    names = [name.lower() for name, _ in scope["headers"]]
    if len({*names}) == len(names):
        return
    for name in _DECIDING:
        if (times := names.count(name)) > 1:
            raise BadRequest(f"The request has {times} headers {name.decode()!r}; send it once.")


async def _buffered(scope: Scope, receive: Receive) -> tuple[Receive, bytes]:
    """The whole body, and a ``receive`` that gives it again: a signature covers it."""
    if scope["type"] != "http":
        return receive, b""
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            break
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > MAX_SIGNED_BODY_BYTES:
            raise BadRequest(f"The request body is longer than {MAX_SIGNED_BODY_BYTES} bytes.")
    told = False

    async def again() -> Any:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": bytes(body), "more_body": False}

    return again, bytes(body)


def _basic(header: str) -> tuple[str, str]:
    try:
        text = base64.b64decode(header.partition(" ")[2].strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise NotAuthenticated("The Authorization header is no basic authentication.") from error
    user, _, password = text.partition(":")
    return user, password


def _host_name(host: str) -> str:
    try:
        return host_and_port(host)[0]
    except ValueError:
        return host.lower()


def _cannot_be_rebound(name: str) -> bool:
    if name in LOOPBACK_NAMES or name.endswith(".localhost") or _NEPTUNE_HOST.fullmatch(name):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True  # an address is no name: nobody can make it point elsewhere


def credentials_of(policy: Policy) -> Callable[[str, str], bool] | None:
    """What the Gremlin protocol asks users with; None where nobody has to show anything."""
    return policy.knows if policy.authenticates else None
