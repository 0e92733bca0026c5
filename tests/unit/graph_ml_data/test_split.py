"""Sizes of parts, by hand, and what must never be parted."""

from __future__ import annotations

import numpy as np
import pytest

from training_scripts.graph_ml.container import JobError
from training_scripts.graph_ml.graph import Target
from training_scripts.graph_ml.processing.split import part_sizes, random_split

TARGET = Target("node_class", "User", "town")


@pytest.mark.parametrize(
    ("total", "rates", "sizes"),
    [
        (6, (0.8, 0.2, 0.0), (5, 1, 0)),  # 4.8 and 1.2: the larger remainder rounds up
        (25, (0.9, 0.1, 0.0), (23, 2, 0)),  # 22.5 and 2.5: a tie goes to the earlier part
        (10, (0.7, 0.2, 0.1), (7, 2, 1)),
        (4, (0.9, 0.1, 0.0), (3, 1, 0)),  # 3.6 and 0.4 would leave nothing to choose by
        (3, (0.9, 0.05, 0.05), (1, 1, 1)),
        (1, (0.9, 0.1, 0.0), (1, 0, 0)),
        (10, (1.0, 0.0, 0.0), (10, 0, 0)),
        (0, (0.9, 0.1, 0.0), (0, 0, 0)),
    ],
)
def test_sizes_of_parts(total: int, rates: tuple[float, float, float], sizes: tuple[int, int, int]) -> None:
    assert part_sizes(total, rates) == sizes


def test_parts_are_disjoint_sorted_and_complete() -> None:
    items = np.arange(100, 200)
    split = random_split(TARGET, items, (0.7, 0.2, 0.1), seed=1)
    parts = [split.train, split.valid, split.test]
    assert [len(part) for part in parts] == [70, 20, 10]
    assert sorted(np.concatenate(parts).tolist()) == items.tolist()
    assert all((np.diff(part) > 0).all() for part in parts)


def test_the_split_of_one_target_does_not_depend_on_another() -> None:
    items = np.arange(30)
    other = Target("node_class", "User", "age")
    mine = random_split(TARGET, items, (0.5, 0.5, 0.0), seed=1)
    assert mine.train.tolist() == random_split(TARGET, items, (0.5, 0.5, 0.0), seed=1).train.tolist()
    assert mine.train.tolist() != random_split(other, items, (0.5, 0.5, 0.0), seed=1).train.tolist()


@pytest.mark.parametrize("seed", range(20))
def test_groups_stay_together_and_no_part_is_forgotten(seed: int) -> None:
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, 12, 40)
    split = random_split(TARGET, np.arange(40), (0.6, 0.2, 0.2), seed=seed, groups=groups)
    parts = [split.train, split.valid, split.test]
    assert sum(len(part) for part in parts) == 40
    assert all(len(part) for part in parts)
    seen = [set(groups[part].tolist()) for part in parts]
    assert sum(len(names) for names in seen) == len(set.union(*seen))


def test_one_group_alone_is_trained_on() -> None:
    split = random_split(TARGET, np.arange(4), (0.5, 0.5, 0.0), seed=0, groups=np.zeros(4, dtype=np.int64))
    assert len(split.train) == 4


def test_nothing_to_split_is_refused() -> None:
    with pytest.raises(JobError, match=r"nothing to learn node_class of User\.town from"):
        random_split(TARGET, np.arange(0), (0.9, 0.1, 0.0), seed=0)
