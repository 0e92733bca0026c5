"""What vertices and edges bring into a network: their features, standardised; a learned vector where they have none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_graphs import FRIEND, SCRIPTS, labelled_graph, train

from training_scripts.graph_ml.artifacts import ModelFolder
from training_scripts.graph_ml.container import Container
from training_scripts.graph_ml.models.families import family_of
from training_scripts.graph_ml.models.family import GraphFamily
from training_scripts.graph_ml.models.network.encoder import InputLayer
from training_scripts.graph_ml.models.network.network import Network
from training_scripts.graph_ml.models.network.sparse import SparseRows, is_sparse
from training_scripts.graph_ml.models.network.standard import ENOUGH
from training_scripts.graph_ml.models.settings import GraphSettings, parse
from training_scripts.graph_ml.pairs import NodeSpace
from training_scripts.graph_ml.schemas import TaskType
from training_scripts.graph_ml.tasks.templates import templates
from training_scripts.graph_ml.training.refresh import transform
from workflow.tuning.space import build_space


@pytest.mark.parametrize("asked", [False, True])
def test_vertices_with_features_have_a_learned_vector_where_that_is_asked_for_and_others_have_one(asked: bool) -> None:
    rgcn = family_of(GraphFamily, "rgcn")
    settings, _ = parse(rgcn.settings, {"num-hidden": "8", **({"concat-node-embed": "true"} if asked else {})})
    assert isinstance(settings, GraphSettings)
    features = {"User": {"age": np.ones((4, 1), dtype=np.float32)}}
    network = Network.fresh(NodeSpace({"Movie": 3, "User": 4}), features, [], rgcn, settings, "torch", None)
    assert network.embedded == (("Movie", "User") if asked else ("Movie",))


@pytest.mark.parametrize(("own", "embedded"), [(True, ()), (False, ("Movie", "User"))])
def test_features_alone_learn_no_vectors_of_the_ends_of_an_edge_that_has_features(
    own: bool, embedded: tuple[str, ...]
) -> None:
    mlp = family_of(GraphFamily, "mlp")
    settings, _ = parse(mlp.settings, {"num-hidden": "8"})
    assert isinstance(settings, GraphSettings)
    space = NodeSpace({"Movie": 3, "User": 4})
    network = Network.fresh(space, {}, [], mlp, settings, "torch", for_heads=True, own_features=own)
    assert network.embedded == embedded
    with torch.no_grad():
        inputs = network.inputs_of(np.array([5, 0, 2]))
    assert inputs.shape == (3, 8)
    assert bool(inputs.any()) is not own


@pytest.mark.parametrize("task", ["node_class", "node_regression", "edge_class", "edge_regression", "link_prediction"])
def test_learned_vectors_beside_features_are_searched_in_any_number_of_trials_and_never_fixed(task: TaskType) -> None:
    model = templates(task, "acc", 1000, "heterogeneous")["rgcn"].model
    (found,) = (entry for entry in model.tier1 if entry.param == "concat-node-embed")
    # whoever is to be judged by a property is told by features; who links, also by who it is
    assert found.default is (task == "link_prediction")
    space = build_space(model, budget=2)
    (searched,) = (dimension for dimension in space.dimensions if dimension.name == "concat-node-embed")
    assert set(searched.options) == {True, False}


@pytest.mark.parametrize("task", ["node_class", "edge_class"])
def test_inputs_are_standardised_by_what_training_items_have_and_the_model_keeps_that(
    task: TaskType, tmp_path: Path
) -> None:
    graph = labelled_graph(task)
    (target,) = graph.targets
    split = graph.splits[target]
    held = np.concatenate([split.valid, split.test])
    assert len(split.train) >= ENOUGH
    rng = np.random.default_rng(3)
    number = len(split.train) + len(held)
    values = (1000 + 50 * rng.normal(size=(number, 1))).astype(np.float32)
    values[held] = 1e6  # would be the mean, were it counted
    if task == "node_class":
        graph = replace(graph, features={"User": {"pay": values}})
    else:
        graph = replace(graph, edge_features={FRIEND: {"pay": values}})
    model = ModelFolder(train(graph, tmp_path, "--model", "mlp", "--num-epochs", "1", "--num-hidden", "8"))
    kept = model.tensors("head" if task == "edge_class" else "network.encoder")
    (mean,) = (tensor for name, tensor in kept.items() if name.endswith("mean") and "mean" in name)
    (scale,) = (tensor for name, tensor in kept.items() if name.endswith("scale"))
    assert mean.ravel() == pytest.approx(values[split.train].mean(axis=0), rel=1e-5)
    assert scale.ravel() == pytest.approx([values[split.train].std()], rel=1e-4)


def words(columns: int = 40) -> np.ndarray:
    """Six texts of two words each, and one without any, float32 (7, columns)."""
    rng = np.random.default_rng(5)
    found = np.zeros((7, columns), dtype=np.float32)
    for row in found[:6]:
        row[rng.choice(columns, 2, replace=False)] = (1, 2)
    return found


def test_rows_as_lists_have_the_products_and_gradients_of_rows() -> None:
    matrix = torch.randn(40, 3, generator=torch.Generator().manual_seed(1))
    dense, lists = matrix.clone().requires_grad_(True), matrix.clone().requires_grad_(True)
    expected, found = torch.from_numpy(words()) @ dense, SparseRows.of(words()).times(lists)
    assert torch.allclose(found, expected, atol=1e-6)
    assert found[6].tolist() == [0, 0, 0]
    expected.square().sum().backward()  # type: ignore[no-untyped-call]
    found.square().sum().backward()  # type: ignore[no-untyped-call]
    assert dense.grad is not None
    assert lists.grad is not None
    assert torch.allclose(lists.grad, dense.grad, atol=1e-5)


def test_wide_features_of_mostly_zeros_are_lists_and_others_are_not() -> None:
    # two of forty numbers are 5 %; of sixteen columns none are; five of forty are 12.5 %
    assert is_sparse(words())
    assert not is_sparse(words(16))
    filled = words()
    filled[:, :5] = 1
    assert not is_sparse(filled)


def test_whether_a_feature_is_of_words_is_told_by_what_training_may_know() -> None:
    settings, _ = parse(family_of(GraphFamily, "rgcn").settings, {"num-hidden": "8"})
    assert isinstance(settings, GraphSettings)
    values = words()
    values[4:] = 1  # of vertices that training does not know
    for rows, sparse in (({"User": np.arange(4)}, True), ({}, False)):
        layer = InputLayer({"User": {"words": 40}}, settings, [])
        layer.fit({"User": {"words": values}}, rows)
        assert layer.takes_lists("User", "words") is sparse


@pytest.mark.parametrize("names", [["words"], ["age", "words"]])
def test_a_layer_over_lists_is_that_over_rows_and_drops_words_alone(names: list[str]) -> None:
    torch.manual_seed(0)
    features = {"age": np.linspace(20, 80, 7, dtype=np.float32)[:, None], "words": words()}
    given = {name: features[name] for name in names}
    settings, _ = parse(family_of(GraphFamily, "rgcn").settings, {"num-hidden": "8", "input-dropout": "0.5"})
    assert isinstance(settings, GraphSettings)
    layer = InputLayer({"User": {name: values.shape[1] for name, values in given.items()}}, settings, [])
    layer.fit({"User": given}, {})
    assert layer.takes_lists("User", "words")
    rows = {name: torch.from_numpy(values) for name, values in given.items()}
    lists = {**rows, "words": SparseRows.of(words())}
    layer.eval()
    settled = layer("User", 7, rows, None)
    assert torch.allclose(layer("User", 7, lists, None), settled, atol=1e-5)
    layer.train()
    for asked in (rows, lists):
        several = torch.stack([layer("User", 7, asked, None) for _ in range(20)])
        # the text without words is what it always is; of the others some words are missing now and then
        assert torch.allclose(several[:, 6], settled[6].expand(20, 8), atol=1e-5)
        assert (several[:, :6].std(dim=0).amax(dim=1) > 1e-3).all()
        # a text keeps both of its words in a quarter of all draws, and those that stay count twice
        assert len(torch.unique((several[:, 0] * 1e3).round(), dim=0)) == 4


def test_a_network_over_all_vertices_reads_lists_and_over_some_reads_rows() -> None:
    gat = family_of(GraphFamily, "gat")
    settings, _ = parse(gat.settings, {"num-hidden": "8"})
    assert isinstance(settings, GraphSettings)
    network = Network.fresh(NodeSpace({"User": 7}), {"User": {"words": words()}}, [], gat, settings, "torch", None)
    network.encoder.eval()
    whole = network.inputs(None, None)
    some = network.inputs(np.array([4, 6]), None)
    assert torch.allclose(whole[[4, 6]], some, atol=1e-5)
    assert whole.std() > 0.01


def test_where_properties_are_learned_texts_have_length_one_and_their_weights_alone_are_penalised() -> None:
    rgcn = family_of(GraphFamily, "rgcn")
    settings, _ = parse(rgcn.settings, {"num-hidden": "8", "input-dropout": "0"})
    assert isinstance(settings, GraphSettings)
    twice = words()
    twice[1] = 2 * twice[0]  # the same words, each twice as often
    features = {"User": {"age": np.linspace(20, 80, 7, dtype=np.float32)[:, None], "words": twice}}
    learned = Network.fresh(NodeSpace({"User": 7}), features, [], rgcn, settings, "torch", None, for_heads=True)
    ranked = Network.fresh(NodeSpace({"User": 7}), features, [], rgcn, settings, "torch", None)
    for network, alike in ((learned, True), (ranked, False)):
        for nodes in (None, np.arange(7)):
            with_age = network.inputs(nodes, None)
            network.encoder.input.standards["0_0"].scale.fill_(1e9)  # ages no longer count
            texts = network.inputs(nodes, None)
            network.encoder.input.standards["0_0"].fit(features["User"]["age"])  # type: ignore[operator]
            assert not torch.allclose(with_age[0], with_age[1], atol=1e-4)
            assert torch.allclose(texts[0], texts[1], atol=1e-5) is alike
    assert ranked.encoder.input.of_words() == []
    (penalised,) = learned.encoder.input.of_words()
    assert penalised is learned.encoder.input.features["0_1"].weight


def test_a_model_of_texts_says_the_same_after_it_was_loaded(tmp_path: Path) -> None:
    graph = labelled_graph("node_class")
    number = graph.num_nodes["User"]
    rng = np.random.default_rng(2)
    texts = (rng.random((number, 50)) < 0.05).astype(np.float32) * rng.integers(1, 4, (number, 50))
    graph = replace(graph, features={"User": {"texts": texts.astype(np.float32)}})
    model = train(graph, tmp_path, "--model", "appnp", "--num-epochs", "3", "--num-hidden", "8")
    found = ModelFolder(model)
    stored = found.array("predictions")
    base = tmp_path / "again"
    graph.write(base / "processing" / "input")
    (base / "processing" / "model").symlink_to(model)
    transform(Container(base, {}), SCRIPTS)
    assert ModelFolder(base / "processing" / "output").array("predictions") == pytest.approx(stored, abs=1e-5)
