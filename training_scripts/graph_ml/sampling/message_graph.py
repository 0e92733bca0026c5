"""Along which edges messages flow, in both directions, by relation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from ..distinct import distinct, numbers_of
from ..graph import EdgeList, EdgeType, GraphData
from ..graph.adjacency import MOST_SORTED, Adjacency, arranged_by, node_ranges
from ..graph.data import Mask, Times
from ..graph.folder import Lazy
from ..links import Pairs, codes, is_directed
from ..pairs import NodeSpace
from ..pairs.graph import Ints
from ..scratch import joined, parked, picked, room


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
class Lists:
    """Messages by receiver, where senders and receivers are counted within their types.

    ``first_receiver`` and ``first_sender`` are the numbers of the first ones in the space of all nodes. The arrays may
    be mapped files, and are read where they lie.
    """

    adjacency: Adjacency
    first_receiver: int = 0
    first_sender: int = 0


@dataclass(frozen=True)
class Incoming:
    """Messages of one relation by receiver: of a node those of the first lists, then those of the second.

    An entry has a number: those of the second lists go on where those of the first end.

    Args:
        lists: one, or both ways of edges without direction.
        sent: how many messages each node sends, int64, shape (nodes,).
        since: when each entry came to be, float64, shape (entries,), where that counts: what is told at a moment hears
            those that came before it.
    """

    lists: tuple[Lists, ...]
    sent: Ints
    since: Times | None = None

    def where(self, kept: Mask) -> Incoming:
        """The same without some entries, (entries,)."""
        rows, entries = self.entries_of(np.arange(len(self.sent)))
        rows, entries = rows[kept[entries]], entries[kept[entries]]
        indptr = np.zeros(len(self.sent) + 1, dtype=np.int64)
        np.cumsum(np.bincount(rows, minlength=len(self.sent)), out=indptr[1:])
        sources = self.sources_of(entries)
        sent = np.bincount(sources, minlength=len(self.sent))
        lists = Lists(Adjacency(indptr, sources, self.edges_of(entries)))
        return Incoming((lists,), sent, None if self.since is None else self.since[entries])

    def __len__(self) -> int:
        return sum(len(part.adjacency.others) for part in self.lists)

    @property
    def received(self) -> Ints:
        """How many messages each node receives, int64, shape (nodes,)."""
        return _spread(self.lists, len(self.sent))

    def entries_of(self, nodes: Ints) -> tuple[Ints, Ints]:
        """The entries of some nodes, (n,): (row of the node, entry), rows ascending, (entries,) each."""
        rows, entries, begin = [], [], 0
        for part in self.lists:
            indptr = part.adjacency.indptr
            own = nodes - part.first_receiver
            inside = np.flatnonzero((own >= 0) & (own < len(indptr) - 1))
            starts = indptr[own[inside]]
            counts = indptr[own[inside] + 1] - starts
            rows.append(np.repeat(inside, counts))
            within = np.arange(len(rows[-1])) - np.repeat(np.cumsum(counts) - counts, counts)
            entries.append(np.repeat(starts, counts) + within + begin)
            begin += len(part.adjacency.others)
        if len(self.lists) == 1:
            return rows[0], entries[0]
        every = np.concatenate(rows)
        order = np.argsort(every, kind="stable")
        return every[order], np.concatenate(entries)[order]

    def sources_of(self, entries: Ints) -> Ints:
        """The senders of entries, int64 (n,)."""
        return self._read(entries, lambda part, places: part.adjacency.others[places] + part.first_sender)

    def edges_of(self, entries: Ints) -> Ints:
        """Which edge of the edge type each entry is, int64 (n,)."""
        return self._read(entries, lambda part, places: part.adjacency.edges[places])

    def _read(self, entries: Ints, read: Callable[[Lists, Ints], Ints]) -> Ints:
        if len(self.lists) == 1:
            return read(self.lists[0], entries)
        found, begin = np.empty(len(entries), dtype=np.int64), 0
        for part in self.lists:
            end = begin + len(part.adjacency.others)
            inside = np.flatnonzero((entries >= begin) & (entries < end))
            found[inside] = read(part, entries[inside] - begin)
            begin = end
        return found


@dataclass(frozen=True)
class MessageGraph:
    """All relations over one space of node numbers.

    Every edge carries messages both ways. An edge type between vertices of one type whose edges have no direction is
    one relation, any other two. ``links[edge type]`` numbers the edges so that copies of a link, and its opposite
    where links have no direction, share a number: leaving that number out leaves out the link altogether.
    """

    num_nodes: int
    relations: Mapping[Relation, Incoming]
    links: Mapping[EdgeType, Ints]
    directed: Mapping[EdgeType, bool]

    @classmethod
    def from_edges(
        cls,
        edges: Mapping[EdgeType, Pairs],
        num_nodes: int,
        directed: Mapping[EdgeType, bool],
        flows: Mapping[EdgeType, tuple[Mask, Mask]] | None = None,
        since: Mapping[EdgeType, tuple[Times, Times]] | None = None,
    ) -> MessageGraph:
        """Arrange edges by receiver.

        Args:
            edges: edge type → (sources, targets) in numbers of the node space.
            num_nodes: size of the node space.
            directed: whether the direction of edges within one node type matters; looked at where it is missing.
            flows: which edges of each type carry messages forth, and which back, (m,) each; all do where not given.
            since: when the messages of each edge came to be, forth and back, (m,) each; where it is not given, and
                edges have a time, that is their time both ways.
        """
        relations: dict[Relation, Incoming] = {}
        links: dict[EdgeType, Callable[[], Ints]] = {}
        ways: dict[EdgeType, bool] = {}
        for kind, pairs in edges.items():
            within = kind.source == kind.target
            one_way = directed[kind] if kind in directed else is_directed(pairs, num_nodes)
            undirected = within and not one_way
            ways[kind] = not undirected
            links[kind] = partial(_link_numbers, pairs, num_nodes, not undirected)
            forth, back = (slice(None),) * 2 if flows is None else flows[kind]
            rows = parked(np.arange(len(pairs))) if pairs.row is None else pairs.row
            there, here = (pairs, pairs.turned())
            if since is not None:
                there, here = (replace(way, time=time) for way, time in zip((there, here), since[kind], strict=True))
            if undirected:
                both = Pairs.join([there[forth], here[back]])
                numbers = joined([picked(rows, forth), picked(rows, back)], np.int64)
                relations[Relation(kind)] = incoming(both, numbers, num_nodes)
            else:
                relations[Relation(kind)] = incoming(there[forth], picked(rows, forth), num_nodes)
                relations[Relation(kind, reverse=True)] = incoming(here[back], picked(rows, back), num_nodes)
        return cls(num_nodes, relations, Lazy(links), ways)

    @classmethod
    def over(cls, graph: GraphData, space: NodeSpace, directed: Mapping[EdgeType, bool] | None = None) -> MessageGraph:
        """All edges of a graph, read where they lie: nothing as long as the edges is held in memory.

        Args:
            graph: with its edges arranged.
            space: numbers of its nodes.
            directed: as in ``from_edges``; looked at where it is missing, as ``one_way`` does.
        """
        relations: dict[Relation, Incoming] = {}
        links: dict[EdgeType, Callable[[], Ints]] = {}
        ways: dict[EdgeType, bool] = {}
        for kind in graph.edge_types:
            to, by = graph.arranged(kind)
            source, target = space.offsets[kind.source], space.offsets[kind.target]
            forth, back = Lists(to, target, source), Lists(by, source, target)
            within = kind.source == kind.target
            undirected = within and not (directed[kind] if directed and kind in directed else one_way(to, by))
            ways[kind] = not undirected
            links[kind] = partial(_links_of, graph.edges[kind], space.total, not undirected)
            if undirected:
                relations[Relation(kind)] = Incoming((forth, back), _spread((back, forth), space.total))
            else:
                relations[Relation(kind)] = Incoming((forth,), _spread((back,), space.total))
                relations[Relation(kind, reverse=True)] = Incoming((back,), _spread((forth,), space.total))
        return cls(space.total, relations, Lazy(links), ways)

    @property
    def num_entries(self) -> int:
        """Messages of one round."""
        return sum(len(entry) for entry in self.relations.values())

    def excluding(self, kind: EdgeType, edges: Ints) -> dict[EdgeType | Relation, Mask]:
        """A mask over the edges of a type, (edges,): these, (m,), their copies and their opposites."""
        numbers = self.links[kind]
        marked = np.zeros(int(numbers.max(initial=-1)) + 1, dtype=bool)
        marked[numbers[edges]] = True
        return {kind: marked[numbers]}

    def since(self, moment: float) -> dict[EdgeType | Relation, Mask]:
        """A mask over the entries of each relation that has times, (entries,): those that came at a moment or later.

        What has no time is as old as any.
        """
        return {
            relation: (entry.since >= moment) & (entry.since > -np.inf)
            for relation, entry in self.relations.items()
            if entry.since is not None
        }

    def before(self, moment: float) -> MessageGraph:
        """The graph without the entries that came at a moment or later."""
        later = self.since(moment)
        relations = {
            relation: entry.where(~later[relation]) if relation in later else entry
            for relation, entry in self.relations.items()
        }
        return replace(self, relations=relations)


def incoming(pairs: Pairs, numbers: Ints, num_nodes: int) -> Incoming:
    """Messages from source to target, (entries,), arranged by target; equal targets in the order of the pairs."""
    by_target = arranged_by(pairs.target, pairs.source, num_nodes, room)
    found = Adjacency(by_target.indptr, by_target.others, picked(numbers, by_target.edges))
    since = None if pairs.time is None else picked(pairs.time, by_target.edges)
    return Incoming((Lists(found),), np.bincount(pairs.source, minlength=num_nodes), since)


def is_one_way(pairs: Pairs, num_nodes: int) -> bool:
    """``one_way`` of pairs in one space of node numbers."""
    by = arranged_by(pairs.source, pairs.target, num_nodes, room)
    return one_way(arranged_by(pairs.target, pairs.source, num_nodes, room), by)


def one_way(to: Adjacency, by: Adjacency) -> bool:
    """Whether the direction of edges within one node type may say something, of edges by target and by source.

    It may where some have no opposite, and not all go from earlier to later. Edges without opposites may be friendships
    that are kept once, or say who follows whom; a label may depend on that, so both directions are relations of their
    own. Where all go the same way along the order of the vertices, direction is that of whoever wrote pairs down. Links
    are asked about differently; see ``LinkProblem``.
    """
    up = down = opposite = False
    total = len(to.indptr) - 1
    for first, last in node_ranges(np.maximum(to.indptr, by.indptr), MOST_SORTED):
        forth, back = (_neighbours(found, first, last, total) for found in (to, by))
        nodes, others = forth // total, forth % total
        up, down = up or bool((others < nodes).any()), down or bool((others > nodes).any())
        opposite = opposite or not np.array_equal(forth, back)
    return up and down and opposite


def _neighbours(found: Adjacency, first: int, last: int, total: int) -> Ints:
    """The distinct neighbours of a range of nodes, as one number for each pair, ascending."""
    part = slice(int(found.indptr[first]), int(found.indptr[last]))
    nodes = np.repeat(np.arange(first, last), np.diff(found.indptr[first : last + 1]))
    return distinct(nodes * total + found.others[part])


def _spread(lists: tuple[Lists, ...], num_nodes: int) -> Ints:
    """How many entries each node has in all lists, int64 (nodes,)."""
    counts = np.zeros(num_nodes, dtype=np.int64)
    for part in lists:
        degrees = part.adjacency.degrees
        counts[part.first_receiver : part.first_receiver + len(degrees)] += degrees
    return counts


def _link_numbers(pairs: Pairs, num_nodes: int, ordered: bool) -> Ints:
    """A number for each edge, (edges,), equal for those that are one link."""
    return parked(numbers_of(codes(pairs, num_nodes, ordered=ordered), parked))


def _links_of(ends: EdgeList, num_nodes: int, ordered: bool) -> Ints:
    """The same of edges in the numbers of their types: both types are one where the order does not count."""
    return _link_numbers(Pairs(np.asarray(ends.source), np.asarray(ends.target)), num_nodes, ordered)
