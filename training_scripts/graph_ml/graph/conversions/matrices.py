"""The graph as matrices: of numpy for features and labels, of scipy for edges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from ...schemas import EdgeType
from ..data import EdgeList, GraphData
from .building import Supervision, columns, edge_list, features_of, first_targets, labels_of, numbered


@dataclass(frozen=True)
class Matrices:
    """A graph as scipy and numpy have it.

    ``adjacency[edge type]`` is a CSR matrix, (sources, targets), of how many edges there are between two nodes;
    ``features[node type]`` are all features side by side, float32 (n, d). ``labels[type]`` are those of the first
    target of a type — numbers of classes, int64 (n,), −1 where there is none; ones and zeros, float32 (n, c); or
    numbers, float32 (n,) — and ``classes`` their names. ``ids`` are those of the nodes.
    """

    adjacency: Mapping[EdgeType, sparse.csr_matrix]
    features: Mapping[str, npt.NDArray[np.float32]] = field(default_factory=dict)
    labels: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)
    classes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    ids: Mapping[str, Sequence[str]] = field(default_factory=dict)


def to_scipy(graph: GraphData) -> Matrices:
    """The graph as matrices; features, labels and ids of edges, their order and the split have no place."""
    adjacency = {}
    for kind, edges in graph.edges.items():
        shape = (graph.num_nodes[kind.source], graph.num_nodes[kind.target])
        ones = np.ones(len(edges), dtype=np.int64)
        adjacency[kind] = sparse.csr_matrix((ones, (np.asarray(edges.source), np.asarray(edges.target))), shape=shape)
    features = {
        name: np.hstack([values for _, values in sorted(features_of(graph, name).items())])
        for name in graph.node_types
        if features_of(graph, name)
    }
    targets = {owner: target for owner, target in first_targets(graph).items() if isinstance(owner, str)}
    labels = {owner: graph.labels[target] for owner, target in targets.items() if target in graph.labels}
    return Matrices(
        adjacency,
        features,
        {owner: np.asarray(found.values) for owner, found in labels.items()},
        {owner: found.classes for owner, found in labels.items()},
        {name: list(graph.node_ids[name]) for name in graph.node_types},
    )


def from_scipy(matrices: Matrices) -> GraphData:
    """The graph of matrices: an entry of n is n edges; edges follow their sources, then their targets.

    Features are called ``x`` and targets ``label``; all that has a label is trained on.

    Raises:
        ValueError: the matrices disagree about how many nodes a type has.
    """
    nodes: dict[str, int] = {}
    edges: dict[EdgeType, EdgeList] = {}

    def count(name: str, number: int) -> None:
        if nodes.setdefault(name, number) != number:
            raise ValueError(f"node type {name} has {nodes[name]} nodes in one matrix and {number} in another")

    for name, ids in matrices.ids.items():
        count(name, len(ids))
    for name, values in {**matrices.features, **matrices.labels}.items():
        count(name, len(values))
    for kind, matrix in matrices.adjacency.items():
        count(kind.source, matrix.shape[0])
        count(kind.target, matrix.shape[1])
        entries = sparse.csr_matrix(matrix).sorted_indices().tocoo()
        times = entries.data.astype(np.int64)
        edges[kind] = edge_list(np.repeat(entries.row, times), np.repeat(entries.col, times))
    learned = Supervision()
    for name, values in matrices.labels.items():
        learned.add(name, labels_of(values, matrices.classes.get(name)), "label", nodes[name])
    return GraphData(
        node_ids={name: list(matrices.ids.get(name) or numbered(number)) for name, number in nodes.items()},
        num_nodes=nodes,
        edges=edges,
        features={name: {"x": columns(values)} for name, values in matrices.features.items()},
        labels=learned.labels,
        splits=learned.splits,
    )
