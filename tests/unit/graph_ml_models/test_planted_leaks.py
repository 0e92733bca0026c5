"""What is copied from the future adds nothing: planted behind a date, it changes no answer at the date by a bit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from dated_graphs import DATES, rated, trained
from sklearn.metrics import roc_auc_score
from small_graphs import RATED

from training_scripts.graph_ml.artifacts import ModelFolder
from training_scripts.graph_ml.graph import EdgeList, EdgeType, GraphData, History, Labels, Target
from training_scripts.graph_ml.graph.history import strands_of
from training_scripts.graph_ml.schemas import HistoryEntry

TOLD = EdgeType("User", "told", "Movie")


def planted() -> GraphData:
    """Whether somebody rates within .1 of a date; whoever does tells so .05 after it, in an edge whose feature is 1."""
    graph = rated()
    (old,) = graph.targets
    (horizon,) = graph.horizons.values()
    (split,) = graph.splits.values()
    rates = np.asarray(graph.labels[old].values) > 0
    assert horizon.nodes is not None
    assert horizon.times is not None
    users, when = horizon.nodes[rates], horizon.times[rates] + 0.05
    target = Target("node_class", "User", "rates")
    strands = strands_of("User", {RATED: {"stars": 1}, TOLD: {"answer": 1}}, {RATED: "at", TOLD: "at"})
    return replace(
        graph,
        edges={**graph.edges, TOLD: EdgeList(users, np.zeros(len(users), dtype=np.int64))},
        edge_features={**graph.edge_features, TOLD: {"answer": np.ones((len(users), 1), dtype=np.float32)}},
        times={**graph.times, TOLD: when},
        labels={target: Labels("class", rates.astype(np.int64), ("false", "true"))},
        splits={target: split},
        cuts={target: graph.cuts[old]},
        horizons={target: horizon},
        histories={target: History(HistoryEntry(windows=[0.1], day=1.0, strands=strands))},
    )


def told_otherwise(graph: GraphData, moment: float) -> GraphData:
    """The same before a moment; from it on others tell, in other words."""
    ends, answers = graph.edges[TOLD], graph.edge_features[TOLD]["answer"].copy()
    later = graph.times[TOLD] >= moment
    assert later.sum() > 5
    users = np.where(later, 29 - ends.source, ends.source)
    answers[later] = 7.0
    edges = {**graph.edges, TOLD: EdgeList(users, ends.target)}
    return replace(graph, edges=edges, edge_features={**graph.edge_features, TOLD: {"answer": answers}})


def test_the_plant_would_tell_everything_to_whoever_looks_too_late() -> None:
    graph = planted()
    (target,) = graph.targets
    test = graph.splits[target].test
    truth = np.asarray(graph.labels[target].values)[test]
    users = graph.asked(target)[test]
    (history,) = graph.histories.values()
    late, in_time = (graph.past(history, "User", users, np.full(len(users), d)) for d in (DATES[-1] + 0.09, DATES[-1]))
    ratings = 1 + 4 + 1  # a window, four numbers and the stars come first
    assert roc_auc_score(truth, late[:, ratings]) == 1.0
    assert roc_auc_score(truth, in_time[:, ratings]) < 1.0
    other = told_otherwise(graph, DATES[-1])
    assert np.array_equal(in_time, other.past(history, "User", users, np.full(len(users), DATES[-1])))


@pytest.mark.parametrize("model", ["mlp", "graphsage"])
def test_a_feature_that_is_copied_from_the_future_adds_nothing_to_any_figure(model: str, tmp_path: Path) -> None:
    graph = planted()
    one, two = (
        ModelFolder(trained(each, tmp_path / str(place), "--model", model, "--lr", "0.02"))
        for place, each in enumerate((graph, told_otherwise(graph, DATES[-1])))
    )
    assert "roc_auc" in one.metrics.splits["test"]
    assert one.metrics.splits == two.metrics.splits
    assert one.metrics.floors == two.metrics.floors
    for part in ("head", "network"):
        assert all(np.array_equal(value, two.tensors(part)[name]) for name, value in one.tensors(part).items())
    # what is served knows what has been told since
    assert not np.array_equal(one.array("predictions"), two.array("predictions"))
