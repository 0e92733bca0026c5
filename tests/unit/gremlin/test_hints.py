"""Neptune's query hints are named in explain() where they are unknown or wrong."""

from __future__ import annotations

import pytest

from workflow.graphs.store.store import EmbeddedGraph
from workflow.gremlin.engine import Engine
from workflow.gremlin.lang import parse
from workflow.gremlin.planning.hints import hint_notes


@pytest.mark.parametrize(
    ("source", "note"),
    [
        ("withSideEffect('Neptune#repaetMode','BFS')", "no hint that is known here; did you mean Neptune#repeatMode?"),
        ("with('Neptune#nothingLikeIt')", "Neptune#nothingLikeIt is no hint that is known here"),
        (
            "withSideEffect('Neptune#repeatMode','dfs')",
            "Neptune#repeatMode can not be 'dfs'; it is one of BFS, DFS",
        ),
        ("with('Neptune#useDFE','true')", "Neptune#useDFE can not be 'true'; it is one of True, False"),
        ("with('Neptune#noReordering')", "Neptune#noReordering changes nothing here"),
        ("with('Neptune#enableResultCacheWithTTL',10)", "Neptune#enableResultCacheWithTTL changes nothing here"),
    ],
)
def test_a_hint_is_named_with_what_is_wrong_with_it(source: str, note: str) -> None:
    engine = Engine(EmbeddedGraph(), "neptune")
    assert note in engine.explain(parse(f"g.{source}.V().out()")[0].traversal)
    assert list(engine.run(parse(f"g.{source}.V()")[0].traversal)) == []


def test_a_query_without_hints_is_told_nothing_of_them() -> None:
    engine = Engine(EmbeddedGraph(), "neptune")
    for text in ("g.V()", "g.with('evaluationTimeout',5).V()", "g.withSideEffect('x',5).V()"):
        assert "Note" not in engine.explain(parse(text)[0].traversal)


def test_what_an_extension_checks_is_no_business_of_the_hints() -> None:
    traversal = parse("g.with('Neptune#own').with('Neptune#zzzzzzzz').V()")[0].traversal
    assert hint_notes(traversal, lambda name: name == "Neptune#own") == [
        "Neptune#zzzzzzzz is no hint that is known here"
    ]
