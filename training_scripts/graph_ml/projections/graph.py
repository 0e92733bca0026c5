"""A projected graph that was written to a folder, and what an algorithm sees of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..container import JobError
from ..schemas.catalog.projection import GRAPH_FILE, ProjectedGraphDescription

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class GraphView:
    """The nodes of some labels and the arcs of some types between them.

    Attributes:
        ids: of the database, int64, shape (n,), rising.
        places: rows of these nodes in the whole projection, int64, shape (n,).
        source, target: an entry an arc, int64, shape (m,), numbered from 0 to n - 1; an undirected relationship is two.
        weights: of the arcs, float64, shape (m,); None where all count 1.
        undirected: whether every arc has its reverse.
        properties: of nodes, by name, each with n rows.
    """

    ids: Ints
    places: Ints
    source: Ints
    target: Ints
    weights: Floats | None = None
    undirected: bool = True
    properties: Mapping[str, Any] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """The number of nodes, n."""
        return len(self.ids)

    @cached_property
    def adjacency(self) -> Any:
        """CSR matrix of shape (n, n): row to column, parallel arcs added up."""
        values = np.ones(len(self.source)) if self.weights is None else self.weights
        return sparse.coo_matrix((values, (self.source, self.target)), shape=(self.size, self.size)).tocsr()

    @cached_property
    def pattern(self) -> Any:
        """CSR matrix of ones, shape (n, n): which nodes are neighbours; no weights, no parallel arcs, no self-loops."""
        ones = np.ones(len(self.source))
        found = sparse.coo_matrix((ones, (self.source, self.target)), shape=(self.size, self.size)).tocsr()
        found.setdiag(0)
        found.eliminate_zeros()
        found.data[:] = 1.0
        return found

    @cached_property
    def out_degrees(self) -> Ints:
        """Arcs that leave each node, int64, shape (n,)."""
        return np.bincount(self.source, minlength=self.size).astype(np.int64)

    def matrix(self, names: Sequence[str]) -> Floats:
        """Properties side by side, float64, shape (n, width), in the order of the names."""
        columns = [np.asarray(self.properties[name], dtype=np.float64) for name in names]
        return np.concatenate([one[:, None] if one.ndim == 1 else one for one in columns], axis=1)

    def place_of(self, id: Any) -> int:
        """The number of a node here. Raises JobError."""
        place = int(np.searchsorted(self.ids, int(id)))
        if place == self.size or self.ids[place] != int(id):
            raise JobError(f"Node with id {id} does not exist in the graph; name one of the projected nodes")
        return place


class ProjectedGraph:
    """Reads a folder; arrays are mapped into memory, not copied."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.description = ProjectedGraphDescription.load(folder / GRAPH_FILE)
        self.ids: Ints = self.array(self.description.ids)

    def array(self, file: str) -> Any:
        """One array of the folder."""
        return np.load(self.folder / file, mmap_mode="r", allow_pickle=False)

    def mask(self, labels: Sequence[str]) -> Bools:
        """Which nodes carry one of the labels; all for ``*``. bool, shape (n,)."""
        if "*" in labels:
            return np.ones(self.description.node_count, dtype=np.bool_)
        found = np.zeros(self.description.node_count, dtype=np.bool_)
        for label in labels:
            found |= self.array(self.description.labels[label])
        return found

    def types(self, names: Sequence[str]) -> list[str]:
        """Relationship types, ``*`` standing for all."""
        return list(self.description.relationships) if "*" in names else list(dict.fromkeys(names))

    def arcs(self, names: Sequence[str], weight: str | None = None) -> tuple[Ints, Ints, Floats | None]:
        """The arcs of some types: source and target positions in the projection, and weights if named, (m,)."""
        parts = [self.description.relationships[name] for name in self.types(names)]
        if not parts:
            return np.zeros(0, np.int64), np.zeros(0, np.int64), None if weight is None else np.zeros(0)
        source = np.concatenate([self.array(part.source) for part in parts]).astype(np.int64)
        target = np.concatenate([self.array(part.target) for part in parts]).astype(np.int64)
        if weight is None:
            return source, target, None
        weights = [self.array(part.properties[weight].file) for part in parts]
        return source, target, np.concatenate(weights).astype(np.float64)

    def is_undirected(self, names: Sequence[str]) -> bool:
        """Whether all of these types are."""
        return all(self.description.relationships[name].orientation == "UNDIRECTED" for name in self.types(names))

    def view(self, labels: Sequence[str], types: Sequence[str], weight: str | None = None) -> GraphView:
        """What an algorithm sees of the nodes of some labels and the arcs of some types."""
        source, target, weights = self.arcs(types, weight)
        return self.view_of(self.mask(labels), source, target, weights, undirected=self.is_undirected(types))

    def view_of(
        self, mask: Bools, source: Ints, target: Ints, weights: Floats | None = None, *, undirected: bool = True
    ) -> GraphView:
        """What an algorithm sees of chosen nodes and of the given arcs between them.

        Args:
            mask: which nodes of the projection, bool, shape (n,).
            source, target: positions in the projection, int64, shape (arcs,); arcs with an end that is not chosen
                are left out.
        """
        places = np.flatnonzero(mask)
        numbers = np.full(len(mask), -1, dtype=np.int64)
        numbers[places] = np.arange(len(places))
        source, target = numbers[source], numbers[target]
        kept = (source >= 0) & (target >= 0)
        if not kept.all():
            source, target = source[kept], target[kept]
            weights = None if weights is None else weights[kept]
        columns = {
            name: _rows(self.array(column.file), places, len(mask))
            for name, column in self.description.node_properties.items()
        }
        return GraphView(self.ids[places], places, source, target, weights, undirected, columns)


def _rows(array: Any, places: Ints, count: int) -> Any:
    return array if len(places) == count else array[places]
