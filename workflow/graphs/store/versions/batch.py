"""Many vertices and edges at once, as columns: what a bulk load brings and what a snapshot holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from workflow.graphs.store.versions.adjacency import compress
from workflow.graphs.store.versions.cells import MISSING
from workflow.graphs.store.versions.columns import KeyColumn
from workflow.graphs.store.versions.elements import Elements
from workflow.graphs.store.versions.state import State

DEAR: Final = 128
"""Edges that can be put behind others together in the time that one takes by itself."""


@dataclass(slots=True, eq=False)
class ColumnData:
    """Values of one key for a run of elements.

    ``kind`` is int, Long, float or Float where ``values`` is an array (``present`` when some rows hold nothing), and
    None where it is a list of cells with MISSING for nothing.
    """

    values: NDArray[Any] | list[Any]
    kind: type | None = None
    present: NDArray[np.bool_] | None = None


@dataclass(slots=True, eq=False)
class ElementBatch:
    """A run of new vertices or edges: ``labels[i]`` is a place in ``label_names``."""

    ids: Sequence[Any] = field(default_factory=list)
    labels: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, dtype=np.int32))
    label_names: list[str] = field(default_factory=list)
    columns: dict[str, ColumnData] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(slots=True, eq=False)
class Batch:
    """New vertices, then new edges between places in ``ends``: ids of vertices, new or known before."""

    vertices: ElementBatch = field(default_factory=ElementBatch)
    edges: ElementBatch = field(default_factory=ElementBatch)
    ends: Sequence[Any] = field(default_factory=list)
    source: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, dtype=np.int32))
    target: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, dtype=np.int32))
    next_id: int = 0


def install(state: State, batch: Batch) -> None:
    """Put a batch into a graph. Its ids must be new and its ends known: callers check before they make it durable."""
    state.numbers.skip_to(batch.next_id)
    if len(batch.vertices):
        _install_elements(state.vertices, batch.vertices)
    if not len(batch.edges):
        return
    ends = state.vertices.find_many(batch.ends)
    for name in batch.edges.label_names:
        state.edge_code(name)
    source, target = ends[batch.source], ends[batch.target]
    first = _install_elements(state.edges, batch.edges, source, target)
    _, state.source, state.target = state.edges.shared.cells
    _extend_adjacency(state, first, source, target)


def _install_elements(elements: Elements, batch: ElementBatch, *ends: NDArray[np.int32]) -> int:
    codes = np.fromiter(map(elements.code, batch.label_names), dtype=np.int32, count=len(batch.label_names))
    labels = codes[batch.labels]
    first = elements.shared.extend(batch.ids, labels.astype(np.int32), *ends)
    elements.show_many(first, len(batch.ids))
    for key, data in batch.columns.items():
        column = elements.column(key)
        column.load(first, data.values, data.kind, data.present)
        for code in np.unique(labels[_held(data)]).tolist():
            elements.note_key(code, key, column.index)
    return first


def _held(data: ColumnData) -> NDArray[np.bool_]:
    if data.kind is None:
        return np.fromiter((value is not MISSING for value in data.values), dtype=bool, count=len(data.values))
    return np.ones(len(data.values), dtype=bool) if data.present is None else data.present


def _extend_adjacency(state: State, known: int, source: NDArray[np.int32], target: NDArray[np.int32]) -> None:
    """Add the edges from row ``known`` on: few of a label one by one, many by making the label's base longer."""
    labels = state.edges.label_array()
    for code in np.unique(labels[known:]).tolist():
        fresh = np.flatnonzero(labels[known:] == code)
        state.touch(code)
        if len(fresh) < max(256, state.adjacency("out", code).edge_count // DEAR):
            ends = zip(fresh.tolist(), source[fresh].tolist(), target[fresh].tolist(), strict=True)
            for place, start, stop in ends:
                state.adjacency("out", code).append(start, stop, known + place)
                state.adjacency("in", code).append(stop, start, known + place)
            continue
        rows, size = (fresh + known).astype(np.int32), len(state.vertices)
        state.adjacency("out", code).extend(compress(source[fresh], target[fresh], rows, size))
        state.adjacency("in", code).extend(compress(target[fresh], source[fresh], rows, size))


def batch_of(state: State) -> Batch:
    """All living elements of a graph, in insertion order, detached from it."""
    vertices, edges = state.vertices.row_array(None), state.edges.row_array(None)
    batch = Batch(_elements(state.vertices, vertices), _elements(state.edges, edges), next_id=state.next_id)
    batch.ends = batch.vertices.ids
    places = np.full(len(state.vertices), -1, dtype=np.int32)
    places[vertices] = np.arange(len(vertices), dtype=np.int32)
    batch.source, batch.target = (places[ends[edges]] for ends in state.ends())
    return batch


def _elements(elements: Elements, rows: NDArray[np.int32]) -> ElementBatch:
    ids = elements.ids.all(len(elements)) if len(rows) == len(elements) else elements.ids.some(rows)
    labels = elements.label_array()[rows]
    columns = {key: column_data(column, len(elements), rows) for key, column in elements.columns.items()}
    return ElementBatch(ids, labels, list(elements.label_names), columns)


def column_data(column: KeyColumn, size: int, rows: NDArray[Any]) -> ColumnData:
    """The values of some rows, int32 (n,), in their order; ``size`` is how many rows there are."""
    numeric = column.numeric(size)
    if numeric is not None:
        present = numeric.present[rows]
        return ColumnData(numeric.values[rows], numeric.kind, None if present.all() else present)
    return ColumnData(column.cells(rows.tolist()))
