"""A trained pipeline: what is said of it, beside the arrays of its weights."""

from __future__ import annotations

from typing import Any, Final

from pydantic import Field

from .. import files
from ..base import Artefact
from .pipelines import FeatureStep, NodePropertyStep, PipelineKind

MODEL_FILE: Final = files.MODEL
ARRAYS_FILE: Final = "arrays.npz"


class PipelineModel(Artefact):
    """One trained pipeline.

    Attributes:
        method: the kind of candidate that won.
        best: its options.
        config: of the training.
        classes: of a classification, the class numbers in the order of the probabilities.
        widths: how many numbers each feature step gives.
        metrics: by metric, ``train`` and ``validation`` over folds, ``outerTrain`` and ``test``.
        selection: every trial with its scores.
        report: further measures on the test set.
    """

    kind: PipelineKind
    name: str
    created_ms: int
    method: str
    best: dict[str, Any]
    config: dict[str, Any]
    graph_schema: dict[str, Any] = Field(default_factory=dict)
    steps: list[NodePropertyStep] = Field(default_factory=list)
    features: list[FeatureStep] = Field(default_factory=list)
    feature_properties: list[str] = Field(default_factory=list)
    classes: list[int] = Field(default_factory=list)
    widths: list[int] = Field(default_factory=list)
    metrics: dict[str, Any] = Field(default_factory=dict)
    selection: dict[str, Any] = Field(default_factory=dict)
    report: dict[str, Any] = Field(default_factory=dict)
    train_millis: int = 0
