"""Metrics: fixed points, and scikit-learn on random cases."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as judge

from training_scripts.graph_ml.container import JobError
from training_scripts.graph_ml.pipelines.metrics import (
    area_under_precision_recall,
    class_score,
    metric_names,
    regression_score,
)


@pytest.mark.parametrize(
    ("labels", "scores", "area"),
    [
        ([1, 1, 0, 0], [0.9, 0.8, 0.2, 0.1], 1.0),
        ([1, 0, 1, 0], [0.5, 0.5, 0.5, 0.5], 0.75),
        ([1, 0, 1, 0, 1, 0], [0.1, 0.9, 0.2, 0.8, 0.3, 0.7], 0.3),
        ([1, 0, 1, 0, 1, 0], [0.8, 0.6, 0.6, 0.4, 0.2, 0.2], 0.777778),
        ([0, 0], [0.1, 0.2], 0.0),
    ],
)
def test_fixed_points_of_the_area(labels: list[int], scores: list[float], area: float) -> None:
    assert area_under_precision_recall(np.array(labels), np.array(scores)) == pytest.approx(area, abs=1e-6)


def test_the_area_is_that_of_scikit_learn_with_ties_and_weights() -> None:
    random = np.random.default_rng(0)
    for _ in range(300):
        count, weight = int(random.integers(2, 60)), float(random.choice([0.3, 1.0, 7.0]))
        labels = random.integers(0, 2, count)
        labels[0] = 1
        scores = random.integers(0, random.integers(1, 20) + 1, count) / 7
        weights = np.where(labels == 1, 1.0, weight)
        precision, recall, _ = judge.precision_recall_curve(labels, scores, sample_weight=weights)
        found = area_under_precision_recall(labels, scores, weight)
        assert found == pytest.approx(judge.auc(recall, precision), abs=1e-12)
        assert 0 <= found <= 1


def test_class_metrics_are_those_of_scikit_learn() -> None:
    random = np.random.default_rng(1)
    labels, predicted = random.integers(0, 4, 200), random.integers(0, 4, 200)
    assert class_score("ACCURACY", labels, predicted) == judge.accuracy_score(labels, predicted)
    assert class_score("F1_MACRO", labels, predicted) == pytest.approx(
        judge.f1_score(labels, predicted, average="macro")
    )
    weighted = judge.f1_score(labels, predicted, average="weighted")
    assert class_score("F1_WEIGHTED", labels, predicted) == pytest.approx(weighted)
    one = {"labels": [2], "average": "macro"}
    assert class_score("F1(class=2)", labels, predicted) == pytest.approx(judge.f1_score(labels, predicted, **one))
    assert class_score("PRECISION(class=2)", labels, predicted) == judge.precision_score(labels, predicted, **one)
    assert class_score("RECALL(class=2)", labels, predicted) == judge.recall_score(labels, predicted, **one)


def test_regression_metrics() -> None:
    targets, predicted = np.array([1.0, 2.0, 4.0]), np.array([2.0, 2.0, 1.0])
    assert regression_score("MEAN_SQUARED_ERROR", targets, predicted) == pytest.approx(10 / 3)
    assert regression_score("ROOT_MEAN_SQUARED_ERROR", targets, predicted) == pytest.approx((10 / 3) ** 0.5)
    assert regression_score("MEAN_ABSOLUTE_ERROR", targets, predicted) == pytest.approx(4 / 3)


def test_names_of_metrics() -> None:
    names = metric_names(["f1(class = *)", "accuracy"], "nodeClassification", np.array([3, 5]))
    assert names == ["F1(class=3)", "F1(class=5)", "ACCURACY"]
    with pytest.raises(JobError, match="there are AUCPR, OUT_OF_BAG_ERROR"):
        metric_names(["AUC"], "linkPrediction")
