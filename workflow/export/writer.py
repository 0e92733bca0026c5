"""From a graph's snapshot to a folder that holds a whole export.

One pass over the graph, column by column for some thousands of elements at a time, in memory that does not grow with
it. A second pass happens only where a late value shows that
earlier cells of its column were written in the wrong form (a text in a column of numbers, a second value beside texts
that hold the separator).
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress, repeat
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workflow.errors import ExportFailed
from workflow.export.cells import all_quoted, quoted
from workflow.export.configuration import DataFile, training_configuration
from workflow.export.datafile import ColumnHint, SpooledFile, rows_in
from workflow.export.expected import Expected, Tally, edge_type
from workflow.export.labels import EdgeTriple, NodeType, file_name, joined_labels
from workflow.export.plan import ExportRequest
from workflow.export.schema import TypeSchema, config_json, stats_json
from workflow.export.targets import check_targets
from workflow.graphs.source import EdgeKind, ElementRun, GraphSource, LabelSet, RunColumn, Snapshot, Sort


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

    def of(self, run: ElementRun[Any], wanted: NDArray[np.bool_] | None) -> list[RunColumn]:
        """The columns to write of the wanted elements of a run, the first to appear first."""
        columns = run.columns if wanted is None else list(_picked(run.columns, wanted))
        if self.kept is not None:
            of = {column.key: column for column in columns}
            columns = [of[key] for key in self.kept if key in of]
        return sorted(columns, key=lambda column: column.first)


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
        expected = self.expected
        if expected.node_sets:
            nodes = snapshot.node_runs(None if expected.all_nodes else expected.node_sets)
            self.read.nodes_ended = self._each(nodes, self.read.nodes, self._loose_nodes, self._nodes)
        if expected.edge_kinds:
            edges = snapshot.edge_runs(None if expected.all_edges else expected.edge_kinds)
            self.read.edges_ended = self._each(edges, self.read.edges, self._loose_edges, self._edges)
        for file in self.files.values():
            file.flush()
        self.report(ExportProgress(self.phase, expected.total, expected.total))
        expected.verify(self.read)

    def _each(
        self,
        chunks: Iterator[list[ElementRun[Sort]]],
        read: Counter[Sort],
        loose_of: Callable[[ElementRun[Sort]], NDArray[np.bool_] | None],
        write: Callable[[ElementRun[Sort], NDArray[np.bool_] | None], None],
    ) -> bool:
        """Write what is wanted of every run; loose elements count for neither ``skip`` nor ``limit``.

        Returns whether all were read, and not only as many as ``limit`` wants.
        """
        skip, limit = self.request.selection.skip, self.request.selection.limit
        end = None if limit is None else skip + limit
        counted = 0
        for runs in chunks:
            if counted == end and any(len(run.ids) for run in runs):
                return False
            looses = [loose_of(run) for run in runs]
            ranks = _ranks(runs, looses, counted) if skip or end is not None else [None] * len(runs)
            ended = True
            for run, loose, rank in zip(runs, looses, ranks, strict=True):
                wanted = None if loose is None else ~loose
                if rank is not None:
                    # what stands behind the last one that counts is not read
                    unread = np.zeros(len(rank), dtype=bool) if end is None else rank >= end
                    ended = ended and not unread.any()
                    wanted = (rank >= skip) & ~unread if wanted is None else wanted & (rank >= skip) & ~unread
                    loose = None if loose is None else loose & ~unread
                    read[run.sort] += int(np.count_nonzero(~unread))
                else:
                    read[run.sort] += len(run.ids)
                if loose is not None and loose.any():
                    self.read.loose[run.sort] += int(np.count_nonzero(loose))  # type: ignore[index]  # edges alone are
                if wanted is None or wanted.any():
                    write(run, None if wanted is None or wanted.all() else wanted)
                counted += len(run.ids) - (0 if loose is None else int(np.count_nonzero(loose)))
            self.done += sum(len(run.ids) for run in runs)
            self.report(ExportProgress(self.phase, min(self.done, self.expected.total), self.expected.total))
            if not ended:
                return False
        return True

    def _loose_nodes(self, run: ElementRun[LabelSet]) -> None:
        return None

    def _loose_edges(self, run: ElementRun[EdgeKind]) -> NDArray[np.bool_] | None:
        """Which edges have an end that is not written."""
        ids = self._written_ids
        if ids is None:
            return None
        ends = zip(run.source, run.target, strict=True)
        return np.fromiter((not (a in ids and b in ids) for a, b in ends), dtype=bool, count=len(run.ids))

    def _nodes(self, run: ElementRun[LabelSet], wanted: NDArray[np.bool_] | None) -> None:
        lane = self._node_lanes.get(run.sort)
        if lane is None:
            on = NodeType.of(run.sort)
            kept = () if self._bare_nodes else self.request.selection.node_properties(on.labels)
            label = quoted(on.text) if run.sort else ""
            lane = self._node_lanes[run.sort] = _Lane(self._file(on), (label,), kept)
        ids = _chosen(run.ids, wanted)
        lane.file.write(len(ids), [all_quoted(ids), *map(repeat, lane.cells)], lane.of(run, wanted))
        if self._written_ids is not None:
            self._written_ids.update(ids)

    def _edges(self, run: ElementRun[EdgeKind], wanted: NDArray[np.bool_] | None) -> None:
        lane = self._edge_lanes.get(run.sort)
        if lane is None:
            on = edge_type(run.sort, self.request.form.edge_ends)
            kept = () if self._bare_edges else self.request.selection.edge_properties(run.sort)
            cells = [quoted(run.sort[1])]
            if self.request.form.edge_ends:
                cells += [quoted(joined_labels(on.source)), quoted(joined_labels(on.target))]
            lane = self._edge_lanes[run.sort] = _Lane(self._file(on), tuple(cells), kept)
        label, *ends = map(repeat, lane.cells)
        ids = _chosen(run.ids, wanted)
        source, target = (all_quoted(_chosen(end, wanted)) for end in (run.source, run.target))
        lane.file.write(len(ids), [all_quoted(ids), label, source, target, *ends], lane.of(run, wanted))

    def _file(self, on: NodeType | EdgeTriple) -> SpooledFile:
        found = self.files.get(on)
        if found is None:
            spool = self._spools / str(len(self.files))
            found = self.files[on] = SpooledFile(TypeSchema(on), spool, self.request.form, self.hints)
        return found

    def finish(self, last_event: tuple[int, int] | None) -> ExportOutcome:
        """Headers, configuration, schema and counts; everything the export consists of."""
        check_targets(
            self.request.jobs,
            [on for on in self.files if isinstance(on, NodeType)],
            [on for on in self.files if isinstance(on, EdgeTriple)],
        )
        nodes = [self._finish("nodes", file) for on, file in self.files.items() if isinstance(on, NodeType)]
        edges = [self._finish("edges", file) for on, file in self.files.items() if isinstance(on, EdgeTriple)]
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
        files = [*(file.path for file in (*nodes, *edges)), "config.json", "stats.json"]
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


def _ranks(
    runs: Sequence[ElementRun[Any]], looses: Sequence[NDArray[np.bool_] | None], counted: int
) -> list[NDArray[np.int64]]:
    """For each element of each run how many before it count, those of earlier chunks included."""
    places = np.concatenate([run.places for run in runs])
    counts = np.concatenate(
        [
            np.ones(len(run.ids), dtype=np.int64) if loose is None else (~loose).astype(np.int64)
            for run, loose in zip(runs, looses, strict=True)
        ]
    )
    order = np.argsort(places)
    before = np.empty(len(places), dtype=np.int64)
    before[order] = counted + np.cumsum(counts[order]) - counts[order]
    return np.split(before, np.cumsum([len(run.ids) for run in runs])[:-1])


def _chosen(texts: list[str], wanted: NDArray[np.bool_] | None) -> list[str]:
    return texts if wanted is None else list(compress(texts, wanted.tolist()))


def _picked(columns: Sequence[RunColumn], wanted: NDArray[np.bool_]) -> Iterator[RunColumn]:
    """The columns of some elements, as places among them; those that none of them has are left out."""
    for column in columns:
        if isinstance(column.cells, list):
            cells = list(compress(column.cells, wanted.tolist()))
            first = next((place for place, cell in enumerate(cells) if cell is not None), None)
            if first is not None:
                yield replace(column, first=first, cells=cells)
            continue
        present = None if column.present is None else column.present[wanted]
        if present is None or present.any():
            first = 0 if present is None else int(np.argmax(present))
            yield replace(column, first=first, cells=column.cells[wanted], present=present)
