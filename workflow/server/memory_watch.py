"""Ends the queries that fill the machine's memory, before the system ends the service and everything in it.

Values have their limits, and so has what a step may hold; this is for what many small things amount to.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from workflow.errors import MemoryLimitExceeded
from workflow.server.gremlin_queries import QueryRegistry

LOOK_S: Final = 0.1
LEAST_FREE: Final = 256 << 20
LEAST_SHARE: Final = 0.05  # of all memory, where that is more
GROWN: Final = 128 << 20  # a query is not blamed for less, whoever else fills the memory

_log = logging.getLogger(__name__)
_CGROUP: Final = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Memory:
    """What of the memory is there and free, for this container or machine, and what this process holds; bytes."""

    total: int
    free: int
    held: int


def memory() -> Memory:
    """How it stands now."""
    machine = psutil.virtual_memory()
    total, free = machine.total, machine.available
    limit = _container_limit()
    if limit is not None and limit[0] < total:
        total, free = limit[0], min(free, limit[1])
    return Memory(total, free, psutil.Process().memory_info().rss)


def _container_limit() -> tuple[int, int] | None:
    """Limit and what is left of it; None outside of a container with a limit."""
    try:
        most = int((_CGROUP / "memory.max").read_text())
        used = int((_CGROUP / "memory.current").read_text())
        facts = dict(line.split(" ", 1) for line in (_CGROUP / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):
        return None
    # files that were read are counted too, and given up when memory is wanted
    return most, most - used + int(facts.get("inactive_file", 0))


class MemoryWatch:
    """A thread that looks at the memory while queries run.

    Args:
        queries: those that run.
        look: how the memory stands.
    """

    def __init__(self, queries: QueryRegistry, look: Callable[[], Memory] = memory) -> None:
        self._queries = queries
        self._look = look
        self._closing = threading.Event()
        self._held_before: dict[str, int] = {}  # when a query was first seen

    def start(self) -> None:
        threading.Thread(target=self._watch, name="memory-watch", daemon=True).start()

    def close(self) -> None:
        self._closing.set()

    def look(self) -> list[str]:
        """Look once; gives the ids of the queries that were ended."""
        running = self._queries.all()
        if not running:
            self._held_before.clear()
            return []
        now = self._look()
        self._held_before = {query.id: self._held_before.get(query.id, now.held) for query in running}
        if now.free >= max(LEAST_FREE, int(now.total * LEAST_SHARE)):
            return []
        guilty = [query for query in running if now.held - self._held_before[query.id] >= GROWN]
        for query in guilty:
            query.cancelled.error = MemoryLimitExceeded(
                "The query was ended: the memory of the service is nearly full, and it grew while the query ran"
            )
            query.cancelled.set()
        if guilty:
            _log.warning("ended %d queries: %d MB of memory are left", len(guilty), now.free >> 20)
        return [query.id for query in guilty]

    def _watch(self) -> None:
        while not self._closing.wait(LOOK_S):
            self.look()
