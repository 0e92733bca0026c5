"""What random traversals showed to differ from a real Gremlin Server, one test a difference."""

from __future__ import annotations

from typing import Any

import pytest

from workflow.errors import QueryFailed
from workflow.graphs.store import EmbeddedGraph
from workflow.gremlin.engine import Engine
from workflow.gremlin.lang import parse
from workflow.gremlin.texts import as_text


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
