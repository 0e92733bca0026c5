"""Event files that TensorBoard reads: loss and metrics after each epoch, and the figures of every split at the end."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class Curves:
    """The event file of one trial; made with the first figure.

    Args:
        folder: that TensorBoard is to be given.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._writer: Any = None

    def add(self, figures: Mapping[str, float], step: int) -> None:
        """Add figures of a step, by tag such as ``validation/mrr``; what is no number is left out."""
        if self._writer is None:
            # its import takes half a second
            from tensorboardX import SummaryWriter

            self._writer = SummaryWriter(str(self.folder), max_queue=1)
        for tag, value in figures.items():
            if math.isfinite(value):
                self._writer.add_scalar(tag, value, step)

    def close(self) -> None:
        """Write what is left."""
        if self._writer is not None:
            self._writer.close()
