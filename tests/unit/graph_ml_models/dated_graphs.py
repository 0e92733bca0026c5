"""A graph of ratings with times, in which the past tells the future, and models of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from small_graphs import RATED, films_graph, train

from training_scripts.graph_ml.features import Encoders, FittedFeature, FittedType
from training_scripts.graph_ml.features.numerical import NumericalState
from training_scripts.graph_ml.graph import EdgeList, GraphData, History, Horizon, Labels, Split, Target
from training_scripts.graph_ml.graph.history import strands_of
from training_scripts.graph_ml.schemas import HistoryEntry, TaskType

DATES = np.array([0.4, 0.5, 0.6, 0.7, 0.8])


def rated(task: TaskType = "node_regression") -> GraphData:
    """30 people who rate films at times 0 to 1, and how often each did within .1 of each of five dates, or how much.

    Whoever rates often goes on to do so: the past tells the future.
    """
    graph = films_graph()
    rng = np.random.default_rng(4)
    eager = rng.random(30) ** 3
    sources = rng.choice(30, size=400, p=eager / eager.sum())
    ends = EdgeList(sources, rng.integers(0, 20, 400))
    times = np.linspace(0, 1, 400)
    stars = rng.integers(1, 6, (400, 1)).astype(np.float32)
    owner = "User" if task == "node_regression" else RATED
    target = Target(task, owner, "soon")
    kinds = ["User"] if owner == "User" else ["User", "Movie"]
    strands = [strand for kind in kinds for strand in strands_of(kind, {RATED: {"stars": 1}}, {RATED: "at"})]
    history = History(HistoryEntry(windows=[0.1, 0.3], day=1.0, strands=strands))
    graph = replace(
        graph,
        features={},
        edges={RATED: ends},
        edge_ids={RATED: [f"r{i}" for i in range(400)]},
        edge_features={RATED: {"stars": stars}},
        times={RATED: times},
        histories={target: history},
    )
    if owner == "User":
        counts = [np.bincount(sources[(times >= d) & (times < d + 0.1)], minlength=30) for d in DATES]
        items = np.arange(150)
        return replace(
            graph,
            labels={target: Labels("number", np.concatenate(counts).astype(np.float32))},
            splits={target: Split(items[:90], items[90:120], items[120:])},
            cuts={target: (0.7, 0.8)},
            horizons={
                target: Horizon("how many", 0.1, 1.0, DATES, np.tile(np.arange(30), 5), np.repeat(DATES, 30)),
            },
        )
    items = np.arange(400)
    return replace(
        graph,
        labels={target: Labels("number", (stars[:, 0] + eager[sources]).astype(np.float32))},
        splits={target: Split(items[:280], items[280:320], items[320:])},
        cuts={target: (float(times[280]), float(times[320]))},
    )


def trained(graph: GraphData, folder: Path, *arguments: str) -> Path:
    """A model of the graph, with the encoders that made its features."""
    state = NumericalState(norm="none", low=1, high=5, total=1)
    stars = FittedFeature(column="stars", name="stars", requested="numerical", state=state)
    encoders = Encoders(seed=0, types=[FittedType(edge_type=RATED, features=[stars])])
    (folder / "graph").mkdir(parents=True)
    encoders.save(folder / "graph" / "encoders.json")
    return train(graph, folder, "--num-epochs", "3", *arguments)


def live(graph: GraphData) -> dict[str, Any]:
    """All ratings, as a request brings them."""
    ends, stars, times = graph.edges[RATED], graph.edge_features[RATED]["stars"], graph.times[RATED]
    edges = [
        {
            "edgeType": [*RATED],
            "headNodeId": f"u{ends.source[i]}",
            "tailNodeId": f"m{ends.target[i]}",
            "properties": {"stars": [float(stars[i, 0])], "at": [float(times[i])]},
        }
        for i in np.random.default_rng(1).permutation(len(ends)).tolist()
    ]
    genres = [{"nodeId": node, "nodeType": "Movie", "properties": {}} for node in graph.node_ids["Movie"]]
    return {"nodes": genres, "edges": edges}
