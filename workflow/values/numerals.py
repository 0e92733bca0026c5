"""Numbers with a fraction as text, in the digits and the notation of Java, which Neptune and its exporter write."""

from __future__ import annotations

import math
import struct
from decimal import Decimal
from typing import SupportsFloat

from workflow.values.numbers import Float

PLAIN_FROM, PLAIN_BELOW = 1e-3, 1e7  # Java writes what lies outside with an exponent


def to_double(value: SupportsFloat) -> float:
    """The nearest number of 64 bits; what is too large becomes infinite, as Java's ``doubleValue`` has it."""
    try:
        return float(value)
    except OverflowError:  # of an integer
        return math.inf if value > 0 else -math.inf  # type: ignore[operator]


def to_float(value: float) -> Float:
    """Rounded to 32 bits; what is too large becomes infinite."""
    try:
        return Float(struct.unpack(">f", struct.pack(">f", value))[0])
    except OverflowError:
        return Float(math.copysign(math.inf, value))


def shortest(value: float) -> str:
    """The digits Java prints for a number: the fewest that name it among its own width, ``1.0E10`` beyond 10^7."""
    if value != value:
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Float):
        return _java_notation(float_digits(value))
    text = float.__repr__(value)
    if PLAIN_FROM <= abs(value) < PLAIN_BELOW:
        return text  # as Java writes it, too
    return _java_notation(text)


def float_digits(value: float) -> str:
    """The fewest digits that name a number among those of 32 bits, as Python writes them."""
    for digits in range(1, 10):
        text = f"{value:.{digits}g}"
        if to_float(float(text)) == value:
            return repr(float(text))
    return repr(float(value))


def _java_notation(text: str) -> str:
    sign, digits, exponent = Decimal(text).normalize().as_tuple()
    prefix = "-" if sign or text.startswith("-") else ""
    figures = "".join(map(str, digits))
    if figures == "0":
        return prefix + "0.0"
    power = len(figures) + int(exponent) - 1  # value = d.ddd × 10^power
    if -3 <= power < 7:
        if power < 0:
            return f"{prefix}0.{'0' * (-power - 1)}{figures}"
        whole = figures[: power + 1].ljust(power + 1, "0")
        return f"{prefix}{whole}.{figures[power + 1 :] or '0'}"
    return f"{prefix}{figures[0]}.{figures[1:] or '0'}E{power}"
