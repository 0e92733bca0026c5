"""What a training without epochs has made before it was killed is not made again, and comes out the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from small_graphs import friends_graph

from training_scripts.graph_ml.links import LinkProblem
from training_scripts.graph_ml.pairs import PairSettings, ials
from training_scripts.graph_ml.training.checkpoints import Pieces
from training_scripts.graph_ml.training.links.pairs import (
    ListsMade,
    RankerSettings,
    Watch,
    build_features,
    fitted,
    training_lists,
)


class Killed(BaseException):
    """Nothing catches it, as nothing catches a signal."""


def pieces(folder: Path, every_s: float = 0.0, of: str = "graph") -> Pieces:
    return Pieces(folder, "ranker", {"of": of}, every_s)


def test_parts_are_written_together_and_in_order_once_it_is_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [100.0]
    monkeypatch.setattr("training_scripts.graph_ml.training.checkpoints.time.monotonic", lambda: clock[0])
    kept = pieces(tmp_path, every_s=30)
    kept.keep("first", {"x": np.arange(3)}, {"done": 1})
    kept.keep("second", {"x": np.arange(2)})
    kept.keep("first", {"x": np.arange(4)}, {"done": 2})
    assert not list(tmp_path.iterdir())
    clock[0] += 30
    kept.keep("third", {"x": np.array([True, False])})
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"ranker-{name}.safetensors" for name in ("first", "second", "third")
    ]
    found = pieces(tmp_path).read("first")
    assert found is not None
    assert found.tensors["x"].tolist() == [0, 1, 2, 3]
    assert found.facts["done"] == 2
    # of another graph, or never made
    assert pieces(tmp_path, of="other").read("first") is None
    assert pieces(tmp_path).read("fourth") is None
    kept.forget("first")
    assert pieces(tmp_path).read("first") is None


@pytest.mark.parametrize("near", [0, 12])
@pytest.mark.parametrize("reached", [1, 5, 9])
def test_lists_go_on_where_they_were(near: int, reached: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = friends_graph()
    problem = LinkProblem.from_graph(data, data.targets[0])
    held, rest = problem.train[:15], problem.train[15:]
    settings = RankerSettings(hard=10, uniform=8, pairs=PairSettings(near=near))
    features = build_features(problem, rest, {}, settings.pairs, 0)
    # parts of four sources
    monkeypatch.setattr(type(features), "num_nodes", 2**28 // 4 // (len(features.names) + 12) // 4)

    def lists(watch: Watch) -> dict[str, np.ndarray]:
        return vars(training_lists(problem, features, held, rest, settings, 0, watch))

    whole = lists(Watch())
    told = ListsMade.tell

    def killed(self: ListsMade, more: int) -> None:
        told(self, more)
        if self.done >= reached:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(ListsMade, "tell", killed)
        with pytest.raises(Killed):
            lists(Watch(pieces(tmp_path), "lists"))
    seen: list[tuple[int, int]] = []
    again = lists(Watch(pieces(tmp_path), "lists", lambda phase, step, total: seen.append((step, total))))
    assert {name: array.tolist() for name, array in again.items()} == {
        name: array.tolist() for name, array in whole.items()
    }
    # none of what had come is made again
    number = len(whole["negatives"])
    assert seen[0][0] > reached
    assert seen[-1] == (number, number)


def test_factors_are_fitted_on_after_the_sweep_that_was_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = friends_graph()
    problem = LinkProblem.from_graph(data, data.targets[0])
    (_, graph), *_ = problem.views(problem.train)
    settings = PairSettings(ials_size=4, ials_sweeps=5)
    whole = fitted(graph, settings, np.random.default_rng(0), Watch(), "target")
    half, halves = ials.half_sweep, [0]

    def killed(*arguments: object) -> np.ndarray:
        halves[0] += 1
        if halves[0] == 8:  # in the fourth sweep
            raise Killed
        return half(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(ials, "half_sweep", killed)
    with pytest.raises(Killed):
        fitted(graph, settings, np.random.default_rng(0), Watch(pieces(tmp_path)), "target")
    again = fitted(graph, settings, np.random.default_rng(0), Watch(pieces(tmp_path)), "target")
    assert halves[0] == 8 + 2 * 2
    assert again.left.tobytes() == whole.left.tobytes()
    assert again.right.tobytes() == whole.right.tobytes()
