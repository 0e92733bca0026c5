"""Functions of numbers."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from decimal import (
    ROUND_CEILING,
    ROUND_DOWN,
    ROUND_FLOOR,
    ROUND_HALF_DOWN,
    ROUND_HALF_EVEN,
    ROUND_HALF_UP,
    ROUND_UP,
    Decimal,
)
from typing import Any, Final

from workflow.cypher.errors import CypherArgumentError, CypherTypeError
from workflow.cypher.functions.function import Function, Table, kinds
from workflow.cypher.semantics.arithmetic import integer, kind_of
from workflow.cypher.semantics.relations import is_number


def _number(name: str, value: Any) -> float | int:
    if is_number(value):
        found: float | int = value
        return found
    raise CypherTypeError(f"{name}() does not take a value of type {kind_of(value)}", "InvalidArgumentValue")


def _real(name: str, operation: Callable[[float], float]) -> Function:
    """A function from float to float; NaN outside of where it is defined."""

    def call(value: Any) -> float:
        number = float(_number(name, value))
        if number != number:
            return number
        try:
            return operation(number)
        except ValueError:
            return math.nan
        except OverflowError:
            return math.inf

    return Function(call, 1, 1, (NUMBERS,), "float")


def absolute(value: Any) -> float | int:
    """The number without its sign."""
    number = _number("abs", value)
    return integer(abs(number)) if isinstance(number, int) else abs(number)


def sign(value: Any) -> int:
    """-1, 0 or 1."""
    number = _number("sign", value)
    return (number > 0) - (number < 0)


def ceiling(value: float) -> float:
    """The next whole number above."""
    return float(math.ceil(value)) if math.isfinite(value) else value


def floor(value: float) -> float:
    """The next whole number below."""
    return float(math.floor(value)) if math.isfinite(value) else value


_MODES: Final = {
    "UP": ROUND_UP, "DOWN": ROUND_DOWN, "CEILING": ROUND_CEILING, "FLOOR": ROUND_FLOOR, "HALF_UP": ROUND_HALF_UP,
    "HALF_DOWN": ROUND_HALF_DOWN, "HALF_EVEN": ROUND_HALF_EVEN,
}  # fmt: skip


def rounded(value: Any, digits: Any = 0, mode: Any = None) -> float:
    """The nearest number of so many digits. Halves go up without a mode, and away from zero with digits.

    Source: Neo4j's manual: ``round(-2.5)`` is -2.0, ``round(-1.55, 1)`` is -1.6.
    """
    number = float(_number("round", value))
    if not math.isfinite(number):
        return number
    if mode is None and digits == 0:
        return float(math.floor(number + 0.5))
    name = str(mode or "HALF_UP").upper()
    if name not in _MODES or not isinstance(digits, int):
        raise CypherArgumentError(f"round() knows the modes {', '.join(_MODES)}", "InvalidArgumentValue")
    return float(Decimal(repr(number)).quantize(Decimal(1).scaleb(-digits), rounding=_MODES[name]))


def logarithm(value: float) -> float:
    """The natural logarithm; minus infinity of 0."""
    return -math.inf if value == 0 else math.log(value)


def cotangent(value: float) -> float:
    """1 / tan."""
    return math.inf if value == 0 else 1 / math.tan(value)


def atan2(y: Any, x: Any) -> float:
    """The angle of a point."""
    return math.atan2(_number("atan2", y), _number("atan2", x))


NUMBERS = kinds("integer", "float", "number")

FUNCTIONS: Table = {
    "abs": Function(absolute, 1, 1, (NUMBERS,)),
    "sign": Function(sign, 1, 1, (NUMBERS,), "integer"),
    "ceil": _real("ceil", ceiling),
    "floor": _real("floor", floor),
    "round": Function(rounded, 1, 3, (NUMBERS,), "float"),
    "sqrt": _real("sqrt", math.sqrt),
    "exp": _real("exp", math.exp),
    "log": _real("log", logarithm),
    "log10": _real("log10", lambda value: -math.inf if value == 0 else math.log10(value)),
    "sin": _real("sin", math.sin),
    "cos": _real("cos", math.cos),
    "tan": _real("tan", math.tan),
    "cot": _real("cot", cotangent),
    "asin": _real("asin", math.asin),
    "acos": _real("acos", math.acos),
    "atan": _real("atan", math.atan),
    "atan2": Function(atan2, 2, 2, (NUMBERS, NUMBERS), "float"),
    "sinh": _real("sinh", math.sinh),
    "cosh": _real("cosh", math.cosh),
    "tanh": _real("tanh", math.tanh),
    "degrees": _real("degrees", math.degrees),
    "radians": _real("radians", math.radians),
    "haversin": _real("haversin", lambda value: (1 - math.cos(value)) / 2),
    "isnan": Function(lambda value: _number("isNaN", value) != value, 1, 1, (NUMBERS,), "boolean"),
    "pi": Function(lambda: math.pi, 0, 0, returns="float"),
    "e": Function(lambda: math.e, 0, 0, returns="float"),
    "rand": Function(random.random, 0, 0, returns="float"),
}
