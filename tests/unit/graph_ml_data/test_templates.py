"""What the tuner is told to search."""

from __future__ import annotations

import json

import pytest

from training_scripts.graph_ml.tasks.templates import batch_sizes, epochs, templates


def test_node_classification_of_a_large_graph_is_the_published_sample() -> None:
    written = json.loads(templates("node_class", "acc", 1_000_000, "heterogeneous")["rgcn"].to_json())
    model = written["models"][0]
    published = {
        "num-hidden": {"type": "int", "range": [16, 128], "inc_strategy": "power2"},
        "num-epochs": {
            "type": "int",
            "range": [3, 30],
            "inc_strategy": "linear",
            "inc_val": 1,
            "node_strategy": "perM",
        },
        "lr": {"type": "float", "range": [0.001, 0.01], "inc_strategy": "log"},
        "dropout": {"type": "float", "range": [0.0, 0.5], "inc_strategy": "linear", "default": 0.3},
        "layer-norm": {"type": "bool", "default": True},
        "batch-size": {"type": "int", "range": [128, 4096], "inc_strategy": "power2", "default": 1024},
        "fanout": {"type": "int", "options": [[10, 30], [15, 30], [15, 30]], "default": [10, 15, 15]},
        "num-layer": {"type": "int", "range": [1, 3], "inc_strategy": "linear", "inc_val": 1, "default": 2},
        "num-bases": {"type": "int", "range": [0, 8], "inc_strategy": "linear", "inc_val": 2, "default": 0},
        "concat-node-embed": {"type": "bool", "default": True},
        "use-self-loop": {"type": "bool", "default": True},
        "low-mem": {"type": "bool", "default": True},
        "l2norm": {"type": "float", "default": 0},
    }
    tiers = [[entry["param"] for entry in model[tier]] for tier in ("1-tier-param", "2-tier-param", "3-tier-param")]
    assert tiers == [
        ["num-hidden", "num-epochs", "lr"],
        ["dropout", "layer-norm"],
        ["batch-size", "fanout", "num-layer", "num-bases"],
    ]
    entries = [entry for name, tier in model.items() if name.endswith("param") for entry in tier]
    found = {entry["param"]: {k: v for k, v in entry.items() if k != "param"} for entry in entries}
    assert {name: found[name] for name in published} == published
    assert model["eval_metric"] == {"metric": "acc"}
    assert model["eval_frequency"] == {"type": "evaluate_every_epoch", "value": 1}


@pytest.mark.parametrize(
    ("items", "sizes"),
    # a quarter of 20 is 5: 4 at most; the article cuts the batch of its 20 people to 2 to 4
    [(20, (2, 4, 2)), (1, (2, 2, 2)), (1000, (16, 128, 64)), (25_000, (128, 4096, 1024)), (10**7, (128, 4096, 1024))],
)
def test_batches_shrink_with_the_graph(items: int, sizes: tuple[int, int, int]) -> None:
    assert batch_sizes(items) == sizes


def test_small_graphs_are_passed_over_more_often() -> None:
    assert epochs(20, link=True) == (20, 100)
    assert epochs(10**7, link=True) == (3, 30)


def test_a_parameter_of_graph_networks_is_not_searched_for_the_pair_ranker() -> None:
    model = templates("link_prediction", "mrr", 1000, "heterogeneous")["auto"].model
    for entry in (*model.tier1[1:], *model.tier2, *model.tier3):
        assert entry.models == ["rgcn", "graphsage", "stack"], entry.param


def test_the_default_comes_first() -> None:
    assert next(iter(templates("link_prediction", "mrr", 10, "heterogeneous"))) == "auto"
    assert next(iter(templates("link_prediction", "mrr", 10, "kge"))) == "transe"
    assert next(iter(templates("edge_regression", "mse", 10, "heterogeneous"))) == "rgcn"


def test_every_template_is_for_the_task_and_its_metric() -> None:
    for configuration in templates("link_prediction", "hits@10", 10, "kge").values():
        assert configuration.model.task_type == "link_prediction"
        assert configuration.model.eval_metric.metric == "hits@10"
