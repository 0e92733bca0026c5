"""Sizes of parts, by hand, and what must never be parted."""

from __future__ import annotations

import numpy as np
import pytest

from training_scripts.graph_ml.container import JobError
from training_scripts.graph_ml.graph import EdgeList, EdgeType, Labels, Split, Target
from training_scripts.graph_ml.processing.split import (
    HeldOut,
    held_out,
    part_sizes,
    random_split,
    rare_items,
    same_pair_groups,
)

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
        (1, (0.2, 0.4, 0.4), (1, 0, 0)),
        (2, (0.1, 0.5, 0.4), (1, 1, 0)),
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


def parts_of(held: HeldOut) -> dict[str, list[int]]:
    return {name: getattr(held, name).tolist() for name in ("train", "choose", "valid", "test")}


@pytest.mark.parametrize("size", [1, 2, 3, 5, 9, 10, 19, 20, 21, 37, 200])
@pytest.mark.parametrize("rates", [(0.8, 0.1, 0.1), (0.9, 0.1, 0.0), (0.9, 0.0, 0.1), (1.0, 0.0, 0.0), (0.2, 0.4, 0.4)])
@pytest.mark.parametrize("copies", [1, 3])
def test_no_two_parts_share_an_item_or_a_group(size: int, rates: tuple[float, float, float], copies: int) -> None:
    groups = np.arange(size * copies) % size
    split = random_split(TARGET, np.arange(size * copies), rates, seed=size, groups=groups)
    held = held_out(split, groups, seed=size)
    parts = parts_of(held)
    assert sorted(item for items in parts.values() for item in items) == list(range(size * copies))  # nothing is lost
    seen = [{int(groups[item]) for item in items} for items in parts.values()]
    assert sum(len(names) for names in seen) == len(set.union(*seen)) == size
    assert parts["train"]
    assert all(items == sorted(items) for items in parts.values())
    # figures of training items are called so
    assert ("train" in held.judged) == (not parts["valid"])
    assert any("figures called 'training'" in note for note in held.notes) == (not parts["valid"])


def test_half_of_the_validation_items_choose_and_the_others_are_judged() -> None:
    split = Split(np.arange(0, 80), np.arange(80, 90), np.arange(90, 100))
    held = held_out(split, np.arange(100), seed=3)
    assert (len(held.train), len(held.choose), len(held.valid), len(held.test)) == (80, 5, 5, 10)
    assert sorted([*held.choose, *held.valid]) == list(range(80, 90))
    assert held.judged.keys() == {"valid", "test"}
    assert parts_of(held) == parts_of(held_out(split, np.arange(100), seed=3))


def test_a_tenth_of_training_stands_in_where_nothing_was_left_to_choose_by() -> None:
    none = np.empty(0, dtype=np.int64)
    held = held_out(Split(np.arange(40), none, np.arange(40, 50)), np.arange(50), seed=0)
    assert (len(held.train), len(held.choose), len(held.valid), len(held.test)) == (36, 2, 2, 10)
    assert "a tenth was taken out of training: 4 items" in held.notes[0]
    # one validation item cannot choose and be judged: it is judged
    held = held_out(Split(np.arange(40), np.array([40]), none), np.arange(41), seed=0)
    assert (len(held.train), len(held.choose), held.valid.tolist()) == (36, 4, [40])
    # two of nineteen would be more than a tenth
    held = held_out(Split(np.arange(19), none, none), np.arange(19), seed=0)
    assert (len(held.train), len(held.choose), len(held.valid)) == (19, 0, 0)
    assert held.judged["train"].tolist() == held.selection.tolist() == list(range(19))


def test_copies_of_held_out_items_leave_the_parts_before() -> None:
    # items 0, 4, 8 are copies of one another, and so are 1, 5, 9
    copies = np.array([0, 1, 2, 3, 0, 1, 6, 7, 0, 1])
    held = held_out(Split(np.array([0, 1, 2, 3]), np.array([4, 5, 6, 7]), np.array([8])), copies, seed=0)
    assert held.train.tolist() == [2, 3]  # 0 is in test, 1 in validation
    assert sorted([*held.choose, *held.valid]) == [5, 6, 7]
    assert held.notes[0] == "3 items are copies or opposites of held-out ones and take no part"


def test_edges_between_the_same_two_vertices_are_one_group_whichever_way_they_point() -> None:
    friend, rated = EdgeType("User", "friend", "User"), EdgeType("User", "rated", "Film")
    edges = EdgeList(np.array([0, 1, 0, 2]), np.array([1, 0, 1, 1]))
    groups = same_pair_groups(friend, edges, 3)
    assert groups[0] == groups[1] == groups[2] != groups[3]
    # user 0 with film 1 is not user 1 with film 0
    groups = same_pair_groups(rated, edges, 3)
    assert groups[0] == groups[2]
    assert len(set(groups.tolist())) == 3


@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("seed", range(10))
def test_every_part_has_its_share_of_a_rare_class(grouped: bool, seed: int) -> None:
    rare = np.zeros(300, dtype=bool)
    rare[[3, 50, 51, 120, 200, 299]] = True
    groups = np.arange(300) if grouped else None
    split = random_split(TARGET, np.arange(300), (0.5, 0.25, 0.25), seed, groups, rare=rare)
    # six by 3, 1.5 and 1.5, and 294 by 147, 73.5 and 73.5: the earlier of two equal remainders is rounded up
    assert [int(rare[part].sum()) for part in (split.train, split.valid, split.test)] == [3, 2, 1]
    assert [len(part) for part in (split.train, split.valid, split.test)] == [150, 76, 74]
    assert sorted(np.concatenate([split.train, split.valid, split.test]).tolist()) == list(range(300))


def test_both_halves_of_validation_have_their_share_of_a_rare_class() -> None:
    nothing = np.empty(0, dtype=np.int64)
    rare = np.zeros(120, dtype=bool)
    rare[100:105] = True
    found = held_out(Split(np.arange(60), np.arange(60, 120), nothing), np.arange(120), seed=3, rare=rare)
    assert (len(found.choose), len(found.valid)) == (30, 30)
    assert (int(rare[found.choose].sum()), int(rare[found.valid].sum())) == (2, 3)


def test_a_class_of_fewer_than_one_in_twenty_is_rare_unless_most_are() -> None:
    def rare(*counts: int) -> list[int] | None:
        values = np.repeat(np.arange(len(counts)), counts)
        found = rare_items(Labels("class", np.append(values, -1), tuple("abcdefgh"[: len(counts)])))
        return None if found is None else np.unique(np.append(values, -1)[found]).tolist()

    assert rare(96, 4) == [1]
    assert rare(95, 5) is None
    assert rare(90, 4, 4, 2) == [1, 2, 3]
    assert rare(100) is None
