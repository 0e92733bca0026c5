"""Writers commit while a bulk load is put into the graph; the load is the last commit, or is told whom it met."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.integration.test_store_damage import contents
from workflow.errors import ConcurrentModification, IllegalArgument
from workflow.graphs.store import store
from workflow.graphs.store.persistence import open_graph
from workflow.graphs.store.store import EmbeddedGraph
from workflow.graphs.store.versions.batch import Batch, ColumnData, ElementBatch
from workflow.graphs.store.versions.text_block import Texts

Work = Callable[[Any], None]


@pytest.fixture(params=["memory", "folder"])
def graph(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EmbeddedGraph]:
    """Two vertices, ``old`` and ``other``, and an edge between them."""
    found = EmbeddedGraph() if request.param == "memory" else open_graph(tmp_path)
    tx = found.begin()
    ends = [tx.add_vertex(id, "v") for id in ("old", "other")]
    tx.add_edge("between", "e", *ends)
    tx.commit()
    del tx  # it has the version, whose rows are kept as long
    yield found
    found.close()


def batch() -> Batch:
    """Vertices a, b, c with names, edges a→b and c→old."""
    names = ColumnData(["A", "B", "C"])
    vertices = ElementBatch(Texts.of("abc"), np.zeros(3, dtype=np.int32), ["loaded"], {"name": names})
    edges = ElementBatch(Texts.of(["ab", "cold"]), np.zeros(2, dtype=np.int32), ["e"])
    ends = Texts.of(["a", "b", "c", "old"])
    return Batch(vertices, edges, ends, np.array([0, 2], dtype=np.int32), np.array([1, 3], dtype=np.int32))


def load_while(graph: EmbeddedGraph, monkeypatch: pytest.MonkeyPatch, *works: Work) -> None:
    """Load, and let another thread commit transactions between the installation and the commit of the load."""
    install = store.install

    def meanwhile() -> None:
        for work in works:
            tx = graph.begin()
            work(tx)
            tx.commit()

    def installed(state: Any, loaded: Batch) -> None:
        install(state, loaded)
        monkeypatch.setattr(store, "install", install)
        thread = threading.Thread(target=meanwhile)
        thread.start()
        thread.join(30)
        assert not thread.is_alive()  # it waits for no load

    monkeypatch.setattr(store, "install", installed)
    graph.load(batch())


def add(id: str) -> Work:
    return lambda tx: tx.add_vertex(id, "v")


def remove(id: str) -> Work:
    return lambda tx: tx.remove_vertex(tx.graph.vertex_row(id))


def write(id: str, key: str, value: Any) -> Work:
    return lambda tx: tx.set_vertex_property(tx.graph.vertex_row(id), key, value, "single")


def ids(graph: EmbeddedGraph) -> list[str]:
    return sorted(graph.vertex_id(row) for row in graph.vertices())


@pytest.mark.parametrize("few", [0, 100])
def test_what_others_commit_meanwhile_stands_beside_what_was_loaded(
    graph: EmbeddedGraph, monkeypatch: pytest.MonkeyPatch, few: int, tmp_path: Path
) -> None:
    monkeypatch.setattr(store, "FEW_COMMITS", few)

    def link(tx: Any) -> None:
        tx.add_edge("late", "e", tx.graph.vertex_row("late"), tx.graph.vertex_row("old"))

    def relabel(tx: Any) -> None:
        tx.set_label(tx.graph.vertex_row("old"), "renamed")

    works = add("late"), link, write("old", "name", "Old"), relabel, remove("other"), add("again"), remove("again")
    load_while(graph, monkeypatch, *works)
    assert ids(graph) == ["a", "b", "c", "late", "old"]
    old = graph.vertex_row("old")
    assert old is not None
    assert graph.vertex_label(old) == "renamed"
    assert list(graph.vertex_values(old, "name")) == ["Old"]
    assert sorted(graph.edge_id(row) for row in graph.edges()) == ["ab", "cold", "late"]
    assert sorted(graph.edge_id(row) for row in graph.incident(old, "in")) == ["cold", "late"]
    assert [graph.vertex_id(row) for row in graph.find_vertices(None, "name", "B") or ()] == ["b"]
    csr = graph.csr(None, "in")
    assert csr is not None
    assert np.diff(csr.indptr)[old] == 2
    if (tmp_path / "CURRENT").exists():
        shutil.copytree(tmp_path, tmp_path / "copy")
        again = open_graph(tmp_path / "copy")
        assert contents(again) == contents(graph)
        again.close()


def test_rows_of_what_went_meanwhile_are_given_again_once(
    graph: EmbeddedGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_while(graph, monkeypatch, remove("other"))
    for number in range(6):
        tx = graph.begin()
        tx.add_vertex(f"new{number}", "v")
        tx.commit()
    rows = [graph.vertex_row(id) for id in ids(graph)]
    assert len(set(rows)) == len(rows) == 10  # old, a, b, c and six
    assert graph.row_limit() == 10  # so one of them has the row of ``other``


def test_no_row_that_the_load_knows_is_given_again_before_it_has_seen_it_go(
    graph: EmbeddedGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    def remove(tx: Any) -> None:
        tx.remove_edge(tx.graph.edge_row("between"))

    def nothing_much(tx: Any) -> None:
        tx.set_vertex_property(tx.graph.vertex_row("old"), "n", 1, "single")

    def add(tx: Any) -> None:
        # from another vertex than the edge that went: who looks for that one by its row would look at the wrong vertex
        tx.add_edge("again", "e", tx.graph.vertex_row("other"), tx.graph.vertex_row("other"))

    load_while(graph, monkeypatch, remove, nothing_much, nothing_much, add)
    assert sorted(graph.edge_id(row) for row in graph.edges()) == ["ab", "again", "cold"]
    for row in graph.edges():
        assert row in graph.incident(graph.edge_source(row), "out")
        assert row in graph.incident(graph.edge_target(row), "in")


def test_a_load_is_refused_where_an_id_came_meanwhile(graph: EmbeddedGraph, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(IllegalArgument, match="Vertex with id already exists: b"):
        load_while(graph, monkeypatch, add("b"))
    assert ids(graph) == ["b", "old", "other"]
    tx = graph.begin()
    tx.remove_vertex(tx.graph.vertex_row("b"))  # type: ignore[arg-type]
    tx.commit()
    graph.load(batch())
    assert ids(graph) == ["a", "b", "c", "old", "other"]


def test_a_load_is_refused_where_an_end_of_its_edges_went_meanwhile(
    graph: EmbeddedGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(IllegalArgument, match="names the vertex 'old', which does not exist"):
        load_while(graph, monkeypatch, remove("old"))
    assert ids(graph) == ["other"]


def test_a_load_begins_again_after_a_reset(graph: EmbeddedGraph, monkeypatch: pytest.MonkeyPatch) -> None:
    install = store.install

    def installed(state: Any, loaded: Batch) -> None:
        install(state, loaded)
        monkeypatch.setattr(store, "install", install)
        graph.reset()
        tx = graph.begin()
        tx.add_vertex("old", "v")
        tx.commit()

    monkeypatch.setattr(store, "install", installed)
    graph.load(batch())
    assert ids(graph) == ["a", "b", "c", "old"]


@pytest.mark.parametrize("most", [1, 200_000])
def test_a_transaction_that_read_what_a_load_added_to_is_told(
    graph: EmbeddedGraph, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(store, "MOST_KEYS", most)
    tx = graph.begin()
    count = tx.graph.vertex_count()
    graph.load(batch())
    tx.add_vertex(f"after{count}", "v")
    with pytest.raises(ConcurrentModification):
        tx.commit()


def test_runs_of_ids_of_like_size_become_one() -> None:
    graph = EmbeddedGraph()
    for number in range(9):
        names = Texts.of(f"v{number}-{place}" for place in range(10))
        graph.load(Batch(ElementBatch(names, np.zeros(10, dtype=np.int32), ["v"])))
        if number == 4:
            tx = graph.begin()
            tx.add_vertex("alone", "v")
            tx.commit()
    # fifty, the one, and forty
    assert len(graph.state.vertices.ids._laid.runs) <= 4
    assert [graph.vertex_row(id) for id in ("v0-0", "v4-9", "alone", "v5-0", "v8-9", "none")] == [
        0,
        49,
        50,
        51,
        90,
        None,
    ]
