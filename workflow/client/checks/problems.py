"""What is wrong with a request: where, and in which words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

from workflow.errors import InvalidParameter

Place = tuple[str | int, ...]
MANY = 40  # names, which are no help any more


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        place: names and numbers that lead to it from the top of what was written; ``("export", "targets", 0)``.
        sentence: continues the name of the place: ``is missing``.
    """

    place: Place
    sentence: str

    def below(self, *place: str | int) -> Problem:
        """The same, in something larger."""
        return replace(self, place=(*place, *self.place))

    def told(self, whole: str = "") -> str:
        """Place and sentence; ``whole`` names what has no place of its own."""
        where = written(self.place) or whole
        if not where:
            return self.sentence
        return f"{where}: {self.sentence}" if self.sentence[:1].isupper() else f"{where} {self.sentence}"


def written(place: Place) -> str:
    """A place as people write it: ``export.targets[0].type``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).removeprefix(".")


def nearest(word: str, known: Iterable[str]) -> str:
    """``; did you mean 'targets'?``, or what there is, where that is no long list."""
    names = sorted(map(str, known))
    if close := get_close_matches(word, names, 1):
        return f"; did you mean {close[0]!r}?"
    return f"; there are {', '.join(names)}" if 0 < len(names) <= MANY else ""


def shown(value: Any) -> str:
    """A value as it may stand in a sentence."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"


def refuse(problems: Iterable[Problem]) -> None:
    """Raises InvalidParameter with a line for each problem; nothing where there is none."""
    lines = list(dict.fromkeys(one.told() for one in problems))
    if lines:
        raise InvalidParameter("\n".join(lines))
