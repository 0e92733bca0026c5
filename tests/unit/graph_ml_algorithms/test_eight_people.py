"""Algorithms on the eight people of the manual: values worked out by hand, or by networkx."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest

from tests.unit.graph_ml_algorithms.eight_people import PAIRS, run, view_of
from training_scripts.graph_ml.algorithms import FUNCTIONS
from training_scripts.graph_ml.container import JobError
from training_scripts.graph_ml.schemas.catalog.algorithms import ALGORITHMS

GRAPH = nx.Graph(PAIRS)


def test_every_algorithm_that_is_described_can_be_run() -> None:
    assert FUNCTIONS.keys() == ALGORITHMS.keys()


def test_degrees_are_counted_and_weights_added_up() -> None:
    outcome = run("degree")
    assert outcome.columns["score"].tolist() == [1, 6, 3, 5, 3, 2, 2, 2]
    assert outcome.summary["centralityDistribution"]["max"] == 6
    arcs = view_of(3, [(0, 1), (0, 2), (2, 1)], undirected=False, weights=[2.0, 0.5, 4.0])
    assert run("degree", arcs).columns["score"].tolist() == [2.5, 0, 4]
    assert run("degree", arcs, orientation="reverse").columns["score"].tolist() == [0, 6, 0.5]
    assert run("degree", arcs, orientation="UNDIRECTED").columns["score"].tolist() == [2.5, 6, 4.5]


def test_triangles_and_local_clustering() -> None:
    counted = run("triangleCount")
    assert counted.columns["triangleCount"].tolist() == [0, 4, 2, 4, 2, 1, 1, 1]
    assert counted.summary == {"globalTriangleCount": 5, "nodeCount": 8}
    clustering = run("localClusteringCoefficient")
    shares = [0, 4 / 15, 2 / 3, 2 / 5, 2 / 3, 1, 1, 1]  # 2 * triangles / (degree * (degree - 1))
    assert clustering.columns["localClusteringCoefficient"] == pytest.approx(shares)
    assert clustering.summary["averageClusteringCoefficient"] == pytest.approx(sum(shares) / 8)


def test_nodes_above_the_greatest_degree_are_left_out_of_triangles() -> None:
    # without Michael (6) and Chris (5) only Karin-Veselin, Mark-Will are left: no triangle
    assert run("triangleCount", maxDegree=4).columns["triangleCount"].tolist() == [0, -1, 0, -1, 0, 0, 0, 0]


def test_triangles_need_undirected_relationships() -> None:
    from training_scripts.graph_ml.algorithms import run_on_view

    with pytest.raises(JobError, match="UNDIRECTED"):
        run_on_view(view_of(2, [(0, 1)], undirected=False), "triangleCount", {"maxDegree": 9})


def test_page_rank_adds_up_to_the_number_of_nodes() -> None:
    outcome = run("pageRank", maxIterations=200, tolerance=1e-12)
    wanted = nx.pagerank(GRAPH, alpha=0.85, tol=1e-13, max_iter=500)
    assert outcome.columns["score"] == pytest.approx([8 * wanted[node] for node in range(8)], abs=1e-9)
    assert outcome.columns["score"] == pytest.approx(
        [0.42359, 1.93119, 0.98762, 1.57423, 0.99050, 0.70423, 0.69120, 0.69744], abs=6e-6
    )
    assert outcome.summary["didConverge"] is True
    assert run("pageRank", maxIterations=3).summary["ranIterations"] == 3
    # what Neo4j's library 2.13.9 answers after its 20 iterations, which have not converged
    stopped = [0.41066545969223506, 1.8536738089400613, 0.9488580068115996, 1.5096289282401498]
    assert run("pageRank").columns["score"][:4] == pytest.approx(stopped, abs=1e-12)
    assert run("pageRank").summary["ranIterations"] == 20
    lonely = run("pageRank", view_of(2, []))
    assert lonely.columns["score"] == pytest.approx([0.15, 0.15])


def test_page_rank_from_sources_and_after_a_scaler() -> None:
    outcome = run("pageRank", view_of(3, [(0, 1)], undirected=False), sourceNodes=[0])
    assert outcome.columns["score"] == pytest.approx([0.15, 0.1275, 0])  # 0.85 * 0.15
    scaled = run("pageRank", view_of(3, [(0, 1)], undirected=False), sourceNodes=[0], scaler="MINMAX")
    assert scaled.columns["score"] == pytest.approx([1, 0.85, 0])


def test_article_rank_gives_by_own_and_mean_degree() -> None:
    # one arc: out-degrees 1 and 0, mean 0.5, so 0 gives 0.85 * 0.15 / 1.5
    outcome = run("articleRank", view_of(2, [(0, 1)], undirected=False))
    assert outcome.columns["score"] == pytest.approx([0.15, 0.15 + 0.085])


@pytest.mark.parametrize(
    ("name", "judge"),
    [
        ("betweenness", lambda graph: nx.betweenness_centrality(graph, normalized=False)),
        ("closeness", lambda graph: nx.closeness_centrality(graph, wf_improved=False)),
        ("closeness.harmonic", lambda graph: {n: v / 7 for n, v in nx.harmonic_centrality(graph).items()}),
        ("eigenvector", lambda graph: nx.eigenvector_centrality_numpy(graph)),
    ],
)
def test_centrality_is_that_of_networkx(name: str, judge: object) -> None:
    wanted = judge(GRAPH)  # type: ignore[operator]
    more = {"maxIterations": 500} if name == "eigenvector" else {}
    assert run(name, **more).columns["score"] == pytest.approx([wanted[node] for node in range(8)], abs=1e-6)


def test_betweenness_of_a_directed_graph_and_of_a_larger_one() -> None:
    for graph in (nx.gnp_random_graph(40, 0.08, seed=3, directed=True), nx.powerlaw_cluster_graph(150, 2, 0.3, seed=1)):
        view = view_of(len(graph), graph.edges, undirected=not graph.is_directed())
        wanted = nx.betweenness_centrality(graph, normalized=False)
        assert run("betweenness", view).columns["score"] == pytest.approx([wanted[n] for n in range(len(graph))])


def test_communities_of_the_eight_people() -> None:
    outcome = run("louvain")
    groups = outcome.columns["communityId"]
    assert {frozenset(np.flatnonzero(groups == one).tolist()) for one in groups} == {
        frozenset({0, 1, 4, 5, 6}),
        frozenset({2, 3, 7}),
    }
    assert outcome.summary["modularity"] == pytest.approx(0.15278, abs=1e-5)
    assert outcome.summary["communityCount"] == 2
    assert outcome.summary["communityDistribution"]["max"] == 5


def test_louvain_is_as_good_as_that_of_networkx() -> None:
    graph = nx.powerlaw_cluster_graph(600, 4, 0.4, seed=5)
    outcome = run("louvain", view_of(600, graph.edges))
    groups = outcome.columns["communityId"]
    found = nx.community.modularity(graph, [set(np.flatnonzero(groups == one).tolist()) for one in np.unique(groups)])
    assert outcome.summary["modularity"] == pytest.approx(found)
    assert found > nx.community.modularity(graph, nx.community.louvain_communities(graph, seed=1)) - 0.02


def test_components_are_told_by_their_first_node_or_counted() -> None:
    view = view_of(5, [(4, 1), (3, 2)], undirected=False, seeds=[7, 8, 7, -1, -1])
    assert run("wcc", view).columns["componentId"].tolist() == [0, 1, 2, 2, 1]
    assert run("wcc", view, consecutiveIds=True).columns["componentId"].tolist() == [0, 1, 2, 2, 1]
    assert run("wcc", view, seedProperty="seeds").columns["componentId"].tolist() == [7, 8, 7, 7, 8]
    assert run("scc", view).summary["componentCount"] == 5
    assert run("wcc").summary["componentCount"] == 1
    weighted = view_of(3, [(0, 1), (1, 2)], weights=[1.0, 3.0])
    assert run("wcc", weighted, threshold=2.0).columns["componentId"].tolist() == [0, 1, 1]


def test_scaled_properties() -> None:
    values = [1.0, 2.0, 3.0, 6.0]
    view = view_of(4, [], x=values, both=np.array([[1, 0], [2, 0], [3, 0], [6, 0]], dtype=float))
    wanted = {
        "MinMax": [0, 0.2, 0.4, 1],
        "Max": [1 / 6, 1 / 3, 0.5, 1],
        "Mean": [-0.4, -0.2, 0, 0.6],  # (x - 3) / 5
        "Center": [-2, -1, 0, 3],
        "StdScore": (np.array(values) - 3) / np.sqrt(3.5),  # (4 + 1 + 0 + 9) / 4
        "Log": np.log(values),
    }
    for scaler, result in wanted.items():
        outcome = run("scaleProperties", view, nodeProperties=["x"], scaler=scaler)
        assert outcome.columns["scaledProperty"][:, 0] == pytest.approx(np.asarray(result)), scaler
    outcome = run("scaleProperties", view, nodeProperties=["both", "x"], scaler="MinMax")
    assert outcome.columns["scaledProperty"].tolist()[1] == [0.2, 0.0, 0.2]  # a component without spread is 0
    assert outcome.summary["scalerStatistics"]["both"]["max"] == [6.0, 0.0]
    with pytest.raises(JobError, match="there are NONE, MINMAX"):
        run("scaleProperties", view, nodeProperties=["x"], scaler="Median")


def test_nearest_nodes_by_one_number() -> None:
    # posts 38 67 30 132 6 32 29 3: Alice is nearest to Mark, 1 / (1 + 6)
    outcome = run("knn", nodeProperties="posts", topK=1)
    pairs = dict(zip(outcome.columns["node1"].tolist(), outcome.columns["node2"].tolist(), strict=True))
    assert pairs == {0: 5, 1: 0, 2: 6, 3: 1, 4: 7, 5: 2, 6: 2, 7: 4}
    assert outcome.columns["similarity"][0] == pytest.approx(1 / 7)
    assert outcome.summary["nodesCompared"] == 8


def test_nearest_nodes_by_vectors_and_sets() -> None:
    view = view_of(3, [], v=np.array([[1.0, 0], [1, 1], [-1, 0]]), s=np.array([[1, 2], [2, 3], [1, 2]]))
    cosine = run("knn", view, nodeProperties=["v"], topK=2)
    assert cosine.columns["similarity"][:2] == pytest.approx([(1 + 1 / np.sqrt(2)) / 2, 0])
    sets = run("knn", view, nodeProperties="s", topK=2)
    assert sets.columns["similarity"][:2] == pytest.approx([1, 1 / 3])
    both = run("knn", view, nodeProperties={"v": "COSINE", "s": "OVERLAP"}, topK=1)
    assert both.columns["similarity"][0] == pytest.approx(((1 + 1 / np.sqrt(2)) / 2 + 0.5) / 2)
    assert len(run("knn", view, nodeProperties="s", similarityCutoff=0.5).columns["node1"]) == 2


def test_similar_nodes_by_their_neighbours() -> None:
    outcome = run("nodeSimilarity", topK=7)
    found = {
        (a, b): s
        for a, b, s in zip(*(outcome.columns[n].tolist() for n in ("node1", "node2", "similarity")), strict=True)
    }
    assert found[2, 6] == pytest.approx(2 / 3)  # Karin: Michael, Veselin, Chris; Greg: Michael, Chris
    assert found[4, 6] == pytest.approx(2 / 3)
    assert (0, 7) not in found  # nobody in common
    wanted = {(u, v): p for u, v, p in nx.jaccard_coefficient(GRAPH, [(1, 7), (3, 5), (0, 1)])}
    assert [found.get(pair, 0) for pair in wanted] == pytest.approx(list(wanted.values()))


def test_the_cheapest_path_and_not_that_of_fewest_hops() -> None:
    view = view_of(4, [(0, 1), (1, 2), (0, 2), (2, 3)], undirected=False, weights=[1.0, 1.0, 5.0, 0.0])
    one = run("shortestPath.dijkstra", view, sourceNode=0, targetNode=2)
    assert one.lists["nodeIds"] == [[0, 1, 2]]
    assert one.columns["totalCost"].tolist() == [2]
    assert one.lists["costs"] == [[0, 1, 2]]
    everywhere = run("allShortestPaths.delta", view, sourceNode=0)
    assert everywhere.columns["targetNode"].tolist() == [0, 1, 2, 3]
    assert len(run("shortestPath.dijkstra", view, sourceNode=3, targetNode=0).columns["index"]) == 0
    with pytest.raises(JobError, match="99"):
        run("shortestPath.dijkstra", view, sourceNode=99, targetNode=0)
