"""Interrupted training goes on from its checkpoint and ends in the same bytes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import load_file

from tests.contracts.model_contract import SCRIPTS, digests, small_graph, train
from tests.waiting import until
from training_scripts.graph_ml.artifacts import ModelFolder
from training_scripts.graph_ml.schemas import TaskType
from training_scripts.graph_ml.training import checkpoints
from training_scripts.graph_ml.training.checkpoints import Checkpoints
from training_scripts.graph_ml.training.labels.trial import LabelLearner
from training_scripts.graph_ml.training.links.gnn import GnnLearner
from training_scripts.graph_ml.training.links.kge import KgeLearner
from training_scripts.graph_ml.training.links.ranker import ScorerLearner


class Interrupted(BaseException):
    """Nothing catches it, as nothing catches a signal."""


#: batches of eight, so that an epoch has several, and dropout, so that torch draws as well
ASKED = {"num-epochs": "6", "num-hidden": "16", "num-negs": "8", "batch-size": "8", "checkpoint-seconds": "0"}


@pytest.mark.parametrize(
    ("model", "task", "learner", "steps"),
    [
        ("rgcn", "node_class", LabelLearner, 5),
        ("gat", "edge_regression", LabelLearner, 5),
        ("graphsage", "link_prediction", GnnLearner, 1),
        ("graphsage", "link_prediction", GnnLearner, 9),
        ("rgcn", "link_prediction", GnnLearner, 5),
        ("lightgcn", "link_prediction", GnnLearner, 5),
        ("complex", "link_prediction", KgeLearner, 5),
        ("pair-ranker", "link_prediction", ScorerLearner, 7),
    ],
)
def test_what_goes_on_ends_in_the_same_bytes(
    model: str, task: TaskType, learner: type, steps: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {**ASKED, "model": model}
    if model in ("rgcn", "gat", "graphsage"):
        asked["dropout"] = "0.3"
    if (model, task) == ("rgcn", "link_prediction"):
        asked["decoder"] = "distmult"  # vectors of relations are trained as well
    whole = train(small_graph(task), tmp_path / "whole", asked)
    step, made = learner.step, []  # type: ignore[attr-defined]

    def interrupted(self: object, batch: object) -> float:
        if len(made) == steps:
            raise Interrupted
        made.append(batch)
        return float(step(self, batch))

    monkeypatch.setattr(learner, "step", interrupted)
    with pytest.raises(Interrupted):
        train(small_graph(task), tmp_path / "again", asked)
    redone: list[object] = []

    def counted(self: object, batch: object) -> float:
        redone.append(batch)
        return float(step(self, batch))

    monkeypatch.setattr(learner, "step", counted)
    again = train(small_graph(task), tmp_path / "again", asked)
    assert digests(again) == digests(whole)
    assert ModelFolder(again).metrics.history == ModelFolder(whole).metrics.history
    epochs = len(ModelFolder(whole).metrics.history)
    assert len(redone) < len(made) + len(redone) <= max(epochs, 1) * 40
    assert not (tmp_path / "again" / "checkpoints").exists()


def test_a_killed_process_goes_on(tmp_path: Path) -> None:
    asked = {**ASKED, "model": "rgcn", "num-epochs": "40", "enable-early-stop": "false"}
    whole = train(small_graph("node_class"), tmp_path / "whole", asked)
    small_graph("node_class").write(tmp_path / "graph")
    base = tmp_path / "killed"
    environ = {
        **os.environ,
        "SAGEMAKER_BASE_DIR": str(base),
        "SM_CHANNEL_TRAIN": str(tmp_path / "graph"),
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, str(SCRIPTS / "train.py"), *(p for k, v in asked.items() for p in (f"--{k}", v))]
    with (tmp_path / "log").open("w+") as log:
        first = subprocess.Popen(command, env=environ, stdout=log)
        begun = (base / "checkpoints" / "attempt-1.safetensors").exists
        until(lambda: begun() or first.poll() is not None, "the first checkpoint")
        first.send_signal(signal.SIGKILL)
        assert first.wait() == -signal.SIGKILL
        subprocess.run(command, env=environ, stdout=log, check=True)
        log.seek(0)
        assert "attempt-1 goes on after" in log.read()
    assert digests(base / "model") == digests(whole)


def test_a_checkpoint_of_other_hyperparameters_or_half_a_file_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "checkpoints" / "training.safetensors"
    mine = Checkpoints(path, {"lr": 0.1}, 0)
    mine.write({"weights": {"table": torch.ones(2)}}, {"epoch": 3})
    kept = mine.read()
    assert kept is not None
    assert kept.facts["epoch"] == 3
    assert kept.group("weights")["table"].tolist() == [1, 1]
    assert Checkpoints(path, {"lr": 0.2}, 0).read() is None
    path.write_bytes(path.read_bytes()[:-3])
    assert mine.read() is None


def test_what_is_written_array_by_array_is_what_safetensors_reads(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    arrays = {
        "vectors": rng.random((3, 5)).astype(np.float32),
        "across": np.asfortranarray(rng.random((2, 3))),
        "steps": np.array([7], dtype=np.int64),
        "rng": rng.integers(0, 255, 9).astype(np.uint8),
        "known": np.array([True, False, True]),
        "one": np.array(2.5, dtype=np.float32),
        "nothing": np.zeros((0, 4), dtype=np.float32),
    }
    path = checkpoints.written(tmp_path / "kept.safetensors", arrays, {"epoch": 3, "ähnlich": "ja"})
    found = load_file(path)
    assert set(found) == set(arrays)
    for name, array in arrays.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
        assert np.array_equal(found[name], array)
    path.rename(tmp_path / "kept")
    with safe_open(tmp_path / "kept", framework="np") as file:
        assert json.loads(file.metadata()["facts"]) == {"epoch": 3, "ähnlich": "ja"}
