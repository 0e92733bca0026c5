"""Scores of reviews where nobody says what a product is of: the graph tells, and a table of single rows does not.

People like one of six styles, a product is of one, and a review scores 1 where both agree. Most known reviews are edges
that carry what people like to products; the others are learned from, and one in ten is for the test. Seeds are drawn
anew for the data and for the model. Source of the setting: Octavian's article on machine learning with graphs.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest

from tests.contracts.model_contract import answers, train
from training_scripts.graph_ml.container import ProgressWriter
from training_scripts.graph_ml.graph import GraphData
from training_scripts.graph_ml.processing.job import ProcessingJob, process
from training_scripts.graph_ml.schemas import EndpointRequest

pytestmark = [pytest.mark.peers, pytest.mark.timeout(1800)]
SEEDS = range(5)
PRODUCTS, PEOPLE, STYLES = 2000, 8000, 6
NODES, EDGES = ("person", "product"), ("liked", "disliked", "reviewed")
SHARED = {"batch-size": "256", "num-hidden": "64"}
GRAPH = {**SHARED, "model": "rgcn", "num-epochs": "15", "num-layer": "1"}
ROWS = {**SHARED, "model": "mlp", "num-epochs": "10"}


def written(folder: Path, seed: int) -> dict[str, float]:
    """Write an export; the true scores of the reviews for the test, by the id of their edge."""
    draw, other = random.Random(seed), random.Random(seed + 1)
    products = [draw.randrange(STYLES) for _ in range(PRODUCTS)]
    rows: dict[str, list[str]] = {name: [] for name in (*NODES, *EDGES)}
    rows["product"] = [f"b{at},PRODUCT" for at in range(PRODUCTS)]
    truth: dict[str, float] = {}
    for person in range(PEOPLE):
        count, style = draw.randint(1, 4), draw.randrange(STYLES)
        rows["person"].append(f"a{person},PERSON,{';'.join(str(int(style == one)) for one in range(STYLES))}")
        for product in draw.choices(range(PRODUCTS), k=count):
            id, score, test = (
                f"r{sum(map(len, rows.values()))}",
                float(style == products[product]),
                draw.random() <= 0.1,
            )
            told = not test and other.random() < 0.8
            kind = ("liked" if score else "disliked") if told else "reviewed"
            shown = "" if told else f",{'' if test else score}"
            rows[kind].append(f"{id},{kind},a{person},b{product}{shown}")
            if test:
                truth[id] = score
    folder.mkdir()
    heads = {"person": "~id,~label,likes", "product": "~id,~label", "reviewed": "~id,~label,~from,~to,score"}
    for name, lines in rows.items():
        (folder / f"{name}.csv").write_text("\n".join([heads.get(name, "~id,~label,~from,~to"), *lines]) + "\n")
    likes = {"feature": ["likes", "likes", "numerical"], "separator": ";", "norm": "none"}
    nodes = [
        {"file_name": f"{name}.csv", "separator": ",", "node": ["~id", name.upper()], "features": features}
        for name, features in (("person", [likes]), ("product", []))
    ]
    edges = [
        {"file_name": f"{name}.csv", "separator": ",", "source": ["~from", "PERSON"], "relation": ["", name],
         "dest": ["~to", "PRODUCT"], "features": []}
        for name in EDGES
    ]  # fmt: skip
    edges[-1]["labels"] = [{"label": ["score", "regression"], "split_rate": [0.9, 0.1, 0.0]}]
    document = {"version": "v2.0", "query_engine": "gremlin", "graph": {"nodes": nodes, "edges": edges}}
    (folder / "training-data-configuration.json").write_text(json.dumps(document))
    return truth


def accuracy(graph: GraphData, folder: Path, hyperparameters: dict[str, str], truth: dict[str, float]) -> float:
    """How many of the test's scores a trained model tells, rounded."""
    model = train(graph, folder, hyperparameters)
    data = {"globalParameters": {"property": "score"}, "edges": [{"edgeId": id} for id in truth]}
    found = answers(model, EndpointRequest.model_validate({"version": "v1", "data": data}))
    said = np.array([float(results[0]["value"]) for results in found])
    return float(((said > 0.5) == (np.array(list(truth.values())) > 0.5)).mean())


def test_a_graph_network_tells_scores_that_rows_alone_cannot(tmp_path: Path) -> None:
    by_graph = []
    for seed in SEEDS:
        folder = tmp_path / str(seed)
        folder.mkdir()
        truth = written(folder / "in", seed)
        job = ProcessingJob(input=folder / "in", output=folder / "out")
        graph = process(job, ProgressWriter(folder / "progress.json"), lambda text: None)
        majority = 1 - np.mean(list(truth.values()))
        rows = accuracy(graph, folder / "rows", {**ROWS, "seed": str(seed)}, truth)
        assert rows == pytest.approx(majority, abs=0.02)
        by_graph.append(accuracy(graph, folder / "graph", {**GRAPH, "seed": str(seed)}, truth))
    assert np.mean(by_graph) >= 0.93, by_graph
