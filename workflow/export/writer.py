"""From a graph's snapshot to a folder that holds a whole export.

One pass over the graph, in memory that does not grow with it. A second pass happens only where a late value shows that
earlier cells of its column were written in the wrong form (a text in a column of numbers, a second value beside texts
that hold the separator).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workflow.errors import ExportFailed, PreconditionsFailed
from workflow.export.cells import quoted
from workflow.export.configuration import DataFile, training_configuration
from workflow.export.datafile import ColumnHint, SpooledFile
from workflow.export.labels import EdgeTriple, NodeType, file_name, joined_labels
from workflow.export.plan import ExportRequest
from workflow.export.schema import TypeSchema, config_json, stats_json
from workflow.export.targets import check_targets
from workflow.graphs.base import EdgeRecord, GraphSource, NodeRecord, Snapshot

_REPORT_EVERY = 5000


@dataclass(frozen=True, slots=True)
class ExportProgress:
    """How many elements are written, of how many."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class ExportOutcome:
    """What was written: paths relative to the folder, and the content of ``stats.json``."""

    files: tuple[str, ...]
    configurations: tuple[str, ...]
    stats: Mapping[str, Any]
    warnings: tuple[str, ...]


def write_export(
    source: GraphSource,
    request: ExportRequest,
    folder: Path,
    report: Callable[[ExportProgress], None] = lambda progress: None,
) -> ExportOutcome:
    """Write the whole export into an empty folder.

    ``report`` is called now and then from this thread; what it raises ends the export. Raises PreconditionsFailed for
    an empty graph, InvalidParameter for a target the graph lacks, ExportFailed where the written counts are not the
    graph's. After an error the folder holds rubbish: it is the caller's to remove.
    """
    with source.snapshot() as snapshot:
        expected = _Expected.of(snapshot, request)
        check_targets(request.jobs, (n for n in expected.nodes if isinstance(n, NodeType)), expected.triples)
        hints: dict[tuple[NodeType | EdgeTriple, str], ColumnHint] = {}
        writer = _Writer(request, folder, hints, expected.total, report)
        writer.copy(snapshot)
        while misjudged := {k: v for one in writer.files.values() for k, v in one.misjudged().items()}:
            for key, hint in misjudged.items():
                hints[key] = hint | hints[key] if key in hints else hint
            writer = _Writer(request, folder, hints, expected.total, report)
            writer.copy(snapshot)
    expected.verify(writer)
    return writer.finish()


@dataclass(frozen=True, slots=True)
class _Expected:
    """What the snapshot says it holds, of what the request selects."""

    nodes: dict[NodeType, int]
    edges: dict[EdgeTriple, int]
    triples: frozenset[EdgeTriple]  # with both ends, whatever form the files have

    @classmethod
    def of(cls, snapshot: Snapshot, request: ExportRequest) -> _Expected:
        selection = request.selection
        node_counts, edge_counts = snapshot.node_counts(), snapshot.edge_counts()
        if not any(node_counts.values()):
            raise PreconditionsFailed("the graph is empty: there is nothing to export; load data first (/loader)")
        nodes: dict[NodeType, int] = {}
        for labels, count in node_counts.items():
            if count and selection.takes_node(labels):
                on = NodeType.of(labels)
                nodes[on] = nodes.get(on, 0) + count
        edges: dict[EdgeTriple, int] = {}
        triples = set()
        for (begin, label, end), count in edge_counts.items():
            if count and selection.takes_edge(label):
                triples.add(EdgeTriple(tuple(sorted(begin)), label, tuple(sorted(end))))
                key = _edge_key(begin, label, end, request.form.edge_ends)
                edges[key] = edges.get(key, 0) + count
        if not nodes and not edges:
            raise PreconditionsFailed(
                "the filters of the request leave nothing to export; node labels of the graph: "
                + ", ".join(sorted(joined_labels(labels) for labels in node_counts))
            )
        return cls(nodes, edges, frozenset(triples))

    @property
    def total(self) -> int:
        return sum(self.nodes.values()) + sum(self.edges.values())

    def verify(self, writer: _Writer) -> None:
        """Raises ExportFailed naming every label set whose count differs from the graph's."""
        counts: list[tuple[NodeType | EdgeTriple, int]] = [*self.nodes.items(), *self.edges.items()]
        wanted = dict(counts)
        written = {on: one.schema.count for on, one in writer.files.items()}
        wrong = [
            f"{'nodes' if isinstance(on, NodeType) else 'edges'} {on.description}: "
            f"{written.get(on, 0)} written of {wanted.get(on, 0)}"
            for on in sorted(wanted.keys() | written.keys(), key=lambda on: on.description)
            if written.get(on, 0) != wanted.get(on, 0)
        ]
        if wrong:
            raise ExportFailed(
                f"the export is not complete ({'; '.join(wrong)}); the graph changed or broke off while it was read: "
                "export again"
            )


@dataclass(frozen=True, slots=True)
class _Lane:
    """What all elements of one label set share: their file, the cells of their labels, the properties to keep."""

    file: SpooledFile
    cells: tuple[str, ...]
    kept: frozenset[str] | None

    def of(self, properties: Mapping[str, Sequence[Any]]) -> Mapping[str, Sequence[Any]]:
        if self.kept is None:
            return properties
        return {name: values for name, values in properties.items() if name in self.kept}


class _Writer:
    """All data files of one pass."""

    def __init__(
        self,
        request: ExportRequest,
        folder: Path,
        hints: Mapping[tuple[NodeType | EdgeTriple, str], ColumnHint],
        total: int,
        report: Callable[[ExportProgress], None],
    ) -> None:
        self.request, self.folder, self.hints, self.total, self.report = request, folder, hints, total, report
        self.files: dict[NodeType | EdgeTriple, SpooledFile] = {}
        self._node_lanes: dict[tuple[str, ...], _Lane] = {}
        self._edge_lanes: dict[tuple[tuple[str, ...], str, tuple[str, ...]], _Lane] = {}
        self.done = 0
        self._spools = folder / ".spool"
        shutil.rmtree(self._spools, ignore_errors=True)
        self._spools.mkdir(parents=True)
        self._bare_nodes = request.form.tokens_only in ("nodes", "both")
        self._bare_edges = request.form.tokens_only in ("edges", "both")

    def copy(self, snapshot: Snapshot) -> None:
        """Every selected element of the snapshot, each into the file of its label set."""
        selection = self.request.selection
        if selection.scope != "edges":
            for node in snapshot.nodes():
                if selection.takes_node(node.labels):
                    self._node(node)
        if selection.scope != "nodes":
            for edge in snapshot.edges():
                if selection.takes_edge(edge.label):
                    self._edge(edge)
        for one in self.files.values():
            one.flush()
        self.report(ExportProgress(self.done, self.total))

    def _node(self, node: NodeRecord) -> None:
        lane = self._node_lanes.get(node.labels)
        if lane is None:
            on = NodeType.of(node.labels)
            kept = frozenset[str]() if self._bare_nodes else self.request.selection.node_properties.get(on.labels)
            label = quoted(on.text) if node.labels else ""
            lane = self._node_lanes[node.labels] = _Lane(self._file(on), (label,), kept)
        lane.file.write((quoted(node.id), *lane.cells), lane.of(node.properties))
        self._count()

    def _edge(self, edge: EdgeRecord) -> None:
        key = (edge.source_labels, edge.label, edge.target_labels)
        lane = self._edge_lanes.get(key)
        if lane is None:
            on = _edge_key(*key, self.request.form.edge_ends)
            kept = frozenset[str]() if self._bare_edges else self.request.selection.edge_properties.get(edge.label)
            cells = [quoted(edge.label)]
            if self.request.form.edge_ends:
                cells += [quoted(joined_labels(on.source)), quoted(joined_labels(on.target))]
            lane = self._edge_lanes[key] = _Lane(self._file(on), tuple(cells), kept)
        label, *ends = lane.cells
        fixed = (quoted(edge.id), label, quoted(edge.source), quoted(edge.target), *ends)
        lane.file.write(fixed, lane.of(edge.properties))
        self._count()

    def _file(self, on: NodeType | EdgeTriple) -> SpooledFile:
        found = self.files.get(on)
        if found is None:
            spool = self._spools / str(len(self.files))
            found = self.files[on] = SpooledFile(TypeSchema(on), spool, self.request.form, self.hints)
        return found

    def _count(self) -> None:
        self.done += 1
        if self.done % _REPORT_EVERY == 0:
            self.report(ExportProgress(self.done, self.total))

    def finish(self) -> ExportOutcome:
        """Headers, configuration, schema and counts; everything the export consists of."""
        nodes = [self._finish("nodes", one) for on, one in self.files.items() if isinstance(on, NodeType)]
        edges = [self._finish("edges", one) for on, one in self.files.items() if isinstance(on, EdgeTriple)]
        shutil.rmtree(self._spools)
        node_schemas, edge_schemas = [one.schema for one in nodes], [one.schema for one in edges]
        stats = stats_json(node_schemas, edge_schemas)
        self._json("config.json", config_json(node_schemas, edge_schemas))
        self._json("stats.json", stats)
        warnings: list[str] = []
        for job in self.request.jobs:
            configuration = training_configuration(job, nodes, edges)
            warnings += configuration["warnings"]
            self._json(f"{job.name}.json", configuration)
        configurations = tuple(f"{job.name}.json" for job in self.request.jobs)
        files = (*(one.path for one in (*nodes, *edges)), "config.json", "stats.json", *configurations)
        return ExportOutcome(files, configurations, stats, tuple(warnings))

    def _finish(self, kind: str, one: SpooledFile) -> DataFile:
        suffix = ".consolidated" if self.request.form.consolidated else "-1"
        path = f"{kind}/{file_name(one.schema.on.description, suffix)}"
        one.finish(self.folder / path)
        return DataFile(path, one.schema)

    def _json(self, name: str, content: Mapping[str, Any]) -> None:
        text = json.dumps(content, indent=2, ensure_ascii=False)
        (self.folder / name).write_text(text + "\n", encoding="utf-8")


def _edge_key(begin: tuple[str, ...], label: str, end: tuple[str, ...], with_ends: bool) -> EdgeTriple:
    if not with_ends:
        return EdgeTriple((), label, (), with_ends=False)
    return EdgeTriple(tuple(sorted(begin)), label, tuple(sorted(end)))
