"""Columns of data frames: Narwhals expressions alone, so that the same code runs on another engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl
from numpy.typing import NDArray

from ..features.columns.column import (
    DATE_PATTERN,
    ESCAPED,
    NUMBER_PATTERN,
    BadValue,
    Column,
    DateParts,
    IntArray,
    Numbers,
)

ROW = "row"
INFINITE = "is not a finite number"


@dataclass(frozen=True)
class FrameColumn:
    """A column of text in a Narwhals series; see ``features.Column``."""

    series: nw.Series[Any]

    def __len__(self) -> int:
        return len(self.series)

    def missing(self) -> NDArray[np.bool_]:
        return np.asarray(self.series.is_null().to_numpy())

    def numbers(self) -> Numbers:
        # Narwhals has no lenient cast: what does not look like a number is found first
        known = self.series.drop_nulls()
        if bool((~_looks_numeric(known)).any()):
            self._refuse(~_looks_numeric(self.series), "is not a number")
        numbers = self._text().str.strip_chars().cast(nw.Float64)
        values = np.asarray(numbers.to_numpy(), dtype=np.float64)
        infinite = np.isinf(values)
        if infinite.any():
            row = int(np.argmax(infinite))
            raise BadValue(row, self.series[row], INFINITE)
        return values

    def dates(self) -> DateParts:
        known = self.series.drop_nulls()
        if bool((~known.str.contains(DATE_PATTERN)).any()):
            self._refuse(
                ~self.series.str.contains(DATE_PATTERN), "is not a date such as 2024-03-01 or 2024-03-01T10:00:00Z"
            )
        return DateParts(*(self._digits(begin, size) for begin, size in ((0, 4), (5, 2), (8, 2), (11, 2))))

    def codes(self, codes: Mapping[str, int], unknown: int) -> IntArray:
        if not codes:
            return np.where(self.missing(), -1, unknown).astype(np.int64)
        found = self.series.replace_strict(
            list(codes), list(codes.values()), default=unknown, return_dtype=nw.Int64
        ).to_numpy()
        return np.where(self.missing(), -1, np.nan_to_num(found, nan=-1)).astype(np.int64)

    def counts(self) -> dict[str, int]:
        table = self.series.drop_nulls().value_counts(name="count")
        texts, counts = table[table.columns[0]].to_list(), table["count"].to_list()
        return dict(sorted(zip(texts, counts, strict=True)))

    def split(self, separator: str) -> tuple[IntArray, Column]:
        table = self.series.alias("part").to_frame().with_row_index(ROW)
        part = nw.col("part").str.replace_all("\\" + separator, ESCAPED, literal=True).str.split(separator)
        table = table.with_columns(part.alias("part")).explode("part").filter(nw.col("part").str.len_chars() > 0)
        table = table.with_columns(nw.col("part").str.replace_all(ESCAPED, separator, literal=True))
        return np.asarray(table[ROW].to_numpy(), dtype=np.int64), FrameColumn(table["part"])

    def texts(self) -> Sequence[str | None]:
        return self.series.to_list()

    def filter(self, kept: NDArray[np.bool_]) -> FrameColumn:
        """The values at the places that are kept, bool (n,)."""
        return FrameColumn(self.series.filter(kept.tolist()))

    def _text(self) -> nw.Series[Any]:
        return self.series.cast(nw.String)

    def _digits(self, begin: int, size: int) -> IntArray:
        digits = self._text().str.slice(begin, size)
        # a date without a time has nothing at the place of the hour
        digits = digits.str.zfill(size)
        numbers = digits.cast(nw.Int64).to_numpy()
        return np.where(self.missing(), -1, np.nan_to_num(numbers, nan=-1)).astype(np.int64)

    def _refuse(self, bad: nw.Series[Any], problem: str) -> None:
        row = int(np.argmax(bad.fill_null(False).to_numpy()))
        raise BadValue(row, self.series[row], problem)


def _looks_numeric(series: nw.Series[Any]) -> nw.Series[Any]:
    return series.str.contains(NUMBER_PATTERN)


def frame_column(values: pl.Series) -> FrameColumn:
    """A column of the texts of a Polars series."""
    return FrameColumn(nw.from_native(values, series_only=True))
