"""The table of tasks is complete, and the default metric follows the labels."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from training_scripts.graph_ml.graph import Labels
from training_scripts.graph_ml.schemas import TaskType, task_type
from training_scripts.graph_ml.tasks import METRIC_DIRECTION, TASKS, default_metric


def classes(*values: int) -> Labels:
    return Labels("class", np.array(values, dtype=np.int64), ("a", "b"))


def test_every_task_has_a_row() -> None:
    assert set(TASKS) == set(get_args(TaskType))
    assert all(name == task.name for name, task in TASKS.items())


def test_errors_are_minimised_and_everything_else_maximised() -> None:
    assert {m for m, d in METRIC_DIRECTION.items() if d == "minimize"} == {"mse", "rmse", "mae"}


def test_balanced_classes_are_judged_by_accuracy() -> None:
    assert default_metric("node_class", classes(0, 0, 1)) == "acc"


def test_ten_times_more_of_one_class_is_judged_by_f1() -> None:
    assert default_metric("node_class", classes(*[0] * 10, 1)) == "acc"
    assert default_metric("edge_class", classes(*[0] * 11, 1, -1)) == "F1"


def test_one_of_two_classes_that_is_as_rare_as_fraud_is_judged_by_its_average_precision() -> None:
    assert default_metric("node_class", classes(*[0] * 30, 1)) == "F1"
    assert default_metric("node_class", classes(*[0] * 31, 1)) == "average_precision"


def test_several_labels_are_judged_by_roc_auc() -> None:
    labels = Labels("classes", np.zeros((2, 2), dtype=np.float32), ("a", "b"))
    assert default_metric("node_class", labels) == "roc_auc"


@pytest.mark.parametrize(
    ("text", "task"),
    [
        ("link_predict", "link_prediction"),
        ("node_classification", "node_class"),
        ("edge-regression", "edge_regression"),
    ],
)
def test_other_spellings_name_the_same_task(text: str, task: str) -> None:
    assert task_type(text) == task


def test_an_unknown_task_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="'graph_class' is no task; known are node_class"):
        task_type("graph_class")
