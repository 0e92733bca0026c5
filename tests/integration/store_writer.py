"""Writes to a graph folder until it is killed; says which commit it has been told is durable.

Commit n is a function of n and of the graph before it, so that whoever reads the folder afterwards can do the same
commits in memory and compare. Arguments: folder, seed, log limit in bytes.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from random import Random

import numpy as np

from workflow.graphs.store.persistence import open_graph
from workflow.graphs.store.store import EmbeddedGraph
from workflow.graphs.store.versions.batch import Batch, ColumnData, ElementBatch


def do_commit(graph: EmbeddedGraph, seed: int, number: int) -> None:
    """Make commit ``number``; resets do not count as one."""
    rng = Random(seed * 1_000_003 + number)
    if rng.random() < 0.02 and graph.vertex_count() > 50:
        graph.reset()
    if rng.random() < 0.1:
        graph.load(_batch(rng, number))
        return
    tx = graph.begin()
    if rng.random() < 0.1:
        tx.add_vertex("never", "seen")
        tx.suspend()
        tx.rollback()
        tx = graph.begin()
    # by id: in which rows they stand depends on who read the graph meanwhile
    rows = sorted(tx.graph.vertices(), key=tx.graph.vertex_id)
    fresh = [tx.add_vertex(f"v{number}-{place}", rng.choice(["a", "b"])) for place in range(rng.randrange(1, 5))]
    rows += fresh
    for place in range(rng.randrange(6)):
        edge = tx.add_edge(f"e{number}-{place}", rng.choice(["x", "y"]), rng.choice(rows), rng.choice(rows))
        tx.set_edge_property(edge, "weight", rng.random())
    for row in rng.sample(rows, min(len(rows), 3)):
        tx.set_vertex_property(row, "name", f"n{rng.randrange(9)}", rng.choice(["single", "set", "list"]))
    if rng.random() < 0.3:
        tx.remove_vertex(rng.choice(rows))
    edges = sorted(tx.graph.edges(), key=tx.graph.edge_id)
    if edges and rng.random() < 0.3:
        tx.remove_edge(rng.choice(edges))
    tx.commit()


def _batch(rng: Random, number: int) -> Batch:
    size = rng.randrange(5, 40)
    ids = [f"b{number}-{place}" for place in range(size)]
    vertices = ElementBatch(ids, np.zeros(size, dtype=np.int32), ["bulk"], {"n": ColumnData(np.arange(size), int)})
    ends = np.array([[rng.randrange(size) for _ in range(size)] for _ in "st"], dtype=np.int32)
    edges = ElementBatch([f"be{number}-{place}" for place in range(size)], np.zeros(size, dtype=np.int32), ["x"])
    return Batch(vertices, edges, ids, ends[0], ends[1])


def main() -> None:
    folder, seed, limit = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    graph = open_graph(folder, log_limit_bytes=limit)
    while True:
        number = graph.journal.last()[0] + 1
        do_commit(graph, seed, number)
        os.write(1, b"%d\n" % number)


if __name__ == "__main__":
    main()
