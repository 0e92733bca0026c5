"""What attributes let expect: the factors and the degree of a vertex, learned from all vertices by ridge regression.

Cosines ask whether two vertices have the same attributes; this asks whether those with such attributes are linked. It
tells of vertices with hardly any links, of whom walks tell nothing.

Source: regression-based latent factors, Agarwal and Chen 2009, in two steps: factors first, then attributes onto them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse

from .graph import NOBODY, Floats, Ints
from .ials import Factors

RIDGE = 10.0
STEPS = 20
#: vertices that are learned from at most
ENOUGH = 50_000
#: numbers that are learned at once, which bounds memory
AT_ONCE = 16
#: a column of this number for every vertex stands for what has nothing to do with attributes
ALWAYS = 3.0


@dataclass(frozen=True)
class Affinity:
    """A linear map from the attributes of vertices to their factors and degrees.

    Args:
        weights: float32 (attributes + 1, 2 d + 1): the words' rows, then the numbers', then that of ``ALWAYS``; columns
            for the left and the right factors, and for ln(1 + degree).
        degree: ln(1 + degree) as it is to be expected of every vertex, float32 (n,).
    """

    weights: Floats
    degree: Floats

    @classmethod
    def fit(
        cls,
        factors: Factors,
        degree: Floats,
        bag: Any | None,
        numbers: Floats | None,
        rng: np.random.Generator,
        unknown: Ints = NOBODY,
    ) -> Affinity:
        """Learn from the vertices of a graph, or from as many of them as are enough.

        Args:
            factors: theirs, (n, d).
            degree: theirs, float32 (n,).
            bag: unit rows of words, CSR (n, words), or None.
            numbers: unit rows of numbers, dense (n, numbers), or None.
            rng: draws vertices where there are more than enough.
            unknown: vertices that nothing is learned from, (u,).
        """
        chosen: Any = np.delete(np.arange(len(degree)), unknown) if len(unknown) else slice(None)
        if len(degree) - len(unknown) > ENOUGH:
            every = chosen if len(unknown) else len(degree)
            chosen = np.sort(rng.choice(every, ENOUGH, replace=False))
        parts = [sparse.csr_matrix(rows[chosen]) for rows in (bag, numbers) if rows is not None]
        always = sparse.csr_matrix(np.full((len(degree[chosen]), 1), ALWAYS, dtype=np.float32))
        rows = sparse.hstack([*parts, always], format="csr", dtype=np.float32)
        wanted = (factors.left, factors.right, np.log1p(degree)[:, None])
        weights = np.hstack([ridge(rows, target[chosen]) for target in wanted])
        return cls.of(weights.astype(np.float32), bag, numbers)

    @classmethod
    def of(cls, weights: Floats, bag: Any | None, numbers: Floats | None) -> Affinity:
        """A learned map, and the degrees that it lets expect of some vertices; see ``fit``."""
        return cls(weights, times(bag, numbers, weights[:, -1:])[:, 0])

    def among(self, nodes: Ints) -> Affinity:
        """The same of some vertices, (m,)."""
        return replace(self, degree=self.degree[nodes])

    def block(self, factors: Factors, bag: Any | None, numbers: Floats | None, sources: Ints) -> Sequence[Floats]:
        """Five features of each (node, source) pair, arrays of shape (n, b).

        In order: the product of the factors that are expected of both; of those expected of the node with the source's
        own; of the node's own with those expected of the source; the degree expected of the node, and of the source.

        Args:
            factors: of all nodes.
            bag, numbers: unit rows of their attributes, as in ``fit``.
            sources: node numbers, shape (b,).
        """
        size = factors.left.shape[1]
        to_left, to_right = self.weights[:, :size], self.weights[:, size : 2 * size]
        own = [None if rows is None else rows[sources] for rows in (bag, numbers)]
        left, right = times(own[0], own[1], to_left), times(own[0], own[1], to_right)
        half = np.float32(0.5)
        both = times(bag, numbers, half * (to_right @ left.T + to_left @ right.T))
        known = times(bag, numbers, half * (to_right @ factors.left[sources].T + to_left @ factors.right[sources].T))
        back = half * (factors.right @ left.T + factors.left @ right.T)
        shape = both.shape
        return (
            both,
            known,
            back,
            np.broadcast_to(self.degree[:, None], shape),
            np.broadcast_to(self.degree[sources][None, :], shape),
        )


def times(bag: Any | None, numbers: Floats | None, matrix: Floats) -> Floats:
    """Attributes of vertices, (n, words) and (n, numbers), beside ``ALWAYS``, times a matrix: (a + 1, k) → (n, k)."""
    total, begin = np.float32(ALWAYS) * matrix[-1:], 0
    for rows in (bag, numbers):
        if rows is not None:
            total = total + rows @ np.ascontiguousarray(matrix[begin : begin + rows.shape[1]])
            begin += rows.shape[1]
    return np.asarray(total, dtype=np.float32)


def ridge(rows: Any, wanted: Floats) -> Floats:
    """W that makes ‖rows W − wanted‖² + 10 ‖W‖² smallest, by conjugate gradients.

    Args:
        rows: CSR (n, a).
        wanted: (n, k).

    Returns:
        float64 (a, k).
    """
    turned = rows.T.tocsr()
    found = np.zeros((rows.shape[1], wanted.shape[1]))
    for begin in range(0, wanted.shape[1], AT_ONCE):
        part = slice(begin, begin + AT_ONCE)
        residual = np.asarray(turned @ np.ascontiguousarray(wanted[:, part]), dtype=np.float64)
        direction, norm = residual.copy(), np.square(residual).sum(axis=0)
        for _ in range(STEPS):
            applied = turned @ (rows @ direction) + RIDGE * direction
            step = norm / np.maximum((direction * applied).sum(axis=0), 1e-30)
            found[:, part] += step * direction
            residual = residual - step * applied
            fresh = np.square(residual).sum(axis=0)
            direction = residual + fresh / np.maximum(norm, 1e-30) * direction
            norm = fresh
    return found
