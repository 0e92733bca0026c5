"""What random traversals showed to differ from a real Gremlin Server, one test a difference."""

from __future__ import annotations

from typing import Any

import pytest

from workflow.errors import QueryFailed
from workflow.graphs.store.store import EmbeddedGraph
from workflow.gremlin.engine import Engine
from workflow.gremlin.lang import parse
from workflow.gremlin.semantics.java_text import as_text


@pytest.fixture
def ask() -> Any:
    engine = Engine(EmbeddedGraph(name="g", profile="tinkerpop"), "tinkerpop")

    def run(text: str) -> list[Any]:
        found: list[Any] = []
        for traverser in engine.run(parse(text)[0].traversal):
            found += [traverser.value] * traverser.bulk
        return found

    run("g.addV('a').property(T.id, 1).property('name', 'x').addE('e').to(__.V(1)).property(T.id, 2)")
    return run


def test_a_stop_without_a_value_is_left_out_of_a_tree(ask: Any) -> None:
    assert [as_text(tree) for tree in ask("g.E().inV().tree().by('name')")] == ["{x={}}"]


def test_a_tree_as_side_effect_refuses_a_stop_without_a_value(ask: Any) -> None:
    with pytest.raises(QueryFailed, match="does not map to a value"):
        ask("g.E().inV().tree('t').by('name')")


def test_a_group_count_as_side_effect_refuses_what_has_no_key(ask: Any) -> None:
    with pytest.raises(QueryFailed, match="does not map to a value"):
        ask("g.V().groupCount('m').by('none')")
    assert ask("g.V().groupCount().by('none')") == [{}]


def test_the_mean_of_nan_and_an_integer_is_no_crash(ask: Any) -> None:
    # NaN does not promote its partner, and an Int adds it as 0: (0 + 2) / 2
    assert ask("g.inject([NaN, 2]).mean(local)") == [1.0]


def test_a_text_predicate_refuses_numbers_and_lets_null_pass_only_where_negated(ask: Any) -> None:
    with pytest.raises(QueryFailed, match=r"java.lang.Integer cannot be cast to class java.lang.String"):
        ask("g.inject(1).is(startingWith('a'))")
    assert ask("g.inject(null).is(startingWith('a'))") == []
    assert ask("g.inject(null).is(notStartingWith('a'))") == [None]


def test_the_mean_of_floats_is_added_up_in_doubles_unless_local(ask: Any) -> None:
    # 0.1f is 0.100000001490116; as Float 0.1 + 0.1 + 1 is 1.20000005
    assert ask("g.inject(0.1f, 0.1f, 1).mean()") == [pytest.approx(0.400000000993, rel=1e-11)]
    assert ask("g.inject([0.1f, 0.1f, 1]).mean(local)") == [pytest.approx(0.400000015894, rel=1e-11)]
    assert ask("g.inject(NaN).mean()") == [0.0]


@pytest.mark.parametrize("text", ["g.inject([1], [2]).max()", "g.inject(1, [2]).min()", "g.V().fold(0, max)"])
def test_lists_and_elements_have_no_largest(ask: Any, text: str) -> None:
    with pytest.raises(QueryFailed, match="cannot be cast to"):
        ask(text)


@pytest.mark.parametrize("kind", ["BIGDECIMAL", "BIGINT"])
def test_nan_and_infinity_have_no_digits(ask: Any, kind: str) -> None:
    for value in ("NaN", "Infinity"):
        with pytest.raises(QueryFailed, match="is neither a decimal digit number"):
            ask(f"g.inject({value}).asNumber(GType.{kind})")


def test_an_empty_list_of_ids_names_every_vertex(ask: Any) -> None:
    assert ask("g.V([]).count()") == [1]
    assert ask("g.V(null).count()") == [0]


@pytest.mark.parametrize("body", ["count()", "out().fold()", "groupCount()"])
def test_what_reduces_can_not_be_repeated(ask: Any, body: str) -> None:
    with pytest.raises(QueryFailed, match="reducing/supplying barrier can not be repeat"):
        ask(f"g.V().repeat({body}).times(2)")
    assert ask("g.V().repeat(out().groupCount('m')).times(2).count()") == [1]


def test_merged_traversers_count_once_behind_a_pattern_that_orders(ask: Any) -> None:
    pattern = "match(__.as('a').out().order().by(id).as('b')).select('b').count()"
    assert ask(f"g.V().union(identity(), identity()).barrier().{pattern}") == [2]
