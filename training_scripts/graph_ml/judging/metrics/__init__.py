"""Figures by which models are judged, in numpy."""

from __future__ import annotations

from .classification import average_precision, classification_metrics, roc_auc
from .ranking import (
    Exclusions,
    auc,
    error_of_ranks,
    filtered_ranks,
    hits_at,
    mean_reciprocal_rank,
    rank_of_true,
    ranking_metrics,
    ranks_clearly_better,
)
from .regression import regression_metrics

__all__ = [
    "Exclusions",
    "auc",
    "average_precision",
    "classification_metrics",
    "error_of_ranks",
    "filtered_ranks",
    "hits_at",
    "mean_reciprocal_rank",
    "rank_of_true",
    "ranking_metrics",
    "ranks_clearly_better",
    "regression_metrics",
    "roc_auc",
]
