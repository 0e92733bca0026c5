"""Numbers: scaled, one or several a cell."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from ..schemas import FeatureSpec
from .columns.column import BadValue, Column, Numbers
from .columns.imputing import filled, imputed, refuse_missing
from .encoding import Encode, EncoderState, Encoding, Fitted, FloatArray

REASONABLE = (0.01, 100.0)  # of the largest number, so that a feature neither drowns nor drowns others

#: share of the range within which nine tenths of the numbers lie that are hardly told apart, and numbers to tell by
CROWDED, FEWEST = 1e-3, 20
#: how far beyond nine tenths of the numbers, in times their range, others are left where they are
FENCE = 1.5


class NumericalState(EncoderState):
    """(v - low) / (high - low), v / total or v, after missing values became ``fill``.

    With a separator a cell holds several numbers and the feature has ``width`` positions. With ``clip``, numbers beyond
    ``low`` and ``high`` are taken for these.
    """

    kind: Literal["numerical"] = "numerical"
    norm: Literal["none", "min-max", "standard"]
    low: float
    high: float
    total: float
    fill: float | None = None
    width: int = 1
    clip: bool = False

    @property
    def columns(self) -> int:
        return self.width

    @property
    def summary(self) -> str:
        several = f", {self.width} numbers" if self.separator else ""
        fill = "" if self.fill is None else f", missing = {self.fill:g}"
        beyond = ", numbers beyond taken for these" if self.clip else ""
        return f"numerical ({self.norm}, {self.low:g} to {self.high:g}{beyond}{fill}{several})"

    def encode(self, column: Column, how: Encode) -> FloatArray:
        """(n, width): normalised numbers; parts of a cell beyond the width that was fitted are cut off."""
        numbers = _numbers(column, self.separator)
        if self.separator is None:
            return self._normalised(filled(numbers, self.fill, (self.low + self.high) / 2, how.strict))[:, None]
        rows, _ = column.split(self.separator)
        result = np.zeros((len(column), self.width), dtype=np.float32)
        place = np.arange(len(rows)) - np.searchsorted(rows, rows, side="left")  # of a part within its cell
        inside = place < self.width
        result[rows[inside], place[inside]] = self._normalised(numbers[inside])
        if self.fill is not None:
            empty = np.ones(len(column), dtype=bool)
            empty[rows] = False
            result[empty] = self._normalised(np.array([self.fill]))
        return result

    def _normalised(self, numbers: Numbers) -> FloatArray:
        if self.clip:
            numbers = np.clip(numbers, self.low, self.high)
        if self.norm == "min-max":
            span = self.high - self.low
            scaled = (numbers - self.low) / span if span > 0 else np.zeros_like(numbers)
        elif self.norm == "standard":
            # as the guide has it: the share of the sum of all values, not a z-score
            scaled = numbers / self.total if self.total != 0 else np.zeros_like(numbers)
        else:
            scaled = numbers
        return np.asarray(scaled, dtype=np.float32)


def _fit(spec: FeatureSpec, column: Column, models: Path | None) -> Fitted:
    """Range, sum and fill of a column of numbers, or of the numbers in its cells."""
    width, uneven = 1, tuple[str, ...]()
    if spec.separator is not None:
        sizes = np.bincount(column.split(spec.separator)[0])
        width = int(sizes.max(initial=1))
        fewest = int(sizes[sizes > 0].min(initial=width))
        if sizes.any() and fewest < width:
            uneven = (
                f"property '{spec.column}': cells have {fewest} to {width} numbers, and what is missing counts as 0; "
                "ask for 'category' where a cell is a set",
            )
    numbers = _numbers(column, spec.separator)
    known = numbers[~np.isnan(numbers)]
    fill = imputed(known, spec.imputer)
    if fill is None and spec.separator is None:
        refuse_missing(column, spec)
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
    return Fitted(state, (*uneven, *_warnings(spec, state, known)))


def _numbers(column: Column, separator: str | None) -> Numbers:
    """Values, or those of all parts of the cells; a bad part is reported with the row of its cell."""
    if separator is None:
        return column.numbers()
    rows, parts = column.split(separator)
    try:
        return parts.numbers()
    except BadValue as error:
        raise BadValue(int(rows[error.row]), error.text, error.problem) from None


def _warnings(spec: FeatureSpec, state: NumericalState, known: Numbers) -> tuple[str, ...]:
    if not len(known):
        return (f"property '{spec.column}' has no value at all; its feature is zero everywhere",)
    if state.low == state.high and len(known) > 1:
        return (f"property '{spec.column}' has the same value everywhere; its feature tells nothing",)
    if state.norm == "min-max":
        return _crowded(spec, state, known)
    if state.norm != "standard":
        return ()
    instead = "ask for norm 'min-max' to have numbers from 0 to 1"
    if state.total == 0:
        return (f"property '{spec.column}': norm 'standard' divides by the sum of all values, which is 0; {instead}",)
    largest = max(abs(state.low), abs(state.high)) / abs(state.total)
    if REASONABLE[0] <= largest <= REASONABLE[1]:
        return ()
    return (
        f"property '{spec.column}': norm 'standard' divides by the sum of all values, {state.total:g}, which leaves "
        f"numbers of at most {largest:.2g}, too {'small' if largest < 1 else 'large'} beside other features; {instead}",
    )


def _crowded(spec: FeatureSpec, state: NumericalState, known: Numbers) -> tuple[str, ...]:
    """A warning where a few numbers, of (n,), are so far out that the others are hardly told apart."""
    inner = inner_range(known)
    if inner is None:
        return ()
    share = (inner[1] - inner[0]) / (state.high - state.low)
    return (
        f"property '{spec.column}': its range, {state.low:g} to {state.high:g}, is that of a few numbers far out, and "
        f"leaves nine tenths within {share:.2g} of each other; correct those few, or ask for 'bucket_numerical'",
    )


def inner_range(known: Numbers) -> tuple[float, float] | None:
    """Between which numbers nine tenths of (n,) lie; None where all lie in not much more, or they are few."""
    if len(known) < FEWEST:
        return None
    first, last = np.quantile(known, (0.05, 0.95)).tolist()
    crowded = first < last and last - first < CROWDED * float(np.ptp(known))
    return (first, last) if crowded else None


def drawn_in(state: NumericalState, column: Column) -> NumericalState | None:
    """The state with numbers far out drawn in to ``FENCE`` times the range of nine tenths; None where none is so far.

    Source: Tukey 1977, fences. Only for who has not asked for a range.
    """
    numbers = _numbers(column, state.separator)
    inner = inner_range(numbers[~np.isnan(numbers)])
    if inner is None:
        return None
    reach = FENCE * (inner[1] - inner[0])
    low, high = max(state.low, inner[0] - reach), min(state.high, inner[1] + reach)
    return state.model_copy(update={"low": low, "high": high, "clip": True})


def _expected(spec: FeatureSpec, cells: Sequence[str]) -> int:
    return 1 if not spec.separator else 1 + max((cell.count(spec.separator) for cell in cells), default=0)


ENCODING = Encoding(_fit, (NumericalState,), _expected)
