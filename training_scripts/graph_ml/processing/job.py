"""The data-processing job: an export folder in, a processed graph with everything that training needs out."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from ..container import JobError, ProgressWriter
from ..features import Encoders, FittedLabels
from ..graph import EdgeType, History, Target, dgl_file
from ..graph.adjacency import Adjacency
from ..graph.data import MANIFEST, GraphData, Labels
from ..schemas import TrainingDataConfiguration, files
from ..schemas.times import TimeColumn
from ..tasks import TASKS, default_metric
from ..tasks.templates import templates
from .encoded import EncodedFeatures
from .engines import Engine
from .engines.local import PolarsEngine
from .labels import Learned, read_targets
from .leaks import Material, find_leaks
from .reading import Export, read_export
from .report import ReportData, write_report
from .sizing import Need, folder_bytes, peak_memory, processing_need, recommend, refuse_if_too_large
from .steps import STEP, Made, fingerprint, kept, named
from .times.histories import history_of_label
from .unread import refuse_second_targets, unread, unread_by_kge, unread_targets
from .workspace import Workspace

ModelType = Literal["heterogeneous", "kge"]
Log = Callable[[str], None]

ENCODERS = "encoders.json"
HPO_CONFIGURATION = files.HPO_CONFIGURATION
HPO_TEMPLATES = "hpo-configuration-templates"
RECOMMENDATION = files.RECOMMENDATION
REPORT = files.REPORT
STAGING = ".staging-"
#: of the staging folder: what is being made, and what stays for the next run
WORKING, FINISHED = "working", "finished"
MB = 1 << 20
PARTS = ("indptr", "others", "edges")


@dataclass(frozen=True)
class ProcessingJob:
    """What to do: folders, the configuration in the input folder, and the seed of everything random.

    ``previous`` is the output of an earlier job whose indices and encodings are kept. ``models`` holds text models.
    ``memory`` is how many bytes the job may have beside mapped files; all that the machine has where nobody says.
    ``engine`` does what is as long as the data.
    """

    input: Path
    output: Path
    config_file_name: str = files.CONFIGURATION
    model_type: ModelType = "heterogeneous"
    seed: int = 0
    previous: Path | None = None
    models: Path | None = None
    memory: int | None = None
    engine: Engine = field(default_factory=PolarsEngine)


def process(job: ProcessingJob, progress: ProgressWriter, log: Log) -> GraphData:
    """Run the job. Same input and seed, same bytes in all arrays.

    Raises:
        JobError: something about the input, in a sentence with file, line and value where there is one.
    """
    began = time.monotonic()
    configuration = read_configuration(job.input, job.config_file_name)
    need = _check_size(job, configuration)
    log(f"processing {job.config_file_name}: about {need.memory / MB:.0f} MB of memory needed")
    if job.memory is not None and need.memory > job.memory:
        log(
            f"warning: that is more than the {job.memory / MB:.0f} MB that the job may use: the vertices of a type and "
            "the order of edges that are learned are held at once"
        )
    job.output.mkdir(parents=True, exist_ok=True)
    for proof in (HPO_CONFIGURATION, MANIFEST):  # of an earlier run: what is there now is not finished
        (job.output / proof).unlink(missing_ok=True)
    staging = job.output / f"{STAGING}{fingerprint(job.input, _decides(job))}"
    for left in job.output.glob(f"{STAGING}*"):  # of a run that was killed; what it finished of this very job stays
        shutil.rmtree(left / WORKING if left == staging else left, ignore_errors=True)
    finished = len(list((staging / FINISHED).glob(f"*/{STEP}")))
    if finished:
        log(f"goes on after {finished} finished steps of a run that was interrupted")
    (staging / WORKING).mkdir(parents=True)
    fits = job.memory is None or need.graph_file <= job.memory
    if not fits:
        log(
            f"warning: {dgl_file.NAME} is not written, which only custom models need: it takes about "
            f"{need.graph_file / MB:.0f} MB of memory, and the job may use {(job.memory or 0) / MB:.0f} MB"
        )
    with dgl_file.GraphFileWriter(wanted=fits) as graph_file:
        room = Workspace.within(staging / WORKING, job.memory, staging / FINISHED)
        try:
            graph, encoders, report = _build(job, configuration, room, progress)
        except JobError:
            shutil.rmtree(staging, ignore_errors=True)  # it must be mended, and is another job then
            raise
        progress("writing", 0, 3)
        graph = _write(job, graph, encoders)  # before the workspace goes, where its arrays lie
        graph_file.start(job.output)
        for warning in report.warnings:
            log(f"warning: {warning}")
        progress("writing", 1, 3)
        recommendation = recommend(graph, need, folder_bytes(job.output))
        report.seconds = time.monotonic() - began
        write_report(job.output / REPORT, graph, report, recommendation)
        recommendation.measured = {**(recommendation.measured or {}), "processing_memory": peak_memory()}
        recommendation.save(job.output / RECOMMENDATION)
        progress("writing", 2, 3)
        complaint = graph_file.finish(job.output)
    if complaint is not None:
        log(f"warning: {dgl_file.NAME} was not written, which only custom models need: {complaint}")
    # last, as proof that all the rest is there
    _write_hpo_configurations(job, graph)
    shutil.rmtree(staging, ignore_errors=True)
    progress("finished", 1, 1)
    log(f"memory: {need.memory / MB:.0f} MB estimated, {peak_memory() / MB:.0f} MB at its peak")
    return graph


def read_configuration(folder: Path, name: str) -> TrainingDataConfiguration:
    """The training configuration of an export.

    Raises:
        JobError: it is not there, is not what it should be, describes RDF, or has lost its targets.
    """
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise JobError(f"the configuration file {name!r} lies outside the export")
    if not path.is_file():
        there = sorted(p.name for p in folder.glob("*.json")) if folder.is_dir() else []
        found = f"; it has {', '.join(there)}" if there else ""
        raise JobError(f"the export has no configuration file {name!r}{found}. Name one with configFileName")
    try:
        configuration = TrainingDataConfiguration.load(path)
    except ValueError as error:
        raise JobError(str(error)) from error
    if configuration.graph.rdfs or configuration.query_engine == "sparql":
        raise JobError("this export holds RDF, which is not processed yet; export a property graph")
    if not configuration.graph.nodes and not configuration.graph.edges:
        raise JobError(f"the graph is empty: {name} names no files of nodes or edges")
    _refuse_lost_targets(configuration, name)
    return configuration


def _refuse_lost_targets(configuration: TrainingDataConfiguration, name: str) -> None:
    """An exporter that does not find the property of a target only warns; link prediction was not what was asked."""
    labels = [entry.labels for entry in configuration.graph.nodes] + [e.labels for e in configuration.graph.edges]
    lost = [text for text in configuration.warnings if text.startswith("Unrecognized ")]
    if lost and not any(labels):
        raise JobError(
            f"{name} has no target that can be learnt: {' '.join(lost)} Correct the property of the target and export "
            "again; to learn all edges instead, take the empty 'labels' and that warning out of the file"
        )


def _check_size(job: ProcessingJob, configuration: TrainingDataConfiguration) -> Need:
    need = processing_need(job.input, configuration, Workspace.within(job.output, job.memory).rows)
    existing = next(folder for folder in (job.output, *job.output.parents) if folder.exists())
    refuse_if_too_large(need, existing, job.memory)
    return need


@dataclass(frozen=True)
class _Previous:
    graph: GraphData
    encoders: Encoders

    @classmethod
    def open(cls, folder: Path | None) -> _Previous | None:
        # the runner may make the folder of an input that was not asked for
        if folder is None or not (folder / MANIFEST).exists():
            return None
        try:
            return cls(GraphData.read(folder), Encoders.load(folder / ENCODERS))
        except (OSError, ValueError) as error:
            raise JobError(f"the previous data-processing output cannot be used: {error}") from error


def _build(
    job: ProcessingJob, configuration: TrainingDataConfiguration, room: Workspace, progress: ProgressWriter
) -> tuple[GraphData, Encoders, ReportData]:
    previous = _Previous.open(job.previous)
    progress("reading", 0, 1)
    export = read_export(job.input, configuration, room, job.engine, previous.graph if previous else None)
    seed = previous.encoders.seed if previous else job.seed
    progress("labels", 0, 1)
    classes = previous.encoders.labels if previous else ()
    learned = read_targets(export, job.input, room, job.seed, job.engine, classes, configuration.default_split)
    until = min((one.cuts[0] for one in learned if one.cuts is not None), default=math.inf)
    features = EncodedFeatures(export, seed, job.models, previous.encoders if previous else None, room, until)
    features.run(progress)
    targets = [one.target for one in learned]
    refuse_second_targets(targets)
    histories = _histories(export, learned, features)
    warnings = [
        *export.warnings,
        *unread(configuration),
        *features.warnings,
        *(text for one in learned for text in one.warnings),
        *unread_targets(targets),
    ]
    if job.model_type == "kge":
        warnings += unread_by_kge(targets, len(features.encodings))
    graph = GraphData(
        node_ids={name: group.ids for name, group in export.nodes.items()},
        num_nodes={name: group.count for name, group in export.nodes.items()},
        edges={kind: group.ends for kind, group in export.edges.items()},
        edge_ids={kind: ids for kind, group in export.edges.items() if (ids := group.ids) is not None},
        features=features.of_nodes,
        edge_features=features.of_edges,
        raw=features.raw_of_nodes,
        edge_raw=features.raw_of_edges,
        labels={one.target: one.labels for one in learned if one.labels is not None},
        splits={one.target: one.split for one in learned},
        times=export.times,
        cuts={one.target: one.cuts for one in learned if one.cuts is not None},
        horizons={one.target: one.horizon for one in learned if one.horizon is not None},
        histories=histories,
        first_new={name: group.first_new for name, group in export.nodes.items()},
        gone={name: group.gone for name, group in export.nodes.items() if len(group.gone)},
        encodings=features.encodings,
        model_type=job.model_type,
        seed=job.seed,
        info={**_snapshot(job.input), "times": _columns_of_times(export)},
    )
    graph = replace(graph, adjacency=_arranged(job.engine, graph, room, progress))
    encoders = Encoders(seed=seed, types=features.fitted, labels=_fitted_labels(learned))
    progress("looking for leaks", 0, 1)
    findings = find_leaks(Material.of(graph, export))
    graph = replace(graph, warnings=[*warnings, *(finding.sentence for finding in findings if finding.warns)])
    title = f"Data processing of {job.config_file_name}"
    return (
        graph,
        encoders,
        ReportData(title, features.rows, list(graph.warnings), [finding.sentence for finding in findings]),
    )


def _histories(export: Export, learned: Sequence[Learned], features: EncodedFeatures) -> dict[Target, History]:
    """What is told of the past of each target's vertices."""
    found = {
        one.target: history_of_label(one.target, one.spec, export, features.of_edges, one.labels)
        for one in learned
        if one.spec is not None
    }
    return {target: history for target, history in found.items() if history is not None}


def _arranged(
    engine: Engine, graph: GraphData, room: Workspace, progress: ProgressWriter
) -> dict[EdgeType, tuple[Adjacency, Adjacency]]:
    """The edges of every type by target and by source, one type after the other."""
    found = {}
    for number, kind in enumerate(graph.edges):
        progress("arranging edges", number, len(graph.edges))

        def make(kind: EdgeType = kind) -> Made:
            ends, count = graph.edges[kind], graph.num_nodes
            incoming = engine.arranged(ends.target, ends.source, count[kind.target], room.array)
            outgoing = engine.arranged(ends.source, ends.target, count[kind.source], room.array)
            return Made({**_parts("incoming", incoming), **_parts("outgoing", outgoing)})

        arrays = kept(room, f"adjacency-{named(*kind)}", make).arrays
        incoming, outgoing = ([arrays[f"{way}-{part}"] for part in PARTS] for way in ("incoming", "outgoing"))
        found[kind] = Adjacency(*incoming), Adjacency(*outgoing)
    return found


def _parts(way: str, found: Adjacency) -> dict[str, Any]:
    return {f"{way}-{part}": getattr(found, part) for part in PARTS}


def _decides(job: ProcessingJob) -> list[object]:
    """What else than the export decides the bytes of a job."""
    previous = job.previous / MANIFEST if job.previous is not None else None
    before = previous.read_text(encoding="utf-8") if previous is not None and previous.exists() else ""
    return [job.config_file_name, job.model_type, job.seed, job.models, before]


def _snapshot(export: Path) -> dict[str, int]:
    """When the graph was exported: its oldest data file tells, as long as nobody copied it without its time."""
    written = [file.stat().st_mtime_ns for file in export.rglob("*.csv")]
    return {"graph_snapshot_ms": min(written) // 1_000_000} if written else {}


def _columns_of_times(export: Export) -> list[dict[str, Any]]:
    """Which property says when the nodes or edges of a type came to be, and how it is read."""
    groups = [*export.nodes.items(), *export.edges.items()]
    columns = [
        TimeColumn(type=kind, property=group.time, **dict(group.reading))
        for kind, group in groups
        if group.times is not None and group.time
    ]
    return [column.model_dump(exclude_defaults=True) for column in columns]


def _fitted_labels(learned: Sequence[Learned]) -> list[FittedLabels]:
    fitted = []
    for one in learned:
        if one.labels is None or one.labels.kind == "number":
            continue
        kind = one.target.type
        fitted.append(
            FittedLabels(
                task=one.target.task,
                node_type=kind if isinstance(kind, str) else None,
                edge_type=None if isinstance(kind, str) else kind,
                property=one.target.property_name,
                separator=one.separator,
                classes=list(one.labels.classes),
            )
        )
    return fitted


def _write(job: ProcessingJob, graph: GraphData, encoders: Encoders) -> GraphData:
    """Replace whatever an interrupted run left, then read the graph back mapped, to let go of the memory."""
    for name in ("nodes", "edges", "targets", HPO_TEMPLATES):
        shutil.rmtree(job.output / name, ignore_errors=True)
    (job.output / dgl_file.NAME).unlink(missing_ok=True)
    encoders.save(job.output / ENCODERS)
    graph.write(job.output)
    return GraphData.read(job.output)


def _write_hpo_configurations(job: ProcessingJob, graph: GraphData) -> None:
    target = graph.targets[0]
    task = TASKS[target.task]
    labels: Labels | None = graph.labels.get(target)
    # what belongs to one task is trained on together
    together = [other for other in graph.targets if other.task == task.name]
    items = sum(len(graph.splits[other].train) for other in together)
    among = any(kind.source == target.type == kind.target for kind in graph.edges)
    metric = default_metric(task.name, labels)
    vertices = sum(graph.num_nodes.values())
    chosen = templates(task.name, metric, items, job.model_type, len(graph.edges), among, len(together), vertices)
    for name, configuration in chosen.items():
        configuration.save(job.output / HPO_TEMPLATES / f"{name}.json")
    next(iter(chosen.values())).save(job.output / HPO_CONFIGURATION)
