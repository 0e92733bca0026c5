"""The processed graph: what it is in memory and on disk."""

from __future__ import annotations

from ..schemas import EdgeType
from .data import EdgeList, GraphData, Horizon, Labels, Split, Target
from .history import History

__all__ = ["EdgeList", "EdgeType", "GraphData", "History", "Horizon", "Labels", "Split", "Target"]
