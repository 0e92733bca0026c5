"""Classes and numbers of vertices and edges: trained, kept, answered."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_graphs import labelled_graph, train

from training_scripts.graph_ml.artifacts import ModelFolder
from training_scripts.graph_ml.container import JobError
from training_scripts.graph_ml.graph import Labels
from training_scripts.graph_ml.models.network.heads import Head, fitted_temperature, joined
from training_scripts.graph_ml.predict import Incompatible, load_predictor
from training_scripts.graph_ml.schemas import EndpointRequest


def ask(folder: Path, data: dict[str, Any], mode: str | None = None) -> dict[str, Any]:
    request = EndpointRequest.model_validate({"version": "v1", "mode": mode, "data": data})
    return load_predictor(folder).answer(request).model_dump(by_alias=True, exclude_none=True)["output"]


def test_a_vertex_gets_its_classes_best_first_and_they_sum_to_one(tmp_path: Path) -> None:
    folder = train(labelled_graph("node_class"), tmp_path, "--model", "rgcn", "--num-epochs", "20")
    metrics = ModelFolder(folder).metrics
    assert metrics.objective == "validation_acc"
    assert metrics.splits["test"]["acc"] > metrics.floors["test"]["constant"]["acc"]
    output = ask(
        folder,
        {
            "globalParameters": {"topk": 3, "property": "label", "nodeType": "User"},
            "nodes": [{"nodeId": "u00"}, {"nodeId": "nobody"}, {"nodeId": "u35"}],
        },
    )
    assert output["task"] == "node_class"
    first, nobody, last = output["nodes"]
    assert first["results"][0]["value"] == "red"
    assert last["results"][0]["value"] == "blue"
    scores = [entry["score"] for entry in first["results"]]
    assert scores == sorted(scores, reverse=True)
    assert sum(scores) == pytest.approx(1, abs=1e-5)
    assert nobody == {"nodeId": "nobody", "results": []}


def test_a_number_comes_on_the_scale_it_was_trained_on(tmp_path: Path) -> None:
    folder = train(labelled_graph("node_regression"), tmp_path, "--model", "graphsage", "--num-epochs", "60")
    metrics = ModelFolder(folder).metrics
    assert metrics.direction == "minimize"
    assert metrics.splits["test"]["mse"] < metrics.floors["test"]["constant"]["mse"]
    assert metrics.interval is None  # four items were held out to be judged, and nine are needed
    output = ask(folder, {"globalParameters": {"property": "label"}, "nodes": [{"nodeId": "u35"}]})
    (result,) = output["nodes"][0]["results"]
    assert result.keys() == {"value"}
    assert 10 < result["value"] < 30  # the blue ones are about 20


@pytest.mark.parametrize("task", ["edge_class", "edge_regression"])
def test_an_edge_is_found_by_its_id_and_by_its_ends(task: str, tmp_path: Path) -> None:
    data = labelled_graph(task)  # type: ignore[arg-type]
    folder = train(data, tmp_path, "--model", "rgcn", "--num-epochs", "5")
    interval = ModelFolder(folder).description.targets[0].interval
    assert (interval is not None) == (task == "edge_regression")
    assert interval == ModelFolder(folder).metrics.interval
    assert interval is None or f"± {interval.half_width:.4g}" in (folder / "report.html").read_text()
    edges = next(iter(data.edges.values()))
    ends = {"headNodeId": f"u{edges.source[4]:02}", "tailNodeId": f"u{edges.target[4]:02}"}
    output = ask(
        folder,
        {
            "globalParameters": {"topk": 1, "property": "label", "edgeType": "FRIEND"},
            "edges": [{"edgeId": "f4"}, ends, {"headNodeId": "u00", "tailNodeId": "nobody"}],
        },
    )
    by_id, by_ends, nobody = output["edges"]
    assert by_id["results"] == by_ends["results"]
    assert len(by_id["results"]) == 1
    assert nobody["results"] == []


def test_several_labels_at_once_have_probabilities_of_their_own(tmp_path: Path) -> None:
    data = labelled_graph("node_class", several=True)
    folder = train(data, tmp_path, "--model", "rgcn", "--num-epochs", "20", "--use-class-weight", "true")
    metrics = ModelFolder(folder).metrics
    assert metrics.objective == "validation_roc_auc"
    assert ModelFolder(folder).description.targets[0].multilabel
    output = ask(folder, {"globalParameters": {"topk": 2}, "nodes": [{"nodeId": "u00"}, {"nodeId": "u35"}]})
    likely = [sum(entry["score"] > 0.5 for entry in item["results"]) for item in output["nodes"]]
    assert likely == [2, 0]  # the red do both, the blue neither


def test_features_of_edges_join_the_messages_and_rule_out_new_vertices(tmp_path: Path) -> None:
    data = labelled_graph("node_class")
    folder = train(data, tmp_path, "--model", "rgcn", "--num-epochs", "60", "--use-edge-features", "true")
    model = ModelFolder(folder)
    assert not model.description.details["inductive"]
    assert any("edge_layers" in name for name in model.tensors("network.encoder"))
    with pytest.raises(Incompatible, match="use-edge-features"):
        ask(folder, {"nodes": [{"nodeId": "new"}], "graph": {"nodes": [{"nodeId": "new", "nodeType": "User"}]}})


def test_a_new_vertex_is_classified_by_the_company_it_keeps(tmp_path: Path) -> None:
    # the features are noise, so that vertices are told apart by learned vectors alone
    arguments = ["--num-epochs", "20", "--concat-node-embed", "true"]
    folder = train(labelled_graph("node_class"), tmp_path, "--model", "rgcn", *arguments)
    graph = {
        "nodes": [{"nodeId": "new", "nodeType": "User", "properties": {}}],
        "edges": [
            {"edgeType": ["User", "FRIEND", "User"], "headNodeId": "new", "tailNodeId": f"u{i:02}"} for i in range(6)
        ],
    }
    asked = {"globalParameters": {"topk": 1, "property": "label"}, "nodes": [{"nodeId": "new"}]}
    assert ask(folder, asked)["nodes"][0]["results"] == []
    (answer,) = ask(folder, {**asked, "graph": graph})["nodes"][0]["results"]
    assert answer["value"] == "red"


def test_questions_of_another_kind_are_refused_in_words(tmp_path: Path) -> None:
    folder = train(labelled_graph("node_class"), tmp_path, "--model", "rgcn", "--num-epochs", "1")
    with pytest.raises(Incompatible, match="predicts property 'label', not 'age'"):
        ask(folder, {"globalParameters": {"property": "age"}, "nodes": [{"nodeId": "u00"}]})
    with pytest.raises(Incompatible, match="not predict_tail"):
        ask(folder, {"edges": [{"headNodeId": "u00"}]}, mode="predict_tail")
    with pytest.raises(Incompatible, match="ask for nodes"):
        ask(folder, {"edges": [{"edgeId": "f1"}]})


def test_a_ranker_is_no_classifier(tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r"does not learn node_class; .* needs one of mlp, "):
        train(labelled_graph("node_class"), tmp_path, "--model", "pair-ranker")


def test_heads_turn_raw_outputs_into_probabilities_and_numbers() -> None:
    # one hidden unit that passes x through; outputs x and 0
    weights = {
        "w1": np.array([[1.0]], np.float32),
        "b1": np.zeros(1, np.float32),
        "w2": np.array([[1.0], [0.0]], np.float32),
        "b2": np.zeros(2, np.float32),
    }
    x = np.array([[np.log(3)]], dtype=np.float32)
    assert Head("class", weights)(x)[0] == pytest.approx([0.75, 0.25])
    assert Head("classes", weights)(x)[0] == pytest.approx([0.75, 0.5])
    assert Head("number", weights, mean=10, scale=2)(x)[0] == pytest.approx([10 + 2 * np.log(3), 10])


def test_a_linear_head_has_no_hidden_layer() -> None:
    # 1 · 2 + 2 · 1 of the vertex, 3 · (5 − 1) / 2 of its own standardised feature, and the bias 4
    weights = {"w2": [[2, 1, 3]], "b2": [4], "own_mean": [1], "own_scale": [2]}
    head = Head("number", {name: np.array(values, dtype=np.float32) for name, values in weights.items()})
    assert head.columns == 3
    assert head(np.array([[1, 2, 5]], dtype=np.float32)).tolist() == [[14.0]]


@pytest.mark.parametrize(("model", "is_sum"), [("linear-model", True), ("mlp", False)])
def test_answers_of_the_linear_family_are_weighted_sums_of_features(model: str, is_sum: bool, tmp_path: Path) -> None:
    # the number is the size of one feature, which no weighted sum tells
    graph = labelled_graph("node_regression")
    features = np.random.default_rng(0).normal(size=(36, 2)).astype(np.float32)
    (target,) = graph.targets
    values = Labels("number", np.abs(features[:, 0]).astype(np.float32) * 4)
    graph = replace(graph, features={"User": {"a": features[:, :1], "b": features[:, 1:]}}, labels={target: values})
    folder = ModelFolder(train(graph, tmp_path, "--model", model, "--num-epochs", "60", "--num-hidden", "8"))
    head = Head(weights=folder.tensors("head"), **folder.description.details["head"])
    answers = head(np.asarray(folder.array("embeddings")))
    rows = np.column_stack([features, np.ones(36)])
    missed = answers - rows @ np.linalg.lstsq(rows, answers, rcond=None)[0]
    assert bool(np.abs(missed).max() < 1e-4) is is_sum


def test_a_head_sees_both_ends_of_an_edge_their_product_and_its_features() -> None:
    ends = [np.array([[1, 2]], dtype=np.float32), np.array([[3, 4]], dtype=np.float32)]
    # (1, 2) and (3, 4), then 1·3 and 2·4, then the feature
    assert joined(ends, np.array([[5]])).tolist() == [[1, 2, 3, 4, 3, 8, 5]]
    assert joined([end[0] for end in ends], np.array([5])).tolist() == [1, 2, 3, 4, 3, 8, 5]
    assert joined(ends[:1], np.zeros((1, 0))).tolist() == [[1, 2]]


def test_an_edges_own_features_pass_a_layer_of_their_own() -> None:
    # 9 is 2 deviations of 3 above 3; w0 makes 4 of it, and relu keeps that beside the vector 5
    weights = {
        "own_mean": np.array([3], dtype=np.float32),
        "own_scale": np.array([3], dtype=np.float32),
        "w0": np.array([[2]], dtype=np.float32),
        "b0": np.zeros(1, dtype=np.float32),
        "w1": np.array([[1, 10]], dtype=np.float32),
        "b1": np.zeros(1, dtype=np.float32),
        "w2": np.ones((1, 1), dtype=np.float32),
        "b2": np.zeros(1, dtype=np.float32),
    }
    assert Head("number", weights)(np.array([[5, 9]], dtype=np.float32)).tolist() == [[5 + 10 * 4]]


def test_the_temperature_makes_probabilities_as_often_right_as_they_say() -> None:
    # three in four of the items have the class that the head is surest of: odds of 3, whatever the head says
    raw = np.tile([8.0, 0.0], (400, 1))
    truth = (np.arange(400) % 4 == 0).astype(np.int64)
    temperature = fitted_temperature("class", raw, truth)
    # one more is taken to be wrong: 0.75 · 401/402 + 0.25 · 1/402 = 0.748756, odds of 2.9802
    assert 8 / temperature == pytest.approx(np.log(2.9802), rel=1e-4)
    sure = np.stack([truth == 0, truth == 1], axis=1).astype(np.float64)
    # all right: odds of 401, not of as many as one likes
    assert fitted_temperature("classes", 4 * (2 * sure - 1), sure) == pytest.approx(4 / np.log(401), rel=1e-4)
    assert fitted_temperature("class", 4 * sure, truth) == pytest.approx(4 / np.log(401), rel=1e-4)
    assert fitted_temperature("number", raw, truth) == 1
    assert fitted_temperature("class", raw[:0], truth[:0]) == 1
