"""Projected graphs: folders of arrays that algorithms and pipelines read."""

from __future__ import annotations

from .graph import Floats, GraphView, Ints, ProjectedGraph

__all__ = ["Floats", "GraphView", "Ints", "ProjectedGraph"]
