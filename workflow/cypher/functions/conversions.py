"""Functions that turn values into others: numbers, texts and truth values."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, Final

from workflow.cypher.errors import CypherTypeError
from workflow.cypher.functions.function import Function, Table
from workflow.cypher.semantics.arithmetic import LEAST, MOST, kind_of
from workflow.cypher.semantics.relations import is_number
from workflow.cypher.semantics.text import as_text

_NUMBER: Final = re.compile(r"\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*")


def _refused(name: str, value: Any) -> CypherTypeError:
    return CypherTypeError(f"{name}() does not take a value of type {kind_of(value)}", "InvalidArgumentValue")


def to_integer(value: Any) -> int | None:
    """The whole part; null for a text that is no number. Floats beyond 64 bits give the last integer there is."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return 0 if value != value else LEAST if value < LEAST else MOST if value > MOST else math.trunc(value)
    if isinstance(value, str):
        if not _NUMBER.fullmatch(value):
            return None
        text = value.strip()
        try:
            found = int(text)
        except ValueError:
            return to_integer(float(text))
        return found if LEAST <= found <= MOST else None
    raise _refused("toInteger", value)


def to_float(value: Any) -> float | None:
    """The float; null for a text that is no number."""
    if is_number(value):
        return float(value)
    if isinstance(value, str):
        return float(value) if _NUMBER.fullmatch(value) else None
    raise _refused("toFloat", value)


def to_boolean(value: Any) -> bool | None:
    """The truth value; null for a text that names none. An integer is true unless it is 0."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value != 0
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.strip().lower())
    raise _refused("toBoolean", value)


def to_string(value: Any) -> str:
    """The text of a text, number, truth value or temporal value."""
    if isinstance(value, str | bool | int | float) or hasattr(value, "rank"):
        return as_text(value)
    raise _refused("toString", value)


def _or_null(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def converted(value: Any) -> Any:
        try:
            return convert(value)
        except CypherTypeError:
            return None

    return converted


def _of_list(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    one = _or_null(convert)

    def converted(values: Any) -> list[Any]:
        if not isinstance(values, list | tuple):
            raise _refused("the conversion of a list", values)
        return [None if value is None else one(value) for value in values]

    return converted


def _family(name: str, convert: Callable[[Any], Any], returns: str) -> dict[str, Function]:
    return {
        name: Function(convert, 1, 1, returns=returns),
        f"{name}ornull": Function(_or_null(convert), 1, 1, returns=returns),
        f"{name}list": Function(_of_list(convert), 1, 1, returns="list"),
    }


FUNCTIONS: Table = {
    **_family("tointeger", to_integer, "integer"),
    **_family("tofloat", to_float, "float"),
    **_family("toboolean", to_boolean, "boolean"),
    **_family("tostring", to_string, "string"),
}
