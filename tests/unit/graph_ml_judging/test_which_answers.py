"""A floor answers in place of a network where it is better, and would be with other items to choose by."""

from __future__ import annotations

import numpy as np
import pytest

from training_scripts.graph_ml.graph import Labels
from training_scripts.graph_ml.judging.floors import Fitted
from training_scripts.graph_ml.judging.labels import Judge
from training_scripts.graph_ml.judging.metrics import error_of_ranks
from training_scripts.graph_ml.models.baselines import Baseline
from training_scripts.graph_ml.processing.split import HeldOut


def sure(classes: np.ndarray) -> np.ndarray:
    """Probabilities, (n, 2), of answers that are sure of one class each."""
    return np.eye(2)[classes]


def judge(truth: np.ndarray, floor: np.ndarray, metric: str = "acc", copies: int = 1) -> Judge:
    """All items are there to choose by, so many in a row between the same ends; one floor says these classes.

    It may have probabilities, (n, 2), instead.
    """
    nothing, groups = np.empty(0, dtype=np.int64), np.arange(len(truth)) // copies
    parts = HeldOut(nothing, np.arange(len(truth)), nothing, nothing)
    fitted = Fitted(floor if floor.ndim == 2 else sure(floor), Baseline("propagated", "class", {}))
    labels = Labels("class", truth, ("no", "yes"))
    return Judge(labels, parts, 1, metric, {"label_propagation": fitted}, np.ones(len(truth), dtype=np.int64), groups)


def ranked(size: int, *first: int) -> np.ndarray:
    """Probabilities, (n, 2), that rank these items first, in their order, and the others alike."""
    yes = np.full(size, 0.1)
    yes[list(first)] = np.linspace(0.9, 0.5, len(first))
    return np.column_stack([1 - yes, yes])


def wrong_at(truth: np.ndarray, *places: int) -> np.ndarray:
    said = truth.copy()
    said[list(places)] = 1 - said[list(places)]
    return said


def test_one_more_right_of_seven_says_nothing() -> None:
    # both are wrong once where the other is right, and the network once more: 5 of 7 against 4 of 7
    truth = np.array([0, 1, 0, 1, 0, 1, 0])
    floor, network = wrong_at(truth, 0, 6), wrong_at(truth, 1, 2, 6)
    assert judge(truth, floor).preferred(lambda items: sure(network)[items]) is None


@pytest.mark.parametrize("size", [40, 600])
def test_what_is_better_by_far_answers(size: int) -> None:
    truth = np.arange(size) % 2
    network = wrong_at(truth, *range(0, size, 4))
    found = judge(truth, truth).preferred(lambda items: sure(network)[items])
    assert found is not None
    assert found[0] == "label_propagation"
    assert f"on the {size} items to choose by it has acc 1, the network 0.75" in found[1]


def test_six_edges_between_the_same_ends_say_no_more_than_one() -> None:
    # right are 18 of 24 and 12 of 24. Of single edges that is sure; of four pairs one is missing in a draw at (3/4)⁴
    truth = np.zeros(24, dtype=np.int64)
    floor, network = wrong_at(truth, *range(6)), wrong_at(truth, *range(12))
    assert judge(truth, floor).preferred(lambda items: sure(network)[items]) is not None
    assert judge(truth, floor, copies=6).preferred(lambda items: sure(network)[items]) is None


def test_what_is_worse_never_answers() -> None:
    truth = np.arange(40) % 2
    assert judge(truth, wrong_at(truth, 3)).preferred(lambda items: sure(truth)[items]) is None


def test_of_a_rare_class_the_simpler_answers_where_few_items_do_not_tell_it_from_a_network() -> None:
    # 2 of 100 are rare. Floor: one of them first, one third, average precision (1 + 2/3) / 2; network: both first. A
    # draw without the second, or without the one between, has them alike: 1/e + (1 - 1/e) / e = 0.6 of the draws
    truth = np.zeros(100, dtype=np.int64)
    truth[[4, 70]] = 1
    network, floor = ranked(100, 4, 70), ranked(100, 4, 9, 70)
    found = judge(truth, floor, "average_precision").preferred(lambda items: network[items])
    assert found is not None
    assert found[1].endswith("average_precision 0.8333, the network 1, which so few of a rare class do not tell apart")
    assert judge(truth, floor, "acc").preferred(lambda items: network[items]) is None


def test_of_a_rare_class_a_network_that_ranks_far_better_answers() -> None:
    # the floor has both rare items behind ninety others
    truth = np.zeros(100, dtype=np.int64)
    truth[[98, 99]] = 1
    network, floor = ranked(100, 98, 99), ranked(100, *range(90))
    assert judge(truth, floor, "average_precision").preferred(lambda items: network[items]) is None


def test_of_a_rare_class_with_many_items_to_choose_by_the_better_answers() -> None:
    # 31 of 1,000: as in the first of these tests, but none is few
    truth = np.zeros(1000, dtype=np.int64)
    truth[:31] = 1
    network, floor = ranked(1000, *range(31)), ranked(1000, *range(30), 500, 30)
    assert judge(truth, floor, "average_precision").preferred(lambda items: network[items]) is None


def test_the_error_of_an_accuracy_is_that_of_a_share() -> None:
    # of 100 items 80 are right: sqrt(.8 · .2 / 100) = .04, but for what a hundred draws leave
    truth = np.arange(100) % 2
    said = sure(wrong_at(truth, *range(20)))
    every = np.arange(100)
    error = judge(truth, truth).error(said, every)
    assert error is not None
    assert abs(error - 0.04) < 0.01
    assert judge(truth, truth).error(sure(truth), every) == 0
    assert judge(truth, truth).error(said[:1], every[:1]) is None


def test_the_error_of_mean_reciprocal_ranks_is_that_of_a_mean() -> None:
    # 1, 1/2, 1/2, 1: deviation of a sample 1/4 · sqrt(4/3), over two; half of them are first: 1/2 · sqrt(4/3), over two
    ranks = np.array([1.0, 2.0, 2.0, 1.0])
    assert error_of_ranks(ranks, "mrr") == pytest.approx(0.25 * (4 / 3) ** 0.5 / 2)
    assert error_of_ranks(ranks, "hits@1") == pytest.approx(0.5 * (4 / 3) ** 0.5 / 2)
    assert error_of_ranks(ranks, "auc") is None
    assert error_of_ranks(ranks[:1], "mrr") is None
