"""The graph as PyTorch Geometric has it: ``torch_geometric.data.HeteroData``."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...schemas import EdgeType
from ..data import EdgeList, GraphData
from .building import (
    Supervision,
    columns,
    count_of,
    edge_list,
    features_of,
    first_targets,
    labels_of,
    masks_of,
    numbered,
)

#: our splits by the names of masks that its examples use
MASKS = {"train": "train_mask", "valid": "val_mask", "test": "test_mask"}


def to_pyg(graph: GraphData) -> Any:
    """A ``torch_geometric.data.HeteroData``.

    Node types have ``num_nodes`` and, where they have features, those side by side as ``x``, float32 (n, d), with their
    names and widths as ``feature_names``; edge types ``edge_index``, int64 (2, m), and ``edge_attr``. The first target
    of a type brings ``y`` — numbers of classes, −1 where there is none; ones and zeros for several labels; numbers —
    and the masks ``train_mask``, ``val_mask`` and ``test_mask``. ``ids``, ``classes`` and ``property_name`` are ours,
    and so is ``edge_ids`` of the whole, by type. Nothing flows
    backwards: ``torch_geometric.transforms.ToUndirected`` adds that. Times and raw texts have no place.
    """
    import torch
    from torch_geometric.data import HeteroData

    data = HeteroData()
    for name in graph.node_types:
        data[name].num_nodes = graph.num_nodes[name]
        data[name].ids = list(graph.node_ids[name])
    for kind, edges in graph.edges.items():
        store = data[tuple(kind)]
        store.edge_index = torch.from_numpy(np.stack([edges.source, edges.target]))
    # transforms take a list beside the edges of a type for tensors of theirs
    data.edge_ids = {tuple(kind): list(ids) for kind, ids in graph.edge_ids.items()}
    owners: list[str | EdgeType] = [*graph.node_types, *graph.edge_types]
    for owner in owners:
        if parts := dict(sorted(features_of(graph, owner).items())):
            store = data[owner if isinstance(owner, str) else tuple(owner)]
            store["x" if isinstance(owner, str) else "edge_attr"] = torch.from_numpy(np.hstack(list(parts.values())))
            store.feature_names = [(name, values.shape[1]) for name, values in parts.items()]
    for owner, target in first_targets(graph).items():
        store = data[owner if isinstance(owner, str) else tuple(owner)]
        store.property_name = target.property_name
        if target in graph.labels:
            store.y = torch.from_numpy(np.array(graph.labels[target].values))
            store.classes = list(graph.labels[target].classes)
        for part, mask in masks_of(graph.splits[target], count_of(graph, owner)).items():
            store[MASKS[part]] = torch.from_numpy(mask)
    return data


def from_pyg(data: Any) -> GraphData:
    """The graph of a ``HeteroData``, whether ``to_pyg`` made it or not.

    ``x`` and ``edge_attr`` become the feature ``x`` where nothing says what they are made of; ``y`` becomes a target
    called ``label``, with the split of the masks; an edge type with masks and without ``y`` is one whose links are
    learned. Ids are the indices where there are none.
    """
    features: dict[str | EdgeType, dict[str, Any]] = {}
    learned = Supervision()
    edges: dict[EdgeType, EdgeList] = {}
    nodes = {name: int(data[name].num_nodes) for name in data.node_types}
    for triple in data.edge_types:
        index = data[triple].edge_index.cpu().numpy()
        edges[EdgeType(*triple)] = edge_list(index[0], index[1])
    for owner in [*nodes, *edges]:
        store = data[owner if isinstance(owner, str) else tuple(owner)]
        count = nodes[owner] if isinstance(owner, str) else len(edges[owner])
        values = store.get("x" if isinstance(owner, str) else "edge_attr")
        if values is not None:
            made = columns(values.cpu().numpy())
            named = store.get("feature_names") or [("x", made.shape[1])]
            ends = np.cumsum([width for _, width in named])[:-1]
            parts = zip((name for name, _ in named), np.split(made, ends, axis=1), strict=True)
            features[owner] = {name: np.ascontiguousarray(part) for name, part in parts}
        found = None if store.get("y") is None else labels_of(store.y.cpu().numpy(), store.get("classes"))
        masks = {part: store[mask].cpu().numpy() for part, mask in MASKS.items() if store.get(mask) is not None}
        learned.add(owner, found, store.get("property_name") or "label", count, masks)
    ids = getattr(data, "edge_ids", {})
    return GraphData(
        node_ids={name: list(data[name].get("ids") or numbered(count)) for name, count in nodes.items()},
        num_nodes=nodes,
        edges=edges,
        edge_ids={kind: ids[tuple(kind)] for kind in edges if len(ids.get(tuple(kind), ())) == len(edges[kind])},
        features={owner: made for owner, made in features.items() if isinstance(owner, str)},
        edge_features={owner: made for owner, made in features.items() if isinstance(owner, EdgeType)},
        labels=learned.labels,
        splits=learned.splits,
    )
