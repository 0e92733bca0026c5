"""Times of nodes and edges as numbers, and splits that follow them: what is trained on lies before what is judged."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from ...container import JobError
from ...features import BadValue, Column
from ...graph import Split, Target
from ...schemas.date_spelling import day_first
from ...schemas.times import UNKNOWN, TimeReading
from ...schemas.training_data import SECONDS_A_DAY, ticks_a_second
from ..split import Rates, part_sizes

IntArray = NDArray[np.int64]
Moments = NDArray[np.float64]
Cuts = tuple[float, float]


#: times that are numbers and smaller are no seconds since 1970, which they have been since 1973, but years or steps
SECONDS = 1e8
#: numbers between are dates, such as 20240301, where all of a column are
FIRST_DAY, LAST_DAY = 1500_01_01, 2999_12_31
#: moments of the years 1 to 9999, which are shown as dates
FIRST_SHOWN, LAST_SHOWN = -62_135_596_800, 253_402_300_800


def moments(column: Column) -> tuple[Moments, float, TimeReading]:
    """Each value as a time, how long a day is among them, and how they are read, as all of them together tell.

    Returns:
        float64 (n,): dates, and numbers of milli-, micro- and nanoseconds, in seconds since 1970, other numbers as they
        are, −inf where it is missing; the seconds of a day, or 1 where times are years or steps, of which a day is
        one; and how a single one is read.

    Raises:
        BadValue: a value is neither a number nor a date.
    """
    try:
        numbers = column.numbers()
    except BadValue:
        texts = column.texts()
        reading = TimeReading(day_first=day_first(text for text in texts if text is not None)[0])
        numbers = np.array([np.nan if text is None else _read(text, row, reading) for row, text in enumerate(texts)])
        return _known(numbers), SECONDS_A_DAY, reading
    if (days := _days(numbers)) is not None:
        return _known(days), SECONDS_A_DAY, TimeReading(days=True)
    usual = float(np.nanmedian(np.abs(numbers))) if not np.isnan(numbers).all() else 0.0
    ticks = ticks_a_second(usual)
    return _known(numbers / ticks), 1.0 if usual < SECONDS else SECONDS_A_DAY, TimeReading(ticks=ticks)


def _known(numbers: Moments) -> Moments:
    """Times, float64 (n,), with −inf in place of NaN."""
    return np.where(np.isnan(numbers), -np.inf, numbers).astype(np.float64)


def _read(text: str, row: int, reading: TimeReading) -> float:
    try:
        return reading.moment(text)
    except ValueError:
        raise BadValue(row, text, "is neither a date such as 2024-03-01T10:00:00Z nor a number") from None


def _days(numbers: Moments) -> Moments | None:
    """Numbers such as 20240301, float64 (n,), as seconds since 1970; None where one is no such date."""
    known = numbers[~np.isnan(numbers)]
    if not len(known) or (known < FIRST_DAY).any() or (known > LAST_DAY).any() or (known % 1).any():
        return None
    whole = known.astype(np.int64)
    year, month, day = whole // 10_000, whole // 100 % 100, whole % 100
    if ((month < 1) | (month > 12) | (day < 1)).any():
        return None
    begin = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
    dates = begin.astype("datetime64[D]") + (day - 1)
    if (dates.astype("datetime64[M]") != begin).any():
        return None
    found = np.full(len(numbers), np.nan)
    found[~np.isnan(numbers)] = dates.astype("datetime64[s]").astype(np.float64)
    return found


def cuts_given(texts: Sequence[str], target: Target, reading: TimeReading = UNKNOWN) -> tuple[float, float]:
    """The two dates at which a split by time cuts, the earlier one first.

    Args:
        texts: the dates.
        target: what is split.
        reading: of the times that are split, which tells whether the day or the month comes first.

    Raises:
        JobError: one cannot be read.
    """
    alone = TimeReading(day_first=day_first(texts)[0] if reading.day_first is None else reading.day_first)
    try:
        first, second = sorted(_read(text, 0, alone) for text in texts)
    except BadValue as error:
        raise JobError(f"the 'split_dates' of {target} cannot be used: {error}") from error
    return first, second


def told(when: float, day: float) -> str:
    """A time as people read it: a date, with its hour where it has one, or a plain number."""
    if day == 1.0 or not FIRST_SHOWN <= when < LAST_SHOWN:
        return f"{when:g}"
    shown = datetime.fromtimestamp(when, UTC)
    return f"{shown:%Y-%m-%d}" if when % SECONDS_A_DAY == 0 else f"{shown:%Y-%m-%dT%H:%M:%SZ}"


def time_split(
    target: Target,
    items: IntArray,
    times: Moments,
    groups: IntArray,
    rates: Rates,
    dates: Sequence[str] | None,
    day: float = SECONDS_A_DAY,
    reading: TimeReading = UNKNOWN,
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
        day: how long a day is among the times.
        reading: how the times are read, and so the dates.

    Returns:
        The split, and its cuts; a cut is inf where nothing lies behind it.

    Raises:
        JobError: no item has a time, or nothing would be left to train on.
    """
    if len(items) and not np.isfinite(times[items]).any():
        raise JobError(f"{target} cannot be split by time: none of its {len(items)} items has one; name no 'time'")
    order = items[np.lexsort((items, times[items]))]
    order = order[np.sort(np.unique(groups[order], return_index=True)[1])]
    when = times[order]
    if dates is not None:
        first, second = cuts_given(dates, target, reading)
    else:
        train, valid, test = part_sizes(len(order), rates)
        first = float(when[train]) if valid + test else np.inf
        second = float(when[train + valid]) if test and train + valid < len(order) else np.inf
        if valid and second <= first:  # many of one time: validation takes them all
            later = when[when > first]
            second = float(later[0]) if len(later) else np.inf
    parts = [order[when < first], order[(when >= first) & (when < second)], order[when >= second]]
    if not len(parts[0]):
        oldest, newest = told(float(when[0]), day), told(float(when[-1]), day)
        spread = f"all have the time {oldest}" if oldest == newest else f"they came from {oldest} to {newest}"
        raise JobError(
            f"the split of {target} by time leaves nothing to train on: none is older than {told(first, day)}, and "
            f"{spread}; give train a larger share or a later date, or name no 'time' to split at random"
        )
    return Split(*(np.sort(part).astype(np.int64) for part in parts)), (first, second)
