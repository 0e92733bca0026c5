"""The split of links: sizes worked out by hand, and what no negative may be."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest

from training_scripts.graph_ml.container import JobError
from training_scripts.graph_ml.pipelines.split import draw_negatives, expected_sizes, folds, split_links


def options(test: float, train: float, **more: object) -> dict[str, object]:
    base = {"testFraction": test, "trainFraction": train, "negativeSamplingRatio": 1.0, "validationFolds": 3}
    return {**base, **more}


def links(count: int, size: int = 200) -> np.ndarray:
    return np.array(nx.gnm_random_graph(size, count, seed=2).edges)


@pytest.mark.parametrize(
    ("count", "test", "train", "sizes"),
    [
        # the 12 friendships of the eight people; 100 and 101 at the defaults; 1000
        (12, 0.25, 0.6, (3, 5, 4, 3)),
        (100, 0.1, 0.1, (10, 9, 81, 6)),
        (1000, 0.2, 0.25, (200, 200, 600, 133)),
    ],
)
def test_sizes_of_the_sets(count: int, test: float, train: float, sizes: tuple[int, ...]) -> None:
    everybody = np.ones(200, dtype=bool)
    split = split_links(links(count), options(test, train), everybody, everybody, np.random.default_rng(0))
    assert (len(split.test_positive), len(split.train_positive), len(split.feature_input)) == sizes[:3]
    assert len(split.test_negative) == sizes[0]
    assert len(split.train_negative) == sizes[1]
    assert expected_sizes(count, options(test, train))[4] == sizes[3]


def test_a_half_relationship_is_settled_by_chance() -> None:
    # 101 at 0.1: ten in the test, since 20.2 arcs are 20; then 2 * 91 * 0.1 = 18.2, so nine to train on
    everybody = np.ones(200, dtype=bool)
    split = split_links(links(101), options(0.1, 0.1), everybody, everybody, np.random.default_rng(0))
    assert (len(split.test_positive), len(split.train_positive), len(split.feature_input)) == (10, 9, 82)
    # 15 at 0.1: three arcs, one and a half relationships
    counts = {
        len(split_links(links(15), options(0.1, 0.6), everybody, everybody, np.random.default_rng(s)).test_positive)
        for s in range(20)
    }
    assert counts == {1, 2}


def test_half_a_relationship_is_not_settled_to_nothing() -> None:
    # 3 at 0.2 is 1.2 arcs: one arc, half a relationship; then 4 arcs are left, of which 0.7 are 2.8: one relationship
    everybody = np.ones(6, dtype=bool)
    for seed in range(5):
        split = split_links(
            links(3, 6), options(0.2, 0.7, validationFolds=2), everybody, everybody, np.random.default_rng(seed)
        )
        assert (len(split.test_positive), len(split.train_positive), len(split.feature_input)) == (1, 1, 1)


def test_defaults_are_too_small_for_twelve_relationships_and_the_message_says_which() -> None:
    everybody = np.ones(8, dtype=bool)
    with pytest.raises(JobError, match=r"validation folds of 12 relationships too small.*0, and the least is 1.*raise"):
        split_links(links(12, 8), options(0.1, 0.1), everybody, everybody, np.random.default_rng(0))


def test_no_negative_is_a_link_or_a_loop_or_twice() -> None:
    graph = nx.powerlaw_cluster_graph(60, 3, 0.3, seed=1)
    given = np.array(graph.edges)
    everybody = np.ones(60, dtype=bool)
    split = split_links(
        given, options(0.3, 0.5, negativeSamplingRatio=2.5), everybody, everybody, np.random.default_rng(3)
    )
    negatives = np.concatenate([split.test_negative, split.train_negative]).tolist()
    assert len({frozenset(pair) for pair in negatives}) == len(negatives)
    assert not [pair for pair in negatives if graph.has_edge(*pair) or pair[0] == pair[1]]
    assert len(split.test_negative) == int(2.5 * len(split.test_positive))


def test_the_three_sets_are_all_links_and_apart() -> None:
    given = links(300)
    everybody = np.ones(200, dtype=bool)
    split = split_links(given, options(0.2, 0.3), everybody, everybody, np.random.default_rng(5))
    parts = [
        set(map(tuple, part.tolist())) for part in (split.feature_input, split.train_positive, split.test_positive)
    ]
    assert sum(map(len, parts)) == 300
    assert set().union(*parts) == set(map(tuple, given.tolist()))


def test_ends_of_negatives_obey_the_labels() -> None:
    sources = np.arange(3000) < 1500
    drawn = draw_negatives(np.array([[0, 1600]]), 5000, sources, ~sources, np.random.default_rng(0))
    assert len(np.unique(drawn, axis=0)) == 5000
    assert (sources[drawn[:, 0]] & ~sources[drawn[:, 1]]).all()


def test_a_dense_graph_has_too_few_negatives_and_the_message_says_how_many() -> None:
    complete = np.array(nx.complete_graph(6).edges)[:13]  # two of fifteen pairs are free
    everybody = np.ones(6, dtype=bool)
    assert len(draw_negatives(complete, 2, everybody, everybody, np.random.default_rng(0))) == 2
    with pytest.raises(JobError, match=r"needs 3 pairs .* has only 2"):
        draw_negatives(complete, 3, everybody, everybody, np.random.default_rng(0))


def test_given_negatives_are_divided_as_the_positives_are() -> None:
    everybody = np.ones(200, dtype=bool)
    given = np.array([[one, 199] for one in range(50)])
    split = split_links(links(100), options(0.2, 0.5), everybody, everybody, np.random.default_rng(1), given)
    # 20 test and 40 train positives: 50 * 20 / 60 = 16 negatives to test on
    assert (len(split.test_negative), len(split.train_negative)) == (16, 34)


def test_folds_deal_the_classes_in_turn() -> None:
    labels = np.array([1] * 5 + [0] * 5)
    parts = folds(labels, 3, np.random.default_rng(0))
    assert sorted(len(held) for _, held in parts) == [3, 3, 4]
    assert sorted(np.concatenate([held for _, held in parts]).tolist()) == list(range(10))
    assert all(1 <= labels[held].sum() <= 2 for _, held in parts)
    assert all(not set(learnt) & set(held) for learnt, held in parts)
