"""A snapshot is mapped and used where it stands: what is read back is what was written, and writes go on from there."""

from __future__ import annotations

import json
import mmap
import shutil
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.integration.test_store_damage import contents
from workflow.graphs.store import persistence
from workflow.graphs.store.journal.array_file import ALIGNED, map_arrays, write_arrays
from workflow.graphs.store.journal.encoding import encode_cell
from workflow.graphs.store.journal.segments import SegmentFile, read_segment, write_segment
from workflow.graphs.store.persistence import open_graph
from workflow.graphs.store.store import EmbeddedGraph
from workflow.graphs.store.versions.batch import Batch, ColumnData, ElementBatch
from workflow.graphs.store.versions.cells import MISSING
from workflow.graphs.store.versions.coded import Coded
from workflow.graphs.store.versions.ids import Marks, PackedTexts
from workflow.graphs.store.versions.text_block import TextHash, Texts
from workflow.values.moments import Date
from workflow.values.numbers import Float, Long

VALUES: dict[str, list[Any]] = {
    "text": ["a", "b", "a", "ü\ud800", "", "a"],
    "whole": [1, 2, 1, -5, 0, 7],
    "real": [0.5, -0.0, 0.0, 1.0, 2.5, 0.5],
    "mixed": [1, 1.0, True, "1", Long(1), -0.0],
    "when": [Date(day) for day in (1, 2, 1, 3, 4, 1)],
    "small": [Float(0.5), Float(1.5), Float(0.5), Float(2), Float(3), Float(0.5)],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Of a graph that was folded into a snapshot: six vertices, a circle of edges, and a vertex without properties."""
    graph = open_graph(tmp_path / "g")
    tx = graph.begin()
    rows = [tx.add_vertex(f"v{place}", "even" if place % 2 == 0 else "odd") for place in range(6)]
    for key, values in VALUES.items():
        for row, value in zip(rows, values, strict=True):
            tx.set_vertex_property(row, key, value, "single")
    tx.set_vertex_property(rows[0], "several", "x", "set")
    tx.set_vertex_property(rows[0], "several", "y", "set")
    tx.set_vertex_property(rows[1], "some", "only here", "single")
    for place, row in enumerate(rows):
        tx.set_edge_property(tx.add_edge(f"e{place}", "next", row, rows[(place + 1) % 6]), "w", place)
    tx.add_vertex("bare", "bare")
    tx.commit()
    graph.journal.compact(graph)  # type: ignore[attr-defined]
    graph.close()
    return tmp_path / "g"


def exact(graph: EmbeddedGraph) -> str:
    """All that is in a graph, with classes and signs."""
    return repr(contents(graph))


def values_of(graph: EmbeddedGraph, key: str) -> list[str]:
    rows = (graph.vertex_row(f"v{place}") for place in range(6))
    return [
        f"{type(value).__name__} {value!r}"
        for row in rows
        if row is not None
        for value in graph.vertex_values(row, key)
    ]


def test_values_of_every_class_come_back_as_they_were(folder: Path) -> None:
    graph = open_graph(folder)
    for key, values in VALUES.items():
        assert values_of(graph, key) == [f"{type(value).__name__} {value!r}" for value in values], key
    first = graph.vertex_row("v0")
    assert first is not None
    assert list(graph.vertex_values(first, "several")) == ["x", "y"]
    assert graph.column("several").multi
    assert not graph.column("text").multi
    graph.close()


def test_labels_ends_adjacency_and_numbers_are_the_memory_of_the_file(folder: Path) -> None:
    def owner(array: Any) -> Any:
        while isinstance(array, np.ndarray | memoryview):
            array = array.base if isinstance(array, np.ndarray) else array.obj
        return array

    graph = open_graph(folder)
    state = graph.state
    numeric = graph.column("whole").numeric()
    assert numeric is not None
    csr = graph.csr(["next"], "out")
    weights = graph.edge_column("w").numeric()
    assert weights is not None
    assert csr is not None
    for array in (weights.values, numeric.values, csr.edges, csr.neighbours, csr.indptr, state.edges.ids.marks(6)):
        assert isinstance(owner(array.numbers if isinstance(array, Marks) else array), mmap.mmap)
    graph.close()


def test_an_index_finds_equal_numbers_of_other_classes_and_no_booleans(folder: Path) -> None:
    graph = open_graph(folder)

    def found(key: str, value: Any) -> list[Any] | None:
        rows = graph.find_vertices(None, key, value)
        return None if rows is None else [graph.vertex_id(row) for row in rows]

    assert found("text", "a") == ["v0", "v2", "v5"]
    assert found("text", "nobody") == []
    assert found("whole", 1.0) == found("whole", Long(1)) == ["v0", "v2"]
    assert found("whole", True) == found("whole", 1.5) == found("whole", "1") == found("whole", 1 << 70) == []
    assert found("real", 0) == ["v1", "v2"]
    assert found("real", float("nan")) == found("real", 10**400) == []
    assert found("mixed", 1) == ["v0", "v1", "v4"]
    assert found("mixed", True) == ["v2"]
    assert found("several", "y") == ["v0"]
    assert found("whole", [1]) is None
    tx = graph.begin()
    tx.set_vertex_property(tx.graph.vertex_row("v0"), "text", "c", "single")  # type: ignore[arg-type]
    tx.commit()
    assert (found("text", "a"), found("text", "c")) == (["v2", "v5"], ["v0"])
    graph.close()


def test_what_is_written_upon_a_snapshot_is_in_the_next(folder: Path) -> None:
    graph = open_graph(folder)
    tx = graph.begin()
    rows = [tx.graph.vertex_row(f"v{place}") for place in range(6)]
    assert None not in rows
    tx.remove_vertex(rows[1])  # type: ignore[arg-type]
    added = tx.add_vertex("v1", "odd")  # the same id in a row of its own
    tx.set_vertex_property(added, "text", "new", "single")
    tx.set_vertex_property(rows[0], "text", "b", "single")  # type: ignore[arg-type]
    tx.set_vertex_property(rows[2], "text", 5, "single")  # type: ignore[arg-type]
    tx.set_vertex_property(rows[3], "mixed", "another", "single")  # type: ignore[arg-type]
    tx.set_label(rows[4], "relabelled")  # type: ignore[arg-type]
    tx.add_edge("again", "next", rows[3], added)  # type: ignore[arg-type]
    tx.commit()
    before = exact(graph)
    for _ in range(2):
        graph.journal.compact(graph)  # type: ignore[attr-defined]
        graph.close()
        graph = open_graph(folder)
        assert exact(graph) == before
    codes = graph.column("text").codes()
    assert codes is not None
    assert sorted(map(str, codes.values)) == ["", "5", "a", "b", "new", "ü\ud800"]
    graph.close()


def test_labels_of_few_edges_are_put_in_order_at_the_start(tmp_path: Path) -> None:
    graph = open_graph(tmp_path)
    tx = graph.begin()
    rows = [tx.add_vertex(f"v{place}", "v") for place in range(40)]
    for place in range(40):
        tx.add_edge(f"many{place}", "many", rows[place], rows[(place + 1) % 40])
    tx.add_edge("few", "few", rows[3], rows[7])
    tx.commit()
    graph.journal.compact(graph)  # type: ignore[attr-defined]
    graph.close()
    (snapshot,) = tmp_path.glob("snapshot-*.npz")
    with np.load(snapshot) as arrays:
        assert sorted(name for name in arrays.files if name.startswith("out.")) == [
            "out.0.edges", "out.0.indptr", "out.0.neighbours",
        ]  # fmt: skip
    graph = open_graph(tmp_path)
    for row in (rows[3], rows[7]):
        assert graph.degree(row, "both", ["many"]) == 2
        assert graph.degree(row, "both", ["few"]) == 1
    assert [graph.vertex_id(row) for row in graph.neighbours(rows[3], "out", ["few"])] == ["v7"]
    csr = graph.csr(["few"], "in")
    assert csr is not None
    assert np.flatnonzero(np.diff(csr.indptr)).tolist() == [rows[7]]
    graph.close()


def test_values_that_no_row_has_any_more_are_not_written_again() -> None:
    coded = Coded(np.array([0, 1, -1, 2], dtype=np.int32), Texts.of(["a", "b", "c"]))
    now = coded.at(np.array([0, 2, 3, 4]), 5, {0: "d", 4: "c"})
    assert now is not None
    assert (list(now), now.texts.tolist()) == (["d", MISSING, "c", "c"], ["c", "d"])
    assert coded.at(None, 4, {0: 5}) is None


def test_many_distinct_texts_are_read_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workflow.graphs.store.versions.coded.FEW", 2)
    coded = Coded(np.array([2, -1, 0, 2], dtype=np.int32), Texts.of(["ä", "b", "c"]))
    assert (coded[0], coded[1], coded[1:], list(coded)) == ("c", MISSING, [MISSING, "ä", "c"], ["c", MISSING, "ä", "c"])
    assert list(coded.codes_of("c")) == [2]


def test_ids_are_found_by_the_keys_of_the_process_that_wrote_them(tmp_path: Path) -> None:
    ids, theirs = Texts.of(f"id{place}" for place in range(100)), TextHash()
    vertices = ElementBatch(ids, np.zeros(100, dtype=np.int32), ["v"], marks=Marks.of(ids, theirs))
    read = read_segment(tmp_path, write_segment(tmp_path / "segment-a.npz", Batch(vertices)))
    assert read.vertices.marks is not None
    assert read.vertices.marks.by.keys.tolist() == theirs.keys.tolist()
    assert isinstance(read.vertices.ids, Texts)
    run = PackedTexts(5, read.vertices.ids, read.vertices.marks)
    assert [run.find(f"id{place}") for place in (0, 99, 100)] == [[5], [104], []]
    assert run.find_many(Texts.of(["id7", "none", "id0"])).tolist() == [12, -1, 5]


def test_arrays_stand_at_their_places_and_numpy_reads_them(tmp_path: Path) -> None:
    arrays = {"a": np.arange(3), "long.name": np.zeros(0, dtype=np.uint8), "b": np.array([True]), "c": np.arange(9.0)}
    path = tmp_path / "some.npz"
    with path.open("wb") as file:
        write_arrays(file, arrays)
    with path.open("rb") as file:
        mapped = map_arrays(file)
    whole = path.read_bytes()
    with np.load(path) as loaded:
        for name, array in arrays.items():
            assert loaded[name].tolist() == mapped[name].tolist() == array.tolist()
    start = mapped["a"].__array_interface__["data"][0]
    assert [(mapped[name].__array_interface__["data"][0] - start) % ALIGNED for name in ("b", "c")] == [0, 0]
    mapped["a"][0] = 100
    assert path.read_bytes() == whole


def test_compressed_or_nested_arrays_are_refused(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "compressed.npz", a=np.arange(3))
    np.savez(tmp_path / "nested.npz", a=np.zeros((2, 2)))
    for name, reason in (("compressed.npz", "compressed"), ("nested.npz", "no plain array")):
        with (tmp_path / name).open("rb") as file, pytest.raises(ValueError, match=reason):
            map_arrays(file)


@pytest.mark.parametrize("in_place", [False, True])
def test_files_from_before_columns_were_coded_are_read(tmp_path: Path, in_place: bool) -> None:
    def text(value: str) -> Any:
        return np.frombuffer(value.encode(), dtype=np.uint8)

    columns = [{"key": "name", "form": "str", "size": 2}, {"key": "flag", "form": "json", "size": 2}]
    vertices = {"ids": "str", "label_names": ["v"], "columns": columns}
    edges: dict[str, Any] = {"ids": "str", "label_names": [], "columns": []}
    nothing, lengths = np.zeros(0, dtype=np.int32), np.array([1, 1], dtype=np.int32)
    arrays = {
        "source": nothing, "target": nothing, "v.labels": np.zeros(2, dtype=np.int32), "e.labels": nothing,
        "v.ids": text("ab"), "v.ids.lengths": lengths, "e.ids": text(""), "e.ids.lengths": nothing,
        "v.0": text("xx"), "v.0.lengths": lengths, "v.0.rows": np.array([0, 1], dtype=np.int32),
        "v.1": text(json.dumps([encode_cell(True)])), "v.1.rows": np.array([1], dtype=np.int32),
        "header": text(json.dumps({"next_id": 3, "vertices": vertices, "edges": edges, "ends": "vertices"})),
    }  # fmt: skip
    np.savez(tmp_path / "snapshot-1.npz", **arrays)
    data = (tmp_path / "snapshot-1.npz").read_bytes()
    proved = (len(data), zlib.crc32(data)) if in_place else (None, None)  # those of format 1 were not named with them
    batch = read_segment(tmp_path, SegmentFile("snapshot-1.npz", *proved))
    assert (list(batch.vertices.ids), batch.next_id) == (["a", "b"], 3)
    assert {key: list(data.values) for key, data in batch.vertices.columns.items()} == {
        "name": ["x", "x"],
        "flag": [MISSING, True],
    }


def loaded(folder: Path) -> EmbeddedGraph:
    graph = open_graph(folder)
    names = ColumnData(["x", MISSING, "x"])
    vertices = ElementBatch(Texts.of("abc"), np.zeros(3, dtype=np.int32), ["v"], {"name": names})
    links = ElementBatch(Texts.of("de"), np.zeros(2, dtype=np.int32), ["knows"])
    ends = np.array([0, 2], dtype=np.int32)
    graph.load(Batch(vertices, links, vertices.ids, ends, ends[::-1].copy()))
    return graph


def test_a_clean_stop_folds_in_what_would_make_the_next_start_slow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = loaded(tmp_path)
    before = exact(graph)
    graph.close()
    assert [path.name.split("-")[0] for path in tmp_path.glob("*.npz")] == ["segment"]
    monkeypatch.setattr(persistence, "SEGMENTS_AT_STOP_BYTES", 0)
    graph = open_graph(tmp_path)
    graph.close()
    assert [path.name.split("-")[0] for path in tmp_path.glob("*.npz")] == ["snapshot"]
    graph = open_graph(tmp_path)
    assert exact(graph) == before
    graph.close()


def test_a_stop_does_not_wait_for_a_graph_that_takes_long_to_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(persistence, "SEGMENTS_AT_STOP_BYTES", 0)
    monkeypatch.setattr(persistence, "MOST_AT_STOP_BYTES", 100)
    loaded(tmp_path).close()
    assert [path.name.split("-")[0] for path in tmp_path.glob("*.npz")] == ["segment"]


def test_large_loads_are_folded_in_beside_the_running_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(persistence, "LARGE_SEGMENTS_BYTES", 100)
    graph = loaded(tmp_path)
    graph.journal.settle()  # waits for the compaction
    assert [path.name.split("-")[0] for path in tmp_path.glob("*.npz")] == ["snapshot"]
    graph.close()


def resident(path: Path) -> int:
    """Kilobytes of a mapped file that are in this process's memory."""
    total, within = 0, False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if "-" in line.split(" ", 1)[0]:
            within = line.endswith(str(path))
        elif within and line.startswith("Rss:"):
            total += int(line.split()[1])
    return total


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="the system does not say what is in memory")
def test_what_a_write_copies_leaves_the_memory_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graph, size = open_graph(tmp_path / "g"), 40_000
    ids = Texts.of(f"v{row}" for row in range(size))
    edges = ElementBatch(Texts.of(f"e{row}" for row in range(size)), np.zeros(size, dtype=np.int32), ["next"])
    source = np.arange(size, dtype=np.int32)
    nodes = ElementBatch(ids, np.zeros(size, dtype=np.int32), ["v"])
    graph.load(Batch(nodes, edges, ids, source, ((source + 1) % size).astype(np.int32)))
    graph.journal.compact(graph)  # type: ignore[attr-defined]
    graph.close()
    (snapshot,) = (tmp_path / "g").glob("snapshot-*.npz")

    def written() -> int:
        """Kilobytes of the file in memory after a write and a look at all edges, which is undone with the folder."""
        shutil.copytree(tmp_path / "g", tmp_path / "copy")
        graph = open_graph(tmp_path / "copy")
        with graph.reading() as before:
            found = [[*before.csr(None, "out").edges[:size]], [*before.edge_ends()[0]], [*before.edge_ends()[1]]]
            tx = graph.begin()
            first, second = tx.add_vertex("new", "v"), tx.graph.vertex_row("v7")
            assert second is not None
            tx.add_edge("more", "next", second, first)
            tx.commit()
            with graph.reading() as after:
                csr = after.csr(None, "out")
                held = resident(tmp_path / "copy" / snapshot.name)
                # behind the edges of v7, rows 0 to 7, comes the new one, then the others as they stood
                assert csr.edges.tolist() == [*range(8), size, *range(8, size)]
                assert [*after.edge_ends()[0]] == [*found[1], second]
            # who reads the version from before reads the file once more
            assert [*before.csr(None, "out").edges] == found[0]
            assert [*before.edge_ends()[0]] == found[1]
            assert [*before.edge_ends()[1]] == found[2]
        graph.close()
        shutil.rmtree(tmp_path / "copy")
        return held

    left = written()
    for module in ("rows", "adjacency"):
        monkeypatch.setattr(f"workflow.graphs.store.versions.{module}.let_go", lambda array: None)
    # neighbours and edges in one direction, labels, sources and targets: five numbers of four bytes an edge
    assert written() - left > 4 * 4 * size // 1024


def test_a_row_of_the_file_that_was_given_again_keeps_what_it_was_given(tmp_path: Path) -> None:
    graph, size = open_graph(tmp_path / "g"), 5000
    nodes = ElementBatch([f"v{row}" for row in range(size)], np.zeros(size, dtype=np.int32), ["old"])
    graph.load(Batch(nodes))
    graph.journal.compact(graph)  # type: ignore[attr-defined]
    graph.close()
    graph = open_graph(tmp_path / "g")
    for number in range(40):
        tx = graph.begin()
        row = tx.graph.vertex_row(f"v{number}")
        assert row is not None
        tx.remove_vertex(row)
        tx.commit()
        tx = graph.begin()
        tx.add_vertex(f"again{number}", f"label{number}")
        tx.commit()
    rows = [graph.vertex_row(f"again{number}") for number in range(40)]
    assert any(row is not None and row < size for row in rows)
    tx = graph.begin()
    for number in range(100):  # the arrays of the file have no room for these
        tx.add_vertex(f"more{number}", "more")
    tx.commit()
    assert [graph.vertex_label(row) for row in rows if row is not None] == [f"label{n}" for n in range(40)]
    graph.close()
