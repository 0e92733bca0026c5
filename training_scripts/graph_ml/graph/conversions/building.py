"""From what another library holds to a processed graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
    numbers = np.asarray(values)
    if numbers.ndim == 2:
        named = tuple(classes or numbered(numbers.shape[1]))
        return Labels("classes", numbers.astype(np.float32), named)
    if np.issubdtype(numbers.dtype, np.floating):
        return Labels("number", numbers.astype(np.float32))
    named = tuple(classes or numbered(int(numbers.max(initial=-1)) + 1))
    return Labels("class", numbers.astype(np.int64), named)


@dataclass
class Supervision:
    """What is to be learned of a graph that is being made: labels and splits by target."""

    labels: dict[Target, Labels] = field(default_factory=dict)
    splits: dict[Target, Split] = field(default_factory=dict)

    def add(
        self, kind: str | EdgeType, labels: Labels | None, name: str, count: int, masks: Mapping[str, Any] | None = None
    ) -> None:
        """Add the target that a type has: its labels, or its links where an edge type has masks alone; or none.

        Args:
            kind: of nodes or edges.
            name: of the property that the labels are.
            count: how many nodes or edges the type has.
            masks: of the parts of the split, (count,) each; without any, all that has a label is trained on.
        """
        if labels is not None:
            target = _target(kind, labels.kind == "number", name)
            self.labels[target] = labels
        elif masks and isinstance(kind, EdgeType):
            target = Target("link_prediction", kind)
        else:
            return
        self.splits[target] = _split(masks or {}, labels, count)


def masks_of(split: Split, count: int) -> dict[str, npt.NDArray[np.bool_]]:
    """The parts of a split as masks, bool (n,)."""
    masks = {}
    for part in PARTS:
        masks[part] = np.zeros(count, dtype=bool)
        masks[part][np.asarray(getattr(split, part))] = True
    return masks


def count_of(graph: GraphData, kind: str | EdgeType) -> int:
    """How many nodes or edges a type has."""
    return graph.num_nodes[kind] if isinstance(kind, str) else len(graph.edges[kind])


def features_of(graph: GraphData, kind: str | EdgeType) -> Mapping[str, npt.NDArray[np.float32]]:
    """The features of a node type or edge type, float32 (n, d) by name."""
    return (graph.features.get(kind) if isinstance(kind, str) else graph.edge_features.get(kind)) or {}


def first_targets(graph: GraphData) -> dict[str | EdgeType, Target]:
    """The first target of each type, for forms that have room for one; none has room for vertices at dates."""
    found: dict[str | EdgeType, Target] = {}
    for target in graph.targets:
        if target not in graph.horizons or not isinstance(target.type, str):
            found.setdefault(target.type, target)
    return found


def _split(masks: Mapping[str, Any], labels: Labels | None, count: int) -> Split:
    """A split from the masks of its parts, (n,) each; without any, all that has a label is trained on."""
    if not masks:
        every = np.arange(count) if labels is None else np.flatnonzero(labels.known)
        return Split(every.astype(np.int64), np.empty(0, np.int64), np.empty(0, np.int64))
    none = np.zeros(count, dtype=bool)
    return Split(*(np.flatnonzero(np.asarray(masks.get(part, none))).astype(np.int64) for part in PARTS))


def _target(kind: str | EdgeType, number: bool, name: str) -> Target:
    if isinstance(kind, str):
        return Target("node_regression" if number else "node_class", kind, name)
    return Target("edge_regression" if number else "edge_class", kind, name)
