"""The seam to graph libraries: sums and means over the neighbours of each row.

Two backends do the same to 1e-5: DGL 1.1.3 where it is installed, and a twin in plain torch on CSR matrices for where
it has no wheel (Python 3.12 and later). For small graphs the twin is taken anyway, for importing DGL takes longer than
it saves. Nothing else of the training code knows DGL.
"""

from __future__ import annotations

import importlib.util
import warnings
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor

Backend = Literal["dgl", "torch"]
#: message edges from which DGL's import (1.5 s) pays
DGL_FROM_EDGES = 20_000


@dataclass
class Neighbours:
    """Which sources each row hears: those of row i are ``indices[indptr[i]:indptr[i + 1]]``, int64 positions.

    Args:
        indptr: shape (rows + 1,).
        indices: shape (edges,).
        num_sources: positions are below this.
    """

    indptr: Tensor
    indices: Tensor
    num_sources: int
    _turned: tuple[Tensor, Tensor] | None = field(default=None, repr=False)
    _dgl: Any = field(default=None, repr=False)

    @property
    def num_rows(self) -> int:
        """Rows that hear something, or nothing."""
        return len(self.indptr) - 1

    @property
    def degrees(self) -> Tensor:
        """Sources of each row, int64, shape (rows,)."""
        return torch.diff(self.indptr)

    def turned(self) -> tuple[Tensor, Tensor]:
        """The transposed lists, (indptr over sources, rows), made once: gradients flow along them."""
        if self._turned is None:
            order = torch.argsort(self.indices, stable=True)
            rows = torch.repeat_interleave(torch.arange(self.num_rows), self.degrees)
            indptr = torch.zeros(self.num_sources + 1, dtype=torch.int64)
            torch.cumsum(torch.bincount(self.indices, minlength=self.num_sources), 0, out=indptr[1:])
            self._turned = (indptr, rows[order])
        return self._turned


def available() -> tuple[Backend, ...]:
    """The backends that can be used here."""
    return ("dgl", "torch") if importlib.util.find_spec("dgl") is not None else ("torch",)


def choose_backend(num_edges: int) -> Backend:
    """DGL where it is installed and the graph is large enough, else the twin."""
    return "dgl" if num_edges >= DGL_FROM_EDGES and "dgl" in available() else "torch"


def sum_neighbours(neighbours: Neighbours, x: Tensor, backend: Backend = "torch") -> Tensor:
    """The sum of the sources' rows for each row; zero for rows without sources.

    Args:
        neighbours: who hears whom.
        x: float32, shape (sources, d).
        backend: who adds.

    Returns:
        float32, shape (rows, d); gradients flow to ``x``.
    """
    if backend == "dgl":
        dgl = _dgl()
        total: Tensor = dgl.ops.copy_u_sum(_block(dgl, neighbours), x)
        return total
    result: Tensor = _SparseSum.apply(x, neighbours)  # type: ignore[no-untyped-call]
    return result


def mean_neighbours(neighbours: Neighbours, x: Tensor, backend: Backend = "torch") -> Tensor:
    """The mean of the sources' rows for each row; zero for rows without sources. See ``sum_neighbours``."""
    return sum_neighbours(neighbours, x, backend) / neighbours.degrees.clamp(min=1).unsqueeze(1)


class _SparseSum(torch.autograd.Function):
    """CSR matrix of ones times dense; backwards the transposed matrix."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, neighbours: Neighbours) -> Tensor:
        ctx.neighbours = neighbours
        return _ones_times(neighbours.indptr, neighbours.indices, neighbours.num_sources, x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        indptr, rows = ctx.neighbours.turned()
        return _ones_times(indptr, rows, ctx.neighbours.num_rows, gradients[0].contiguous()), None


def _ones_times(indptr: Tensor, indices: Tensor, width: int, x: Tensor) -> Tensor:
    if not len(indices):
        return x.new_zeros(len(indptr) - 1, x.shape[1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch says that CSR support is in beta
        ones = torch.ones(len(indices), dtype=x.dtype)
        matrix = torch.sparse_csr_tensor(indptr, indices, ones, size=(len(indptr) - 1, width))
        return matrix @ x


def _dgl() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations of a library that stopped moving
        import dgl
    return dgl


def _block(dgl: Any, neighbours: Neighbours) -> Any:
    if neighbours._dgl is None:
        csc = ("csc", (neighbours.indptr, neighbours.indices, torch.empty(0, dtype=torch.int64)))
        neighbours._dgl = dgl.create_block(csc, num_src_nodes=neighbours.num_sources, num_dst_nodes=neighbours.num_rows)
    return neighbours._dgl
