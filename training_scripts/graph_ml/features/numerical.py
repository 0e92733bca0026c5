"""Numbers: scaled, several a cell, or in buckets. A bucket owns its lower bound."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..schemas import FeatureSpec
from ..schemas.encoders import BucketState, NumericalState
from .columns import BadValue, Column, Numbers
from .fitted import Fitted

FloatArray = NDArray[np.float32]


def fit_numerical(spec: FeatureSpec, column: Column) -> Fitted:
    """Range, sum and fill of a column of numbers, or of the numbers in its cells."""
    width = 1
    if spec.separator is not None:
        width = int(np.bincount(column.split(spec.separator)[0]).max(initial=1))
    numbers = _numbers(column, spec.separator)
    known = numbers[~np.isnan(numbers)]
    fill = _imputed(known, spec.imputer)
    if fill is None and spec.separator is None:
        _refuse_missing(column, spec)
    low, high, total = (float(f(known)) if len(known) else 0.0 for f in (np.min, np.max, np.sum))
    state = NumericalState(
        norm=spec.norm or "min-max",
        low=low,
        high=high,
        total=total,
        fill=fill,
        separator=spec.separator,
        width=width,
    )
    return Fitted(state, _constant(spec, low, high, len(known)))


def encode_numerical(state: NumericalState, column: Column, strict: bool) -> FloatArray:
    """(n, width): see ``NumericalState``; ``strict`` refuses a missing number that has no fill."""
    numbers = _numbers(column, state.separator)
    if state.separator is None:
        return _normalised(state, _filled(numbers, state.fill, state, column, strict))[:, None]
    rows, _ = column.split(state.separator)
    result = np.zeros((len(column), state.width), dtype=np.float32)
    # the place of a part within its cell; parts beyond the width that was fitted are cut off
    starts = np.searchsorted(rows, rows, side="left")
    place = np.arange(len(rows)) - starts
    inside = place < state.width
    result[rows[inside], place[inside]] = _normalised(state, numbers[inside])
    if state.fill is not None:
        empty = np.ones(len(column), dtype=bool)
        empty[rows] = False
        result[empty] = _normalised(state, np.array([state.fill]))
    return result


def _normalised(state: NumericalState, numbers: Numbers) -> FloatArray:
    if state.norm == "min-max":
        span = state.high - state.low
        scaled = (numbers - state.low) / span if span > 0 else np.zeros_like(numbers)
    elif state.norm == "standard":
        # as the guide has it: the share of the sum of all values, not a z-score
        scaled = numbers / state.total if state.total != 0 else np.zeros_like(numbers)
    else:
        scaled = numbers
    return np.asarray(scaled, dtype=np.float32)


def fit_bucket(spec: FeatureSpec, column: Column) -> Fitted:
    """The buckets are given; only the fill is fitted."""
    if spec.range is None or spec.bucket_cnt is None:
        raise ValueError(f"bucket_numerical feature '{spec.name}' needs 'range' and 'bucket_cnt'")
    numbers = column.numbers()
    fill = _imputed(numbers[~np.isnan(numbers)], spec.imputer)
    if fill is None:
        _refuse_missing(column, spec)
    low, high = spec.range
    return Fitted(
        BucketState(low=low, high=high, count=spec.bucket_cnt, window=spec.slide_window_size or 0.0, fill=fill)
    )


def encode_bucket(state: BucketState, column: Column, strict: bool) -> FloatArray:
    """(n, count): every bucket that the window around a value touches; values beyond an end go to the last bucket."""
    values = _filled(column.numbers(), state.fill, state, column, strict)
    width = (state.high - state.low) / state.count

    def bucket(edge: Numbers) -> NDArray[np.int64]:
        return np.clip(np.floor((edge - state.low) / width), 0, state.count - 1).astype(np.int64)

    first, last = bucket(values - state.window / 2), bucket(values + state.window / 2)
    place = np.arange(state.count)
    touched = (place >= first[:, None]) & (place <= last[:, None])
    return touched.astype(np.float32)


def _numbers(column: Column, separator: str | None) -> Numbers:
    """Values, or those of all parts of the cells; a bad part is reported with the row of its cell."""
    if separator is None:
        return column.numbers()
    rows, parts = column.split(separator)
    try:
        return parts.numbers()
    except BadValue as error:
        raise BadValue(int(rows[error.row]), error.text, error.problem) from None


def _imputed(known: Numbers, imputer: str | None) -> float | None:
    if imputer is None or not len(known):
        return None
    if imputer == "mean":
        return float(np.mean(known))
    if imputer == "median":
        return float(np.median(known))
    values, counts = np.unique(known, return_counts=True)
    return float(values[np.argmax(counts)])  # the smallest of the most frequent


def _refuse_missing(column: Column, spec: FeatureSpec) -> None:
    missing = column.missing()
    if missing.any():
        raise BadValue(
            int(np.argmax(missing)),
            None,
            f'has no value, and the {spec.type} feature "{spec.name}" has no imputer: '
            'add "imputer": "median" (or "mean", "most-frequent") to the feature, or fill in the values',
        )


def _filled(
    numbers: Numbers, fill: float | None, state: NumericalState | BucketState, column: Column, strict: bool
) -> Numbers:
    missing = np.isnan(numbers)
    if not missing.any():
        return numbers
    if fill is None:
        if strict:
            raise BadValue(int(np.argmax(missing)), None, "has no value, and the feature was fitted without an imputer")
        fill = (state.low + state.high) / 2
    return np.where(missing, fill, numbers)


def _constant(spec: FeatureSpec, low: float, high: float, known: int) -> tuple[str, ...]:
    if known == 0:
        return (f"property '{spec.column}' has no value at all; its feature is zero everywhere",)
    if low == high and known > 1:
        return (f"property '{spec.column}' has the same value everywhere; its feature tells nothing",)
    return ()
