"""Times of nodes and edges as numbers, and splits that follow them: what is trained on lies before what is judged."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from ...container import JobError
from ...features import BadValue, Column
from ...features.columns.date_spelling import day_first, iso
from ...graph import Split, Target
from ...schemas.training_data import MILLISECONDS, SECONDS_A_DAY
from ..split import Rates, part_sizes

IntArray = NDArray[np.int64]
Moments = NDArray[np.float64]
Cuts = tuple[float, float]


#: times that are numbers and smaller are no seconds since 1970, which they have been since 1973, but years or steps
SECONDS = 1e8


def moments(column: Column) -> tuple[Moments, float]:
    """Each value as a time, and how long a day is among them.

    Returns:
        float64 (n,): dates, and numbers of milliseconds, in seconds since 1970, other numbers as they are, −inf where
        it is missing; and the seconds of a day, or 1 where times are years or steps, of which a day is one.

    Raises:
        BadValue: a value is neither a number nor a date.
    """
    day = SECONDS_A_DAY
    try:
        numbers = column.numbers()
        usual = float(np.nanmedian(np.abs(numbers))) if not np.isnan(numbers).all() else 0.0
        if usual > MILLISECONDS:
            numbers = numbers / 1000
        elif usual < SECONDS:
            day = 1.0
    except BadValue:
        texts = column.texts()
        first = day_first(text for text in texts if text is not None)[0]
        numbers = np.array([np.nan if text is None else moment(text, row, first) for row, text in enumerate(texts)])
    return np.where(np.isnan(numbers), -np.inf, numbers).astype(np.float64), day


def moment(text: str, row: int = 0, first: bool | None = None) -> float:
    """A date or a number as a time; see ``moments``. ``first`` says whether the day comes before the month."""
    for spelling in (text, iso(text, first)):
        try:
            when = datetime.fromisoformat(spelling or "")
        except ValueError:
            continue
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    try:
        number = float(text)
        return number / 1000 if abs(number) > MILLISECONDS else number
    except ValueError:
        raise BadValue(row, text, "is neither a date such as 2024-03-01T10:00:00Z nor a number") from None


def told(when: float, day: float) -> str:
    """A time as people read it: a date, with its hour where it has one, or a plain number."""
    if day == 1.0 or not np.isfinite(when):
        return f"{when:g}"
    shown = datetime.fromtimestamp(when, UTC)
    return f"{shown:%Y-%m-%d}" if when % SECONDS_A_DAY == 0 else f"{shown:%Y-%m-%dT%H:%M:%SZ}"


def time_split(
    target: Target, items: IntArray, times: Moments, groups: IntArray, rates: Rates, dates: Sequence[str] | None
) -> tuple[Split, Cuts]:
    """Divide items by their time: training before the first cut, validation up to the second, test from there on.

    Of items of one group the earliest counts; later ones are known already and stand in no part. Items of equal time
    stay together. Items without a time are as old as any.

    Args:
        target: names what is split.
        items: indices to divide, shape (n,).
        times: of all items, float64.
        groups: items of equal number say the same, shape of ``times``.
        rates: shares of train, validation and test.
        dates: the two cuts themselves, instead of ``rates``.

    Returns:
        The split, and its cuts; a cut is inf where nothing lies behind it.

    Raises:
        JobError: nothing would be left to train on.
    """
    order = items[np.lexsort((items, times[items]))]
    order = order[np.sort(np.unique(groups[order], return_index=True)[1])]
    when = times[order]
    if dates is not None:
        first, second = sorted(moment(text) for text in dates)
    else:
        train, valid, test = part_sizes(len(order), rates)
        first = float(when[train]) if valid + test else np.inf
        second = float(when[train + valid]) if test and train + valid < len(order) else np.inf
        if valid and second <= first:  # many of one time: validation takes them all
            later = when[when > first]
            second = float(later[0]) if len(later) else np.inf
    parts = [order[when < first], order[(when >= first) & (when < second)], order[when >= second]]
    if not len(parts[0]):
        raise JobError(
            f"the split of {target} by time leaves nothing to train on: none is older than {first:g}; give train a "
            "larger share, or an earlier date"
        )
    return Split(*(np.sort(part).astype(np.int64) for part in parts)), (first, second)
