"""How one time is read: a date in any usual spelling, or a number; alike by processing, endpoints and the service."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from pydantic import ConfigDict

from .base import Artefact
from .date_spelling import iso
from .edge_type import EdgeType
from .training_data import ticks_a_second


class TimeReading(Artefact):
    """How the times of a column are read, as all of them together told data processing.

    ``day_first`` says whether 1/2/2024 is in February. Where all are numbers, either they are ``days`` such as
    20240301, or so many ``ticks`` make a second; steps and years have one. Else each tells for itself.
    """

    model_config = ConfigDict(frozen=True)

    day_first: bool | None = None
    days: bool = False
    ticks: float | None = None

    def moment(self, text: str) -> float:
        """A date or a number: seconds since 1970, or the number of a step or year.

        Raises:
            ValueError: it is neither.
        """
        if self.ticks is not None:
            try:
                return _finite(text) / self.ticks
            except ValueError:
                pass
        return moment(text, self.day_first)

    def came(self, text: str | None) -> float:
        """When something was there, as one of its properties says: −inf where it says nothing, so that it always was,
        and inf where that cannot be read, so that it never was."""
        try:
            return -math.inf if text is None else self.moment(text)
        except ValueError:
            return math.inf


#: of a column that nobody has looked at
UNKNOWN = TimeReading()


class TimeColumn(TimeReading):
    """The property that says when nodes or edges of a type came to be, and how it is read."""

    type: str | EdgeType
    property: str

    def reading(self) -> TimeReading:
        """How its times are read."""
        return TimeReading(day_first=self.day_first, days=self.days, ticks=self.ticks)


def moment(text: str, day_first: bool | None = None) -> float:
    """A date or a number that stands alone, see ``TimeReading.moment``; a number's size tells what it counts.

    Raises:
        ValueError: it is neither.
    """
    digits = text.strip()
    if digits.isdecimal() and len(digits) > len("20240301"):  # milliseconds, which fromisoformat may take for a date
        return float(digits) / ticks_a_second(float(digits))
    for spelling in (digits, iso(text, day_first, exact=True)):
        try:
            when = datetime.fromisoformat(spelling or "")
        except ValueError:
            continue
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    number = _finite(text)
    return number / ticks_a_second(number)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text!r} is not finite")
    return number
