"""A search file that people edit: what no model could follow is a fault, what changes nothing is named."""

from __future__ import annotations

import json
from typing import Any

import pytest

from training_scripts.graph_ml.models.families import families
from training_scripts.graph_ml.models.settings import declared
from training_scripts.graph_ml.schemas import ModelHpoConfiguration, TaskType
from training_scripts.graph_ml.tasks import TASKS
from training_scripts.graph_ml.tasks.edited import Findings, examine
from training_scripts.graph_ml.tasks.templates import templates


def written(task: TaskType = "node_class", name: str = "rgcn") -> dict[str, Any]:
    """The template of a model as it stands on disk."""
    document: dict[str, Any] = json.loads(templates(task, TASKS[task].metric, 500, "heterogeneous")[name].to_json())
    return document


def found(document: dict[str, Any]) -> Findings:
    return examine(document, ModelHpoConfiguration.model_validate(document).model)


@pytest.mark.parametrize("items", [50, 5_000, 1_000_000])
@pytest.mark.parametrize("task", TASKS)
def test_no_template_has_anything_that_cannot_be_or_changes_nothing(task: TaskType, items: int) -> None:
    for configuration in templates(task, TASKS[task].metric, items, "heterogeneous").values():
        assert examine(json.loads(configuration.to_json()), configuration.model) == Findings((), ())


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            {"param": "num_hidden", "type": "int", "default": 64},
            "has a hyperparameter 'num_hidden'; did you mean 'num-hidden'?",
        ),
        ({"param": "dropout", "type": "float", "range": [0.5, 1.5]}, "dropout is 1.5; it must be below 1"),
        ({"param": "num-layer", "type": "int", "options": [1, 2.5]}, "num-layer is '2.5'; it must be a int"),
        ({"param": "batch-size", "type": "int", "default": 0}, "batch-size is 0; it must be at least 1"),
        ({"param": "fanout", "type": "float", "range": [5, 15]}, "its range is of whole numbers, 'int'"),
        ({"param": "use-class-weight", "type": "str", "range": [0, 1]}, "its range is of numbers, 'float'"),
    ],
)
def test_names_and_values_that_no_model_takes_are_faults(change: dict[str, Any], text: str) -> None:
    document = written()
    document["models"][0]["fixed-param"].append(change)
    (fault,) = found(document).faults
    assert text in fault


@pytest.mark.parametrize(
    ("member", "value", "text"),
    [
        ("model", "rgnc", "there is no model 'rgnc'; did you mean 'rgcn'?"),
        ("model", "rotate", "model 'rotate' does not learn node_class"),
        ("eval_metric", {"metric": "accuracy"}, "no metric 'accuracy' for node_class; did you mean 'acc'?"),
        ("eval_metric", {"metric": "mrr"}, "no metric 'mrr' for node_class"),
        ("eval_metric", {"metric": "acc", "tuning_objective": {"MetricName": "A"}}, "is for custom models"),
    ],
)
def test_models_and_metrics_that_are_not_there_are_faults(member: str, value: Any, text: str) -> None:
    document = written()
    document["models"][0][member] = value
    assert any(text in fault for fault in found(document).faults)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"param": "gamma", "type": "float", "default": 12.0}, "'gamma' has no effect on a model of node_class"),
        ({"param": "num-negs", "type": "int", "default": 4}, "'num-negs' has no effect on a model of node_class"),
        ({"param": "num-heads", "type": "int", "default": 4}, "'num-heads' has no effect on rgcn; it has on gat"),
        ({"param": "low-mem", "type": "bool", "default": False}, "'low-mem' has no effect: memory is low anyway"),
        (
            {"param": "lr", "type": "float", "default": 0.1, "defualt": 0.2},
            "'defualt' is not known and was ignored; did",
        ),
        ({"param": "lr", "type": "float", "options": [0.1], "range": [0, 1]}, "'range' of 'lr' has no effect beside"),
        ({"param": "lr", "type": "float"}, "'lr' has no effect, for it says no value"),
    ],
)
def test_what_changes_nothing_is_named(change: dict[str, Any], text: str) -> None:
    document = written()
    tier = document["models"][0]["fixed-param"]
    tier[:] = [entry for entry in tier if entry["param"] != change["param"]] + [change]
    assert any(text in one for one in found(document).idle)


def test_a_hyperparameter_that_stands_twice_for_one_model_is_named() -> None:
    document = written(name="auto")
    tiers = document["models"][0]
    again = {"param": "num-bases", "type": "int", "default": 2}
    tiers["fixed-param"] += [{**again, "models": ["rgcn"]}]
    assert any("'num-bases' stands in the file more than once" in one for one in found(document).idle)
    tiers["fixed-param"][-1:] = [{"param": "lr", "type": "float", "default": 0.1, "models": ["nobody"]}]
    assert not any("more than once" in one for one in found(document).idle)


def test_a_model_that_is_named_beside_a_choice_of_models_counts_for_nothing_and_must_be_there() -> None:
    document = written(name="auto")
    model = document["models"][0]
    model["model"] = "gat"
    (named,) = found(document).idle
    assert named.startswith("'model': 'gat' has no effect beside the parameter 'model', whose options are mlp, ")
    model["model"] = "gatt"
    (fault,) = found(document).faults
    assert "there is no model 'gatt'; did you mean 'gat'?" in fault
    model["model"], model["1-tier-param"][0]["options"] = "rgcn", []
    assert "'options' of 'model' are none" in found(document).faults[0]


def test_expressions_for_the_logs_of_custom_models_are_named() -> None:
    document = written()
    document["models"][0]["eval_metric"]["metric_definitions"] = [{"Name": "acc", "Regex": "acc=(.*)"}]
    (named,) = found(document).idle
    assert "'metric_definitions' has no effect" in named


def test_members_that_nobody_reads_are_named_at_every_level() -> None:
    document = written("link_prediction", "transe")
    model = document["models"][0]
    document["version"], model["optimizer"], model["eval_metric"]["topK"] = 1, "adam", 3
    model["eval_frequency"] = {"type": "evaluate_every_batch", "value": 5}
    assert found(document) == Findings(
        (),
        (
            "the file: 'version' is not known and was ignored",
            "the model: 'optimizer' is not known and was ignored",
            "eval_metric: 'topK' is not known and was ignored; did you mean 'topk'?",
            "'eval_frequency' has no effect: every epoch is evaluated",
        ),
    )


def test_what_a_family_says_it_does_not_use_is_one_of_its_hyperparameters() -> None:
    for one in families():
        assert one.unused <= declared(one.settings).keys(), one.name
