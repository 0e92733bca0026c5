"""Numbers in equal buckets over a range, of which each owns its lower bound."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..schemas import FeatureSpec
from .columns.column import Column, Numbers
from .columns.imputing import filled, imputed, refuse_missing
from .encoding import Encode, EncoderState, Encoding, Fitted, FloatArray

#: share of values outside the range from which on a warning is due
OUTSIDE = 0.1


class BucketState(EncoderState):
    """Equal buckets over [low, high]."""

    kind: Literal["bucket_numerical"] = "bucket_numerical"
    low: float
    high: float
    count: int
    window: float = 0.0
    fill: float | None = None

    @property
    def columns(self) -> int:
        return self.count

    @property
    def summary(self) -> str:
        return f"{self.count} buckets from {self.low:g} to {self.high:g}, window {self.window:g}"

    def encode(self, column: Column, how: Encode) -> FloatArray:
        """(n, count): 1 in every bucket that the window around a value touches; beyond an end, in the last bucket."""
        values = filled(column.numbers(), self.fill, (self.low + self.high) / 2, how.strict)
        width = (self.high - self.low) / self.count

        def bucket(edge: Numbers) -> NDArray[np.int64]:
            return np.clip(np.floor((edge - self.low) / width), 0, self.count - 1).astype(np.int64)

        first, last = bucket(values - self.window / 2), bucket(values + self.window / 2)
        place = np.arange(self.count)
        touched = (place >= first[:, None]) & (place <= last[:, None])
        return touched.astype(np.float32)


def _fit(spec: FeatureSpec, column: Column, models: Path | None) -> Fitted:
    """The buckets are given; only the fill is fitted."""
    if spec.range is None or spec.bucket_cnt is None:
        raise ValueError(f"bucket_numerical feature '{spec.name}' needs 'range' and 'bucket_cnt'")
    numbers = column.numbers()
    fill = imputed(numbers[~np.isnan(numbers)], spec.imputer)
    if fill is None:
        refuse_missing(column, spec)
    low, high = spec.range
    state = BucketState(low=low, high=high, count=spec.bucket_cnt, window=spec.slide_window_size or 0.0, fill=fill)
    known = numbers[~np.isnan(numbers)]
    outside = int(np.count_nonzero((known < low) | (known > high)))
    if outside <= OUTSIDE * len(known):
        return Fitted(state)
    return Fitted(
        state,
        (
            f"property '{spec.column}': {outside} of {len(known)} values lie outside the range {low:g} to {high:g} of "
            "its buckets, and count as in the first or last of them",
        ),
    )


ENCODING = Encoding(_fit, (BucketState,), lambda spec, cells: spec.bucket_cnt or 1)
