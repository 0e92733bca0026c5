"""Sorting many values so that the query can be ended meanwhile and other threads go on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from workflow.queries.run import Run

Value = TypeVar("Value")
PART: Final = 1 << 14
"""So many values are sorted in one call, in which no other thread of Python runs and nobody looks at the clock."""


def sorted_in_parts(
    run: Run, values: Sequence[Value], key: Callable[[Value], Any] | None = None, *, descending: bool = False
) -> list[Value]:
    """The values in order, equal ones as they stand: what ``sorted`` gives.

    Parts are sorted by themselves, then two and two of them together, which costs Python's sort one pass each.
    """
    parts = []
    for first in range(0, len(values), PART):
        run.check()
        parts.append(sorted(values[first : first + PART], key=key, reverse=descending))  # type: ignore[type-var, arg-type]
    while len(parts) > 1:
        pairs, parts = parts, []
        for first in range(0, len(pairs), 2):
            run.check()
            both = [value for part in pairs[first : first + 2] for value in part]
            both.sort(key=key, reverse=descending)
            parts.append(both)
    return parts[0] if parts else []
