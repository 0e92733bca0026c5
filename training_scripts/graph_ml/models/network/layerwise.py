"""Vectors of all vertices of a graph, round by round and range by range, in memory that the graph does not decide.

A round over the whole graph holds a message for each edge. Here a round is computed for one range of vertices after the
other, from the vectors of the round before, which lie on the host; several processes share the ranges, and whoever
computes a range gives the same bits.

Source: Hamilton et al. 2017, GraphSAGE; layer-wise inference as in Zheng et al. 2020, DistDGL.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from ...devices import host_table
from ...group import Group
from ...message_passing import Backend
from ...pairs.graph import Floats, Ints
from ...sampling import MessageGraph, sample_blocks
from .encoder import Encoder
from .rounds import EdgeFeatures

#: vertices and messages of a range; a graph with fewer is one range
VERTICES, MESSAGES = 65_536, 2_000_000


class Rounds(Protocol):
    """What computes vectors: a network over some vertices."""

    encoder: Encoder
    backend: Backend
    edges: EdgeFeatures
    device: torch.device

    def inputs_of(self, nodes: Ints) -> Tensor:
        """Input vectors of some nodes, int64 (n,), float32 (n, num_hidden)."""


def ranges(graph: MessageGraph) -> list[slice]:
    """Ranges of vertices, in order, each of at most so many vertices and about so many messages."""
    if graph.num_nodes <= VERTICES and graph.num_entries <= MESSAGES:
        return [slice(0, graph.num_nodes)]
    received = sum((entry.received for entry in graph.relations.values()), np.zeros(graph.num_nodes, np.int64))
    filled = np.cumsum(received / MESSAGES + 1 / VERTICES)
    starts = np.flatnonzero(np.diff(np.floor(filled), prepend=-1.0))
    return [slice(int(a), int(b)) for a, b in zip(starts, [*starts[1:], graph.num_nodes], strict=True)]


@torch.no_grad()
def vectors_by_ranges(network: Rounds, graph: MessageGraph, group: Group) -> Floats:
    """Vectors of all vertices without dropout, float32 (nodes, num_hidden), on the host.

    Args:
        network: in evaluation mode.
        graph: along whose edges messages flow.
        group: processes that share the ranges; all of them get all vectors.
    """
    encoder, parts, wide = network.encoder, ranges(graph), network.encoder.settings.num_hidden

    def every(compute: Callable[[slice], Tensor]) -> Tensor:
        found = host_table(graph.num_nodes, wide)
        for number, part in enumerate(parts):
            own = number % group.size == group.rank % group.size
            found[part] = compute(part).cpu() if own else 0.0
        return group.add(found)

    start = every(lambda part: encoder.begun(network.inputs_of(np.arange(part.start, part.stop))))
    out, total = start, start
    for number in range(encoder.depth):
        out = every(partial(_round, network, graph, number, out, start))
        if encoder.family.mean_of_rounds:
            total = every(partial(_sum, total, out))
    result: Floats = every(partial(_last, encoder, total if encoder.family.mean_of_rounds else out)).numpy()
    return result


def _sum(one: Tensor, other: Tensor, part: slice) -> Tensor:
    """A range of a sum, of (nodes, d)."""
    return one[part] + other[part]


def _last(encoder: Encoder, out: Tensor, part: slice) -> Tensor:
    """A range of finished vectors, from the sum of all rounds where their mean counts, or the last, (nodes, d)."""
    return encoder.finished(out[part] / (encoder.depth + 1) if encoder.family.mean_of_rounds else out[part])


def _round(network: Rounds, graph: MessageGraph, number: int, before: Tensor, start: Tensor, part: slice) -> Tensor:
    """Vectors of a range after a round, from all vectors before it and from the inputs, (nodes, d) → (range, d)."""
    # all neighbours are taken, so nothing is drawn
    nodes, (block,) = sample_blocks(graph, np.arange(part.start, part.stop), [0], np.random.default_rng(0))
    heard, own = before[torch.from_numpy(nodes)].to(network.device), start[part].to(network.device)
    return network.encoder.round(number, block.on(network.device), heard, own, network.backend, network.edges)
