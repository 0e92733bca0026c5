"""What each of the five tasks learns from, is judged by, and answers with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..graph import Labels
from ..schemas import Direction, TaskType


@dataclass(frozen=True)
class Task:
    """One task.

    ``answer`` is what an endpoint gives for one item: ``nodes`` are candidates with scores, ``classes`` are class
    names with probabilities, best first; ``number`` is one value.
    """

    name: TaskType
    of: Literal["node", "edge"]
    metrics: tuple[str, ...]
    answer: Literal["nodes", "classes", "number"]

    @property
    def metric(self) -> str:
        """What is optimised unless the data ask for another."""
        return self.metrics[0]

    @property
    def objective(self) -> str:
        """The name under which training prints the metric."""
        return f"validation_{self.metric}"


_CLASSIFIED = ("acc", "F1", "acc_topk", "precision", "recall", "roc_auc", "average_precision")
_NUMBERS = ("mse", "rmse", "mae")

TASKS: dict[TaskType, Task] = {
    "node_class": Task("node_class", "node", _CLASSIFIED, "classes"),
    "node_regression": Task("node_regression", "node", _NUMBERS, "number"),
    "edge_class": Task("edge_class", "edge", _CLASSIFIED, "classes"),
    "edge_regression": Task("edge_regression", "edge", _NUMBERS, "number"),
    "link_prediction": Task(
        "link_prediction", "edge", ("mrr", "hits@1", "hits@3", "hits@10", "hits@50", "auc"), "nodes"
    ),
}

METRIC_DIRECTION: dict[str, Direction] = {
    metric: ("minimize" if metric in _NUMBERS else "maximize") for task in TASKS.values() for metric in task.metrics
}

# The service does not say when it calls labels imbalanced; ten to one is where accuracy stops saying much.
IMBALANCE = 10.0
# and one where hardly any item of the rarer class is ever the likelier one, so that F1 cannot tell models apart
RARE = 30.0


def looks_imbalanced(labels: Labels) -> bool:
    """Whether the most frequent class has more than ten times the labels of the rarest one."""
    return imbalance(labels) > IMBALANCE


def imbalance(labels: Labels) -> float:
    """How many times as many labels the most frequent class has as the rarest one; 1 where there are no two."""
    if labels.kind != "class" or len(labels.classes) < 2:
        return 1.0
    counts = np.bincount(labels.values[labels.known], minlength=len(labels.classes))
    return float(counts.max(initial=0)) / max(1, int(counts.min()))


def default_metric(task: TaskType, labels: Labels | None = None) -> str:
    """The metric a task is tuned by: F1 for imbalanced classes, roc_auc for several labels at once.

    Of two classes of which one is as rare as fraud it is average_precision, that of the rare one.

    Source: the service's table of evaluation metrics; average_precision is ours.
    """
    if labels is not None and labels.kind == "classes":
        return "roc_auc"
    if labels is not None and len(labels.classes) == 2 and imbalance(labels) > RARE:
        return "average_precision"
    if labels is not None and looks_imbalanced(labels):
        return "F1"
    return TASKS[task].metric
