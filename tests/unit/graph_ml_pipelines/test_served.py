"""Trained pipelines as models of endpoints: the same answers as prediction gives, by the database's names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.unit.graph_ml_algorithms.eight_people import PAIRS, POSTS
from tests.unit.graph_ml_pipelines.folders import graph_in, ignored, pipeline, predicting, step, training
from training_scripts.graph_ml.container import JobError
from training_scripts.graph_ml.pipelines import predict_links, predict_nodes, train_links, train_nodes
from training_scripts.graph_ml.pipelines.served import write_served
from training_scripts.graph_ml.predict import load_predictor
from training_scripts.graph_ml.projections import ProjectedGraph
from training_scripts.graph_ml.schemas import EndpointRequest, Metrics
from training_scripts.graph_ml.schemas.catalog.requests import NamesInDatabase

NAMES = ["alice", "michael", "karin", "chris", "will", "mark", "greg", "veselin"]
#: every other one is of another type
TYPES = ["Person", "Person;Woman"]
SPLIT: dict[str, Any] = {"testFraction": 0.25, "trainFraction": 0.6}
STEPS = [step("fastRP", "embedding", embeddingDimension=16, randomSeed=42)]
SERVING = {**predicting(), "snapshotMs": 1}


@pytest.fixture
def eight(tmp_path: Path) -> ProjectedGraph:
    return graph_in(tmp_path / "graph", 8, {"KNOWS": PAIRS}, {"posts": np.array(POSTS, dtype=float)})


def named(folder: Path, *, types: list[str], gone: int | None = None) -> NamesInDatabase:
    """The eight people's names; the types take turns."""
    ids = ["" if place == gone else name for place, name in enumerate(NAMES)]
    np.save(folder / "ids.npy", np.array(ids))
    np.save(folder / "places.npy", np.arange(8) % len(types))
    return NamesInDatabase(
        ids=str(folder / "ids.npy"),
        places=str(folder / "places.npy"),
        types=types,
        relationship="KNOWS",
        training="job",
    )


def partners(folder: Path, person: str, relation: str = "KNOWS", **parameters: Any) -> dict[str, float]:
    """Whom the served model would link a person with, and how probably."""
    body = {
        "mode": "predict_tail",
        "data": {
            "globalParameters": {"topk": 10, "edgeType": relation, "exclude_flag": "mask", **parameters},
            "edges": [{"headNodeId": person}],
        },
    }
    (node,) = load_predictor(folder).answer(EndpointRequest.model_validate(body)).output.nodes or []
    return {str(one.node_id): float(one.score or 0) for one in node.results}


@pytest.mark.parametrize(
    ("features", "candidate"),
    [
        pytest.param([("HADAMARD", ["embedding"]), ("L2", ["posts"])], "LogisticRegression", id="in one product"),
        pytest.param([("COSINE", ["embedding"]), ("ADAMIC_ADAR", [])], "LogisticRegression", id="of neighbours"),
        pytest.param([("HADAMARD", ["embedding", "posts"])], "RandomForest", id="by trees"),
        pytest.param([("SAME_CATEGORY", ["posts"]), ("HADAMARD", ["embedding"])], "MultilayerPerceptron", id="layers"),
    ],
)
def test_an_endpoint_gives_the_probabilities_that_prediction_gives(
    eight: ProjectedGraph, tmp_path: Path, features: Any, candidate: str
) -> None:
    definition = pipeline(features, STEPS, [(candidate, {})], **SPLIT)
    model, trained = train_links(eight, definition, training(targetRelationshipType="KNOWS"), ignored)
    found = predict_links(eight, model, trained, predicting(topN=100), ignored)
    write_served(tmp_path / "model", eight, model, trained, named(tmp_path, types=TYPES), SERVING, ignored)
    expected: dict[str, dict[str, float]] = {name: {} for name in NAMES}
    for one, other, probability in zip(found.node1, found.node2, found.probability, strict=True):
        expected[NAMES[one]][NAMES[other]] = expected[NAMES[other]][NAMES[one]] = probability
    for person, others in expected.items():
        assert partners(tmp_path / "model", person) == pytest.approx(others, abs=1e-5)


def test_nodes_that_are_gone_are_neither_asked_about_nor_answered(eight: ProjectedGraph, tmp_path: Path) -> None:
    definition = pipeline([("HADAMARD", ["embedding"])], STEPS, **SPLIT)
    model, trained = train_links(eight, definition, training(), ignored)
    names = named(tmp_path, types=["Person"], gone=3)
    write_served(tmp_path / "model", eight, model, trained, names, SERVING, ignored)
    assert partners(tmp_path / "model", "chris") == {}
    # Alice knows Michael alone; Chris is gone: five are left
    assert partners(tmp_path / "model", "alice").keys() == {"karin", "will", "mark", "greg", "veselin"}


def test_only_pairs_of_the_pipelines_labels_are_answered(tmp_path: Path) -> None:
    even = np.arange(8) % 2 == 0
    marks = {"Even": even, "Odd": ~even}
    graph = graph_in(tmp_path / "graph", 8, {"KNOWS": PAIRS}, {"posts": np.array(POSTS, dtype=float)}, marks)
    definition = pipeline([("HADAMARD", ["posts"])], testFraction=0.3, trainFraction=0.5, validationFolds=2)
    options = training(targetRelationshipType="KNOWS", sourceNodeLabel="Even", targetNodeLabel="Odd")
    model, trained = train_links(graph, definition, options, ignored)
    write_served(tmp_path / "model", graph, model, trained, named(tmp_path, types=["Even", "Odd"]), SERVING, ignored)
    # of the odd ones Alice knows Michael
    assert partners(tmp_path / "model", "alice").keys() == {"chris", "mark", "veselin"}
    description = load_predictor(tmp_path / "model").description  # type: ignore[attr-defined]
    assert [target.edge_type for target in description.targets] == [("Even", "KNOWS", "Odd")]


@pytest.mark.parametrize("kind", ["nodeClassification", "nodeRegression"])
def test_an_endpoint_gives_the_classes_and_numbers_that_prediction_gives(tmp_path: Path, kind: Any) -> None:
    chance = np.random.default_rng(0)
    posts, many = np.concatenate([POSTS] * 5).astype(float), np.concatenate([POSTS] * 5) > 30
    target = many.astype(float) if kind == "nodeClassification" else 2 * posts + chance.normal(size=40)
    graph = graph_in(tmp_path / "graph", 40, {"KNOWS": PAIRS}, {"posts": posts, "target": target})
    candidate, metric = (
        ("LogisticRegression", "ACCURACY")
        if kind == "nodeClassification"
        else ("LinearRegression", "MEAN_SQUARED_ERROR")
    )
    definition = pipeline([("posts", [])], candidates=[(candidate, {})], kind=kind, testFraction=0.3)
    model, trained = train_nodes(graph, definition, training(kind, targetProperty="target", metrics=metric), ignored)
    expected = predict_nodes(graph, model, trained, predicting(kind), ignored)
    np.save(tmp_path / "ids.npy", np.array([f"n{place}" for place in range(40)]))
    np.save(tmp_path / "places.npy", np.arange(40) % 2)
    names = NamesInDatabase(ids=str(tmp_path / "ids.npy"), places=str(tmp_path / "places.npy"), types=TYPES)
    write_served(tmp_path / "model", graph, model, trained, names, predicting(kind), ignored)
    body = {"data": {"nodes": [{"nodeId": f"n{place}"} for place in range(40)]}}
    answer = load_predictor(tmp_path / "model").answer(EndpointRequest.model_validate(body)).output.nodes or []
    best = [item.results[0] for item in answer]
    if kind == "nodeClassification":
        assert [one.value for one in best] == [str(one) for one in expected["predictedClass"]]
        assert [one.score for one in best] == pytest.approx(expected["predictedProbabilities"].max(axis=1), abs=1e-6)
    else:
        assert [one.value for one in best] == pytest.approx(expected["predictedValue"], rel=1e-6)


def test_the_report_is_one_of_the_services_with_every_candidate(eight: ProjectedGraph, tmp_path: Path) -> None:
    two = [("LogisticRegression", {"penalty": 0.5}), ("RandomForest", {"numberOfDecisionTrees": 5})]
    model, trained = train_links(
        eight, pipeline([("HADAMARD", ["embedding"])], STEPS, two, **SPLIT), training(), ignored
    )
    write_served(tmp_path / "model", eight, model, trained, named(tmp_path, types=["Person"]), SERVING, ignored)
    metrics = Metrics.load(tmp_path / "model" / "metrics.json")
    assert metrics.objective == "validation_AUCPR"
    assert metrics.value == model.metrics["AUCPR"]["validation"]["avg"]
    assert metrics.splits["test"]["AUCPR"] == model.metrics["AUCPR"]["test"]
    trials = json.loads((tmp_path / "model" / "trials.json").read_text())
    assert [one["model"] for one in trials] == ["LogisticRegression", "RandomForest"]
    assert [one["value"] for one in trials if one["winner"]] == [metrics.value]
    page = (tmp_path / "model" / "report.html").read_text()
    assert "(Person)-KNOWS-(Person)" in page
    assert f"{metrics.value:.4f}" in page


def test_a_node_without_a_value_is_refused_at_the_deployment(tmp_path: Path) -> None:
    posts = np.array(POSTS, dtype=float)
    graph = graph_in(tmp_path / "graph", 8, {"KNOWS": PAIRS}, {"posts": posts})
    definition = pipeline([("HADAMARD", ["posts"])], **SPLIT)
    model, trained = train_links(graph, definition, training(), ignored)
    posts[2] = np.nan
    later = graph_in(tmp_path / "later", 8, {"KNOWS": PAIRS}, {"posts": posts})
    with pytest.raises(JobError, match=r"NaN in the feature step HADAMARD of posts"):
        write_served(tmp_path / "model", later, model, trained, named(tmp_path, types=["Person"]), SERVING, ignored)
