"""Sets of which there are too many members for a position each: members share positions by their hash."""

from __future__ import annotations

import zlib
from typing import Literal

import numpy as np

from .columns.column import Column
from .encoding import Encode, EncoderState, FloatArray

BUCKETS = 128


class HashedSetState(EncoderState):
    """A one for each member of a cell, at the position of its hash; nothing is fitted but how cells are split."""

    kind: Literal["hashed_set"] = "hashed_set"
    buckets: int

    @property
    def columns(self) -> int:
        return self.buckets

    @property
    def summary(self) -> str:
        return f"set, hashed to {self.buckets} positions"

    def encode(self, column: Column, how: Encode) -> FloatArray:
        """(n, buckets): several ones a row; a missing cell is all zero."""
        rows, parts = column.split(self.separator or ";")
        positions = {text: zlib.crc32(text.encode()) % self.buckets for text in parts.counts()}
        result = np.zeros((len(column), self.buckets), dtype=np.float32)
        result[rows, parts.codes(positions, unknown=0)] = 1.0
        return result

    def frequent(self, column: Column) -> dict[str, int]:
        return column.split(self.separator or ";")[1].counts()


def fit_hashed_set(separator: str) -> HashedSetState:
    """The state for cells that are split by ``separator``."""
    return HashedSetState(separator=separator, buckets=BUCKETS)
