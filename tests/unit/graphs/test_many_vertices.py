"""Many vertices that a transaction adds together are what it would have added one by one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from workflow.graphs.store.journal import journal
from workflow.graphs.store.journal.stream import read_stream
from workflow.graphs.store.persistence import open_graph
from workflow.graphs.store.store import EmbeddedGraph
from workflow.graphs.store.versions.cells import MISSING
from workflow.settings import Profile
from workflow.values.numbers import Long

CELLS: dict[str, list[Any]] = {
    "n": [Long(0), Long(1), Long(2)], "name": ["a", MISSING, "c"], "x": [0.5, True, [Long(1), "z"]],
    "f": [1.5, 2.5, 3.5],
}  # fmt: skip
HELD = [
    {"n": 0, "name": "a", "x": 0.5, "f": 1.5},
    {"n": 1, "x": True, "f": 2.5},
    {"n": 2, "name": "c", "x": [1, "z"], "f": 3.5},
]


def together(graph: EmbeddedGraph, label: str = "T") -> range:
    tx = graph.begin()
    first = tx.add_vertices(label, 3, dict(CELLS))
    tx.commit()
    return range(first, first + 3)


def one_by_one(graph: EmbeddedGraph) -> None:
    tx = graph.begin()
    for place in range(3):
        row = tx.add_vertex(None, "T")
        for key, cells in CELLS.items():
            if cells[place] is not MISSING:
                tx.set_vertex_property(row, key, cells[place], "single")
    tx.commit()


def values(graph: Any) -> list[Any]:
    return [{one.key: one.value for one in graph.vertex_properties(row)} for row in graph.vertices(["T"])]


def told(graph: EmbeddedGraph) -> list[Any]:
    """The change log without ids, which are random."""
    page = read_stream(graph.journal, "TRIM_HORIZON", 100, 1, 1, "PG_JSON")
    return [(one["op"], one["data"]["type"], one["data"]["key"], one["data"]["value"]) for one in page["records"]]


@pytest.mark.parametrize("profile", ["neptune", "tinkerpop"])
def test_they_are_there_after_a_restart_and_in_the_change_log(tmp_path: Path, profile: Profile) -> None:
    graph, other = open_graph(tmp_path / "a", profile=profile), open_graph(tmp_path / "b", profile=profile)
    together(graph)
    one_by_one(other)
    assert values(graph) == values(other) == HELD
    assert told(graph) == told(other)
    ids = [graph.vertex_id(row) for row in graph.vertices()]
    graph.close()
    other.close()
    again = open_graph(tmp_path / "a", profile=profile)
    assert values(again) == HELD
    assert [again.vertex_id(row) for row in again.vertices()] == ids
    assert len({again.vertex_id(row) for row in together(again)} | set(ids)) == 6
    again.close()


def test_nobody_sees_what_is_rolled_back() -> None:
    graph = EmbeddedGraph()
    tx = graph.begin()
    tx.add_vertices("T", 3, dict(CELLS))
    assert values(tx.graph) == HELD
    tx.rollback()
    assert values(graph) == []
    together(graph)
    assert values(graph) == HELD
    assert graph.vertex_count() == 3


def test_a_commit_that_came_between_keeps_both() -> None:
    graph = EmbeddedGraph()
    tx = graph.begin()
    first = tx.add_vertices("T", 3, dict(CELLS))
    tx.set_vertex_property(first + 1, "name", "b", "single")
    tx.remove_vertex(first)
    together(graph, "U")
    tx.commit()
    assert values(graph) == [{**HELD[1], "name": "b"}, HELD[2]]
    assert graph.vertex_count() == 5


def test_an_index_that_was_made_before_finds_them() -> None:
    graph = EmbeddedGraph()
    together(graph)
    assert graph.find_vertices("T", "n", 1) == [1]
    rows = together(graph)
    assert graph.find_vertices("T", "n", 1) == [1, rows[1]]
    assert graph.find_vertices("T", "name", "a") == [0, rows[0]]
    numeric = graph.column("f").numeric()
    assert numeric is not None
    assert numeric.values.tolist() == [1.5, 2.5, 3.5] * 2


def test_a_journal_in_memory_counts_every_one_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "MEMORY_OPERATIONS", 20)
    graph = EmbeddedGraph()
    together(graph)  # three vertices with four keys: counted as 15
    together(graph)
    page = read_stream(graph.journal, "TRIM_HORIZON", 100, 1, 1, "PG_JSON")
    assert {one["eventId"]["commitNum"] for one in page["records"]} == {2}
