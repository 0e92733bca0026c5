"""Many vertices and edges at once, as columns: what a bulk load brings and what a snapshot holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from workflow.graphs.store.versions.adjacency import Csr, compress, indptr_of, padded
from workflow.graphs.store.versions.cells import MISSING
from workflow.graphs.store.versions.coded import Coded
from workflow.graphs.store.versions.columns import KeyColumn
from workflow.graphs.store.versions.elements import Elements
from workflow.graphs.store.versions.ids import Marks
from workflow.graphs.store.versions.state import SPARSE, State
from workflow.graphs.store.versions.text_block import Texts

FEW: Final = 256
"""Fewer edges of a label are added one by one."""
DEAR: Final = 128
"""Edges that can be put behind others together in the time that one takes by itself."""


@dataclass(slots=True, eq=False)
class ColumnData:
    """Values of one key for a run of elements.

    ``kind`` is int, Long, float or Float where ``values`` is an array (``present`` when some rows hold nothing), and
    None where these are cells, a list or ``Coded``, with MISSING for nothing.
    """

    values: NDArray[Any] | Sequence[Any]
    kind: type | None = None
    present: NDArray[np.bool_] | None = None


@dataclass(slots=True, eq=False)
class ElementBatch:
    """A run of new vertices or edges: ``labels[i]`` is a place in ``label_names``; ``marks`` find ids, where known."""

    ids: Sequence[Any] = field(default_factory=list)
    labels: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, dtype=np.int32))
    label_names: list[str] = field(default_factory=list)
    columns: dict[str, ColumnData] = field(default_factory=dict)
    marks: Marks | None = None

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(slots=True, eq=False)
class Batch:
    """New vertices, then new edges between places in ``ends``: ids of vertices, new or known before.

    ``adjacency`` has (out, in) of some edge labels, where they were put in order: rows and neighbours are places in
    ``ends``, edges places among those of the batch. ``end_rows`` are the rows where the ends stood, int32, in the graph
    that the batch was made for; where it is put into it again they may stand elsewhere.
    """

    vertices: ElementBatch = field(default_factory=ElementBatch)
    edges: ElementBatch = field(default_factory=ElementBatch)
    ends: Sequence[Any] = field(default_factory=list)
    source: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, dtype=np.int32))
    target: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, dtype=np.int32))
    next_id: int = 0
    adjacency: dict[str, tuple[Csr, Csr]] = field(default_factory=dict)
    end_rows: NDArray[np.int32] | None = None


Later = dict[int, list[tuple[Csr, Csr]]]
"""By label (out, in) of several batches, to be put behind those that a graph has in one go."""


def install(state: State, batch: Batch, later: Later | None = None) -> None:
    """Put a batch into a graph. Its ids must be new and its ends known: callers check before they make it durable.

    Args:
        later: takes adjacency that is not put into the graph now, but by ``catch_up_adjacency``; until then nobody asks
            it for neighbours, and nothing but batches is put into it.
    """
    state.numbers.skip_to(batch.next_id)
    first_vertex = _install_elements(state.vertices, batch.vertices) if len(batch.vertices) else 0
    if not len(batch.edges):
        return
    for name in batch.edges.label_names:
        state.edge_code(name)
    rows = _end_rows(state, batch, first_vertex)
    counted = bool((rows == np.arange(len(rows), dtype=np.int32)).all())  # each row is what its place is
    source, target = (batch.source, batch.target) if counted else (rows[batch.source], rows[batch.target])
    first = _install_elements(state.edges, batch.edges, source, target)
    _, state.source, state.target = state.edges.shared.cells
    _extend_adjacency(state, first, source, target, _ready(state, batch, rows, counted, first), later)


def catch_up_adjacency(state: State, later: Later) -> None:
    """Put what several batches have left for later into a graph."""
    while later:
        code, waiting = later.popitem()
        for way, parts in zip(("out", "in"), zip(*waiting, strict=True), strict=True):
            size = len(state.vertices)
            state.adjacency(way, code).extend(*(padded(part, size) for part in parts))


def rows_of_ends(state: State, batch: Batch) -> NDArray[np.int32]:
    """The row of each end in a graph, (n,); -1 of those that are not there."""
    rows = batch.end_rows
    if rows is not None and isinstance(batch.ends, Texts) and state.vertices.stand_at(rows, batch.ends):
        return rows
    batch.end_rows = state.vertices.find_many(batch.ends)
    return batch.end_rows


def _end_rows(state: State, batch: Batch, first: int) -> NDArray[np.int32]:
    """The row of each end; ``first`` is that of the first new vertex."""
    if batch.ends is not batch.vertices.ids:
        return rows_of_ends(state, batch)
    return np.arange(first, first + len(batch.ends), dtype=np.int32)


def _ready(
    state: State, batch: Batch, rows: NDArray[np.int32], counted: bool, first: int
) -> dict[int, tuple[Csr, Csr]]:
    """Of each label that was put in order (out, in) by rows of the graph.

    Args:
        rows: of the ends, (n,).
        counted: whether they are 0, 1, 2 …
        first: row of the first new edge.
    """
    if not batch.adjacency or not (counted or bool((np.diff(rows) > 0).all())):
        return {}  # the ends stand in another order here
    size, moved = len(state.vertices), None if counted else rows
    return {
        state.edge_code(name): (_by_row(out, moved, first, size), _by_row(into, moved, first, size))
        for name, (out, into) in batch.adjacency.items()
    }


def _by_row(csr: Csr, rows: NDArray[np.int32] | None, first: int, size: int) -> Csr:
    """Adjacency among places as one among rows, of which there are ``size``; ``rows`` of the places ascend, None is
    where each is its own."""
    edges = csr.edges + np.int32(first) if first else csr.edges
    if rows is None:
        return padded(csr._replace(edges=edges), size)
    degrees = np.zeros(size, dtype=np.int64)
    degrees[rows] = np.diff(csr.indptr)
    return Csr(indptr_of(degrees), rows[csr.neighbours], edges)


def _install_elements(elements: Elements, batch: ElementBatch, *ends: NDArray[np.int32]) -> int:
    codes = np.fromiter(map(elements.code, batch.label_names), dtype=np.int32, count=len(batch.label_names))
    labels = batch.labels if (codes == np.arange(len(codes))).all() else codes[batch.labels]
    first = elements.shared.extend(batch.ids, labels, *ends, marks=batch.marks)
    elements.show_many(first, len(batch.ids))
    for key, data in batch.columns.items():
        column = elements.column(key)
        column.load(first, data.values, data.kind, data.present)
        held = _held(data)
        for code in np.flatnonzero(np.bincount(labels if held is None else labels[held])).tolist():
            elements.note_key(code, key, column.index)
    return first


def _held(data: ColumnData) -> NDArray[np.bool_] | None:
    """Which rows hold something; None for all."""
    if isinstance(data.values, Coded):
        return data.values.codes >= 0
    if data.kind is None:
        return np.fromiter((value is not MISSING for value in data.values), dtype=bool, count=len(data.values))
    return data.present


def _extend_adjacency(
    state: State,
    known: int,
    source: NDArray[np.int32],
    target: NDArray[np.int32],
    ready: Mapping[int, tuple[Csr, Csr]],
    later: Later | None,
) -> None:
    """Add the edges from row ``known`` on: few of a label one by one, many by making the label's base longer.

    ``ready`` has what makes it longer, of some labels.
    """
    labels = state.edges.label_array()[known:]
    counts = np.bincount(labels)
    present = set(np.flatnonzero(counts).tolist())
    many = {code for code in present if counts[code] >= max(FEW, state.adjacency("out", code).edge_count // DEAR)}
    done = {code for code in ready if code in many or state.adjacency("out", code).empty}
    for code in done:
        state.touch(code)
        if later is not None:
            later.setdefault(code, []).append(ready[code])
            continue
        for way, csr in zip(("out", "in"), ready[code], strict=True):
            state.adjacency(way, code).extend(csr)
    if later and present - done:
        catch_up_adjacency(state, later)
    for code, fresh in by_label(labels) if present - done else ():
        if code in done:
            continue
        state.touch(code)
        if code not in many:
            ends = zip(fresh.tolist(), source[fresh].tolist(), target[fresh].tolist(), strict=True)
            for place, start, stop in ends:
                state.adjacency("out", code).append(start, stop, known + place)
                state.adjacency("in", code).append(stop, start, known + place)
            continue
        rows, size = (fresh + known).astype(np.int32), len(state.vertices)
        state.adjacency("out", code).extend(compress(source[fresh], target[fresh], rows, size))
        state.adjacency("in", code).extend(compress(target[fresh], source[fresh], rows, size))


def by_label(labels: NDArray[np.int32]) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """The number of each label of some rows, (n,), with its places among them, int64 (k,), ascending."""
    counts = np.bincount(labels)
    codes = np.flatnonzero(counts)
    if len(codes) == 1:
        yield int(codes[0]), np.arange(len(labels))
        return
    order = np.sort(labels.astype(np.int64) << 32 | np.arange(len(labels))) & 0xFFFFFFFF
    stops = np.cumsum(counts[codes]).tolist()
    yield from ((code, order[stop - counts[code] : stop]) for code, stop in zip(codes.tolist(), stops, strict=True))


def put_in_order(batch: Batch) -> None:
    """Add what finds ids, and the adjacency of labels with many edges."""
    whole = batch.ends is batch.vertices.ids
    for elements in (batch.vertices, batch.edges):
        if not isinstance(elements.ids, Texts) and set(map(type, elements.ids)) == {str}:
            elements.ids = Texts.of(elements.ids)
        if isinstance(elements.ids, Texts) and elements.marks is None:
            elements.marks = Marks.of(elements.ids)
    batch.ends = batch.vertices.ids if whole else batch.ends
    size = len(batch.ends)
    for place, fresh in by_label(batch.edges.labels):
        if len(fresh) < size // SPARSE:
            continue  # it would have more empty rows than edges
        source, target, rows = batch.source[fresh], batch.target[fresh], fresh.astype(np.int32)
        both = compress(source, target, rows, size), compress(target, source, rows, size)
        batch.adjacency[batch.edges.label_names[place]] = both


def batch_of(state: State) -> Batch:
    """All living elements of a graph, in insertion order; where none is dead, as views of what never changes."""
    vertices, edges = _living(state.vertices), _living(state.edges)
    batch = Batch(_elements(state.vertices, vertices), _elements(state.edges, edges), next_id=state.next_id)
    batch.ends = batch.vertices.ids
    source, target = (ends if edges is None else ends[edges] for ends in state.ends())
    if vertices is not None:
        places = np.full(len(state.vertices), -1, dtype=np.int32)
        places[vertices] = np.arange(len(vertices), dtype=np.int32)
        source, target = places[source], places[target]
    batch.source, batch.target = source, target
    return batch


def _living(elements: Elements) -> NDArray[np.int32] | None:
    return elements.row_array(None) if elements.dead else None


def _elements(elements: Elements, rows: NDArray[np.int32] | None) -> ElementBatch:
    size, names = len(elements), list(elements.label_names)
    columns = {key: _stored(column, size, rows) for key, column in elements.columns.items()}
    if rows is not None:
        return ElementBatch(elements.ids.some(rows), elements.label_array()[rows], names, columns)
    return ElementBatch(elements.ids.all(size), elements.label_array(), names, columns, elements.ids.marks(size))


def _stored(column: KeyColumn, size: int, rows: NDArray[np.int32] | None) -> ColumnData:
    numeric = column.numeric(size)
    if numeric is not None and rows is None:
        return ColumnData(numeric.values, numeric.kind, None if numeric.present.all() else numeric.present)
    coded = column.coded(rows, size) if numeric is None else None
    return column_data(column, size, np.arange(size) if rows is None else rows) if coded is None else ColumnData(coded)


def column_data(column: KeyColumn, size: int, rows: NDArray[Any]) -> ColumnData:
    """The values of some rows, int32 or int64 (n,), in their order; ``size`` is how many rows there are."""
    numeric = column.numeric(size)
    if numeric is not None:
        present = numeric.present[rows]
        return ColumnData(numeric.values[rows], numeric.kind, None if present.all() else present)
    return ColumnData(column.cells(rows.tolist()))
