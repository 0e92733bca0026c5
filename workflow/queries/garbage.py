"""Python's search for unreachable objects, kept short while queries hold millions of reachable ones.

A full collection walks every object there is, which takes half a second for the million rows of one query, and nobody
else runs meanwhile. So what one has walked is set aside, and the next walks only what came since; what is set aside and
not needed any more goes when its last user does, as always. Only circles of objects stay, and so everything is walked
again once what is set aside has doubled.
"""

from __future__ import annotations

import gc
import time
from typing import Final

LOOK_S: Final = 60.0
"""How often, at most, what is set aside is counted; one long query is walked no more than so often."""
FEW: Final = 500_000
"""So many objects are set aside beside those of the start before anything is walked again: a quarter of a second."""


class ShortCollections:
    """Sets aside what full collections have walked, from ``begin`` to ``end``. One for a process."""

    def __init__(self) -> None:
        self._aside = 0
        self._next_look = 0.0

    def begin(self) -> None:
        """All there is now stays."""
        gc.collect()
        gc.freeze()
        self._set_aside()
        gc.callbacks.append(self._collected)

    def end(self) -> None:
        """Back to how Python does it; nothing happens where it did not begin."""
        if self._collected in gc.callbacks:
            gc.callbacks.remove(self._collected)
            gc.unfreeze()

    def _collected(self, phase: str, info: dict[str, int]) -> None:
        if phase != "stop" or info["generation"] < 2:
            return
        gc.freeze()
        if not self._aside:
            self._set_aside()
        elif time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + LOOK_S
            if gc.get_freeze_count() > 2 * self._aside + FEW:
                # the next full collection walks everything, and what it leaves is counted anew
                gc.unfreeze()
                self._aside = 0

    def _set_aside(self) -> None:
        self._aside = gc.get_freeze_count()
        self._next_look = time.monotonic() + LOOK_S
