"""The five tasks as data."""

from __future__ import annotations

from .table import METRIC_DIRECTION, TASKS, Task, default_metric, looks_imbalanced

__all__ = ["METRIC_DIRECTION", "TASKS", "Task", "default_metric", "looks_imbalanced"]
