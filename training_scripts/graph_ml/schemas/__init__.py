"""The JSON artefacts of a workflow run, as pydantic models that need nothing but the standard library and pydantic."""

from __future__ import annotations

from .base import Artefact
from .endpoint import (
    EndpointRequest,
    EndpointResponse,
    GlobalParameters,
    ItemResult,
    ModelStamp,
    Output,
    Prediction,
    QueryItem,
    RequestData,
)
from .hyperparameters import EvalFrequency, EvalMetric, HpoModel, HpoParameter, ModelHpoConfiguration
from .jobs import InstanceRecommendation, Progress, ProgressMetric
from .manifest import ArrayEntry, EdgeTypeEntry, FeatureEntry, Manifest, NodeTypeEntry, TargetEntry
from .model import EdgeTypeName, Metrics, ModelDescription, TargetName
from .tasks import TaskType, task_type
from .training_data import (
    FEATURE_TYPES,
    EdgeFile,
    FeatureSpec,
    GraphFiles,
    LabelSpec,
    NodeFile,
    TrainingDataConfiguration,
)

__all__ = [
    "FEATURE_TYPES",
    "ArrayEntry",
    "Artefact",
    "EdgeFile",
    "EdgeTypeEntry",
    "EdgeTypeName",
    "EndpointRequest",
    "EndpointResponse",
    "EvalFrequency",
    "EvalMetric",
    "FeatureEntry",
    "FeatureSpec",
    "GlobalParameters",
    "GraphFiles",
    "HpoModel",
    "HpoParameter",
    "InstanceRecommendation",
    "ItemResult",
    "LabelSpec",
    "Manifest",
    "Metrics",
    "ModelDescription",
    "ModelHpoConfiguration",
    "ModelStamp",
    "NodeFile",
    "NodeTypeEntry",
    "Output",
    "Prediction",
    "Progress",
    "ProgressMetric",
    "QueryItem",
    "RequestData",
    "TargetEntry",
    "TargetName",
    "TaskType",
    "TrainingDataConfiguration",
    "task_type",
]
