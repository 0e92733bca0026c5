"""The seam of a graph for exports: a consistent view of it, or of a part of it, as a stream of records."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from workflow.errors import InvalidParameter


@dataclass(frozen=True, slots=True)
class NodeRecord:
    """A node as an export sees it; ``properties`` maps a key to all its values."""

    id: str
    labels: tuple[str, ...]
    properties: dict[str, list[Any]]


@dataclass(frozen=True, slots=True)
class EdgeRecord:
    """An edge as an export sees it, with the label sets of both ends."""

    id: str
    label: str
    source: str
    target: str
    source_labels: tuple[str, ...]
    target_labels: tuple[str, ...]
    properties: dict[str, list[Any]]


LabelSet = tuple[str, ...]
"""The labels of a node, sorted."""
EdgeKind = tuple[LabelSet, str, LabelSet]
"""(labels of the source, label, labels of the target)."""


class Snapshot(Protocol):
    """A consistent view of a graph, or of the part of it that was asked for."""

    def node_counts(self) -> dict[LabelSet, int]:
        """Nodes by sorted label set: what an export checks itself against."""

    def edge_counts(self) -> dict[EdgeKind, int]:
        """Edges by (source labels, label, target labels)."""

    def nodes(self, only: Collection[LabelSet] | None = None) -> Iterator[NodeRecord]:
        """All nodes, or those of these label sets; in the same order every time."""

    def edges(self, only: Collection[EdgeKind] | None = None) -> Iterator[EdgeRecord]:
        """All edges, or those of these kinds; in the same order every time."""

    def last_event(self) -> tuple[int, int] | None:
        """Commit and operation number of the last change that is in it; None where no change log is kept."""


class GraphSource(Protocol):
    """Anything an export can read: the embedded store, a remote database, files."""

    def snapshot(self) -> AbstractContextManager[Snapshot]: ...


@dataclass(frozen=True, slots=True)
class ElementFilter:
    """Which vertices, or which edges, are wanted, in a query language: in Gremlin what stands behind V() or E()."""

    language: Literal["gremlin"]
    text: str


@dataclass(frozen=True, slots=True)
class GraphPart:
    """Which part of a graph is to be read, as data that every driver renders in its own way, and how.

    Without a filter all of them are wanted. ``broken_off`` ends filters while they run.
    """

    nodes: ElementFilter | None = None
    edges: ElementFilter | None = None
    concurrency: int = 4
    broken_off: threading.Event | None = None

    def texts(self, language: str) -> tuple[str, str]:
        """The filters of nodes and edges, empty for everything. InvalidParameter where they are of another language."""
        for filter in (self.nodes, self.edges):
            if filter is not None and filter.language != language:
                raise InvalidParameter(
                    f"this graph is read with {language}; it cannot be asked for {filter.text!r}, which is "
                    f"{filter.language}. Export it whole, or filter in {language}"
                )
        return (self.nodes.text if self.nodes else ""), (self.edges.text if self.edges else "")


OpenSource = Callable[[GraphPart], GraphSource]
"""Opens a graph for reading. Refuses filters that cannot be run, before anything is read."""


class SourceDriver(Protocol):
    """A database outside this process that exports may read; connects when it is first asked."""

    host: str
    """The name clients give as ``endpoint`` of an export."""

    def open(self, part: GraphPart) -> GraphSource:
        """See ``OpenSource``."""

    def close(self) -> None:
        """Let go of all connections."""
