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
    # of the edges that a request brings those of before the moment tell: the answers are the stored ones
    with pytest.raises(Incompatible, match="which properties of the graph that is brought say when"):
        asked(0.5, graph=live(graph))


ARRIVED = ("new", "u1")


def brought(graph: GraphData, later: int) -> dict[str, Any]:
    """All edges as a request brings them, and those of a newcomer; ``later`` mixes what came late.

    The newcomer rated five films before .5 and five later. A film came at .6.
    """
    rng = np.random.default_rng(later)
    edges = []
    for kind, ends in graph.edges.items():
        late = graph.times[kind] >= 0.5
        targets = np.where(late, rng.permutation(np.asarray(ends.target)), ends.target)
        for row in range(len(ends)):
            named = kind.target[0].lower()
            sides = {"headNodeId": f"u{ends.source[row]}", "tailNodeId": f"{named}{targets[row]}"}
            values = {"at": [float(graph.times[kind][row])], "stars": [float(rng.integers(1, 6)) if late[row] else 3.0]}
            edges.append({"edgeType": [*kind], **sides, "properties": values})
    films = [*range(5), *rng.permutation(np.arange(5, 20))[:5].tolist()]
    for place, film in enumerate(films):
        values = {"at": [place / 10 + 0.05], "stars": [4.0 if place < 5 else float(rng.integers(1, 6))]}
        edges.append({"edgeType": [*RATED], "headNodeId": "new", "tailNodeId": f"m{film}", "properties": values})
    edges += [{"edgeType": [*RATED], "headNodeId": "new", "tailNodeId": "latest", "properties": {"at": [0.1]}}]
    nodes = [{"nodeId": "latest", "nodeType": "Movie", "properties": {"born": [f"{0.6 + later}"]}}]
    return {"nodes": nodes, "edges": edges}


def says_when(graph: GraphData) -> GraphData:
    """A graph that knows which properties its times are of."""
    times = [*({"type": kind, "property": "at"} for kind in graph.edges), {"type": "Movie", "property": "born"}]
    return replace(graph, info={**graph.info, "times": times})


@pytest.mark.parametrize("model", ["pair-ranker", "rgcn"])
def test_nothing_that_came_later_changes_an_inductive_answer_about_links(model: str, tmp_path: Path) -> None:
    graph = says_when(timed_films())
    folder = train(graph, tmp_path, "--model", model, "--num-epochs", "2")
    parameters = {"topk": 20, "edgeType": "rated"}

    def asked(moment: float | None, later: int, of: Path = folder) -> Any:
        data = {
            "globalParameters": {**parameters, "asOf": moment},
            "edges": [{"headNodeId": one} for one in ARRIVED],
            "graph": brought(graph, later),
        }
        return answers(load_with_moments(of), mode="predict_tail", data=data)

    # everything after .5 shuffled, in what is brought and in what the model keeps: the same, bit for bit
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    with_another_end(graph, 0.5).write(other / "graph")
    then = asked(0.5, 1)
    assert [len(each) for each in then] == [20, 20]
    assert then == asked(0.5, 2) == asked(0.5, 1, other)
    # the shuffling is seen from where it is past
    assert asked(2.0, 1) != asked(2.0, 2)
    assert asked(None, 1) != asked(None, 2)
    assert then[0] != asked(2.0, 1)[0]


def test_nothing_that_came_later_changes_an_inductive_answer_about_a_vertex(tmp_path: Path) -> None:
    graph = says_when(rated())
    predictor = load_with_moments(trained(graph, tmp_path, "--model", "mlp", "--lr", "0.02"))
    live_now = live(graph)
    rng = np.random.default_rng(5)
    late = [edge for edge in live_now["edges"] if edge["properties"]["at"][0] >= 0.5]
    early = [edge for edge in live_now["edges"] if edge["properties"]["at"][0] < 0.5]
    heads = rng.permutation([edge["headNodeId"] for edge in late]).tolist()
    mixed = [
        {**edge, "headNodeId": head, "properties": {**edge["properties"], "stars": [1.0]}}
        for edge, head in zip(late, heads, strict=True)
    ]
    # somebody new who rated before and after as u1 did
    new = [{**edge, "headNodeId": "new"} for edge in live_now["edges"] if edge["headNodeId"] == "u1"]
    nodes = [{"nodeId": one} for one in ("new", *(f"u{i}" for i in range(30)))]

    def asked(moment: float, edges: list[dict[str, Any]]) -> Any:
        data = {"globalParameters": {"asOf": moment}, "nodes": nodes, "graph": {**live_now, "edges": edges}}
        return answers(predictor, data=data)

    then = asked(0.5, early + late + new)
    assert (
        then
        == asked(0.5, early + mixed + new)
        == asked(0.5, early + [e for e in new if e["properties"]["at"][0] < 0.5])
    )
    assert all(then)
    assert asked(2.0, early + late + new) != asked(2.0, early + mixed + new)
    # it is what the model keeps of that moment, for whom it knows
    stored = answers(predictor, data={"globalParameters": {"asOf": 0.5}, "nodes": nodes[1:]})
    assert [value for ((value, _),) in then[1:]] == pytest.approx([value for ((value, _),) in stored], abs=1e-5)


def test_a_vertex_that_came_later_is_nobody_of_whom_a_request_may_bring_a_neighbourhood(tmp_path: Path) -> None:
    graph = says_when(timed_films())
    graph = replace(graph, info={"times": [*graph.info["times"], {"type": "User", "property": "born"}]})
    predictor = load_with_moments(train(graph, tmp_path, "--model", "pair-ranker", "--num-epochs", "1"))

    def found(born: Any) -> int:
        document = brought(graph, 1)
        document["nodes"] = [{"nodeId": "new", "nodeType": "User", "properties": {"born": [born]}}]
        parameters = {"topk": 20, "edgeType": "rated", "asOf": 0.5}
        data = {"globalParameters": parameters, "edges": [{"headNodeId": "new"}], "graph": document}
        return len(answers(predictor, mode="predict_tail", data=data)[0])

    assert (found("0.2"), found(0.5), found("someday")) == (20, 0, 0)


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
