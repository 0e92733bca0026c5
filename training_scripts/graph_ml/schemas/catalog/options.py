"""Options of a procedure: their kinds, defaults and ranges, and how a map of them is read.

Names are camelCase, as Cypher has them; snake_case is understood too. A missing option takes its default.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final, Literal

Kind = Literal["integer", "number", "text", "boolean", "map", "any", "numbers", "integers", "texts", "names"]

REQUIRED: Final = object()


class BadOption(ValueError):
    """An option that is missing, unknown, of the wrong kind or out of range; the text is a sentence for the user."""


@dataclass(frozen=True)
class Option:
    """One option.

    Attributes:
        kind: ``numbers``, ``integers`` and ``texts`` are lists; ``names`` is a list of texts, or one text alone.
        default: ``REQUIRED`` where it must be given; None where it may be missing.
        least, most: the range of a number, or of every number of a list.
        opens, closes: whether ``least`` and ``most`` themselves are outside the range.
        choices: the words that a text may be, in upper case; any case is understood.
        tunable: how a range of values is drawn from: evenly, or evenly in the logarithm.
    """

    kind: Kind
    default: Any = None
    least: float | None = None
    most: float | None = None
    opens: bool = False
    closes: bool = False
    choices: tuple[str, ...] = ()
    tunable: Literal["", "linear", "log"] = ""

    def read(self, name: str, value: Any) -> Any:
        """The value as the code wants it. Raises BadOption."""
        if value is None and self.default is not REQUIRED:
            return self.default
        match self.kind:
            case "integer" | "number":
                return self._number(name, value, self.kind)
            case "boolean":
                return self._typed(name, value, bool, "true or false")
            case "text":
                return self._text(name, value)
            case "map":
                return dict(self._typed(name, value, Mapping, "a map"))
            case "numbers" | "integers":
                one: Kind = "number" if self.kind == "numbers" else "integer"
                return [self._number(name, each, one) for each in self._list(name, value)]
            case "texts":
                return [self._text(name, each) for each in self._list(name, value)]
            case "names":
                names = [value] if isinstance(value, str) else self._list(name, value)
                return [self._text(name, each) for each in names]
            case "any":
                return value

    def _list(self, name: str, value: Any) -> list[Any]:
        if isinstance(value, str | Mapping) or not isinstance(value, Sequence):
            raise BadOption(f"`{name}` must be a list, not {value!r}")
        return list(value)

    def _typed(self, name: str, value: Any, wanted: type, said: str) -> Any:
        if not isinstance(value, wanted):
            raise BadOption(f"`{name}` must be {said}, not {value!r}")
        return value

    def _text(self, name: str, value: Any) -> str:
        text: str = self._typed(name, value, str, "a text")
        if self.choices:
            if text.upper() not in self.choices:
                raise BadOption(f"`{name}` is {text!r}; it must be one of {', '.join(self.choices)}")
            return text.upper()
        if not text.strip():
            raise BadOption(f"`{name}` must not be blank")
        return text

    def _number(self, name: str, value: Any, kind: Kind) -> int | float:
        whole = kind == "integer"
        fits = isinstance(value, int) or (isinstance(value, float) and not whole)
        if isinstance(value, bool) or not fits:
            raise BadOption(f"`{name}` must be {'an integer' if whole else 'a number'}, not {value!r}")
        number = int(value) if whole else float(value)
        low = self.least is not None and (number <= self.least if self.opens else number < self.least)
        high = self.most is not None and (number >= self.most if self.closes else number > self.most)
        if low or high or math.isnan(number):
            raise BadOption(f"`{name}` is {value}; it must be within the range {self._range()}")
        return number

    def _range(self) -> str:
        left = "(" if self.opens or self.least is None else "["
        right = ")" if self.closes or self.most is None else "]"
        low = "-inf" if self.least is None else f"{self.least:g}"
        return f"{left}{low}, {'inf' if self.most is None else f'{self.most:g}'}{right}"


Options = Mapping[str, Option]


def camel_case(name: str) -> str:
    """``mutate_property`` as ``mutateProperty``; a name that is written so already stays."""
    return re.sub(r"_([a-z0-9])", lambda found: found[1].upper(), name) if "_" in name.strip("_") else name


def camel_keys(given: Mapping[str, Any]) -> dict[str, Any]:
    """A map with its keys in camelCase; what it holds stays as it is."""
    return {camel_case(key): value for key, value in given.items()}


def read_options(options: Options, given: Mapping[str, Any]) -> dict[str, Any]:
    """All options with their values, in the order of the table.

    Raises:
        BadOption: one is unknown (the likely one is named), missing, of the wrong kind or out of range.
    """
    values = camel_keys(given)
    unknown = [key for key in values if key not in options]
    if unknown:
        close = get_close_matches(unknown[0], options, 1, 0.6)
        hint = f" (did you mean `{close[0]}`?)" if close else f"; there are {', '.join(options)}"
        raise BadOption(f"Unexpected configuration key `{unknown[0]}`{hint}")
    found: dict[str, Any] = {}
    for name, option in options.items():
        if name not in values and option.default is REQUIRED:
            raise BadOption(f"No value specified for the mandatory configuration parameter `{name}`")
        found[name] = option.read(name, values[name]) if name in values else option.default
    return found
