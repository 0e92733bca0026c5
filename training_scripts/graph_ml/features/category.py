"""Categories: a position each, in alphabetical order; a missing one is all zero.

A category that was not seen counts as OTHER where there is an OTHER, and as nothing otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from ..schemas import FeatureSpec
from .columns.column import Column
from .encoding import MOST_COLUMNS, Encode, EncoderState, Encoding, Fitted, FloatArray


class CategoryState(EncoderState):
    """A position for each category in the order of the list, one more for all others where ``other`` is set."""

    kind: Literal["category"] = "category"
    categories: list[str]
    other: bool

    @property
    def columns(self) -> int:
        return len(self.categories) + self.other

    @property
    def summary(self) -> str:
        several = ", several a cell" if self.separator else ""
        other = " and OTHER" if self.other else ""
        return f"category ({len(self.categories)}{other}{several})"

    def encode(self, column: Column, how: Encode) -> FloatArray:
        """(n, columns): one-hot, or several ones where cells hold several."""
        codes = {text: code for code, text in enumerate(self.categories)}
        unknown = len(codes) if self.other else -1
        if self.separator is None:
            rows, places = np.arange(len(column)), column.codes(codes, unknown)
        else:
            rows, parts = column.split(self.separator)
            places = parts.codes(codes, unknown)
        result = np.zeros((len(column), self.columns), dtype=np.float32)
        result[rows[places >= 0], places[places >= 0]] = 1.0
        return result

    def frequent(self, column: Column) -> dict[str, int]:
        return _parts(column, self.separator).counts()


def _fit(spec: FeatureSpec, column: Column, models: Path | None) -> Fitted:
    """All values up to a hundred; beyond, the 99 most frequent and OTHER."""
    frequent, covered, different = _frequent(column, spec.separator)
    if different <= MOST_COLUMNS:
        return Fitted(CategoryState(categories=sorted(frequent), other=False, separator=spec.separator))
    warning = (
        f"property '{spec.column}' has {different} categories; the {MOST_COLUMNS - 1} most frequent, "
        f"{covered:.0%} of the values, keep their own position, all others share one"
    )
    return Fitted(CategoryState(categories=sorted(frequent), other=True, separator=spec.separator), (warning,))


def frequent_share(column: Column, separator: str | None) -> float:
    """The share of all values that have a position of their own."""
    return _frequent(column, separator)[1]


def _frequent(column: Column, separator: str | None) -> tuple[list[str], float, int]:
    """(values with a position of their own, the share of all that they are, how many different ones there are)."""
    counts = _parts(column, separator).counts()
    if len(counts) <= MOST_COLUMNS:
        return list(counts), 1.0, len(counts)
    frequent = sorted(counts, key=lambda text: (-counts[text], text))[: MOST_COLUMNS - 1]
    return frequent, sum(counts[text] for text in frequent) / sum(counts.values()), len(counts)


def _parts(column: Column, separator: str | None) -> Column:
    return column if separator is None else column.split(separator)[1]


def expected(spec: FeatureSpec, cells: Sequence[str]) -> int:
    """How many categories there are: few values that come again and again in a sample are all there are."""
    distinct = len(set(cells))
    return min(MOST_COLUMNS, distinct) if distinct * 5 <= len(cells) else MOST_COLUMNS


ENCODING = Encoding(_fit, (CategoryState,), expected)
