"""A graph as it stood at one moment, detached from it: what an export reads while writers go on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Set
from typing import Any

from workflow.graphs.base import EdgeKind, EdgeRecord, LabelSet, NodeRecord
from workflow.graphs.batch import Batch, ColumnData, ElementBatch
from workflow.graphs.columns import MISSING, Cells


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
        return dict(Counter(labels for _, _, labels in self._nodes()))

    def edge_counts(self) -> dict[EdgeKind, int]:
        return dict(Counter(kind for _, _, kind, _, _ in self._edges()))

    def nodes(self, only: Collection[LabelSet] | None = None) -> Iterator[NodeRecord]:
        columns = _readers(self._batch.vertices)
        wanted = None if only is None else set(only)
        for place, id, labels in self._nodes():
            if wanted is None or labels in wanted:
                yield NodeRecord(str(id), labels, _properties(columns, place))

    def edges(self, only: Collection[EdgeKind] | None = None) -> Iterator[EdgeRecord]:
        ids, columns = self._batch.vertices.ids, _readers(self._batch.edges)
        wanted = None if only is None else set(only)
        for place, id, kind, source, target in self._edges():
            if wanted is None or kind in wanted:
                begin, label, end = kind
                properties = _properties(columns, place)
                yield EdgeRecord(str(id), label, str(ids[source]), str(ids[target]), begin, end, properties)

    def _nodes(self) -> Iterator[tuple[int, Any, LabelSet]]:
        """(place, id, labels)."""
        vertices, kept, sets = self._batch.vertices, self._kept_nodes, self._label_sets
        for place, (id, code) in enumerate(zip(vertices.ids, vertices.labels.tolist(), strict=True)):
            if kept is None or id in kept:
                yield place, id, sets[code]

    def _edges(self) -> Iterator[tuple[int, Any, EdgeKind, int, int]]:
        """(place, id, kind, place of the source, place of the target)."""
        batch, kept, sets = self._batch, self._kept_edges, self._label_sets
        edges, names, labels = batch.edges, batch.edges.label_names, batch.vertices.labels.tolist()
        kinds: dict[tuple[int, int, int], EdgeKind] = {}
        ends = zip(edges.ids, edges.labels.tolist(), batch.source.tolist(), batch.target.tolist(), strict=True)
        for place, (id, code, source, target) in enumerate(ends):
            if kept is None or id in kept:
                coded = labels[source], code, labels[target]
                kind = kinds.get(coded)
                if kind is None:
                    kind = kinds[coded] = sets[coded[0]], names[code], sets[coded[2]]
                yield place, id, kind, source, target


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
