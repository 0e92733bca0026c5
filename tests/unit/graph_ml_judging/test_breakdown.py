"""Where a model is right: by class, by probability, by degree."""

import numpy as np
import pytest
from sklearn import metrics as judge

from training_scripts.graph_ml.graph import Labels
from training_scripts.graph_ml.judging.breakdown import by_degree, of_labels, of_links, reliability


def test_classes_and_their_confusion_agree_with_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 120)
    predicted = rng.dirichlet(np.ones(3), 120)
    labels = Labels("class", truth, ("a", "b", "c"))
    found = of_labels("test", labels, predicted, np.arange(120), np.ones(120, dtype=np.int64))
    best = predicted.argmax(axis=1)
    assert found.confusion == judge.confusion_matrix(truth, best).tolist()
    precision, recall, f1, count = judge.precision_recall_fscore_support(truth, best)
    for one in found.by_class:
        place = labels.classes.index(one.name)
        assert (one.precision, one.recall, one.f1) == pytest.approx((precision[place], recall[place], f1[place]))
        assert one.count == count[place]
        ours = judge.average_precision_score(truth == place, predicted[:, place])
        assert one.average_precision == pytest.approx(ours)


def test_only_the_items_of_the_split_are_counted() -> None:
    # items 1 and 3 are b and a; both are called b
    labels = Labels("class", np.array([0, 1, 0, 0]), ("a", "b"))
    predicted = np.array([[0.2, 0.8], [0.4, 0.6]])
    found = of_labels("test", labels, predicted, np.array([1, 3]), np.array([2, 5]))
    assert found.split == "test"
    assert found.confusion == [[0, 1], [0, 1]]
    assert [(one.low, one.high, one.count, one.value) for one in found.by_degree] == [(2, 3, 1, 1.0), (4, 7, 1, 0.0)]


def test_the_error_of_numbers_is_told_by_degree() -> None:
    labels = Labels("number", np.array([1.0, 2.0, 4.0], dtype=np.float32))
    found = of_labels("valid", labels, np.array([[1.0], [3.0], [7.0]]), np.arange(3), np.array([0, 1, 1]))
    # errors 0, 1 and 3: one item without neighbours, two with one
    assert [(one.low, one.count, one.metric, one.value) for one in found.by_degree] == [
        (0, 1, "mae", 0.0),
        (1, 2, "mae", 2.0),
    ]


def test_probabilities_stand_beside_the_share_that_came_true() -> None:
    # three answers in the eighties, of which two came true; a sure one counts to the last tenth
    said = np.array([0.81, 0.85, 0.89, 1.0])
    found = reliability(said, np.array([True, True, False, True]))
    assert [(one.count, one.said, one.came_true) for one in found] == [
        (3, pytest.approx(0.85), pytest.approx(2 / 3)),
        (1, 1.0, 1.0),
    ]


def test_degrees_beyond_the_last_group_have_no_bound() -> None:
    found = by_degree("mrr", np.array([0.5, 1.0]), np.array([256, 9000]))
    assert [(one.low, one.high, one.count, one.value) for one in found] == [(256, None, 2, 0.75)]


def test_ranks_of_links_are_told_by_degree_and_their_probabilities_by_tenth() -> None:
    found = of_links("test", np.array([1.0, 0.5]), np.array([1, 8]), np.array([0.95, 0.05]), np.array([True, False]))
    assert [(one.low, one.value) for one in found.by_degree] == [(1, 1.0), (8, 0.5)]
    assert [one.came_true for one in found.reliability] == [0.0, 1.0]
