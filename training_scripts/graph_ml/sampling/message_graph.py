"""Along which edges messages flow, in both directions, by relation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ..graph import EdgeType
from ..graph.data import Mask, Times
from ..links import Pairs, codes, is_directed
from ..pairs.graph import Ints


@dataclass(frozen=True, order=True)
class Relation:
    """An edge type in one direction; ``reverse`` flows from target to source."""

    edge_type: EdgeType
    reverse: bool = False

    def __str__(self) -> str:
        return f"rev-{self.edge_type}" if self.reverse else str(self.edge_type)

    @property
    def sender(self) -> str:
        """The node type that its messages come from."""
        return self.edge_type.target if self.reverse else self.edge_type.source

    @property
    def receiver(self) -> str:
        """The node type that its messages go to."""
        return self.edge_type.source if self.reverse else self.edge_type.target


@dataclass(frozen=True)
class Incoming:
    """Messages of one relation by receiver: those of node i are entries ``indptr[i]:indptr[i + 1]``.

    Args:
        indptr: int64, shape (nodes + 1,).
        sources: senders, int64, shape (entries,).
        edges: which edge of the edge type each entry is, int64, shape (entries,).
        sent: how many messages each node sends, int64, shape (nodes,).
    """

    indptr: Ints
    sources: Ints
    edges: Ints
    sent: Ints


@dataclass(frozen=True)
class MessageGraph:
    """All relations over one space of node numbers.

    Every edge carries messages both ways. An edge type between vertices of one type whose edges have no direction is
    one relation, any other two. ``links[edge type]`` numbers the edges so that copies of a link, and its opposite
    where links have no direction, share a number: leaving that number out leaves out the link altogether.
    ``times[edge type]`` is when each edge came to be, float64 (edges,), where that counts.
    """

    num_nodes: int
    relations: Mapping[Relation, Incoming]
    links: Mapping[EdgeType, Ints]
    directed: Mapping[EdgeType, bool]
    times: Mapping[EdgeType, Times] = field(default_factory=dict)

    @classmethod
    def from_edges(
        cls,
        edges: Mapping[EdgeType, Pairs],
        num_nodes: int,
        directed: Mapping[EdgeType, bool],
        flows: Mapping[EdgeType, tuple[Mask, Mask]] | None = None,
    ) -> MessageGraph:
        """Arrange edges by receiver.

        Args:
            edges: edge type → (sources, targets) in numbers of the node space.
            num_nodes: size of the node space.
            directed: whether the direction of edges within one node type matters; looked at where it is missing.
            flows: which edges of each type carry messages forth, and which back, (m,) each; all do where not given.
        """
        relations: dict[Relation, Incoming] = {}
        links: dict[EdgeType, Ints] = {}
        ways: dict[EdgeType, bool] = {}
        for kind, pairs in edges.items():
            within = kind.source == kind.target
            one_way = directed[kind] if kind in directed else is_directed(pairs, num_nodes)
            undirected = within and not one_way
            ways[kind] = not undirected
            keys = codes(pairs, num_nodes, ordered=not undirected)
            links[kind] = np.unique(keys, return_inverse=True)[1].astype(np.int64)
            forth, back = (np.arange(len(pairs)),) * 2 if flows is None else map(np.flatnonzero, flows[kind])
            if undirected:
                both = Pairs.join([pairs[forth], pairs.turned()[back]])
                relations[Relation(kind)] = incoming(both, np.concatenate([forth, back]), num_nodes)
            else:
                relations[Relation(kind)] = incoming(pairs[forth], forth, num_nodes)
                relations[Relation(kind, reverse=True)] = incoming(pairs.turned()[back], back, num_nodes)
        times = {kind: pairs.time for kind, pairs in edges.items() if pairs.time is not None}
        return cls(num_nodes, relations, links, ways, times)

    @property
    def num_entries(self) -> int:
        """Messages of one round."""
        return sum(len(entry.sources) for entry in self.relations.values())

    def excluding(self, kind: EdgeType, edges: Ints) -> dict[EdgeType, npt.NDArray[np.bool_]]:
        """A mask over the edges of a type, (edges,): these, (m,), their copies and their opposites."""
        numbers = self.links[kind]
        marked = np.zeros(int(numbers.max(initial=-1)) + 1, dtype=bool)
        marked[numbers[edges]] = True
        return {kind: marked[numbers]}

    def since(self, moment: float) -> dict[EdgeType, Mask]:
        """A mask over the edges of each type that has times, (edges,): those that came at a moment or later."""
        return {kind: times >= moment for kind, times in self.times.items()}


def incoming(pairs: Pairs, numbers: Ints, num_nodes: int) -> Incoming:
    """Messages from source to target, (entries,), arranged by target; equal targets in the order of the pairs."""
    order = np.argsort(pairs.target, kind="stable")
    indptr = np.zeros(num_nodes + 1, dtype=np.int64)
    np.cumsum(np.bincount(pairs.target, minlength=num_nodes), out=indptr[1:])
    sent = np.bincount(pairs.source, minlength=num_nodes)
    return Incoming(indptr, pairs.source[order], numbers[order], sent)
