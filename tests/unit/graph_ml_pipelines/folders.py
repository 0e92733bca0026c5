"""Projected graphs in folders, and pipelines over them, for tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from training_scripts.graph_ml.projections import ProjectedGraph
from training_scripts.graph_ml.schemas.catalog.algorithms import ALGORITHMS
from training_scripts.graph_ml.schemas.catalog.options import read_options
from training_scripts.graph_ml.schemas.catalog.pipelines import (
    PREDICT,
    SPLITS,
    TRAIN,
    FeatureStep,
    NodePropertyStep,
    PipelineDefinition,
    PipelineKind,
    read_candidate,
)
from training_scripts.graph_ml.schemas.catalog.projection import (
    GRAPH_FILE,
    ProjectedGraphDescription,
    PropertyColumn,
    RelationshipArrays,
)


def graph_in(
    folder: Path,
    size: int,
    relationships: Mapping[str, Any],
    properties: Mapping[str, Any] | None = None,
    labels: Mapping[str, Any] | None = None,
    directed: tuple[str, ...] = (),
) -> ProjectedGraph:
    """Write a graph: relationships by type as pairs, given once; properties and labels with a row a node."""
    folder.mkdir(parents=True, exist_ok=True)
    files: list[str] = []

    def kept(values: Any) -> str:
        files.append(f"array-{len(files)}.npy")
        np.save(folder / files[-1], values, allow_pickle=False)
        return files[-1]

    types = {}
    for name, pairs in relationships.items():
        ends = np.array(pairs, dtype=np.int32).reshape(-1, 2)
        if name not in directed:
            ends = np.concatenate([ends, ends[:, ::-1]])
        orientation = "NATURAL" if name in directed else "UNDIRECTED"
        types[name] = RelationshipArrays(
            orientation=orientation, count=len(ends), source=kept(ends[:, 0]), target=kept(ends[:, 1])
        )
    columns = {
        name: PropertyColumn(file=kept(np.asarray(values)), value_type="Float")
        for name, values in (properties or {}).items()
    }
    marks = labels or {"Person": np.ones(size, dtype=bool)}
    description = ProjectedGraphDescription(
        name="g",
        node_count=size,
        ids=kept(np.arange(size)),
        labels={name: kept(np.asarray(mask, dtype=bool)) for name, mask in marks.items()},
        node_properties=columns,
        relationships=types,
    )
    description.save(folder / GRAPH_FILE)
    return ProjectedGraph(folder)


def step(algorithm: str, property_: str, labels: Any = (), types: Any = (), **options: Any) -> NodePropertyStep:
    """A node property step with its defaults."""
    read = read_options(ALGORITHMS[algorithm].mode_options("mutate"), {"mutateProperty": property_, **options})
    return NodePropertyStep(algorithm=algorithm, config=read, context_labels=list(labels), context_types=list(types))


def pipeline(
    features: list[tuple[str, list[str]]],
    steps: list[NodePropertyStep] | None = None,
    candidates: list[tuple[str, dict[str, Any]]] | None = None,
    kind: PipelineKind = "linkPrediction",
    max_trials: int = 10,
    **split: Any,
) -> PipelineDefinition:
    """A pipeline with its defaults; of node pipelines the features are properties."""
    return PipelineDefinition(
        kind=kind,
        name="pipe",
        created_ms=0,
        steps=steps or [],
        features=[FeatureStep(name=name, properties=names) for name, names in features if names is not None],
        feature_properties=[] if kind == "linkPrediction" else [name for name, _ in features],
        split=read_options(SPLITS[kind], split),
        candidates=[read_candidate(kind, *one) for one in candidates or [("LogisticRegression", {})]],
        max_trials=max_trials,
    )


def training(kind: PipelineKind = "linkPrediction", **options: Any) -> dict[str, Any]:
    """The options of a training with their defaults."""
    return read_options(TRAIN[kind], {"pipeline": "pipe", "modelName": "m", "randomSeed": 1, **options})


def predicting(kind: PipelineKind = "linkPrediction", **options: Any) -> dict[str, Any]:
    """The options of a prediction with their defaults."""
    return read_options(PREDICT[kind], {"modelName": "m", **options})


def ignored(phase: str, share: float) -> None:
    """A report that nobody reads."""
