"""How fast a graph network learns links in mini-batches, beside DGL's loader on the same graph in the same run.

    python benchmarks/link_batches.py [--vertices 100000] [--edges 1000000] [--family graphsage] [--seconds 60]

The graph is that of ``large_links.py``. Both train GraphSAGE with two layers, 64 numbers a vector, a learned vector for
each vertex and the dot product, from batches of 1,024 edges that carry no messages while they are predicted, nor do
their opposites; both in one thread and one process, without validation. The peer is a loop around DGL's ``DataLoader``
over ``as_edge_prediction_sampler``, with one uniform negative an edge, the same fan-outs and DGL's own ``SAGEConv``.

Printed are training edges for each second of the processor, by turns in slices: of the trial as it trains by default,
where batches share passes; of the same with a pass for every batch, all of them sampled; and of the peer. Fails where
the default is less than 1.5 times as fast as the peer.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

os.environ.setdefault("OMP_NUM_THREADS", "1")
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "training_scripts"))

import torch  # noqa: E402
from graph_ml.links import LinkProblem  # noqa: E402
from graph_ml.models.families import family_of  # noqa: E402
from graph_ml.models.family import GraphFamily  # noqa: E402
from graph_ml.models.network.network import Network  # noqa: E402
from graph_ml.models.settings import Scale, parse  # noqa: E402
from graph_ml.training.links import gnn  # noqa: E402
from large_links import groups  # noqa: E402

WANTED, BATCH, SIZE, SLICES = 1.5, 1024, 64, 3
#: messages up to which a pass may be a whole round, as the product has it
WHOLE = gnn.FULL_ENTRIES
#: trains on one batch or pass; how many edges
Steps = Iterator[int]


def ours(problem: LinkProblem, name: str, sampled: bool) -> Steps:
    """Passes of the product's own learner; with ``sampled`` one for each batch, of sampled neighbours."""
    family = family_of(GraphFamily, name)
    scale = Scale("link_prediction", len(problem.train))
    settings, _ = parse(family.settings, {"batch-size": str(BATCH), "num-hidden": str(SIZE)}, scale)
    graph = gnn.message_graph([problem], only_training=True)
    backend = gnn.choose_backend(graph.num_entries)
    network = Network.fresh(problem.space, {}, list(graph.relations), family, settings, backend)
    model = gnn.GnnLinks([problem], network, [torch.ones(SIZE)], "dot", name)
    learner = gnn.GnnLearner(model, graph, settings)
    while True:
        gnn.FULL_ENTRIES = 0 if sampled else WHOLE
        for batch in learner.batches():
            gnn.FULL_ENTRIES = 0 if sampled else WHOLE  # the other learner, whose turn it was, has its own
            learner.step(batch)
            yield len(batch[1])


def of_dgl(problem: LinkProblem, fanouts: list[int]) -> Steps:
    """Steps of a loop around DGL's loader."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import dgl
        from dgl.dataloading import DataLoader, NeighborSampler, as_edge_prediction_sampler, negative_sampler

    links, nodes = len(problem.train), problem.space.total
    ends = [torch.from_numpy(np.ascontiguousarray(ids)) for ids in (problem.train.source, problem.train.target)]
    # edge i and its opposite i + links
    graph = dgl.graph((torch.cat(ends), torch.cat(ends[::-1])), num_nodes=nodes)
    opposite = torch.cat([torch.arange(links, 2 * links), torch.arange(links)])
    sampler = as_edge_prediction_sampler(
        NeighborSampler(fanouts[::-1]),
        exclude="reverse_id",
        reverse_eids=opposite,
        negative_sampler=negative_sampler.Uniform(1),
    )
    loader = DataLoader(graph, torch.arange(links), sampler, batch_size=BATCH, shuffle=True, num_workers=0)
    table = torch.nn.Embedding(nodes, SIZE, sparse=True)
    layers = torch.nn.ModuleList(dgl.nn.SAGEConv(SIZE, SIZE, "mean") for _ in fanouts)
    optimisers = [
        torch.optim.Adam(layers.parameters(), 0.01),
        torch.optim.SparseAdam(list(table.parameters()), 0.01),
    ]
    while True:
        for inputs, positive, negative, blocks in loader:
            x = table(inputs)
            for number, (layer, block) in enumerate(zip(layers, blocks, strict=True)):
                x = layer(block, x)
                x = torch.relu(x) if number + 1 < len(layers) else x
            scores = [(x[part.edges()[0]] * x[part.edges()[1]]).sum(dim=1) for part in (positive, negative)]
            loss = torch.nn.functional.softplus(-scores[0]).mean() + torch.nn.functional.softplus(scores[1]).mean()
            for optimiser in optimisers:
                optimiser.zero_grad()
            loss.backward()
            for optimiser in optimisers:
                optimiser.step()
            yield positive.num_edges()


def spent(steps: Steps, seconds: float) -> tuple[int, float]:
    """Edges trained on, and processor seconds, after at least so many of them."""
    edges, began = 0, time.process_time()
    while time.process_time() - began < seconds:
        edges += next(steps)
    return edges, time.process_time() - began


def main() -> None:
    """Train by turns, and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vertices", type=int, default=100_000)
    parser.add_argument("--edges", type=int, default=1_000_000)
    parser.add_argument("--family", default="graphsage")
    parser.add_argument("--seconds", type=float, default=45.0, help="of the processor, for each of the three")
    given = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    graph = groups(given.vertices, given.edges)
    problem = LinkProblem.from_graph(graph, graph.targets[0])
    made: dict[str, Callable[[], Any]] = {
        "by default": lambda: ours(problem, given.family, sampled=False),
        "sampled": lambda: ours(problem, given.family, sampled=True),
        "DGL": lambda: of_dgl(problem, [10, 15]),
    }
    running = {name: make() for name, make in made.items()}
    for steps in running.values():
        next(steps)  # what is made once is made now
    rates: dict[str, list[float]] = {name: [] for name in running}
    for _ in range(SLICES):
        for name, steps in running.items():
            edges, cpu_s = spent(steps, given.seconds / SLICES)
            rates[name].append(edges / cpu_s)
    print(f"{given.family}, {given.vertices:,} vertices, {given.edges:,} edges, load {os.getloadavg()[0]:.1f}")
    for name, found in rates.items():
        print(f"{name:<12} {np.mean(found):10,.0f} edges a CPU second ({min(found):,.0f} to {max(found):,.0f})")
    ratio = float(np.mean(rates["by default"]) / np.mean(rates["DGL"]))
    print(f"by default {ratio:.1f} times DGL, sampled {np.mean(rates['sampled']) / np.mean(rates['DGL']):.1f} times")
    if ratio < WANTED:
        raise SystemExit(f"less than {WANTED} times as fast as DGL's loader")


if __name__ == "__main__":
    main()
