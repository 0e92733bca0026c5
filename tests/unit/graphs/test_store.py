"""The embedded store by itself."""

from __future__ import annotations

import gc
import threading
import uuid
import weakref
from typing import Any

import numpy as np
import pytest

from workflow.errors import ConstraintViolation, IllegalArgument
from workflow.graphs.elements import Vertex
from workflow.graphs.store.store import EmbeddedGraph
from workflow.graphs.store.versions.batch import Batch, ElementBatch
from workflow.graphs.store.views import StoredGraph
from workflow.settings import Profile
from workflow.values.numbers import Long


def graph_of(*edges: tuple[str, str, str], profile: Profile = "neptune") -> EmbeddedGraph:
    """A graph with the named ends and (source, label, target) edges."""
    graph = EmbeddedGraph(profile=profile)
    tx = graph.begin()
    for end in dict.fromkeys(end for source, _, target in edges for end in (source, target)):
        tx.add_vertex(end, "thing")
    for number, (source, label, target) in enumerate(edges):
        tx.add_edge(f"e{number}", label, row(tx.graph, source), row(tx.graph, target))
    tx.commit()
    return graph


def row(graph: StoredGraph, id: Any) -> int:
    found = graph.vertex_row(id)
    assert found is not None
    return found


def state_of(graph: StoredGraph) -> Any:
    """Everything a reader can see, by ids."""
    return (
        {
            graph.vertex_id(v): (
                graph.vertex_label(v),
                [(p.id, p.key, p.value, p.meta) for p in graph.vertex_properties(v)],
                [graph.vertex_id(n) for n in graph.neighbours(v, "out")],
                [graph.edge_id(e) for e in graph.incident(v, "both")],
            )
            for v in graph.vertices()
        },
        {graph.edge_id(e): (graph.edge_label(e), graph.edge_values(e)) for e in graph.edges()},
    )


def test_a_self_loop_counts_once_each_way_and_twice_for_both() -> None:
    graph = graph_of(("a", "knows", "a"), ("a", "knows", "b"))
    a = row(graph, "a")
    assert [graph.degree(a, way) for way in ("out", "in", "both")] == [2, 1, 3]
    assert graph.neighbours(a, "both") == [a, row(graph, "b"), a]


def test_rows_vanish_with_their_edges_when_a_vertex_is_removed() -> None:
    graph = graph_of(("a", "knows", "b"), ("b", "knows", "a"), ("a", "likes", "a"), ("b", "likes", "c"))
    tx = graph.begin()
    tx.remove_vertex(row(graph, "a"))
    tx.commit()
    assert [graph.edge_id(e) for e in graph.edges()] == ["e3"]
    assert graph.vertex_row("a") is None
    assert (graph.vertex_count(), graph.edge_count()) == (2, 1)
    assert graph.degree(row(graph, "b"), "both") == 1


def test_nobody_sees_a_change_before_it_is_committed_and_a_rollback_leaves_nothing() -> None:
    graph = graph_of(("a", "x", "b"), ("a", "x", "c"), ("a", "x", "d"), ("b", "y", "a"))
    before = state_of(graph)
    tx = graph.begin()
    tx.remove_edge(1)
    tx.set_vertex_property(row(graph, "a"), "name", "A", "single")
    tx.set_label(row(graph, "b"), "other")
    tx.add_edge(None, "x", row(graph, "a"), row(graph, "b"))
    tx.remove_vertex(row(graph, "d"))
    tx.add_vertex("d", "other")
    assert state_of(tx.graph) != before
    assert state_of(graph) == before
    tx.rollback()
    assert state_of(graph) == before
    tx = graph.begin()
    tx.add_vertex("e", "other")
    tx.commit()
    assert [graph.vertex_id(v) for v in graph.vertices()] == ["a", "b", "c", "d", "e"]


def test_a_version_stays_as_it_is_whatever_is_committed_after_it() -> None:
    graph = graph_of(("a", "x", "b"), ("a", "x", "c"), ("c", "y", "c"))
    with graph.reading() as version:
        before = state_of(version)
        csr, found = version.csr(["x"], "out"), version.find_vertices("thing", "name", "A")
        for number in range(5):
            tx = graph.begin()
            tx.add_edge(f"new{number}", "x", row(graph, "a"), tx.add_vertex(f"v{number}", "thing"))
            tx.set_vertex_property(row(graph, "a"), "name", "A", "single")
            tx.set_edge_property(0, "weight", number)
            tx.set_label(row(graph, "c"), f"label{number}")
            tx.commit()
        tx = graph.begin()
        tx.remove_vertex(row(graph, "b"))
        tx.add_vertex("b", "again")
        tx.commit()
        graph.load(Batch(ElementBatch(["loaded"], np.zeros(1, dtype=np.int32), ["thing"])))
        assert state_of(version) == before
        assert (version.vertex_count(), version.edge_count(), version.row_limit()) == (3, 3, 3)
        assert version.vertex_row("b") == 1
        assert version.vertex_row("v0") is None
        assert version.vertex_row("loaded") is None
        assert version.find_vertices("thing", "name", "A") == found == []
        again = version.csr(["x"], "out")
        assert csr is not None
        assert again is not None
        assert [part.tolist() for part in again] == [part.tolist() for part in csr]
        graph.reset()
        assert state_of(version) == before
    assert graph.vertex_count() == 0


def test_a_version_is_freed_when_its_last_reader_has_left() -> None:
    graph = graph_of(("a", "x", "b"))
    with graph.reading() as version:
        state = weakref.ref(version.state)
    del version
    tx = graph.begin()
    tx.add_vertex("c", "thing")
    tx.commit()
    del tx
    gc.collect()
    assert state() is None


def test_a_suspended_transaction_is_invisible_holds_nobody_up_and_comes_back_whole() -> None:
    graph = graph_of(("a", "x", "b"), ("a", "x", "c"))
    before = state_of(graph)
    tx = graph.begin()
    tx.remove_edge(0)
    tx.set_vertex_property(row(graph, "a"), "name", "A", "list")
    tx.set_vertex_property(row(graph, "a"), "name", "B", "list", {"since": 1})
    fresh = tx.add_vertex("d", "thing")
    tx.add_edge("new", "x", fresh, row(graph, "a"))
    inside, seen = state_of(tx.graph), Vertex(tx.graph, fresh)
    tx.suspend()
    assert state_of(graph) == before
    other = graph.begin()
    other.add_vertex("elsewhere", "thing")
    other.rollback()
    # what a request has given can still be read while it is written out
    assert (seen.id, seen.label) == ("d", "thing")
    tx.resume()
    assert state_of(tx.graph) == inside
    tx.commit()
    assert state_of(graph) == inside


def test_a_taken_id_is_refused_in_tinkerpops_words() -> None:
    graph = EmbeddedGraph(profile="tinkerpop")
    tx = graph.begin()
    tx.add_vertex(1, "person")
    with pytest.raises(IllegalArgument, match=r"^Vertex with id already exists: 1$"):
        tx.add_vertex(Long(1), "person")
    tx.add_edge(7, "knows", 0, 0)
    with pytest.raises(IllegalArgument, match=r"^Edge with id already exists: 7$"):
        tx.add_edge(7, "knows", 0, 0)
    tx.commit()


def test_generated_numbers_are_longs_that_nobody_has() -> None:
    graph = EmbeddedGraph(profile="tinkerpop")
    tx = graph.begin()
    tx.add_vertex(1, "person")
    rows = [tx.add_vertex(None, "person") for _ in range(2)]
    edge = tx.add_edge(None, "knows", *rows)
    tx.commit()
    ids = [graph.vertex_id(r) for r in rows] + [graph.edge_id(edge)]
    assert ids == [0, 2, 3]
    assert {type(id) for id in ids} == {Long}
    assert graph.vertex_row(Long(1)) == graph.vertex_row(1) == 0
    assert graph.vertex_row(True) is None


def test_the_neptune_profile_takes_strings_only_and_makes_uuids() -> None:
    graph = EmbeddedGraph()
    tx = graph.begin()
    with pytest.raises(IllegalArgument):
        tx.add_vertex(1, "person")
    made = tx.graph.vertex_id(tx.add_vertex(None, "person"))
    found = uuid.UUID(made)
    assert (found.version, found.variant, str(found)) == (4, uuid.RFC_4122, made)
    assert len({tx.graph.vertex_id(tx.add_vertex(None, "person")) for _ in range(200)}) == 200
    with pytest.raises(ConstraintViolation, match=f"Vertex with id already exists: {made}"):
        tx.add_vertex(made, "person")
    tx.rollback()


def test_one_of_several_labels_finds_the_vertex() -> None:
    graph = EmbeddedGraph()
    tx = graph.begin()
    tx.add_vertex("a", "person::student")
    tx.add_vertex("b", "person")
    tx.commit()
    assert [graph.vertex_id(v) for v in graph.vertices(["student"])] == ["a"]
    assert [graph.vertex_id(v) for v in graph.vertices(["person"])] == ["a", "b"]
    assert graph.vertex_rows(["student"]).tolist() == [0]


@pytest.mark.parametrize("profile", ["neptune", "tinkerpop"])
def test_what_cannot_be_an_id_or_a_label_is_found_nowhere(profile: Profile) -> None:
    graph = graph_of(("a", "x", "b"), profile=profile)
    nonsense: Any
    for nonsense in ([1], {}, None, 1.5, True, object()):
        assert graph.vertex_row(nonsense) is None
        assert graph.edge_row(nonsense) is None
        assert list(graph.vertices([nonsense])) == []
        assert graph.neighbours(0, "both", [nonsense]) == []


@pytest.mark.parametrize(("cardinality", "values"), [("single", [2]), ("set", [1, 2]), ("list", [1, 1, 2])])
def test_cardinality_decides_which_values_stay(cardinality: Any, values: list[int]) -> None:
    graph = graph_of(("a", "x", "b"))
    tx = graph.begin()
    for value in (1, 1, 2):
        tx.set_vertex_property(0, "n", value, cardinality)
    tx.commit()
    assert list(graph.vertex_values(0, "n")) == values
    ids = [p.id for p in graph.vertex_properties(0, ["n"])]
    assert len(set(ids)) == len(ids)


def test_one_of_several_values_can_be_removed_by_its_id() -> None:
    graph = graph_of(("a", "x", "b"))
    tx = graph.begin()
    ids = [tx.set_vertex_property(0, "n", value, "list").id for value in "abc"]
    tx.remove_vertex_property(0, ids[0])
    tx.set_meta_property(0, ids[2], "since", 2009)
    tx.remove_vertex_property(0, ids[1])
    tx.commit()
    assert [(p.value, p.meta) for p in graph.vertex_properties(0)] == [("c", {"since": 2009})]


def test_the_index_follows_writes_and_keeps_true_apart_from_one() -> None:
    graph = graph_of(("a", "x", "b"), ("c", "x", "d"))
    tx = graph.begin()
    for number, value in enumerate((1, True, Long(1), 1.0)):
        tx.set_vertex_property(number, "n", value, "single")
    assert tx.graph.find_vertices(None, "n", 1) == [0, 2, 3]
    assert tx.graph.find_vertices("thing", "n", True) == [1]
    tx.set_vertex_property(0, "n", 5, "single")
    tx.remove_vertex(2)
    assert tx.graph.find_vertices(None, "n", 1) == [3]
    assert tx.graph.find_vertices(None, "n", 5) == [0]
    assert tx.graph.find_vertices(None, "n", [1]) is None
    tx.rollback()
    assert graph.find_vertices(None, "n", 5) == []


def test_csr_agrees_with_single_rows_through_random_writes() -> None:
    rng = np.random.default_rng(7)
    graph = EmbeddedGraph()
    for _ in range(30):
        tx = graph.begin()
        for _ in range(20):
            if rng.random() < 0.4 or tx.graph.vertex_count() < 2:
                tx.add_vertex(None, "v")
            elif rng.random() < 0.8:
                source, target = rng.choice(list(tx.graph.vertices()), 2)
                tx.add_edge(None, str(rng.choice(["x", "y"])), int(source), int(target))
            elif rng.random() < 0.7 and tx.graph.edge_count():
                tx.remove_edge(int(rng.choice(list(tx.graph.edges()))))
            else:
                tx.remove_vertex(int(rng.choice(list(tx.graph.vertices()))))
        (tx.commit if rng.random() < 0.7 else tx.rollback)()
        for labels in (None, ["x"], ["y", "x"], ["nowhere"]):
            for way in ("out", "in", "both"):
                csr = graph.csr(labels, way)
                assert csr is not None
                assert len(csr.indptr) == graph.row_limit() + 1
                for v in graph.vertices():
                    part = slice(csr.indptr[v], csr.indptr[v + 1])
                    assert sorted(csr.edges[part].tolist()) == sorted(graph.incident(v, way, labels))
                    assert sorted(csr.neighbours[part].tolist()) == sorted(graph.neighbours(v, way, labels))
                    assert graph.degree_array(way, labels)[v] == graph.degree(v, way, labels)


def test_a_column_of_one_number_class_is_an_array_and_codes_tell_values_apart() -> None:
    graph = graph_of(("a", "x", "b"), ("c", "x", "d"))
    tx = graph.begin()
    for number, value in enumerate((30, 31, 30)):
        tx.set_vertex_property(number, "age", value, "single")
    numeric = tx.graph.column("age").numeric()
    assert numeric is not None
    assert numeric.kind is int
    assert numeric.present.tolist() == [True, True, True, False]
    assert numeric.values[:3].tolist() == [30, 31, 30]
    codes = tx.graph.column("age").codes()
    assert codes is not None
    assert [codes.values[c] if c >= 0 else None for c in codes.codes.tolist()] == [30, 31, 30, None]
    tx.set_vertex_property(3, "age", True, "single")
    assert tx.graph.column("age").numeric() is None
    mixed = tx.graph.column("age").codes()
    assert mixed is not None
    assert [repr(mixed.values[c]) for c in mixed.codes.tolist()] == ["30", "31", "30", "True"]
    tx.set_vertex_property(3, "age", 5, "list")
    assert tx.graph.column("age").codes() is None
    tx.rollback()


def test_a_large_graph_grown_by_transactions_stays_the_same_when_its_arrays_become_its_base() -> None:
    graph, size = EmbeddedGraph(profile="tinkerpop"), 3000
    tx = graph.begin()
    for number in range(size):
        tx.set_vertex_property(tx.add_vertex(number, "v"), "n", number % 7, "single")
    for number in range(size):
        tx.add_edge(None, "x", number, (number * number) % size)
    tx.commit()

    def look(graph: StoredGraph) -> Any:
        # as a query would, which is what makes the arrays
        csr, numeric = graph.csr(["x"], "in"), graph.column("n").numeric()
        assert csr is not None
        assert numeric is not None
        single = [graph.neighbours(v, "in") for v in graph.vertices()]
        assert [csr.neighbours[csr.indptr[v] : csr.indptr[v + 1]].tolist() for v in graph.vertices()] == single
        held = [list(graph.vertex_values(v, "n")) for v in graph.vertices()]
        assert [
            [value] if there else [] for value, there in zip(numeric.values.tolist(), numeric.present, strict=True)
        ] == held
        return single, held

    before = look(graph)
    tx = graph.begin()
    edge = tx.add_edge(None, "x", 5, 0)
    tx.remove_edge(7)
    tx.set_vertex_property(9, "n", 99, "single")
    tx.remove_vertex_property(10, next(graph.vertex_properties(10)).id)
    changed = look(tx.graph)
    assert 5 in changed[0][0]
    assert changed[1][9:11] == [[99], []]
    assert tx.graph.has_edge(edge)
    tx.rollback()
    assert look(graph) == before


def test_readers_never_see_half_of_a_transaction() -> None:
    graph = graph_of(("a", "x", "b"))
    seen: list[tuple[int, int]] = []
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            with graph.reading() as version:
                seen.append((version.vertex_count(), version.edge_count()))

    watchers = [threading.Thread(target=watch) for _ in range(2)]
    for watcher in watchers:
        watcher.start()
    for _ in range(200):
        tx = graph.begin()
        fresh = tx.add_vertex(None, "thing")
        tx.add_edge(None, "x", fresh, 0)
        tx.suspend()
        tx.resume()
        tx.commit()
    done.set()
    for watcher in watchers:
        watcher.join()
    assert {vertices - edges for vertices, edges in seen} == {1}


def test_a_half_read_result_does_not_stop_a_writer_of_its_own_thread() -> None:
    graph = graph_of(("a", "x", "b"))
    with graph.reading():
        tx = graph.begin()
        tx.add_vertex(None, "thing")
        tx.commit()
    assert graph.vertex_count() == 3


def test_keys_are_listed_in_the_order_of_their_columns_however_a_label_meets_them() -> None:
    graph = EmbeddedGraph(profile="tinkerpop")
    keys = [f"k{n}" for n in range(20)]
    tx = graph.begin()
    first = tx.add_vertex("first", "a")
    for key in keys:
        tx.set_vertex_property(first, key, 1, "single")
    other = tx.add_vertex("other", "b")
    for key in reversed(keys):
        tx.set_vertex_property(other, key, 1, "single")
    tx.commit()
    assert [held.key for held in graph.vertex_properties(graph.vertex_row("other") or 0)] == keys
    assert [held.key for held in graph.vertex_properties(1, ["k7", "k3"])] == ["k7", "k3"]
