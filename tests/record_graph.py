"""A graph made of records: for tests of what reads one from end to end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from workflow.graphs.source import EdgeKind, EdgeRecord, LabelSet, NodeRecord, RecordRuns, Snapshot


class RecordGraph(RecordRuns):
    """A GraphSource over lists of records; ``passes`` counts how often the nodes were read."""

    def __init__(self, nodes: list[NodeRecord], edges: list[EdgeRecord]) -> None:
        self._nodes, self._edges = nodes, edges
        self.passes = 0

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        yield self

    def node_counts(self) -> dict[tuple[str, ...], int]:
        return dict(Counter(node.labels for node in self._nodes))

    def edge_counts(self) -> dict[tuple[tuple[str, ...], str, tuple[str, ...]], int]:
        return dict(Counter((edge.source_labels, edge.label, edge.target_labels) for edge in self._edges))

    def nodes(self, only: Collection[LabelSet] | None = None) -> Iterator[NodeRecord]:
        self.passes += 1
        yield from (node for node in self._nodes if only is None or node.labels in only)

    def edges(self, only: Collection[EdgeKind] | None = None) -> Iterator[EdgeRecord]:
        for edge in self._edges:
            if only is None or (edge.source_labels, edge.label, edge.target_labels) in only:
                yield edge

    def last_event(self) -> tuple[int, int] | None:
        return None
