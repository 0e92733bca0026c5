"""What an export is to hold, by the graph's own counts, and whether what was read and written agrees."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NoReturn, TypeVar

from workflow.errors import ExportFailed, PreconditionsFailed
from workflow.export.labels import EdgeTriple, NodeType, joined_labels
from workflow.export.plan import ExportRequest
from workflow.export.selection import Selection
from workflow.graphs.source import EdgeKind, LabelSet, Snapshot


@dataclass(slots=True)
class Tally:
    """What one pass has read: by label set, the edges without exported ends, and whether it came to the end."""

    nodes: Counter[LabelSet] = field(default_factory=Counter)
    edges: Counter[EdgeKind] = field(default_factory=Counter)
    loose: Counter[EdgeKind] = field(default_factory=Counter)
    nodes_ended: bool = True
    edges_ended: bool = True


@dataclass(frozen=True, slots=True)
class Expected:
    """What the snapshot holds of what the request selects.

    Attributes:
        node_sets: label sets to export, with how many nodes there are.
        edge_kinds: the same for edges.
        unended: edges that the request selects and whose ends, by their labels, are not exported; for training only.
        ends_matter: whether an edge is left out where one of its ends is: a graph to train on has no loose edges.
    """

    selection: Selection
    node_sets: dict[LabelSet, int]
    edge_kinds: dict[EdgeKind, int]
    unended: dict[EdgeKind, int]
    all_nodes: bool
    all_edges: bool
    ends_matter: bool

    @classmethod
    def of(cls, snapshot: Snapshot, request: ExportRequest) -> Expected:
        """Raises PreconditionsFailed where there is nothing to export."""
        selection = request.selection
        node_counts, edge_counts = snapshot.node_counts(), snapshot.edge_counts()
        nodes = {labels: count for labels, count in node_counts.items() if count and selection.takes_node(labels)}
        edges = {kind: count for kind, count in edge_counts.items() if count and selection.takes_edge(kind)}
        ends_matter = request.for_training and selection.scope == "all"
        unended: dict[EdgeKind, int] = {}
        if ends_matter:
            unended = {kind: n for kind, n in edges.items() if kind[0] not in nodes or kind[2] not in nodes}
            edges = {kind: count for kind, count in edges.items() if kind not in unended}
        if not nodes and not edges:
            _refuse_nothing(selection, node_counts)
        all_nodes, all_edges = len(nodes) == len(node_counts), len(edges) == len(edge_counts)
        return cls(selection, nodes, edges, unended, all_nodes, all_edges, ends_matter)

    @property
    def nodes(self) -> list[NodeType]:
        return [NodeType.of(labels) for labels in self.node_sets]

    @property
    def triples(self) -> list[EdgeTriple]:
        """With both ends, whatever form the files have."""
        return [edge_type(edge_kind, with_ends=True) for edge_kind in self.edge_kinds]

    @property
    def total(self) -> int:
        """How many elements will be read, at most."""
        read = self.selection.read
        edges = sum(self.edge_kinds.values())
        # of edges without their ends nobody knows how many will be passed over
        loose = self.ends_matter and self.selection.picks_nodes
        return read(sum(self.node_sets.values())) + (edges if loose else read(edges))

    def verify(self, read: Tally) -> None:
        """Raises ExportFailed naming every label set of which not as much was read as the graph holds."""
        wrong = []
        if read.nodes_ended:
            wrong += _differences("nodes", self.node_sets, read.nodes, joined_labels)
        if read.edges_ended:
            wrong += _differences("edges", self.edge_kinds, read.edges, lambda kind: edge_type(kind, True).description)
        if wrong:
            raise ExportFailed(
                f"the export is not complete ({'; '.join(sorted(wrong))}); the graph changed or broke off while it was "
                "read: export again"
            )

    def warnings(self, read: Tally) -> list[str]:
        """Edges that were left out because they would have hung in the air."""
        held = self.edge_kinds | self.unended
        return [
            f"{count} of {held[kind]} edges {edge_type(kind, with_ends=True).bracketed} left out, for one of their "
            "ends is not exported."
            for kind, count in (Counter(self.unended) + read.loose).items()
        ]


def edge_type(kind: EdgeKind, with_ends: bool) -> EdgeTriple:
    """The type edges of a kind are filed under: by both ends too, or by their label only."""
    source, label, target = kind
    if not with_ends:
        return EdgeTriple((), label, (), with_ends=False)
    return EdgeTriple(tuple(sorted(source)), label, tuple(sorted(target)))


_Key = TypeVar("_Key")


def _differences(
    what: str, held: Mapping[_Key, int], read: Mapping[_Key, int], named: Callable[[_Key], str]
) -> list[str]:
    return [
        f"{what} {named(key)}: {read.get(key, 0)} written of {held.get(key, 0)}"
        for key in held.keys() | read.keys()
        if held.get(key, 0) != read.get(key, 0)
    ]


def _refuse_nothing(selection: Selection, counts: Mapping[LabelSet, int]) -> NoReturn:
    if not any(counts.values()) and not selection.node_steps:
        raise PreconditionsFailed("the graph is empty: there is nothing to export; load data first (/loader)")
    labels = ", ".join(sorted(map(joined_labels, counts))) or "none that pass the Gremlin filter"
    raise PreconditionsFailed(f"the filters of the request leave nothing to export; node labels of the graph: {labels}")
