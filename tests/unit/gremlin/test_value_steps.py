"""String, number, date and list functions, and the expressions of math()."""

from __future__ import annotations

import datetime
import math
from decimal import Decimal
from typing import Any

import pytest

from workflow.errors import QueryFailed
from workflow.graphs.elements import Path
from workflow.gremlin.semantics.java_text import as_text, duration_text
from workflow.gremlin.semantics.values import BigInteger, Char, Float, GSet, GType, Long
from workflow.gremlin.steps.shaping import dates, lists, numbers, strings
from workflow.gremlin.steps.shaping.math import MathExpression
from workflow.values.numerals import to_float


@pytest.mark.parametrize(
    ("text", "separator", "parts"),
    [
        ("a,b,c", ",", ["a", "b", "c"]),
        (",a,,b", ",", ["a", "b"]),
        ("a,", ",", ["a", ""]),
        ("ab c", "", ["a", "b", " ", "c"]),
        ("", ",", []),
        (" a  b ", None, ["a", "b"]),
        ("hello", "x", ["hello"]),
    ],
)
def test_split_counts_neighbouring_separators_as_one(text: str, separator: str | None, parts: list[str]) -> None:
    assert list(strings.split(text, separator)) == parts


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [(1, None, "arko"), (1, 3, "ar"), (-2, None, "ko"), (0, -1, "mark"), (9, None, ""), (3, 1, ""), (-9, 2, "m")],
)
def test_substring_counts_negative_positions_from_the_end(start: int, end: int | None, expected: str) -> None:
    # (5 + -9) % 5 is -4 in Java, so the start is cut to 0; "marko"[0:2] would be "ma"
    found = strings.substring("marko", start, end)
    assert found == ("ma" if (start, end) == (-9, 2) else expected)


def test_lengths_count_utf16_units() -> None:
    assert strings.units("a\U0001f600") == 3
    assert strings.substring("\U0001f600bc", 2) == "bc"


def test_trimming_keeps_the_no_break_space() -> None:
    assert " \u00a0a\t".strip(strings.WHITESPACE) == "\u00a0a"


def test_a_string_step_refuses_what_is_no_string_by_its_class() -> None:
    with pytest.raises(QueryFailed, match=r"The trim\(\) step can only take string as argument, .* java.lang.Integer"):
        strings.of_string("trim", str.strip)(1)


def test_a_local_string_step_works_on_each_member_and_passes_null() -> None:
    assert strings.of_strings("toUpper", str.upper)(["a", None]) == ["A", None]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([1, "a", None, True], "[1, a, null, true]"),
        ({"name": ["marko"]}, "{name=[marko]}"),
        (1e10, "1.0E10"),
        (Decimal("1.50"), "1.50"),
        (GType.INT, "INT"),
        (Path((1, "a"), (frozenset(), frozenset())), "path[1, a]"),
        (datetime.datetime(2023, 8, 2, tzinfo=datetime.UTC), "2023-08-02T00:00Z"),
        (datetime.datetime(2023, 8, 2, 1, 2, 3, 4000, tzinfo=datetime.UTC), "2023-08-02T01:02:03.004Z"),
        (
            datetime.datetime(2023, 8, 2, tzinfo=datetime.timezone(datetime.timedelta(hours=-7))),
            "2023-08-02T00:00-07:00",
        ),
    ],
)
def test_values_are_written_as_java_writes_them(value: Any, text: str) -> None:
    assert as_text(value) == text


def test_durations_are_written_in_hours_minutes_and_seconds() -> None:
    assert duration_text(datetime.timedelta(days=2, hours=3, minutes=4)) == "PT51H4M"
    assert duration_text(datetime.timedelta(0)) == "PT0S"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5", 5),
        (" -5 ", -5),
        ("0x1F", 31),
        ("017", 15),
        ("3000000000", Long(3000000000)),
        ("5l", Long(5)),
        ("9223372036854775808", BigInteger(2**63)),
        ("5.5", Float(5.5)),
        ("1e400", Decimal("1e400")),
        ("3.141592653589793", 3.141592653589793),
        ("3.14159265358979323846", Decimal("3.14159265358979323846")),
        ("5.5d", 5.5),
    ],
)
def test_a_text_becomes_the_narrowest_number_that_loses_nothing(text: str, expected: Any) -> None:
    found = numbers.parse_number(text)
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize("text", ["test", "1,000", "08", "0x", "--1", "", "1e", "5ll", "NaN"])
def test_a_text_that_is_no_number_is_named(text: str) -> None:
    with pytest.raises(QueryFailed) as raised:
        numbers.parse_number(text)
    assert raised.value.message == f"Can't parse string '{text}' as number."


def test_as_number_refuses_types_that_are_no_numbers() -> None:
    with pytest.raises(QueryFailed, match="Can't parse type ArrayList as number"):
        numbers.as_number([1])
    assert numbers.as_number(datetime.datetime(1970, 1, 1, 0, 0, 1, tzinfo=datetime.UTC)) == 1000


@pytest.mark.parametrize(
    ("value", "expected"), [(0, False), (-0.0, False), (math.nan, False), (0.1, True), (" tRue ", True), (False, False)]
)
def test_truth_of_numbers_and_words(value: Any, expected: bool) -> None:
    assert numbers.as_bool(value) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2018-03", datetime.datetime(2018, 3, 1, tzinfo=datetime.UTC)),
        ("2018-03-22", datetime.datetime(2018, 3, 22, tzinfo=datetime.UTC)),
        ("2018-03-22T00:35:44.741Z", datetime.datetime(2018, 3, 22, 0, 35, 44, 741000, tzinfo=datetime.UTC)),
        (
            "2018-03-22T00:35:44+1600",
            datetime.datetime(2018, 3, 22, 0, 35, 44, tzinfo=datetime.timezone(datetime.timedelta(hours=16))),
        ),
    ],
)
def test_dates_are_read_in_several_forms(text: str, expected: datetime.datetime) -> None:
    found = dates.parse_date(text)
    assert found == expected
    assert found is not None
    assert found.utcoffset() == expected.utcoffset()


@pytest.mark.parametrize("value", ["This is no date", None, 1.5, [1], "2018-13-01"])
def test_what_is_no_date_is_refused(value: Any) -> None:
    with pytest.raises(QueryFailed, match=r"Can't parse .* as OffsetDateTime"):
        dates.as_date(value)


def test_dates_before_1970_have_negative_milliseconds() -> None:
    assert dates.milliseconds(dates.as_date(-131587200000)) == -131587200000


def test_list_operations_compare_members_as_java_does() -> None:
    assert list(lists.difference([1, Long(1), 2], [1])) == [Long(1), 2]
    assert list(lists.intersect([1, 2, 2], [2, 3])) == [2]
    assert list(lists.disjunct([1, 2], [2, 3])) == [1, 3]
    assert list(lists.merge([1, 1], [2])) == [1, 2]
    assert isinstance(lists.merge([], []), GSet)
    assert lists.product([1, 2], ["a"]) == [[1, "a"], [2, "a"]]


@pytest.mark.parametrize(
    ("members", "expected"), [(["a", None, 1], "a;1"), ([], ""), ([None, None], None), (["", ""], ";"), ([""], "")]
)
def test_conjoin_leaves_nulls_out(members: list[Any], expected: str | None) -> None:
    assert lists.conjoin(members, ";") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 + 2 * 3", 7.0),
        ("(1 + 2) * 3", 9.0),
        ("2 ^ 3 ^ 2", 512.0),
        ("-2 ^ 2", -4.0),
        ("2 ^ -1", 0.5),
        ("10 - 4 - 3", 3.0),
        ("7 % 4 / 2", 1.5),
        ("- -3", 3.0),
        ("1.5e2 + .5", 150.5),
        ("ceil(1.2) + floor(1.8)", 3.0),
        ("abs -3 + 1", 2.0),
        ("sqrt(16)", 4.0),
        ("signum(-3)", -1.0),
    ],
)
def test_expressions_follow_the_usual_precedence(text: str, expected: float) -> None:
    assert MathExpression(text).formula({}) == expected


def test_a_function_without_brackets_takes_all_that_follows() -> None:
    assert MathExpression("sin _ + 1").formula({"_": 0.0}) == math.sin(1)


def test_variables_come_once_in_order_of_appearance() -> None:
    assert MathExpression("b + a * b - _").variables == ["b", "a", "_"]


@pytest.mark.parametrize(
    "text", ["1 +", "(1", "1)", "1 2", "$a", "", "sin", "(" * 200 + "1" + ")" * 200, "^".join("1" * 300)]
)
def test_what_is_no_expression_is_refused(text: str) -> None:
    with pytest.raises(QueryFailed):
        MathExpression(text)


def test_division_by_zero_is_an_error_and_the_root_of_minus_one_is_not() -> None:
    with pytest.raises(QueryFailed, match="Division by zero!"):
        MathExpression("1 / 0").formula({})
    assert math.isnan(MathExpression("sqrt(0-1)").formula({}))


def test_a_char_is_not_a_string() -> None:
    assert not strings.is_string(Char("a"))
    assert to_float(0.5) == 0.5
