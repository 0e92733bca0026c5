"""Graph algorithms and prediction pipelines in Python: procedures ``gds.…`` of a service, called over openCypher."""

from __future__ import annotations

from workflow.client.graph_science.pipelines import ModelHandle, PipelineHandle
from workflow.client.graph_science.science import GraphHandle, GraphScience

__all__ = ["GraphHandle", "GraphScience", "ModelHandle", "PipelineHandle"]
