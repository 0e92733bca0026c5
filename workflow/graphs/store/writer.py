"""The seat of a graph's one writer."""

from __future__ import annotations

import threading

from workflow.errors import ConcurrentModification


class Writer:
    """The seat of the one writer; may be left by another thread than the one that took it."""

    def __init__(self) -> None:
        self._seat = threading.Lock()  # guards the making of the next version of the graph

    def try_take(self, timeout_s: float) -> bool:
        """Whether the seat could be had in that time."""
        return self._seat.acquire(timeout=timeout_s)

    def take(self, timeout_s: float) -> None:
        """Raises ConcurrentModification when the time is over."""
        if not self.try_take(timeout_s):
            raise ConcurrentModification(f"another transaction has been open for {timeout_s:g} s; try again later")

    def leave(self) -> None:
        self._seat.release()
