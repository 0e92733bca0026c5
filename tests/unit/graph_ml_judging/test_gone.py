"""Vertices that the previous graph had and this one has not are nobody's rivals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from training_scripts.graph_ml.graph import EdgeList, EdgeType, GraphData, Split, Target
from training_scripts.graph_ml.judging.ranking import non_links, rank_links
from training_scripts.graph_ml.links import LinkProblem, Pairs, draw_uniform
from training_scripts.graph_ml.pairs.graph import Floats, Ints
from training_scripts.graph_ml.training.links import pairs as pair_training

BOUGHT = EdgeType("User", "bought", "Film")


def graph(users: int = 12, films: int = 10) -> GraphData:
    """Everybody has bought three films; films 0 and 7 and user 1 are gone."""
    source = np.repeat(np.setdiff1d(np.arange(users), [1]), 3)
    there = np.setdiff1d(np.arange(films), [0, 7])
    target = there[(np.arange(len(source)) * 3 + source) % len(there)]
    return GraphData(
        node_ids={"Film": [f"f{i}" for i in range(films)], "User": [f"u{i}" for i in range(users)]},
        num_nodes={"Film": films, "User": users},
        edges={BOUGHT: EdgeList(source, target)},
        splits={Target("link_prediction", BOUGHT): Split(np.arange(20), np.arange(20, 26), np.arange(26, len(source)))},
        gone={"Film": np.array([0, 7]), "User": np.array([1])},
    )


def problem() -> LinkProblem:
    data = graph()
    return LinkProblem.from_graph(data, data.targets[0])


def test_numbers_of_the_gone_are_those_of_the_node_space() -> None:
    found = problem()
    assert found.gone.tolist() == [0, 7, 11]  # films come first, users from 10 on
    assert found.gone_among(predict_heads=False).tolist() == [0, 7]
    assert found.gone_among(predict_heads=True).tolist() == [1]


def test_a_gone_vertex_with_the_best_score_beats_nobody() -> None:
    found = problem()

    def scores(sources: Ints, predict_heads: bool) -> dict[str, Floats]:
        candidates = found.candidates(predict_heads)
        line = np.zeros(candidates.stop - candidates.start, dtype=np.float32)
        line[found.gone_among(predict_heads)] = 9.0
        return {"all": np.tile(line, (len(sources), 1))}

    one = found.test[np.array([0])]
    nothing = Pairs.join([])
    # films: 8 are there and all tie, so the true one stands at 4.5; users: 11, at 6
    assert rank_links(found, scores, one, nothing).ranks["all"].tolist() == [4.5, 6.0]
    whole = replace(found, gone=np.empty(0, dtype=np.int64))
    # were they counted, two would stand before it, or one
    assert rank_links(whole, scores, one, nothing).ranks["all"].tolist() == [6.5, 7.0]


def test_no_negative_is_gone() -> None:
    found = problem()
    drawn = non_links(found, found.before("test"), 40, 0)
    assert len(drawn)
    assert not np.isin(np.concatenate([drawn.source, drawn.target]), found.gone).any()
    # 6 numbers of which two are gone: the others equally often
    many = draw_uniform(slice(10, 16), 4000, np.random.default_rng(0), np.array([3, 10, 12, 20]))
    numbers, counts = np.unique(many, return_counts=True)
    assert numbers.tolist() == [11, 13, 14, 15]
    assert counts.min() > 900
    assert draw_uniform(slice(2, 5), (3, 2), np.random.default_rng(0)).shape == (3, 2)

    features = pair_training.build_features(found, found.train, {}, pair_training.RankerSettings().pairs, 0)
    settings = pair_training.RankerSettings(hard=5, uniform=20)
    lists = pair_training.training_lists(found, features, found.choose, found.train, settings, 0)
    # 8 films and 11 users are there; less those that somebody has bought
    per_list = np.isfinite(lists.log_weight).sum(axis=1)
    assert per_list.max() <= 10
