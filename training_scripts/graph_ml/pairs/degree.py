"""How many links both ends have, and what the direction of links says of a pair."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .graph import Floats, Ints, PairGraph, per_neighbour


@dataclass(frozen=True)
class Arrows:
    """Directed edges without copies.

    Args:
        matrix: CSR matrix of ones from source to target, (n, n).
        outgoing, incoming: edges of each node in either role, float32 (n,).
    """

    matrix: Any
    outgoing: Floats
    incoming: Floats

    @classmethod
    def of(cls, matrix: Any) -> Arrows:
        """With the degrees of a matrix."""
        incoming = np.bincount(matrix.indices, minlength=matrix.shape[1]).astype(np.float32)
        return cls(matrix, np.diff(matrix.indptr).astype(np.float32), incoming)

    def among(self, nodes: Ints) -> Arrows:
        """The edges between some nodes, (m,), which get the numbers of their places; degrees stay those here."""
        return Arrows(self.matrix[nodes][:, nodes], self.outgoing[nodes], self.incoming[nodes])


def degree_block(graph: PairGraph, sources: Ints) -> tuple[Floats, Floats]:
    """ln(1 + degree) of the node and of the source, arrays of shape (n, b)."""
    shape = (graph.num_nodes, len(sources))
    logs = np.log1p(graph.degree)
    return np.broadcast_to(logs[:, None], shape), np.broadcast_to(logs[sources][None, :], shape)


def arrow_block(arrows: Arrows, sources: Ints, predict_heads: bool) -> tuple[Floats, Floats, Floats]:
    """What the direction of edges says of a pair, arrays of shape (n, b).

    In order: 1 where the opposite edge exists; ln(1 + edges of the node in the role asked for), that is edges coming
    in when targets are asked for; ln(1 + edges of the source in its role).

    Args:
        arrows: edges from source to target.
        sources: node numbers, shape (b,).
        predict_heads: False asks for targets of the sources, True for nodes that point at them.
    """
    matrix = arrows.matrix
    opposite = (matrix[sources].T if predict_heads else matrix[:, sources]).toarray().astype(np.float32)
    role, own = (arrows.outgoing, arrows.incoming) if predict_heads else (arrows.incoming, arrows.outgoing)
    return (
        opposite,
        np.broadcast_to(np.log1p(role)[:, None], opposite.shape),
        np.broadcast_to(np.log1p(own[sources])[None, :], opposite.shape),
    )


def along_block(arrows: Arrows, sources: Ints, predict_heads: bool) -> tuple[Floats, Floats]:
    """What paths that keep to the direction of edges say of a pair, arrays of shape (n, b).

    In order: ln(.01 + l3) of paths source → x ← y → node, each weighted by 1 / sqrt(d_x d_y), d_x edges coming into x
    and d_y going out of y; ln(1 + 3 chains) of paths source → x → node, weighted by 1 / sqrt(edges going out of x).

    Args:
        arrows: edges from source to target.
        sources: node numbers, shape (b,).
        predict_heads: False asks for targets of the sources, True for nodes that point at them: all edges turned round.

    Source: Kovács et al. 2019 (L3), with directions.
    """
    forth, back = arrows.matrix, arrows.matrix.T
    into, out = per_neighbour(arrows.incoming, 0.5)[:, None], per_neighbour(arrows.outgoing, 0.5)[:, None]
    if predict_heads:
        forth, back, into, out = back, forth, out, into
    rows = arrows.matrix[:, sources] if predict_heads else arrows.matrix[sources].T
    reached = rows.toarray().astype(np.float32)
    three: Floats = back @ (out * (forth @ (into * reached)))
    two: Floats = back @ (out * reached)
    return np.log(np.float32(0.01) + three), np.log1p(3 * two)
