"""The graph as PyTorch Geometric has it, for custom models that are written with its layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from .data import GraphData, Target

#: our splits by the names of masks that its examples use
MASKS = {"train": "train_mask", "valid": "val_mask", "test": "test_mask"}


def hetero_data(graph: GraphData) -> Any:
    """A ``torch_geometric.data.HeteroData``.

    Node types have ``num_nodes`` and, where they have features, those side by side as ``x``, float32 (n, d); edge types
    ``edge_index``, int64 (2, m), and ``edge_attr``. The first target of a type brings ``y`` — numbers of classes, −1
    where there is none; ones and zeros for several labels; numbers — and the masks ``train_mask``, ``val_mask`` and
    ``test_mask``. Nothing flows backwards: ``torch_geometric.transforms.ToUndirected`` adds that.
    """
    import torch
    from torch_geometric.data import HeteroData

    data = HeteroData()
    for name in graph.node_types:
        data[name].num_nodes = graph.num_nodes[name]
        if (columns := _side_by_side(graph.features.get(name, {}))) is not None:
            data[name].x = torch.from_numpy(columns)
    for kind in graph.edge_types:
        edges, store = graph.edges[kind], data[kind.source, kind.relation, kind.target]
        store.edge_index = torch.from_numpy(np.stack([edges.source, edges.target]))
        if (columns := _side_by_side(graph.edge_features.get(kind, {}))) is not None:
            store.edge_attr = torch.from_numpy(columns)
    seen: set[object] = set()
    for target in graph.targets:
        if target.type in seen:
            continue
        seen.add(target.type)
        _put_target(graph, target, data)
    return data


def _put_target(graph: GraphData, target: Target, data: Any) -> None:
    import torch

    kind = target.type
    store = data[kind] if isinstance(kind, str) else data[kind.source, kind.relation, kind.target]
    count = graph.num_nodes[kind] if isinstance(kind, str) else len(graph.edges[kind])
    if target in graph.labels:
        store.y = torch.from_numpy(np.array(graph.labels[target].values))
    split = graph.splits[target]
    for part, name in MASKS.items():
        mask = torch.zeros(count, dtype=torch.bool)
        mask[torch.from_numpy(np.array(getattr(split, part)))] = True
        store[name] = mask


def _side_by_side(features: Any) -> np.ndarray[Any, np.dtype[np.float32]] | None:
    columns = [np.asarray(values, dtype=np.float32) for _, values in sorted(features.items())]
    shaped = [values if values.ndim == 2 else values[:, None] for values in columns]
    return np.hstack(shaped) if shaped else None
