"""The space of a configuration, by the page and by our reading of its gaps."""

from __future__ import annotations

from typing import Any

import pytest

from training_scripts.graph_ml.schemas import HpoModel
from workflow.tuning.space import BadSearchSpace, Dimension, Space, build_space, tuned_tiers

# the only complete set the page publishes: rgcn, node classification
SAMPLE = {
    "model": "rgcn",
    "task_type": "node_class",
    "eval_metric": {"metric": "acc"},
    "eval_frequency": {"type": "evaluate_every_epoch", "value": 1},
    "1-tier-param": [
        {"param": "num-hidden", "range": [16, 128], "type": "int", "inc_strategy": "power2"},
        {"param": "num-epochs", "range": [3, 30], "inc_strategy": "linear", "inc_val": 1, "type": "int",
         "node_strategy": "perM"},
        {"param": "lr", "range": [0.001, 0.01], "type": "float", "inc_strategy": "log"},
    ],
    "2-tier-param": [
        {"param": "dropout", "range": [0.0, 0.5], "inc_strategy": "linear", "type": "float", "default": 0.3},
        {"param": "layer-norm", "type": "bool", "default": True},
    ],
    "3-tier-param": [
        {"param": "batch-size", "range": [128, 4096], "inc_strategy": "power2", "type": "int", "default": 1024},
        {"param": "fanout", "type": "int", "options": [[10, 30], [15, 30], [15, 30]], "default": [10, 15, 15]},
        {"param": "num-layer", "range": [1, 3], "inc_strategy": "linear", "inc_val": 1, "type": "int", "default": 2},
        {"param": "num-bases", "range": [0, 8], "inc_strategy": "linear", "inc_val": 2, "type": "int", "default": 0},
    ],
    "fixed-param": [
        {"param": "concat-node-embed", "type": "bool", "default": True},
        {"param": "l2norm", "type": "float", "default": 0},
    ],
}  # fmt: skip


def sample_space(budget: int, **options: Any) -> Space:
    return build_space(HpoModel.model_validate(SAMPLE), budget, **options)


def dimension(space: Space, name: str) -> Dimension:
    return next(d for d in space.dimensions if d.name == name)


@pytest.mark.parametrize(("budget", "tiers"), [(1, 1), (2, 1), (10, 1), (11, 2), (50, 2), (51, 3), (500, 3)])
def test_the_budget_decides_the_tiers(budget: int, tiers: int) -> None:
    assert tuned_tiers(budget) == tiers


def test_a_small_budget_searches_tier_one_and_keeps_the_other_defaults() -> None:
    space = sample_space(10)
    assert [d.name for d in space.dimensions] == ["num-hidden", "num-epochs", "lr"]
    assert space.fixed["dropout"] == 0.3
    assert space.fixed["fanout"] == [10, 15, 15]
    assert space.fixed["concat-node-embed"] is True


def test_strategies_give_the_values_the_page_means() -> None:
    space = sample_space(60)
    assert dimension(space, "num-hidden").options == (16, 32, 64, 128)
    assert dimension(space, "num-epochs").options == tuple(range(3, 31))
    assert dimension(space, "num-bases").options == (0, 2, 4, 6, 8)
    assert dimension(space, "batch-size").options == (128, 256, 512, 1024, 2048, 4096)
    lr = dimension(space, "lr")
    assert (lr.low, lr.high, lr.log, lr.options) == (0.001, 0.01, True, ())
    assert dimension(space, "layer-norm").options == (True, False)


def test_fixed_parameters_are_never_searched() -> None:
    assert "l2norm" not in [d.name for d in sample_space(500).dimensions]


def test_fanout_is_chosen_for_each_layer_and_cut_to_the_depth() -> None:
    space = sample_space(60)
    assert [d.name for d in space.dimensions if d.name.startswith("fanout")] == ["fanout[0]", "fanout[1]", "fanout[2]"]
    arguments = space.arguments({"fanout[0]": 10, "fanout[1]": 30, "fanout[2]": 15, "num-layer": 2})
    assert arguments["fanout"] == "[10, 30]"


def test_arguments_are_text() -> None:
    arguments = sample_space(2).arguments({"num-hidden": 64, "lr": 0.005})
    assert arguments["num-hidden"] == "64"
    assert arguments["lr"] == "0.005"
    assert arguments["concat-node-embed"] == "true"
    assert arguments["model"] == "rgcn"


def test_a_large_graph_shrinks_ranges_with_a_node_strategy() -> None:
    # 5 million nodes at perM: 30 / 5 = 6 epochs at most; below a million nothing changes
    assert dimension(sample_space(2, nodes=5_000_000), "num-epochs").options == (3, 4, 5, 6)
    assert dimension(sample_space(2, nodes=900_000), "num-epochs").options[-1] == 30


FAMILIES = {"param": "model", "type": "str", "options": ["rgcn", "graphsage", "pair-ranker"]}
HIDDEN = {**SAMPLE["1-tier-param"][0], "models": ["rgcn", "graphsage"]}  # type: ignore[index]
PAIR_HIDDEN = {**HIDDEN, "range": [8, 32], "models": ["pair-ranker"]}


def compared(**extra: Any) -> HpoModel:
    return HpoModel.model_validate({**SAMPLE, "1-tier-param": [FAMILIES, HIDDEN, PAIR_HIDDEN], **extra})


def test_a_choice_of_families_makes_the_family_the_first_dimension() -> None:
    space = build_space(compared(), 4)
    assert space.families == ("rgcn", "graphsage", "pair-ranker")
    assert space.dimensions[0].name == "model"
    assert "model" not in space.fixed


def test_a_family_has_only_its_own_parameters_in_its_own_range() -> None:
    space = build_space(compared(), 4)
    assert space.defaults("pair-ranker") == {"model": "pair-ranker", "num-hidden@pair-ranker": 16}
    assert space.defaults("rgcn") == {"model": "rgcn", "num-hidden@graphsage+rgcn": 64}
    assert space.arguments(space.defaults("pair-ranker"))["num-hidden"] == "16"


def test_what_is_fixed_for_one_family_is_not_given_to_another() -> None:
    fixed = [{"param": "l2norm", "type": "float", "default": 0.5, "models": ["rgcn"]}]
    space = build_space(compared(**{"fixed-param": fixed}), 4)
    assert space.arguments(space.defaults("rgcn"))["l2norm"] == "0.5"
    assert "l2norm" not in space.arguments(space.defaults("pair-ranker"))


def test_the_requests_model_name_picks_from_the_choice() -> None:
    assert build_space(compared(), 4, family="graphsage").fixed["model"] == "graphsage"
    assert build_space(compared(), 4, family="auto").families == ("rgcn", "graphsage", "pair-ranker")


def test_the_file_wins_over_the_requests_model_name_where_it_offers_no_choice() -> None:
    assert sample_space(2, family="transe").fixed["model"] == "rgcn"


@pytest.mark.parametrize(
    "parameter",
    [
        {"param": "lr", "type": "float"},
        {"param": "lr", "type": "float", "range": [0, 1], "inc_strategy": "log"},
        {"param": "lr", "type": "float", "range": [0, 1], "inc_strategy": "linear", "inc_val": 1e-9},
        {"param": "lr", "type": "int", "options": ["many"]},
        {"param": "lr", "type": "float", "options": ["NaN"]},
        {"param": "lr", "type": "float", "default": "inf"},
    ],
)
def test_a_parameter_that_cannot_be_searched_is_named(parameter: dict[str, Any]) -> None:
    with pytest.raises(BadSearchSpace, match="'lr'"):
        build_space(HpoModel.model_validate({**SAMPLE, "1-tier-param": [parameter]}), 2)


def test_a_range_of_one_value_is_fixed() -> None:
    tier = [{"param": "lr", "type": "float", "range": [0.01, 0.01], "inc_strategy": "log"}]
    space = build_space(HpoModel.model_validate({**SAMPLE, "1-tier-param": tier}), 2)
    assert space.dimensions == ()
    assert space.fixed["lr"] == 0.01
