"""From what another library holds to a processed graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ...schemas import EdgeType
from ..data import EdgeList, GraphData, Labels, Split, Target

Array = npt.NDArray[Any]
PARTS = ("train", "valid", "test")


def edge_list(source: Any, target: Any) -> EdgeList:
    """Edges from two lists of indices, (m,) each."""
    ends = (np.array(side, dtype=np.int64).reshape(-1) for side in (source, target))
    return EdgeList(*ends)


def columns(values: Any) -> npt.NDArray[np.float32]:
    """A feature, (n,) or (n, d), as float32 (n, d)."""
    found = np.array(values, dtype=np.float32)
    return found[:, None] if found.ndim == 1 else found.reshape(len(found), -1)


def numbered(count: int) -> list[str]:
    """Ids where there are none: the indices as text."""
    return [str(index) for index in range(count)]


def labels_of(values: Any, classes: Sequence[str] | None = None) -> Labels:
    """Labels from numbers: whole ones, (n,), are classes, others numbers, and several columns, (n, c), several labels.

    Args:
        values: −1 or NaN where there is none.
        classes: their names; their numbers as text where not given.
    """
    found = np.asarray(values)
    if found.ndim == 2:
        named = tuple(classes or numbered(found.shape[1]))
        return Labels("classes", found.astype(np.float32), named)
    if np.issubdtype(found.dtype, np.floating):
        return Labels("number", found.astype(np.float32))
    named = tuple(classes or numbered(int(found.max(initial=-1)) + 1))
    return Labels("class", found.astype(np.int64), named)


def split_of(masks: Mapping[str, Any], labels: Labels | None, count: int) -> Split:
    """A split from the masks of its parts, (n,) each; without any, all that has a label is trained on."""
    if not masks:
        every = np.arange(count) if labels is None else np.flatnonzero(labels.known)
        return Split(every.astype(np.int64), np.empty(0, np.int64), np.empty(0, np.int64))
    none = np.zeros(count, dtype=bool)
    return Split(*(np.flatnonzero(np.asarray(masks.get(part, none))).astype(np.int64) for part in PARTS))


def masks_of(split: Split, count: int) -> dict[str, npt.NDArray[np.bool_]]:
    """The parts of a split as masks, bool (n,)."""
    masks = {}
    for part in PARTS:
        masks[part] = np.zeros(count, dtype=bool)
        masks[part][np.asarray(getattr(split, part))] = True
    return masks


def target_of(kind: str | EdgeType, labels: Labels, name: str) -> Target:
    """The target that labels of a type are."""
    number = labels.kind == "number"
    if isinstance(kind, str):
        return Target("node_regression" if number else "node_class", kind, name)
    return Target("edge_regression" if number else "edge_class", kind, name)


def count_of(graph: GraphData, kind: str | EdgeType) -> int:
    """How many nodes or edges a type has."""
    return graph.num_nodes[kind] if isinstance(kind, str) else len(graph.edges[kind])


def features_of(graph: GraphData, kind: str | EdgeType) -> Mapping[str, npt.NDArray[np.float32]]:
    """The features of a node type or edge type, float32 (n, d) by name."""
    return (graph.features.get(kind) if isinstance(kind, str) else graph.edge_features.get(kind)) or {}


def first_targets(graph: GraphData) -> dict[str | EdgeType, Target]:
    """The first target of each type, for forms that have room for one."""
    found: dict[str | EdgeType, Target] = {}
    for target in graph.targets:
        found.setdefault(target.type, target)
    return found
