"""Link prediction as a problem: which pairs to learn from, what the model may see, and who is a candidate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from .graph import EdgeType, GraphData, Target
from .judging.metrics import Exclusions
from .pairs import NodeSpace, PairGraph
from .pairs.graph import Ints

#: opposite edges say something where some pairs have them and some have not
RECIPROCITY = (0.01, 0.99)
#: relations within one node type up to which each may be a mutual one
MOST_FRIENDSHIPS = 3


@dataclass(frozen=True)
class Pairs:
    """Directed pairs of node numbers, int64, shape (m,) each."""

    source: Ints
    target: Ints

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, chosen: Any) -> Pairs:
        return Pairs(self.source[chosen], self.target[chosen])

    def turned(self) -> Pairs:
        """The opposite pairs."""
        return Pairs(self.target, self.source)

    @classmethod
    def join(cls, parts: Iterable[Pairs]) -> Pairs:
        """All pairs of several lists."""
        several = list(parts)
        none = np.empty(0, dtype=np.int64)
        return cls(
            np.concatenate([none, *(part.source for part in several)]),
            np.concatenate([none, *(part.target for part in several)]),
        )


@dataclass(frozen=True)
class LinkProblem:
    """One edge type whose links are to be predicted, in numbers of one node space.

    Edges are undirected for messages. They are undirected for answers too where both ends have one type and opposite
    edges occur always or never, as in a table of friendships; then a link of either direction makes two vertices
    known to each other, and pairs of the validation and test split leave no opposite edge in the training split.
    Where opposite edges occur sometimes (``directed``), each direction is a link of its own.
    """

    edge_type: EdgeType
    space: NodeSpace
    train: Pairs
    valid: Pairs
    test: Pairs
    context: Mapping[EdgeType, Pairs]
    directed: bool

    @classmethod
    def from_graph(cls, graph: GraphData, target: Target) -> LinkProblem:
        """The problem of one link-prediction target of a processed graph."""
        edge_type, split = target.edge_type, graph.splits[target]
        space = NodeSpace(dict(graph.num_nodes))
        everything = numbered(graph, edge_type, space)
        used = np.concatenate([split.train, split.valid, split.test])
        # edges outside every split are known and need not be predicted
        rest = np.setdiff1d(np.arange(len(everything)), used)
        train = everything[np.concatenate([np.asarray(split.train), rest])]
        valid, test = everything[np.asarray(split.valid)], everything[np.asarray(split.test)]
        context = {kind: numbered(graph, kind, space) for kind in graph.edge_types if kind != edge_type}
        return cls.from_pairs(
            edge_type, space, train, valid, test, context, directed=speaks_in_triples(graph, edge_type)
        )

    @classmethod
    def from_pairs(
        cls,
        edge_type: EdgeType,
        space: NodeSpace,
        train: Pairs,
        valid: Pairs,
        test: Pairs,
        context: Mapping[EdgeType, Pairs] | None = None,
        directed: bool = False,
    ) -> LinkProblem:
        """Settle the direction, if it is not given, and take self loops and leaks away."""
        train, valid, test = (part[part.source != part.target] for part in (train, valid, test))
        total = space.total
        within = edge_type.source == edge_type.target
        directed = within and (directed or is_directed(Pairs.join([train, valid, test]), total))
        if edge_type.source == edge_type.target and not directed:
            # the opposite of a held-out edge would tell the answer
            held = np.unique(codes(Pairs.join([valid, test]), total, ordered=False))
            train = train[~np.isin(codes(train, total, ordered=False), held)]
            later = np.unique(codes(test, total, ordered=False))
            valid = valid[~np.isin(codes(valid, total, ordered=False), later)]
        return cls(edge_type, space, train, valid, test, dict(context or {}), directed)

    @property
    def homogeneous(self) -> bool:
        """Both ends have the same type."""
        return self.edge_type.source == self.edge_type.target

    @property
    def everything(self) -> Pairs:
        """All known links of the edge type."""
        return Pairs.join([self.train, self.valid, self.test])

    def candidates(self, heading: bool) -> slice:
        """Who may be the other end: targets, or sources when ``heading``."""
        return self.space.range(self.edge_type.source if heading else self.edge_type.target)

    def known(self, pairs: Pairs, heading: bool) -> Exclusions:
        """For each query node, the candidates (counted from the first one) that ``pairs`` already link it to."""
        lists = [pairs.turned()] if heading else [pairs]
        if self.homogeneous and not self.directed:
            lists = [pairs, pairs.turned()]
        first = self.candidates(heading).start
        return Exclusions.from_edges(self.space.total, [(part.source, part.target - first) for part in lists])

    def views(self, pairs: Pairs) -> list[tuple[str, PairGraph]]:
        """The message graphs over these links: the target's own, and with other edge types one of all edges."""
        own = ("target", PairGraph.from_edges(pairs.source, pairs.target, self.space.total))
        if not any(len(part) for part in self.context.values()):
            return [own]
        whole = Pairs.join([pairs, *self.context.values()])
        return [own, ("all", PairGraph.from_edges(whole.source, whole.target, self.space.total))]

    def arrows(self, pairs: Pairs) -> Any | None:
        """The links as a CSR matrix from source to target where direction matters, else None."""
        if not self.directed:
            return None
        shape = (self.space.total, self.space.total)
        ones = np.ones(len(pairs), dtype=np.float32)
        matrix = sparse.csr_matrix((ones, (pairs.source, pairs.target)), shape=shape)
        matrix.sum_duplicates()
        matrix.data[:] = 1.0
        return matrix


def numbered(graph: GraphData, edge_type: EdgeType, space: NodeSpace) -> Pairs:
    """The edges of one type in numbers of the node space."""
    edges, offsets = graph.edges[edge_type], space.offsets
    return Pairs(
        np.asarray(edges.source, dtype=np.int64) + offsets[edge_type.source],
        np.asarray(edges.target, dtype=np.int64) + offsets[edge_type.target],
    )


def codes(pairs: Pairs, total: int, ordered: bool) -> Ints:
    """One number a pair; the same for both orders unless ``ordered``."""
    if ordered:
        return pairs.source * total + pairs.target
    low, high = np.minimum(pairs.source, pairs.target), np.maximum(pairs.source, pairs.target)
    result: Ints = low * total + high
    return result


def speaks_in_triples(graph: GraphData, edge_type: EdgeType) -> bool:
    """Whether edges are statements of subject and object: knowledge graphs, and node types with many relations.

    A single relation without opposite edges may be a friendship that is kept once; "born in" is kept once too, but
    comes among others.
    """
    own = [kind for kind in graph.edge_types if kind.source == kind.target == edge_type.source]
    return graph.model_type == "kge" or len(own) > MOST_FRIENDSHIPS


def is_directed(pairs: Pairs, total: int) -> bool:
    """Whether opposite edges occur, but not always."""
    forth = np.unique(codes(pairs, total, ordered=True))
    if not len(forth):
        return False
    share = float(np.isin(forth, codes(pairs.turned(), total, ordered=True)).mean())
    return RECIPROCITY[0] < share < RECIPROCITY[1]
