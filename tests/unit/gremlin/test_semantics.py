"""Equality, comparison, order and keys of Gremlin values."""

from __future__ import annotations

import datetime
import math
import uuid
from decimal import Decimal
from typing import Any

import pytest

from workflow.gremlin.semantics import comparison as semantics
from workflow.gremlin.semantics.comparison import Incomparable, compare, equals, is_of_type, order_key, type_of
from workflow.gremlin.semantics.keys import GMap, distinct, hash_key
from workflow.gremlin.semantics.predicates import compile_value, members
from workflow.gremlin.semantics.values import BigInteger, Byte, Char, Float, GSet, GType, Long, MapEntry, Short
from workflow.gremlin.traversal import P

ONES = [Byte(1), Short(1), 1, Long(1), BigInteger(1), Float(1.0), 1.0, Decimal(1)]
NAN = math.nan


@pytest.mark.parametrize("one", ONES, ids=lambda value: type(value).__name__)
def test_one_equals_one_in_every_number_type(one: Any) -> None:
    assert all(equals(one, other) for other in ONES)


def test_numbers_of_different_types_are_different_keys() -> None:
    assert len({hash_key(one) for one in [*ONES, True]}) == len(ONES) + 1


@pytest.mark.parametrize(
    ("a", "b"),
    [(1, "1"), (1, True), (None, False), (NAN, NAN), (NAN, 1), ([1], GSet([1])), ({}, []), ("a", Char("a"))],
)
def test_values_of_different_types_and_nan_are_never_equal(a: Any, b: Any) -> None:
    assert not equals(a, b)


@pytest.mark.parametrize(
    ("a", "b"), [([1, 2.0], (Long(1), 2)), (GSet([1, 2]), {2, 1}), ({"a": 1}, {"a": Long(1)}), (None, None)]
)
def test_containers_are_equal_when_their_members_are(a: Any, b: Any) -> None:
    assert equals(a, b)


def test_lists_with_nan_inside_are_not_equal() -> None:
    assert not equals([NAN], [NAN])


@pytest.mark.parametrize(("a", "b"), [(1, "1"), (None, 1), (NAN, 1), (1, NAN), ([1], ["a"]), (True, 1)])
def test_comparing_across_types_raises(a: Any, b: Any) -> None:
    with pytest.raises(Incomparable):
        compare(a, b)


@pytest.mark.parametrize(("a", "b"), [(1, 2.5), ("a", "b"), ([1, 2], [1, 3]), ([1], [1, 0]), (False, True)])
def test_comparing_within_a_type_gives_less(a: Any, b: Any) -> None:
    assert compare(a, b) < 0 < compare(b, a)


def test_order_is_total_with_null_first_and_nan_after_infinity() -> None:
    moment = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    name = uuid.UUID(int=1)
    expected = [
        None,
        False,
        True,
        -math.inf,
        1,
        Decimal("1.5"),
        math.inf,
        NAN,
        moment,
        "a",
        name,
        GSet([1]),
        [1],
        {"a": 1},
    ]
    backwards = expected[::-1]
    assert sorted(backwards, key=order_key) == expected


def test_strings_are_ordered_by_utf16_code_unit() -> None:
    # U+1F600 is written D83D DE00, which comes before FF21
    assert sorted(["\uff21", "\U0001f600"], key=order_key) == ["\U0001f600", "\uff21"]


def test_uuids_are_ordered_by_signed_halves() -> None:
    high = uuid.UUID("ffffffff-0000-0000-0000-000000000000")
    low = uuid.UUID("00000000-0000-0000-0000-000000000001")
    assert sorted([low, high], key=order_key) == [high, low]


def test_distinct_keeps_the_first_and_one_nan() -> None:
    found = distinct([1, Long(1), 1, NAN, NAN, [1], [1], "a"])
    assert [type(value) for value in found] == [int, Long, float, list, str]


def test_a_map_tells_keys_of_different_number_types_apart() -> None:
    found = GMap([(1, "int"), (1.0, "double"), (True, "bool"), ([1], "list")])
    assert (found[1], found[1.0], found[True], found[[1]]) == ("int", "double", "bool", "list")


def test_a_map_keeps_the_first_key_and_the_last_value() -> None:
    found = GMap([("a", 1), ("b", 2), ("a", 3)])
    assert list(found.items()) == [("a", 3), ("b", 2)]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, GType.BOOLEAN),
        (1, GType.INT),
        (Long(1), GType.LONG),
        (Float(1), GType.FLOAT),
        (Decimal(1), GType.BIGDECIMAL),
        (Char("a"), GType.CHAR),
        ("a", GType.STRING),
        (GSet(), GType.SET),
        ((), GType.LIST),
        (GMap(), GType.MAP),
        (None, GType.NULL),
        (MapEntry(1, 2), None),
        (b"", GType.BINARY),
    ],
)
def test_each_value_has_its_type(value: Any, expected: GType | None) -> None:
    assert type_of(value) is expected


def test_every_number_is_a_number_and_a_boolean_is_none() -> None:
    assert all(is_of_type(one, GType.NUMBER) for one in ONES)
    assert not is_of_type(True, GType.NUMBER)


def test_every_type_but_null_has_a_class_or_is_told_by_its_interface() -> None:
    assert semantics.java_class(1) == "class java.lang.Integer"
    assert semantics.java_class([]) == "class java.util.ArrayList"


def test_minimum_and_maximum_give_the_common_type_and_pass_over_null_and_nan() -> None:
    smallest = semantics.minimum(1, Long(2))
    assert (smallest, type(smallest)) == (1, Long)
    assert semantics.maximum(None, 3) == 3
    assert semantics.maximum(NAN, 3) == 3
    assert semantics.maximum("a", "b") == "b"


@pytest.mark.parametrize("args", [(1, 2), ([1, 2],), ((1, 2),), ({1, 2},)])
def test_the_values_of_within_may_be_written_one_by_one_or_as_a_collection(args: tuple[Any, ...]) -> None:
    assert sorted(members(P("within", args))) == [1, 2]
    within, without = compile_value(P("within", args)), compile_value(P("without", args))
    assert [within(value) for value in (1, 2, 3)] == [True, True, False]
    assert [without(value) for value in (1, 2, 3)] == [False, False, True]
