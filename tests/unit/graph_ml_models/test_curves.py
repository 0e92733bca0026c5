"""A trial's event file says what its metrics say; read by the protocol's own classes, sums by another writer's."""

from __future__ import annotations

import struct
from collections import defaultdict
from pathlib import Path

import pytest
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.record_writer import masked_crc32c

from tests.contracts.model_contract import small_graph, train
from training_scripts.graph_ml.artifacts import ModelFolder
from training_scripts.graph_ml.schemas import TaskType
from training_scripts.graph_ml.training.curves import Curves


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Steps and values by tag; records are a length of eight bytes, its checksum, the event, its checksum."""
    found: dict[str, list[tuple[int, float]]] = defaultdict(list)
    (file,) = folder.glob("events.out.tfevents.*")
    data = file.read_bytes()
    while data:
        (length,) = struct.unpack("<Q", data[:8])
        event = Event.FromString(data[12 : 12 + length])
        sums = struct.unpack("<I", data[8:12]), struct.unpack("<I", data[12 + length : 16 + length])
        assert sums == ((masked_crc32c(data[:8]),), (masked_crc32c(data[12 : 12 + length]),))
        for value in event.summary.value:
            found[value.tag].append((event.step, value.simple_value))
        data = data[16 + length :]
    return found


@pytest.mark.parametrize(
    ("task", "family", "metric"),
    [("link_prediction", "lightgcn", "mrr"), ("link_prediction", "distmult", "mrr"), ("node_class", "mlp", "acc")],
)
def test_every_epoch_and_every_split_has_its_scalars(task: TaskType, family: str, metric: str, tmp_path: Path) -> None:
    model = train(small_graph(task), tmp_path, {"model": family, "num-epochs": "3"})
    metrics = ModelFolder(model).metrics
    found = scalars(tmp_path / "output" / "tensorboard")
    for tag, name in (("training/loss", "loss"), (f"validation/{metric}", metric)):
        wanted = [(entry["epoch"], pytest.approx(entry[name], rel=1e-5)) for entry in metrics.history]
        assert found[tag][: len(wanted)] == wanted
    assert f"training/{metric}" not in found, "what was held out is called so"
    last = (len(metrics.history), pytest.approx(metrics.splits["test"][metric], rel=1e-5))
    assert found[f"figures/test/{metric}"] == [last]


def test_figures_that_are_no_numbers_are_left_out_and_long_steps_are_kept(tmp_path: Path) -> None:
    curves = Curves(tmp_path)
    curves.add({"loss": float("nan"), "näher": 0.5}, 3_000_000_000)
    curves.add({"loss": -2.25}, 127)
    assert scalars(tmp_path) == {"näher": [(3_000_000_000, 0.5)], "loss": [(127, -2.25)]}


def test_a_figure_can_be_read_before_the_trial_ends(tmp_path: Path) -> None:
    curves = Curves(tmp_path)
    curves.add({"loss": 1.5}, 1)
    assert scalars(tmp_path) == {"loss": [(1, 1.5)]}
