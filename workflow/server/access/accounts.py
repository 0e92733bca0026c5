"""What connections of either protocol keep in memory, half said or not yet fetched, counted in the budget of all."""

from __future__ import annotations

import asyncio
from typing import Any

from workflow.server.access.budget import Budget, Holding


class Counted(asyncio.Protocol):
    """Mixed in before a protocol of the web server.

    Args:
        budget: of all connections.
    """

    transport: asyncio.Transport

    def __init__(self, *arguments: Any, budget: Budget | None = None, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._budget = budget or Budget()
        self._account: Holding = self._budget.account("")
        self._limit: asyncio.TimerHandle | None = None

    def unread(self) -> int:
        """Bytes that have come and that nobody has taken."""
        raise NotImplementedError

    def pause_writing(self) -> None:
        """An answer waits to be fetched."""
        self._count()
        super().pause_writing()

    def resume_writing(self) -> None:
        """An answer is fetched."""
        self._count()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the clock and what was kept."""
        self._stop()
        super().connection_lost(exc)
        self._account.close()

    def _open_account(self, client: tuple[str, int] | None) -> None:
        self._account = self._budget.account(client[0] if client else "")

    def _count(self) -> bool:
        """Note what is kept now; false where there was no room for it."""
        return self._account.holds(self.unread() + self.transport.get_write_buffer_size())

    def _stop(self) -> None:
        """Stop the clock of what is waited for."""
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None
