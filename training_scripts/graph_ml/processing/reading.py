"""From the files of an export to indexed nodes and edges whose columns stand in index order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl
from numpy.typing import NDArray

from ..container import JobError
from ..features.columns.column import BadValue, Column
from ..graph.data import EdgeList, GraphData
from ..schemas import EdgeFile, EdgeType, FeatureSpec, LabelSpec, NodeFile, TrainingDataConfiguration
from ..schemas.times import UNKNOWN, TimeReading
from ..text_files import Texts
from .engines import Engine
from .engines.id_table import INDEX, IdTable
from .files import ExportFile, open_export
from .frames import ROW, FrameColumn, frame_column
from .steps import Made, kept, named
from .streaming import Answer, Answering, StreamedColumn, StreamedTexts
from .times.moments import Moments, moments
from .workspace import Workspace

IntArray = NDArray[np.int64]
Indices = IntArray | range
VALUE = "value"
RELATION_SEPARATOR = "-"
NAMED_AT_MOST = 5
NEW_TYPE = "new; models of the previous job do not know it until one is trained again"


@dataclass(frozen=True)
class Rows:
    """Rows of a file that belong to one type: row ``rows[i]`` of the file is element ``elements[i]`` of the type.

    Rows ascend. Where either is a range nothing is left out, and nothing takes memory.
    """

    file: ExportFile
    rows: Indices
    elements: Indices

    @property
    def whole(self) -> bool:
        """Whether these are all rows of the file."""
        return isinstance(self.rows, range) and len(self.rows) == self.file.rows

    def row_of(self, element: int) -> int | None:
        """The first row of an element; None where the file says nothing of it."""
        if isinstance(self.elements, range):
            place = element - self.elements.start if element in self.elements else None
        else:
            found = np.flatnonzero(self.elements == element)
            place = int(found[0]) if len(found) else None
        return None if place is None else int(self.rows[place])

    def pieces(self, name: str) -> Iterator[FrameColumn]:
        """A column of these rows a batch at a time; nothing but gaps where the file has no such column."""
        if name not in self.file.names:
            for begin, end in self.file.room.batches(len(self.rows)):
                yield frame_column(pl.repeat(None, end - begin, dtype=pl.String, eager=True))
            return
        for begin, batch in self.file.batches(name):
            if not isinstance(self.rows, range):
                first, last = np.searchsorted(self.rows, [begin, begin + len(batch)])
                batch = batch[self.rows[first:last] - begin]
            yield frame_column(batch[name])


@dataclass
class Elements:
    """All nodes of one type, or all edges: how many, from which rows, and what is asked of their columns.

    ``gone`` are the indices of those that a previous job had and this export has not. ``times`` are there where a
    column, ``time``, says when they came to be, read by ``reading``; a ``day`` is so long among them.
    """

    name: str
    count: int
    rows: list[Rows] = field(default_factory=list)
    features: list[FeatureSpec] = field(default_factory=list)
    labels: list[LabelSpec] = field(default_factory=list)
    gone: IntArray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    time: str | None = None
    times: Moments | None = None
    day: float = 1.0
    reading: TimeReading = UNKNOWN

    @property
    def present(self) -> NDArray[np.bool_]:
        """Which elements are in the export, bool (count,)."""
        present = np.ones(self.count, dtype=bool)
        present[self.gone] = False
        return present

    def column(self, name: str) -> FrameColumn | StreamedColumn:
        """A column in index order; an element without a row, or whose file lacks the column, has no value.

        Raises:
            JobError: none of the files has the column.
        """
        having = [part for part in self.rows if name in part.file.names] or self.rows[:1]
        if not having:
            return frame_column(pl.repeat(None, self.count, dtype=pl.String, eager=True))
        if len(having) == 1 and _is_whole(having[0], self.count):
            return having[0].file.column(name)
        having[0].file.require(name)
        room = having[0].file.room
        if self.count > room.rows and self._in_order():
            return StreamedColumn(
                lambda: (piece for part in self.rows for piece in part.pieces(name)),
                self.count,
                room,
                partial(self._answers, name)
                if all(part.whole and name in part.file.names for part in self.rows)
                else None,
            )
        parts = []
        for part in having:
            values = part.file.frame(name).rename({name: VALUE})
            picked = _frame(**{ROW: np.asarray(part.rows), INDEX: np.asarray(part.elements)})
            parts.append(values.with_row_index(ROW).with_columns(nw.col(ROW).cast(nw.Int64)).join(picked, on=ROW))
        every = _frame(**{INDEX: np.arange(self.count)})
        table = nw.concat(parts).drop_nulls(VALUE).unique(INDEX, keep="first", maintain_order=True)
        table = every.join(table, on=INDEX, how="left").sort(INDEX)
        return FrameColumn(table[VALUE])

    def _answers(self, name: str, answer: Answering) -> Iterator[tuple[int, Answer]]:
        """Answers about a column that all files have, whose rows are the elements."""
        begin = 0
        for part in self.rows:
            for first, found in part.file.engine.answers(part.file, name, answer):
                yield begin + first, found
            begin += len(part.rows)

    def _in_order(self) -> bool:
        """Whether the rows of all files, one after the other, are the elements."""
        begin = 0
        for part in self.rows:
            if not (isinstance(part.elements, range) and part.elements.start == begin):
                return False
            begin += len(part.rows)
        return begin == self.count

    def complain(self, column: str, error: BadValue) -> JobError:
        """The sentence about the element at fault, with file and line."""
        for part in self.rows:
            row = part.row_of(error.row)
            if row is not None and column in part.file.names:
                return part.file.bad_value(column, BadValue(row, error.text, error.problem))
        return JobError(f"{self.name}: column '{column}' {error}")


@dataclass
class Nodes(Elements):
    """All nodes of one type."""

    ids: Texts = field(default_factory=Texts)
    id_columns: list[tuple[ExportFile, str]] = field(default_factory=list)
    first_new: int = 0

    @cached_property
    def table(self) -> IdTable:
        """The ids as they are looked up, once all of them are known."""
        return IdTable(self.ids)

    def index(self, texts: nw.Series[Any]) -> IntArray:
        """The index of each id, int64 (n,), -1 for one that is not there."""
        return self.table.index(texts)


@dataclass
class Edges(Elements):
    """All edges of one type; they have ids where every file has them."""

    kind: EdgeType = field(default_factory=lambda: EdgeType("", "", ""))
    ends: EdgeList = field(default_factory=lambda: EdgeList(np.empty(0, np.int64), np.empty(0, np.int64)))

    @property
    def ids(self) -> Sequence[str] | None:
        """The ids in index order, read a batch at a time; None where not all edges have one."""
        if not all("~id" in part.file.names for part in self.rows):
            return None
        return StreamedTexts(self.column("~id")) if self.rows else Texts()


@dataclass
class Export:
    """An export that was read: nodes and edges by type."""

    nodes: dict[str, Nodes]
    edges: dict[EdgeType, Edges]
    warnings: list[str]

    @property
    def times(self) -> dict[str | EdgeType, Moments]:
        """When the elements of each type came to be that says so, float64 (count,) each."""
        groups: list[tuple[str | EdgeType, Elements]] = [*self.nodes.items(), *self.edges.items()]
        return {owner: group.times for owner, group in groups if group.times is not None}


def read_export(
    folder: Path,
    configuration: TrainingDataConfiguration,
    room: Workspace,
    engine: Engine,
    previous: GraphData | None = None,
) -> Export:
    """Read all files that the configuration names and turn ids into indices.

    Indices follow the order of the files; ids of a previous graph keep theirs, whether they are still there or not, and
    new ones come after them. Its node and edge types stay too, empty where nothing is left of them.

    Args:
        folder: of the configuration file.
        configuration: what to read.
        room: takes working copies.
        engine: reads, numbers and answers.
        previous: the graph of an earlier job, for incremental processing.

    Raises:
        JobError: whatever is wrong with a file, named with its line.
    """
    files = _open_all(folder, configuration, room, engine)
    warnings: list[str] = list(configuration.warnings)
    nodes = _read_nodes(configuration.graph.nodes, files, warnings)
    if not configuration.graph.nodes:
        warnings.append("the configuration names no node files; nodes are taken from the ends of the edges")
        _nodes_from_edges(configuration.graph.edges, files, nodes)
    if previous is not None:
        _keep_previous(nodes, previous.node_ids, warnings)
    for group in nodes.values():
        _locate(group)
    edges = _read_edges(configuration.graph.edges, files, nodes, warnings)
    every: list[Elements] = [*nodes.values(), *edges.values()]
    for one in every:
        _read_times(one)
    if previous is not None:
        _keep_edge_types(edges, previous.edge_types, warnings)
    if not sum(int(group.present.sum()) for group in nodes.values()):
        raise JobError("the graph is empty: none of the node files has a row. Export a graph that has vertices")
    return Export(nodes, edges, warnings)


def _open_all(
    folder: Path, configuration: TrainingDataConfiguration, room: Workspace, engine: Engine
) -> dict[str, ExportFile]:
    files: dict[str, ExportFile] = {}
    entries: list[NodeFile | EdgeFile] = [*configuration.graph.nodes, *configuration.graph.edges]
    for entry in entries:
        if entry.file_name not in files:
            files[entry.file_name] = open_export(folder, entry.file_name, entry.separator, room, engine)
    return files


def _read_nodes(entries: list[NodeFile], files: Mapping[str, ExportFile], warnings: list[str]) -> dict[str, Nodes]:
    nodes: dict[str, Nodes] = {}
    for entry in entries:
        file, (id_column, kind) = files[entry.file_name], entry.node
        group = nodes.setdefault(kind, Nodes(name=kind, count=0))
        _refuse_empty(file, id_column, file.column(id_column))
        group.id_columns.append((file, id_column))
        _add_time(group, file, entry.time)
        _add_specs(group, file, entry.features, entry.labels, warnings)
    for kind, group in nodes.items():
        group.ids = _distinct(group.id_columns)
        every = sum(file.rows for file, _ in group.id_columns)
        if len(group.ids) < every:
            warnings.append(
                f"{every - len(group.ids)} rows of node type {kind} repeat an id; the first value of each counts"
            )
    return nodes


def _distinct(columns: Sequence[tuple[ExportFile, str]]) -> Texts:
    return columns[0][0].engine.distinct(columns) if columns else Texts()


def _nodes_from_edges(entries: list[EdgeFile], files: Mapping[str, ExportFile], nodes: dict[str, Nodes]) -> None:
    columns: dict[str, list[tuple[ExportFile, str]]] = {}
    for entry in entries:
        file = files[entry.file_name]
        for column, kind in (entry.source, entry.dest):
            _refuse_empty(file, column, file.column(column))
            columns.setdefault(kind, []).append((file, column))
    for kind, several in columns.items():
        nodes[kind] = Nodes(name=kind, count=0, ids=_distinct(several))


def _keep_previous(nodes: dict[str, Nodes], previous: Mapping[str, Sequence[str]], warnings: list[str]) -> None:
    """Put known ids first, in their old order, and note which of them are gone."""
    warnings += [f"node type {kind} is {NEW_TYPE}" for kind in nodes if kind not in previous]
    for kind, old_ids in previous.items():
        group = nodes.setdefault(kind, Nodes(name=kind, count=0))
        present, old = set(group.ids), set(old_ids)
        group.gone = np.flatnonzero([name not in present for name in old_ids])
        if len(group.gone):
            named = ", ".join(repr(old_ids[row]) for row in group.gone[:NAMED_AT_MOST].tolist())
            more = f" and {len(group.gone) - NAMED_AT_MOST} more" if len(group.gone) > NAMED_AT_MOST else ""
            warnings.append(
                f"node type {kind}: {named}{more} of the previous job {'is' if len(group.gone) == 1 else 'are'} gone; "
                "their indices stay, without edges and features, and no prediction names them"
            )
        group.ids = Texts.of([*old_ids, *(name for name in group.ids if name not in old)])
        group.first_new = len(old_ids)


def _keep_edge_types(edges: dict[EdgeType, Edges], previous: Sequence[EdgeType], warnings: list[str]) -> None:
    warnings += [f"edge type {kind} is {NEW_TYPE}" for kind in edges if kind not in previous]
    for kind in previous:
        if kind not in edges:
            edges[kind] = Edges(name=str(kind), count=0, kind=kind)
            warnings.append(f"edge type {kind} of the previous job has no edge left")


def _locate(group: Nodes) -> None:
    """Number the ids, and find the element of each row."""
    group.count = len(group.ids)
    for file, column in group.id_columns:
        if len(group.id_columns) == 1 and group.count == file.rows and not group.first_new:
            elements: Indices = range(file.rows)  # none stands twice
        else:
            (elements,) = file.engine.indices(file, [(column, group.table)], file.room.array)
        group.rows.append(Rows(file, range(file.rows), elements))


def _read_edges(
    entries: list[EdgeFile], files: Mapping[str, ExportFile], nodes: Mapping[str, Nodes], warnings: list[str]
) -> dict[EdgeType, Edges]:
    edges: dict[EdgeType, Edges] = {}
    ends: dict[EdgeType, list[EdgeList]] = {}
    for entry in entries:
        file = files[entry.file_name]
        every = _kept_ends(file, entry, nodes)
        for relation, rows in _relations(file, entry):
            kind = EdgeType(entry.source[1], relation, entry.dest[1])
            group = edges.setdefault(kind, Edges(name=str(kind), count=0, kind=kind))
            group.rows.append(Rows(file, rows, range(group.count, group.count + len(rows))))
            ends.setdefault(kind, []).append(_picked(every, rows, file.room))
            group.count += len(rows)
            _add_time(group, file, entry.time)
            _add_specs(group, file, entry.features or [], entry.labels, warnings)
    for kind, parts in ends.items():
        edges[kind].ends = _joined(parts, edges[kind].rows[0].file.room)
    return edges


def _picked(ends: EdgeList, rows: Indices, room: Workspace) -> EdgeList:
    """The ends of some rows."""
    if isinstance(rows, range):
        return ends
    return EdgeList(room.parked(ends.source[rows]), room.parked(ends.target[rows]))


def _joined(parts: Sequence[EdgeList], room: Workspace) -> EdgeList:
    """The ends of several files, one after the other."""
    if len(parts) == 1:
        return parts[0]
    total = sum(len(part) for part in parts)
    whole = EdgeList(room.array(total, np.int64), room.array(total, np.int64))
    np.concatenate([part.source for part in parts], out=whole.source)
    np.concatenate([part.target for part in parts], out=whole.target)
    return whole


def _add_time(group: Elements, file: ExportFile, column: str | None) -> None:
    if column is not None:
        file.require(column)
        group.time = column


def _read_times(group: Elements) -> None:
    if group.time is not None:
        try:
            group.times, group.day, group.reading = moments(group.column(group.time))
        except BadValue as error:
            raise group.complain(group.time, error) from None


def _relations(file: ExportFile, entry: EdgeFile) -> list[tuple[str, Indices]]:
    """(relation, rows) for each relation of a file; several where a column completes the name."""
    column, name = entry.relation
    if not column:
        return [(name, range(file.rows))]
    values = file.column(column)
    codes = {text: code for code, text in enumerate(values.counts())}
    places = values.codes(codes, unknown=-1)
    if (places < 0).any():
        raise file.problem(int(np.argmax(places < 0)), column, "names no relation")
    prefix = f"{name}{RELATION_SEPARATOR}" if name else ""
    return [(prefix + text, file.room.parked(np.flatnonzero(places == code))) for text, code in codes.items()]


def _kept_ends(file: ExportFile, entry: EdgeFile, nodes: Mapping[str, Nodes]) -> EdgeList:
    def make() -> Made:
        ends = _ends(file, entry, nodes)
        return Made({"source": ends.source, "target": ends.target})

    made = kept(file.room, f"ends-{named(file.name, entry.source, entry.dest)}", make)
    return EdgeList(made.arrays["source"], made.arrays["target"])


def _ends(file: ExportFile, entry: EdgeFile, nodes: Mapping[str, Nodes]) -> EdgeList:
    """The indices of the ends of all edges of a file.

    Raises:
        JobError: an end is empty, or names a node that is not there.
    """
    for _, kind in (entry.source, entry.dest):
        if kind not in nodes:
            raise JobError(
                f"{file.name} has edges of node type {kind}, of which the configuration names no node file; "
                f"it names {', '.join(nodes) or 'none'}"
            )
    columns = [(column, nodes[kind].table) for column, kind in (entry.source, entry.dest)]
    source, target = file.engine.indices(file, columns, file.room.array)
    for found, (column, kind) in ((source, entry.source), (target, entry.dest)):
        if len(found) and found.min() < 0:
            raise _unknown_end(file, column, nodes[kind])
    return EdgeList(source, target)


def _unknown_end(file: ExportFile, column: str, nodes: Nodes) -> JobError:
    """The sentence about the first row that names no node of a type, with how many there are of its kind."""
    _refuse_empty(file, column, file.column(column))
    row, named, missing = 0, "", 0
    for begin, batch in file.batches(column):
        absent = np.flatnonzero(nodes.index(nw.from_native(batch[column], series_only=True)) < 0)
        if len(absent) and not missing:
            row, named = begin + int(absent[0]), batch[column][int(absent[0])]
        missing += len(absent)
    others = f" ({missing} rows like this)" if missing > 1 else ""
    return file.problem(
        row,
        column,
        f"names the node {named!r}, which is not among the nodes of type {nodes.name}{others}. "
        "Export nodes and edges together, or correct the node type in the configuration",
    )


def _refuse_empty(file: ExportFile, column: str, values: Column) -> None:
    missing = values.missing()
    if missing.any():
        raise file.problem(int(np.argmax(missing)), column, "is empty; every row needs an id there")


def _add_specs(
    group: Elements,
    file: ExportFile,
    features: Sequence[FeatureSpec],
    labels: Sequence[LabelSpec] | None,
    warnings: list[str],
) -> None:
    """What is asked of a type; of a feature or label that several files describe, the first description counts."""
    asked = [spec.column for spec in labels or () if spec.column and spec.horizon is None]
    for column in (*(spec.column for spec in features), *asked):
        file.require(column)
    # the exporter's feature_encoding "none" writes every property as "none", and once more as what was asked for it
    encoded = {spec.name for spec in features if spec.type != "none"}
    features = [spec for spec in features if spec.type != "none" or spec.name not in encoded]
    twice = [name for name, times in Counter(spec.name for spec in features).items() if times > 1]
    if twice:
        raise JobError(f"two features of {group.name} are called '{twice[0]}'; give each a name of its own")
    known = {spec.name: spec for spec in group.features}
    learned = {spec.label: spec for spec in group.labels}
    other = [f"feature '{spec.name}'" for spec in features if known.setdefault(spec.name, spec) != spec]
    other += [f"label '{label.column}'" for label in labels or () if learned.setdefault(label.label, label) != label]
    warnings += [f"{group.name}: {what} of {file.name} differs from an earlier file's, which counts" for what in other]
    group.features, group.labels = list(known.values()), list(learned.values())


def _is_whole(part: Rows, count: int) -> bool:
    """Whether a file has all elements in their order, once each."""
    if len(part.rows) != part.file.rows or part.file.rows != count:
        return False
    return all(
        isinstance(side, range) or bool(np.array_equal(side, np.arange(count))) for side in (part.rows, part.elements)
    )


def _frame(**columns: IntArray) -> nw.DataFrame[Any]:
    return nw.from_native(pl.DataFrame(columns), eager_only=True)
