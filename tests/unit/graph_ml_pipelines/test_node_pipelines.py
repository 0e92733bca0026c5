"""Node classification and node regression pipelines."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest

from tests.unit.graph_ml_pipelines.folders import graph_in, ignored, pipeline, predicting, step, training
from training_scripts.graph_ml.container import JobError
from training_scripts.graph_ml.pipelines import predict_nodes, train_nodes
from training_scripts.graph_ml.projections import ProjectedGraph


@pytest.fixture(scope="module")
def blocks(tmp_path_factory: pytest.TempPathFactory) -> ProjectedGraph:
    """Three blocks of forty nodes; the class is 3, 5 or 9, and the size of a node ten times its degree."""
    graph = nx.stochastic_block_model([40] * 3, np.full((3, 3), 0.01) + np.eye(3) * 0.3, seed=1)
    classes = np.repeat([3, 5, 9], 40)
    sizes = np.array([10.0 * degree for _, degree in sorted(graph.degree)])
    return graph_in(tmp_path_factory.mktemp("blocks"), 120, {"R": list(graph.edges)}, {"class": classes, "size": sizes})


def test_classes_are_told_by_embeddings(blocks: ProjectedGraph) -> None:
    definition = pipeline(
        [("embedding", [])],
        [step("fastRP", "embedding", embeddingDimension=32, randomSeed=1)],
        [("LogisticRegression", {"learningRate": 0.05}), ("RandomForest", {"numberOfDecisionTrees": 20})],
        kind="nodeClassification",
    )
    options = training("nodeClassification", targetProperty="class", metrics=["F1_WEIGHTED", "F1(class=*)", "ACCURACY"])
    model, trained = train_nodes(blocks, definition, options, ignored)
    assert model.classes == [3, 5, 9]
    assert model.metrics.keys() == {"F1_WEIGHTED", "F1(class=3)", "F1(class=5)", "F1(class=9)", "ACCURACY"}
    assert model.metrics["ACCURACY"]["test"] > 0.9
    found = predict_nodes(blocks, model, trained, predicting("nodeClassification"), ignored)
    assert found["predictedProbabilities"].shape == (120, 3)
    assert found["predictedProbabilities"].sum(axis=1) == pytest.approx(np.ones(120))
    assert (found["predictedClass"] == np.repeat([3, 5, 9], 40)).mean() > 0.9


def test_numbers_are_told_by_properties(blocks: ProjectedGraph) -> None:
    definition = pipeline(
        [("degree", [])],
        [step("degree", "degree")],
        [("LinearRegression", {"maxEpochs": 3000, "learningRate": 0.5, "patience": 50})],
        kind="nodeRegression",
    )
    options = training("nodeRegression", targetProperty="size", metrics=["ROOT_MEAN_SQUARED_ERROR"])
    model, trained = train_nodes(blocks, definition, options, ignored)
    assert model.metrics["ROOT_MEAN_SQUARED_ERROR"]["test"] < 2
    found = predict_nodes(blocks, model, trained, predicting("nodeRegression"), ignored)
    assert np.abs(found["predictedValue"] - np.asarray(blocks.array("array-3.npy"))).max() < 6


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"targetProperty": "colour"}, "`colour` was not found"),
        ({"targetNodeLabels": ["Robot"]}, "node label 'Robot'"),
        ({"metrics": ["AUCPR"]}, "Unknown metric"),
        ({"relationshipTypes": ["S"]}, "relationship type 'S'"),
    ],
)
def test_refused_trainings(blocks: ProjectedGraph, options: dict[str, object], said: str) -> None:
    definition = pipeline([("size", [])], kind="nodeClassification")
    given = {"targetProperty": "class", "metrics": ["ACCURACY"], **options}
    with pytest.raises(JobError, match=said):
        train_nodes(blocks, definition, training("nodeClassification", **given), ignored)
