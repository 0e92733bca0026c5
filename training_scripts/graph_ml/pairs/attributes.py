"""What two nodes have in common in their attributes: cosines of TF-IDF rows, directly and through neighbours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import sparse

from .graph import Floats, Ints, PairGraph


def bag_rows(counts: Any) -> Any:
    """TF-IDF rows of unit length from non-negative counts; rows without an entry stay zero.

    Args:
        counts: CSR matrix, shape (n, words).

    Returns:
        CSR float32 of the same shape. idf = ln(n / df), words that everybody has weigh nothing.
    """
    counts = sparse.csr_matrix(counts, dtype=np.float32)
    documents = np.bincount(counts.indices, minlength=counts.shape[1])
    idf = np.log(counts.shape[0] / np.maximum(documents, 1)).astype(np.float32)
    weighted = counts @ sparse.diags(idf, dtype=np.float32)
    return unit_rows(weighted)


def unit_rows(rows: Any) -> Any:
    """Scale each row of a CSR matrix to length one; zero rows stay zero."""
    rows = sparse.csr_matrix(rows, dtype=np.float32)
    length = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
    inverse = np.where(length > 0, 1.0 / np.maximum(length, 1e-12), 0.0).astype(np.float32)
    return sparse.csr_matrix(sparse.diags(inverse, dtype=np.float32) @ rows)


def is_bag(feature: Floats) -> bool:
    """Whether a feature matrix looks like words or categories: no negative entry, more than one column, mostly zero.

    Numbers, scaled numbers and text embeddings are not bags; their cosines are taken of standardised columns.
    """
    if feature.ndim != 2 or feature.shape[1] < 2 or feature.size == 0:
        return False
    return bool(feature.min() >= 0 and np.count_nonzero(feature) <= 0.5 * feature.size)


def attribute_rows(
    features: Mapping[str, Mapping[str, Floats]], offsets: Mapping[str, int], num_nodes: int
) -> tuple[Any | None, Floats | None]:
    """All attributes of all nodes in one space of columns, words and numbers apart.

    Args:
        features: node type → feature name → (nodes of the type, d).
        offsets: node type → number of its first node.
        num_nodes: nodes of all types.

    Returns:
        Unit TF-IDF rows (CSR) and unit rows of standardised numbers (dense), each over all nodes, or None where no
        feature is of that kind. Different node types share no column.
    """
    bags: list[Any] = []
    numbers: list[Floats] = []
    for node_type in sorted(features):
        for name in sorted(features[node_type]):
            matrix = np.asarray(features[node_type][name], dtype=np.float32)
            if matrix.ndim == 1:
                matrix = matrix[:, None]
            if is_bag(matrix):
                rows = bag_rows(sparse.csr_matrix(matrix))
                before, after = offsets[node_type], num_nodes - offsets[node_type] - rows.shape[0]
                padded = [sparse.csr_matrix((before, rows.shape[1])), rows, sparse.csr_matrix((after, rows.shape[1]))]
                bags.append(sparse.vstack(padded, format="csr", dtype=np.float32))
            elif matrix.size:
                spread = matrix.std(axis=0)
                scaled = (matrix - matrix.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
                full = np.zeros((num_nodes, matrix.shape[1]), dtype=np.float32)
                full[offsets[node_type] : offsets[node_type] + len(matrix)] = scaled
                numbers.append(full)
    bag = unit_rows(sparse.hstack(bags, format="csr", dtype=np.float32)) if bags else None
    dense = unit_dense(np.hstack(numbers)) if numbers else None
    return bag, dense


def unit_dense(rows: Floats) -> Floats:
    """Scale each row of a dense matrix to length one; zero rows stay zero."""
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
