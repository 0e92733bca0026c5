"""Machine-learning pipelines over projected graphs: link prediction, node classification, node regression."""

from __future__ import annotations

from .nodes import predict_nodes, train_nodes
from .prediction import predict_links
from .training import train_links

__all__ = ["predict_links", "predict_nodes", "train_links", "train_nodes"]
