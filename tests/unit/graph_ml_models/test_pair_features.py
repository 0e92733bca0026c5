"""Pair features against numbers worked out by hand, against networkx, and against closed forms."""

from __future__ import annotations

import math

import networkx as nx
import numpy as np
import pytest

from training_scripts.graph_ml.pairs import PairFeatures, PairGraph, PairSettings, View, attribute_rows, fit_ials
from training_scripts.graph_ml.pairs.attributes import cosine_block
from training_scripts.graph_ml.pairs.degree import Arrows, along_block, arrow_block
from training_scripts.graph_ml.pairs.ease import ease_block
from training_scripts.graph_ml.pairs.ials import fold_in
from training_scripts.graph_ml.pairs.pagerank import pagerank_block
from training_scripts.graph_ml.pairs.paths import path_block


def graph_of(edges: list[tuple[int, int]], num_nodes: int) -> PairGraph:
    pairs = np.array(edges, dtype=np.int64)
    return PairGraph.from_edges(pairs[:, 0], pairs[:, 1], num_nodes)


@pytest.fixture(scope="module")
def karate() -> tuple[nx.Graph, PairGraph]:
    graph = nx.karate_club_graph()
    return graph, graph_of(list(graph.edges), graph.number_of_nodes())


def test_repeated_opposite_and_self_edges_count_once() -> None:
    graph = graph_of([(0, 1), (1, 0), (0, 1), (2, 2), (1, 2)], 4)
    assert graph.degree.tolist() == [1, 2, 1, 0]
    assert graph.neighbours(1).tolist() == [0, 2]


def test_path_scores_of_a_square_with_a_tail() -> None:
    # 0-1-2-3-0 is a square, 4 hangs on 3; degrees 2, 2, 2, 3, 1
    graph = graph_of([(0, 1), (1, 2), (2, 3), (3, 0), (3, 4)], 5)
    block = path_block(graph, graph.columns(np.array([0])))
    assert block["cn"][2, 0] == 2  # nodes 1 and 3
    assert block["aa"][2, 0] == pytest.approx(1 / math.log(2) + 1 / math.log(3), rel=1e-6)
    assert block["ra"][2, 0] == pytest.approx(1 / 2 + 1 / 3, rel=1e-6)
    assert block["jaccard"][2, 0] == pytest.approx(2 / (2 + 2 - 2))
    # every walk from 0 to 4 has an even number of edges
    assert block["paths3"][4, 0] == 0
    # from 0 to 1: walks 0-1-0-1, 0-1-2-1, 0-3-0-1, 0-3-2-1
    assert block["paths3"][1, 0] == 4
    # the path 0-3-2-1 alone weighs 1 / sqrt(3 · 2)
    expected = 1 / math.sqrt(2 * 2) * 2 + 1 / math.sqrt(3 * 2) * 2
    assert block["l3"][1, 0] == pytest.approx(expected, rel=1e-6)


def test_path_scores_agree_with_networkx(karate: tuple[nx.Graph, PairGraph]) -> None:
    judge, graph = karate
    block = path_block(graph, graph.columns(np.arange(34)))
    for name, scores in (
        ("aa", nx.adamic_adar_index(judge)),
        ("jaccard", nx.jaccard_coefficient(judge)),
        ("ra", nx.resource_allocation_index(judge)),
    ):
        assert all(block[name][u, v] == pytest.approx(score, abs=1e-5) for u, v, score in scores)


def test_pagerank_agrees_with_networkx_in_both_directions(karate: tuple[nx.Graph, PairGraph]) -> None:
    judge, graph = karate
    everyone = np.arange(34)
    forth, back = pagerank_block(graph, everyone, graph.columns(everyone), hops=60)
    expected = nx.pagerank(judge, alpha=0.7, personalization={5: 1}, weight=None, tol=1e-12)
    assert forth[:, 5] == pytest.approx([expected[node] for node in range(34)], abs=1e-6)
    assert back == pytest.approx(forth.T, abs=1e-6)


def test_ease_by_conjugate_gradients_reaches_the_closed_form(karate: tuple[nx.Graph, PairGraph]) -> None:
    _, graph = karate
    adjacency = graph.adjacency.toarray().astype(np.float64)
    x = adjacency + np.eye(34)
    inverse = np.linalg.inv(x.T @ x + 50 * np.eye(34))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    expected = (x @ weights).T
    everyone = np.arange(34)
    errors = [np.abs(ease_block(graph, everyone, graph.columns(everyone), n) - expected).max() for n in (1, 3, 8)]
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 1e-5


def test_ials_solves_its_normal_equations(karate: tuple[nx.Graph, PairGraph]) -> None:
    _, graph = karate
    factors = fit_ials(graph, size=6, sweeps=40, rng=np.random.default_rng(0))
    links = graph.adjacency.toarray().astype(np.float64) + np.eye(34)
    left = factors.left.astype(np.float64)
    for u in range(34):
        weights = 1 + 5 * links[u]
        matrix = left.T @ (weights[:, None] * left) + 10 * np.eye(6)
        assert factors.right[u] == pytest.approx(np.linalg.solve(matrix, left.T @ (weights * links[u])), abs=1e-3)


def test_a_new_node_gets_a_vector_near_that_of_its_twin() -> None:
    # two cliques of five; node 10 arrives with the friends of node 0
    cliques = [(a, b) for base in (0, 5) for a in range(base, base + 5) for b in range(a + 1, base + 5)]
    graph = graph_of(cliques, 10)
    factors = fit_ials(graph, size=4, sweeps=20, rng=np.random.default_rng(1))
    larger = graph.extended(np.array([10, 10, 10]), np.array([1, 2, 3]), 11)
    scores = fold_in(larger, factors).block(np.array([10]))[:, 0]
    assert scores[0] > 2 * np.abs(scores[5:10]).max()


def test_cosines_pass_through_neighbours() -> None:
    # node 0 likes words a and b, 1 likes a, 2 likes b, 3 nothing; edges 0-3 and 1-3
    words = np.array([[1, 1, 0], [1, 0, 0], [0, 1, 0], [0, 0, 0]], dtype=np.float32)
    bag, numbers = attribute_rows({"t": {"words": words}}, {"t": 0}, 4)
    assert numbers is None
    graph = graph_of([(0, 3), (1, 3)], 4)
    direct, source_side, node_side = cosine_block(graph, bag, np.array([1, 3]))
    assert direct[:, 0] == pytest.approx([1 / math.sqrt(2), 1, 0, 0])
    # neighbours of 3 are 0 and 1: mean (a: (1/√2 + 1)/2, b: (1/√2)/2), scaled to length one, dotted with a
    a, b = (1 / math.sqrt(2) + 1) / 2, 1 / math.sqrt(2) / 2
    assert source_side[1, 1] == pytest.approx(a / math.hypot(a, b), rel=1e-5)
    # neighbours of 3 have cosines 1/√2 and 1 with node 1
    assert node_side[3, 0] == pytest.approx((1 / math.sqrt(2) + 1) / 2, rel=1e-5)


def test_arrows_tell_reciprocal_edges_and_roles() -> None:
    graph = graph_of([(0, 1), (2, 1), (1, 0)], 3)
    from scipy import sparse

    arrows = sparse.csr_matrix((np.ones(3, np.float32), ([0, 2, 1], [1, 1, 0])), shape=(3, 3))
    opposite, role, own = arrow_block(Arrows.of(arrows), np.array([0]), predict_heads=False)
    assert opposite[:, 0].tolist() == [0, 1, 0]  # 1 → 0 exists
    assert role[:, 0] == pytest.approx(np.log1p([1, 2, 0]))  # edges coming in
    assert own[0, 0] == pytest.approx(math.log1p(1))
    features = PairFeatures((View("target", graph),), arrows=Arrows.of(arrows), typed=True)
    assert features.block(np.array([0]), predict_heads=True).shape == (len(features.names), 3, 1)


def test_paths_along_arrows_keep_to_their_directions() -> None:
    from scipy import sparse

    # 0 → 1 ← 2 → 3 → 4
    source, target = [0, 2, 2, 3], [1, 1, 3, 4]
    arrows = Arrows.of(sparse.csr_matrix((np.ones(4, np.float32), (source, target)), shape=(5, 5)))
    three, two = along_block(arrows, np.array([0, 2]), predict_heads=False)
    # two edges lead to 1 and two from 2, so 0 → 1 ← 2 → 3 weighs 1/2
    assert three[3, 0] == pytest.approx(math.log(0.01 + 0.5))
    assert three[4, 0] == pytest.approx(math.log(0.01))
    # 2 → 3 → 4, and one edge leads from 3
    assert two[:, 1] == pytest.approx([0, 0, 0, 0, math.log(4)])
    three, two = along_block(arrows, np.array([3, 4]), predict_heads=True)
    assert three[0, 0] == pytest.approx(math.log(0.01 + 0.5))
    assert two[2, 1] == pytest.approx(math.log(4))


def test_a_block_is_the_same_for_one_source_and_for_many(karate: tuple[nx.Graph, PairGraph]) -> None:
    _, graph = karate
    factors = fit_ials(graph, 8, 4, np.random.default_rng(0))
    features = PairFeatures((View("target", graph, factors), View("all", graph)), settings=PairSettings(8, 6))
    together = features.block(np.arange(34), slice(10, 30))
    assert together.shape == (len(features.names), 20, 34)
    alone = np.concatenate([features.block(np.array([u]), slice(10, 30)) for u in range(34)], axis=2)
    assert together == pytest.approx(alone, abs=1e-5)
