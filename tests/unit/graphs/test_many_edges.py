"""Many edges added, and many values put, together are what a transaction would have done one by one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from workflow.errors import ConcurrentModification
from workflow.graphs.store.journal.stream import read_stream
from workflow.graphs.store.persistence import open_graph
from workflow.graphs.store.store import EmbeddedGraph
from workflow.graphs.store.versions.cells import MISSING
from workflow.settings import Profile
from workflow.values.numbers import Long

ENDS = [(0, 1), (1, 1), (2, 0), (0, 1)]  # a loop, and two between the same
CELLS: dict[str, list[Any]] = {"w": [Long(1), MISSING, Long(3), Long(4)], "s": ["x", "y", MISSING, [Long(1)]]}


def peopled(graph: EmbeddedGraph) -> list[int]:
    tx = graph.begin()
    rows = [tx.add_vertex(None, "T") for _ in range(3)]
    tx.add_edge(None, "R", rows[2], rows[2])
    tx.commit()
    return rows


def linked(graph: EmbeddedGraph, rows: list[int], *, together: bool) -> None:
    tx = graph.begin()
    sources, targets = [rows[source] for source, _ in ENDS], [rows[target] for _, target in ENDS]
    if together:
        first = tx.add_edges("R", sources, targets, dict(CELLS))
        tx.put_values("edge", "late", [first, first + 2], [True, "z"])
        tx.put_values("vertex", "n", [*rows, rows[0]], [Long(1), "two", 3.5, Long(9)])
    else:
        edges = []
        for place, (source, target) in enumerate(zip(sources, targets, strict=True)):
            edges.append(tx.add_edge(None, "R", source, target))
            for key, cells in CELLS.items():
                if cells[place] is not MISSING:
                    tx.set_edge_property(edges[-1], key, cells[place])
        tx.set_edge_property(edges[0], "late", True)
        tx.set_edge_property(edges[2], "late", "z")
        for row, value in zip([*rows, rows[0]], [Long(1), "two", 3.5, Long(9)], strict=True):
            tx.set_vertex_property(row, "n", value, "single")
    tx.commit()


def seen(graph: Any) -> list[Any]:
    """Everything, by rows."""
    return [
        [{one.key: one.value for one in graph.vertex_properties(row)} for row in graph.vertices()],
        [(graph.edge_source(row), graph.edge_target(row), graph.edge_label(row), graph.edge_values(row))
         for row in graph.edges(["R"])],
        [(list(graph.incident(row, way, ["R"])), list(graph.neighbours(row, way, None)))
         for row in graph.vertices() for way in ("out", "in", "both")],
        [part.tolist() for way in ("out", "in") for part in graph.csr(["R"], way)],
    ]  # fmt: skip


def told(graph: EmbeddedGraph) -> list[str]:
    """The change log in no order, without ids, which are random."""
    page = read_stream(graph.journal, "TRIM_HORIZON", 100, 1, 1, "PG_JSON")
    lines = ((one["op"], one["data"]["type"], one["data"]["key"], one["data"]["value"]) for one in page["records"])
    return sorted(map(repr, lines))


@pytest.mark.parametrize("profile", ["neptune", "tinkerpop"])
def test_they_are_there_at_once_after_a_restart_and_in_the_change_log(tmp_path: Path, profile: Profile) -> None:
    graph, other = open_graph(tmp_path / "a", profile=profile), open_graph(tmp_path / "b", profile=profile)
    for one in (graph, other):
        linked(one, peopled(one), together=one is graph)
    assert seen(graph) == seen(other)
    assert seen(graph)[0] == [{"n": 9}, {"n": "two"}, {"n": 3.5}]
    assert seen(graph)[1][1:] == [
        (0, 1, "R", {"w": 1, "s": "x", "late": True}),
        (1, 1, "R", {"s": "y"}),
        (2, 0, "R", {"w": 3, "late": "z"}),
        (0, 1, "R", {"w": 4, "s": [1]}),
    ]
    assert told(graph) == told(other)
    before = seen(graph)
    graph.close()
    other.close()
    again = open_graph(tmp_path / "a", profile=profile)
    assert seen(again) == before
    assert len({again.edge_id(row) for row in again.edges()}) == 5
    again.close()


def test_a_commit_that_came_between_keeps_both_and_rows_that_are_rolled_back_are_nobodys() -> None:
    graph = EmbeddedGraph()
    rows = peopled(graph)
    tx = graph.begin()
    first = tx.add_edges("R", [rows[0]] * 2, [rows[1]] * 2, {"w": [Long(1), Long(2)]})
    tx.remove_edge(first)
    linked(graph, rows, together=True)
    tx.commit()
    lost = graph.begin()
    lost.add_edges("R", [rows[0]], [rows[1]], {})
    lost.rollback()
    with graph.reading() as now:
        assert [now.edge_values(row) for row in now.incident(rows[0], "out", ["R"])] == [
            {"w": 1, "s": "x", "late": True}, {"w": 4, "s": [1]}, {"w": 2},
        ]  # fmt: skip
        assert now.edge_count() == 6


def test_an_end_that_somebody_removes_meanwhile_refuses_them_all() -> None:
    graph = EmbeddedGraph()
    rows = peopled(graph)
    tx, other = graph.begin(), graph.begin()
    tx.add_edges("R", [rows[0], rows[1]], [rows[1], rows[1]], {})
    other.remove_vertex(rows[1])
    other.commit()
    with pytest.raises(ConcurrentModification):
        tx.commit()
    assert graph.edge_count() == 1


def test_nothing_is_hung_on_or_put_at_what_is_gone() -> None:
    graph = EmbeddedGraph()
    rows = peopled(graph)
    tx = graph.begin()
    tx.remove_vertex(rows[1])
    with pytest.raises(KeyError):
        tx.add_edges("R", [rows[0]], [rows[1]], {})
    with pytest.raises(KeyError):
        tx.put_values("vertex", "n", rows, [Long(1)] * 3)
    tx.commit()
    assert graph.edge_count() == 1
    assert [list(graph.vertex_properties(row)) for row in graph.vertices()] == [[], []]
