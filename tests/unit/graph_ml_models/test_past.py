"""Models that look at what a vertex has been through: stored answers and those from a request's edges are the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dated_graphs import live, rated, trained
from small_graphs import RATED, SCRIPTS

from training_scripts.graph_ml.artifacts import ModelFolder
from training_scripts.graph_ml.container import Container, JobError
from training_scripts.graph_ml.graph import EdgeList
from training_scripts.graph_ml.judging.floors import table
from training_scripts.graph_ml.judging.floors.constant import constant
from training_scripts.graph_ml.judging.floors.features import features_alone
from training_scripts.graph_ml.predict import load_predictor
from training_scripts.graph_ml.schemas import EndpointRequest, TaskType
from training_scripts.graph_ml.training.refresh import transform


def numbers(folder: Path, **data: Any) -> list[float]:
    body = {"version": "v1", "data": {"globalParameters": {}, **data}}
    answer = load_predictor(folder).answer(EndpointRequest.model_validate(body)).output
    found = []
    for item in answer.nodes or answer.edges or []:
        (result,) = item.results
        found.append(float(result.value or 0))
    return found


@pytest.mark.parametrize("floor", [False, True])
def test_stored_answers_are_those_that_a_request_with_the_same_edges_gets(
    floor: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = rated()
    monkeypatch.setattr(table, "LABEL_FLOORS", {"constant": constant, "features_alone": features_alone})
    # a network that has learned nothing leaves the answers to the floor
    folder = trained(graph, tmp_path, "--model", "mlp", "--lr", "0.000001" if floor else "0.02")
    details = ModelFolder(folder).description.details
    assert ("baseline" in details) == floor
    assert (details["inductive"], details["hops"], details["fanouts"]) == (True, 1, [-1])
    nodes = [{"nodeId": f"u{i}"} for i in range(30)]
    stored, asked = numbers(folder, nodes=nodes), numbers(folder, nodes=nodes, graph=live(graph))
    assert asked == pytest.approx(stored, abs=1e-5)
    assert len({round(number, 3) for number in stored}) > 5
    # somebody new who has rated as u1 has gets the answer of u1, somebody who has not gets that of nobody's past
    brought = live(graph)
    brought["edges"] += [{**e, "headNodeId": "new"} for e in brought["edges"] if e["headNodeId"] == "u1"]
    brought["nodes"] += [{"nodeId": "idle", "nodeType": "User", "properties": {}}]
    one, new, idle = numbers(folder, nodes=[{"nodeId": n} for n in ("u1", "new", "idle")], graph=brought)
    if floor:  # a network has learned a vector for each person
        assert new == pytest.approx(one, abs=1e-5)
    assert idle != one


def test_an_edge_that_is_asked_about_is_told_by_the_past_of_its_ends(tmp_path: Path) -> None:
    graph = rated("edge_regression")
    folder = trained(graph, tmp_path, "--model", "mlp", "--lr", "0.02")
    model = ModelFolder(folder)
    assert model.array("edges/extra").shape[1] == 1 + 2 * 7  # stars; two windows, four more and the last stars, twice
    pairs = [{"headNodeId": f"u{i}", "tailNodeId": f"m{j}"} for i in range(4) for j in range(20)]
    known = {
        (f"u{s}", f"m{t}") for s, t in zip(*(np.asarray(p) for p in vars(graph.edges[RATED]).values()), strict=True)
    }
    fresh = [pair for pair in pairs if (pair["headNodeId"], pair["tailNodeId"]) not in known]
    assert fresh
    stored, asked = numbers(folder, edges=fresh), numbers(folder, edges=fresh, graph=live(graph))
    assert asked == pytest.approx(stored, abs=1e-5)


def test_the_past_tells_how_often_somebody_will_rate(tmp_path: Path) -> None:
    graph = rated()
    with_past, without = (
        ModelFolder(trained(one, tmp_path / name, "--model", "mlp", "--lr", "0.02")).metrics.floors["valid"]
        for name, one in (("with", graph), ("without", replace(graph, histories={})))
    )
    assert "features_alone" not in without
    assert with_past["features_alone"]["rmse"] < 0.8 * with_past["constant"]["rmse"]


@pytest.mark.parametrize("task", ["node_regression", "edge_regression"])
def test_a_transform_tells_the_past_as_of_the_later_graph(task: TaskType, tmp_path: Path) -> None:
    graph = rated(task)
    folder = trained(graph, tmp_path, "--model", "mlp", "--lr", "0.02")
    base = tmp_path / "later"
    (base / "processing").mkdir(parents=True)
    (base / "processing" / "model").symlink_to(folder)
    ends, new = graph.edges[RATED], np.zeros(50, dtype=np.int64)
    later = replace(
        graph,
        edges={RATED: EdgeList(np.concatenate([ends.source, new]), np.concatenate([ends.target, new]))},
        edge_ids={RATED: [f"r{i}" for i in range(450)]},
        edge_features={RATED: {"stars": np.concatenate([graph.edge_features[RATED]["stars"], new[:, None] + 5.0])}},
        times={RATED: np.concatenate([graph.times[RATED], np.linspace(1, 1.05, 50)])},
        labels={},
        splits={},
        cuts={},
        horizons={},
        histories={},
    )
    later.write(base / "processing" / "input")
    transform(Container(base, {}), SCRIPTS)
    refreshed = ModelFolder(base / "processing" / "output")
    before, after = (ModelFolder(each).array("past/0") for each in (folder, refreshed.folder))
    (history,) = graph.histories.values()
    assert after.tolist() == later.past_now(history, "User").tolist()
    # u0 has fifty more, all of them newer than the window of .3 begins
    count = np.expm1(after[0, 2]) - np.expm1(before[0, 2])
    assert count == pytest.approx(50, abs=1e-3)
    assert refreshed.description.details["now"] > 1.05
    if task == "edge_regression":
        assert refreshed.array("edges/extra").shape == (450, 15)
        return
    later = replace(later, times={})
    later.write(base / "processing" / "input")
    with pytest.raises(JobError, match=r"when edges of type .* came, and the new graph does not say"):
        transform(Container(base, {}), SCRIPTS)
