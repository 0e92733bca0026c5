"""What two nodes have in common in their attributes: cosines of TF-IDF rows, directly and through neighbours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from .graph import Floats, Ints, PairGraph

#: node type → feature name → (nodes of the type, d)
Features = Mapping[str, Mapping[str, Floats]]


def unit_rows(rows: Any) -> Any:
    """Scale each row of a CSR matrix to length one; zero rows stay zero."""
    rows = sparse.csr_matrix(rows, dtype=np.float32)
    length = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
    inverse = np.where(length > 0, 1.0 / np.maximum(length, 1e-12), 0.0).astype(np.float32)
    return sparse.csr_matrix(sparse.diags(inverse, dtype=np.float32) @ rows)


def is_bag(feature: Floats) -> bool:
    """Whether a feature, (n, d), looks like words or categories: no negative entry, several columns, mostly zero.

    Numbers, scaled numbers and text embeddings are not bags; their cosines are taken of standardised columns.
    """
    if feature.ndim != 2 or feature.shape[1] < 2 or feature.size == 0:
        return False
    return bool(feature.min() >= 0 and np.count_nonzero(feature) <= 0.5 * feature.size)


@dataclass(frozen=True)
class AttributeBlock:
    """One feature of one node type in the shared space: its columns, and what was fitted on them.

    Words have ``idf`` = ln(n / df), so that words everybody has weigh nothing; numbers have ``mean`` and ``scale``.
    """

    node_type: str
    name: str
    start: int
    width: int
    bag: bool
    mean: Floats
    scale: Floats

    def rows(self, values: Floats) -> Floats:
        """Weighted values, not yet of unit length; shape (n, width)."""
        result: Floats = ((values - self.mean) * self.scale).astype(np.float32)
        return result


@dataclass(frozen=True)
class AttributeSpace:
    """All features of all node types in one space of columns, words and numbers apart. Types share no column."""

    columns: tuple[AttributeBlock, ...]

    @classmethod
    def fit(cls, features: Features) -> AttributeSpace:
        """Learn weights and scales from the features of all nodes, node type → name → (n, d)."""
        columns: list[AttributeBlock] = []
        starts = {True: 0, False: 0}
        for node_type in sorted(features):
            for name in sorted(features[node_type]):
                values = as_matrix(features[node_type][name])
                if not values.size:
                    continue
                bag, width = is_bag(values), values.shape[1]
                mean, spread = values.mean(axis=0), values.std(axis=0)
                inverse = np.where(spread > 0, 1.0 / np.maximum(spread, 1e-12), 0.0)
                if bag:
                    mean = np.zeros(width)
                    inverse = np.log(len(values) / np.maximum(np.count_nonzero(values, axis=0), 1))
                column = AttributeBlock(
                    node_type, name, starts[bag], width, bag, mean.astype(np.float32), inverse.astype(np.float32)
                )
                columns.append(column)
                starts[bag] += width
        return cls(tuple(columns))

    def width(self, bag: bool) -> int:
        """How many columns of words, or of numbers."""
        return sum(column.width for column in self.columns if column.bag == bag)

    def rows(self, features: Features, firsts: Mapping[str, int], num_nodes: int) -> tuple[Any | None, Floats | None]:
        """Unit rows of nodes: words as CSR, numbers dense; None where the space has no such columns.

        Args:
            features: node type → feature name → values, shape (n, d); missing features count as zero.
            firsts: node type → row of its first node.
            num_nodes: rows of the result.
        """
        parts: list[Any] = []
        dense = np.zeros((num_nodes, self.width(bag=False)), dtype=np.float32)
        for column in self.columns:
            values = features.get(column.node_type, {}).get(column.name)
            if values is None:
                continue
            first, matrix = firsts[column.node_type], column.rows(as_matrix(values))
            if column.bag:
                entries = sparse.coo_matrix(matrix)
                parts.append((entries.row + first, entries.col + column.start, entries.data))
            else:
                dense[first : first + len(matrix), column.start : column.start + column.width] = matrix
        words = None
        if self.width(bag=True):
            row, col, data = (np.concatenate([np.empty(0, np.int64), *(part[i] for part in parts)]) for i in range(3))
            shape = (num_nodes, self.width(bag=True))
            words = unit_rows(sparse.csr_matrix((data, (row.astype(np.int64), col.astype(np.int64))), shape=shape))
        return words, unit_dense(dense) if dense.shape[1] else None


def attribute_rows(features: Features, firsts: Mapping[str, int], num_nodes: int) -> tuple[Any | None, Floats | None]:
    """Unit rows of all nodes in a space fitted on themselves; see ``AttributeSpace``."""
    return AttributeSpace.fit(features).rows(features, firsts, num_nodes)


def as_matrix(values: Floats) -> Floats:
    """A feature as a matrix, (n, d); one number a node, (n,), becomes one column."""
    matrix = np.asarray(values, dtype=np.float32)
    return matrix[:, None] if matrix.ndim == 1 else matrix


def unit_dense(rows: Floats) -> Floats:
    """Scale each row of a dense matrix, (n, d), to length one; zero rows stay zero."""
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.where(length > 0, rows / np.maximum(length, 1e-12), 0.0).astype(np.float32)


def cosine_block(graph: PairGraph, rows: Any, sources: Ints) -> Sequence[Floats]:
    """Three cosines of each (node, source) pair, arrays of shape (n, b).

    In order: node and source; node and the mean of the source's neighbours; the mean, over the node's neighbours, of
    their cosine with the source. The last two carry attributes over to nodes of another type and to nodes without any.

    Args:
        graph: the message graph, n nodes.
        rows: unit rows, CSR or dense, shape (n, d).
        sources: node numbers, shape (b,).
    """
    own = rows[sources]
    around = graph.adjacency[sources] @ rows
    if sparse.issparse(rows):
        around = unit_rows(around)
        direct = np.asarray((rows @ own.T).toarray(), dtype=np.float32)
        through = rows @ np.ascontiguousarray(around.T.toarray(), dtype=np.float32)
    else:
        direct = rows @ own.T
        through = rows @ unit_dense(around).T
    back = graph.adjacency @ np.ascontiguousarray(direct) / np.maximum(graph.degree, 1.0)[:, None]
    return direct, through, back
