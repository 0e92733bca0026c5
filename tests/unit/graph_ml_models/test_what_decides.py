"""What decides a label or a link is found by the first two trials of a search, with default settings, in seconds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_graphs import FRIEND, split_of, train

from training_scripts.graph_ml.artifacts import ModelFolder
from training_scripts.graph_ml.graph import EdgeList, EdgeType, GraphData, Labels, Split, Target
from training_scripts.graph_ml.processing.split import groups_of, random_split, rare_items
from training_scripts.graph_ml.schemas import Metrics, TaskType
from training_scripts.graph_ml.tasks import default_metric
from training_scripts.graph_ml.tasks.templates import templates

PEOPLE = 400
BOUGHT = EdgeType(source="User", relation="bought", target="Movie")


def people(seed: int = 0, each: int = 5) -> GraphData:
    """People who know ``each`` others by chance, with four features that mean nothing and one that may, ±1."""
    rng = np.random.default_rng(seed)
    friends = np.concatenate([(np.arange(PEOPLE) + rng.permutation(PEOPLE - 1)[0] + 1) % PEOPLE for _ in range(each)])
    features = np.column_stack([rng.choice([-1.0, 1.0], PEOPLE), rng.normal(size=(PEOPLE, 4))]).astype(np.float32)
    return GraphData(
        node_ids={"User": [f"u{i}" for i in range(PEOPLE)]},
        num_nodes={"User": PEOPLE},
        edges={FRIEND: EdgeList(np.tile(np.arange(PEOPLE), each), friends)},
        edge_features={FRIEND: {"since": rng.normal(size=(each * PEOPLE, 1)).astype(np.float32)}},
        features={"User": {"mixed": features}},
    )


def learning(graph: GraphData, task: TaskType, values: np.ndarray) -> GraphData:
    """The graph with classes 0 and 1, or numbers, to be learned of its people or friendships."""
    target = Target(task, "User" if task.startswith("node") else FRIEND, "label")
    kind = "class" if task.endswith("class") else "number"
    labels = Labels("class", values.astype(np.int64), ("no", "yes")) if kind == "class" else None
    found = Labels("number", values.astype(np.float32)) if labels is None else labels
    return replace(graph, labels={target: found}, splits={target: split_of(len(values))})


def searched(graph: GraphData, base: Path, metric: str = "") -> Metrics:
    """The better by validation of the two trials that a search begins with."""
    target = graph.targets[0]
    task, items = target.task, len(graph.splits[target].train)
    choice = templates(task, "acc", items, "heterogeneous", len(graph.edges))["auto"].model.tier1[0]
    tuned = ["--eval-metric", metric] if metric else []
    names = (choice.options or [])[:2]
    models = [ModelFolder(train(graph, base / name, "--model", name, *tuned)).metrics for name in names]
    sign = 1 if models[0].direction == "maximize" else -1
    return max(models, key=lambda metrics: sign * (metrics.value or 0.0))


def explained(metrics: Metrics, values: np.ndarray, graph: GraphData) -> float:
    """R² on the test items."""
    test = graph.splits[graph.targets[0]].test
    return 1 - metrics.splits["test"]["mse"] / float(np.var(values[test]))


def test_a_class_that_a_feature_decides(tmp_path: Path) -> None:
    graph = people()
    values = graph.features["User"]["mixed"][:, 0] > 0
    assert searched(learning(graph, "node_class", values), tmp_path).splits["test"]["acc"] >= 0.95


def test_a_number_that_a_feature_decides(tmp_path: Path) -> None:
    graph = people()
    mixed = graph.features["User"]["mixed"]
    values = 30 + 5 * mixed[:, 1] - 3 * mixed[:, 2]
    graph = learning(graph, "node_regression", values)
    assert explained(searched(graph, tmp_path), values, graph) >= 0.95


def test_a_number_that_a_property_of_the_edge_decides(tmp_path: Path) -> None:
    graph = people()
    values = 100 + 40 * graph.edge_features[FRIEND]["since"][:, 0]
    graph = learning(graph, "edge_regression", values)
    assert explained(searched(graph, tmp_path), values, graph) >= 0.95


def test_a_class_that_a_property_of_the_edge_decides(tmp_path: Path) -> None:
    graph = people()
    values = graph.edge_features[FRIEND]["since"][:, 0] > 0
    assert searched(learning(graph, "edge_class", values), tmp_path).splits["test"]["acc"] >= 0.95


def test_a_class_that_only_the_neighbours_decide(tmp_path: Path) -> None:
    # everybody follows five and is followed by five: what most of the five followed have, of +1 and -1
    graph = people()
    edges, sign = graph.edges[FRIEND], graph.features["User"]["mixed"][:, 0]
    told = np.bincount(edges.source, weights=sign[edges.target], minlength=PEOPLE) > 0
    found = searched(learning(graph, "node_class", told), tmp_path)
    assert found.splits["test"]["acc"] >= 0.95
    assert found.floors["test"]["features_alone"]["acc"] < 0.7


def test_links_that_only_structure_decides(tmp_path: Path) -> None:
    # people of eight groups buy what their group buys; nothing says who belongs to which
    rng = np.random.default_rng(0)
    users, movies = 160, 120
    likely = (np.arange(users)[:, None] % 8) == (np.arange(movies)[None, :] % 8)
    source, target = (part.astype(np.int64) for part in np.nonzero(likely & (rng.random((users, movies)) < 0.6)))
    graph = GraphData(
        node_ids={"Movie": [f"m{i}" for i in range(movies)], "User": [f"u{i}" for i in range(users)]},
        num_nodes={"Movie": movies, "User": users},
        edges={BOUGHT: EdgeList(source, target)},
        splits={Target("link_prediction", BOUGHT): split_of(len(source))},
    )
    assert searched(graph, tmp_path).splits["test"]["auc"] >= 0.95


@pytest.mark.parametrize("task", ["node_class", "edge_class"])
def test_what_nothing_decides_is_as_good_as_chance_on_every_split(task: TaskType, tmp_path: Path) -> None:
    graph = people(each=2)
    number = PEOPLE if task == "node_class" else len(graph.edges[FRIEND])
    values = np.random.default_rng(5).random(number) < 0.5
    found = searched(learning(graph, task, values), tmp_path)
    for split, figures in found.splits.items():
        items = number // 10 / (2 if split == "valid" else 1)
        # four standard deviations of a fair coin
        assert abs(figures["acc"] - 0.5) < 4 * 0.5 / items**0.5, split


def test_fraud_at_one_in_a_hundred_is_ranked_above_features_alone(tmp_path: Path) -> None:
    # 2,400 accounts; three rings of eight pay their own, and a feature tells a fraudster from others, badly
    rng = np.random.default_rng(3)
    accounts = 2400
    fraud = np.zeros(accounts, dtype=bool)
    fraud[rng.permutation(accounts)[:24]] = True
    own = [(a, b) for ring in np.flatnonzero(fraud).reshape(3, 8) for a in ring for b in ring if a < b]
    source, target = np.concatenate([np.array(own), rng.integers(0, accounts, (accounts, 2))]).T
    features = rng.normal(size=(accounts, 4)).astype(np.float32)
    features[fraud, 0] += 1.0
    graph = learning(
        replace(
            people(),
            node_ids={"User": [f"u{i}" for i in range(accounts)]},
            num_nodes={"User": accounts},
            edges={FRIEND: EdgeList(source.astype(np.int64), target.astype(np.int64))},
            edge_features={},
            features={"User": {"mixed": features}},
        ),
        "node_class",
        fraud,
    )
    (target_name,) = graph.targets
    order = rng.permutation(accounts)
    parts = Split(np.sort(order[1200:]), np.sort(order[:600]), np.sort(order[600:1200]))
    graph = replace(graph, splits={target_name: parts})
    metric = default_metric("node_class", graph.labels[target_name])
    assert metric == "average_precision"  # of so rare a class neither accuracy nor F1 of the likelier class says much
    found = searched(graph, tmp_path, metric)
    alone = found.floors["test"]["features_alone"]["average_precision"]
    assert found.splits["test"]["average_precision"] > alone + 0.2


@pytest.mark.parametrize("seed", [0, 1])
def test_payments_of_which_one_in_a_hundred_is_fraud_are_ranked_as_well_as_their_amount_alone_does(
    seed: int, tmp_path: Path
) -> None:
    # a thousand payments between a hundred accounts, the ten of the highest amount are fraud: 5 train, 1 or 2 choose
    rng = np.random.default_rng(seed)
    source, target = rng.integers(0, 100, (2, 1000))
    amount = rng.normal(size=1000)
    fraud = amount > np.sort(amount)[-11]
    graph = GraphData(
        node_ids={"User": [f"u{i}" for i in range(100)]},
        num_nodes={"User": 100},
        edges={FRIEND: EdgeList(source, target)},
        edge_features={FRIEND: {"amount": amount[:, None].astype(np.float32)}},
        labels={
            (paid := Target("edge_class", FRIEND, "label")): Labels("class", fraud.astype(np.int64), ("no", "yes"))
        },
    )
    groups, rare = groups_of(graph, paid), rare_items(graph.labels[paid])
    split = random_split(paid, np.arange(1000), (0.5, 0.25, 0.25), 0, groups, rare=rare)
    found = searched(replace(graph, splits={paid: split}), tmp_path, "average_precision")
    alone = found.floors["test"]["features_alone"]["average_precision"]
    assert found.splits["test"]["average_precision"] >= alone > 0.9
