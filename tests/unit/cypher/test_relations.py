"""Equality, comparison, order and equivalence of openCypher's values."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest

from workflow.cypher.errors import CypherArithmeticError, CypherTypeError
from workflow.cypher.semantics import arithmetic as a
from workflow.cypher.semantics.relations import compare, equals, equivalence_key, less, order_key
from workflow.values.moments import Date, Duration, LocalDateTime, LocalTime, ZonedDateTime, ZonedTime
from workflow.values.numbers import Long

NAN = math.nan


@pytest.mark.parametrize(
    ("left", "right", "answer"),
    [
        (1, 1.0, True),
        (Long(1), 1, True),
        (1, True, False),
        (1, "1", False),
        (None, 1, None),
        (None, None, None),
        ([1, None], [1, None], None),
        ([1, 2], [1, None, 3], False),
        ([1, None], [2, None], False),
        ({"a": 1}, {"a": 1.0}, True),
        ({"a": None}, {"a": 1}, None),
        ({"a": 1}, {"b": 1}, False),
        (NAN, NAN, False),
        (Duration(12), Duration(12), True),
        (Duration(0, 1), Duration(0, 0, 86_400), False),
    ],
)
def test_equality_is_ternary(left: Any, right: Any, answer: bool | None) -> None:
    assert equals(left, right) is answer


@pytest.mark.parametrize(
    ("left", "right", "answer"),
    [
        (1, 1.5, True),
        (2, 1, False),
        ("a", "b", True),
        (False, True, True),
        (1, "a", None),
        ([1], [1, None], True),
        ({}, {}, None),
        (NAN, 1, False),
        (None, 1, None),
        (Date(1), Date(2), True),
        (Duration(1), Duration(2), None),
        (ZonedTime(0, 3600), ZonedTime(0, 0), True),
    ],
)
def test_what_is_less_may_be_unknown(left: Any, right: Any, answer: bool | None) -> None:
    assert less(left, right) is answer


def test_values_of_all_kinds_have_one_order() -> None:
    ordered: list[Any] = [
        {"a": 1},
        [],
        [1],
        [1, None],
        ZonedDateTime(0, 0, 0),
        LocalDateTime(0, 0),
        Date(0),
        ZonedTime(0, 0),
        LocalTime(0),
        Duration(1),
        "",
        "a",
        False,
        True,
        -1.5,
        0,
        1,
        math.inf,
        NAN,
        None,
    ]
    for shuffled in (ordered[::-1], ordered[7:] + ordered[:7]):
        assert [repr(one) for one in sorted(shuffled, key=order_key)] == [repr(one) for one in ordered]


def test_equivalent_values_share_a_key_and_no_others_do() -> None:
    groups: list[list[Any]] = [
        [1, 1.0, Long(1)],
        [True],
        ["1"],
        [None],
        [NAN, float("nan")],
        [[1, None], [1.0, None]],
        [{"a": NAN}, {"a": NAN}],
        [0, 0.0, -0.0],
        [Date(1)],
        [LocalTime(1)],
    ]
    for group in groups:
        assert len({equivalence_key(one) for one in group}) == 1
    assert len({equivalence_key(one) for one in itertools.chain(*groups)}) == len(groups)


def test_lists_compare_member_by_member() -> None:
    assert compare([1, 2], [1, 3]) == -1
    assert compare([1, "a"], [1, 2]) is None


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (a.divide(7, 2), 3),
        (a.divide(-7, 2), -3),
        (a.remainder(-7, 3), -1),
        (a.divide(7, 2.0), 3.5),
        (a.divide(1.0, 0), math.inf),
        (a.divide(-1.0, 0.0), -math.inf),
        (a.power(2, 3), 8.0),
        (a.add("a", 1), "a1"),
        (a.add([1], 2), [1, 2]),
        (a.add([1], [2]), [1, 2]),
        (a.add(1, None), None),
        (a.add("a", 1.0), "a1.0"),
        (a.multiply(2, Duration(1, 2)), Duration(2, 4)),
        (a.add(Date(0), Duration(1)), Date(31)),
    ],
)
def test_arithmetic(found: Any, wanted: Any) -> None:
    assert found == wanted
    assert type(found) is type(wanted)


def test_integers_overflow_aloud_and_floats_do_not() -> None:
    with pytest.raises(CypherArithmeticError, match="64 bits"):
        a.add(2**63 - 1, 1)
    with pytest.raises(CypherArithmeticError, match="by zero"):
        a.divide(1, 0)
    assert a.multiply(1e308, 10) == math.inf
    assert math.isnan(a.divide(0.0, 0))
    with pytest.raises(CypherTypeError):
        a.subtract("a", 1)
