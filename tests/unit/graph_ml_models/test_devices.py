"""The device setting: what it may say, what it means here, and that a machine without it says so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.contracts.model_contract import QUICK, small_graph, train, transformed
from tests.contracts.toys.pretend_device import PRETEND, PretendDevice
from training_scripts.graph_ml import container, devices
from training_scripts.graph_ml.artifacts import ModelFolder
from training_scripts.graph_ml.container import JobError
from training_scripts.graph_ml.devices import NoSuchDevice, device_of, home_of_table, tensor_on
from training_scripts.graph_ml.message_passing import Neighbours, edge_softmax, sum_neighbours, weighted_sum
from training_scripts.graph_ml.predict import load_predictor
from training_scripts.graph_ml.training.optimisers import RowAdagrad, RowAdam


def machine(monkeypatch: pytest.MonkeyPatch, *found: str) -> None:
    """A machine where torch finds these devices."""
    monkeypatch.setattr(devices, "present", lambda: found)


@pytest.mark.parametrize(
    ("found", "wanted", "environ", "device"),
    [
        (("cpu",), "auto", {}, "cpu"),
        (("cpu", "cuda:0", "cuda:1"), "auto", {}, "cuda:0"),
        (("cpu", "cuda:0", "cuda:1"), "cuda", {}, "cuda:0"),
        (("cpu", "cuda:0", "cuda:1"), "cuda:1", {}, "cuda:1"),
        (("cpu", "cuda:0", "cuda:1"), "cpu", {}, "cpu"),
        (("cpu", "mps"), "auto", {}, "mps:0"),
        (("cpu", "cuda:0"), "auto", {"DESPINA_DEVICE": "cpu"}, "cpu"),
        (("cpu", "cuda:0"), " CUDA:0 ", {"DESPINA_DEVICE": "cpu"}, "cuda:0"),
        # processes of torchrun share the GPUs of a machine: the fourth of two is the second again
        (("cpu", "cuda:0", "cuda:1"), "auto", {"LOCAL_RANK": "1"}, "cuda:1"),
        (("cpu", "cuda:0", "cuda:1"), "cuda", {"LOCAL_RANK": "3"}, "cuda:1"),
    ],
)
def test_a_setting_means_one_device_of_the_machine(
    monkeypatch: pytest.MonkeyPatch, found: tuple[str, ...], wanted: str, environ: dict[str, str], device: str
) -> None:
    machine(monkeypatch, *found)
    assert str(device_of(wanted, environ)) == device


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ("cuda", "'cuda' was asked for, and torch finds cpu here"),
        ("cuda:3", "'cuda:3' was asked for"),
        ("mps", "'mps' was asked for"),
        ("gpu", "'gpu' is unknown; it is auto, cpu, cuda"),
        ("cuda:first", "'cuda:first' is unknown"),
    ],
)
def test_a_device_that_is_not_there_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, wanted: str, says: str) -> None:
    machine(monkeypatch, "cpu")
    with pytest.raises(NoSuchDevice, match=says):
        device_of(wanted)


def test_training_on_an_absent_device_fails_with_that_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, "cpu")
    with pytest.raises(JobError, match="'cuda:1' was asked for"):
        train(small_graph("node_class"), tmp_path, {"model": "gat", "device": "cuda:1", **QUICK})


def test_transform_and_endpoint_take_the_device_and_refuse_an_absent_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = small_graph("node_class")
    folder = train(graph, tmp_path / "trained", {"model": "graphsage", **QUICK})
    monkeypatch.setattr("training_scripts.graph_ml.training.refresh.device_of", lambda wanted, environ: PRETEND)
    with PretendDevice() as device:
        there = transformed(folder, graph, tmp_path / "there")
    assert device.placed > 10
    monkeypatch.undo()
    here = transformed(folder, graph, tmp_path / "here")
    vectors = ModelFolder(here).array("embeddings")
    np.testing.assert_allclose(ModelFolder(there).array("embeddings"), vectors, atol=1e-5)
    machine(monkeypatch, "cpu")
    with pytest.raises(NoSuchDevice, match="'cuda' was asked for"):
        load_predictor(folder, "cuda")


def test_what_is_decided_for_a_job_reaches_it_through_the_container(tmp_path: Path) -> None:
    told = container.Container(tmp_path, {"DESPINA_DEVICE": "cuda:1"})
    assert told.device == "cuda:1"
    assert container.Container(tmp_path, {}).device == "auto"


def test_messages_added_one_by_one_are_those_of_the_sparse_matrix() -> None:
    # rows 0 and 1 hear (1, 2) and (0, 0, 2); on the pretended device there are no sparse matrices
    heard = Neighbours(torch.tensor([0, 2, 5]), torch.tensor([1, 2, 0, 0, 2]), 3)
    x, scores = torch.randn(3, 4), torch.randn(5, 2)
    here = [
        sum_neighbours(heard, x),
        edge_softmax(heard, scores),
        weighted_sum(heard, x.view(3, 2, 2), scores),
    ]
    with PretendDevice():
        moved, far = heard.on(PRETEND), tensor_on(x.numpy(), PRETEND)
        far_scores = scores.to(PRETEND)
        there = [
            sum_neighbours(moved, far).cpu(),
            edge_softmax(moved, far_scores).cpu(),
            weighted_sum(moved, far.view(3, 2, 2), far_scores).cpu(),
        ]
    for ours, theirs in zip(here, there, strict=True):
        torch.testing.assert_close(theirs, ours)


@pytest.mark.parametrize("optimiser", [RowAdagrad, RowAdam])
def test_a_table_on_the_host_is_trained_by_gradients_from_the_device(optimiser: type[RowAdagrad | RowAdam]) -> None:
    rows, gradient = torch.tensor([2, 0]), torch.ones(2, 3)
    here, there = torch.zeros(4, 3), torch.zeros(4, 3)
    optimiser(here, 0.1).step(rows, gradient)
    with PretendDevice():
        optimiser(there, 0.1).step(rows.to(PRETEND), gradient.to(PRETEND))
    assert torch.equal(here, there)
    assert here[[0, 2]].abs().min() > 0.05
    assert not here[[1, 3]].any()


def test_a_table_stays_on_the_host_where_the_gpu_has_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    # of 2,400 bytes half may be taken: 100 numbers and two moments of each are 1,200
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (2400, 10_000))
    gpu = torch.device("cuda", 0)
    assert home_of_table(100, gpu) == gpu
    assert home_of_table(101, gpu) == torch.device("cpu")
    assert home_of_table(10**9, PRETEND) == PRETEND


@pytest.mark.parametrize("name", ["rgcn", "gat"])
def test_mixed_precision_learns_about_the_same(name: str, tmp_path: Path) -> None:
    graph = small_graph("node_class")
    exact = train(graph, tmp_path / "exact", {"model": name, "num-epochs": "1", "num-hidden": "16", "dropout": "0"})
    mixed = train(
        graph,
        tmp_path / "mixed",
        {"model": name, "num-epochs": "1", "num-hidden": "16", "dropout": "0", "mixed-precision": "true"},
    )
    ours, theirs = ModelFolder(exact).metrics.history[0]["loss"], ModelFolder(mixed).metrics.history[0]["loss"]
    # bfloat16 has 8 bits: near, and not the same
    assert theirs == pytest.approx(ours, rel=0.05)
    assert theirs != ours
