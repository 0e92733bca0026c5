"""``graph.bin``: the processed graph as DGL reads it, for custom models. Run as a program of its own.

DGL brings torch, some 600 MB of it; in a process of its own that weight is not part of the data-processing job.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from .graph import EdgeType, GraphData, Target

NAME = "graph.bin"


def available() -> bool:
    """Whether DGL is installed; it is not looked at more closely here."""
    return find_spec("dgl") is not None


def write(folder: Path) -> None:
    """Write ``graph.bin`` beside the manifest.

    Features keep their names; ``labels`` and the masks are those of the first target of each type; the relation
    ``rev-<relation>`` goes back, and carries ``rev_*_mask`` where the forward one is a target.
    """
    import dgl
    import torch

    graph = GraphData.read(folder)
    ends: dict[tuple[str, str, str], tuple[Any, Any]] = {}
    for kind, edges in graph.edges.items():
        here, there = (torch.from_numpy(np.array(side)) for side in (edges.source, edges.target))
        ends[kind.source, kind.relation, kind.target] = (here, there)
        ends[kind.target, f"rev-{kind.relation}", kind.source] = (there, here)
    heterograph = dgl.heterograph(ends, num_nodes_dict={name: graph.num_nodes[name] for name in graph.node_types})
    for name in graph.node_types:
        for feature, values in graph.features.get(name, {}).items():
            heterograph.nodes[name].data[feature] = torch.from_numpy(np.array(values))
    for kind in graph.edge_types:
        for feature, values in graph.edge_features.get(kind, {}).items():
            heterograph.edges[kind.source, kind.relation, kind.target].data[feature] = torch.from_numpy(
                np.array(values)
            )
    seen: set[str | EdgeType] = set()
    for target in graph.targets:
        if target.type not in seen:
            seen.add(target.type)
            _write_target(graph, heterograph, target)
    dgl.save_graphs(str(folder / NAME), [heterograph])


def _write_target(graph: GraphData, heterograph: Any, target: Target) -> None:
    import torch

    split = graph.splits[target]
    if isinstance(target.type, str):
        count, places = graph.num_nodes[target.type], [("", heterograph.nodes[target.type].data)]
    else:
        kind = target.type
        count = len(graph.edges[kind])
        places = [
            ("", heterograph.edges[kind.source, kind.relation, kind.target].data),
            ("rev_", heterograph.edges[kind.target, f"rev-{kind.relation}", kind.source].data),
        ]
    labels = graph.labels.get(target)
    if labels is not None:
        places[0][1]["labels"] = torch.from_numpy(np.array(labels.values))
    for part, indices in (("train", split.train), ("valid", split.valid), ("test", split.test)):
        if part == "test" and not len(indices):
            continue
        mask = torch.zeros(count, dtype=torch.bool)
        mask[torch.from_numpy(np.array(indices))] = True
        for prefix, data in places:
            data[f"{prefix}{part}_mask"] = mask


if __name__ == "__main__":
    write(Path(sys.argv[1]))
