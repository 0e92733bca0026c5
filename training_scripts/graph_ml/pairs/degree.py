"""How many links both ends have: what is known of a pair when nothing else is."""

from __future__ import annotations

from typing import Any

import numpy as np

from .graph import Floats, Ints, PairGraph


def degree_block(graph: PairGraph, sources: Ints) -> tuple[Floats, Floats]:
    """ln(1 + degree) of the node and of the source, arrays of shape (n, b)."""
    shape = (graph.num_nodes, len(sources))
    logs = np.log1p(graph.degree)
    return np.broadcast_to(logs[:, None], shape), np.broadcast_to(logs[sources][None, :], shape)


def arrow_block(arrows: Any, sources: Ints, heading: bool) -> tuple[Floats, Floats, Floats]:
    """What the direction of edges says of a pair, arrays of shape (n, b).

    In order: 1 where the opposite edge exists; ln(1 + edges of the node in the role asked for), that is edges coming
    in when targets are asked for; ln(1 + edges of the source in its role).

    Args:
        arrows: CSR matrix of ones from source to target.
        sources: node numbers, shape (b,).
        heading: False asks for targets of the sources, True for nodes that point at them.
    """
    outgoing = np.diff(arrows.indptr).astype(np.float32)
    incoming = np.bincount(arrows.indices, minlength=arrows.shape[1]).astype(np.float32)
    opposite = (arrows[sources].T if heading else arrows[:, sources]).toarray().astype(np.float32)
    role, own = (outgoing, incoming) if heading else (incoming, outgoing)
    return (
        opposite,
        np.broadcast_to(np.log1p(role)[:, None], opposite.shape),
        np.broadcast_to(np.log1p(own[sources])[None, :], opposite.shape),
    )
