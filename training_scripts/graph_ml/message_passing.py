"""The seam to graph libraries: sums, means and attention over the neighbours of each row.

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
#: devices on which torch multiplies sparse matrices; elsewhere messages are added one by one
CSR_DEVICES = ("cpu", "cuda")


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
    _turned: tuple[Tensor, Tensor, Tensor] | None = field(default=None, repr=False)
    _rows: Tensor | None = field(default=None, repr=False)
    _dgl: Any = field(default=None, repr=False)
    _themselves: Neighbours | None = field(default=None, repr=False)

    @property
    def num_rows(self) -> int:
        """Rows that hear something, or nothing."""
        return len(self.indptr) - 1

    @property
    def degrees(self) -> Tensor:
        """Sources of each row, int64, shape (rows,)."""
        return torch.diff(self.indptr)

    @property
    def rows(self) -> Tensor:
        """The row that each edge belongs to, int64, shape (edges,); made once."""
        if self._rows is None:
            self._rows = torch.repeat_interleave(torch.arange(self.num_rows, device=self.indptr.device), self.degrees)
        return self._rows

    def on(self, device: torch.device) -> Neighbours:
        """The same lists on a device."""
        if self.indptr.device == device:
            return self
        return Neighbours(self.indptr.to(device), self.indices.to(device), self.num_sources)

    def with_themselves(self, targets: Tensor, total: int) -> Neighbours:
        """Lists of the first ``total`` sources, each of which hears itself as well; made once.

        Args:
            targets: which of these sources each row is, int64, shape (rows,).
            total: how many hear something.
        """
        if self._themselves is None:
            every = torch.arange(total, device=self.indptr.device)
            rows = torch.cat([targets[self.rows], every])
            order = torch.argsort(rows, stable=True)
            indptr = self.indptr.new_zeros(total + 1)
            torch.cumsum(torch.bincount(rows, minlength=total), 0, out=indptr[1:])
            self._themselves = Neighbours(indptr, torch.cat([self.indices, every])[order], self.num_sources)
        return self._themselves

    def turned(self) -> tuple[Tensor, Tensor, Tensor]:
        """The transposed lists, made once: gradients flow along them.

        Returns:
            int64: indptr over sources, shape (sources + 1,); the row of each entry, and the edge that it is, (edges,).
        """
        if self._turned is None:
            order = torch.argsort(self.indices, stable=True)
            indptr = self.indptr.new_zeros(self.num_sources + 1)
            torch.cumsum(torch.bincount(self.indices, minlength=self.num_sources), 0, out=indptr[1:])
            self._turned = (indptr, self.rows[order], order)
        return self._turned


def available() -> tuple[Backend, ...]:
    """The backends that can be used here."""
    return ("dgl", "torch") if importlib.util.find_spec("dgl") is not None else ("torch",)


def choose_backend(num_edges: int, device: str = "cpu") -> Backend:
    """DGL where it is installed, the graph is large enough and the device is the processor, else the twin.

    DGL's ordinary wheels know no GPU.
    """
    return "dgl" if device == "cpu" and num_edges >= DGL_FROM_EDGES and "dgl" in available() else "torch"


def sum_neighbours(neighbours: Neighbours, x: Tensor, backend: Backend = "torch") -> Tensor:
    """The sum of the sources' rows for each row; zero for rows without sources.

    Args:
        neighbours: who hears whom.
        x: float32, shape (sources, d).
        backend: who adds.

    Returns:
        float32, shape (rows, d); gradients flow to ``x``.
    """
    x = _exact(x)
    if backend == "dgl":
        dgl = _dgl()
        total: Tensor = dgl.ops.copy_u_sum(_block(dgl, neighbours), x)
        return total
    result: Tensor = _SparseSum.apply(x, neighbours)  # type: ignore[no-untyped-call]
    return result


def mean_neighbours(neighbours: Neighbours, x: Tensor, backend: Backend = "torch") -> Tensor:
    """The mean of the sources' rows for each row; zero for rows without sources. See ``sum_neighbours``."""
    return sum_neighbours(neighbours, x, backend) / neighbours.degrees.clamp(min=1).unsqueeze(1)


def edge_softmax(neighbours: Neighbours, scores: Tensor, backend: Backend = "torch") -> Tensor:
    """Shares of each row's edges that sum to one, e^s / Σ e^s over the edges of the row.

    Args:
        neighbours: which edges belong to which row.
        scores: one column a head, float32, shape (edges, heads).
        backend: who divides.

    Returns:
        float32, shape (edges, heads); gradients flow to ``scores``.

    Source: Veličković et al. 2018, equation 3.
    """
    scores = _exact(scores)
    if backend == "dgl":
        dgl = _dgl()
        shares: Tensor = dgl.ops.edge_softmax(_block(dgl, neighbours), scores)
        return shares
    rows = neighbours.rows
    highest = scores.new_full((neighbours.num_rows, scores.shape[1]), -torch.inf)
    # the highest score is taken away so that no exponential overflows; it cancels, so no gradient passes it
    highest = highest.scatter_reduce(0, rows.unsqueeze(1).expand_as(scores), scores.detach(), "amax")
    raised = torch.exp(scores - highest[rows])
    totals = raised.new_zeros(neighbours.num_rows, scores.shape[1]).index_add(0, rows, raised)
    return raised / totals[rows]


def weighted_sum(neighbours: Neighbours, x: Tensor, weights: Tensor, backend: Backend = "torch") -> Tensor:
    """The sum of the sources' rows, each weighted by its edge, for each row and head.

    Args:
        neighbours: who hears whom.
        x: float32, shape (sources, heads, d).
        weights: of the edges, float32, shape (edges, heads).
        backend: who adds.

    Returns:
        float32, shape (rows, heads, d); gradients flow to ``x`` and ``weights``.
    """
    x, weights = _exact(x), _exact(weights)
    if backend == "dgl":
        dgl = _dgl()
        total: Tensor = dgl.ops.u_mul_e_sum(_block(dgl, neighbours), x, weights.unsqueeze(-1))
        return total
    heads = [_WeightedSum.apply(x[:, h], weights[:, h], neighbours) for h in range(x.shape[1])]  # type: ignore[no-untyped-call]
    return torch.stack(heads, dim=1)


def _exact(x: Tensor) -> Tensor:
    """Half precision as float32, for sums over many neighbours lose what it leaves out; anything else as it is."""
    return x.float() if x.dtype in (torch.bfloat16, torch.float16) else x


class _WeightedSum(torch.autograd.Function):
    """CSR matrix of edge weights times dense; backwards the transposed matrix, and a product for each edge."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weights: Tensor, neighbours: Neighbours) -> Tensor:
        ctx.neighbours = neighbours
        ctx.save_for_backward(x, weights)
        return _matrix_times(neighbours.indptr, neighbours.indices, neighbours.num_sources, x, weights)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        x, weights = ctx.saved_tensors
        neighbours, gradient = ctx.neighbours, gradients[0].contiguous()
        indptr, rows, order = neighbours.turned()
        to_x, to_weights = None, None
        if ctx.needs_input_grad[0]:
            to_x = _matrix_times(indptr, rows, neighbours.num_rows, gradient, weights[order])
        if ctx.needs_input_grad[1]:
            to_weights = (gradient[neighbours.rows] * x[neighbours.indices]).sum(dim=1)
        return to_x, to_weights, None


class _SparseSum(torch.autograd.Function):
    """CSR matrix of ones times dense; backwards the transposed matrix."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, neighbours: Neighbours) -> Tensor:
        ctx.neighbours = neighbours
        return _matrix_times(neighbours.indptr, neighbours.indices, neighbours.num_sources, x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        indptr, rows, _ = ctx.neighbours.turned()
        return _matrix_times(indptr, rows, ctx.neighbours.num_rows, gradients[0].contiguous()), None


def _matrix_times(indptr: Tensor, indices: Tensor, width: int, x: Tensor, values: Tensor | None = None) -> Tensor:
    """A CSR matrix, of ones where no values are given, times dense rows."""
    if not len(indices):
        return x.new_zeros(len(indptr) - 1, x.shape[1])
    if x.device.type not in CSR_DEVICES:
        rows = torch.repeat_interleave(torch.arange(len(indptr) - 1, device=x.device), torch.diff(indptr))
        sent = x[indices] if values is None else x[indices] * values.unsqueeze(1)
        return x.new_zeros(len(indptr) - 1, x.shape[1]).index_add(0, rows, sent)
    with warnings.catch_warnings(), torch.autocast(x.device.type, enabled=False):
        warnings.simplefilter("ignore")  # torch says that CSR support is in beta
        entries = x.new_ones(len(indices)) if values is None else values
        matrix = torch.sparse_csr_tensor(indptr, indices, entries, size=(len(indptr) - 1, width))
        return matrix @ x


def _dgl() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations of a library that stopped moving
        import dgl
    return dgl


def _block(dgl: Any, neighbours: Neighbours) -> Any:
    if neighbours._dgl is None:
        # the numbers of the edges are given, for DGL's sums with edge weights fail without
        csc = ("csc", (neighbours.indptr, neighbours.indices, torch.arange(len(neighbours.indices))))
        neighbours._dgl = dgl.create_block(csc, num_src_nodes=neighbours.num_sources, num_dst_nodes=neighbours.num_rows)
    return neighbours._dgl
