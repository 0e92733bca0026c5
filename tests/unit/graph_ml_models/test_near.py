"""In a large graph a source's candidates are those near it, described as all are described."""

from __future__ import annotations

from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from scipy import sparse
from small_graphs import friends_graph, train

from training_scripts.graph_ml.artifacts import ModelFolder
from training_scripts.graph_ml.links import LinkProblem
from training_scripts.graph_ml.models.ranking.scorer import LIFTS, PairRanker, PairScorer
from training_scripts.graph_ml.models.ranking.store import load_ranker
from training_scripts.graph_ml.pairs import (
    Affinity,
    Arrows,
    PairFeatures,
    PairGraph,
    PairSettings,
    View,
    attribute_rows,
    fit_ials,
)
from training_scripts.graph_ml.pairs import near as near_by
from training_scripts.graph_ml.pairs.near import most_alike, near, popular
from training_scripts.graph_ml.training.links import ranked
from training_scripts.graph_ml.training.links.pairs import RankerSettings, build_features, training_lists

NOBODY = np.empty(0, dtype=np.int64)


def graph_of(edges: list[tuple[int, int]], num_nodes: int) -> PairGraph:
    pairs = np.array(edges, dtype=np.int64)
    return PairGraph.from_edges(pairs[:, 0], pairs[:, 1], num_nodes)


def karate_features(settings: PairSettings) -> PairFeatures:
    """All kinds of features: two views, factors, words, numbers, directions, typed ends."""
    graph = graph_of(list(nx.karate_club_graph().edges), 34)
    rng = np.random.default_rng(0)
    words = (rng.random((34, 12)) < 0.2).astype(np.float32)
    bag, numbers = attribute_rows({"t": {"w": words, "x": rng.normal(size=(34, 3)).astype(np.float32)}}, {"t": 0}, 34)
    upper = sparse.csr_matrix(sparse.triu(graph.adjacency))
    factors = fit_ials(graph, 8, 4, rng)
    views = (View("target", graph, factors, settings.sketched(graph)), View("all", graph, factors))
    affinity = None if settings.sketches else Affinity.fit(factors, graph.degree, bag, numbers, rng)
    return PairFeatures(views, bag, numbers, settings, Arrows.of(upper), typed=True, affinity=affinity)


def test_walks_visit_a_friends_friend_before_one_behind_a_crowded_vertex() -> None:
    # 0 - 1 - 2, and 0 - 3 with twenty more neighbours 4 to 23; a walk from 0 comes to 2 with .7 · ½ · .7 · ½,
    # to each of the crowd with .7 · ½ · .7 / 21
    graph = graph_of([(0, 1), (1, 2), (0, 3), *((3, crowd) for crowd in range(4, 24))], 30)
    assert near(graph, 0, 4).tolist() == [0, 1, 2, 3]
    # all but the six vertices without edges
    assert near(graph, 0, 100).tolist() == list(range(24))


def test_a_vertex_that_very_many_are_linked_with_is_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = graph_of([(0, 1), (1, 2), (0, 3), *((3, crowd) for crowd in range(4, 24))], 24)
    # the two edges of 1 may be followed, the 21 of 3 may not
    monkeypatch.setattr(near_by, "FOLLOWED", 10)
    assert near(graph, 0, 100).tolist() == [0, 1, 2, 3]


def test_a_vertex_without_edges_is_alone() -> None:
    assert near(graph_of([(0, 1)], 3), 2, 10).tolist() == [2]


def test_the_graph_among_some_vertices_keeps_degrees_of_the_whole() -> None:
    graph = graph_of([(0, 1), (1, 2), (2, 3), (3, 0), (3, 4)], 5)
    part = graph.among(np.array([0, 3, 4]))
    assert part.adjacency.toarray().tolist() == [[0, 1, 0], [1, 0, 1], [0, 1, 0]]
    assert part.degree.tolist() == [2, 3, 1]


def test_most_popular_and_most_alike_candidates_are_numbered_as_in_the_whole_graph() -> None:
    assert popular(np.array([9, 1, 5, 2, 7], np.float32), slice(1, 5), 2).tolist() == [2, 4]
    rows = np.array([[1, 0], [0, 1], [0.6, 0.8], [1, 0], [-1, 0]], np.float32)
    assert sorted(most_alike(rows, 0, slice(1, 5), 2).tolist()) == [2, 3]
    assert sorted(most_alike(sparse.csr_matrix(rows), 0, slice(1, 5), 9).tolist()) == [2, 3]


@pytest.mark.parametrize("sketches", [0, 64])
@pytest.mark.parametrize("predict_heads", [False, True])
def test_features_of_what_is_near_are_those_of_all_where_all_is_near(predict_heads: bool, sketches: int) -> None:
    features = karate_features(PairSettings(near=8, sketches=sketches))
    candidates = slice(5, 30)
    for source in (0, 11, 33):
        whole = features.block(np.array([source]), candidates, predict_heads)[:, :, 0]
        numbers, found = features.near(source, candidates, predict_heads, also=np.arange(34))
        assert numbers.tolist() == list(range(5, 30))
        assert found == pytest.approx(whole, abs=1e-5)


def test_common_neighbours_are_all_counted_though_few_vertices_are_looked_at() -> None:
    features = karate_features(PairSettings(near=2 * 14))
    source, counted = 16, features.names.index("cn")  # 16 has two friends, and they have few
    whole = features.block(np.array([source]))[counted, :, 0]
    monkey = pytest.MonkeyPatch()
    with monkey.context() as patch:
        patch.setattr("training_scripts.graph_ml.pairs.features.JOINING", 1)
        numbers, found = features.near(source, slice(0, 34), False, NOBODY)
    assert len(numbers) < 20
    assert found[counted] == pytest.approx(whole[numbers])


def scorer_of(features: PairFeatures) -> PairScorer:
    rng, number = np.random.default_rng(0), len(features.names)
    shapes = {"linear": (1, number), "w1": (4, number), "b1": 4, "w2": (4, 4), "b2": 4, "w3": (1, 4), "b3": 1}
    weights = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    return PairScorer(np.zeros(number, np.float32), np.ones(number, np.float32), weights)


@pytest.mark.parametrize("lift", LIFTS)
def test_who_is_not_near_comes_after_who_is_and_the_popular_first(lift: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training_scripts.graph_ml.pairs.features.JOINING", 1)
    features = karate_features(PairSettings(near=2 * 8))
    ranker = PairRanker(features, scorer_of(features), lift=lift)
    scores = ranker.scores(np.array([16, 0]), slice(0, 34), False)
    for row, source in zip(scores, (16, 0), strict=True):
        numbers, block = features.near(source, slice(0, 34), False, NOBODY)
        far = np.setdiff1d(np.arange(34), numbers)
        ease = block[features.names.index("ease")]
        assert row[numbers] == pytest.approx(ranker.scorer(block) + np.float32(lift) * ease, abs=1e-4)
        assert row[far].max() < row[numbers].min()
        degrees = features.views[0].graph.degree[far]
        assert (np.diff(degrees[np.argsort(-row[far], kind="stable")]) <= 0).all()


def test_training_lists_of_what_is_near_hold_out_the_same_links_and_draw_no_friend() -> None:
    data = friends_graph()
    problem = LinkProblem.from_graph(data, data.targets[0])
    held, rest = problem.train[:10], problem.train[10:]
    settings = RankerSettings(hard=10, uniform=8, others=0.0, pairs=PairSettings(near=12))
    features = build_features(problem, rest, {}, settings.pairs, 0)
    lists = training_lists(problem, features, held, rest, settings, 0)
    sources = np.unique(np.concatenate([held.source, held.target]))
    assert len(lists.negatives) == len(sources)
    assert len(lists.positives) == 20  # both directions
    for source, weights, uniform in zip(sources, lists.log_weight, lists.uniform, strict=True):
        neighbours = len(problem.known(problem.train, False).pairs(np.array([source]))[1])
        hard = int((np.isfinite(weights) & ~uniform).sum())
        assert hard > 0
        # whom a uniform negative stands for: 36 people less itself, its friends and the hard negatives
        expected = (36 - 1 - neighbours - hard) / uniform.sum()
        assert np.exp(weights[uniform]) == pytest.approx(expected, rel=1e-4)


def test_a_large_graph_is_learned_from_half_the_links_and_sweeps() -> None:
    small, large = ranked.recipe_for(ranked.LARGE), ranked.recipe_for(ranked.LARGE + 1)
    assert (small.most_held, small.pairs.ials_sweeps, small.pairs.near) == (3000, 8, 0)
    assert (large.most_held, large.pairs.ials_sweeps, large.pairs.near) == (1500, 4, ranked.NEAR)
    assert ranked.recipe_for(ranked.LARGE + 1, sketches=64).pairs.sketches == 64


def test_a_large_graph_is_trained_and_served_by_what_is_near(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(ranked, "LARGE", 20)
    monkeypatch.setattr(ranked, "NEAR", 16)
    folder = ModelFolder(train(friends_graph(), tmp_path, "--model", "pair-ranker"))
    entry = folder.description.details["links"][0]["scorer"]
    entry = entry.get("trained", entry)
    assert entry["ranker"]["settings"]["near"] == 16
    assert load_ranker(folder, "links/0", entry["ranker"]).features.settings.near == 16
    # a blind guess among 35 has an MRR of about .12
    assert folder.metrics.splits["test"]["mrr"] > 0.2
