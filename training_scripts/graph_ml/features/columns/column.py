"""One column of property values as text, and the few questions that encoders ask of it.

Encoders are written once, against ``Column``. ``TextColumn`` answers from a list, for a handful of vertices at an
endpoint; the bulk of an export answers from a data frame (``processing.frames``). Missing values are None.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
Numbers = NDArray[np.float64]

# What Neptune exports and loads: a date, with a time, with a zone. The parts are taken as written, not moved to UTC.
# Both patterns mean the same to Python and to the data frame's engine: no \d, no \s, which differ beyond ASCII.
DATE_PATTERN = (
    r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    r"([T ]([01][0-9]|2[0-3])(:[0-5][0-9](:[0-5][0-9](\.[0-9]+)?)?)?(Z|[+-][0-9]{2}:?[0-9]{2})?)?$"
)
# inf and Infinity look like numbers, and are refused as not finite
NUMBER_PATTERN = r"^ *[+-]?(([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|[iI]nf(inity)?) *$"
_DATE, _NUMBER = re.compile(DATE_PATTERN), re.compile(NUMBER_PATTERN)
ESCAPED = "\x1f"  # stands for an escaped separator while a cell is taken apart


class BadValue(Exception):
    """A value that cannot be what its feature says; ``row`` counts from 0 within the column."""

    def __init__(self, row: int, text: str | None, problem: str) -> None:
        super().__init__(f"{text!r} {problem}" if text is not None else problem)
        self.row, self.text, self.problem = row, text, problem


class DateParts(NamedTuple):
    """Year, month 1..12, day, hour 0..23 as written; all int64 (n,), year -1 where there is no date."""

    year: IntArray
    month: IntArray
    day: IntArray
    hour: IntArray


class Column(Protocol):
    """Values of one property, as text."""

    def __len__(self) -> int: ...

    def missing(self) -> NDArray[np.bool_]:
        """Which values are missing, bool (n,)."""

    def numbers(self) -> Numbers:
        """Each value as a number, float64 (n,), NaN where it is missing.

        Raises:
            BadValue: a value is not a finite number.
        """

    def dates(self) -> DateParts:
        """Each value as a date, int64 (n,) a part.

        Raises:
            BadValue: a value is not an ISO-8601 date.
        """

    def codes(self, codes: Mapping[str, int], unknown: int) -> IntArray:
        """The code of each value, int64 (n,); ``unknown`` for a value without one, -1 where it is missing."""

    def counts(self) -> dict[str, int]:
        """How often each value occurs, missing ones left out, in order of the values."""

    def split(self, separator: str) -> tuple[IntArray, Column]:
        """The rows that the parts of all cells come from, int64 (parts,), and the parts, in order.

        A separator escaped by a backslash belongs to the part. Empty parts and missing cells give nothing.
        """

    def texts(self) -> Sequence[str | None]:
        """All values."""


@dataclass(frozen=True)
class TextColumn:
    """A column from a list; see ``Column``."""

    values: Sequence[str | None]

    def __len__(self) -> int:
        return len(self.values)

    def missing(self) -> NDArray[np.bool_]:
        return np.array([value is None for value in self.values], dtype=bool)

    def numbers(self) -> Numbers:
        result = np.full(len(self.values), np.nan)
        for row, text in enumerate(self.values):
            if text is None:
                continue
            if not _NUMBER.fullmatch(text):
                raise BadValue(row, text, "is not a number")
            result[row] = float(text)
        infinite = np.isinf(result)
        if infinite.any():
            row = int(np.argmax(infinite))
            raise BadValue(row, self.values[row], "is not a finite number")
        return result

    def dates(self) -> DateParts:
        fields: NDArray[Any] = np.full((4, len(self.values)), -1, dtype=np.int64)
        for row, text in enumerate(self.values):
            if text is None:
                continue
            if not _DATE.fullmatch(text):
                raise BadValue(row, text, "is not a date such as 2024-03-01 or 2024-03-01T10:00:00Z")
            fields[:, row] = int(text[:4]), int(text[5:7]), int(text[8:10]), int(text[11:13] or 0)
        return DateParts(*fields)

    def codes(self, codes: Mapping[str, int], unknown: int) -> IntArray:
        found = (-1 if value is None else codes.get(value, unknown) for value in self.values)
        return np.fromiter(found, dtype=np.int64, count=len(self.values))

    def counts(self) -> dict[str, int]:
        return dict(sorted(Counter(value for value in self.values if value is not None).items()))

    def split(self, separator: str) -> tuple[IntArray, Column]:
        rows: list[int] = []
        parts: list[str | None] = []
        for row, text in enumerate(self.values):
            if text is None:
                continue
            for part in text.replace("\\" + separator, ESCAPED).split(separator):
                if part:
                    rows.append(row)
                    parts.append(part.replace(ESCAPED, separator))
        return np.array(rows, dtype=np.int64), TextColumn(parts)

    def texts(self) -> Sequence[str | None]:
        return self.values
