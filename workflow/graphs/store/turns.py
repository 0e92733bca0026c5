"""Turns of writers: brief ones go one after the other, so that they do not meet, and none waits long."""

from __future__ import annotations

import threading
import time
from typing import Any, Final

PATIENCE_S: Final = 0.05
"""As long as a writer is waited for; after that others go on beside it, and the commits tell who met whom."""


class Turns:
    """Whose turn it is to write. A courtesy and no lock: what is right does not depend on it."""

    def __init__(self) -> None:
        self._ended = threading.Condition()  # guards who has the turn, and since when
        self._whose: Any = None
        self._since = 0.0

    def take(self, who: Any) -> None:
        """Wait until nobody has the turn, or whoever has it had it long enough."""
        with self._ended:
            while self._whose is not None and (left := self._since + PATIENCE_S - time.monotonic()) > 0:
                self._ended.wait(left)
            self._whose, self._since = who, time.monotonic()

    @property
    def free(self) -> bool:
        """Whether ``take`` would not wait."""
        return self._whose is None or self._since + PATIENCE_S <= time.monotonic()

    def leave(self, who: Any) -> None:
        """End a turn; nothing happens where it was lost meanwhile."""
        with self._ended:
            if self._whose is who:
                self._whose = None
                self._ended.notify()
