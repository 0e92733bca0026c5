"""A trained pipeline as a model that endpoints serve: a model folder as training of a network leaves one.

Links are scored when they are asked for, from properties that the pipeline's steps made once, over the graph it is
deployed with. Classes and numbers of nodes are worked out then, and looked up when they are asked for.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Final

import numpy as np

from ..artifacts import ModelWriter
from ..container import JobError
from ..judging.report import write_model_report
from ..models.link_scorers import Calibration
from ..pairs import NodeSpace
from ..projections import Ints, ProjectedGraph
from ..schemas import EdgeType, Metrics, ModelDescription
from ..schemas.catalog.models import PipelineModel
from ..schemas.catalog.pipelines import PipelineKind
from ..schemas.catalog.requests import NamesInDatabase
from ..schemas.model import Split, TargetName
from ..schemas.tasks import TaskType
from .candidates import Trained
from .nodes import predict_nodes
from .prediction import features_of_links
from .scorer import keep_scorer
from .training import Report

TASKS: Final[Mapping[PipelineKind, TaskType]] = {
    "linkPrediction": "link_prediction",
    "nodeClassification": "node_class",
    "nodeRegression": "node_regression",
}
SHOWN: Final[Mapping[str, str]] = {
    "ACCURACY": "acc",
    "F1_MACRO": "F1",
    "MEAN_SQUARED_ERROR": "mse",
    "ROOT_MEAN_SQUARED_ERROR": "rmse",
    "MEAN_ABSOLUTE_ERROR": "mae",
    "ROC-AUC": "auc",
    "averagePrecision": "average_precision",
}
"""Figures of pipelines by the names that reports explain; the others keep their own."""
ERRORS: Final = ("MEAN_SQUARED_ERROR", "ROOT_MEAN_SQUARED_ERROR", "MEAN_ABSOLUTE_ERROR", "OUT_OF_BAG_ERROR")


class ServedNodes:
    """The nodes that a model answers about, type after type.

    Args:
        chosen: positions in the projection, int64, shape (n,).

    Attributes:
        order: of ``chosen`` those that live, in the order of the node space, as places in ``chosen``, int64, (m,).
        ids: of the database, by node type.
        space: all of them, one type after the other.
    """

    def __init__(self, names: NamesInDatabase, chosen: Ints) -> None:
        ids = np.load(names.ids, allow_pickle=False)[chosen]
        types = np.load(names.places, allow_pickle=False)[chosen]
        living = np.flatnonzero(ids != "")
        self.order: Ints = living[np.argsort(types[living], kind="stable")]
        self.ids: dict[str, list[str]] = {}
        for place, name in enumerate(names.types):
            found = self.order[types[self.order] == place]
            if len(found):
                self.ids[name] = ids[found].tolist()
        if not self.ids:
            raise JobError("None of the projected nodes is in the database any more; project the graph again")
        self.space = NodeSpace({name: len(found) for name, found in self.ids.items()})


@dataclass(frozen=True)
class Served:
    """What is served: a trained pipeline, over a graph, for the nodes of a database."""

    graph: ProjectedGraph
    model: PipelineModel
    trained: Trained
    names: NamesInDatabase
    config: Mapping[str, Any]
    report: Report


def write_served(
    folder: Path,
    graph: ProjectedGraph,
    model: PipelineModel,
    trained: Trained,
    names: NamesInDatabase,
    config: Mapping[str, Any],
    report: Report,
) -> None:
    """Write the folder of a model that answers about the nodes of a graph as they are now. Raises JobError."""
    writer = ModelWriter(folder)
    write = _write_links if model.kind == "linkPrediction" else _write_nodes
    nodes, targets, details = write(writer, Served(graph, model, trained, names, config, report))
    writer.ids(nodes.ids)
    writer.file("trials.json", json.dumps(_trials(model)))
    metrics = _metrics(model)
    description = ModelDescription(
        id=names.training or model.name,
        model=f"{model.method} in a pipeline",
        task=TASKS[model.kind],
        targets=targets,
        node_types=dict(nodes.space.counts),
        edge_types=[target.edge_type for target in targets if target.edge_type is not None],
        hyperparameters={"pipeline": model.config.get("pipeline", ""), **model.best},
        metrics={f"{split}.{name}": value for split, found in metrics.splits.items() for name, value in found.items()},
        created_ms=int(1000 * time.time()),
        training_job=names.training,
        graph_snapshot_ms=config.get("snapshotMs"),
        seed=model.config.get("randomSeed") or 0,
        details={**details, "inductive": False},
    )
    writer.finish(description, metrics)
    write_model_report(folder)


def _write_links(writer: ModelWriter, served: Served) -> tuple[ServedNodes, list[TargetName], dict[str, Any]]:
    served.report("Execute node property steps", 0.0)
    links, maker = features_of_links(served.graph, served.model, served.config)
    served.report("Keep features", 0.7)
    places = maker.view.places
    nodes = ServedNodes(served.names, places)
    maker.of(np.stack([nodes.order, nodes.order], axis=1))  # a value that is missing is refused now, not when asked
    numbers = np.full(len(links.mask), -1)
    numbers[places[nodes.order]] = np.arange(len(nodes.order))
    sources, targets = (mask[places[nodes.order]] for mask in (links.sources, links.targets))
    kept = keep_scorer(writer, maker, served.trained, nodes.order, sources, targets)
    pairs = numbers[links.pairs]
    pairs = pairs[(pairs >= 0).all(axis=1)]
    entries: list[dict[str, Any]] = []
    found: list[TargetName] = []
    for source, target in product(nodes.ids, nodes.ids):
        one, other = nodes.space.range(source), nodes.space.range(target)
        if not (sources[one].any() and targets[other].any()):
            continue
        both = pairs if source == target else np.concatenate([pairs, pairs[:, ::-1]])
        mine = (both[:, 0] >= one.start) & (both[:, 0] < one.stop)
        mine &= (both[:, 1] >= other.start) & (both[:, 1] < other.stop)
        for name, column in zip(("source", "target"), both[mine].T, strict=True):
            writer.array(f"links/{len(entries)}/{name}", column)
        kind = EdgeType(source, served.names.relationship, target)
        calibration = Calibration()
        entries.append(
            {
                "edge_type": list(kind),
                "directed": False,
                "calibration": {"slope": calibration.slope, "offset": calibration.offset},
                "scorer": kept,
            }
        )
        found.append(TargetName(edge_type=kind))
    return nodes, found, {"links": entries}


def _write_nodes(writer: ModelWriter, served: Served) -> tuple[ServedNodes, list[TargetName], dict[str, Any]]:
    graph, model = served.graph, served.model
    answers = predict_nodes(graph, model, served.trained, served.config, served.report)
    nodes = ServedNodes(served.names, np.searchsorted(graph.ids, answers["nodeId"]))
    classes = model.kind == "nodeClassification"
    table = np.asarray(answers["predictedProbabilities" if classes else "predictedValue"], dtype=np.float32)
    writer.array("predictions", table.reshape(len(table), -1)[nodes.order])
    known = [str(one) for one in model.classes] if classes else []
    targets = [TargetName(node_type=name, property=model.config["targetProperty"], classes=known) for name in nodes.ids]
    return nodes, targets, {"stored": "class" if classes else "number"}


def _metrics(model: PipelineModel) -> Metrics:
    """The figures of a pipeline in the words of the service's reports."""
    splits: dict[Split, dict[str, float]] = {"train": {}, "valid": {}, "test": {}}
    for name, found in model.metrics.items():
        shown = SHOWN.get(name, name)
        for split, value in (
            ("train", found.get("outerTrain")),
            ("valid", found.get("validation", {}).get("avg")),
            ("test", found["test"]),
        ):
            if value is not None:
                splits[split][shown] = float(value)  # type: ignore[index]
    for name, value in model.report.items():
        if name in SHOWN:
            splits["test"][SHOWN[name]] = float(value)
    main = next(iter(model.metrics))
    return Metrics(
        task=TASKS[model.kind],
        objective=f"validation_{SHOWN.get(main, main)}",
        direction="minimize" if main in ERRORS else "maximize",
        value=float(model.metrics[main]["validation"]["avg"]),
        splits={split: values for split, values in splits.items() if values},
        notes=[
            "Validation figures are means over folds of the training pairs; no plain rival was trained beside it."
            if model.kind == "linkPrediction"
            else "Validation figures are means over folds of the training nodes; no plain rival was trained beside it."
        ],
    )


def _trials(model: PipelineModel) -> list[dict[str, Any]]:
    """Every candidate that was tried: method, parameters, mean over folds, and whether it won."""
    main = next(iter(model.metrics))
    best = model.selection["bestTrial"]
    return [
        {
            "name": f"candidate {place}",
            "model": one["parameters"]["methodName"],
            "parameters": {name: value for name, value in one["parameters"].items() if name != "methodName"},
            "value": float(one["metrics"][main]["validation"]["avg"]),
            "winner": place == best,
        }
        for place, one in enumerate(model.selection["modelCandidates"], 1)
    ]
