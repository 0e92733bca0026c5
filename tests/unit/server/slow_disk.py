"""A disk that makes commits durable when a test lets it."""

from __future__ import annotations

import asyncio
import threading

from workflow.errors import InternalFailure
from workflow.graphs.store.journal.journal import MemoryJournal
from workflow.graphs.store.versions.records import Ticket


class SlowDisk(MemoryJournal):
    """Makes nothing durable until it is let, and fails where it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.let, self.fails = threading.Event(), False
        self.waits = threading.Semaphore(0)

    def sync(self, ticket: Ticket) -> None:
        self.waits.release()
        assert self.let.wait(30)
        if self.fails:
            self.era += 1
            raise InternalFailure("the disk is full")


async def waits_for(disk: SlowDisk) -> None:
    assert await asyncio.to_thread(disk.waits.acquire, timeout=30)
