"""Sums, quotients, overflow and casts between number types."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pytest

from workflow.gremlin.semantics.comparison import ArithmeticFailure, add, cast, div, mean, mul, sub
from workflow.gremlin.semantics.values import BigInteger, Byte, Float, GType, Long, Short
from workflow.values.numerals import shortest, to_float

INT_MAX, LONG_MAX = 2**31 - 1, 2**63 - 1


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (1, 1, 2),
        (Byte(100), Byte(100), Short(200)),
        (Short(30000), Short(30000), 60000),
        (INT_MAX, 1, Long(2**31)),
        (1, Long(1), Long(2)),
        (1, Float(1), Float(2)),
        (Long(1), Float(1), 2.0),
        (BigInteger(1), 1.0, Decimal("2.0")),
        (BigInteger(LONG_MAX), 1, BigInteger(2**63)),
        (Float(3e38), Float(3e38), 6.0e38),
        (1e308, 1e308, math.inf),
    ],
)
def test_sums_take_the_common_type_and_widen_on_overflow(a: Any, b: Any, expected: Any) -> None:
    found = add(a, b)
    assert type(found) is type(expected)
    assert math.isclose(found, expected, rel_tol=1e-6)


def test_a_sum_beyond_long_is_an_error() -> None:
    with pytest.raises(ArithmeticFailure, match="long overflow"):
        add(Long(LONG_MAX), 1)


def test_null_on_either_side_leaves_the_left() -> None:
    assert (add(None, 1), add(1, None), sub(None, None)) == (None, 1, None)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [(7, 2, 3), (-7, 2, -3), (7.0, 2, 3.5), (1.0, 0, math.inf), (Decimal(1), Decimal(8), Decimal("0.125"))],
)
def test_quotients_truncate_between_integers_only(a: Any, b: Any, expected: Any) -> None:
    assert div(a, b) == expected


def test_an_endless_decimal_quotient_has_ten_places() -> None:
    assert div(Decimal(1), Decimal(3)) == Decimal("0.3333333333")


def test_integer_division_by_zero_is_an_error() -> None:
    with pytest.raises(ArithmeticFailure, match="/ by zero"):
        div(1, 0)


def test_the_smallest_integer_by_minus_one_widens() -> None:
    found = div(-(2**31), -1)
    assert (found, type(found)) == (2**31, Long)


def test_products_of_large_integers_widen_once() -> None:
    found = mul(INT_MAX, 2)
    assert (found, type(found)) == (2 * INT_MAX, Long)


def test_the_mean_of_integers_is_a_double_and_of_nothing_null() -> None:
    assert mean([(1, 1), (2, 1)]) == 1.5
    assert mean([(2, 3), (6, 1)]) == 3.0
    assert mean([(None, 2)]) is None


@pytest.mark.parametrize(
    ("value", "wanted", "expected"),
    [
        (3.9, GType.INT, 3),
        (-3.9, GType.INT, -3),
        (300, GType.SHORT, Short(300)),
        (Float(0.1), GType.DOUBLE, 0.1),
        (1, GType.BIGDECIMAL, Decimal(1)),
        (Decimal("1.9"), GType.BIGINT, BigInteger(1)),
    ],
)
def test_casts_cut_fractions_and_keep_decimal_digits(value: Any, wanted: GType, expected: Any) -> None:
    if isinstance(value, Float):
        value = to_float(value)
    found = cast(value, wanted)
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("value", "wanted", "text"),
    [
        (300, GType.BYTE, "Can't convert number of type Integer to Byte due to overflow."),
        (math.nan, GType.INT, "Can't convert NaN to Integer."),
        (math.inf, GType.LONG, "Can't convert floating point infinity to Long."),
        (1e300, GType.FLOAT, "Can't convert number of type Double to Float due to overflow."),
        (Long(2**40), GType.INT, "Can't convert number of type Long to Integer due to overflow."),
    ],
)
def test_casts_that_do_not_fit_are_refused(value: Any, wanted: GType, text: str) -> None:
    with pytest.raises(ArithmeticFailure) as raised:
        cast(value, wanted)
    assert raised.value.message == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1.0"),
        (0.5, "0.5"),
        (100.25, "100.25"),
        (1e7, "1.0E7"),
        (9999999.0, "9999999.0"),
        (0.001, "0.001"),
        (0.0001, "1.0E-4"),
        (-0.0, "-0.0"),
        (math.inf, "Infinity"),
        (1.2345e20, "1.2345E20"),
    ],
)
def test_doubles_are_written_as_java_writes_them(value: float, text: str) -> None:
    assert shortest(value) == text


def test_a_float_is_written_with_its_own_digits() -> None:
    assert shortest(to_float(0.1)) == "0.1"


def test_nan_counts_as_zero_beside_an_integer_and_stays_beside_a_double() -> None:
    assert (add(math.nan, 1), type(add(math.nan, 1))) == (1, int)
    assert math.isnan(add(math.nan, 1.0))
