"""How many links both ends have: what is known of a pair when nothing else is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .graph import Floats, Ints, PairGraph


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
