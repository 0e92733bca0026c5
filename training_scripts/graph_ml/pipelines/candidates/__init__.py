"""The models that a pipeline may choose from: each learns from rows of numbers and is kept as arrays."""

from __future__ import annotations

from .table import Trained, restored, trained

__all__ = ["Trained", "restored", "trained"]
