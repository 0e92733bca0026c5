"""Features of which most numbers are zero, such as the words of a bag: as lists of those that are not.

A step over all vertices costs what there are words, and not what there are columns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy import sparse
from torch import Tensor, nn

from ...message_passing import Neighbours, weighted_sum
from ...pairs.graph import Floats

#: columns from which a feature is looked at, the share of its numbers that may be other than zero, and rows looked at
WIDE, MOST_FILLED, LOOKED_AT = 32, 0.1, 1000
#: numbers of a feature, zeros too, beyond which no lists of it are made
MOST_NUMBERS = 1 << 27


@dataclass(frozen=True)
class SparseRows:
    """Rows of numbers, those that are not zero; see ``times`` for what they are for.

    Args:
        columns: whose row i has the columns of row i's numbers, (n) rows over (width) columns.
        values: the numbers, float32 (numbers,).
    """

    columns: Neighbours
    values: Tensor

    @classmethod
    def of(cls, dense: Floats) -> SparseRows:
        """The rows of a matrix, (n, width)."""
        found = sparse.csr_matrix(dense, dtype=np.float32)
        indptr, columns = (torch.from_numpy(part.astype(np.int64)) for part in (found.indptr, found.indices))
        return cls(Neighbours(indptr, columns, dense.shape[1]), torch.from_numpy(found.data))

    def unit(self) -> SparseRows:
        """The same rows, each of length one."""
        rows = self.columns.rows
        lengths = self.values.new_zeros(self.columns.num_rows).index_add(0, rows, self.values.square()).sqrt()
        return SparseRows(self.columns, self.values / lengths[rows])

    def on(self, device: torch.device) -> SparseRows:
        """The same rows on a device."""
        return SparseRows(self.columns.on(device), self.values.to(device))

    def dropped(self, share: float, training: bool) -> SparseRows:
        """Without a share of the numbers, the others larger by as much, while training."""
        return SparseRows(self.columns, nn.functional.dropout(self.values, share, training))

    def times(self, matrix: Tensor) -> Tensor:
        """The product with a matrix, float32 (width, d) → (n, d)."""
        return weighted_sum(self.columns, matrix.unsqueeze(1), self.values.unsqueeze(1))[:, 0]


def is_sparse(values: Floats) -> bool:
    """Whether most numbers of some rows of a wide feature, (n, d), are zero."""
    if values.ndim < 2 or values.shape[1] < WIDE or not len(values):
        return False
    return bool(np.count_nonzero(values) <= MOST_FILLED * values.size)
