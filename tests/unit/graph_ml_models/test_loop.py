"""The one loop of epochs, driven by a learner whose figures are written down."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from small_graphs import labelled_graph

from tests.contracts.model_contract import small_graph, train
from training_scripts.graph_ml.container import Container, JobError
from training_scripts.graph_ml.models.settings import EpochSettings
from training_scripts.graph_ml.schemas import Metrics
from training_scripts.graph_ml.schemas.model import Split
from training_scripts.graph_ml.training.context import Trial
from training_scripts.graph_ml.training.curves import Curves
from training_scripts.graph_ml.training.loop import fit


class Written:
    """Epoch after epoch the next figure; its weight is the number of epochs it went through."""

    def __init__(self, figures: list[float], metric: str = "acc") -> None:
        self.figures, self.metric = figures, metric
        self.chosen_by: Split = "valid"
        self.rng = np.random.default_rng(0)
        self.trained = torch.zeros(1, dtype=torch.int64)

    @property
    def epochs(self) -> int:
        return int(self.trained)

    def batches(self) -> list[int]:
        return [1]

    def step(self, batch: int) -> float:
        self.trained += batch
        return 1.0

    def validated(self) -> float:
        return self.figures[self.epochs - 1]

    def weights(self) -> dict[str, torch.Tensor]:
        return {"trained": self.trained}

    def moments(self) -> dict[str, torch.Tensor]:
        return {}


class BreaksDown(Written):
    """Its loss is no number from the second epoch on, or from the first."""

    def __init__(self, last: int) -> None:
        super().__init__([0.5] * 4)
        self.last = last

    def step(self, batch: int) -> float:
        return super().step(batch) if self.epochs < self.last else float(super().step(batch) * math.nan)


def trained(tmp_path: Path, learner: Written, **settings: object) -> list[dict[str, float]]:
    graph = labelled_graph("node_class")
    container = Container(tmp_path)
    asked = EpochSettings(num_epochs=len(learner.figures), **settings)  # type: ignore[arg-type]
    trial = Trial(
        graph, graph.targets, asked, container, container.progress(), time.monotonic(), Curves(container.tensorboard)
    )
    return fit(trial, learner, len(learner.figures))


@pytest.mark.parametrize(
    ("figures", "metric", "best"),
    [
        ([0.1, 0.9, 0.3, 0.4], "acc", 2),
        ([5.0, 4.0, 1.0, 2.0], "mse", 3),  # errors are made small
        ([math.nan, 0.2, math.nan, 0.1], "acc", 2),
        ([0.5, 0.5, 0.4, 0.3], "acc", 2),  # of equals the one that was trained longer
    ],
)
def test_the_learner_is_left_as_it_was_after_its_best_epoch(
    tmp_path: Path, figures: list[float], metric: str, best: int
) -> None:
    learner = Written(figures, metric)
    trained(tmp_path, learner, enable_early_stop=False)
    assert learner.epochs == best


def test_training_ends_below_the_mean_of_the_last_few_but_not_in_the_first_half(tmp_path: Path) -> None:
    falling = [0.9 - 0.1 * i for i in range(8)]
    learner = Written(falling)
    history = trained(tmp_path, learner, window_for_early_stop=2)
    assert len(history) == 5  # four of eight epochs are granted
    assert learner.epochs == 1


def test_a_trial_that_misses_its_bar_leaves_a_reason_and_its_curve_and_no_model(tmp_path: Path) -> None:
    # an accuracy cannot be 2, so the bar is missed after the second of ten epochs, the first past a ninth
    asked = {"model": "mlp", "num-epochs": "10", "num-hidden": "8", "prune-below": "0.111:2.0"}
    model = train(small_graph("node_class"), tmp_path, asked)
    told = json.loads((tmp_path / "output" / "pruned.json").read_text())
    assert [entry["epoch"] for entry in told["history"]] == [1, 2]
    assert told["epochs"] == 10
    assert "after 2 of 10 epochs, where 2 was asked for" in told["reason"]
    assert not (model / "model.json").exists()


def test_a_loss_that_is_no_number_ends_training_with_the_weights_before_it(tmp_path: Path) -> None:
    learner = BreaksDown(last=2)
    history = trained(tmp_path, learner)
    assert [entry["epoch"] for entry in history] == [1, 2, 3]
    assert learner.epochs == 2


def test_training_that_breaks_down_at_once_says_what_to_change(tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r"the loss is nan, no number\. Lower 'lr'"):
        trained(tmp_path, BreaksDown(last=0))


def test_figures_that_are_no_numbers_are_left_out_of_what_is_kept() -> None:
    history = [{"epoch": 1, "loss": 0.5, "roc_auc": math.nan}, {"epoch": 2, "loss": 0.4, "roc_auc": 0.5}]
    metrics = Metrics(task="node_class", objective="validation_roc_auc", direction="maximize", history=history)
    assert Metrics.model_validate_json(metrics.to_json()).history == [{"epoch": 1, "loss": 0.5}, history[1]]
