"""From a graph's snapshot to a folder that holds a whole export.

One pass over the graph, in memory that does not grow with it. A second pass happens only where a late value shows that
earlier cells of its column were written in the wrong form (a text in a column of numbers, a second value beside texts
that hold the separator).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from workflow.errors import ExportFailed
from workflow.export.cells import quoted
from workflow.export.configuration import DataFile, training_configuration
from workflow.export.datafile import ColumnHint, SpooledFile, rows_in
from workflow.export.expected import Expected, Tally, edge_type
from workflow.export.labels import EdgeTriple, NodeType, file_name, joined_labels
from workflow.export.plan import ExportRequest
from workflow.export.schema import TypeSchema, config_json, stats_json
from workflow.export.selection import Selection
from workflow.export.targets import check_targets
from workflow.graphs.source import EdgeKind, EdgeRecord, GraphSource, LabelSet, NodeRecord, Snapshot

_REPORT_EVERY = 5000


@dataclass(frozen=True, slots=True)
class ExportProgress:
    """How far a phase is: ``counting``, ``writing``, ``rewriting`` elements, ``checking`` and ``publishing`` files."""

    phase: str
    done: int
    total: int


Report = Callable[[ExportProgress], None]


@dataclass(frozen=True, slots=True)
class ExportOutcome:
    """What was written: paths relative to the folder, and the content of ``stats.json``."""

    files: tuple[str, ...]
    configurations: tuple[str, ...]
    stats: Mapping[str, Any]
    warnings: tuple[str, ...]


def write_export(
    source: GraphSource, request: ExportRequest, folder: Path, report: Report = lambda progress: None
) -> ExportOutcome:
    """Write the whole export into an empty folder.

    ``report`` is called now and then from this thread; what it raises ends the export. Raises PreconditionsFailed for
    an empty graph, InvalidParameter for a target the graph lacks, ExportFailed where what was read, or what lies in the
    files, is not what the graph holds. After an error the folder holds rubbish: it is the caller's to remove.
    """
    report(ExportProgress("counting", 0, 0))
    with source.snapshot() as snapshot:
        expected = Expected.of(snapshot, request)
        check_targets(request.jobs, expected.nodes, expected.triples)
        hints: dict[tuple[NodeType | EdgeTriple, str], ColumnHint] = {}
        writer = _Writer(request, folder, hints, expected, report, "writing")
        writer.copy(snapshot)
        while misjudged := {k: v for file in writer.files.values() for k, v in file.misjudged().items()}:
            for key, hint in misjudged.items():
                hints[key] = hint | hints[key] if key in hints else hint
            writer = _Writer(request, folder, hints, expected, report, "rewriting")
            writer.copy(snapshot)
        last_event = snapshot.last_event() if request.last_event else None
    return writer.finish(last_event)


@dataclass(frozen=True, slots=True)
class _Lane:
    """What all elements of one label set share: their file, the cells of their labels, the properties to keep."""

    file: SpooledFile
    cells: tuple[str, ...]
    kept: tuple[str, ...] | None

    def of(self, properties: Mapping[str, Sequence[Any]]) -> Mapping[str, Sequence[Any]]:
        if self.kept is None:
            return properties
        return {name: properties[name] for name in self.kept if name in properties}


class _Writer:
    """All data files of one pass."""

    def __init__(
        self,
        request: ExportRequest,
        folder: Path,
        hints: Mapping[tuple[NodeType | EdgeTriple, str], ColumnHint],
        expected: Expected,
        report: Report,
        phase: str,
    ) -> None:
        self.request, self.folder, self.hints, self.expected = request, folder, hints, expected
        self.report, self.phase = report, phase
        self.files: dict[NodeType | EdgeTriple, SpooledFile] = {}
        self.read = Tally()
        self._node_lanes: dict[LabelSet, _Lane] = {}
        self._edge_lanes: dict[EdgeKind, _Lane] = {}
        self._written_ids: set[str] | None = set() if expected.ends_matter and request.selection.picks_nodes else None
        self.done = 0
        self._spools = folder / ".spool"
        shutil.rmtree(self._spools, ignore_errors=True)
        self._spools.mkdir(parents=True)
        self._bare_nodes = request.form.tokens_only in ("nodes", "both")
        self._bare_edges = request.form.tokens_only in ("edges", "both")

    def copy(self, snapshot: Snapshot) -> None:
        """Every selected element of the snapshot, each into the file of its label set."""
        expected, selection = self.expected, self.request.selection
        if expected.node_sets:
            nodes = snapshot.nodes(None if expected.all_nodes else expected.node_sets)
            self.read.nodes_ended = _each(nodes, self._node, selection)
        if expected.edge_kinds:
            edges = snapshot.edges(None if expected.all_edges else expected.edge_kinds)
            self.read.edges_ended = _each(edges, self._edge, selection)
        for file in self.files.values():
            file.flush()
        self.report(ExportProgress(self.phase, expected.total, expected.total))
        expected.verify(self.read)

    def _node(self, node: NodeRecord, *, wanted: bool) -> bool:
        self.read.nodes[node.labels] += 1
        self._count()
        if not wanted:
            return True
        lane = self._node_lanes.get(node.labels)
        if lane is None:
            on = NodeType.of(node.labels)
            kept = () if self._bare_nodes else self.request.selection.node_properties(on.labels)
            label = quoted(on.text) if node.labels else ""
            lane = self._node_lanes[node.labels] = _Lane(self._file(on), (label,), kept)
        lane.file.write((quoted(node.id), *lane.cells), lane.of(node.properties))
        if self._written_ids is not None:
            self._written_ids.add(node.id)
        return True

    def _edge(self, edge: EdgeRecord, *, wanted: bool) -> bool:
        key = (edge.source_labels, edge.label, edge.target_labels)
        self.read.edges[key] += 1
        self._count()
        ids = self._written_ids
        if ids is not None and (edge.source not in ids or edge.target not in ids):
            self.read.loose[key] += 1
            return False
        if not wanted:
            return True
        lane = self._edge_lanes.get(key)
        if lane is None:
            on = edge_type(key, self.request.form.edge_ends)
            kept = () if self._bare_edges else self.request.selection.edge_properties(key)
            cells = [quoted(edge.label)]
            if self.request.form.edge_ends:
                cells += [quoted(joined_labels(on.source)), quoted(joined_labels(on.target))]
            lane = self._edge_lanes[key] = _Lane(self._file(on), tuple(cells), kept)
        label, *ends = lane.cells
        fixed = (quoted(edge.id), label, quoted(edge.source), quoted(edge.target), *ends)
        lane.file.write(fixed, lane.of(edge.properties))
        return True

    def _file(self, on: NodeType | EdgeTriple) -> SpooledFile:
        found = self.files.get(on)
        if found is None:
            spool = self._spools / str(len(self.files))
            found = self.files[on] = SpooledFile(TypeSchema(on), spool, self.request.form, self.hints)
        return found

    def _count(self) -> None:
        self.done += 1
        if self.done % _REPORT_EVERY == 0:
            self.report(ExportProgress(self.phase, self.done, self.expected.total))

    def finish(self, last_event: tuple[int, int] | None) -> ExportOutcome:
        """Headers, configuration, schema and counts; everything the export consists of."""
        check_targets(
            self.request.jobs,
            [on for on in self.files if isinstance(on, NodeType)],
            [on for on in self.files if isinstance(on, EdgeTriple)],
        )
        nodes = [self._finish("nodes", one) for on, one in self.files.items() if isinstance(on, NodeType)]
        edges = [self._finish("edges", one) for on, one in self.files.items() if isinstance(on, EdgeTriple)]
        shutil.rmtree(self._spools)
        self._verify_files([*nodes, *edges])
        node_schemas, edge_schemas = [node.schema for node in nodes], [edge.schema for edge in edges]
        stats = stats_json(node_schemas, edge_schemas)
        kinds = self.request.selection.kinds
        self._json(
            "config.json",
            config_json(node_schemas if "nodes" in kinds else None, edge_schemas if "edges" in kinds else None),
        )
        self._json("stats.json", stats)
        warnings = [*self.request.ignored]
        warnings += self.expected.warnings(self.read)
        files = [*(one.path for one in (*nodes, *edges)), "config.json", "stats.json"]
        if last_event is not None:
            commit, operation = last_event
            self._json("lastEventId.json", {"commitNum": commit, "opNum": operation})
            files.append("lastEventId.json")
        elif self.request.last_event:
            warnings.append("lastEventId.json is not written: of this graph no change log is kept")
        for job in self.request.jobs:
            configuration = training_configuration(job, nodes, edges, self.request.form)
            warnings += configuration["warnings"]
            self._json(f"{job.name}.json", configuration)
        configurations = tuple(f"{job.name}.json" for job in self.request.jobs)
        # several configurations repeat what they say of the same data
        return ExportOutcome((*files, *configurations), configurations, stats, tuple(dict.fromkeys(warnings)))

    def _finish(self, kind: str, one: SpooledFile) -> DataFile:
        suffix = ".consolidated" if self.request.form.consolidated else "-1"
        path = f"{kind}/{file_name(one.schema.on.description, suffix)}"
        one.finish(self.folder / path)
        return DataFile(path, one.schema)

    def _verify_files(self, files: Sequence[DataFile]) -> None:
        """Raises ExportFailed naming every file that does not hold as many rows as were written to it."""
        wrong = []
        for number, one in enumerate(files):
            self.report(ExportProgress("checking", number, len(files)))
            held = rows_in(self.folder / one.path) - self.request.form.header
            if held != one.schema.count:
                wrong.append(f"{one.path}: {held} rows of {one.schema.count}")
        if wrong:
            raise ExportFailed(f"the export is not complete ({'; '.join(wrong)}); the disk lost rows: export again")

    def _json(self, name: str, content: Mapping[str, Any]) -> None:
        text = json.dumps(content, indent=2, ensure_ascii=False)
        (self.folder / name).write_text(text + "\n", encoding="utf-8")


_Record = TypeVar("_Record")


def _each(records: Iterator[_Record], take: Callable[..., bool], selection: Selection) -> bool:
    """Give every record to ``take``, which tells whether it counts; those to skip as not wanted.

    Returns whether all were read, and not only as many as ``limit`` wants.
    """
    skip, limit = selection.skip, selection.limit
    end = None if limit is None else skip + limit
    counted = 0
    for record in records:
        if counted == end:
            return False
        counted += take(record, wanted=counted >= skip)
    return True
