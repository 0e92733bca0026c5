"""What the first trial of a search costs in a large graph, and whether it beats a formula there.

    python benchmarks/large_links.py [--vertices 100000] [--edges 1000000] [--model pair-ranker] [--NAME VALUE …]

People of groups of about fifty mostly know their own group and a neighbouring one. The trial is a process of its own
with two threads and the defaults; what more is given are hyperparameters. Printed are the seconds until the first
figure is in its log, until it ends, its processor seconds and peak memory, and its MRR beside Adamic–Adar's on the same
test links. Fails where the first figure takes more than 60 s, the end more than 600 s, memory more than 2 GB, or the
formula ranks better.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "training_scripts"))

from graph_ml.artifacts import ModelFolder  # noqa: E402
from graph_ml.graph import EdgeList, EdgeType, GraphData, Split, Target  # noqa: E402

KNOWS = EdgeType("Person", "knows", "Person")
GROUP = 50
FIGURE = re.compile(r"mrr[=\s]|MRR on links|log_likelihood=")
FIRST_S, END_S, MEMORY_MB = 60.0, 600.0, 2048.0


def groups(vertices: int, edges: int, seed: int = 0) -> GraphData:
    """Half of the ends lie in the own group, a quarter in the next one, a quarter anywhere; split 80/10/10."""
    rng = np.random.default_rng(seed)
    source = rng.integers(0, vertices, int(edges * 1.1))
    where = rng.random(len(source))
    own = source // GROUP * GROUP + rng.integers(0, GROUP, len(source))
    target = np.where(where < 0.5, own, np.where(where < 0.75, own + GROUP, rng.integers(0, vertices, len(source))))
    low, high = np.minimum(source, target % vertices), np.maximum(source, target % vertices)
    codes = rng.permutation(np.unique(low[low != high] * vertices + high[low != high]))[:edges]
    order, tenth = rng.permutation(len(codes)), len(codes) // 10
    target_of = Target("link_prediction", KNOWS)
    return GraphData(
        node_ids={"Person": [str(number) for number in range(vertices)]},
        num_nodes={"Person": vertices},
        edges={KNOWS: EdgeList(codes // vertices, codes % vertices)},
        splits={target_of: Split(order[2 * tenth :], order[:tenth], order[tenth : 2 * tenth])},
        seed=seed,
    )


def main() -> None:
    """Run one trial and judge it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vertices", type=int, default=100_000)
    parser.add_argument("--edges", type=int, default=1_000_000)
    parser.add_argument("--model", default="pair-ranker")
    given, more = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        groups(given.vertices, given.edges).write(base / "graph")
        environ = {**os.environ, "SAGEMAKER_BASE_DIR": name, "SM_CHANNEL_TRAIN": str(base / "graph")}
        command = [sys.executable, str(ROOT / "training_scripts" / "train.py"), "--model", given.model, *more]
        began, first = time.monotonic(), None
        trial = subprocess.Popen(command, env=environ | {"OMP_NUM_THREADS": "2"}, stdout=subprocess.PIPE, text=True)
        assert trial.stdout is not None
        for line in trial.stdout:
            seconds = time.monotonic() - began
            sys.stderr.write(f"{seconds:7.1f} s  {line}")
            if first is None and FIGURE.search(line):
                first = seconds
        if trial.wait() != 0 or first is None:
            raise SystemExit("the trial failed")
        seconds, used = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
        metrics = ModelFolder(base / "model").metrics
    memory_mb, load = used.ru_maxrss / 1024, os.getloadavg()[0]
    own, formula = metrics.splits["test"]["mrr"], metrics.floors["test"]["adamic_adar"]["mrr"]
    print(f"{given.model}, {given.vertices:,} vertices, {given.edges:,} edges, load {load:.1f}")
    print(f"first figure after {first:.0f} s, the end after {seconds:.0f} s")
    print(f"{used.ru_utime:.0f} CPU s, {memory_mb:.0f} MB")
    print(f"test MRR {own:.3f}, Adamic–Adar {formula:.3f}")
    missed = [
        what
        for what, bad in (
            ("the first figure came late", first > FIRST_S),
            ("it took too long", seconds > END_S),
            ("it took too much memory", memory_mb > MEMORY_MB),
            ("a formula ranks better", own <= formula),
        )
        if bad
    ]
    if missed:
        raise SystemExit("; ".join(missed))


if __name__ == "__main__":
    main()
