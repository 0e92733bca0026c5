"""Link-prediction pipelines on graphs of twenty thousand nodes: how well they tell links, and what the search finds."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest

from tests.unit.graph_ml_pipelines.folders import graph_in, ignored, pipeline, predicting, step, training
from training_scripts.graph_ml.pipelines import predict_links, train_links
from training_scripts.graph_ml.projections import ProjectedGraph

pytestmark = [pytest.mark.peers, pytest.mark.timeout(1800)]
EMBEDDING = step("fastRP", "embedding", embeddingDimension=256, randomSeed=42)
NEIGHBOURS = ("COMMON_NEIGHBORS", "ADAMIC_ADAR", "RESOURCE_ALLOCATION", "JACCARD", "PREFERENTIAL_ATTACHMENT")
HADAMARD: list[tuple[str, list[str]]] = [("HADAMARD", ["embedding"])]
SAMPLE = 40


@pytest.fixture(scope="module")
def pages(data_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> ProjectedGraph:
    """Pages of Facebook and who likes whom: 22,470 nodes, 170,823 links."""
    path = data_folder / "facebook-pages" / "edges.csv.gz"
    if not path.exists():
        pytest.skip("the Facebook pages are not there")
    with gzip.open(path, "rt") as file:
        links = [(int(one), int(other)) for one, other in list(csv.reader(file))[1:] if one != other]
    return graph_in(tmp_path_factory.mktemp("pages"), 22_470, {"LIKES": links})


def area(graph: ProjectedGraph, features: Any, steps: Any, candidate: str = "LogisticRegression") -> float:
    definition = pipeline(features, steps, [(candidate, {})])
    return float(train_links(graph, definition, training(), ignored)[0].metrics["AUCPR"]["test"])


def test_pages_are_told_by_their_embeddings_and_better_with_their_neighbours(pages: ProjectedGraph) -> None:
    assert area(pages, HADAMARD, [EMBEDDING]) >= 0.96
    features = [*HADAMARD, ("COSINE", ["embedding"]), *((name, []) for name in NEIGHBOURS)]
    assert area(pages, features, [EMBEDDING], "LightGBM") >= 0.978


def test_the_approximate_search_finds_what_all_pairs_would_give(pages: ProjectedGraph) -> None:
    definition = pipeline(HADAMARD, [EMBEDDING])
    model, trained = train_links(pages, definition, training(), ignored)
    near = predict_links(pages, model, trained, predicting(sampleRate=0.01, topK=10, randomSeed=3), ignored)
    size = 22_470
    assert near.statistics["linksConsidered"] < 0.05 * size * (size - 1) / 2
    kept = {frozenset(pair) for pair in zip(near.node1.tolist(), near.node2.tolist(), strict=True)}
    found = wanted = 0
    for source in np.random.default_rng(1).choice(size, SAMPLE, replace=False).tolist():
        others = [[source, other] for other in range(size) if other != source]
        best = predict_links(pages, model, trained, predicting(pairs=others), ignored)
        top = [frozenset(pair) for pair in zip(best.node1[:10].tolist(), best.node2[:10].tolist(), strict=True)]
        found, wanted = found + sum(pair in kept for pair in top), wanted + len(top)
    assert found / wanted >= 0.9


def test_a_generated_graph_is_told_by_embeddings_and_better_by_neighbours(tmp_path: Path) -> None:
    links = list(nx.powerlaw_cluster_graph(20_000, 8, 0.5, seed=42).edges)
    graph = graph_in(tmp_path, 20_000, {"R": links})
    assert area(graph, HADAMARD, [EMBEDDING]) >= 0.81
    assert area(graph, [(name, []) for name in NEIGHBOURS], []) >= 0.895
