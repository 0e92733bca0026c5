"""What each figure says of a model, for whoever reads a report."""

from __future__ import annotations

from typing import Final

#: a sentence a metric, in the order in which reports show them
METRIC_MEANINGS: Final = {
    "mrr": "mean of 1 / rank of what is true among all candidates: 1 where it always comes first",
    "hits@1": "how often what is true comes first",
    "hits@3": "how often what is true is among the first 3",
    "hits@10": "how often what is true is among the first 10",
    "hits@50": "how often what is true is among the first 50",
    "mean_rank": "mean of the ranks of what is true among all candidates: a few that stand far behind weigh most",
    "auc": "how often what is true scores above what is not, of two drawn by chance: 0.5 is guessing",
    "AUCPR": "area under precision and recall, over links and drawn pairs that are none",
    "acc": "share of answers that are right",
    "F1": "harmonic mean of precision and recall, of classes the mean of theirs",
    "precision": "share of what was given a class that is of it",
    "recall": "share of what is of a class that was given it",
    "acc_topk": "share of items whose class is among the k likeliest answers",
    "roc_auc": "how often one of a class scores above one that is not, of two drawn by chance: 0.5 is guessing",
    "average_precision": "precision over all thresholds; what guessing reaches is the share of the class",
    "mse": "mean of squared errors: large errors count most",
    "rmse": "its root, in the unit of the number that is predicted",
    "mae": "mean of errors without their sign, in the unit of the number that is predicted",
}
