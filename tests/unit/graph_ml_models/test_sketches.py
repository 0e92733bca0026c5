"""Sketches against exact counts: what they estimate, how well, and that a vertex has them from its neighbours."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest

from training_scripts.graph_ml.pairs import PairFeatures, PairGraph, PairSettings, View
from training_scripts.graph_ml.pairs.sketches import SKETCHED, Sketches, sizes_of, sketch_block, spread


@pytest.fixture(scope="module")
def ties() -> tuple[nx.Graph, PairGraph]:
    """Three hundred vertices with six ties each."""
    graph = nx.barabasi_albert_graph(300, 3, seed=1)
    ends = np.array(graph.edges, dtype=np.int64)
    return graph, PairGraph.from_edges(ends[:, 0], ends[:, 1], 300)


def ball(graph: nx.Graph, node: int, radius: int) -> set[int]:
    return set(nx.single_source_shortest_path_length(graph, node, cutoff=radius))


def test_the_least_of_a_vertex_and_its_neighbours_is_found_in_parts_too(monkeypatch: pytest.MonkeyPatch) -> None:
    # 0 - 1 - 2, and 3 alone
    graph = PairGraph.from_edges(np.array([0, 1]), np.array([1, 2]), 4)
    rows = np.array([[5, 1], [4, 9], [3, 7], [2, 8]])
    wanted = [[4, 1], [3, 1], [3, 7], [2, 8]]
    assert spread(graph.adjacency, rows).tolist() == wanted
    monkeypatch.setattr("training_scripts.graph_ml.pairs.sketches.AT_ONCE", 1)
    assert spread(graph.adjacency, rows).tolist() == wanted


def test_sizes_of_neighbourhoods_are_near_those_that_were_counted(ties: tuple[nx.Graph, PairGraph]) -> None:
    judge, graph = ties
    sketches = Sketches.of(graph, 32)
    one = np.array([len(ball(judge, node, 1)) for node in range(300)])
    two = np.array([len(ball(judge, node, 2)) for node in range(300)])
    assert sketches.sizes[0].tolist() == one.tolist()
    # 64 registers have a standard error of 1.04 / 8 = .13
    assert np.abs(sketches.sizes[1] / two - 1).mean() < 0.15
    assert sizes_of(np.ones((1, 64), dtype=np.float32)).tolist() == [0]


def test_overlaps_of_a_pair_are_near_those_that_were_counted(ties: tuple[nx.Graph, PairGraph]) -> None:
    judge, graph = ties
    sources = np.array([0, 7, 150])
    block = sketch_block(graph, Sketches.of(graph, 256), sources, graph.columns(sources))
    assert len(block) == len(SKETCHED)
    counted = dict(zip(SKETCHED, (np.expm1(part) for part in block), strict=True))
    for column, source in enumerate(sources):
        near, far = ball(judge, source, 1), ball(judge, source, 2)
        others = [node for node in range(300) if node not in near]
        shared = np.array([len(ball(judge, node, 1) & near) for node in others])
        assert counted["near_near"][others, column] == pytest.approx(shared)
        exact = {
            "near_far": [len(ball(judge, node, 1) & (far - near)) for node in others],
            "far_far": [len((ball(judge, node, 2) - ball(judge, node, 1)) & (far - near)) for node in others],
        }
        for name, values in exact.items():
            # estimates of single pairs are rough, and over all candidates they order them as the counts do
            assert np.corrcoef(counted[name][others, column], values)[0, 1] > 0.6, name


def test_features_of_pairs_are_sketches_and_degrees_where_the_settings_say_so(
    ties: tuple[nx.Graph, PairGraph],
) -> None:
    _, graph = ties
    settings = PairSettings(sketches=16)
    features = PairFeatures((View("target", graph, None, settings.sketched(graph)),), settings=settings)
    assert features.names == (*SKETCHED, "degree", "source_degree")
    block = features.block(np.array([3, 4]), slice(10, 20))
    assert block.shape == (10, 10, 2)
    # a new vertex has sketches as well, from its own ties
    grown = features.extended((np.array([300]), np.array([0])), (np.array([300]), np.array([0])), 301, {}, {})
    assert grown.block(np.array([300])).shape == (10, 301, 1)
    assert np.expm1(grown.block(np.array([300]))[0, 0, 0]) == pytest.approx(2)
