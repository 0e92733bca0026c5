"""Transactions that run beside each other do what the same ones do after each other, or are refused."""

from __future__ import annotations

import threading
from pathlib import Path
from random import Random

import pytest

from tests.integration.interleavings import draw, explains, fill, held, one_round, steps
from workflow.errors import ConcurrentModification
from workflow.graphs.store.conflicts import History, WatchedGraph
from workflow.graphs.store.persistence import open_graph
from workflow.graphs.store.store import EmbeddedGraph
from workflow.graphs.store.views import StoredGraph
from workflow.gremlin.engine import Engine, QueryOptions
from workflow.gremlin.lang import parse

ROUNDS = 60
"""``python -m tests.integration.interleavings`` plays thousands."""


def test_drawn_transactions_in_drawn_order_are_explained_by_an_order_of_whole_ones() -> None:
    ends = sum((one_round(seed) for seed in range(ROUNDS)), start=one_round(ROUNDS))
    assert ends["committed"] > 3 * ROUNDS / 2
    assert ends["refused"] > 0


def test_the_same_holds_for_a_graph_in_a_folder(tmp_path: Path) -> None:
    for seed in range(5):
        graph = open_graph(tmp_path / str(seed), log_limit_bytes=500)
        one_round(seed, graph)
        before = held(graph)
        graph.close()
        again = open_graph(tmp_path / str(seed))
        assert held(again) == before
        again.close()


def test_a_store_that_compares_nothing_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(History, "met", lambda self, base, keys: False)
    with pytest.raises(AssertionError, match="no order explains"):
        sum((one_round(seed) for seed in range(2 * ROUNDS)), start=one_round(2 * ROUNDS))


@pytest.mark.parametrize("seed", range(6))
def test_threads_that_run_as_they_like_are_explained_too(seed: int) -> None:
    rng = Random(seed)
    begin, works = draw(rng)
    graph = EmbeddedGraph("g", "neptune")
    fill(graph, begin)
    engine = Engine(graph, "neptune")
    threads = [threading.Thread(target=lambda work=work: list(steps(engine, work))) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    committed = [work for work in works if work.end == "committed"]
    assert explains(begin, committed, held(graph))


def run(session: object, text: str) -> list[object]:
    results = session.run(parse(text)[0].traversal, QueryOptions())  # type: ignore[attr-defined]
    return [t.value for t in results for _ in range(t.bulk)]


def test_write_skew_is_found() -> None:
    """Two doctors are on call; each may leave while the other stays, and both look before they leave."""
    graph = EmbeddedGraph("g", "neptune")
    engine = Engine(graph, "neptune")
    first, second = engine.session(), engine.session()
    run(first, "g.addV('doctor').property(id, 'a').property('on call', true)")
    run(first, "g.addV('doctor').property(id, 'b').property('on call', true)")
    first.commit()
    assert run(first, "g.V().has('doctor', 'on call', true).count()") == [2]
    assert run(second, "g.V().has('doctor', 'on call', true).count()") == [2]
    run(first, "g.V('a').property(single, 'on call', false)")
    run(second, "g.V('b').property(single, 'on call', false)")
    first.commit()
    with pytest.raises(ConcurrentModification):
        second.commit()
    assert [t.value for t in engine.run(parse("g.V().has('on call', true).id()")[0].traversal)] == ["b"]


def test_sessions_on_different_elements_both_commit() -> None:
    graph = EmbeddedGraph("g", "neptune")
    engine = Engine(graph, "neptune")
    first, second = engine.session(), engine.session()
    for session, id in ((first, "a"), (second, "b")):
        run(session, f"g.addV('thing').property(id, '{id}').property('name', '{id}')")
    for session, id in ((first, "c"), (second, "d")):
        look = f"g.V().has('thing', 'name', '{id}').fold()"
        run(session, f"{look}.coalesce(unfold(), addV('thing').property(id, '{id}').property('name', '{id}'))")
    second.commit()
    first.commit()
    assert sorted(t.value for t in engine.run(parse("g.V().id()")[0].traversal)) == ["a", "b", "c", "d"]


def test_two_properties_of_one_vertex_are_two_things() -> None:
    graph = EmbeddedGraph("g", "neptune")
    engine = Engine(graph, "neptune")
    first, second, third = engine.session(), engine.session(), engine.session()
    run(first, "g.addV('thing').property(id, 'a').property('n', 1).property('m', 1)")
    first.commit()
    run(first, "g.V('a').property(single, 'n', 2)")
    assert run(second, "g.V('a').values('n')") == [1]
    run(second, "g.V('a').property(single, 'm', 2)")
    run(third, "g.V('a').property(single, 'o', 2)")
    first.commit()
    third.commit()
    with pytest.raises(ConcurrentModification):
        second.commit()  # what it read was changed, not what it wrote
    assert run(first, "g.V('a').values('n', 'm', 'o').fold()") == [[2, 1, 2]]


def test_a_session_that_only_reads_keeps_its_version_and_is_never_refused() -> None:
    graph = EmbeddedGraph("g", "neptune")
    engine = Engine(graph, "neptune")
    reader = engine.session()
    assert run(reader, "g.V().count()") == [0]
    list(engine.run(parse("g.addV('thing')")[0].traversal))
    assert run(reader, "g.V().count()") == [0]
    reader.commit()
    assert run(reader, "g.V().count()") == [1]


# what never changes for as long as an element lives, what says nothing of the graph, and what asks others
UNWATCHED = {
    "vertex_id", "edge_id", "edge_label", "edge_source", "edge_target", "row_limit", "label_parts", "cells",
    "begin", "reset", "reading", "trouble",
}  # fmt: skip


def test_whatever_can_be_read_of_a_version_is_noted_by_a_transaction() -> None:
    public = {name for name in vars(StoredGraph) if not name.startswith("_")}
    assert public - set(vars(WatchedGraph)) == UNWATCHED
