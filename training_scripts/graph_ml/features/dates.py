"""Dates: the one-hot of year, month, weekday and hour, as written, without moving zones.

The guide knows ISO 8601 only; other spellings are read too.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..schemas import DATETIME_PARTS, FeatureSpec
from ..schemas.date_spelling import day_first
from ..schemas.training_data import DatetimePart
from .columns.column import Column, DateParts, TextColumn
from .columns.date_spelling import is_iso, respelt
from .encoding import Encode, EncoderState, Encoding, Fitted, FloatArray

PART_SIZE = {"month": 12, "weekday": 7, "hour": 24}
EXPECTED_COLUMNS = 60
_EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday; Monday is 0


class DatetimeState(EncoderState):
    """Parts of a date in the order of the list; ``fill`` is what a missing date counts as.

    ``day_first`` says whether 1/2/2024 is in February, where the dates that were fitted told.
    """

    kind: Literal["datetime"] = "datetime"
    parts: list[DatetimePart]
    first_year: int
    last_year: int
    fill: str | None = None
    day_first: bool | None = None

    @property
    def columns(self) -> int:
        return sum(self._size(part) for part in self.parts)

    @property
    def summary(self) -> str:
        return f"datetime ({', '.join(self.parts)}; {self.first_year} to {self.last_year})"

    def encode(self, column: Column, how: Encode) -> FloatArray:
        """(n, columns): the one-hot of each part, side by side."""
        dates = respelt(column, self.day_first).dates()
        missing = dates.year < 0
        if self.fill is not None and missing.any():
            fill = TextColumn([self.fill]).dates()
            dates = DateParts(*(np.where(missing, one[0], many) for one, many in zip(fill, dates, strict=True)))
            missing = np.zeros(len(column), dtype=bool)
        place = {
            "year": dates.year - self.first_year,
            "month": dates.month - 1,
            "weekday": weekday(dates),
            "hour": dates.hour,
        }
        blocks = [_one_hot(place[part], self._size(part), missing) for part in self.parts]
        return np.concatenate([np.zeros((len(column), 0), dtype=np.float32), *blocks], axis=1)

    def _size(self, part: DatetimePart) -> int:
        if part != "year":
            return PART_SIZE[part]
        years = self.last_year - self.first_year + 1
        return years if years > 1 else 0  # a single year tells nothing and is dropped


def _fit(spec: FeatureSpec, column: Column, models: Path | None) -> Fitted:
    """The years there are, and what a missing date counts as."""
    first, guessed = (None, False) if is_iso(column) else day_first(column.counts())
    column = respelt(column, first)
    dates = column.dates()
    years = dates.year[dates.year >= 0]
    missing = int(np.count_nonzero(dates.year < 0))
    state = DatetimeState(
        parts=spec.datetime_parts or list(DATETIME_PARTS),
        first_year=int(years.min(initial=9999)) if len(years) else 0,
        last_year=int(years.max(initial=0)) if len(years) else 0,
        fill=_imputed_date(column, spec.imputer),
        day_first=first,
    )
    warnings = []
    if missing and state.fill is None:
        warnings.append(f"property '{spec.column}' has no date in {missing} rows; they are encoded as zeros")
    if guessed:
        warnings.append(
            f"property '{spec.column}' has dates of which none tells whether the day or the month comes first; with "
            "slashes the month is read first, otherwise the day. Write them as 2024-03-01 to be sure"
        )
    return Fitted(state, tuple(warnings))


def _imputed_date(column: Column, imputer: str | None) -> str | None:
    counts = column.counts()
    if imputer is None or not counts:
        return None
    if imputer == "most-frequent":
        return max(counts, key=lambda text: counts[text])
    # ISO dates sort as text; the median date stands for the mean too, which no calendar defines
    half, seen = sum(counts.values()) / 2, 0
    for text, count in counts.items():
        seen += count
        if seen >= half:
            return text
    return None


def weekday(dates: DateParts) -> NDArray[np.int64]:
    """Monday 0 to Sunday 6 of each date, int64, shape (n,); meaningless where there is no date.

    Source: days from the civil calendar, Hinnant 2014.
    """
    year = dates.year - (dates.month <= 2)
    era = year // 400
    year_of_era = year - era * 400
    day_of_year = (153 * (dates.month + np.where(dates.month > 2, -3, 9)) + 2) // 5 + dates.day - 1
    day_of_era = year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year
    return np.asarray((era * 146097 + day_of_era - 719468 + _EPOCH_WEEKDAY) % 7, dtype=np.int64)


def _one_hot(places: NDArray[np.int64], size: int, missing: NDArray[np.bool_]) -> FloatArray:
    result = np.zeros((len(places), size), dtype=np.float32)
    inside = ~missing & (places >= 0) & (places < size)
    result[inside, places[inside]] = 1.0
    return result


ENCODING = Encoding(_fit, (DatetimeState,), lambda spec, cells: EXPECTED_COLUMNS)
