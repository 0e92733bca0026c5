"""Arithmetic: integers of 64 bits that overflow aloud, floats as IEEE has them, texts and lists that add."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

from workflow.cypher.errors import CypherArithmeticError, CypherTypeError
from workflow.cypher.semantics.relations import is_number
from workflow.cypher.semantics.text import as_text
from workflow.values.limits import check_characters, check_members

LEAST, MOST = -(2**63), 2**63 - 1


def integer(value: int) -> int:
    """The integer itself; raises CypherArithmeticError beyond 64 bits."""
    if LEAST <= value <= MOST:
        return value
    raise CypherArithmeticError(f"The result {value} does not fit into an integer of 64 bits", "IntegerOverflow")


def kind_of(value: Any) -> str:
    """What a value is, for error messages."""
    return type(value).__name__.lower() if value is not None else "null"


def _refused(operator: str, a: Any, b: Any) -> CypherTypeError:
    return CypherTypeError(f"{operator} does not take {kind_of(a)} and {kind_of(b)}", "InvalidArgumentType")


def add(a: Any, b: Any) -> Any:
    """``a + b``."""
    if isinstance(a, list | tuple) or isinstance(b, list | tuple):
        left = list(a) if isinstance(a, list | tuple) else [a]
        right = list(b) if isinstance(b, list | tuple) else [b]
        if a is None or b is None:
            return None
        check_members(len(left) + len(right))
        return left + right
    if a is None or b is None:
        return None
    if is_number(a) and is_number(b):
        return integer(a + b) if isinstance(a, int) and isinstance(b, int) else float(a) + float(b)
    if isinstance(a, str) or isinstance(b, str):
        if not isinstance(a, bool) and not isinstance(b, bool) and _textual(a) and _textual(b):
            text = as_text(a) + as_text(b)
            check_characters(len(text))
            return text
        raise _refused("+", a, b)
    plus = getattr(a, "plus", None) or getattr(b, "plus", None)
    if plus is None:
        raise _refused("+", a, b)
    return a.plus(b) if hasattr(a, "plus") else b.plus(a)


def _textual(value: Any) -> bool:
    return isinstance(value, str) or is_number(value) or hasattr(value, "rank")


def subtract(a: Any, b: Any) -> Any:
    """``a - b``."""
    if a is None or b is None:
        return None
    if is_number(a) and is_number(b):
        return integer(a - b) if isinstance(a, int) and isinstance(b, int) else float(a) - float(b)
    if hasattr(a, "minus"):
        return a.minus(b)
    raise _refused("-", a, b)


def multiply(a: Any, b: Any) -> Any:
    """``a * b``."""
    if a is None or b is None:
        return None
    if is_number(a) and is_number(b):
        return integer(a * b) if isinstance(a, int) and isinstance(b, int) else float(a) * float(b)
    if hasattr(a, "times") and is_number(b):
        return a.times(b)
    if hasattr(b, "times") and is_number(a):
        return b.times(a)
    raise _refused("*", a, b)


def divide(a: Any, b: Any) -> Any:
    """``a / b``: toward zero between integers."""
    if a is None or b is None:
        return None
    if hasattr(a, "times") and is_number(b):
        return a.divided(b)
    if not (is_number(a) and is_number(b)):
        raise _refused("/", a, b)
    if isinstance(a, int) and isinstance(b, int):
        if b == 0:
            raise CypherArithmeticError("/ by zero", "DivisionByZero")
        return integer(abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1))
    x, y = float(a), float(b)
    if y == 0:
        return math.nan if x == 0 or x != x else math.copysign(math.inf, x) * math.copysign(1, y)
    return x / y


def remainder(a: Any, b: Any) -> Any:
    """``a % b``: has the sign of ``a``."""
    if a is None or b is None:
        return None
    if not (is_number(a) and is_number(b)):
        raise _refused("%", a, b)
    if isinstance(a, int) and isinstance(b, int):
        if b == 0:
            raise CypherArithmeticError("% by zero", "DivisionByZero")
        return abs(a) % abs(b) * (1 if a >= 0 else -1)
    return math.nan if b == 0 or math.isinf(a) else math.fmod(a, b)


def power(a: Any, b: Any) -> Any:
    """``a ^ b``: always a float."""
    if a is None or b is None:
        return None
    if not (is_number(a) and is_number(b)):
        raise _refused("^", a, b)
    try:
        found = float(a) ** float(b)
    except OverflowError:
        return math.inf
    except ZeroDivisionError:
        return math.inf
    return math.nan if isinstance(found, complex) else found


def negate(a: Any) -> Any:
    """``-a``."""
    if a is None:
        return None
    if is_number(a):
        return integer(-a) if isinstance(a, int) else -a
    if hasattr(a, "times"):
        return a.times(-1)
    raise CypherTypeError(f"- does not take {kind_of(a)}", "InvalidArgumentType")


def plus_sign(a: Any) -> Any:
    """``+a``."""
    if a is None or is_number(a):
        return a
    raise CypherTypeError(f"+ does not take {kind_of(a)}", "InvalidArgumentType")


OPERATIONS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "+": add,
    "-": subtract,
    "*": multiply,
    "/": divide,
    "%": remainder,
    "^": power,
}
