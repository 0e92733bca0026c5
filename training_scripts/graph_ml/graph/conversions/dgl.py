"""The graph as DGL has it: a ``DGLGraph`` of several types, as ``graph.bin`` holds one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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

BACK = "rev-"
_LABELS = "labels"


def to_dgl(graph: GraphData, backwards: bool = True) -> Any:
    """A ``dgl.DGLGraph``.

    Features keep their names, float32 (n, d). ``labels`` and the masks ``train_mask``, ``valid_mask`` and ``test_mask``
    (where there is a test) are those of the first target of each type. Ids, names of classes and times have no place:
    DGL holds tensors.

    Args:
        graph: to convert.
        backwards: whether a relation ``rev-<relation>`` leads back along each edge type. It carries ``rev_*_mask``
            where the forward one is a target.
    """
    import dgl
    import torch

    ends: dict[tuple[str, str, str], tuple[Any, Any]] = {}
    for kind, edges in graph.edges.items():
        here, there = (torch.from_numpy(np.array(side)) for side in (edges.source, edges.target))
        ends[kind.source, kind.relation, kind.target] = (here, there)
        if backwards:
            ends[kind.target, BACK + kind.relation, kind.source] = (there, here)
    made = dgl.heterograph(ends, num_nodes_dict={name: graph.num_nodes[name] for name in graph.node_types})
    owners: list[str | EdgeType] = [*graph.node_types, *graph.edge_types]
    for owner in owners:
        place = made.nodes[owner].data if isinstance(owner, str) else made.edges[tuple(owner)].data
        for name, values in features_of(graph, owner).items():
            place[name] = torch.from_numpy(np.array(values))
    for owner, target in first_targets(graph).items():
        if isinstance(owner, str):
            places = [("", made.nodes[owner].data)]
        else:
            places = [("", made.edges[tuple(owner)].data)]
            if backwards:
                places.append(("rev_", made.edges[owner.target, BACK + owner.relation, owner.source].data))
        if target in graph.labels:
            places[0][1][_LABELS] = torch.from_numpy(np.array(graph.labels[target].values))
        for part, mask in masks_of(graph.splits[target], count_of(graph, owner)).items():
            if part == "test" and not mask.any():
                continue
            for prefix, data in places:
                data[f"{prefix}{part}_mask"] = torch.from_numpy(mask)
    return made


def from_dgl(graph: Any, ids: Mapping[str, Sequence[str]] | None = None) -> GraphData:
    """The graph of a ``DGLGraph``.

    Relations ``rev-…`` that have a forward one are left out. ``labels`` (or ``label``) become a target called
    ``label``, with the split of the masks (``val_mask`` is ``valid_mask``); an edge type with masks and without labels
    is one whose links are learned. Other tensors become features.

    Args:
        graph: to convert.
        ids: of the nodes, by type; the indices where not given.
    """
    kinds = [EdgeType(*triple) for triple in graph.canonical_etypes]
    kinds = [kind for kind in kinds if not (kind.relation.startswith(BACK) and _forward(kind) in kinds)]
    nodes = {name: int(graph.num_nodes(name)) for name in graph.ntypes}
    edges: dict[EdgeType, EdgeList] = {}
    for kind in kinds:
        source, target = graph.edges(etype=tuple(kind), order="eid")
        edges[kind] = edge_list(source.cpu().numpy(), target.cpu().numpy())
    features: dict[str | EdgeType, dict[str, Any]] = {}
    learned = Supervision()
    for owner in [*nodes, *edges]:
        data = graph.nodes[owner].data if isinstance(owner, str) else graph.edges[tuple(owner)].data
        tensors = {name: tensor.cpu().numpy() for name, tensor in data.items() if not name.startswith("_")}
        named_masks = [name for name in tensors if name.endswith("_mask")]
        masks = {name[:-5]: tensors.pop(name) for name in named_masks}
        masks = {"valid" if part == "val" else part: mask for part, mask in masks.items()}
        named = next((name for name in (_LABELS, "label") if name in tensors), None)
        found = None if named is None else labels_of(tensors.pop(named))
        features[owner] = {name: columns(values) for name, values in tensors.items()}
        count = nodes[owner] if isinstance(owner, str) else len(edges[owner])
        learned.add(owner, found, "label", count, masks)
    return GraphData(
        node_ids={name: list((ids or {}).get(name) or numbered(count)) for name, count in nodes.items()},
        num_nodes=nodes,
        edges=edges,
        features={owner: made for owner, made in features.items() if isinstance(owner, str)},
        edge_features={owner: made for owner, made in features.items() if isinstance(owner, EdgeType)},
        labels=learned.labels,
        splits=learned.splits,
    )


def _forward(kind: EdgeType) -> EdgeType:
    return EdgeType(kind.target, kind.relation.removeprefix(BACK), kind.source)
