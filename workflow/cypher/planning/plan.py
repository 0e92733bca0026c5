"""A plan as people read it: the steps of a query, and what each does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

MOST_SHOWN: Final = 200  # characters of a clause
_UNION: Final = re.compile(r"\bUNION(\s+(ALL|DISTINCT))?\s*$", re.IGNORECASE)
_PAIRS: Final = {")": "(", "]": "[", "}": "{"}


@dataclass(frozen=True, slots=True)
class PlanStep:
    """One clause of a query.

    Attributes:
        number: its place in the plan, from 1; costs are known by it.
        name: what kind of clause it is, such as ``Match`` or ``OptionalMatch``.
        text: the clause as it was written.
        ways: of a pattern, how it is found, one line for each of its elements in the order they are looked for.
        children: the steps of queries inside of it.
    """

    number: int
    name: str
    text: str
    ways: tuple[str, ...] = ()
    children: tuple[PlanStep, ...] = ()


def walk(steps: tuple[PlanStep, ...], depth: int = 0) -> Iterator[tuple[int, PlanStep]]:
    """Every step with its depth, in the order in which they stand in the query."""
    for step in steps:
        yield depth, step
        yield from walk(step.children, depth + 1)


def source(text: str, start: int, end: int) -> str:
    """A clause as it was written, on one line; what stands behind it in the query is left out."""
    opened: list[str] = []
    quote = ""
    for at in range(start, end):
        one = text[at]
        if quote:
            quote = "" if one == quote else quote
        elif one in "\"'`":
            quote = one
        elif one in "([{":
            opened.append(one)
        elif one in _PAIRS and (not opened or opened.pop() != _PAIRS[one]):
            end = at
            break
    found = _UNION.sub("", " ".join(text[start:end].split()).rstrip("; ")).rstrip()
    return found if len(found) <= MOST_SHOWN else found[: MOST_SHOWN - 1] + "…"
