"""One version of a graph as an export reads it: some thousands of elements at a time, while writers go on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence, Set
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from workflow.graphs.source import EdgeKind, EdgeRecord, ElementRun, LabelSet, NodeRecord, RunColumn, Several, Sort
from workflow.graphs.store.versions.batch import column_data
from workflow.graphs.store.versions.cells import MISSING, Cells
from workflow.graphs.store.versions.elements import Elements
from workflow.graphs.store.versions.state import State
from workflow.graphs.store.versions.text_block import Texts

ROWS_AT_ONCE: Final = 1 << 14


class VersionSnapshot:
    """Implements ``Snapshot`` over a version; copies a stretch of rows at a time and nothing of the whole."""

    def __init__(
        self,
        state: State,
        separator: str | None,
        last_event: Callable[[], tuple[int, int] | None] = lambda: None,
        *,
        nodes: NDArray[np.bool_] | None = None,
        edges: NDArray[np.bool_] | None = None,
    ) -> None:
        """
        Args:
            separator: parts the labels of a vertex; None leaves a label whole.
            last_event: tells the last change that is in the version.
            nodes: which rows of vertices to tell of, bool; None for all. Edges at the others stay.
            edges: the same for edges.
        """
        self._state, self._separator, self.last_event = state, separator, last_event
        self._kept_nodes, self._kept_edges = nodes, edges
        names = list(state.vertices.label_names)
        self._label_sets = [tuple(sorted(name.split(separator))) if separator else (name,) for name in names]
        self._edge_labels = list(state.edges.label_names)

    def only(self, nodes: Set[Any] | None, edges: Set[Any] | None) -> VersionSnapshot:
        """The same, restricted to these ids."""
        return VersionSnapshot(
            self._state,
            self._separator,
            self.last_event,
            nodes=_among(self._state.vertices, nodes),
            edges=_among(self._state.edges, edges),
        )

    def node_counts(self) -> dict[LabelSet, int]:
        counts: Counter[LabelSet] = Counter()
        for rows in self._stretches(self._state.vertices, self._kept_nodes):
            for code, count in _counted(self._state.vertices.label_array()[rows]):
                counts[self._label_sets[code]] += count
        return dict(counts)

    def edge_counts(self) -> dict[EdgeKind, int]:
        counts: Counter[EdgeKind] = Counter()
        for rows in self._stretches(self._state.edges, self._kept_edges):
            for code, count in _counted(self._coded_kinds(rows)):
                counts[self._kind(code)] += count
        return dict(counts)

    def node_runs(self, only: Collection[LabelSet] | None = None) -> Iterator[list[ElementRun[LabelSet]]]:
        vertices, begun = self._state.vertices, 0
        for rows in self._stretches(vertices, self._kept_nodes):
            codes = vertices.label_array()[rows]
            runs: dict[LabelSet, list[NDArray[np.int64]]] = {}
            for code in np.unique(codes).tolist():
                sort = self._label_sets[code]
                if only is None or sort in only:
                    runs.setdefault(sort, []).append(np.flatnonzero(codes == code))
            yield [
                ElementRun(sort, places + begun, _texts(vertices, rows[places]), _columns(vertices, rows[places]))
                for sort, places in _by_first(runs)
            ]
            begun += len(rows)

    def edge_runs(self, only: Collection[EdgeKind] | None = None) -> Iterator[list[ElementRun[EdgeKind]]]:
        state, begun = self._state, 0
        source, target = state.ends()
        for rows in self._stretches(state.edges, self._kept_edges):
            codes = self._coded_kinds(rows)
            runs: dict[EdgeKind, list[NDArray[np.int64]]] = {}
            for code in np.unique(codes).tolist():
                sort = self._kind(code)
                if only is None or sort in only:
                    runs.setdefault(sort, []).append(np.flatnonzero(codes == code))
            yield [
                ElementRun(
                    sort,
                    places + begun,
                    _texts(state.edges, rows[places]),
                    _columns(state.edges, rows[places]),
                    _texts(state.vertices, source[rows[places]]),
                    _texts(state.vertices, target[rows[places]]),
                )
                for sort, places in _by_first(runs)
            ]
            begun += len(rows)

    def nodes(self, only: Collection[LabelSet] | None = None) -> Iterator[NodeRecord]:
        for runs in self.node_runs(only):
            for run, place in _in_order(runs):
                yield NodeRecord(run.ids[place], run.sort, _properties(run.columns, place))

    def edges(self, only: Collection[EdgeKind] | None = None) -> Iterator[EdgeRecord]:
        for runs in self.edge_runs(only):
            for run, place in _in_order(runs):
                begin, label, end = run.sort
                ends = run.source[place], run.target[place]
                yield EdgeRecord(run.ids[place], label, *ends, begin, end, _properties(run.columns, place))

    def _stretches(self, elements: Elements, kept: NDArray[np.bool_] | None) -> Iterator[NDArray[np.int64]]:
        """The living rows that are told of, int64, in insertion order, so many at a time."""
        lives = elements.alive.array()
        if kept is not None:
            lives &= kept
        for first in range(0, len(lives), ROWS_AT_ONCE):
            rows = np.flatnonzero(lives[first : first + ROWS_AT_ONCE]) + first
            if len(rows):
                yield rows

    def _coded_kinds(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """One number for the labels of both ends and of the edge itself, by place; ``_kind`` reads it."""
        labels, (source, target) = self._state.vertices.label_array(), self._state.ends()
        begin, end = labels[source[rows]].astype(np.int64), labels[target[rows]]
        own = self._state.edges.label_array()[rows]
        return (begin * len(self._edge_labels) + own) * len(self._label_sets) + end

    def _kind(self, code: int) -> EdgeKind:
        rest, end = divmod(code, len(self._label_sets))
        begin, label = divmod(rest, len(self._edge_labels))
        return self._label_sets[begin], self._edge_labels[label], self._label_sets[end]


def _by_first(runs: dict[Sort, list[NDArray[np.int64]]]) -> list[tuple[Sort, NDArray[np.int64]]]:
    """Each sort with all its places, ascending; that which comes first is first."""
    whole = [(sort, np.sort(np.concatenate(parts))) for sort, parts in runs.items()]
    return sorted(whole, key=lambda item: int(item[1][0]))


def _among(elements: Elements, kept: Set[Any] | None) -> NDArray[np.bool_] | None:
    if kept is None:
        return None
    among = np.zeros(len(elements), dtype=bool)
    rows = elements.find_many(list(kept))
    among[rows[rows >= 0]] = True
    return among


def _counted(codes: NDArray[Any]) -> Iterator[tuple[int, int]]:
    """(code, how often)."""
    values, counts = np.unique(codes, return_counts=True)
    return zip(values.tolist(), counts.tolist(), strict=True)


def _texts(elements: Elements, rows: NDArray[Any]) -> list[str]:
    ids = elements.ids.some(rows)
    return ids.tolist() if isinstance(ids, Texts) else list(map(str, ids))


def _columns(elements: Elements, rows: NDArray[np.int64]) -> list[RunColumn]:
    found = []
    for key, column in elements.columns.items():
        data = column_data(column, len(elements), rows)
        if data.kind is not None and isinstance(data.values, np.ndarray):
            held = None if data.present is None else np.flatnonzero(data.present)
            if held is None or len(held):
                first = 0 if held is None else int(held[0])
                found.append(RunColumn(key, first, data.values, data.kind, data.present))
            continue
        cells = [_cell(cell) for cell in data.values]
        first = next((place for place, cell in enumerate(cells) if cell is not None), len(cells))
        if first < len(cells):
            found.append(RunColumn(key, first, cells))
    return found


def _cell(cell: Any) -> Any:
    if cell is MISSING:
        return None
    return Several(one.value for one in cell) if type(cell) is Cells else cell


def _in_order(runs: Sequence[ElementRun[Any]]) -> Iterator[tuple[ElementRun[Any], int]]:
    """The elements of runs in the order in which they stand among all: (run, place in it)."""
    places = np.concatenate([run.places for run in runs]) if runs else np.zeros(0, dtype=np.int64)
    owners = [(run, place) for run in runs for place in range(len(run.ids))]
    return (owners[at] for at in np.argsort(places).tolist())


def _properties(columns: list[RunColumn], place: int) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for column in columns:
        cell = column.cells[place]
        if column.kind is not None:
            if column.present is None or column.present[place]:
                found[column.key] = [column.kind(cell.item())]
        elif cell is not None:
            found[column.key] = list(cell) if type(cell) is Several else [cell]
    return found
