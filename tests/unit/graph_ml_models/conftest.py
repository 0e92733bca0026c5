"""Small graphs that models are trained on in these tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from training_scripts.graph_ml.data import EdgeList, EdgeType, GraphData, Split, Target

FRIEND = EdgeType("User", "FRIEND", "User")
RATED = EdgeType("User", "rated", "Movie")


def communities(seed: int = 0, groups: int = 3, size: int = 12) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Friendships within groups, some across; sources, targets and the group of each of groups · size people."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(groups), size)
    a, b = np.triu_indices(len(group), 1)
    linked = rng.random(len(a)) < np.where(group[a] == group[b], 0.5, 0.02)
    return a[linked].astype(np.int64), b[linked].astype(np.int64), group


def split_of(number: int, seed: int = 0) -> Split:
    order = np.random.default_rng(seed).permutation(number)
    valid, test = number // 10 + 1, number // 10 + 1
    return Split(np.sort(order[valid + test :]), np.sort(order[:valid]), np.sort(order[valid : valid + test]))


def friends_graph(seed: int = 0) -> GraphData:
    """36 people in three groups, one interest each that mostly follows the group."""
    source, target, group = communities(seed)
    interests = np.eye(3, dtype=np.float32)[group]
    return GraphData(
        node_ids={"User": [f"u{i:02}" for i in range(len(group))]},
        num_nodes={"User": len(group)},
        edges={FRIEND: EdgeList(source, target)},
        edge_ids={FRIEND: [f"f{i}" for i in range(len(source))]},
        features={"User": {"interests": interests}},
        splits={Target("link_prediction", FRIEND): split_of(len(source), seed)},
        seed=seed,
    )


def films_graph(seed: int = 0) -> GraphData:
    """30 people of two tastes, 20 films of two kinds, ratings that follow taste, friendships as context."""
    rng = np.random.default_rng(seed)
    taste, kind = np.arange(30) % 2, np.arange(20) % 2
    likes = rng.random((30, 20)) < np.where(taste[:, None] == kind[None, :], 0.5, 0.05)
    source, target = (part.astype(np.int64) for part in np.nonzero(likes))
    a, b = (part.astype(np.int64) for part in np.nonzero(np.triu(rng.random((30, 30)) < 0.1, 1)))
    return GraphData(
        node_ids={"Movie": [f"m{i}" for i in range(20)], "User": [f"u{i}" for i in range(30)]},
        num_nodes={"Movie": 20, "User": 30},
        edges={RATED: EdgeList(source, target), FRIEND: EdgeList(a, b)},
        features={"Movie": {"genre": np.eye(2, dtype=np.float32)[kind]}},
        splits={Target("link_prediction", RATED): split_of(len(source), seed)},
        seed=seed,
    )


@pytest.fixture
def friends(tmp_path: Path) -> Path:
    """A processed graph folder of friendships."""
    friends_graph().write(tmp_path / "friends")
    return tmp_path / "friends"


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """A processed graph folder of ratings."""
    films_graph().write(tmp_path / "films")
    return tmp_path / "films"
