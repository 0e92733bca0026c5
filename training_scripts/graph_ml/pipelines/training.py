"""Training of a link-prediction pipeline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..container import JobError
from ..judging.metrics import auc, average_precision
from ..projections import Floats, Ints, ProjectedGraph
from ..projections.graph import Bools
from ..schemas.catalog.models import PipelineModel
from ..schemas.catalog.pipelines import Candidate, PipelineDefinition
from .candidates import Trained, trained
from .link_features import LinkFeatures
from .metrics import area_under_precision_recall, metric_names
from .split import folds, split_links
from .steps import Surroundings
from .tuning import OUT_OF_BAG, Score, Selection, parameters_of, select, trials

Report = Callable[[str, float], None]
"""Told what is done now, and which share of all is done."""


@dataclass(frozen=True)
class Links:
    """The relationships to be predicted, as unordered pairs of positions in the projection.

    Attributes:
        sources, targets: which nodes may be the one end and which the other, bool, shape (nodes of the projection,).
        pairs: distinct, smaller position first, int64, shape (links, 2).
        places: of each pair, the place of an arc of it among the arcs of the types.
    """

    sources: Bools
    targets: Bools
    pairs: Ints
    places: Ints

    @property
    def mask(self) -> Bools:
        """Nodes of the projection that may be an end, bool, shape (n,)."""
        return self.sources | self.targets


def admissible(pairs: Ints, sources: Bools, targets: Bools) -> Bools:
    """Whether a pair has an end among the sources and its other end among the targets, bool, shape (pairs,)."""
    one, other = pairs[:, 0], pairs[:, 1]
    return np.asarray((sources[one] & targets[other]) | (sources[other] & targets[one]))


def links_of(graph: ProjectedGraph, types: list[str], source_labels: list[str], target_labels: list[str]) -> Links:
    """The relationships of some types whose ends carry the labels, each once, without self-loops. Raises JobError."""
    for label in (*source_labels, *target_labels):
        if label != "*" and label not in graph.description.labels:
            raise JobError(f"Could not find the node label {label!r} in the graph")
    for name in types:
        if name not in graph.description.relationships:
            known = ", ".join(graph.description.relationships)
            raise JobError(f"Could not find the relationship type {name!r} in the graph; there are {known}")
        if graph.description.relationships[name].orientation != "UNDIRECTED":
            raise JobError(f"The relationship type {name!r} must be UNDIRECTED; project the graph so")
    sources, targets = graph.mask(source_labels), graph.mask(target_labels)
    source, target, _ = graph.arcs(types)
    size = graph.description.node_count
    keys = np.minimum(source, target) * size + np.maximum(source, target)
    keys, places = np.unique(keys, return_index=True)
    pairs = np.stack([keys // size, keys % size], axis=1)
    kept = (pairs[:, 0] != pairs[:, 1]) & admissible(pairs, sources, targets)
    return Links(sources, targets, pairs[kept], places[kept])


def surroundings(graph: ProjectedGraph, links: Links, types: list[str], chosen: Ints) -> Surroundings:
    """Where steps run: the chosen ones of the links, both ways.

    Args:
        chosen: places among the links, int64, shape (chosen,).
    """
    pairs, places = links.pairs[chosen], links.places[chosen]
    source, target = np.concatenate([pairs, pairs[:, ::-1]]).T
    return Surroundings(graph, links.mask, source, target, np.concatenate([places, places]), types)


def target_types(graph: ProjectedGraph, config: dict[str, Any]) -> list[str]:
    """The types to be predicted: the one that is named, or all, as the first manual of these pipelines means it."""
    named = config.get("targetRelationshipType")
    if named == "*":
        raise JobError("`targetRelationshipType` must be one relationship type, not '*'")
    return [named] if named else graph.types(config.get("relationshipTypes") or ["*"])


def train_links(
    graph: ProjectedGraph, definition: PipelineDefinition, config: dict[str, Any], report: Report
) -> tuple[PipelineModel, Trained]:
    """Split, compute properties on what is left, choose by folds, train the winner and test it. Raises JobError."""
    metrics = metric_names(config["metrics"], "linkPrediction")
    if metrics[0] == OUT_OF_BAG and any(one.method != "RandomForest" for one in definition.candidates):
        raise JobError(f"{OUT_OF_BAG} can be the first metric only where every candidate is a RandomForest")
    splitting, folding, tuning, fitting = _random(config).spawn(4)
    types = target_types(graph, config)
    labels = [config["sourceNodeLabel"]], [config["targetNodeLabel"]]
    links = links_of(graph, types, *labels)
    report("Split relationships", 0.02)
    places = np.flatnonzero(links.mask)
    numbers = np.full(len(links.mask), -1)
    numbers[places] = np.arange(len(places))
    pairs = numbers[links.pairs]
    negatives = None if not definition.split.get("negativeRelationshipType") else _negatives(graph, definition, labels)
    parts = split_links(
        pairs,
        definition.split,
        links.sources[places],
        links.targets[places],
        splitting,
        None if negatives is None else numbers[negatives],
    )
    chosen = _places_of(parts.feature_input, pairs, len(places))
    around = surroundings(graph, links, types, chosen)
    report("Execute node property steps", 0.05)
    around.run(definition.steps, config["concurrency"], config.get("randomSeed"))
    view = around.view()
    maker = LinkFeatures(definition.features, view, around.properties(view))
    report("Extract train features", 0.3)
    train, test = ((maker.of(some), labels) for some, labels in (parts.train, parts.test))
    rows = RowsToLearn(train, test, classes=2)
    score = _score(config["negativeClassWeight"])
    of_folds = folds(rows.train[1], definition.split["validationFolds"], folding)
    tried = trials("linkPrediction", definition.candidates, definition.max_trials, tuning)
    winner = choose_and_train(tried, metrics, rows, of_folds, score, fitting, report)
    made = PipelineModel(
        kind="linkPrediction",
        name=config["modelName"],
        created_ms=0,
        config=config,
        steps=definition.steps,
        features=definition.features,
        widths=maker.widths,
        report=_report(winner.model, *rows.test, _true_ratio(links), score),
        **winner.figures,
    )
    return made, winner.model


def _random(config: dict[str, Any]) -> np.random.Generator:
    return np.random.default_rng(config.get("randomSeed"))


def _negatives(graph: ProjectedGraph, definition: PipelineDefinition, labels: tuple[list[str], list[str]]) -> Ints:
    name = definition.split["negativeRelationshipType"]
    found = links_of(graph, [name], *labels)
    return found.pairs


def _places_of(some: Ints, pairs: Ints, size: int) -> Ints:
    """Where pairs of a split stand among all pairs; both are of distinct pairs, smaller number first."""
    keys = pairs[:, 0] * size + pairs[:, 1]
    order = np.argsort(keys)
    return np.asarray(order[np.searchsorted(keys[order], some[:, 0] * size + some[:, 1])])


def _score(negative_weight: float) -> Callable[[str, Trained, Floats, Any], float]:
    def score(metric: str, model: Trained, features: Floats, labels: Any) -> float:
        return area_under_precision_recall(labels, model.predictor.probabilities(features)[:, 1], negative_weight)

    return score


@dataclass(frozen=True)
class RowsToLearn:
    """What a pipeline learns from and is tested on: features, float64, shape (rows, width), and targets, shape (rows,).

    ``classes`` is how many there are, 0 for numbers.
    """

    train: tuple[Floats, Any]
    test: tuple[Floats, Any]
    classes: int


@dataclass(frozen=True)
class ChosenModel:
    """The winner among the candidates, trained on all training rows, and what its description says of it."""

    model: Trained
    figures: dict[str, Any]


def choose_and_train(
    tried: list[Candidate],
    metrics: list[str],
    rows: RowsToLearn,
    of_folds: Sequence[tuple[Ints, Ints]],
    score: Score,
    random: np.random.Generator,
    report: Report,
) -> ChosenModel:
    """Choose a candidate over folds of the training rows, train it on all of them, and judge it on the others.

    Args:
        tried: candidates with their parameters.
        of_folds: rows to train on, int64 (k,), and rows to validate on, int64 (m,), for each fold.
    """
    features, targets = rows.train
    selection = select(
        tried,
        metrics,
        features,
        targets,
        rows.classes,
        of_folds,
        score,
        random,
        lambda done, all_: report(f"Select best model: {done} of {all_}", 0.35 + 0.5 * done / all_),
    )
    report("Train best model", 0.85)
    winner = selection.winner
    model = trained(winner.method, winner.options, features, targets, rows.classes, random)
    figures = {
        "method": winner.method,
        "best": parameters_of(winner),
        "metrics": all_metrics(selection, metrics, model, score, rows.train, rows.test),
        "selection": selection.statistics(),
    }
    return ChosenModel(model, figures)


def all_metrics(
    selection: Selection,
    metrics: list[str],
    model: Trained,
    score: Callable[[str, Trained, Floats, Any], float],
    train: tuple[Floats, Any],
    test: tuple[Floats, Any],
) -> dict[str, Any]:
    """By metric: the winner over folds, and after its last training on all training rows and on the test rows.

    Args:
        train, test: features, float64, shape (rows, width), and targets, shape (rows,).
    """
    shown = selection.statistics()["modelCandidates"][selection.best]["metrics"]
    found = {}
    for name in metrics:
        if name == OUT_OF_BAG:
            found[name] = {**shown[name], "test": model.out_of_bag}
        else:
            found[name] = {**shown[name], "outerTrain": score(name, model, *train), "test": score(name, model, *test)}
    return found


def _true_ratio(links: Links) -> float:
    """Pairs without a relationship for each that has one, among pairs that may have one."""
    both = int((links.sources & links.targets).sum())
    one, other = int(links.sources.sum()), int(links.targets.sum())
    possible = one * other - both - both * (both - 1) // 2
    return (possible - len(links.pairs)) / max(1, len(links.pairs))


def _report(model: Trained, features: Floats, labels: Ints, ratio: float, score: Any) -> dict[str, float]:
    scores = model.predictor.probabilities(features)[:, 1]
    negatives = max(1, int((labels == 0).sum()))
    weight = ratio * int((labels == 1).sum()) / negatives
    found = {
        "trueClassRatio": ratio,
        "AUCPR at the true class ratio": area_under_precision_recall(labels, scores, weight),
    }
    if len(np.unique(labels)) == 2:
        found["averagePrecision"] = average_precision(scores, labels == 1)
        found["ROC-AUC"] = auc(scores[labels == 1], scores[labels == 0])
    return found
