"""The change log's lines of a bulk load: counted, and told from any of them on, without making those before."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workflow.graphs.store.journal.changes import Record, line, values_of
from workflow.graphs.store.versions.batch import Batch, ColumnData, ElementBatch


class BatchRecords:
    """Lines of the vertices in order, each its labels and properties, then of the edges."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        parts = np.array([len(name.split("::")) for name in batch.vertices.label_names] or [0])
        of_vertices = parts[batch.vertices.labels] + _properties_in(batch.vertices)
        of_edges = 1 + _properties_in(batch.edges)
        self._ends: NDArray[np.int64] = np.cumsum(np.concatenate([of_vertices, of_edges]), dtype=np.int64)

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    def since(self, first: int) -> Iterator[Record]:
        """From line ``first`` on, which is 1 for all of them."""
        row = int(np.searchsorted(self._ends, first - 1, side="right"))
        before = int(self._ends[row - 1]) if row else 0
        return islice(self._rows(row), first - 1 - before, None)

    def _rows(self, row: int) -> Iterator[Record]:
        vertices, edges, ends = self._batch.vertices, self._batch.edges, self._batch.ends
        for place in range(row, len(vertices.ids)):
            id = vertices.ids[place]
            for part in vertices.label_names[vertices.labels[place]].split("::"):
                yield Record("ADD", line(id, "vl", "label", part))
            yield from _properties(vertices, place, id, "vp")
        for place in range(max(0, row - len(vertices.ids)), len(edges.ids)):
            id, name = edges.ids[place], edges.label_names[edges.labels[place]]
            source, target = ends[self._batch.source[place]], ends[self._batch.target[place]]
            yield Record("ADD", line(id, "e", "label", name, source, target))
            yield from _properties(edges, place, id, "ep")


def _properties(batch: ElementBatch, place: int, id: Any, kind: str) -> Iterator[Record]:
    for key, data in batch.columns.items():
        if data.present is not None and not data.present[place]:
            continue
        cell = data.values[place]
        for value in values_of(cell if data.kind is None else data.kind(cell)):
            yield Record("ADD", line(id, kind, key, value))


def _properties_in(batch: ElementBatch) -> NDArray[np.int64]:
    """How many values each row has."""
    found = np.zeros(len(batch.ids), dtype=np.int64)
    for data in batch.columns.values():
        found += _values_in(data, len(batch.ids))
    return found


def _values_in(data: ColumnData, rows: int) -> NDArray[np.int64]:
    if data.kind is not None:
        held = np.ones(rows, dtype=np.int64)
    else:
        held = np.fromiter((len(values_of(cell)) for cell in data.values), dtype=np.int64, count=rows)
    return held if data.present is None else held * data.present
