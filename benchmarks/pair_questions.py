"""What one question to the pair ranker costs in a graph of a million vertices.

    python benchmarks/pair_questions.py [--vertices 1000000] [--edges 5000000]

Half of the ends of edges are drawn evenly, half so that some vertices have very many; scorer and vectors are drawn too,
for a question costs the same whatever they say. Printed are the median and the slowest tenth of wall and processor time
of one question, one thread. Fails where the median takes more than 50 ms of the processor.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

import numpy as np

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "training_scripts"))

from graph_ml.models.ranking.scorer import PairRanker, PairScorer
from graph_ml.pairs import Factors, PairFeatures, PairGraph, PairSettings, View
from graph_ml.training.links.ranked import NEAR

WANTED_MS, QUESTIONS = 50.0, 100


def ranker_of(vertices: int, edges: int, seed: int = 0) -> PairRanker:
    """An untrained ranker over a graph with some very popular vertices."""
    rng = np.random.default_rng(seed)
    source, target = rng.integers(0, vertices, edges), (vertices * rng.random(edges) ** 2.5).astype(np.int64)
    graph = PairGraph.from_edges(source, target, vertices)
    left, right = (rng.standard_normal((vertices, 64), dtype=np.float32) for _ in range(2))
    features = PairFeatures((View("target", graph, Factors(left, right)),), settings=PairSettings(near=NEAR))
    width = len(features.names)
    shapes = {"linear": (1, width), "w1": (32, width), "b1": 32, "w2": (32, 32), "b2": 32, "w3": (1, 32), "b3": 1}
    weights = {name: rng.standard_normal(shape, dtype=np.float32) for name, shape in shapes.items()}
    return PairRanker(features, PairScorer(np.zeros(width, np.float32), np.ones(width, np.float32), weights))


def main() -> None:
    """Ask, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vertices", type=int, default=1_000_000)
    parser.add_argument("--edges", type=int, default=5_000_000)
    given = parser.parse_args()
    ranker, everybody = ranker_of(given.vertices, given.edges), slice(0, given.vertices)
    ranker.scores(np.array([0]), everybody, False)
    taken = []
    for source in np.random.default_rng(1).integers(0, given.vertices, QUESTIONS):
        began = time.perf_counter(), time.process_time()
        ranker.scores(np.array([source]), everybody, False)
        taken.append((time.perf_counter() - began[0], time.process_time() - began[1]))
    wall, cpu = 1000 * np.array(taken).T
    graph = ranker.features.views[0].graph
    print(f"{given.vertices:,} vertices, {graph.adjacency.nnz // 2:,} edges, {graph.degree.max():,.0f} at one vertex")
    for name, values in (("processor", cpu), ("wall", wall)):
        print(f"{name:<10} median {np.median(values):.1f} ms, slowest tenth from {np.quantile(values, 0.9):.1f} ms on")
    if np.median(cpu) > WANTED_MS:
        raise SystemExit(f"a question takes more than {WANTED_MS:g} ms of the processor")


if __name__ == "__main__":
    main()
