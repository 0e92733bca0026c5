"""How tests wait for what another thread or process does: until it is so, or the test fails and says for what."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

PATIENCE_S = 60.0  # for a machine that is several times slower than ours and has other work; no test takes so long
_POLL_S = 0.02

Seen = TypeVar("Seen")


def until(look: Callable[[], Seen], what: str = "it") -> Seen:
    """The first answer of ``look`` that is true; what it raises is raised. Fails where none comes."""
    deadline = time.monotonic() + PATIENCE_S
    while not (seen := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited in vain for {what}; last seen: {seen!r}")
        time.sleep(_POLL_S)
    return seen


async def until_on_loop(look: Callable[[], Seen], what: str = "it") -> Seen:
    """``until`` on an event loop, which goes on meanwhile."""

    async def looked() -> Seen:
        return look()

    return await until_async(looked, what)


async def until_async(look: Callable[[], Awaitable[Seen]], what: str = "it") -> Seen:
    """``until_on_loop`` for what is asked on the event loop."""
    deadline = time.monotonic() + PATIENCE_S
    while not (seen := await look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited in vain for {what}; last seen: {seen!r}")
        await asyncio.sleep(_POLL_S)
    return seen
