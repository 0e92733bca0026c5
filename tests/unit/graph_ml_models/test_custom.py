"""What authors of custom models write with, and how what they wrote is answered from."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_graphs import FRIEND, RATED, films_graph, friends_graph, labelled_graph, train

from training_scripts.graph_ml import custom
from training_scripts.graph_ml.artifacts import ModelFolder
from training_scripts.graph_ml.container import Container, JobError
from training_scripts.graph_ml.graph import GraphData
from training_scripts.graph_ml.predict import Incompatible, load_predictor
from training_scripts.graph_ml.schemas import EndpointRequest
from training_scripts.graph_ml.training.custom_trial import (
    Metric,
    judged,
    metric_of,
    read_configuration,
    task_arguments,
)


def ask(folder: Path, data: dict[str, Any], mode: str | None = None) -> list[list[dict[str, Any]]]:
    predictor = load_predictor(folder)
    predictor.warm()
    answer = predictor.answer(EndpointRequest.model_validate({"version": "v1", "mode": mode, "data": data}))
    output = answer.model_dump(by_alias=True, exclude_none=True)["output"]
    return [item["results"] for item in output.get("nodes", output.get("edges"))]


LOSS = Metric("LOSS", re.compile("(.)"), "minimize")


def work_on(graph: GraphData, base: Path) -> custom.Work:
    graph.write(base / "graph")
    return custom.Work(base / "graph", base / "model", {"task": graph.targets[0].task}, "job-1")


def test_stored_classes_of_vertices_are_answered_best_first(tmp_path: Path) -> None:
    graph = labelled_graph("node_class")
    work = work_on(graph, tmp_path)
    (target,) = work.targets(graph)
    rows = np.tile([0.2, 0.5, 0.3], (36, 1))
    rows[7] = [0.1, 0.2, 0.7]
    custom.save_predictions(work, graph, target, rows)
    found = ask(
        work.model,
        {
            "globalParameters": {"topk": 2, "property": "label", "nodeType": "User"},
            "nodes": [{"nodeId": "u07"}, {"nodeId": "nobody"}, {"nodeId": "u08"}],
        },
    )
    assert [[one["value"] for one in results] for results in found] == [["blue", "green"], [], ["green", "blue"]]
    assert found[0][0]["score"] == pytest.approx(0.7)
    description = ModelFolder(work.model).description
    assert (description.id, description.model, description.details["inductive"]) == ("job-1", "custom", False)


def test_stored_numbers_of_edges_are_found_by_id_and_by_ends(tmp_path: Path) -> None:
    graph = labelled_graph("edge_regression")
    work = work_on(graph, tmp_path)
    (target,) = work.targets(graph)
    edges = graph.edges[FRIEND]
    custom.save_predictions(work, graph, target, np.arange(len(edges)) / 2)
    ends = {"headNodeId": f"u{edges.source[4]:02}", "tailNodeId": f"u{edges.target[4]:02}"}
    found = ask(
        work.model,
        {
            "globalParameters": {"property": "label", "edgeType": "FRIEND"},
            "edges": [{"edgeId": "f9"}, ends, {"edgeId": "f999", "headNodeId": "u00", "tailNodeId": "nobody"}],
        },
    )
    assert found == [[{"value": 4.5}], [{"value": 2.0}], []]


def test_stored_answers_cannot_be_inductive_or_nearest(tmp_path: Path) -> None:
    graph = labelled_graph("node_regression")
    work = work_on(graph, tmp_path)
    (target,) = work.targets(graph)
    custom.save_predictions(work, graph, target, np.zeros(36))
    nodes = {"nodes": [{"nodeId": "u07"}], "graph": {"nodes": [], "edges": []}}
    with pytest.raises(Incompatible, match="answers are stored"):
        ask(work.model, {"globalParameters": {"property": "label"}, **nodes})
    with pytest.raises(Incompatible, match="no embeddings"):
        ask(work.model, {"globalParameters": {}, "nodes": [{"nodeId": "u07"}]}, "embed_knn")


@pytest.mark.parametrize("decoder", ["dot", "distmult", "transe", "rotate"])
def test_vectors_of_vertices_become_links_by_the_named_decoder(tmp_path: Path, decoder: Any) -> None:
    graph = films_graph()
    work = work_on(graph, tmp_path)
    # u3 and m5 are where all decoders find them closest: translations and rotations of nothing
    users, movies = np.random.default_rng(0).normal(size=(30, 4)), np.random.default_rng(1).normal(size=(20, 4))
    users[3] = movies[5] = 3 * np.ones(4)
    relation = {RATED: np.zeros(2 if decoder == "rotate" else 4) + (decoder == "distmult")}
    custom.save_links(work, graph, {"User": users, "Movie": movies}, relation, decoder=decoder)
    (found,) = ask(work.model, {"globalParameters": {"topk": 20}, "edges": [{"headNodeId": "u3"}]}, "predict_tail")
    scores = [one["score"] for one in found]
    assert found[0]["nodeId"] == "m5"
    assert len(found) == 20
    assert scores == sorted(scores, reverse=True)
    assert 0 < scores[-1] < scores[0] < 1


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (np.zeros((36, 2)), r"have the shape \(36, 2\); \(36, 3\) is expected"),
        (np.zeros(36), r"have the shape \(36, 1\)"),
        (np.full((36, 3), np.nan), "not finite"),
    ],
)
def test_predictions_of_another_shape_are_refused(tmp_path: Path, values: Any, text: str) -> None:
    graph = labelled_graph("node_class")
    work = work_on(graph, tmp_path)
    with pytest.raises(JobError, match=text):
        custom.save_predictions(work, graph, work.targets(graph)[0], values)


def test_vectors_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    graph = friends_graph()
    work = work_on(graph, tmp_path)
    with pytest.raises(JobError, match="embeddings name Persons; there are User"):
        custom.save_links(work, graph, {"Persons": np.zeros((36, 4))})
    with pytest.raises(JobError, match=r"have the shape \(35, 4\); \(36, 4\) is expected"):
        custom.save_links(work, graph, {"User": np.zeros((35, 4))})
    with pytest.raises(JobError, match="needs a vector of"):
        custom.save_links(work, graph, {"User": np.zeros((36, 4))}, decoder="transe")
    with pytest.raises(JobError, match=r"\(3,\); \(4,\) is expected"):
        custom.save_links(work, graph, {"User": np.zeros((36, 4))}, {FRIEND: np.zeros(3)}, decoder="transe")


def test_a_script_finds_its_work_in_the_container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SM_CHANNEL_TRAIN", str(tmp_path / "graph"))
    monkeypatch.setenv("SM_MODEL_DIR", str(tmp_path / "model"))
    monkeypatch.setenv("SM_HPS", '{"rounds": "3"}')
    monkeypatch.setenv("TRAINING_JOB_NAME", "job-2")
    assert custom.Work.here() == custom.Work(tmp_path / "graph", tmp_path / "model", {"rounds": "3"}, "job-2")


def test_the_arguments_of_a_custom_script_are_the_guides(tmp_path: Path) -> None:
    graphs = {"links": friends_graph(), "edges": labelled_graph("edge_class"), "nodes": labelled_graph("node_class")}
    for name, graph in graphs.items():
        graph.write(tmp_path / name)
    links = {"task": "link_predict", "model": "custom", "name": "link_predict-custom"}
    assert task_arguments(tmp_path / "links", "link_prediction") == links
    edges = {"task": "edge_class", "model": "custom", "name": "edge_class-custom", "target_etype": "FRIEND"}
    assert task_arguments(tmp_path / "edges", "edge_class") == {**edges, "property": "label"}
    nodes = {"task": "node_class", "model": "custom", "name": "node_class-custom", "target_ntype": "User"}
    assert task_arguments(tmp_path / "nodes", "node_class") == {**nodes, "property": "label"}
    with pytest.raises(JobError, match="no target for edge_class"):
        task_arguments(tmp_path / "nodes", "edge_class")


@pytest.mark.parametrize(
    ("metric", "text"),
    [
        ("{}", "needs tuning_objective.MetricName"),
        ('{"tuning_objective": {"MetricName": "A"}, "metric_definitions": [{"Name": "B", "Regex": "(.)"}]}', "needs"),
        ('{"tuning_objective": {"MetricName": "A"}, "metric_definitions": [{"Name": "A", "Regex": "("}]}', "is no reg"),
        ('{"tuning_objective": {"MetricName": "A"}, "metric_definitions": [{"Name": "A", "Regex": "a"}]}', "a group"),
    ],
)
def test_an_objective_without_a_usable_expression_is_refused(tmp_path: Path, metric: str, text: str) -> None:
    document = f'{{"models": [{{"model": "custom", "task_type": "node_class", "eval_metric": {metric}}}]}}'
    (tmp_path / "model-hpo-configuration.json").write_text(document)
    with pytest.raises(JobError, match=text):
        metric_of(read_configuration(tmp_path))


def test_instructions_to_the_container_are_no_hyperparameters(tmp_path: Path) -> None:
    given = Container(tmp_path).hyperparameters(["--_training-script", "a.py", "--rounds", "3"])
    assert given == {"rounds": "3"}


def test_a_custom_model_of_a_property_stands_beside_the_floors_of_every_other_model(tmp_path: Path) -> None:
    graph = labelled_graph("node_regression")
    work = work_on(graph, tmp_path)
    (target,) = work.targets(graph)
    custom.save_predictions(work, graph, target, np.zeros(36))
    judged(Container(tmp_path, {"SM_MODEL_DIR": str(work.model)}), work.data, LOSS, 0.5)
    metrics = ModelFolder(work.model).metrics
    assert (metrics.objective, metrics.value) == ("validation_LOSS", 0.5)
    heights, test = graph.labels[target].values, graph.splits[target].test
    known = test[~np.isnan(heights[test])]
    assert metrics.splits["test"]["mse"] == pytest.approx(np.mean(heights[known] ** 2), rel=1e-5)
    other = ModelFolder(train(graph, tmp_path / "other", "--model", "mlp", "--num-epochs", "1")).metrics
    assert metrics.floors == other.floors
    assert "a constant answer beats this model on the test split" in " ".join(metrics.warnings)
    assert metrics.warnings[-1].startswith("a custom model is compared and chosen by the LOSS that its own training")


def test_a_custom_model_of_links_is_ranked_beside_the_floors_of_every_other_model(tmp_path: Path) -> None:
    graph = friends_graph()
    work = work_on(graph, tmp_path)
    vectors = np.random.default_rng(0).normal(size=(36, 4))
    custom.save_links(work, graph, {"User": vectors})
    judged(Container(tmp_path, {"SM_MODEL_DIR": str(work.model)}), work.data, LOSS, 0.5)
    folder = ModelFolder(work.model)
    other = ModelFolder(train(graph, tmp_path / "other", "--model", "transe", "--num-epochs", "1")).metrics
    assert folder.metrics.floors == other.floors
    assert folder.metrics.splits["test"]["mrr"] == pytest.approx(np.mean(1 / folder.array("report/test_ranks")))
    assert "EASE beats this model on the test split" in " ".join(folder.metrics.warnings)
