"""Blocks: one layer's messages from source rows to target rows, whole or sampled, without the links to be predicted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from ..distinct import distinct
from ..graph import EdgeType
from ..message_passing import Neighbours
from ..pairs.graph import Ints
from .message_graph import Incoming, MessageGraph, Relation

#: by edge type a mask over its edges, by relation one over its entries
Excluded = Mapping[EdgeType | Relation, npt.NDArray[np.bool_]]
#: nodes whose neighbours are looked at at once where some of them are drawn
AT_ONCE = 1 << 15
Masks = tuple[npt.NDArray[np.bool_] | None, npt.NDArray[np.bool_] | None]


@dataclass(frozen=True)
class BlockEdges:
    """The edges of one relation within a block, by receiving row.

    Args:
        rows: target rows that receive any message, ascending, int64, shape (rows,).
        neighbours: the source rows of each, and their edges' order.
        edges: which edge of the edge type each is, int64, shape (edges,).
        sent: how many messages of the relation each source row sends in the whole graph, float32, shape (sources,).
    """

    rows: torch.Tensor
    neighbours: Neighbours
    edges: Ints
    sent: torch.Tensor

    def on(self, device: torch.device) -> BlockEdges:
        """The same edges with their tensors on a device; which edge each is stays on the host, as features do."""
        return BlockEdges(self.rows.to(device), self.neighbours.on(device), self.edges, self.sent.to(device))


@dataclass(frozen=True)
class Block:
    """Messages of one layer. The first ``num_targets`` of the ``num_sources`` source rows are the targets."""

    num_sources: int
    num_targets: int
    relations: Mapping[Relation, BlockEdges]

    def on(self, device: torch.device) -> Block:
        """The same block on a device; itself where it is there."""
        if all(edges.rows.device == device for edges in self.relations.values()):
            return self
        relations = {relation: edges.on(device) for relation, edges in self.relations.items()}
        return Block(self.num_sources, self.num_targets, relations)


def blocks_on(blocks: Sequence[Block], device: torch.device) -> list[Block]:
    """Blocks on a device; one that stands several times is brought there once."""
    moved = {id(block): block.on(device) for block in blocks}
    return [moved[id(block)] for block in blocks]


def full_block(graph: MessageGraph, excluded: Excluded | None = None) -> Block:
    """Every message of the graph, from all nodes to all nodes; good for every layer."""
    relations = {}
    for relation, entry in graph.relations.items():
        rows, entries = entry.entries_of(np.arange(graph.num_nodes))
        sources, edges, sent = entry.sources_of(entries), entry.edges_of(entries), entry.sent
        keep = kept(entry, relation, excluded, entries)
        if keep is not None:
            rows, sources, edges = rows[keep], sources[keep], edges[keep]
            sent = np.bincount(sources, minlength=graph.num_nodes)
        relations[relation] = arranged(rows, sources, edges, graph.num_nodes, sent)
    return Block(graph.num_nodes, graph.num_nodes, relations)


def sample_blocks(
    graph: MessageGraph,
    seeds: Ints,
    fanouts: Sequence[int],
    rng: np.random.Generator,
    excluded: Excluded | None = None,
) -> tuple[Ints, list[Block]]:
    """Sample neighbours layer by layer, beginning at the seeds.

    Args:
        graph: the message graph.
        seeds: distinct nodes whose vectors are wanted, shape (s,).
        fanouts: neighbours a relation at each layer, the layer nearest to the seeds first; below 1 takes all.
        rng: makes the draw repeatable.
        excluded: what carries no messages. In a graph with times it is not counted among what a node sends either,
            which would tell of the future; elsewhere counting anew costs more than a few edges matter.

    Returns:
        The nodes whose input vectors are needed, and one block a layer, input side first. Rows of the last block's
        targets are the seeds in their order.
    """
    sent = {relation: sent_in(graph, relation, excluded) for relation in graph.relations}
    nodes = np.asarray(seeds, dtype=np.int64)
    place = np.full(graph.num_nodes, -1, dtype=np.int64)
    blocks: list[Block] = []
    for fanout in fanouts:
        num_targets = len(nodes)
        place[nodes] = np.arange(num_targets)
        drawn = {}
        for relation, entry in graph.relations.items():
            drawn[relation] = draw(entry, nodes, fanout, rng, of_relation(relation, excluded))
        heard = distinct(np.concatenate([np.empty(0, np.int64), *(sources for _, sources, _ in drawn.values())]))
        fresh = heard[place[heard] < 0]
        nodes = np.concatenate([nodes, fresh])
        place[fresh] = np.arange(num_targets, len(nodes))
        relations = {
            relation: arranged(rows, place[sources], edges, len(nodes), sent[relation][nodes])
            for relation, (rows, sources, edges) in drawn.items()
        }
        blocks.append(Block(len(nodes), num_targets, relations))
        place[nodes] = -1
    return nodes, blocks[::-1]


def within(fanouts: Sequence[int], seeds: int, relations: int, most: int) -> tuple[int, ...]:
    """Fan-outs with which no more than about ``most`` nodes are reached, so that a batch is as large in any graph.

    The largest is lowered first, of several the farthest, to no less than 1. One that takes all neighbours stays.

    Args:
        fanouts: neighbours a relation at each layer, the layer nearest to the seeds first.
        seeds: nodes where the sample begins.
        relations: along which it goes.
        most: nodes.
    """
    found = list(fanouts)
    while seeds * np.prod([1.0 + relations * max(one, 0) for one in found]) > most and max(found, default=1) > 1:
        found[max(range(len(found)), key=lambda layer: (found[layer], layer))] -= 1
    return tuple(found)


def draw(
    entry: Incoming, nodes: Ints, fanout: int, rng: np.random.Generator, excluded: Masks = (None, None)
) -> tuple[Ints, Ints, Ints]:
    """At most ``fanout`` messages of each node, without replacement; all where there are fewer or fanout is below 1.

    Returns:
        Row of the node, sender and edge of each message, int64 (m,) each, rows ascending.
    """
    parts, begin = [], 0
    for part in np.array_split(nodes, max(1, -(-len(nodes) // AT_ONCE)) if fanout >= 1 else 1):
        rows, sources, edges = _draw(entry, part, fanout, rng, excluded)
        parts.append((rows + begin, sources, edges))
        begin += len(part)
    if len(parts) == 1:
        return parts[0]
    rows, sources, edges = (np.concatenate(column) for column in zip(*parts, strict=True))
    return rows, sources, edges


def _draw(
    entry: Incoming, nodes: Ints, fanout: int, rng: np.random.Generator, excluded: Masks
) -> tuple[Ints, Ints, Ints]:
    rows, entries = entry.entries_of(nodes)
    of_edges, of_entries = excluded
    if of_edges is not None:
        keep = ~of_edges[entry.edges_of(entries)]
        rows, entries = rows[keep], entries[keep]
    if of_entries is not None:
        keep = ~of_entries[entries]
        rows, entries = rows[keep], entries[keep]
    if fanout >= 1 and len(rows):
        left = np.bincount(rows, minlength=len(nodes))
        if left.max() > fanout:
            # the first of a random order within each row are a sample without replacement
            order = np.lexsort((rng.random(len(rows)), rows))
            position = np.arange(len(rows)) - np.repeat(np.cumsum(left) - left, left)
            chosen = np.sort(order[position < fanout])
            rows, entries = rows[chosen], entries[chosen]
    return rows, entry.sources_of(entries), entry.edges_of(entries)


def arranged(rows: Ints, sources: Ints, edges: Ints, num_sources: int, sent: Ints) -> BlockEdges:
    """Messages as lists of the rows that receive any.

    Args:
        rows: receiving row of each message, ascending, int64, shape (edges,).
        sources: sending row of each, shape (edges,).
        edges: which edge of the edge type each is, shape (edges,).
        num_sources: source rows of the block.
        sent: messages that each source row sends in the whole graph, shape (sources,).
    """
    starts = np.flatnonzero(np.diff(rows, prepend=-1))
    indptr = np.append(starts, len(rows)).astype(np.int64)
    neighbours = Neighbours(torch.from_numpy(indptr), torch.from_numpy(np.ascontiguousarray(sources)), num_sources)
    receiving = torch.from_numpy(rows[starts].astype(np.int64))
    return BlockEdges(receiving, neighbours, edges, torch.from_numpy(sent.astype(np.float32)))


def sent_in(graph: MessageGraph, relation: Relation, excluded: Excluded | None) -> Ints:
    """How many messages of a relation each node sends, int64 (nodes,); those excluded count where times do not."""
    entry = graph.relations[relation]
    if entry.since is None or (keep := kept(entry, relation, excluded, np.arange(len(entry)))) is None:
        return entry.sent
    return np.bincount(entry.sources_of(np.flatnonzero(keep)), minlength=graph.num_nodes)


def kept(entry: Incoming, relation: Relation, excluded: Excluded | None, entries: Ints) -> npt.NDArray[np.bool_] | None:
    """Which entries of a relation, (n,), carry messages, (n,); None for all."""
    of_edges, of_entries = of_relation(relation, excluded)
    if of_edges is None:
        return None if of_entries is None else ~of_entries[entries]
    dropped = of_edges[entry.edges_of(entries)]
    return np.asarray(~(dropped if of_entries is None else dropped | of_entries[entries]))


def of_relation(relation: Relation, excluded: Excluded | None) -> Masks:
    """What of a relation carries no messages: a mask over the edges of its type, and one over its entries."""
    return (None, None) if excluded is None else (excluded.get(relation.edge_type), excluded.get(relation))
