"""The report of a model, and models carried over to later graphs."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_graphs import FRIEND, SCRIPTS, films_graph, friends_graph, labelled_graph, train

from training_scripts.graph_ml.artifacts import ModelFolder
from training_scripts.graph_ml.container import Container, JobError
from training_scripts.graph_ml.graph import EdgeList, EdgeType, GraphData
from training_scripts.graph_ml.judging.report import COLUMNS, Partners, model_report
from training_scripts.graph_ml.predict import load_predictor
from training_scripts.graph_ml.schemas import EndpointRequest
from training_scripts.graph_ml.schemas.metrics import METRIC_MEANINGS
from training_scripts.graph_ml.schemas.model import Breakdown, ByClass, ByDegree, Reliability
from training_scripts.graph_ml.tasks.table import METRIC_DIRECTION, TASKS, Task
from training_scripts.graph_ml.text_files import write_texts
from training_scripts.graph_ml.training.refresh import transform
from workflow.predictions.reports import ids_in_report


def refresh(model: Path, graph: GraphData, base: Path) -> ModelFolder:
    """Run the transform job on a copy of the model."""
    (base / "processing").mkdir(parents=True)
    (base / "processing" / "model").symlink_to(model)
    graph.write(base / "processing" / "input")
    transform(Container(base, {}), SCRIPTS)
    return ModelFolder(base / "processing" / "output")


def scores(folder: Path, node: str) -> dict[str, float]:
    body = {"mode": "predict_tail", "data": {"globalParameters": {"topk": 100}, "edges": [{"headNodeId": node}]}}
    answer = load_predictor(folder).answer(EndpointRequest.model_validate(body))
    assert answer.output.nodes is not None
    return {str(p.node_id): float(p.score or 0) for p in answer.output.nodes[0].results}


def with_newcomer(graph: GraphData) -> GraphData:
    """One more person, befriended with the first four."""
    edges = graph.edges[FRIEND]
    return replace(
        graph,
        node_ids={"User": [*graph.node_ids["User"], "late"]},
        num_nodes={"User": 37},
        edges={
            FRIEND: EdgeList(
                np.concatenate([edges.source, np.full(4, 36)]), np.concatenate([edges.target, np.arange(4)])
            )
        },
        edge_ids={},
        edge_features={},
        features={
            kind: {name: np.vstack([values, values[:1]]) for name, values in features.items()}
            for kind, features in graph.features.items()
        },
        splits={},
        labels={},
    )


def test_the_report_shows_figures_floors_drawings_and_answers(ranked_friends: Path) -> None:
    page = (ranked_friends / "report.html").read_text()
    metrics = ModelFolder(ranked_friends).metrics
    assert f"{metrics.splits['test']['mrr']:.4f}" in page
    assert "Adamic–Adar" in page
    assert page.count("<svg") == 3  # how training went, figures beside floors, and ranks
    assert "What it answers" in page
    assert "Probabilities beside what came true" in page
    assert "By number of neighbours" in page
    assert "queries were ranked: the figures are rough" in page
    assert not re.findall(r'(?:src|href)="http', page)


def test_the_report_says_at_its_top_that_a_floor_is_better(ranked_friends: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(ranked_friends, folder)
    lost = "EASE beats this model on the test split: mrr 0.338 against 0.132"
    metrics = ModelFolder(folder).metrics
    metrics.model_copy(update={"warnings": [lost]}).save(folder / "metrics.json")
    page = model_report(ModelFolder(folder))
    assert page.index(lost) < page.index("How good it is")


def test_the_report_shows_classes_their_confusion_and_probabilities_and_figures_by_degree(
    ranked_friends: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(ranked_friends, folder)
    told = Breakdown(
        split="test",
        classes=["cats", "dogs"],
        confusion=[[1301, 7], [12, 40]],
        by_class=[ByClass(name="dogs", count=52, precision=0.85, recall=0.77, f1=0.81, average_precision=0.9)],
        reliability=[Reliability(count=99, said=0.61, came_true=0.58)],
        by_degree=[
            ByDegree(low=4, high=7, count=31, metric="acc", value=0.75),
            ByDegree(low=8, count=3, metric="acc", value=1),
        ],
    )
    ModelFolder(folder).metrics.model_copy(update={"breakdown": told}).save(folder / "metrics.json")
    page = model_report(ModelFolder(folder))

    def row(*cells: str) -> str:
        return "".join(f'<td class="n">{cell}</td>' for cell in cells) + "</tr>"

    # true cats: 1,301 called cats and 7 called dogs
    assert "<td>cats</td>" + row("1,301", "7") in page
    assert "<td>dogs</td>" + row("12", "40") in page
    assert "<td>dogs</td>" + row("52", "0.8500", "0.7700", "0.8100", "0.9000") in page
    assert row("99", "0.610", "0.580") in page
    assert row("4–7", "31", "0.7500") in page
    assert row("8 or more", "3", "1.0000") in page


def test_the_report_says_with_whom_both_ends_of_a_proposed_link_are_linked(ranked_friends: Path) -> None:
    model = ModelFolder(ranked_friends)
    source, target = (np.array(model.array(f"links/0/{end}")) for end in ("source", "target"))
    linked = {number: set(target[source == number]) | set(source[target == number]) for number in (0, 1, 2)}
    ids = model.ids()["User"]
    for other in (1, 2):
        told = Partners(model, 0).shared(ids[0], ids[other])
        shared = sorted(linked[0] & linked[other])
        assert told == (tuple(ids[number] for number in shared[:3]), max(0, len(shared) - 3))
    assert "both linked with" in (ranked_friends / "report.html").read_text()


def test_the_report_marks_ids_and_escapes_what_came_from_data(ranked_friends: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(ranked_friends, folder)
    ids = folder / "ids/0.arrow"
    names = [f"<{id}>" for id in ModelFolder(folder).texts("0")]
    ids.unlink()  # the file may be mapped
    write_texts(ids, "id", names)
    page = model_report(ModelFolder(folder))
    assert '<data class="vertex" value="&lt;u' in page
    assert "<u" not in page.replace("<ul", "")
    assert set(ids_in_report(page)) <= set(names)
    assert len(ids_in_report(page)) > 5


@pytest.mark.parametrize("task", TASKS.values(), ids=lambda task: task.name)
def test_every_metric_of_a_task_has_a_sentence(task: Task) -> None:
    assert set(task.metrics) <= set(METRIC_MEANINGS)
    assert set(METRIC_DIRECTION) <= set(COLUMNS)


def test_a_transform_on_the_same_graph_changes_no_answer(stacked_films: Path, tmp_path: Path) -> None:
    folder = refresh(stacked_films, films_graph(), tmp_path)
    assert scores(folder.folder, "u4") == pytest.approx(scores(stacked_films, "u4"), abs=1e-5)
    assert folder.description.id == ModelFolder(stacked_films).description.id


@pytest.mark.parametrize("model", ["pair-ranker", "rgcn"])
def test_after_a_transform_later_vertices_ask_and_are_answers(model: str, tmp_path: Path) -> None:
    old = train(friends_graph(), tmp_path / "old", "--model", model, "--num-epochs", "3")
    assert scores(old, "late") == {}
    folder = refresh(old, with_newcomer(friends_graph()), tmp_path / "new")
    assert len(scores(folder.folder, "late")) == 36
    assert "late" in scores(folder.folder, "u20")
    weights, before = folder.tensors("network"), ModelFolder(old).tensors("network")
    assert all((weights[name] == before[name]).all() for name in before)


def test_a_label_model_is_carried_over_too(tmp_path: Path) -> None:
    old = train(labelled_graph("node_class"), tmp_path / "old", "--model", "rgcn", "--num-epochs", "3")
    folder = refresh(old, with_newcomer(labelled_graph("node_class")), tmp_path / "new")
    body = {"data": {"globalParameters": {"property": "label"}, "nodes": [{"nodeId": "late"}]}}
    answer = load_predictor(folder.folder).answer(EndpointRequest.model_validate(body))
    assert answer.output.nodes is not None
    assert answer.output.nodes[0].results


def without(graph: GraphData, row: int) -> GraphData:
    """The graph with one vertex gone: no edges, features of zero, and another label beside."""
    edges = graph.edges[FRIEND]
    kept = (edges.source != row) & (edges.target != row)
    loves = EdgeType("User", "LOVES", "Pet")
    features = {name: values.copy() for name, values in graph.features.get("User", {}).items()}
    for values in features.values():
        values[row] = 0
    return replace(
        graph,
        node_ids={**graph.node_ids, "Pet": ["p"]},
        num_nodes={**graph.num_nodes, "Pet": 1},
        edges={FRIEND: EdgeList(edges.source[kept], edges.target[kept]), loves: EdgeList(np.array([1]), np.array([0]))},
        edge_ids={},
        edge_features={},
        features={"User": features} if features else {},
        gone={"User": np.array([row])},
        splits={},
        labels={},
    )


@pytest.mark.parametrize("model", ["pair-ranker", "rgcn", "stack"])
def test_a_vertex_that_is_gone_is_never_named_and_a_new_label_is_left_out(model: str, tmp_path: Path) -> None:
    old = train(friends_graph(), tmp_path / "old", "--model", model, "--num-epochs", "2")
    ids = list(friends_graph().node_ids["User"])
    # a friend of the vertex asks: it would be among the best
    friends = friends_graph().edges[FRIEND]
    asking = ids[int(friends.target[friends.source == 0][0])]
    assert ids[0] in scores(old, asking)
    folder = refresh(old, without(friends_graph(), 0), tmp_path / "new")
    answers = scores(folder.folder, asking)
    assert set(answers) == {*ids} - {ids[0], asking}
    assert scores(folder.folder, ids[0]) == {}
    assert folder.description.node_types == {"User": 36}
    assert "(User)-LOVES-(Pet), Pet" in " ".join(folder.metrics.warnings)
    if model == "rgcn":
        body = {"mode": "embed_knn", "data": {"globalParameters": {"topk": 100}, "nodes": [{"nodeId": asking}]}}
        near = load_predictor(folder.folder).answer(EndpointRequest.model_validate(body)).output.nodes
        assert near is not None
        assert {p.node_id for p in near[0].results} == {*ids} - {ids[0], asking}


def test_a_model_of_learned_vectors_alone_is_not_carried_over(tmp_path: Path) -> None:
    old = train(friends_graph(), tmp_path / "old", "--model", "distmult", "--num-epochs", "1")
    with pytest.raises(JobError, match="a distmult model learns a vector for each vertex and cannot be carried over"):
        refresh(old, friends_graph(), tmp_path / "new")


def test_a_property_of_a_vertex_that_is_gone_is_not_predicted(tmp_path: Path) -> None:
    graph = labelled_graph("node_class")
    old = train(graph, tmp_path / "old", "--model", "rgcn", "--num-epochs", "2")
    folder = refresh(old, without(graph, 0), tmp_path / "new")
    ids = graph.node_ids["User"]
    body = {"data": {"globalParameters": {"property": "label"}, "nodes": [{"nodeId": ids[0]}, {"nodeId": ids[1]}]}}
    answer = load_predictor(folder.folder).answer(EndpointRequest.model_validate(body)).output.nodes
    assert answer is not None
    assert [bool(item.results) for item in answer] == [False, True]


def test_a_graph_with_other_features_is_refused(ranked_friends: Path, tmp_path: Path) -> None:
    with pytest.raises(JobError, match="from the previous processing job"):
        refresh(ranked_friends, replace(friends_graph(), features={}), tmp_path)
