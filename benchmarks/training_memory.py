"""How much memory of its own training takes in a graph that is larger than what it may have.

    python benchmarks/training_memory.py WORKDIR [--vertices 1000000] [--edges 10000000] [--limit MB] [--links]

Writes a processed graph, people with three features and a class who know each other, split at random, and trains in a
process of its own: the class, or with ``--links`` the links, for a few steps (``--NAME VALUE`` are hyperparameters).
With ``--transform`` the model is carried over to the same graph. Prints seconds of the processor and of the clock, and
memory at the peak, of all and of what is mapped from no file, phase by phase, beside what the arrays of the edges take.
With ``--limit`` a process that has more of its own is ended, and the exit status is 1.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from processing import MB, SCRIPTS, Cost, measured

from training_scripts.graph_ml.graph import EdgeList, EdgeType, GraphData, Labels, Split, Target

#: a short training: what is learned does not matter here
SHORT = {"num-epochs": "1", "max-seconds": "20"}
KNOWS = EdgeType("Person", "knows", "Person")
CLASS, LINKS = Target("node_class", "Person", "group"), Target("link_prediction", KNOWS)


def write_graph(folder: Path, vertices: int, edges: int) -> None:
    """Few people are known by many; a class depends on one of the features, and both targets are split 80/10/10."""
    rng = np.random.default_rng(3)
    source, target = rng.integers(0, vertices, edges), (vertices * rng.random(edges) ** 2).astype(np.int64)
    words = (rng.random((vertices, 40)) < 0.05).astype(np.float32)
    age = rng.standard_normal((vertices, 1)).astype(np.float32)
    city = np.zeros((vertices, 50), dtype=np.float32)
    city[np.arange(vertices), rng.integers(0, 50, vertices)] = 1.0
    classes = (age[:, 0] > 0).astype(np.int64) + (rng.random(vertices) < 0.3)
    splits = {}
    for one, count in ((CLASS, vertices), (LINKS, edges)):
        part, tenth = rng.permutation(count), count // 10
        parts = part[2 * tenth :], part[:tenth], part[tenth : 2 * tenth]
        splits[one] = Split(*(np.sort(part) for part in parts))
    GraphData(
        node_ids={"Person": [str(number) for number in range(vertices)]},
        num_nodes={"Person": vertices},
        edges={KNOWS: EdgeList(source, target)},
        features={"Person": {"age": age, "city": city, "words": words}},
        labels={CLASS: Labels("class", classes, ("a", "b", "c"))},
        splits=splits,
        encodings={("Person", name): kind for name, kind in (("age", "numerical"), ("city", "category"))},
    ).write(folder)


def watched(command: Sequence[str], base: Path, most: int | None) -> Cost:
    """Run a command to its end, and print each phase with the memory of its own that it had at most.

    Raises:
        SystemExit: it failed, or had more memory of its own than it may have.
    """
    shown, phase, in_phase = base / "output" / "progress.json", "", 0

    def seen(now: int) -> None:
        nonlocal phase, in_phase
        told = re.search(r'"phase": *"([^"]*)"', shown.read_text()) if shown.exists() else None
        if told is not None and told[1] != phase:
            if phase:
                print(f"    {phase}: {in_phase / MB:.0f} MB", flush=True)
            phase, in_phase = told[1], 0
        in_phase = max(in_phase, now)

    environ = {"SAGEMAKER_BASE_DIR": str(base), "SM_CHANNEL_TRAIN": str(base / "graph")}
    try:
        return measured(command, environ, most, seen, quiet=True)
    finally:
        print(f"    {phase}: {in_phase / MB:.0f} MB", flush=True)


def main() -> None:
    """Make the graph where it is missing, train, transform, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workdir", type=Path)
    parser.add_argument("--vertices", type=int, default=1_000_000)
    parser.add_argument("--edges", type=int, default=10_000_000)
    parser.add_argument("--links", action="store_true")
    parser.add_argument("--model", default="graphsage")
    parser.add_argument("--transform", action="store_true")
    parser.add_argument("--limit", type=int, metavar="MB")
    given, more = parser.parse_known_args()
    base = given.workdir / f"trained-{given.vertices}-{given.edges}"
    graph = base / "graph"
    if not (graph / "manifest.json").exists():
        write_graph(graph, given.vertices, given.edges)
    most = None if given.limit is None else given.limit * MB
    for folder in ("model", "output", "checkpoints"):
        shutil.rmtree(base / folder, ignore_errors=True)
    held = sum(path.stat().st_size for path in (graph / "edges").rglob("*.npy"))
    print(f"{given.vertices:,} vertices, {given.edges:,} edges, whose arrays are {held / MB:.0f} MB", flush=True)
    task = LINKS.task if given.links else CLASS.task
    short = [part for name, value in SHORT.items() if f"--{name}" not in more for part in (f"--{name}", value)]
    command = [sys.executable, str(SCRIPTS / "train.py"), "--model", given.model, "--task", task, *short, *more]
    print(f"train.py, {given.model}, {task}  {watched(command, base, most)}", flush=True)
    if given.transform:
        again = given.workdir / f"transformed-{graph.parent.name}"
        shutil.rmtree(again, ignore_errors=True)
        (again / "processing").mkdir(parents=True)
        (again / "processing" / "model").symlink_to((base / "model").resolve())
        (again / "processing" / "input").symlink_to(graph.resolve())
        print(f"transform.py  {watched([sys.executable, str(SCRIPTS / 'transform.py')], again, most)}")


if __name__ == "__main__":
    main()
