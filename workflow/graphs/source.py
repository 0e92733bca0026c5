"""The seam of a graph for exports: a consistent view of it, or of a part of it, as a stream of records."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final, Generic, Literal, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

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


RECORDS_AT_ONCE: Final = 1000
LabelSet = tuple[str, ...]
"""The labels of a node, sorted."""
EdgeKind = tuple[LabelSet, str, LabelSet]
"""(labels of the source, label, labels of the target)."""
Sort = TypeVar("Sort", LabelSet, EdgeKind)
Record = TypeVar("Record", NodeRecord, EdgeRecord)


class Several(list[Any]):
    """All values of one property of one element, where it has more or less than one."""


@dataclass(frozen=True, slots=True, eq=False)
class RunColumn:
    """One property of the elements of a run.

    Attributes:
        first: the first element that has it, as a place in the run.
        kind: the class of all values where they are numbers of one class; ``cells`` is an array then.
        cells: of each element its one value, ``Several``, or None where it has none; of numbers the values, shape (n,).
        present: which elements have a number, bool, shape (n,); None where all have.
    """

    key: str
    first: int
    cells: list[Any] | NDArray[Any]
    kind: type | None = None
    present: NDArray[np.bool_] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ElementRun(Generic[Sort]):
    """Nodes of one label set, or edges of one kind, column by column.

    Attributes:
        sort: the label set or kind.
        places: where the elements stand among all that are read, ascending, int64, shape (n,).
        source, target: ids of the ends of edges; empty for nodes.
        columns: those that some element has, in the order of the graph.
    """

    sort: Sort
    places: NDArray[np.int64]
    ids: list[str]
    columns: list[RunColumn]
    source: list[str] = field(default_factory=list)
    target: list[str] = field(default_factory=list)


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

    def node_runs(self, only: Collection[LabelSet] | None = None) -> Iterator[list[ElementRun[LabelSet]]]:
        """The same nodes as columns: some thousands at a time, those of a label set together."""

    def edge_runs(self, only: Collection[EdgeKind] | None = None) -> Iterator[list[ElementRun[EdgeKind]]]:
        """The same edges as columns: some thousands at a time, those of a kind together."""

    def last_event(self) -> tuple[int, int] | None:
        """Commit and operation number of the last change that is in it; None where no change log is kept."""


class RecordRuns:
    """Gives a snapshot that knows only records its runs."""

    def nodes(self, only: Collection[LabelSet] | None = None) -> Iterator[NodeRecord]:
        """See ``Snapshot``."""
        raise NotImplementedError

    def edges(self, only: Collection[EdgeKind] | None = None) -> Iterator[EdgeRecord]:
        """See ``Snapshot``."""
        raise NotImplementedError

    def node_runs(self, only: Collection[LabelSet] | None = None) -> Iterator[list[ElementRun[LabelSet]]]:
        """See ``Snapshot``."""
        return _runs(self.nodes(only), lambda node: node.labels)

    def edge_runs(self, only: Collection[EdgeKind] | None = None) -> Iterator[list[ElementRun[EdgeKind]]]:
        """See ``Snapshot``."""
        return _runs(self.edges(only), lambda edge: (edge.source_labels, edge.label, edge.target_labels))


def _runs(records: Iterator[Record], sort_of: Callable[[Record], Sort]) -> Iterator[list[ElementRun[Sort]]]:
    begun = 0
    while chunk := list(islice(records, RECORDS_AT_ONCE)):
        sorts: dict[Sort, list[int]] = {}
        for place, record in enumerate(chunk):
            sorts.setdefault(sort_of(record), []).append(place)
        yield [_run(sort, places, [chunk[place] for place in places], begun) for sort, places in sorts.items()]
        begun += len(chunk)


def _run(sort: Sort, places: list[int], records: Sequence[NodeRecord | EdgeRecord], begun: int) -> ElementRun[Sort]:
    firsts: dict[str, int] = {}
    for place, record in enumerate(records):
        for key in record.properties:
            firsts.setdefault(key, place)
    columns = [
        RunColumn(key, first, [_cell(record.properties.get(key)) for record in records])
        for key, first in firsts.items()
    ]
    edges = [record for record in records if isinstance(record, EdgeRecord)]
    ends = [edge.source for edge in edges], [edge.target for edge in edges]
    return ElementRun(sort, np.array(places, dtype=np.int64) + begun, [record.id for record in records], columns, *ends)


def _cell(values: list[Any] | None) -> Any:
    if not values:
        return None
    return values[0] if len(values) == 1 else Several(values)


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
