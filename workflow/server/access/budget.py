"""What all connections together may keep in memory: bodies and messages that are not whole, answers not yet fetched.

Each of them has a limit of its own, but a few hundred connections at their limits would take the machine. What the
budget has no room for is refused, and the rest of the service goes on. Everything here belongs to the event loop.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections import defaultdict
from collections.abc import MutableMapping
from typing import Any, Final

import psutil

from workflow.errors import TooManyRequests
from workflow.server.access.origins import ASGIApp, Receive, Scope, Send
from workflow.server.errors import error_response

FREE_BYTES: Final = 64 << 10  # of each account: what every connection may have, however full it is
MOST_BYTES: Final = 1 << 30
LEAST_BYTES: Final = 128 << 20  # the largest request and the largest frame fit


class OverBudget(TooManyRequests):
    """The service keeps as much for its clients as it may."""

    def __init__(self, budget: Budget) -> None:
        super().__init__(
            f"The service keeps {budget.held >> 20} MiB of requests that are not whole and answers that nobody has "
            f"fetched, of at most {budget.most >> 20}; fetch the answers, or try again later"
        )


class Budget:
    """Bytes that are kept for clients, in all and by address.

    Args:
        most: in all; by default an eighth of the machine's memory, 1 GiB at most.
    """

    def __init__(self, most: int | None = None) -> None:
        eighth = psutil.virtual_memory().total // 8
        self.most = max(LEAST_BYTES, min(MOST_BYTES, eighth)) if most is None else most
        self.held = 0
        self._by_origin: dict[str, int] = defaultdict(int)

    def account(self, address: str) -> Holding:
        """A new account of a client at an address of the network."""
        return Holding(self, origin(address))

    def has_room(self, more: int, origin: str) -> bool:
        """Whether so many bytes more may be kept; only this machine may have more than half of the budget."""
        most_of_one = self.most // 2 if origin else self.most
        return self.held + more <= self.most and self._by_origin[origin] + more <= most_of_one

    def add(self, change: int, origin: str) -> None:
        """Keep so many bytes more, or fewer."""
        self.held += change
        self._by_origin[origin] += change
        if not self._by_origin[origin]:
            del self._by_origin[origin]


class Holding:
    """What one part of the service keeps for one client; its first 64 KiB are not counted."""

    def __init__(self, budget: Budget, origin: str) -> None:
        self._budget, self._origin = budget, origin
        self._counted = 0

    def fits(self, amount: int) -> bool:
        """Whether that much could be kept."""
        more = max(0, amount - FREE_BYTES) - self._counted
        return more <= 0 or self._budget.has_room(more, self._origin)

    def holds(self, amount: int) -> bool:
        """Note what is kept now; false where there was no room for it."""
        if amount <= FREE_BYTES and not self._counted:
            return True
        fits = self.fits(amount)
        counted = max(0, amount - FREE_BYTES)
        self._budget.add(counted - self._counted, self._origin)
        self._counted = counted
        return fits

    def another(self) -> Holding:
        """A new account of the same client."""
        return Holding(self._budget, self._origin)

    def refusal(self) -> OverBudget:
        """What to tell the client."""
        return OverBudget(self._budget)

    def close(self) -> None:
        """Nothing is kept any more. Closing twice is fine."""
        self.holds(0)


class WorkerHolding:
    """An account that a worker thread keeps: what it says is noted on the event loop, and refused at its next word."""

    def __init__(self, account: Holding) -> None:
        self._account = account
        self._loop = asyncio.get_running_loop()
        self._said = 0
        self._refusal: OverBudget | None = None

    def holds(self, amount: int) -> None:
        """Say what is kept now, from the worker; small changes are not told. Raises OverBudget."""
        if self._refusal is not None:
            raise self._refusal
        if abs(amount - self._said) >= FREE_BYTES:
            self._said = amount
            self._loop.call_soon_threadsafe(self._note, amount)

    def close(self) -> None:
        """Nothing is kept any more; from any thread."""
        self._loop.call_soon_threadsafe(self._note, 0)

    def _note(self, amount: int) -> None:
        if not self._account.holds(amount):
            self._refusal = self._account.refusal()


class Bounded:
    """The ASGI wrapper that refuses answers which nobody has room to wait for.

    An answer waits until its client has fetched it; what is sent in pieces waits piece by piece.
    """

    def __init__(self, app: ASGIApp, budget: Budget) -> None:
        self.app, self.budget = app, budget

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        refused = False

        async def bounded(message: MutableMapping[str, Any]) -> None:
            nonlocal refused
            length = _length(message) if message["type"] == "http.response.start" else 0
            if length > FREE_BYTES and not self.budget.account(address_of(scope)).fits(length):
                refused = True
                refusal = OverBudget(self.budget)
                await error_response(refusal.code, refusal.status, refusal.message)(scope, receive, send)
            elif not refused:
                await send(message)

        await self.app(scope, receive, bounded)


def address_of(scope: Scope) -> str:
    """Where a request comes from, empty where it comes from no network."""
    return str((scope.get("client") or ("",))[0])


def _length(message: MutableMapping[str, Any]) -> int:
    lengths = [value for name, value in message.get("headers", ()) if name.lower() == b"content-length"]
    return int(lengths[0]) if lengths else 0


def origin(address: str) -> str:
    """Whose address it is: empty for this machine's own; of IPv6 the network that one customer has."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return ""  # no address of the network
    if isinstance(ip, ipaddress.IPv6Address):
        ip = ip.ipv4_mapped or ip
    if ip.is_loopback:
        return ""
    return str(ip) if ip.version == 4 else str(ipaddress.ip_network((ip, 64), strict=False))
