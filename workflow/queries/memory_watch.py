"""Ends the queries that fill the machine's memory, before the system ends the service and everything in it.

Values have their limits, and so has what a step may hold; this is for what many small things amount to. Behind queries
that needed much, memory that the C library keeps goes back to the system once nobody asks anything.
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
from workflow.graphs.store.memory import return_memory
from workflow.queries.running import QueryRegistry

LOOK_S: Final = 0.1
LEAST_FREE: Final = 256 << 20
LEAST_SHARE: Final = 0.05  # of all memory, where that is more
GROWN: Final = 128 << 20  # a query is not blamed for less, whoever else fills the memory
WORTH: Final = 16 << 20  # what queries have to take before memory is given back
QUIET_LOOKS: Final = 10  # without a query, before it is

_log = logging.getLogger(__name__)
_CGROUP: Final = Path("/sys/fs/cgroup")
# files of a limit, of what is used and of its details, and in these what is given up when memory is wanted: files that
# were read count as used
_LAYOUTS: Final = (
    ("memory.max", "memory.current", "memory.stat", "inactive_file"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat", "total_inactive_file"),
)


@dataclass(frozen=True)
class Memory:
    """Bytes of memory of this container or machine: all, free, and held by this process."""

    total: int
    free: int
    held: int


def memory() -> Memory:
    """Read the memory figures of this moment."""
    machine = psutil.virtual_memory()
    total, free = machine.total, machine.available
    limit = container_limit(_CGROUP)
    if limit is not None and limit[0] < total:
        total, free = limit[0], min(free, limit[1])
    return Memory(total, free, psutil.Process().memory_info().rss)


def container_limit(groups: Path) -> tuple[int, int] | None:
    """Limit and what is left of it; None outside of a container with a limit. ``groups`` is where Linux tells them."""
    for limit, used, details, spare in _LAYOUTS:
        try:
            most = int((groups / limit).read_text())
            left = most - int((groups / used).read_text())
            facts = dict(line.split(" ", 1) for line in (groups / details).read_text().splitlines())
        except (OSError, ValueError):
            continue
        return most, left + int(facts.get(spare, 0))
    return None


class MemoryWatch:
    """A thread that looks at the memory while queries run.

    Args:
        registries: of the queries that run, one a language.
        look: how the memory stands.
        give_back: gives what is free in this process back to the system.
    """

    def __init__(
        self,
        *registries: QueryRegistry,
        look: Callable[[], Memory] = memory,
        give_back: Callable[[], None] = return_memory,
    ) -> None:
        self._registries = registries
        self._look, self._give_back = look, give_back
        self._quiet = QUIET_LOOKS  # looks since a query was seen
        self._settled = 0  # bytes that were held when memory was last given back
        self._closing = threading.Event()
        self._held_before: dict[str, int] = {}  # when a query was first seen

    def start(self) -> None:
        threading.Thread(target=self._watch, name="memory-watch", daemon=True).start()

    def close(self) -> None:
        self._closing.set()

    def look(self) -> list[str]:
        """Look once; gives the ids of the queries that were ended."""
        running = [query for registry in self._registries for query in registry.all()]
        if not running:
            self._held_before.clear()
            self._rest()
            return []
        self._quiet = 0
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

    def _rest(self) -> None:
        """Give memory back a second after the last query, where they took much since the last time."""
        self._quiet += 1
        if self._quiet == QUIET_LOOKS and self._look().held > self._settled + WORTH:
            self._give_back()
            self._settled = self._look().held

    def _watch(self) -> None:
        while not self._closing.wait(LOOK_S):
            self.look()
