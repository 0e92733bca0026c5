"""What the tuner is told to search."""

from __future__ import annotations

import json

import pytest

from training_scripts.graph_ml.models.families import families, family
from training_scripts.graph_ml.models.family import RankingFamily
from training_scripts.graph_ml.models.settings import Scale, batch_sizes, epochs, parse
from training_scripts.graph_ml.schemas import FAMILIES, TaskType
from training_scripts.graph_ml.tasks.templates import templates
from workflow.tuning.space import build_space


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
        "concat-node-embed": {"type": "bool", "default": False},
        "use-self-loop": {"type": "bool", "default": True},
        "low-mem": {"type": "bool", "default": True},
        "l2norm": {"type": "float", "default": 0},
    }
    tiers = [[entry["param"] for entry in model[tier]] for tier in ("1-tier-param", "2-tier-param", "3-tier-param")]
    assert tiers == [
        # the page fixes learned vectors beside features on; here they are searched, for they drown the features
        ["num-hidden", "num-epochs", "lr", "concat-node-embed"],
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
def test_batches_of_links_shrink_with_the_graph(items: int, sizes: tuple[int, int, int]) -> None:
    assert batch_sizes(items, links=True) == sizes


@pytest.mark.parametrize("items", [1, 20, 140, 3000, 4096])
def test_few_labels_are_one_batch(items: int) -> None:
    assert batch_sizes(items)[2] >= items


@pytest.mark.parametrize(
    ("items", "batch", "dropout", "of_inputs", "decay"),
    [
        (100, (100, 10**6), 0.5, 0.5, 0.005),
        (20_000, (256, 4096), 0.3, 0.0, 0.0),
        (100_000, (256, 4096), 0.3, None, 0.0),
    ],
)
def test_few_labels_are_one_batch_with_much_noise_and_many_are_several_with_little(
    items: int, batch: tuple[int, int], dropout: float, of_inputs: float | None, decay: float
) -> None:
    model = templates("node_class", "acc", items, "heterogeneous")["rgcn"].model
    usual = {entry.param: entry.default for entry in (*model.tier1, *model.tier2, *model.tier3, *model.fixed)}
    assert batch[0] <= float(str(usual["batch-size"])) <= batch[1]
    assert (usual["dropout"], usual.get("input-dropout"), usual["l2norm"]) == (dropout, of_inputs, decay)


def test_vertices_without_a_label_take_part_where_few_have_a_class() -> None:
    def asked(task: TaskType, items: int) -> object:
        model = templates(task, "acc" if task.endswith("class") else "rmse", items, "heterogeneous")["gat"].model
        entries = (*model.tier1, *model.tier2, *model.tier3, *model.fixed)
        return next((entry.default for entry in entries if entry.param == "consistency"), None)

    assert asked("node_class", 140) == 2.0
    assert asked("node_class", 200) is asked("node_regression", 140) is asked("edge_class", 140) is None


def test_a_gat_is_lean_where_few_vertices_are_labelled_in_a_graph_of_one_relation() -> None:
    def usual(items: int, relations: int) -> tuple[object, ...]:
        model = templates("node_class", "acc", items, "heterogeneous", relations)["gat"].model
        found = {entry.param: entry.default for entry in (*model.tier1, *model.tier2, *model.tier3, *model.fixed)}
        return tuple(found[name] for name in ("lean", "dropout", "input-dropout", "layer-norm"))

    assert usual(140, 1) == (True, 0.6, 0.6, False)
    assert usual(140, 2) == usual(200, 1) == (False, 0.5, 0.5, True)


@pytest.mark.parametrize("task", ["node_class", "edge_regression", "link_prediction"])
def test_learning_rates_are_lower_where_there_are_more_labels_and_never_out_of_their_range(task: TaskType) -> None:
    rates, ranges = [], []
    for items in (100, 5000, 100_000, 10**7):
        model = templates(task, "acc", items, "heterogeneous")["rgcn"].model
        space = build_space(model, budget=2)
        rates.append(float(space.arguments(space.defaults("rgcn"))["lr"]))
        (found,) = (entry.range for entry in model.tier1 if entry.param == "lr")
        ranges.append(found)
    # few labels are one batch, a step an epoch; from 100,000 on the middle of the published range: sqrt(.001 * .01)
    assert rates == pytest.approx([0.01, 0.01, 0.0031623, 0.0031623], rel=1e-4)
    assert ranges == [(0.001, 0.03), (0.001, 0.03), (0.001, 0.01), (0.001, 0.01)]


@pytest.mark.parametrize("items", [20, 500, 5000, 99_999, 100_000, 10**6])
def test_what_is_not_given_to_a_trial_is_what_a_search_begins_with(items: int) -> None:
    for one in families():
        for task in one.tasks:
            offered = templates(task, "acc", items, "heterogeneous", vertices=items // 8)
            space = build_space(offered[one.name].model, budget=2)
            begins = space.arguments(space.defaults(one.name))
            used = parse(one.settings, {}, Scale(task, items, vertices=items // 8))[0].as_text()
            for name in set(begins) & set(used) - {"model", "fanout"}:
                texts = begins[name], str(used[name]).lower()
                same = texts[0] == texts[1] or float(texts[0]) == pytest.approx(float(texts[1]))
                assert same, (one.name, task, name, texts)


def test_small_graphs_are_passed_over_more_often() -> None:
    assert epochs(20, links=True)[:2] == (20, 100)
    assert epochs(10**7, links=True) == (3, 30, 8)
    # 700,000 links in 17.5 passes over 40,000, and no jump where a graph passes any size
    assert epochs(40_000, links=True)[2] == 18
    assert [epochs(items, links=True)[2] for items in (20_000, 90_000, 99_999, 100_001)] == [35, 8, 8, 8]


def test_triples_are_passed_over_more_often_than_links_of_a_network() -> None:
    def usual(name: str) -> object:
        tier = templates("link_prediction", "mrr", 75_000, "heterogeneous")[name].model.tier1
        return next(entry.default for entry in tier if entry.param == "num-epochs")

    # 700,000 links in 9.3 passes over 75,000, a million triples in 13.3
    assert (usual("rgcn"), usual("distmult")) == (9, 13)


def test_a_cube_costs_half_where_each_vertex_stands_in_eight_times_the_triples() -> None:
    def price(name: str, items: int, vertices: int) -> object:
        offered = templates("link_prediction", "mrr", items, "kge", vertices=vertices)
        return next(entry.default for entry in offered[name].model.tier2 if entry.param == "regularization-coef")

    # an eighth, and for RotatE one, by the cube root of the triples a vertex, which are one at least
    assert [price("complex", 8_000, vertices) for vertices in (64_000, 8_000, 1_000)] == [0.12, 0.12, 0.062]
    assert [price("rotate", 8_000, vertices) for vertices in (8_000, 1_000)] == [1.0, 0.5]


def test_a_parameter_of_graph_networks_is_not_searched_for_the_pair_ranker() -> None:
    model = templates("link_prediction", "mrr", 1000, "heterogeneous")["auto"].model
    for entry in (*model.tier1[1:], *model.tier2, *model.tier3):
        assert entry.models, entry.param
        assert "pair-ranker" not in entry.models, entry.param


def test_the_default_comes_first() -> None:
    assert next(iter(templates("link_prediction", "mrr", 10, "heterogeneous"))) == "auto"
    assert next(iter(templates("link_prediction", "mrr", 10, "kge"))) == "transe"
    assert next(iter(templates("edge_regression", "mse", 10, "heterogeneous"))) == "auto"


def test_features_alone_are_tried_first_for_labels_and_the_pair_ranker_for_links() -> None:
    for task, items, first, single in (
        ("node_class", 1000, "mlp", "gprgnn"),
        # with few labels there is nothing to learn how far features spread from
        ("node_class", 100, "mlp", "appnp"),
        ("edge_class", 100, "mlp", "rgcn"),
        ("link_prediction", 100, "pair-ranker", "pair-ranker"),
    ):
        choice = templates(task, "acc", items, "heterogeneous")["auto"].model.tier1[0]  # type: ignore[arg-type]
        assert choice.param == "model"
        assert choice.options is not None
        assert choice.options[0] == first
        assert choice.default == single


@pytest.mark.parametrize("relations", [11, 55])
def test_of_a_knowledge_graph_an_embedding_is_tried_first_and_no_ranker_of_each_type(relations: int) -> None:
    made = templates("link_prediction", "mrr", 20_000, "heterogeneous", relations=relations, predicted=relations)
    choice = made["auto"].model.tier1[0]
    assert (choice.options or [])[:2] == ["complex", "rgcn"]
    assert choice.default == "complex"
    assert not any(isinstance(family(name), RankingFamily) for name in made if name != "auto")
    assert next(iter(templates("link_prediction", "mrr", 20_000, "kge", relations=55, predicted=55))) == "complex"


def test_many_relations_are_tried_by_what_tells_relations_apart_first() -> None:
    choice = templates("node_class", "acc", 100, "heterogeneous", relations=40)["auto"].model.tier1[0]
    assert choice.default == "rgcn"
    # of films that are linked with users and genres alone, and never with films, nothing passes from film to film
    choice = templates("node_class", "acc", 100, "heterogeneous", relations=2, among=False)["auto"].model.tier1[0]
    assert choice.default == "rgcn"


def test_every_family_of_the_table_has_a_template_for_each_of_its_tasks() -> None:
    written = {
        name: set(templates(name, "acc", 100, "heterogeneous")) - {"auto"}  # type: ignore[arg-type]
        for name in ("node_class", "link_prediction")
    }
    assert set().union(*written.values()) == set(FAMILIES)


def test_every_template_is_for_the_task_and_its_metric() -> None:
    for configuration in templates("link_prediction", "hits@10", 10, "kge").values():
        assert configuration.model.task_type == "link_prediction"
        assert configuration.model.eval_metric.metric == "hits@10"
