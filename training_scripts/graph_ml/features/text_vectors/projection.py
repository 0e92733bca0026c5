"""Counts of many terms as few numbers: sparse rows, and the random projection that makes them short."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..encoding import FloatArray

DIMS = 100


class SparseRows:
    """Rows of weights, most of them zero, as they are found one by one; kept as blocks that take 8 bytes a number."""

    def __init__(self, width: int) -> None:
        self._width, self._rows = width, 0
        self._blocks: list[NDArray[np.float64]] = []
        self._open: list[tuple[float, float, float]] = []

    def add(self, weights: Iterable[tuple[int, float]]) -> None:
        """One more row: (position, weight) of all that is not zero."""
        self._open.extend((self._rows, position, weight) for position, weight in weights)
        self._rows += 1
        if len(self._open) >= 65_536:
            self._blocks.append(np.array(self._open))
            self._open = []

    def projected(self, dims: int, seed: int, always: bool = False) -> FloatArray:
        """The rows, shape (n, min(dims, width)); projected where they are wider than ``dims``, or always."""
        from scipy.sparse import csr_matrix  # here, because endpoints without text features do without it

        entries = np.concatenate([*self._blocks, np.array(self._open, dtype=np.float64).reshape(-1, 3)])
        where: tuple[NDArray[Any], NDArray[Any]] = (entries[:, 0].astype(np.int64), entries[:, 1].astype(np.int64))
        matrix = csr_matrix((entries[:, 2].astype(np.float32), where), shape=(self._rows, self._width))
        if self._width <= dims and not always:
            return np.asarray(matrix.toarray(), dtype=np.float32)
        return np.asarray(matrix @ sparse_projection(self._width, dims, seed), dtype=np.float32)


@lru_cache(maxsize=8)
def sparse_projection(features: int, dims: int, seed: int) -> FloatArray:
    """A random matrix that nearly keeps distances: float32, shape (features, dims), most of it zero.

    Entries are 0 but for a share 1/sqrt(features), which are +-sqrt(sqrt(features) / dims). The matrix is kept, because
    an endpoint asks for the same one at every request; it must not be written to.

    Source: Li, Hastie, Church 2006.
    """
    rng = np.random.default_rng([seed, features, dims])
    density = 1.0 / np.sqrt(features)
    drawn = rng.random((features, dims), dtype=np.float32)
    signs = np.where(rng.random((features, dims), dtype=np.float32) < 0.5, -1.0, 1.0)
    size = np.sqrt(1.0 / (density * dims))
    return np.where(drawn < density, signs * size, 0.0).astype(np.float32)
