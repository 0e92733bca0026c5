"""asNumber and asBool: numbers and truth out of strings, dates and other numbers."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from workflow.errors import QueryFailed
from workflow.gremlin.running.step import StepBuilder
from workflow.gremlin.semantics.arithmetic import cast
from workflow.gremlin.semantics.comparison import is_nan, is_number, java_name, simple_class
from workflow.gremlin.semantics.types import NUMERIC
from workflow.gremlin.semantics.values import BigInteger, GType, Long
from workflow.gremlin.steps.shaping.dates import milliseconds
from workflow.gremlin.steps.shaping.strings import is_string
from workflow.gremlin.steps.shaping.value_step import value_builder
from workflow.values.numerals import shortest, to_float

_HEXADECIMAL = re.compile(r"([+-]?)0[xX]([0-9a-fA-F]+)")
_OCTAL = re.compile(r"([+-]?)0([0-7]+)")
_INTEGER = re.compile(r"([+-]?)(0|[1-9][0-9]*)([lL]?)")
_REAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?([dDfF]?)")
_MANY_DIGITS = 4096
_INT_MAX, _LONG_MAX = 2**31 - 1, 2**63 - 1


def parse_number(text: str) -> Any:
    """The number a string names: the narrowest integer type, or Float, Double, BigDecimal, whichever loses nothing.

    Hexadecimal (``0x1F``), octal (``017``) and the suffixes l, f and d are read.

    Raises:
        QueryFailed: it names none.
    """
    found = _parsed(text.strip()) if len(text) <= _MANY_DIGITS else None
    if found is None:
        raise QueryFailed(f"Can't parse string '{text}' as number.")
    return found


def _parsed(text: str) -> Any:
    for pattern, base in ((_HEXADECIMAL, 16), (_OCTAL, 8)):
        match = pattern.fullmatch(text)
        if match:
            return _narrowest(int(match[1] + match[2], base))
    match = _INTEGER.fullmatch(text)
    if match:
        number = int(match[1] + match[2])
        return _narrowest(number, Long(0) if match[3] else 0)
    match = _REAL.fullmatch(text)
    if match and not (text.lstrip("+-")[:1] == "0" and text.lstrip("+-")[1:2].isdigit() and "." not in text):
        return _real(text[:-1] if match[1] else text, match[1].lower())
    return None


def _narrowest(number: int, least: int = 0) -> int:
    if -_INT_MAX - 1 <= number <= _INT_MAX and not isinstance(least, Long):
        return number
    return Long(number) if -_LONG_MAX - 1 <= number <= _LONG_MAX else BigInteger(number)


def _real(text: str, suffix: str) -> Any:
    exact = Decimal(text)
    double = float(text)
    single = to_float(double)
    if suffix != "d" and _kept(single, exact) and (suffix == "f" or shortest(single) == shortest(double)):
        return single
    if _kept(double, exact) and (suffix or exact == Decimal(repr(double))):
        return double
    return exact


def _kept(found: float, exact: Decimal) -> bool:
    return not math.isinf(found) and not (found == 0 and exact != 0)


def as_number(value: Any, wanted: GType | None = None) -> Any:
    """A number of the wanted type from a number, a string or a date (milliseconds); null stays null.

    Raises:
        QueryFailed: the value names no number, or the type cannot hold it.
    """
    if value is None:
        return None
    if is_string(value):
        number = parse_number(value)
    elif is_number(value):
        number = value
    elif isinstance(value, datetime.datetime):
        number = Long(milliseconds(value))
    else:
        raise QueryFailed(f"Can't parse type {simple_class(value)} as number.")
    if wanted is None:
        return number
    if wanted is GType.NUMBER:
        raise QueryFailed("Unsupported numeric type: class java.lang.Number")
    return cast(number, wanted)


def _make_as_number(wanted: Any = None) -> Callable[[Any], Any]:
    if wanted is not None and (not isinstance(wanted, GType) or wanted not in NUMERIC | {GType.NUMBER}):
        raise QueryFailed(f"asNumber() requires a numeric type token, got {getattr(wanted, 'value', wanted)}")
    return lambda value: as_number(value, wanted)


def as_bool(value: Any) -> bool:
    """True or false from a boolean, a number (zero and NaN are false) or the words true and false.

    Raises:
        QueryFailed: it is neither.
    """
    if isinstance(value, bool):
        return value
    if value is None:
        raise QueryFailed("Can't parse null as Boolean.")
    if is_number(value):
        return bool(not is_nan(value) and value != 0)
    if not is_string(value):
        raise QueryFailed(f"Can't parse {java_name(value)} as Boolean.")
    word = str(value).strip().lower()
    if word not in ("true", "false"):
        raise QueryFailed(f"Can't parse {value} as Boolean.")
    return word == "true"


STEPS: dict[str, StepBuilder] = {
    "asNumber": value_builder(_make_as_number, 0, 1),
    "asBool": value_builder(lambda: as_bool),
}
