"""Brief work of many connections on the event loop, a few milliseconds of it in each of the loop's turns."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Final

TURN_S: Final = 0.005
"""So much of one turn of the loop is for such work."""
AT_ONCE: Final = 16
"""So many of those that wait go on in one turn."""


class BriefWork:
    """Says who may do brief work now; the others wait for later turns, first come, first served.

    Without it three hundred clients that write at one moment would all be answered before the loop looks at another
    socket. Belongs to the event loop.
    """

    def __init__(self) -> None:
        self._begun = False
        self._end = 0.0
        self._waiting: deque[asyncio.Future[None]] = deque()

    def may(self) -> bool:
        """Whether there is time left in this turn of the loop, and nobody waits."""
        if not self._begun:
            self._begin(TURN_S)
        return not self._waiting and time.monotonic() < self._end

    async def turn(self) -> None:
        """Returns when it is the caller's turn."""
        if not self.may():
            mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(mine)
            await mine

    def _begin(self, time_s: float) -> None:
        self._begun, self._end = True, time.monotonic() + time_s
        asyncio.get_running_loop().call_soon(self._next)

    def _next(self) -> None:
        self._begun = False
        if not self._waiting:
            return
        for _ in range(min(AT_ONCE, len(self._waiting))):
            mine = self._waiting.popleft()
            if not mine.done():
                mine.set_result(None)
        self._begin(0.0)
