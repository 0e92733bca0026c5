"""Turns of queries that compute long, so that few of them want Python's lock at once.

Only one thread of Python runs at a time. Where forty queries compute, whoever needs the lock for an instant, as the
event loop at each step of an answer, waits for a slice of each. So a query that has run for a while waits for a share
of the time, and only a few have one at once. A courtesy: what is right does not depend on it, and nobody waits for
ever.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

SHARE_S: Final = 0.03
"""How long a share lasts; nobody asks whether it is used."""
PLACES: Final = 4
PATIENCE_S: Final = 0.5
"""As long as a query waits for its share at most: what has one may wait for this query."""
LOOK_S: Final = 0.05
"""How often one that waits looks whether it is still wanted."""


class Shares:
    """Gives shares of the time, first come, first served."""

    def __init__(self, places: int = PLACES) -> None:
        self._lock = threading.Lock()  # guards what stands below
        self._ends = [0.0] * places
        self._waiting: deque[threading.Event] = deque()

    def wait(self, over: Callable[[], bool]) -> float:
        """Returns when a share begins, which may be at once, or ``over`` is true; gives its end in ``monotonic()``."""
        patience = time.monotonic() + PATIENCE_S
        first = threading.Event()
        with self._lock:
            self._waiting.append(first)
            if len(self._waiting) == 1:
                first.set()
        try:
            while (left := patience - time.monotonic()) > 0 and not over():
                if not first.is_set():
                    first.wait(min(left, LOOK_S))
                elif (until := min(self._ends) - time.monotonic()) > 0:
                    # the first of all waits for the place that is free first
                    time.sleep(min(left, until, LOOK_S))
                else:
                    break
        finally:
            end = time.monotonic() + SHARE_S
            with self._lock:
                self._ends[self._ends.index(min(self._ends))] = end
                self._waiting.remove(first)
                if self._waiting:
                    self._waiting[0].set()
        return end


OF_THIS_PROCESS: Final = Shares()
