"""A database that is two dictionaries, as somebody outside the tree would bring one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from tests.contracts.graph_source_contract import EDGES, NODES
from workflow.graphs.source import EdgeKind, EdgeRecord, GraphPart, LabelSet, NodeRecord, RecordRuns


class ListedGraph(RecordRuns):
    """Driver, source and snapshot in one: nothing ever changes."""

    host = "toy"

    def open(self, part: GraphPart) -> ListedGraph:
        part.texts("no language at all")
        return self

    def close(self) -> None:
        """There is nothing to let go of."""

    @contextmanager
    def snapshot(self) -> Iterator[ListedGraph]:
        yield self

    def nodes(self, only: Collection[LabelSet] | None = None) -> Iterator[NodeRecord]:
        for id, (labels, properties) in NODES.items():
            if only is None or labels in only:
                yield NodeRecord(id, labels, properties)

    def edges(self, only: Collection[EdgeKind] | None = None) -> Iterator[EdgeRecord]:
        for id, (label, source, target, properties) in EDGES.items():
            begin, end = NODES[source][0], NODES[target][0]
            if only is None or (begin, label, end) in only:
                yield EdgeRecord(id, label, source, target, begin, end, properties)

    def node_counts(self) -> dict[LabelSet, int]:
        return dict(Counter(node.labels for node in self.nodes()))

    def edge_counts(self) -> dict[EdgeKind, int]:
        return dict(Counter((edge.source_labels, edge.label, edge.target_labels) for edge in self.edges()))

    def last_event(self) -> None:
        """There is no change log."""


def open_driver(url: str, sign_region: str | None = None) -> ListedGraph:
    """What a line of the table of sources names."""
    return ListedGraph()
