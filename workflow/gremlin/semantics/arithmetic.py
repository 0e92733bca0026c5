"""Arithmetic between Gremlin's number types: promotion, overflow into the next wider type, casts, Java's digits."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from decimal import ROUND_DOWN, ROUND_HALF_UP, Context, Decimal, DecimalException, Inexact, localcontext
from typing import Any

from workflow.errors import QueryFailed
from workflow.gremlin.semantics.types import is_nan, java_class
from workflow.gremlin.semantics.values import BigInteger, Byte, Float, GType, Long, Short
from workflow.values.limits import check_bits
from workflow.values.numerals import float_digits, to_double, to_float


class ArithmeticFailure(QueryFailed):
    """An overflow that no wider type absorbs, or an integer division by zero."""


_BITS: dict[type, tuple[int, bool]] = {
    Byte: (8, False),
    Short: (16, False),
    int: (32, False),
    Long: (64, False),
    BigInteger: (128, False),
    Float: (32, True),
    float: (64, True),
    Decimal: (128, True),
}
_BY_BITS: dict[tuple[int, bool], type] = {found: kind for kind, found in _BITS.items()}
_BOUNDS = {kind: (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) for kind, (bits, real) in _BITS.items() if not real}
_BOUNDS.pop(BigInteger)
_OVERFLOW_WORDS = {Byte: "byte overflow", Short: "short overflow", int: "integer overflow", Long: "long overflow"}
FLOAT_MAX = struct.unpack(">f", b"\x7f\x7f\xff\xff")[0]


def as_decimal(value: Any) -> Decimal:
    """A number as BigDecimal, through the shortest text where it is binary; infinities stay infinite."""
    if isinstance(value, Decimal):
        return value
    if isinstance(value, float):
        return Decimal(float_digits(value) if isinstance(value, Float) else repr(float(value)))
    return Decimal(int(value))


def as_big_integer(value: Any) -> BigInteger:
    """A number without its fraction, as BigInteger."""
    if isinstance(value, Decimal) and value.is_finite():
        check_bits(value.adjusted() * 4)
    return BigInteger(as_decimal(value).to_integral_value(ROUND_DOWN) if isinstance(value, (float, Decimal)) else value)


def _wrapped(kind: type, value: Any) -> Any:
    return value if type(value) is kind else kind(value)


def common_type(a: Any, b: Any, force_real: bool = False) -> type:
    """The narrowest type that both numbers are promoted to: int with Float gives Float, Long with Float Double."""
    bits, real = 8, force_real
    for number in (a, b):
        if is_nan(number):
            continue
        width, is_real = _BITS[_number_type(number)]
        bits, real = max(bits, width), real or is_real
    return _typed_by(bits, real)


def _typed_by(bits: int, real: bool) -> type:
    return _BY_BITS[(max(bits, 32) if real else bits, real)]


def _number_type(value: Any) -> type:
    kind = type(value)
    if kind in _BITS:
        return kind
    for base in (Byte, Short, Long, BigInteger, Float, Decimal, float):
        if isinstance(value, base):
            return base
    if isinstance(value, int) and not isinstance(value, bool):
        return int
    raise QueryFailed(f"{java_class(value)} cannot be cast to class java.lang.Number")


def _integer_result(kind: type, value: int) -> Any:
    bounds = _BOUNDS.get(kind)
    if bounds is not None and not bounds[0] <= value <= bounds[1]:
        raise ArithmeticFailure(_OVERFLOW_WORDS[kind])
    return _wrapped(kind, value)


def _divide_integers(a: int, b: int) -> int:
    if b == 0:
        raise ZeroDivisionError
    quotient = abs(a) // abs(b)
    return quotient if (a < 0) == (b < 0) else -quotient


def _divide_reals(a: float, b: float) -> float:
    if b != 0:
        return a / b
    if a == 0 or a != a:
        return math.nan
    return math.copysign(math.inf, a) * math.copysign(1.0, b)


def _scale(value: Decimal) -> int:
    return max(0, -int(value.as_tuple().exponent))


def _divide_decimals(a: Decimal, b: Decimal) -> Decimal:
    if b == 0:
        raise ArithmeticFailure("Division by zero" if a != 0 else "Division undefined")
    digits = max(len(a.as_tuple().digits), len(b.as_tuple().digits))
    with localcontext(Context(prec=max(digits * 4 + 30, 60), traps=[Inexact])):
        try:
            exact = a / b
        except Inexact:
            exact = None
    if exact is not None:
        preferred = int(a.as_tuple().exponent) - int(b.as_tuple().exponent)
        spread = exact.normalize()
        if int(spread.as_tuple().exponent) > preferred:
            spread = spread.quantize(Decimal((0, (1,), preferred)))
        return spread
    with localcontext(Context(prec=digits + 10, rounding=ROUND_HALF_UP)):
        result = a / b
    scale = max(_scale(a), _scale(b), 10)
    if _scale(result) > scale:
        with localcontext(Context(prec=digits + scale + 50)):
            result = result.quantize(Decimal((0, (1,), -scale)), rounding=ROUND_HALF_UP)
    return result


_WIDE = Context(prec=1000)


def _whole(value: Any) -> int:
    return 0 if is_nan(value) else int(value)  # NaN does not promote its partner, and Java takes it for 0 then


def _product(a: int, b: int) -> int:
    check_bits(a.bit_length() + b.bit_length())
    return a * b


def _sum(a: int, b: int) -> int:
    check_bits(max(a.bit_length(), b.bit_length()) + 1)
    return a + b


_INTEGER_OPERATIONS: dict[str, Callable[[Any, Any], int]] = {
    "add": lambda a, b: _sum(_whole(a), _whole(b)),
    "sub": lambda a, b: _sum(_whole(a), -_whole(b)),
    "mul": lambda a, b: _product(_whole(a), _whole(b)),
    "div": lambda a, b: _divide_integers(_whole(a), _whole(b)),
}
_REAL_OPERATIONS: dict[str, Callable[[float, float], float]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": _divide_reals,
}
_DECIMAL_OPERATIONS: dict[str, Callable[[Decimal, Decimal], Decimal]] = {
    "add": _WIDE.add,
    "sub": _WIDE.subtract,
    "mul": _WIDE.multiply,
    "div": _divide_decimals,
}


def _calculate(kind: type, name: str, a: Any, b: Any) -> Any:
    if kind is Decimal:
        try:
            return _DECIMAL_OPERATIONS[name](as_decimal(a), as_decimal(b))
        except DecimalException as error:
            raise ArithmeticFailure("BigDecimal overflow") from error
    if kind is float:
        return _REAL_OPERATIONS[name](float(a), float(b))
    if kind is Float:
        return to_float(_REAL_OPERATIONS[name](to_float(float(a)), to_float(float(b))))
    try:
        return _integer_result(kind, _INTEGER_OPERATIONS[name](a, b))
    except ZeroDivisionError:
        raise ArithmeticFailure("/ by zero" if kind is not BigInteger else "BigInteger divide by zero") from None


def _promoting(name: str, a: Any, b: Any, force_real: bool = False) -> Any:
    """Calculates in the common type, in the next wider one on overflow, up to Long and Double."""
    if a is None or b is None:
        return a
    kind = common_type(a, b, force_real)
    while True:
        bits, real = _BITS[kind]
        try:
            result = _calculate(kind, name, a, b)
        except ArithmeticFailure:
            if bits >= 64:
                raise
        except OverflowError:
            if bits >= 64:
                return math.inf
        else:
            if not isinstance(result, float) or not math.isinf(result) or bits >= 64:
                return result
        kind = _typed_by(bits * 2, real)


def add(a: Any, b: Any) -> Any:
    """The sum in the common type; a null on the right leaves the left, a null on the left stays null."""
    if type(a) is int and type(b) is int:
        total = a + b
        return total if -0x80000000 <= total <= 0x7FFFFFFF else _promoting("add", a, b)
    if type(a) is float and type(b) is float and math.isfinite(real := a + b):
        return real
    return _promoting("add", a, b)


def sub(a: Any, b: Any) -> Any:
    """The difference, with the rules of ``add``."""
    return _promoting("sub", a, b)


def mul(a: Any, b: Any) -> Any:
    """The product, with the rules of ``add``."""
    return _promoting("mul", a, b)


def div(a: Any, b: Any, force_real: bool = False) -> Any:
    """The quotient: truncated between integers unless ``force_real``; by zero infinite between reals.

    Raises:
        ArithmeticFailure: an integer or a BigDecimal is divided by zero.
    """
    return _promoting("div", a, b, force_real)


def coerced(value: Any, kind: type) -> Any:
    """A number in another type, which must be able to hold it."""
    if type(value) is kind:
        return value
    if kind is Decimal:
        return as_decimal(value)
    if kind is BigInteger:
        return as_big_integer(value)
    if kind is Float:
        return to_float(to_double(value))
    if kind is float:
        return to_double(value)
    return kind(value)


_CAST_NAMES = {
    GType.BYTE: (Byte, "Byte"),
    GType.SHORT: (Short, "Short"),
    GType.INT: (int, "Integer"),
    GType.LONG: (Long, "Long"),
    GType.FLOAT: (Float, "Float"),
    GType.DOUBLE: (float, "Double"),
    GType.BIGINT: (BigInteger, "BigInteger"),
    GType.BIGDECIMAL: (Decimal, "BigDecimal"),
}
_SIMPLE_NAMES = dict(_CAST_NAMES.values())
_LONG_DIGITS = 19  # a BigDecimal with more fits no Long, and as an integer it may fill the memory


def cast(value: Any, wanted: GType) -> Any:
    """A number in the wanted type, fractions cut off for integers.

    Raises:
        ArithmeticFailure: it does not fit; the text is TinkerPop's.
    """
    kind, name = _CAST_NAMES[wanted]
    source = _number_type(value)
    if source is kind:
        return value
    overflow = f"Can't convert number of type {_SIMPLE_NAMES[source]} to {name} due to overflow."
    if kind in (Decimal, BigInteger):
        if isinstance(value, float) and not math.isfinite(value):
            first = "N" if is_nan(value) else "I"
            raise ArithmeticFailure(
                f"Character {first} is neither a decimal digit number, decimal point, nor"
                ' "e" notation exponential mark.'
            )
        return as_decimal(value) if kind is Decimal else as_big_integer(value)
    if kind in (float, Float):
        return _cast_to_real(value, kind, overflow)
    if is_nan(value):
        raise ArithmeticFailure(f"Can't convert NaN to {name}.")
    if isinstance(value, float) and math.isinf(value):
        raise ArithmeticFailure(f"Can't convert floating point infinity to {name}.")
    if isinstance(value, Decimal) and value.adjusted() > _LONG_DIGITS:
        raise ArithmeticFailure(overflow)
    whole = int(value)
    low, high = _BOUNDS[kind]
    if whole < _BOUNDS[Long][0] and isinstance(value, float):
        raise ArithmeticFailure(overflow.replace("overflow", "underflow"))
    if not low <= whole <= high:
        raise ArithmeticFailure(overflow)
    return kind(whole)


def _cast_to_real(value: Any, kind: type, overflow: str) -> float:
    try:
        number = float(value) if not isinstance(value, Float) else float(float_digits(value))
    except OverflowError:
        raise ArithmeticFailure(overflow) from None
    if isinstance(value, float) and not math.isfinite(value):
        return Float(value) if kind is Float else float(value)
    if math.isinf(number) or (kind is Float and abs(number) > FLOAT_MAX):
        raise ArithmeticFailure(overflow)
    return to_float(number) if kind is Float else number
