"""A projected graph in its folder: what the service reads of it and adds to it."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from training_scripts.graph_ml.schemas.catalog.projection import (
    GRAPH_FILE,
    ProjectedGraphDescription,
    PropertyColumn,
    RelationshipArrays,
    ValueType,
)
from workflow.catalog.errors import ProcedureRefused

Ints = NDArray[np.int64]
ALL_LABELS: Final = "__ALL__"
EVERYTHING: Final = "*"


def value_type(values: NDArray[Any]) -> ValueType:
    """The kind of an array's values, of shape (n,) or (n, width) and any dtype."""
    number: ValueType = "Integer" if values.dtype.kind in "iub" else "Float"
    if values.ndim == 1:
        return number
    return "List of Integer" if number == "Integer" else "List of Float"


@dataclass
class ProjectedGraph:
    """One named projection.

    Attributes:
        configuration: as it was projected.
        created_ms, modified_ms: since 1970.
    """

    name: str
    folder: Path
    configuration: dict[str, Any]
    created_ms: int
    modified_ms: int
    busy: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.lock = threading.RLock()  # guards the description and its file
        self.description = ProjectedGraphDescription.load(self.folder / GRAPH_FILE)

    def array(self, file: str) -> NDArray[Any]:
        """One array of the folder, shape (n,) or (n, width) of any dtype, mapped into memory."""
        found: NDArray[Any] = np.load(self.folder / file, mmap_mode="r", allow_pickle=False)
        return found

    @property
    def node_count(self) -> int:
        """The number of nodes."""
        return self.description.node_count

    @property
    def relationship_count(self) -> int:
        """The number of relationships, undirected ones twice."""
        return sum(one.count for one in self.description.relationships.values())

    @property
    def size_bytes(self) -> int:
        """What the arrays take."""
        return sum(path.stat().st_size for path in self.folder.iterdir())

    def ids(self) -> Ints:
        """Ids of all nodes, int64, shape (n,)."""
        return np.asarray(self.array(self.description.ids))

    def check_labels(self, labels: Sequence[str]) -> None:
        """Raise ProcedureRefused for a label that the projection has not."""
        for label in labels:
            if label != EVERYTHING and label not in self.description.labels:
                known = ", ".join(self.description.labels)
                raise ProcedureRefused(f"Could not find the specified node label {label!r}; the graph has {known}")

    def check_types(self, types: Sequence[str]) -> None:
        """Raise ProcedureRefused for a relationship type that the projection has not."""
        for name in types:
            if name != EVERYTHING and name not in self.description.relationships:
                known = ", ".join(self.description.relationships) or "none"
                raise ProcedureRefused(
                    f"Could not find the specified relationship type {name!r}; the graph has {known}"
                )

    def check_properties(self, names: Sequence[str]) -> None:
        """Raise ProcedureRefused for a node property that the projection has not."""
        for name in names:
            if name not in self.description.node_properties:
                known = ", ".join(self.description.node_properties) or "none"
                raise ProcedureRefused(f"Could not find the node property `{name}`; the graph has {known}")

    def check_free(self, name: str) -> None:
        """Raise ProcedureRefused for a node property that is there already."""
        if name in self.description.node_properties:
            raise ProcedureRefused(f"Node property `{name}` already exists in the graph; drop it, or name another")

    def mask(self, labels: Sequence[str]) -> NDArray[np.bool_]:
        """Which nodes carry one of the labels, bool, shape (n,)."""
        if EVERYTHING in labels:
            return np.ones(self.node_count, dtype=np.bool_)
        found = np.zeros(self.node_count, dtype=np.bool_)
        for label in labels:
            found |= self.array(self.description.labels[label])
        return found

    def labels_of_nodes(self) -> list[list[str]]:
        """The labels of every node."""
        found: list[list[str]] = [[] for _ in range(self.node_count)]
        for label, file in self.description.labels.items():
            if label != ALL_LABELS:
                for place in np.flatnonzero(self.array(file)).tolist():
                    found[place].append(label)
        return found

    def keep(self, values: NDArray[Any]) -> str:
        """Write an array, shape (n,) or (n, width) of any dtype, and give its file."""
        file = f"{uuid4().hex}.npy"
        np.save(self.folder / file, values, allow_pickle=False)
        return file

    def add_property(self, name: str, places: Ints, values: NDArray[Any], labels: Sequence[str], now_ms: int) -> int:
        """Give nodes a property; how many got it.

        Args:
            places: of the nodes, int64, shape (m,).
            values: their values, any number dtype, shape (m,) or (m, width).
            labels: that the property belongs to.
        """
        with self.lock:
            self.check_free(name)
            whole = values
            if len(places) != self.node_count:
                whole = np.full((self.node_count, *values.shape[1:]), np.nan)
                whole[places] = values
            carried = list(self.description.labels) if EVERYTHING in labels else list(labels)
            self.description.node_properties[name] = PropertyColumn(
                file=self.keep(whole), value_type=value_type(whole), state="TRANSIENT", labels=carried
            )
            self._save(now_ms)
        return len(places)

    def add_relationships(
        self, name: str, source: Ints, target: Ints, properties: Mapping[str, NDArray[Any]], *, both: bool, now_ms: int
    ) -> int:
        """Add a relationship type; how many relationships were written, those that go both ways twice.

        Args:
            source, target: ids of nodes, int64, shape (m,).
            properties: by name, shape (m,), any number dtype.
            both: whether they are undirected.
        """
        with self.lock:
            if name in self.description.relationships:
                raise ProcedureRefused(f"Relationship type `{name}` already exists in the graph; name another")
            ids = self.ids()
            one, other = (np.searchsorted(ids, ends).astype(np.int32) for ends in (source, target))
            columns = dict(properties)
            if both:
                one, other = np.concatenate([one, other]), np.concatenate([other, one])
                columns = {key: np.concatenate([values, values]) for key, values in properties.items()}
            self.description.relationships[name] = RelationshipArrays(
                orientation="UNDIRECTED" if both else "NATURAL",
                count=len(one),
                source=self.keep(one),
                target=self.keep(other),
                properties={
                    key: PropertyColumn(file=self.keep(values), value_type=value_type(values), state="TRANSIENT")
                    for key, values in columns.items()
                },
            )
            self._save(now_ms)
        return len(one)

    def drop_properties(self, names: Sequence[str], now_ms: int) -> int:
        """Take node properties away; how many values that were. Raises ProcedureRefused."""
        with self.lock:
            self.check_properties(names)
            removed = 0
            for name in names:
                column = self.description.node_properties.pop(name)
                marked = [self.array(self.description.labels[label]) for label in column.labels]
                removed += int(np.logical_or.reduce(marked).sum()) if marked else self.node_count
            self._save(now_ms)
        return removed

    def drop_relationships(self, name: str, now_ms: int) -> RelationshipArrays:
        """Take a relationship type away; what it was. Raises ProcedureRefused."""
        with self.lock:
            self.check_types([name])
            removed = self.description.relationships.pop(name)
            self._save(now_ms)
        return removed

    def _save(self, now_ms: int) -> None:
        self.modified_ms = now_ms
        self.description.save(self.folder / GRAPH_FILE)

    def remove(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)
