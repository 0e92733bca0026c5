"""Columns that are of no use: identifiers, and those that say the same of nearly everything."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import numpy as np

from .finding import FEWEST_ROWS, Finding, Material, numbers_of, values_of

#: share of distinct values from which on a column names its rows, and of equal ones from which on it says nothing
NAMES_ROWS = 0.99
SAME = 0.99
#: words a value up to which a text may be a name; more are a text, and texts differ
MOST_WORDS = 2.0
WORDS = re.compile(r"[\s;,|]+")


def useless(material: Material) -> Iterator[Finding]:
    """Every feature column of every type, by a sample of its rows."""
    for owner, columns in material.features.items():
        rows = material.sample(np.arange(material.count(owner)))
        if len(rows) < FEWEST_ROWS:
            continue
        for name, read in columns.items():
            values = values_of(read(), rows)
            value, times = Counter(values).most_common(1)[0]
            if times >= SAME * len(values):
                said = "nothing" if value is None else repr(value)
                yield Finding(f"{owner}: column '{name}' is nearly constant: {times / len(values):.1%} are {said}")
            elif names_rows(values, material.count(owner)):
                yield Finding(
                    f"{owner}: column '{name}' is an identifier: nearly every value stands once, so nothing can be "
                    "learned from it for others"
                )


def names_rows(values: list[str | None], total: int) -> bool:
    """Whether nearly every value is another, and they are names or running numbers rather than measures or texts.

    Args:
        values: of a sample of the rows.
        total: how many rows there are.
    """
    known = [value for value in values if value is not None]
    if len(known) < FEWEST_ROWS or len(set(known)) < NAMES_ROWS * len(known):
        return False
    numbers = numbers_of(known)
    if numbers is None:
        dated = all(value[:4].isdigit() and value[4:5] == "-" for value in known)
        return not dated and float(np.mean([len(WORDS.split(value)) for value in known])) <= MOST_WORDS
    # running numbers are whole and stand close together
    return bool(np.all(numbers == np.floor(numbers))) and float(np.ptp(numbers)) < 2 * total
