"""Rows to rows, groups and codes, as any query language uses them."""

from __future__ import annotations

import numpy as np
import pytest

from workflow.graphs.store.store import EmbeddedGraph
from workflow.queries.columns.expansion import degrees, ends, reached
from workflow.queries.columns.grouping import by_appearance, firsts, paired, totals


@pytest.fixture(params=[1, 20], ids=["walked", "arrays"])
def star(request: pytest.FixtureRequest) -> tuple[EmbeddedGraph, int]:
    """A hub with three edges to leaves, and how often the hub is asked for: few rows are walked, many use arrays."""
    graph = EmbeddedGraph(profile="tinkerpop")
    transaction = graph.begin()
    hub, *leaves = [transaction.add_vertex(number, "v") for number in range(4)]
    for leaf in leaves:
        transaction.add_edge(None, "e", hub, leaf)
    transaction.commit()
    return graph, request.param * 4


@pytest.mark.parametrize("most", [None, 5])
def test_every_row_leads_to_its_neighbours_in_order(star: tuple[EmbeddedGraph, int], most: int | None) -> None:
    graph, times = star
    rows = np.zeros(times, dtype=np.int64)
    parts = list(reached(graph, rows, "out", None, edges=False, most=most))
    assert np.concatenate([part.rows for part in parts]).tolist() == [1, 2, 3] * times
    assert np.concatenate([part.origins for part in parts]).tolist() == sorted([*range(times)] * 3)


def test_parts_begin_small_and_grow(star: tuple[EmbeddedGraph, int]) -> None:
    graph, times = star
    rows = np.zeros(50 * times, dtype=np.int64)
    sizes = [len(part.rows) for part in reached(graph, rows, "out", ["e"], edges=True, most=8)]
    # 600 or 12,000 edges: 8, 32, 128 and so on, the last what is left
    assert sizes[:3] == [8, 32, 128]
    assert sum(sizes) == 150 * times


def test_edges_have_ends_and_vertices_degrees(star: tuple[EmbeddedGraph, int]) -> None:
    graph, times = star
    sources, targets = ends(graph, np.array([2, 0] * times))
    assert sources.tolist() == [0, 0] * times
    assert targets.tolist() == [3, 1] * times
    assert degrees(graph, np.array([0, 1] * times), "both", None).tolist() == [3, 1] * times


def test_groups_are_numbered_as_they_appear() -> None:
    groups, places = by_appearance(np.array([7, 3, 7, 5]))
    assert groups.tolist() == [0, 1, 0, 2]
    assert places.tolist() == [0, 1, 3]
    assert firsts(np.array([7, 3, 7, 5])).tolist() == [0, 1, 3]
    assert totals(groups, 3, np.array([10, 1, 10, 1])).tolist() == [20, 1, 1]


def test_a_pair_has_its_own_code() -> None:
    codes = paired(np.array([1, 0, 1, 1]), np.array([0, 2, 0, 1]))
    assert codes[0] == codes[2]
    assert len(set(codes.tolist())) == 3
    # so large that a product would not fit: still told apart
    large = paired(np.array([1 << 61, 1]), np.array([5, 1 << 40]))
    assert large[0] != large[1]
