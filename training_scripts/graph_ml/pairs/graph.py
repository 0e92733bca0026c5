"""The graph that pair features are computed on: undirected, simple, one space of node numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from ..distinct import distinct
from ..graph.adjacency import counted, node_ranges
from ..scratch import blocks, room

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
NOBODY: Ints = np.empty(0, dtype=np.int64)
#: pairs that are sorted at once
MOST_SORTED = 1 << 22
#: how much EASE holds its weights down
EASE_RIDGE = 50.0
#: nodes up to which EASE is scaled exactly, which takes a few hundredths of a second
EXACT = 1000


@dataclass(frozen=True)
class NodeSpace:
    """All node types one after the other: node i of a type has the number ``offset of the type + i``."""

    counts: Mapping[str, int]

    @property
    def total(self) -> int:
        """Nodes of all types."""
        return sum(self.counts.values())

    @property
    def offsets(self) -> dict[str, int]:
        """The number of the first node of each type."""
        starts = np.cumsum([0, *self.counts.values()])
        return {name: int(start) for name, start in zip(self.counts, starts, strict=False)}

    def range(self, node_type: str) -> slice:
        """The numbers of one type."""
        start = self.offsets[node_type]
        return slice(start, start + self.counts[node_type])


def simple_matrix(parts: Sequence[tuple[Ints, Ints]], num_nodes: int, most: int = MOST_SORTED) -> Any:
    """Float32 CSR matrix of ones, (nodes, nodes), of lists of pairs: each once, and none with itself.

    A range of rows after the other is picked out of all pairs and sorted, so that at most ``most`` pairs are held at
    once (or those of one row, where it has more); what is as long as the pairs lies in files where it is large.

    Args:
        parts: rows and columns of each list, int64 (e,) and (e,); may be mapped.
        num_nodes: rows and columns of the matrix.
        most: pairs that are sorted at once.
    """
    begins = np.zeros(num_nodes + 1, dtype=np.int64)
    for rows, _ in parts:
        begins += counted(rows, num_nodes)
    indices = room(int(begins[-1]), sparse.get_index_dtype(maxval=max(num_nodes, int(begins[-1]))))
    degrees, filled = np.zeros(num_nodes, dtype=np.int64), 0
    for first, last in node_ranges(begins, most):
        codes = [_codes_within(*part, first, last, num_nodes) for part in parts]
        pairs = distinct(np.concatenate([np.empty(0, dtype=np.int64), *codes]))
        rows, columns = np.divmod(pairs, num_nodes)
        degrees[first:last] = np.bincount(rows, minlength=last - first)
        indices[filled : filled + len(columns)] = columns
        filled += len(columns)
    indptr = np.concatenate([[0], np.cumsum(degrees)]).astype(indices.dtype)
    data = room(filled, np.float32)
    data[:] = 1.0
    matrix = sparse.csr_matrix((data, indices[:filled], indptr), shape=(num_nodes, num_nodes))
    matrix.has_canonical_format = True
    return matrix


def _codes_within(rows: Ints, columns: Ints, first: int, last: int, num_nodes: int) -> Ints:
    """One number for each pair, (e,) and (e,), whose row lies in a range and that is none with itself, (n,)."""
    found = [np.empty(0, dtype=np.int64)]
    for part in blocks(len(rows)):
        row, column = np.asarray(rows[part]), np.asarray(columns[part])
        inside = (row >= first) & (row < last) & (row != column)
        found.append((row[inside] - first) * num_nodes + column[inside])
    return np.concatenate(found)


@dataclass(frozen=True)
class PairGraph:
    """An undirected simple graph as a float32 CSR matrix of ones, without self loops.

    Edge types and directions are merged: a typed or bipartite graph is one graph here, and who may be a candidate is
    decided by the caller. ``degree`` counts distinct neighbours.
    """

    adjacency: Any
    degree: Floats

    @classmethod
    def from_edges(cls, source: Ints, target: Ints, num_nodes: int) -> PairGraph:
        """Build from directed pairs; repeated pairs, opposite pairs and self loops are merged away.

        Args:
            source: node numbers, int64, shape (e,).
            target: node numbers, int64, shape (e,).
            num_nodes: size of the node space; nodes without edges are kept.
        """
        return cls.from_lists([(source, target)], num_nodes)

    @classmethod
    def from_lists(cls, parts: Sequence[tuple[Ints, Ints]], num_nodes: int) -> PairGraph:
        """The same of several lists of sources and targets, int64 (e,) and (e,) each."""
        both = [*parts, *((target, source) for source, target in parts)]
        return cls.from_adjacency(simple_matrix(both, num_nodes))

    @classmethod
    def from_adjacency(cls, adjacency: Any) -> PairGraph:
        """Wrap a symmetric CSR matrix of ones that is known to be free of self loops."""
        adjacency.sort_indices()
        return cls(adjacency, np.diff(adjacency.indptr).astype(np.float32))

    @property
    def num_nodes(self) -> int:
        """Nodes, with and without edges."""
        return int(self.adjacency.shape[0])

    @cached_property
    def ease_scale(self) -> Floats:
        """1 / P_vv of each node, float32 (nodes,), P the inverse of X'X + ridge with X the edges and every node itself.

        In a sparse graph that is about the diagonal of what is inverted; in a dense one it is much less, and pairs that
        an edge of another type joins would come after all others. So it is exact where a graph may be dense.
        """
        diagonal = self.degree + np.float32(EASE_RIDGE + 1)
        if self.num_nodes > EXACT or not np.array_equal(self.degree, np.diff(self.adjacency.indptr)):
            return diagonal
        x = self.adjacency.toarray().astype(np.float64) + np.eye(self.num_nodes)
        inverse = np.linalg.inv(x.T @ x + EASE_RIDGE * np.eye(self.num_nodes))
        exact: Floats = (1.0 / np.diag(inverse)).astype(np.float32)
        return exact

    def columns(self, sources: Ints) -> Floats:
        """The neighbours of each source as dense 0/1 columns, shape (nodes, sources)."""
        dense: Floats = np.zeros((self.num_nodes, len(sources)), dtype=np.float32)
        rows = self.adjacency[sources]
        dense[rows.indices, np.repeat(np.arange(len(sources)), np.diff(rows.indptr))] = 1.0
        return dense

    def neighbours(self, node: int) -> Ints:
        """Neighbours of one node, (degree,), ascending."""
        start, stop = self.adjacency.indptr[node], self.adjacency.indptr[node + 1]
        found: Ints = self.adjacency.indices[start:stop].astype(np.int64)
        return found

    def among(self, nodes: Ints) -> PairGraph:
        """The edges between some distinct nodes, (m,), numbered by their places; degrees stay those of this graph."""
        place = np.full(self.num_nodes, -1, dtype=np.int32)
        place[nodes] = np.arange(len(nodes), dtype=np.int32)
        rows = self.adjacency[nodes]
        columns = place[rows.indices]
        kept = columns >= 0
        indptr = np.concatenate([[0], np.cumsum(kept)])[rows.indptr]
        parts = (np.ones(int(kept.sum()), dtype=np.float32), columns[kept], indptr.astype(np.int32))
        return PairGraph(sparse.csr_matrix(parts, shape=(len(nodes), len(nodes))), self.degree[nodes])

    def extended(self, source: Ints, target: Ints, num_nodes: int) -> PairGraph:
        """The same graph with more edges, (m,), and, where ``num_nodes`` is larger, more nodes at the end."""
        old = self.adjacency.tocoo()
        return PairGraph.from_edges(
            np.concatenate([old.row.astype(np.int64), source]),
            np.concatenate([old.col.astype(np.int64), target]),
            num_nodes,
        )


def per_neighbour(degree: Floats, power: float) -> Floats:
    """``degree ** -power`` of each node, (n,); 0 for nodes without neighbours, so that they weigh nothing."""
    return np.where(degree > 0, np.maximum(degree, 1.0) ** -power, 0.0).astype(np.float32)
