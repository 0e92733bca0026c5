"""Queries of one line that would take the machine down are refused, or end with their time."""

from __future__ import annotations

import math
from typing import Any

import pytest

from workflow.errors import MalformedQuery, MemoryLimitExceeded, QueryFailed, TimeLimitExceeded
from workflow.graphs.store.store import EmbeddedGraph
from workflow.gremlin.engine import Engine, QueryOptions
from workflow.gremlin.lang import parse
from workflow.gremlin.semantics import predicates
from workflow.gremlin.semantics.predicates import repeats, unbounded
from workflow.values import limits

TRILLION = "g.inject(1).repeat(union(identity(),identity())).times(40)"


def run(text: str, timeout_s: float = 0.2) -> list[Any]:
    engine = Engine(EmbeddedGraph(profile="tinkerpop"), "tinkerpop")
    found = engine.run(parse(text)[0].traversal, QueryOptions(timeout_s=timeout_s))
    return [t.value for t in found for _ in range(t.bulk)]


@pytest.mark.parametrize(
    "text",
    [
        "g.inject('aaaaaaaaaa').repeat(concat(identity())).times(60)",
        "g.inject('aaaaaaaaaa')" + ".replace('a','aaaaaaaaaa')" * 12,
        "g.inject('aaaaaaaaaa').repeat(format('%{_}%{_}')).times(60)",
        f"g.inject(['a','b']).repeat(conjoin('{'x' * 1000}').map(union(identity(),identity()).fold())).times(60)",
        "g.inject([1,2]).repeat(combine(identity())).times(60)",
        "g.inject([1,2,3,4,5,6,7,8]).repeat(product(identity())).times(10)",
        "g.withSack(9999999999999999999999n).inject(1).repeat(sack(mult).by(sack())).times(60).sack()",
        "g.inject(1e999999999m).asNumber(GType.BIGINT)",
        TRILLION + ".fold()",
        TRILLION + ".aggregate('x').cap('x')",
        TRILLION + ".group().by().by(fold())",
        TRILLION + ".sample(2000000000)",
        TRILLION + ".tail(2000000000).fold()",
    ],
)
def test_what_would_fill_the_memory_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_MEMBERS", 1 << 16)
    with pytest.raises(MemoryLimitExceeded):
        run(text, timeout_s=30)


@pytest.mark.parametrize(
    "text",
    [
        "g.inject(1)" + ".union(identity(),identity())" * 40 + ".is(2)",
        "g.inject([1,2,3,4,5,6,7,8])" + ".unfold().map(constant([1,2,3,4,5,6,7,8]))" * 12 + ".is(2)",
        TRILLION + ".local(identity()).is(2)",
        TRILLION + ".coin(0.5)",
        TRILLION + ".fold(0,sum)",
        TRILLION + ".addV('x')",
    ],
)
def test_the_time_of_a_query_ends_it_wherever_it_is(text: str) -> None:
    with pytest.raises(TimeLimitExceeded):
        run(text)


def test_numbers_beyond_every_type_are_an_overflow_and_no_failure_of_ours() -> None:
    for text in ("g.inject(1e999999999m, 1m).sum()", "g.inject(1e999999999m).asNumber(GType.LONG)"):
        with pytest.raises(QueryFailed, match="overflow"):
            run(text)


def test_an_integer_beyond_every_double_is_infinite_where_a_double_is_wanted() -> None:
    # as Java's doubleValue() has it
    for text in ("g.inject(%sn).math('_ + 1')", "g.inject(-%sn).math('-_')"):
        assert run(text % ("9" * 400)) == [math.inf]


@pytest.mark.parametrize("text", [f"{'9' * 5000}", f"{'9' * 5000}n", f"0x{'f' * 5000}n", f"-{'9' * 4290}n"])
def test_an_integer_that_nobody_could_write_is_not_read(text: str) -> None:
    with pytest.raises(MalformedQuery, match=r"an integer (has|of) more than (4300 digits|14000 bits)"):
        run(f"g.inject({text})")


def test_a_sum_that_nobody_could_write_is_refused() -> None:
    # 9…9 of 4214 digits has 13999 bits, and its eightfold 14002
    nines = "9" * 4214 + "n"
    assert len(str(run(f"g.inject({nines})")[0])) == 4214
    with pytest.raises(MemoryLimitExceeded, match="more than 14000 bits"):
        run(f"g.inject({', '.join([nines] * 8)}).sum()")


@pytest.mark.parametrize("text", ["coin(NaN)", "limit(NaN)", "range(NaN, 1)", "sample(NaN)", "tail(NaN)"])
def test_what_is_no_number_is_refused_where_a_number_is_wanted(text: str) -> None:
    with pytest.raises(QueryFailed, match=r"takes a (probability|whole number)"):
        run(f"g.inject(1).{text}")


def test_the_share_of_a_random_surfer_is_a_number() -> None:
    with pytest.raises(QueryFailed, match=r"pageRank\(\) takes a finite number and not nan"):
        run("g.withComputer().V().pageRank(NaN)")


def test_a_text_full_of_unfinished_placeholders_is_formatted_as_it_stands() -> None:
    text = "%{" * 50_000
    assert run(f"g.inject(1).format('{text}')", timeout_s=60) == [text]


@pytest.mark.parametrize("pattern", ["^(a|a)*$", "(a|aa)+$"])
def test_a_regular_expression_that_never_ends_is_ended(pattern: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predicates, "MATCH_TIMEOUT_S", 0.05)
    with pytest.raises(QueryFailed, match="write a simpler expression"):
        run(f"g.inject('{'a' * 60}b').is(regex('{pattern}'))", timeout_s=60)


@pytest.mark.parametrize("pattern", ["a{999999999}", "(((a{1000}){1000}){1000}){1000}", "a" * 3000])
def test_a_regular_expression_that_would_be_written_out_too_long_is_refused(pattern: str) -> None:
    with pytest.raises(QueryFailed, match="write a simpler one"):
        run(f"g.inject('a').is(regex('{pattern}'))")


@pytest.mark.parametrize(
    ("pattern", "times"),
    [
        ("abc", 1),
        ("a{3}b{2,5}", 5),
        ("(a{10}b{3}){20}", 200),
        ("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}", 8),
        (r"\{3\}[{4}]", 1),
        ("((a{2}){,3}){4,}", 24),
    ],
)
def test_parts_of_a_pattern_are_counted_as_they_are_nested(pattern: str, times: int) -> None:
    assert repeats(pattern) == times


def test_ordinary_regular_expressions_find_as_before() -> None:
    assert run("g.inject('marko','josh').is(regex('^m.*o$'))") == ["marko"]
    assert run("g.inject('2024-01-31','x').is(notRegex('[0-9]{4}-[0-9]{2}-[0-9]{2}'))") == ["x"]
    with pytest.raises(QueryFailed, match="Not a regular expression"):
        run("g.inject('a').is(regex('('))")


@pytest.mark.parametrize(
    ("pattern", "power"),
    [
        ("^Os", 1),
        ("^Os.*", 2),  # the star may stop anywhere, for each place to begin at
        ("a+b*c{2,}", 4),
        ("a?a?a", 3),
        (r"a\+[*+]", 1),  # a plus and a class are no repeats
        ("(ab)?c", 99),
        ("(a+)+$", 99),
        (r"(a)\1", 99),
        ("(?=a)b", 99),
        ("(a|b)c", 1),
    ],
)
def test_how_long_a_pattern_may_search_is_told_from_its_repeats(pattern: str, power: int) -> None:
    assert unbounded(pattern) == power
