"""The JSON artefacts of a workflow run, as pydantic models that need nothing but the standard library and pydantic."""

from __future__ import annotations

from .base import Artefact
from .edge_type import EdgeType
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
from .families import DEFAULT_FAMILY, FAMILIES
from .feature_types import FEATURE_TYPES, FeatureType, feature_type
from .hyperparameters import EvalFrequency, EvalMetric, HpoModel, HpoParameter, ModelHpoConfiguration
from .jobs import InstanceRecommendation, Progress, ProgressMetric
from .manifest import (
    AdjacencyEntry,
    ArrayEntry,
    EdgeTypeEntry,
    FeatureEntry,
    HistoryEntry,
    HorizonEntry,
    Manifest,
    NodeTypeEntry,
    StrandEntry,
    TargetEntry,
    ToldLabelsEntry,
)
from .model import Metrics, ModelDescription, TargetName
from .tasks import Direction, TaskType, task_type
from .training_data import (
    DATETIME_PARTS,
    IMPUTERS,
    NORMS,
    OPTION_ALIASES,
    EdgeFile,
    FeatureSpec,
    GraphFiles,
    HistorySpec,
    HorizonSpec,
    LabelSpec,
    NodeFile,
    TrainingDataConfiguration,
)

__all__ = [
    "DATETIME_PARTS",
    "DEFAULT_FAMILY",
    "FAMILIES",
    "FEATURE_TYPES",
    "IMPUTERS",
    "NORMS",
    "OPTION_ALIASES",
    "AdjacencyEntry",
    "ArrayEntry",
    "Artefact",
    "Direction",
    "EdgeFile",
    "EdgeType",
    "EdgeTypeEntry",
    "EndpointRequest",
    "EndpointResponse",
    "EvalFrequency",
    "EvalMetric",
    "FeatureEntry",
    "FeatureSpec",
    "FeatureType",
    "GlobalParameters",
    "GraphFiles",
    "HistoryEntry",
    "HistorySpec",
    "HorizonEntry",
    "HorizonSpec",
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
    "StrandEntry",
    "TargetEntry",
    "TargetName",
    "TaskType",
    "ToldLabelsEntry",
    "TrainingDataConfiguration",
    "feature_type",
    "task_type",
]
