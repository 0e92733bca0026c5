"""A bulk load is mapped where it stands, as a snapshot is: a start after a crash makes nothing of it anew."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workflow.graphs.store.journal import file_journal
from workflow.graphs.store.persistence import open_graph
from workflow.graphs.store.store import EmbeddedGraph
from workflow.graphs.store.versions import batch as batches
from workflow.graphs.store.versions.batch import Batch, ColumnData, ElementBatch, rows_of_ends
from workflow.graphs.store.versions.text_block import Texts

LABELS = ["knows", "likes", "rare"]


@pytest.fixture(autouse=True)
def all_loads_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_journal, "LARGE", 0)
    monkeypatch.setattr(batches, "FEW", 4)


def vertices(names: list[str]) -> Batch:
    return Batch(ElementBatch(Texts.of(names), np.zeros(len(names), dtype=np.int32), ["person"]))


def edges(ids: list[str], labels: list[int], ends: list[str], source: list[int], target: list[int]) -> Batch:
    weights = {"w": ColumnData(np.arange(len(ids)), int)}
    links = ElementBatch(Texts.of(ids), np.array(labels, dtype=np.int32), LABELS, weights)
    places = (np.array(one, dtype=np.int32) for one in (source, target))
    return Batch(edges=links, ends=Texts.of(ends), source=next(places), target=next(places))


def owner(array: Any) -> Any:
    while isinstance(array, np.ndarray | memoryview):
        array = array.base if isinstance(array, np.ndarray) else array.obj
    return array


def crashed(graph: EmbeddedGraph) -> None:
    """As the end of the process would leave the folder: nothing is folded in."""
    graph.journal.settle = lambda: None  # type: ignore[method-assign]
    graph.close()


def shown(graph: EmbeddedGraph) -> list[Any]:
    """Every vertex with its edges in both directions, in their order, by ids."""
    found: list[Any] = []
    with graph.reading() as version:
        for way in ("out", "in"):
            for label in LABELS:
                csr = version.csr([label], way)
                for row in np.flatnonzero(version.state.vertices.alive.array()).tolist():
                    near = [version.vertex_id(end) for end in version.neighbours(row, way, [label])]
                    found.append((way, label, version.vertex_id(row), near))
                    if csr is not None:
                        part = slice(csr.indptr[row], csr.indptr[row + 1])
                        assert [version.vertex_id(end) for end in csr.neighbours[part].tolist()] == near
                        held = [version.edge_values(edge)["w"] for edge in csr.edges[part].tolist()]
                        found.append(held)
    return found


def test_what_finds_ids_and_neighbours_of_a_load_is_the_memory_of_its_file(tmp_path: Path) -> None:
    graph = open_graph(tmp_path)
    graph.load(vertices([f"v{n}" for n in range(6)]))
    graph.load(
        edges([f"e{n}" for n in range(6)], [0] * 6, [f"v{n}" for n in range(6)], [*range(6)], [5, 4, 3, 2, 1, 0])
    )
    crashed(graph)
    graph = open_graph(tmp_path)
    base = graph.state.out[graph.state.edges.label_codes["knows"]].base()
    marks = graph.state.edges.ids.marks(6), graph.state.vertices.ids.marks(6)
    assert base is not None
    assert None not in marks
    for array in (base.neighbours, base.edges, *(one.numbers for one in marks if one is not None)):
        assert isinstance(owner(array), mmap.mmap)
    assert [graph.vertex_id(row) for row in graph.neighbours(graph.vertex_row("v1"), "out", ["knows"])] == ["v4"]  # type: ignore[arg-type]
    graph.close()


def test_ends_that_stand_apart_or_in_another_order_keep_their_neighbours(tmp_path: Path) -> None:
    graph = open_graph(tmp_path)
    graph.load(vertices([f"v{n}" for n in range(8)]))
    # v1, v4, v6: every one is further on in the graph than among the ends
    graph.load(edges(["a", "b", "c"], [0, 0, 0], ["v1", "v4", "v6"], [0, 1, 0], [2, 0, 1]))
    # and here the second stands before the first
    graph.load(edges(["d", "e"], [0, 0], ["v6", "v1"], [0, 1], [1, 0]))
    for _ in range(2):
        rows = [graph.vertex_row(id) for id in ("v1", "v4", "v6", "v7")]
        near = [[graph.vertex_id(end) for end in graph.neighbours(row, "out", ["knows"])] for row in rows if row]
        assert near == [["v6", "v4", "v6"], ["v1"], ["v1"], []]
        near = [[graph.vertex_id(end) for end in graph.neighbours(row, "in", ["knows"])] for row in rows if row]
        assert near == [["v4", "v6"], ["v1"], ["v1", "v1"], []]
        crashed(graph)
        graph = open_graph(tmp_path)
    graph.close()


def test_where_ends_stood_is_believed_only_while_they_stand_there(tmp_path: Path) -> None:
    graph = open_graph(tmp_path)
    graph.load(vertices(["a", "b", "c", "d"]))
    # a is removed and comes again in another row
    tx = graph.begin()
    tx.remove_vertex(tx.graph.vertex_row("a"))  # type: ignore[arg-type]
    tx.commit()
    graph.load(vertices(["a"]))
    state, load = graph.state, Batch(ends=Texts.of(["b", "d"]))
    stand = [graph.vertex_row(id) for id in ("b", "d", "a")]
    for guess in (stand[:2], stand[1::-1], [stand[0], 7], [-1, stand[1]], [stand[0], stand[0]]):
        load.end_rows = np.array(guess, dtype=np.int32)
        assert rows_of_ends(state, load).tolist() == stand[:2]
    load = Batch(ends=Texts.of(["a"]), end_rows=np.array([0], dtype=np.int32))
    assert rows_of_ends(state, load).tolist() == [stand[2]] != [0]
    assert state.vertices.stand_at(np.array(stand, dtype=np.int32), Texts.of(["b", "d", "a"]))
    tx = graph.begin()
    tx.add_vertex("one by one", "person")
    tx.commit()
    row = graph.vertex_row("one by one")
    assert row is not None
    assert not graph.state.vertices.stand_at(np.array([row], dtype=np.int32), Texts.of(["one by one"]))
    graph.close()


def test_loads_one_after_the_other_are_joined_at_a_start_and_what_was_written_between_stands_between(
    tmp_path: Path,
) -> None:
    graph = open_graph(tmp_path)
    graph.load(vertices(["a", "b", "c"]))
    for place, end in enumerate("bcb"):
        graph.load(edges([f"e{place}"], [0], ["a", end], [0], [1]))
        if place == 1:
            tx = graph.begin()
            edge = tx.add_edge("between", "knows", *(tx.graph.vertex_row(id) for id in "aa"))  # type: ignore[arg-type]
            tx.set_edge_property(edge, "w", 0)
            tx.commit()
    before = shown(graph)
    crashed(graph)
    graph = open_graph(tmp_path)
    assert shown(graph) == before
    row = graph.vertex_row("a")
    assert row is not None
    assert [graph.vertex_id(end) for end in graph.neighbours(row, "out", ["knows"])] == ["b", "c", "a", "b"]
    graph.close()


@pytest.mark.parametrize("seed", range(12))
def test_loads_and_writes_in_any_order_are_what_they_are_without_files(tmp_path: Path, seed: int) -> None:
    rng, counted = np.random.default_rng(seed), iter(range(10**6))
    kept, plain = open_graph(tmp_path), EmbeddedGraph()
    names: list[str] = []
    for _ in range(8):
        kind = rng.integers(4)
        if kind == 0 or len(names) < 4:
            fresh = [f"v{next(counted)}" for _ in range(rng.integers(1, 12))]
            names += fresh
            for graph in (kept, plain):
                graph.load(vertices(fresh))
        elif kind < 3:
            ends = [names[place] for place in np.sort(rng.choice(len(names), rng.integers(2, len(names)), False))]
            ends = ends[::-1] if rng.random() < 0.2 else ends
            size = int(rng.integers(1, 40))
            facts = [rng.choice(3, size, p=(0.6, 0.35, 0.05)), *rng.integers(0, len(ends), (2, size))]
            ids = [f"e{next(counted)}" for _ in range(size)]
            for graph in (kept, plain):
                labels, source, target = (one.tolist() for one in facts)
                graph.load(edges(ids, labels, ends, source, target))
        else:
            gone, first, second = rng.choice(len(names), 3, False).tolist()
            id = f"e{next(counted)}"
            for graph in (kept, plain):
                tx = graph.begin()
                row = tx.graph.vertex_row
                edge = tx.add_edge(id, "knows", row(names[first]), row(names[second]))  # type: ignore[arg-type]
                tx.set_edge_property(edge, "w", 7)
                tx.remove_vertex(row(names[gone]))  # type: ignore[arg-type]
                tx.commit()
            del names[gone]
    wanted = shown(plain)
    assert shown(kept) == wanted
    crashed(kept)
    again = open_graph(tmp_path)
    assert sorted(map(repr, shown(again))) == sorted(map(repr, wanted))
    again.close()
