"""A graph as it stood at one moment, detached from it: what an export reads while writers go on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence, Set
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workflow.graphs.source import EdgeKind, EdgeRecord, LabelSet, NodeRecord
from workflow.graphs.store.versions.batch import Batch, ColumnData, ElementBatch
from workflow.graphs.store.versions.columns import MISSING, Cells


class BatchSnapshot:
    """Implements ``Snapshot`` over a batch that nobody changes."""

    def __init__(
        self,
        batch: Batch,
        separator: str | None,
        last_event: Callable[[], tuple[int, int] | None] = lambda: None,
        *,
        kept_nodes: Set[Any] | None = None,
        kept_edges: Set[Any] | None = None,
    ) -> None:
        """
        Args:
            separator: parts the labels of a vertex; None leaves a label whole.
            last_event: tells the last change that is in the batch.
            kept_nodes: ids of the nodes to tell of; None for all. Edges at the others stay.
            kept_edges: the same for edges.
        """
        self._batch, self._separator, self.last_event = batch, separator, last_event
        self._kept_nodes, self._kept_edges = kept_nodes, kept_edges
        names = batch.vertices.label_names
        self._label_sets = [tuple(sorted(name.split(separator))) if separator else (name,) for name in names]

    def only(self, nodes: Set[Any] | None, edges: Set[Any] | None) -> BatchSnapshot:
        """The same, restricted to these ids."""
        return BatchSnapshot(self._batch, self._separator, self.last_event, kept_nodes=nodes, kept_edges=edges)

    def node_counts(self) -> dict[LabelSet, int]:
        counts: Counter[LabelSet] = Counter()
        for code, count in _counted(self._batch.vertices.labels[self._nodes()]):
            counts[self._label_sets[code]] += count
        return dict(counts)

    def edge_counts(self) -> dict[EdgeKind, int]:
        counts: Counter[EdgeKind] = Counter()
        for code, count in _counted(self._coded_kinds()[self._edges()]):
            counts[self._kind(code)] += count
        return dict(counts)

    def nodes(self, only: Collection[LabelSet] | None = None) -> Iterator[NodeRecord]:
        vertices, sets = self._batch.vertices, self._label_sets
        ids, labels, columns = vertices.ids, vertices.labels.tolist(), _readers(vertices)
        chosen = self._nodes()
        if only is not None:
            chosen &= np.isin(vertices.labels, [code for code, labels in enumerate(sets) if labels in only])
        for place in np.flatnonzero(chosen).tolist():
            yield NodeRecord(str(ids[place]), sets[labels[place]], _properties(columns, place))

    def edges(self, only: Collection[EdgeKind] | None = None) -> Iterator[EdgeRecord]:
        batch, columns, coded = self._batch, _readers(self._batch.edges), self._coded_kinds()
        kinds = {int(code): self._kind(int(code)) for code in np.unique(coded)}
        chosen = self._edges()
        if only is not None:
            chosen &= np.isin(coded, [code for code, kind in kinds.items() if kind in only])
        ids, ends, codes = batch.edges.ids, batch.vertices.ids, coded.tolist()
        source, target = batch.source.tolist(), batch.target.tolist()
        for place in np.flatnonzero(chosen).tolist():
            begin, label, end = kinds[codes[place]]
            yield EdgeRecord(
                id=str(ids[place]),
                label=label,
                source=str(ends[source[place]]),
                target=str(ends[target[place]]),
                source_labels=begin,
                target_labels=end,
                properties=_properties(columns, place),
            )

    def _nodes(self) -> NDArray[np.bool_]:
        """Which nodes are told of, by place."""
        return _among(self._batch.vertices.ids, self._kept_nodes)

    def _edges(self) -> NDArray[np.bool_]:
        """Which edges are told of, by place."""
        return _among(self._batch.edges.ids, self._kept_edges)

    def _coded_kinds(self) -> NDArray[np.int64]:
        """One number for the labels of both ends and of the edge itself, by place; ``_kind`` reads it."""
        batch = self._batch
        labels, sets, names = batch.vertices.labels, len(self._label_sets), len(batch.edges.label_names)
        begin, end = labels[batch.source].astype(np.int64), labels[batch.target]
        return (begin * names + batch.edges.labels) * sets + end

    def _kind(self, code: int) -> EdgeKind:
        rest, end = divmod(code, len(self._label_sets))
        begin, label = divmod(rest, len(self._batch.edges.label_names))
        return self._label_sets[begin], self._batch.edges.label_names[label], self._label_sets[end]


def _among(ids: Sequence[Any], kept: Set[Any] | None) -> NDArray[np.bool_]:
    if kept is None:
        return np.ones(len(ids), dtype=bool)
    return np.fromiter((id in kept for id in ids), dtype=bool, count=len(ids))


def _counted(codes: NDArray[Any]) -> Iterator[tuple[int, int]]:
    """(code, how often)."""
    values, counts = np.unique(codes, return_counts=True)
    return zip(values.tolist(), counts.tolist(), strict=True)


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
