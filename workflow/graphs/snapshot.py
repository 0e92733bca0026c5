"""A graph as it stood at one moment, detached from it: what an export reads while writers go on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from workflow.graphs.base import EdgeRecord, NodeRecord
from workflow.graphs.batch import Batch, ColumnData, ElementBatch
from workflow.graphs.columns import MISSING, Cells


class BatchSnapshot:
    """Implements ``Snapshot`` over a batch that nobody changes."""

    def __init__(self, batch: Batch, separator: str | None) -> None:
        """``separator`` parts the labels of a vertex; None leaves a label whole."""
        self._batch = batch
        names = batch.vertices.label_names
        self._label_sets = [tuple(name.split(separator)) if separator else (name,) for name in names]

    def node_counts(self) -> dict[tuple[str, ...], int]:
        counts: Counter[tuple[str, ...]] = Counter()
        for labels in self._labels():
            counts[tuple(sorted(labels))] += 1
        return dict(counts)

    def edge_counts(self) -> dict[tuple[tuple[str, ...], str, tuple[str, ...]], int]:
        counts: Counter[tuple[tuple[str, ...], str, tuple[str, ...]]] = Counter()
        labels, names = [tuple(sorted(held)) for held in self._labels()], self._batch.edges.label_names
        for label, source, target in self._edges():
            counts[(labels[source], names[label], labels[target])] += 1
        return dict(counts)

    def nodes(self) -> Iterator[NodeRecord]:
        vertices = self._batch.vertices
        columns = _readers(vertices)
        for place, (id, labels) in enumerate(zip(vertices.ids, self._labels(), strict=True)):
            yield NodeRecord(str(id), labels, _properties(columns, place))

    def edges(self) -> Iterator[EdgeRecord]:
        edges, ids, labels = self._batch.edges, self._batch.vertices.ids, self._labels()
        columns = _readers(edges)
        for place, (id, (label, source, target)) in enumerate(zip(edges.ids, self._edges(), strict=True)):
            yield EdgeRecord(
                str(id),
                edges.label_names[label],
                str(ids[source]),
                str(ids[target]),
                labels[source],
                labels[target],
                _properties(columns, place),
            )

    def _labels(self) -> list[tuple[str, ...]]:
        return [self._label_sets[code] for code in self._batch.vertices.labels.tolist()]

    def _edges(self) -> Iterator[tuple[int, int, int]]:
        batch = self._batch
        return zip(batch.edges.labels.tolist(), batch.source.tolist(), batch.target.tolist(), strict=True)


def _readers(batch: ElementBatch) -> list[tuple[str, ColumnData]]:
    return list(batch.columns.items())


def _properties(columns: list[tuple[str, ColumnData]], place: int) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for key, data in columns:
        if data.kind is not None:
            if data.present is None or data.present[place]:
                found[key] = [data.kind(data.values[place].item())]
            continue
        cell = data.values[place]
        if cell is not MISSING:
            found[key] = [one.value for one in cell] if type(cell) is Cells else [cell]
    return found
