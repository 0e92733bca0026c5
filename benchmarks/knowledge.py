"""How well knowledge-graph embeddings rank, and at what cost, on the published splits of FB15k-237 and WN18RR.

    DESPINA_DATA=folder python benchmarks/knowledge.py --data wn18rr --model complex --num-epochs 30

Protocol: models see the published training triples; the published validation triples choose the epoch; every test
triple is ranked in both directions among all entities less those known from training and validation, ties averaged.
Hyperparameters that are not given are the defaults. CPU seconds are this process's, on one thread.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

os.environ.setdefault("OMP_NUM_THREADS", "1")
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "training_scripts"))

from graph_ml.artifacts import ModelFolder  # noqa: E402
from graph_ml.container import Container  # noqa: E402
from graph_ml.graph import EdgeList, EdgeType, GraphData, Split, Target  # noqa: E402
from graph_ml.training.run import run  # noqa: E402

PARTS = ("train", "valid", "test")


def read(folder: Path, seed: int) -> GraphData:
    """A graph of one vertex type, an edge type for each relation, and the published split."""
    triples: dict[str, list[list[str]]] = {}
    for part in PARTS:
        with gzip.open(folder / f"{part}.tsv.gz", "rt", encoding="utf-8") as stream:
            triples[part] = [line.rstrip("\n").split("\t") for line in stream]
    entities = sorted({end for rows in triples.values() for head, _, tail in rows for end in (head, tail)})
    numbers = {name: number for number, name in enumerate(entities)}
    grouped: dict[str, dict[str, list[tuple[int, int]]]] = {}
    for part, rows in triples.items():
        for head, relation, tail in rows:
            grouped.setdefault(relation, {p: [] for p in PARTS})[part].append((numbers[head], numbers[tail]))
    edges, splits = {}, {}
    for relation, by_part in sorted(grouped.items()):
        kind = EdgeType("Entity", relation, "Entity")
        pairs = np.array([pair for part in PARTS for pair in by_part[part]], dtype=np.int64)
        edges[kind] = EdgeList(pairs[:, 0].copy(), pairs[:, 1].copy())
        bounds = np.cumsum([0, *(len(by_part[part]) for part in PARTS)])
        train, valid, test = (np.arange(bounds[i], bounds[i + 1]) for i in range(3))
        splits[Target("link_prediction", kind)] = Split(train, valid, test)
    return GraphData(
        node_ids={"Entity": entities},
        num_nodes={"Entity": len(entities)},
        edges=edges,
        splits=splits,
        seed=seed,
        model_type="kge",
    )


def main() -> None:
    """Train one model and print its line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", choices=["fb15k-237", "wn18rr"], default="fb15k-237")
    parser.add_argument("--model", default="complex")
    parser.add_argument("--eval-edges", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    given, rest = parser.parse_known_args()
    graph = read(Path(os.environ["DESPINA_DATA"]) / given.data, given.seed)
    began = time.process_time()
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        graph.write(base / "graph")
        container = Container(base, {"SM_CHANNEL_TRAIN": str(base / "graph"), "OMP_NUM_THREADS": "1"})
        asked = ["--model", given.model, "--seed", str(given.seed), "--eval-edges", str(given.eval_edges), *rest]
        with contextlib.redirect_stdout(sys.stderr):
            run(container, asked, ROOT / "training_scripts")
        metrics = ModelFolder(container.model).metrics
    seconds = time.process_time() - began
    test = metrics.splits["test"]
    floors = "  ".join(f"{floor} {figures['mrr']:.3f}" for floor, figures in metrics.floors["test"].items())
    shown = "  ".join(f"{name} {test[name]:.3f}" for name in ("mrr", "hits@1", "hits@10") if name in test)
    print(f"{given.data} {given.model} {' '.join(rest)}: {shown}  ({floors})")
    print(f"{len(metrics.history)} epochs, {seconds:.0f} CPU s")


if __name__ == "__main__":
    main()
