"""Where a job keeps what does not fit into its memory: numbered files in a folder that goes with the job.

Large arrays lie in files that are mapped, so the system may take their memory back at any time; rows of files are
looked at a batch at a time. What a job writes does not depend on the size of its batches.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

MB = 1 << 20
#: rows of a batch, where memory allows
MOST_ROWS, FEWEST_ROWS = 1 << 20, 1 << 14
#: of a batch, for each row: cells as text, what is made of them, and the copies between
BYTES_A_ROW = 512
#: what libraries take, whatever the size of the data
LIBRARIES = 330 * MB
#: arrays from this size on lie in files
PARKED_BYTES = 32 * MB


@dataclass(frozen=True)
class Workspace:
    """Files of one job below ``folder``, which is ours alone; ``rows`` are looked at at once.

    ``finished`` is where its steps stay for the next run; nowhere where it is None.
    """

    folder: Path
    rows: int = MOST_ROWS
    parked_bytes: int = PARKED_BYTES
    finished: Path | None = None
    _numbers: Iterator[int] = field(default_factory=count, repr=False)

    @classmethod
    def within(cls, folder: Path, memory: int | None, finished: Path | None = None) -> Workspace:
        """One whose batches fit into this many bytes of memory, or into any where nobody says."""
        fitting = MOST_ROWS if memory is None else (memory - LIBRARIES) // 4 // BYTES_A_ROW
        return cls(folder, min(MOST_ROWS, max(FEWEST_ROWS, fitting)), PARKED_BYTES, finished)

    def path(self, ending: str) -> Path:
        """A name that is not taken yet."""
        return self.folder / f"{next(self._numbers)}{ending}"

    def array(self, shape: int | tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """An array of this shape (n, …) and dtype to fill: in memory where it is small, else in a ``.npy`` file."""
        shape = shape if isinstance(shape, tuple) else (shape,)
        if int(np.prod(shape)) * np.dtype(dtype).itemsize < self.parked_bytes:
            return np.empty(shape, dtype=dtype)
        mapped: NDArray[Any] = np.lib.format.open_memmap(
            self.path(".npy"), mode="w+", dtype=np.dtype(dtype), shape=shape
        )
        return mapped

    def parked(self, values: NDArray[Any]) -> NDArray[Any]:
        """The same values, of any shape (n, …) and dtype, in a file where they are many."""
        if values.nbytes < self.parked_bytes or isinstance(values, np.memmap):
            return values
        kept = self.array(values.shape, values.dtype)
        kept[...] = values
        return kept

    def batches(self, rows: int, least: int = 0) -> Iterator[tuple[int, int]]:
        """(first row, row after the last) of each batch; a batch has at least this many rows, but for the last."""
        step = max(self.rows, least)
        return ((begin, min(rows, begin + step)) for begin in range(0, rows, step))
