"""What the formula of a family sees of one round of messages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...message_passing import Backend, Neighbours, edge_softmax, mean_neighbours, sum_neighbours, weighted_sum
from ...sampling import Block, BlockEdges, Relation


@dataclass(frozen=True)
class Round:
    """What a formula sees: vectors, weights, and the relations of a block.

    Args:
        block: who hears whom.
        x: vectors of the block's sources, float32 (sources, d); its targets are the first rows.
        start: input vectors of the block's targets, float32 (targets, d).
        weights: trained arrays of the round, by name.
        settings: hyperparameters of the family.
        last: whether it is the last round.
        training: whether dropout is on.
        backend: who passes messages.
        known: numbers of the relations that the network was built for.
        ends: numbers of the node types that a relation's messages come from and go to, by relation.
        edge_messages: (relation, edges) → what features of edges add, (rows, d), or None.
    """

    block: Block
    x: Tensor
    start: Tensor
    weights: Mapping[str, Tensor]
    settings: Any
    last: bool
    training: bool
    backend: Backend
    known: Mapping[Relation, int]
    ends: tuple[tuple[int, int], ...]
    edge_messages: Callable[[Relation, BlockEdges], Tensor | None]

    @property
    def own(self) -> Tensor:
        """Vectors of the targets themselves, float32 (targets, d)."""
        return self.x[: self.block.num_targets]

    def relations(self) -> Iterator[tuple[int, Relation, BlockEdges]]:
        """Number, name and edges of every known relation that carries messages here."""
        for relation, edges in self.block.relations.items():
            if relation in self.known and len(edges.rows):
                yield self.known[relation], relation, edges

    def summed(self, message: Callable[[int, BlockEdges], Tensor], width: int | None = None) -> Tensor:
        """The sum over relations of what each sends.

        Args:
            message: (number of the relation, its edges) → (rows that hear something, d).
            width: columns of a message that is no vector; features of edges join vectors alone.

        Returns:
            float32 (targets, d).
        """
        total = self.x.new_zeros(self.block.num_targets, self.x.shape[1] if width is None else width)
        for number, relation, edges in self.relations():
            sent = message(number, edges)
            more = self.edge_messages(relation, edges) if width is None else None
            total = total.index_add(0, edges.rows, (sent if more is None else sent + more).to(total.dtype))
        return total

    def mean(self, edges: BlockEdges) -> Tensor:
        """Mean of the neighbours' vectors, float32 (rows, d)."""
        return mean_neighbours(edges.neighbours, self.x, self.backend)

    def sum(self, edges: BlockEdges) -> Tensor:
        """Sum of the neighbours' vectors, float32 (rows, d)."""
        return sum_neighbours(edges.neighbours, self.x, self.backend)

    def symmetric(self, edges: BlockEdges) -> Tensor:
        """Σ_u h_u / √(d_u d_v), degrees within the relation, float32 (rows, d)."""
        scaled = self.x * edges.sent.clamp(min=1).rsqrt().unsqueeze(1)
        total = sum_neighbours(edges.neighbours, scaled, self.backend)
        return total * edges.neighbours.degrees.to(total.dtype).clamp(min=1).rsqrt().unsqueeze(1)

    def attended(self, edges: BlockEdges, values: Tensor, scores: Tensor) -> Tensor:
        """Sums of values weighted by the softmax of the scores of a row's edges.

        Args:
            edges: of one relation.
            values: of the sources, (sources, heads, d).
            scores: of the edges, (edges, heads).

        Returns:
            float32 (rows, heads, d).
        """
        return self.weighted(edges.neighbours, values, edge_softmax(edges.neighbours, scores, self.backend))

    def weighted(self, neighbours: Neighbours, values: Tensor, shares: Tensor) -> Tensor:
        """Sums of values, (sources, heads, d), by shares of the edges, (edges, heads): float32 (rows, heads, d)."""
        return weighted_sum(neighbours, values, shares, self.backend)

    def shares(self, neighbours: Neighbours, scores: Tensor) -> Tensor:
        """The softmax of the scores of a row's edges, with dropout while training, float32 (edges, heads)."""
        return self.dropped(edge_softmax(neighbours, scores, self.backend))

    def heard_and_itself(self) -> Neighbours:
        """What every target hears along the edges of the only relation, and itself."""
        for _, _, edges in self.relations():
            return edges.neighbours.with_themselves(edges.rows, self.block.num_targets)
        nobody = torch.zeros(0, dtype=torch.int64, device=self.x.device)
        return Neighbours(nobody.new_zeros(1), nobody, len(self.x)).with_themselves(nobody, self.block.num_targets)

    def attended_together(
        self, scores: Callable[[int, BlockEdges], Tensor], values: Callable[[int, BlockEdges], Tensor]
    ) -> Tensor:
        """Sums of values weighted by one softmax over all edges of a target, whatever their relation.

        Args:
            scores: (number of the relation, its edges) → (edges, heads).
            values: (number of the relation, its edges) → of the sources, (sources, heads, d / heads).

        Returns:
            float32 (targets, d).
        """
        every = list(self.relations())
        if not every:
            return self.x.new_zeros(self.block.num_targets, self.x.shape[1])
        raw = torch.cat([scores(number, edges) for number, _, edges in every])
        targets = torch.cat([edges.rows[edges.neighbours.rows] for _, _, edges in every])
        order = torch.argsort(targets, stable=True)
        indptr = targets.new_zeros(self.block.num_targets + 1)
        torch.cumsum(torch.bincount(targets, minlength=self.block.num_targets), 0, out=indptr[1:])
        # the softmax looks at rows alone, so where an edge comes from need not be said
        sorted_shares = edge_softmax(Neighbours(indptr, torch.zeros_like(order), 1), raw[order], "torch")
        shares = torch.empty_like(sorted_shares).index_copy(0, order, sorted_shares)
        counts = [len(edges.neighbours.indices) for _, _, edges in every]
        by_relation = dict(zip((number for number, _, _ in every), torch.split(shares, counts), strict=True))

        def message(number: int, edges: BlockEdges) -> Tensor:
            sent = weighted_sum(edges.neighbours, values(number, edges), by_relation[number], self.backend)
            return sent.flatten(1)

        return self.summed(message)

    def with_own(self, total: Tensor) -> Tensor:
        """Messages and the vertex itself through its own matrix, where there is one; float32 (targets, d)."""
        return total + self.own @ self.weights["own"] if "own" in self.weights else total

    def activated(self, total: Tensor, dropout: bool = True) -> Tensor:
        """Bias; and in all rounds but the last normalisation, rectifier and dropout; float32 (targets, d)."""
        out = total + self.weights["bias"]
        if self.last:
            return out
        out = torch.relu(self.normalised(out))
        return self.dropped(out) if dropout else out

    def normalised(self, x: Tensor) -> Tensor:
        """Layer normalisation, where the round has any; float32 (n, d)."""
        if "norm_scale" not in self.weights:
            return x
        return nn.functional.layer_norm(x, x.shape[1:], self.weights["norm_scale"], self.weights["norm_shift"])

    def bent(self, x: Tensor) -> Tensor:
        """ELU: numbers below zero approach −1; float32 (n, d)."""
        return nn.functional.elu(x)

    def dropped(self, x: Tensor) -> Tensor:
        """Dropout on float32 (n, d), while training."""
        return nn.functional.dropout(x, self.settings.dropout, self.training)

    def unit_length(self, x: Tensor) -> Tensor:
        """Rows scaled to length one, float32 (n, d)."""
        return nn.functional.normalize(x, dim=1)
