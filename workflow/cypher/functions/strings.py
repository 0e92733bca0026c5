"""Functions of texts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from workflow.cypher.errors import CypherArgumentError, CypherTypeError
from workflow.cypher.functions.function import Function, Table, kinds
from workflow.cypher.semantics.arithmetic import kind_of
from workflow.values.limits import check_characters


def _text(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    raise CypherTypeError(f"{name}() does not take a value of type {kind_of(value)}", "InvalidArgumentValue")


def _place(name: str, value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        if value < 0:
            raise CypherArgumentError(f"{name}() takes no negative number", "NumberOutOfRange")
        return value
    raise CypherTypeError(f"{name}() takes an integer, not {kind_of(value)}", "InvalidArgumentValue")


def _mapped(name: str, operation: Callable[[str], str]) -> Function:
    return Function(lambda value: operation(_text(name, value)), 1, 1, (TEXT,), "string")


def left(value: Any, count: Any) -> str:
    """The first characters."""
    return _text("left", value)[: _place("left", count)]


def right(value: Any, count: Any) -> str:
    """The last characters."""
    number = _place("right", count)
    return _text("right", value)[-number:] if number else ""


def substring(value: Any, start: Any, length: Any = None) -> str:
    """The characters from a place on, counted from 0."""
    begin = _place("substring", start)
    end = None if length is None else begin + _place("substring", length)
    return _text("substring", value)[begin:end]


def replace(value: Any, old: Any, new: Any) -> str:
    """A text with every ``old`` in it made ``new``."""
    text, search, with_ = _text("replace", value), _text("replace", old), _text("replace", new)
    check_characters(len(text) + text.count(search) * len(with_))
    return text.replace(search, with_)


def split(value: Any, separator: Any) -> list[str]:
    """The parts between the separators, of which there may be several."""
    text = _text("split", value)
    separators = list(separator) if isinstance(separator, list | tuple) else [separator]
    parts = [text]
    for one in separators:
        mark = _text("split", one)
        parts = [piece for part in parts for piece in (part.split(mark) if mark else list(part))]
    return parts


def join(values: Any, separator: Any) -> str:
    """Texts with a separator between them."""
    if not isinstance(values, list | tuple):
        raise CypherTypeError(f"join() takes a list of texts, not {kind_of(values)}", "InvalidArgumentValue")
    return _text("join", separator).join(_text("join", value) for value in values)


TEXT = kinds("string")

FUNCTIONS: Table = {
    "left": Function(left, 2, 2, (TEXT,), "string"),
    "right": Function(right, 2, 2, (TEXT,), "string"),
    "substring": Function(substring, 2, 3, (TEXT,), "string"),
    "replace": Function(replace, 3, 3, (TEXT, TEXT, TEXT), "string"),
    "split": Function(split, 2, 2, (TEXT,), "list"),
    "join": Function(join, 2, 2, (kinds("list"), TEXT), "string"),
    "trim": _mapped("trim", str.strip),
    "ltrim": _mapped("lTrim", str.lstrip),
    "rtrim": _mapped("rTrim", str.rstrip),
    "tolower": _mapped("toLower", str.lower),
    "toupper": _mapped("toUpper", str.upper),
    "lower": _mapped("lower", str.lower),
    "upper": _mapped("upper", str.upper),
}
