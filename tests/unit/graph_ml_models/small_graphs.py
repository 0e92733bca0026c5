"""Small graphs that models are trained on in these tests, and how they are trained."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from training_scripts.graph_ml.container import Container
from training_scripts.graph_ml.graph import EdgeList, EdgeType, GraphData, Labels, Split, Target
from training_scripts.graph_ml.schemas import TaskType
from training_scripts.graph_ml.training.run import run

SCRIPTS = Path(__file__).parents[3] / "training_scripts"

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


def labelled_graph(task: TaskType, seed: int = 0, several: bool = False) -> GraphData:
    """The friends with something to learn: their group, or with ``several`` hobbies; a height; which ties reach far."""
    source, target, group = communities(seed)
    rng = np.random.default_rng(seed)
    height = (group * 10 + rng.normal(0, 1, len(group))).astype(np.float32)
    height[:3] = np.nan
    across = (group[source] != group[target]).astype(np.int64)
    labels: dict[TaskType, tuple[str | EdgeType, Labels]] = {
        "node_class": ("User", Labels("class", group.astype(np.int64), ("red", "green", "blue"))),
        "node_regression": ("User", Labels("number", height)),
        "edge_class": (FRIEND, Labels("class", across, ("near", "far"))),
        "edge_regression": (FRIEND, Labels("number", (group[source] + group[target]).astype(np.float32))),
    }
    kind, found = labels[task]
    if several:
        hobbies = np.stack([group == 0, group != 2], axis=1).astype(np.float32)
        hobbies[5] = -1
        kind, found = "User", Labels("classes", hobbies, ("chess", "go"))
    number = len(group) if kind == "User" else len(source)
    what = Target(task, kind, "label")
    features = {"User": {"noise": rng.normal(size=(len(group), 4)).astype(np.float32)}}
    return replace(
        friends_graph(seed),
        features=features,
        edge_features={FRIEND: {"weight": rng.random((len(source), 1)).astype(np.float32)}},
        labels={what: found},
        splits={what: split_of(number, seed)},
    )


def train(graph: GraphData, base: Path, *arguments: str) -> Path:
    """Run one trial in this process; the model folder."""
    graph.write(base / "graph")
    container = Container(base, {"SM_CHANNEL_TRAIN": str(base / "graph"), "OMP_NUM_THREADS": "1"})
    run(container, [*arguments], SCRIPTS)
    return container.model
