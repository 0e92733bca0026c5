"""Algorithms over projected graphs: embeddings, centrality, communities, similarity, paths."""

from __future__ import annotations

from .outcome import Outcome, distribution
from .table import FUNCTIONS, run_algorithm, run_on_view

__all__ = ["FUNCTIONS", "Outcome", "distribution", "run_algorithm", "run_on_view"]
