"""Wishes for the search, written into model-hpo-configuration.json."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from training_scripts.graph_ml.schemas import ModelHpoConfiguration
from workflow.errors import InvalidParameter
from workflow.tuning.overrides import with_overrides
from workflow.tuning.space import build_space

DOCUMENT: dict[str, Any] = {
    "models": [
        {
            "model": "rgcn",
            "task_type": "node_class",
            "eval_metric": {"metric": "acc"},
            "note": "kept",
            "1-tier-param": [
                {"param": "model", "type": "str", "options": ["rgcn", "graphsage"]},
                {"param": "num-hidden", "type": "int", "range": [16, 128], "inc_strategy": "power2"},
                {"param": "lr", "type": "float", "range": [0.001, 0.01], "inc_strategy": "log", "default": 0.005},
            ],
            "2-tier-param": [
                {"param": "dropout", "type": "float", "range": [0.0, 0.5], "default": 0.3, "models": ["rgcn"]}
            ],
            "3-tier-param": [{"param": "fanout", "type": "int", "options": [[10, 30], [15, 30]], "default": [10, 15]}],
            "fixed-param": [{"param": "low-mem", "type": "bool", "default": False}],
        }
    ]
}


def space(budget: int = 4, **wishes: str) -> Any:
    changed = with_overrides(DOCUMENT, {name.replace("_", "-"): value for name, value in wishes.items()})
    return build_space(ModelHpoConfiguration.model_validate(changed).model, budget)


def searched(found: Any, name: str) -> Any:
    return next((one for one in found.dimensions if one.name.partition("@")[0] == name), None)


def test_a_range_is_searched_as_the_parameter_was() -> None:
    assert searched(space(num_hidden="64..256"), "num-hidden").options == (64, 128, 256)
    dimension = searched(space(lr="0.01..0.1"), "lr")
    assert (dimension.low, dimension.high, dimension.log) == (0.01, 0.1, True)
    assert dimension.default != 0.005


def test_a_range_that_begins_at_nothing_is_not_searched_by_orders_of_magnitude() -> None:
    dimension = searched(space(lr="0..0.1"), "lr")
    assert (dimension.low, dimension.high, dimension.log) == (0.0, 0.1, False)


def test_what_is_wished_for_is_searched_however_few_the_trials() -> None:
    assert searched(space(), "dropout") is None
    dimension = searched(space(dropout="0.1..0.2"), "dropout")
    assert (dimension.low, dimension.high, dimension.families) == (0.1, 0.2, frozenset({"rgcn"}))


def test_a_choice_is_a_choice_and_one_value_is_fixed() -> None:
    assert searched(space(num_hidden="32, 48"), "num-hidden").options == (32, 48)
    found = space(num_hidden="48", low_mem="True", model="graphsage", fanout="[5, 5]")
    assert searched(found, "num-hidden") is None
    assert found.families == ("graphsage",)
    arguments = found.arguments({})
    assert (arguments["num-hidden"], arguments["low-mem"], arguments["fanout"]) == ("48", "true", "[5, 5]")


def test_everything_else_in_the_document_stays_and_the_old_one_is_not_touched() -> None:
    before = copy.deepcopy(DOCUMENT)
    changed = with_overrides(DOCUMENT, {"num-hidden": "8"})
    assert before == DOCUMENT
    assert changed["models"][0]["note"] == "kept"
    for tier in ("2-tier-param", "3-tier-param"):
        assert changed["models"][0][tier] == DOCUMENT["models"][0][tier]


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("num-hiden", "64", "did you mean num-hidden?"),
        ("zzz", "64", "it has dropout, fanout, low-mem, lr, model, num-hidden"),
        ("num-hidden", "many", "'many' is not of type int"),
        ("num-hidden", "64..", "'' is not of type int"),
        ("num-hidden", "256..64", "the range ends before it begins"),
        ("model", "a..b", "a range is for numbers"),
        ("lr", "nan", "'nan' is not of type float"),
        ("lr", "0.1..inf", "'inf' is not of type float"),
        ("low-mem", "perhaps", "'perhaps' is not of type bool"),
        ("fanout", "[5", "it begins like a list and is none"),
        ("model", "", "a value is missing"),
    ],
)
def test_a_wish_that_means_nothing_is_refused_with_its_reason(name: str, value: str, why: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        with_overrides(DOCUMENT, {name: value})
    assert why in str(refused.value)
    assert f"{name}={value}" in str(refused.value)
