"""Training and prediction of node classification and node regression pipelines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..container import JobError
from ..projections import Floats, GraphView, Ints, ProjectedGraph
from ..schemas.catalog.models import PipelineModel
from ..schemas.catalog.pipelines import NodePropertyStep, PipelineDefinition
from .candidates import Trained
from .metrics import class_score, metric_names, regression_score
from .split import folds
from .steps import Surroundings
from .training import Report, RowsToLearn, choose_and_train
from .tuning import OUT_OF_BAG, trials


@dataclass(frozen=True)
class NodeRows:
    """The nodes that a pipeline speaks of, with their features, float64, shape (n, width)."""

    view: GraphView
    features: Floats


def node_rows(
    graph: ProjectedGraph,
    labels: list[str],
    types: list[str],
    steps: list[NodePropertyStep],
    properties: list[str],
    config: Mapping[str, Any],
    seed: int | None,
) -> NodeRows:
    """Run the steps on the nodes of the labels and gather their feature properties. Raises JobError."""
    for label in labels:
        if label != "*" and label not in graph.description.labels:
            raise JobError(f"Could not find the node label {label!r} in the graph")
    for name in types:
        if name != "*" and name not in graph.description.relationships:
            raise JobError(f"Could not find the relationship type {name!r} in the graph")
    source, target, _ = graph.arcs(types)
    around = Surroundings(graph, graph.mask(labels), source, target, np.arange(len(source)), graph.types(types))
    around.run(steps, config["concurrency"], seed)
    view = around.view()
    values = around.properties(view)
    missing = [name for name in properties if name not in values]
    if missing:
        raise JobError(f"Node property `{missing[0]}` is neither in the graph nor made by a node property step")
    columns = [np.asarray(values[name], dtype=np.float64).reshape(view.size, -1) for name in properties]
    features = np.concatenate(columns, axis=1)
    wrong = np.isnan(features).any(axis=1)
    if wrong.any():
        raise JobError(f"Encountered NaN in the features of node {int(view.ids[wrong][0])}; give properties a default")
    return NodeRows(view, features)


def train_nodes(
    graph: ProjectedGraph, definition: PipelineDefinition, config: dict[str, Any], report: Report
) -> tuple[PipelineModel, Trained]:
    """Split nodes, choose by folds, train the winner and test it. Raises JobError."""
    splitting, folding, tuning, fitting = np.random.default_rng(config.get("randomSeed")).spawn(4)
    labels = config.get("nodeLabels") or config["targetNodeLabels"]
    report("Execute node property steps", 0.02)
    rows = node_rows(
        graph,
        labels,
        config["relationshipTypes"],
        definition.steps,
        definition.feature_properties,
        config,
        config.get("randomSeed"),
    )
    targets = _targets(rows.view, config["targetProperty"], definition.kind)
    classes = np.unique(targets) if definition.kind == "nodeClassification" else np.zeros(0, dtype=np.int64)
    metrics = metric_names(config["metrics"], definition.kind, classes)
    if metrics[0] == OUT_OF_BAG and any(one.method != "RandomForest" for one in definition.candidates):
        raise JobError(f"{OUT_OF_BAG} can be the first metric only where every candidate is a RandomForest")
    numbers = np.searchsorted(classes, targets) if len(classes) else targets
    order = splitting.permutation(len(targets))
    tests = int(len(order) * definition.split["testFraction"])
    test, train = order[:tests], order[tests:]
    if not tests or len(train) < definition.split["validationFolds"]:
        raise JobError(
            f"`testFraction` {definition.split['testFraction']} leaves {tests} of {len(order)} nodes for the test and "
            f"{len(train)} for {definition.split['validationFolds']} folds; project more nodes or change the split"
        )
    score = _score(classes)
    strata = numbers[train] if len(classes) else np.zeros(len(train), dtype=np.int64)
    of_folds = folds(strata, definition.split["validationFolds"], folding)
    known, asked = ((rows.features[one], numbers[one]) for one in (train, test))
    learned = RowsToLearn(known, asked, classes=len(classes))
    tried = trials(definition.kind, definition.candidates, definition.max_trials, tuning)
    chosen = choose_and_train(tried, metrics, learned, of_folds, score, fitting, report)
    made = PipelineModel(
        kind=definition.kind,
        name=config["modelName"],
        created_ms=0,
        config=config,
        steps=definition.steps,
        feature_properties=definition.feature_properties,
        classes=classes.tolist(),
        widths=[rows.features.shape[1]],
        **chosen.figures,
    )
    return made, chosen.model


def _targets(view: GraphView, name: str, kind: str) -> Any:
    if name not in view.properties:
        raise JobError(f"Target property `{name}` was not found in the graph")
    values = np.asarray(view.properties[name], dtype=np.float64)
    if values.ndim != 1 or np.isnan(values).any():
        raise JobError(f"Target property `{name}` must be one number for every node; leave out nodes without it")
    if kind == "nodeRegression":
        return values
    if (values != np.rint(values)).any():
        raise JobError(f"Target property `{name}` must hold whole numbers, one for each class")
    return values.astype(np.int64)


def _score(classes: Ints) -> Callable[[str, Trained, Floats, Any], float]:
    def score(metric: str, model: Trained, features: Floats, targets: Any) -> float:
        if len(classes):
            predicted = model.predictor.probabilities(features).argmax(axis=1)
            return class_score(metric, classes[targets], classes[predicted])
        return regression_score(metric, targets, model.predictor.outputs(features)[:, 0])

    return score


def predict_nodes(
    graph: ProjectedGraph,
    model: PipelineModel,
    trained: Trained,
    config: Mapping[str, Any],
    report: Callable[[str, float], None],
) -> dict[str, Any]:
    """Columns of the prediction: ``nodeId``, then the class with its probabilities, or the value. Raises JobError."""
    labels = config.get("targetNodeLabels") or config.get("nodeLabels") or model.config["targetNodeLabels"]
    types = config.get("relationshipTypes") or model.config["relationshipTypes"]
    report("Execute node property steps", 0.0)
    rows = node_rows(
        graph, labels, types, model.steps, model.feature_properties, config, model.config.get("randomSeed")
    )
    if [rows.features.shape[1]] != model.widths:
        raise JobError(
            f"Model {model.name} expects features of {sum(model.widths)} numbers, and this graph gives "
            f"{rows.features.shape[1]}: a node property has another length than it had in training"
        )
    if model.kind == "nodeRegression":
        return {"nodeId": rows.view.ids, "predictedValue": trained.predictor.outputs(rows.features)[:, 0]}
    shares = trained.predictor.probabilities(rows.features)
    classes = np.asarray(model.classes)
    return {"nodeId": rows.view.ids, "predictedClass": classes[shares.argmax(axis=1)], "predictedProbabilities": shares}
