"""Answers as of an earlier moment are those that the graph of that moment gives, whatever came later."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dated_graphs import live, rated, trained
from small_graphs import FRIEND, RATED, films_graph, friends_graph, train

from training_scripts.graph_ml.artifacts import ModelFolder
from training_scripts.graph_ml.graph import EdgeList, GraphData
from training_scripts.graph_ml.predict import Incompatible
from training_scripts.graph_ml.predict.base import Predictor
from training_scripts.graph_ml.schemas import EndpointRequest
from training_scripts.graph_ml.training.as_of import load_with_moments
from training_scripts.graph_ml.training.refresh import as_of


def answers(predictor: Predictor, **body: Any) -> list[list[tuple[Any, float | None]]]:
    answer = predictor.answer(EndpointRequest.model_validate({"version": "v1", **body})).output
    items = answer.nodes or answer.edges or []
    return [[(one.node_id or one.value, one.score) for one in item.results] for item in items]


def timed_films() -> GraphData:
    """Films whose ratings and friendships came one after the other, between 0 and 1."""
    graph = films_graph()
    mixed = np.random.default_rng(3).permutation(len(graph.edges[RATED]))
    ends = graph.edges[RATED]
    edges = {**graph.edges, RATED: EdgeList(ends.source[mixed], ends.target[mixed])}
    return replace(graph, edges=edges, times={kind: np.linspace(0, 1, len(each)) for kind, each in edges.items()})


def with_another_end(graph: GraphData, moment: float) -> GraphData:
    """The same before a moment; other edges after it."""
    edges = {}
    for kind, ends in graph.edges.items():
        later = np.flatnonzero(graph.times[kind] >= moment)
        assert len(later) > 3
        moved = ends.target.copy()
        moved[later] = np.roll(ends.target[later], 1)
        edges[kind] = EdgeList(ends.source, moved)
    return replace(graph, edges=edges)


@pytest.mark.parametrize("model", ["pair-ranker", "rgcn"])
def test_links_as_of_a_moment_are_told_by_what_was_there_before(model: str, tmp_path: Path) -> None:
    graph = timed_films()
    folder = train(graph, tmp_path, "--model", model, "--num-epochs", "2")
    assert ModelFolder(folder).description.details["timed"] is True
    predictor = load_with_moments(folder)
    items = [{"headNodeId": f"u{i}"} for i in range(6)]

    def asked(moment: float | None, of: Predictor = predictor, flag: str = "none") -> Any:
        parameters = {"topk": 20, "edgeType": "rated", "exclude_flag": flag, "asOf": moment}
        return answers(of, mode="predict_tail", data={"globalParameters": parameters, "edges": items})

    # as of the end it is the answer of now, to a millionth as ever between stored and computed vectors
    for at_the_end, now in zip(asked(2.0), asked(None), strict=True):
        assert dict(at_the_end) == pytest.approx(dict(now), abs=1e-6)
    # and of half the time another one
    half = asked(0.5)
    assert half != asked(None)
    # who was linked then is left out, who came later is not
    ends, times = graph.edges[RATED], graph.times[RATED]
    then = {f"m{t}" for s, t, when in zip(ends.source, ends.target, times, strict=True) if s == 0 and when < 0.5}
    assert {name for name, _ in asked(0.5, flag="mask")[0]} == {f"m{i}" for i in range(20)} - then
    # the same model over a graph with another end: bit for bit the same answers as of before
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    with_another_end(graph, 0.5).write(other / "graph")
    assert asked(0.5, load_with_moments(other)) == half
    assert asked(0.9, load_with_moments(other)) != asked(0.9)


def test_vertices_that_came_later_are_nobody(tmp_path: Path) -> None:
    graph = timed_films()
    born = np.zeros(20)
    born[7] = 0.6
    graph = replace(graph, times={**graph.times, "Movie": born})
    predictor = load_with_moments(train(graph, tmp_path, "--model", "pair-ranker", "--num-epochs", "2"))

    def names(moment: float) -> set[str]:
        parameters = {"topk": 20, "edgeType": "rated", "asOf": moment}
        body = {"globalParameters": parameters, "edges": [{"headNodeId": "u1"}]}
        return {name for name, _ in answers(predictor, mode="predict_tail", data=body)[0]}

    assert names(0.5) == {f"m{i}" for i in range(20)} - {"m7"}
    assert names(0.7) == {f"m{i}" for i in range(20)}


def test_a_horizon_is_answered_as_of_a_moment_by_the_past_before_it(tmp_path: Path) -> None:
    graph = rated()
    folder = trained(graph, tmp_path, "--model", "mlp", "--lr", "0.02")
    predictor = load_with_moments(folder)
    nodes = [{"nodeId": f"u{i}"} for i in range(30)]

    def asked(moment: float | None, **more: Any) -> Any:
        return answers(predictor, data={"globalParameters": {"asOf": moment}, "nodes": nodes, **more})

    (history,) = graph.histories.values()
    as_of(ModelFolder(folder), 0.5, tmp_path / "half")
    told = ModelFolder(tmp_path / "half").array("past/0")
    assert told.tolist() == graph.past(history, "User", np.arange(30), np.full(30, 0.5)).tolist()
    assert asked(0.5) == answers(load_with_moments(tmp_path / "half"), data={"globalParameters": {}, "nodes": nodes})
    assert asked(0.5) != asked(None)
    assert asked(graph.now) == asked(None)
    # five moments later the first is made again, and is the same
    half = asked(0.5)
    for moment in (0.6, 0.7, 0.8, 0.9):
        asked(moment)
    assert asked(0.5) == half
    with pytest.raises(Incompatible, match="either brings the graph as it is now, or asks as of"):
        asked(0.5, graph=live(graph))


def test_a_model_without_times_says_that_it_cannot_answer_as_of_a_moment(tmp_path: Path) -> None:
    folder = train(friends_graph(), tmp_path, "--model", "pair-ranker", "--num-epochs", "1")
    assert not (folder / "graph").exists()
    body = {"globalParameters": {"asOf": 5.0}, "edges": [{"headNodeId": "u03"}]}
    with pytest.raises(Incompatible, match="its graph has no times"):
        answers(load_with_moments(folder), mode="predict_tail", data=body)


def test_before_everything_there_is_nothing_to_answer_from(tmp_path: Path) -> None:
    predictor = load_with_moments(train(timed_films(), tmp_path, "--model", "pair-ranker", "--num-epochs", "1"))
    body = {"globalParameters": {"asOf": -5.0}, "edges": [{"headNodeId": "u1"}]}
    with pytest.raises(Incompatible, match=r"as of that moment: .*has no edges of type"):
        answers(predictor, mode="predict_tail", data=body)


def test_a_graph_before_a_moment_has_what_came_earlier_with_both_its_ends() -> None:
    born = np.array([0.0, 5.0, 1.0])
    graph = replace(
        friends_graph(),
        node_ids={"User": ["a", "b", "c"]},
        num_nodes={"User": 3},
        edges={FRIEND: EdgeList(np.array([0, 0, 2]), np.array([1, 2, 0]))},
        edge_ids={FRIEND: ["x", "y", "z"]},
        features={},
        edge_features={FRIEND: {"weight": np.array([[1.0], [2.0], [3.0]], dtype=np.float32)}},
        times={"User": born, FRIEND: np.array([1.0, 2.0, 4.0])},
    )
    then = graph.before(4.0)
    # x is older than its end b, which came at 5; z came at 4 itself
    assert then.edge_ids[FRIEND] == ["y"]
    assert then.edge_features[FRIEND]["weight"].tolist() == [[2.0]]
    assert then.gone["User"].tolist() == [1]
    assert list(then.live_ids["User"]) == ["a", "", "c"]
    assert then.now == 4.0
