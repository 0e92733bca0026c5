"""Implicit alternating least squares on the adjacency matrix: one vector as a source and one as a target per node."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from ..scratch import blocks, room
from .graph import Floats, Ints, PairGraph

CONFIDENCE = 5.0
RIDGE = 10.0
#: links whose vectors are gathered at once: they fit in the cache of a processor
GATHERED = 16_384
#: rows that are solved at once
SOLVED = 1 << 17


@dataclass(frozen=True)
class Factors:
    """What iALS learned: ``left[u] · right[v]`` is about 1 for a link and about 0 elsewhere. Shapes (n, d)."""

    left: Floats
    right: Floats

    def block(self, sources: Ints) -> Floats:
        """Scores of all nodes for each source, shape (n, b); the mean of both orders, as the graph has no direction."""
        scores: Floats = self.right @ self.left[sources].T + self.left @ self.right[sources].T
        scores *= np.float32(0.5)
        return scores

    def among(self, nodes: Ints) -> Factors:
        """Those of some nodes, (m,)."""
        return Factors(self.left[nodes], self.right[nodes])


def fit_ials(
    graph: PairGraph,
    size: int,
    sweeps: int,
    rng: np.random.Generator,
    begun: tuple[int, Factors] | None = None,
    tell: Callable[[int, Factors], None] | None = None,
) -> Factors:
    """Factorise A + I with weight 1 + 5 on links and 1 elsewhere, ridge 10.

    Every half sweep solves all rows at once by four conjugate-gradient steps from the last sweep's solution.

    Args:
        graph: the message graph.
        size: length d of the vectors.
        sweeps: alternations.
        rng: start values.
        begun: sweeps that are done, and what came of them.
        tell: called after each sweep with how many are done and what has come of them.

    Source: Hu, Koren, Volinsky 2008; conjugate gradients after Takács, Pilászy, Tikk 2011.
    """
    links = (graph.adjacency + sparse.identity(graph.num_nodes, dtype=np.float32, format="csr")).tocsr()
    start = 1.0 / np.sqrt(size)
    left, right = (drawn(rng, graph.num_nodes, size, start) for _ in range(2))
    done = 0
    if begun is not None:
        done, (left, right) = begun[0], (begun[1].left, begun[1].right)
    for sweep in range(done, sweeps):
        left = half_sweep(links, right, left)
        right = half_sweep(links, left, right)  # links is its own transpose
        if tell is not None:
            tell(sweep + 1, Factors(left, right))
    return Factors(left, right)


def fold_in(graph: PairGraph, factors: Factors) -> Factors:
    """Factors for a graph that has gained edges or nodes: one half sweep each from the known vectors.

    Nodes beyond the known ones start at zero. Known nodes keep their vectors but where they gained a new neighbour's
    link that vector is worth little, so only the new rows are replaced.
    """
    known, size = factors.left.shape
    extra = np.zeros((graph.num_nodes - known, size), dtype=np.float32)
    left, right = np.vstack([factors.left, extra]), np.vstack([factors.right, extra])
    if not len(extra):
        return factors
    # a new row sees only neighbours whose vectors are known, itself included at zero
    rows = graph.adjacency[known:]
    left[known:] = half_sweep(rows, right, extra, steps=8)
    right[known:] = half_sweep(rows, left, extra, steps=8)
    return Factors(left, right)


def half_sweep(links: Any, other: Floats, start: Floats, steps: int = 4) -> Floats:
    """Solve (V'V + 5 V_u'V_u + 10) x_u = 6 Σ V_u for every row u of ``links`` by conjugate gradients.

    Args:
        links: CSR matrix of ones, shape (r, n).
        other: the fixed side V, shape (n, d).
        start: first guess, shape (r, d).
        steps: conjugate-gradient steps.
    """
    gram = other.T @ other + np.float32(RIDGE) * np.eye(other.shape[1], dtype=np.float32)
    if links.shape[0] <= SOLVED:
        return _solved(links, other, gram, start, steps)
    found: Floats = room(start.shape, np.float32)
    for part in blocks(len(start), SOLVED):
        found[part] = _solved(links[part], other, gram, start[part], steps)
    return found


def drawn(rng: np.random.Generator, nodes: int, size: int, scale: float) -> Floats:
    """Normal numbers of a deviation, float32 (nodes, size)."""
    found: Floats = room((nodes, size), np.float32)
    for part in blocks(nodes, SOLVED):
        found[part] = rng.standard_normal((part.stop - part.start, size)) * scale
    return found


def _solved(links: Any, other: Floats, gram: Floats, start: Floats, steps: int) -> Floats:
    """``half_sweep`` of some rows at once, with V'V and the ridge as ``gram``, (d, d)."""
    rows = np.repeat(np.arange(links.shape[0]), np.diff(links.indptr))
    weighted = sparse.csr_matrix(
        (np.empty(len(rows), dtype=np.float32), links.indices, links.indptr), shape=links.shape, copy=False
    )

    def product(x: Floats) -> Floats:
        # Σ_w v_w (v_w · x_u) over the links of u: a product sampled at the links, then a sparse product
        for start in range(0, len(rows), GATHERED):
            part = slice(start, start + GATHERED)
            found = np.einsum("ij,ij->i", other[links.indices[part]], x[rows[part]])
            weighted.data[part] = np.float32(CONFIDENCE) * found
        result: Floats = x @ gram + weighted @ other
        return result

    x = start.copy()
    residual = np.float32(1 + CONFIDENCE) * (links @ other) - product(x)
    direction = residual.copy()
    norm = np.einsum("ij,ij->i", residual, residual)
    for _ in range(steps):
        applied = product(direction)
        alpha = norm / np.maximum(np.einsum("ij,ij->i", direction, applied), np.float32(1e-12))
        x += alpha[:, None] * direction
        residual -= alpha[:, None] * applied
        fresh = np.einsum("ij,ij->i", residual, residual)
        direction = residual + (fresh / np.maximum(norm, np.float32(1e-12)))[:, None] * direction
        norm = fresh
    return x
