"""A floor answers in place of a network where it is better, and would be with other items to choose by."""

from __future__ import annotations

import numpy as np
import pytest

from training_scripts.graph_ml.graph import Labels
from training_scripts.graph_ml.judging.floors import Fitted
from training_scripts.graph_ml.judging.labels import Judge
from training_scripts.graph_ml.models.baselines import Baseline
from training_scripts.graph_ml.processing.split import HeldOut


def sure(classes: np.ndarray) -> np.ndarray:
    """Probabilities, (n, 2), of answers that are sure of one class each."""
    return np.eye(2)[classes]


def judge(truth: np.ndarray, floor: np.ndarray) -> Judge:
    """All items are there to choose by; one floor says these classes."""
    nothing = np.empty(0, dtype=np.int64)
    parts = HeldOut(nothing, np.arange(len(truth)), nothing, nothing)
    fitted = Fitted(sure(floor), Baseline("propagated", "class", {}))
    labels = Labels("class", truth, ("no", "yes"))
    return Judge(labels, parts, 1, "acc", {"label_propagation": fitted}, np.ones(len(truth), dtype=np.int64))


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


def test_what_is_worse_never_answers() -> None:
    truth = np.arange(40) % 2
    assert judge(truth, wrong_at(truth, 3)).preferred(lambda items: sure(truth)[items]) is None
