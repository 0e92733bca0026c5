"""What checks look at, and what they say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ...features.columns.column import BadValue, Column, TextColumn
from ...graph import EdgeType, GraphData, Target
from ..reading import Edges, Export, Nodes

IntArray = NDArray[np.int64]
Floats = NDArray[np.float64]
Owner = str | EdgeType
#: of a node type or edge type: the name of each column, and how to read it
Columns = Mapping[str, Callable[[], Column]]

#: rows that are enough to see what a column says
MOST_ROWS = 5_000
#: rows below which nothing is said of a column
FEWEST_ROWS = 20


@dataclass(frozen=True)
class Finding:
    """One sentence; ``warns`` where it belongs into the answer of the job and not only into its report."""

    sentence: str
    warns: bool = True


@dataclass(frozen=True)
class Material:
    """A processed graph with the columns of its types: those made into ``features``, and ``others`` of their files.

    ``given`` are the targets whose split is that of files.
    """

    graph: GraphData
    features: Mapping[Owner, Columns]
    others: Mapping[Owner, Columns] = field(default_factory=dict)
    given: frozenset[Target] = frozenset()

    @classmethod
    def of(cls, graph: GraphData, export: Export) -> Material:
        """The columns of an export, read when a check asks for them; without targets whose items are vertices at dates,
        for those are no rows of a file."""
        dated = [target for target in graph.horizons if isinstance(target.type, str)]
        graph = replace(
            graph,
            labels={target: labels for target, labels in graph.labels.items() if target not in dated},
            splits={target: split for target, split in graph.splits.items() if target not in dated},
        )
        features: dict[Owner, Columns] = {}
        others: dict[Owner, Columns] = {}
        groups: list[Nodes | Edges] = [*export.nodes.values(), *export.edges.values()]
        for group in groups:
            owner: Owner = group.kind if isinstance(group, Edges) else group.name
            made = graph.features.get(owner, {}) if isinstance(owner, str) else graph.edge_features.get(owner, {})
            features[owner] = {s.column: partial(group.column, s.column) for s in group.features if s.name in made}
            names = dict.fromkeys(name for part in group.rows for name in part.file.columns if name[:1] != "~")
            others[owner] = {name: partial(group.column, name) for name in names}
        files = {
            (group.kind if isinstance(group, Edges) else group.name, spec.column)
            for group in groups
            for spec in group.labels
            if spec.custom_split_filenames is not None
        }
        given = frozenset(target for target in graph.targets if (target.type, target.property_name) in files)
        return cls(graph, features, others, given)

    def count(self, owner: Owner) -> int:
        """How many vertices or edges a type has."""
        return self.graph.num_nodes[owner] if isinstance(owner, str) else len(self.graph.edges[owner])

    def sample(self, items: IntArray, most: int = MOST_ROWS) -> IntArray:
        """At most so many of these items, (n,) → (≤ most,), ascending."""
        if len(items) <= most:
            return np.sort(items)
        rng = np.random.default_rng([self.graph.seed, 2])
        return np.sort(rng.choice(items, size=most, replace=False))


def values_of(column: Column, rows: IntArray) -> list[str | None]:
    """The values of some rows, (n,)."""
    if (picked := getattr(column, "picked", None)) is not None:
        chosen: list[str | None] = picked(rows)
        return chosen
    series = getattr(column, "series", None)
    if series is not None:
        found: list[str | None] = series[rows].to_list()
        return found
    texts = column.texts()
    return [texts[row] for row in rows.tolist()]


def numbers_of(values: Sequence[str | None]) -> Floats | None:
    """The values as numbers, (n,), NaN where missing; None where one is no number, or none is there."""
    try:
        numbers = TextColumn(values).numbers()
    except BadValue:
        return None
    return None if np.isnan(numbers).all() else numbers
