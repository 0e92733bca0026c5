"""How much memory and disk a job needs: estimated before it begins, measured when it is done."""

from __future__ import annotations

import contextlib
import csv
import gzip
import os
import resource
import shutil
import sys
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from ..container import JobError
from ..features import encoding_of
from ..graph.data import GraphData
from ..schemas import EdgeFile, FeatureSpec, InstanceRecommendation, NodeFile, TrainingDataConfiguration
from .files import find_file
from .workspace import MOST_ROWS

MB, GB = 1 << 20, 1 << 30

# Measured, resident at the peak, beside the estimate in MB: 303 of 369 (airports, 3 MB of CSV), 412 of 414 (papers
# with vectors of 1,433 numbers, 8 MB), 323 of 378 (ratings, 5 MB), 293 of 450 (a knowledge graph, 31 MB), 325 of 522
# (100 k vertices and 500 k edges, 30 MB), 658 of 1,013 (four times as many, 121 MB). What the libraries take, and the
# working copies of a text column.
PROCESSING_BASE = 360 * MB
PROCESSING_FACTOR = 3
# of an edge that is learned, while a split is drawn: the order of all edges, and what it is sorted by
SPLIT_BYTES = 24
# graph.bin is written by a process of its own, with torch: edges in both directions, and features twice
GRAPH_FILE_BASE, GRAPH_FILE_EDGE, GRAPH_FILE_FEATURES = 650 * MB, 64, 2
STAGING_FACTOR = 1.5
# on disk, of an edge: both ends, and twice the other end and its number, by target and by source
EDGE_BYTES = 48
GZIP_FACTOR = 5
SAMPLE_BYTES = 1 << 16
TRAINING_BASE = 700 * MB
TRAINING_HIDDEN = 128
MODEL_FILES = 4 * MB  # code, report, description
_CPU_INSTANCES = ((8, "ml.m5.large"), (16, "ml.m5.xlarge"), (32, "ml.m5.2xlarge"), (64, "ml.m5.4xlarge"))
_CPU_LARGE = ((192, "ml.m5.12xlarge"), (384, "ml.m5.24xlarge"), (768, "ml.r5.24xlarge"))
_GPU_INSTANCES = ((16, "ml.g4dn.xlarge"), (32, "ml.g4dn.2xlarge"), (64, "ml.g4dn.4xlarge"))
_GPU_LARGE = ((192, "ml.g4dn.12xlarge"), (384, "ml.p3.16xlarge"), (732, "ml.p3dn.24xlarge"))


@dataclass(frozen=True)
class Need:
    """Bytes that a job will take; ``graph_file`` is the memory of the process beside it that writes ``graph.bin``."""

    memory: int
    disk: int
    graph_file: int = 0


def processing_need(folder: Path, configuration: TrainingDataConfiguration, rows: int = MOST_ROWS) -> Need:
    """What processing an export takes, judged by the sizes of its files and the first lines of each.

    Args:
        folder: of the export.
        configuration: names its files.
        rows: how many the job looks at at once.

    Raises:
        JobError: a file is not there.
    """
    size, held, widest, written, edges, learned = 0, 0, 0, 0, 0, 0
    entries: list[NodeFile | EdgeFile] = [*configuration.graph.nodes, *configuration.graph.edges]
    anything = any(entry.labels for entry in entries)
    for entry in entries:
        sample = Sample.of(find_file(folder, entry.file_name), entry.separator)
        size += sample.size
        at_once = min(1.0, rows / sample.rows) if sample.rows else 1.0
        if isinstance(entry, EdgeFile):
            held = max(held, int(PROCESSING_FACTOR * sample.size * at_once))
            edges += int(sample.rows)
            learned = max(learned, int(sample.rows) if entry.labels or not anything else 0)
        else:
            held += PROCESSING_FACTOR * sample.size
        for spec in entry.features or []:
            bytes_needed = int(sample.rows * sample.width(spec) * 4)
            written += bytes_needed
            widest = max(widest, int(bytes_needed * at_once))
    # encoded features are parked on disk one by one, so the widest counts, twice while it is being made
    memory = PROCESSING_BASE + held + 2 * widest + SPLIT_BYTES * learned
    graph_file = GRAPH_FILE_BASE + GRAPH_FILE_EDGE * edges + GRAPH_FILE_FEATURES * written
    return Need(memory, int(STAGING_FACTOR * size) + EDGE_BYTES * edges + 2 * written + 16 * MB, graph_file)


@dataclass(frozen=True)
class Sample:
    """The first lines of a CSV file: how large it is unpacked, about how many rows, and the cells of each column."""

    size: int
    rows: float
    cells: dict[str, tuple[str, ...]]

    @classmethod
    def of(cls, path: Path, separator: str) -> Sample:
        """Look at the first 64 KB; a file that cannot be read has no rows, and reading it will say why."""
        packed = path.suffix == ".gz"
        size = path.stat().st_size * (GZIP_FACTOR if packed else 1)
        try:
            with gzip.open(path) if packed else path.open("rb") as stream:
                start = stream.read(SAMPLE_BYTES)
        except (OSError, EOFError):
            return cls(size, 0.0, {})
        lines = start.decode("utf-8", errors="replace").splitlines()
        if len(start) == SAMPLE_BYTES:
            lines = lines[:-1]
        table = [row for row in csv.reader(lines, delimiter=separator) if row]
        if len(table) < 2:
            return cls(size, 0.0, {})
        rows = size / (sum(len(line) + 1 for line in lines) / len(table))
        columns = zip_longest(*table[1:], fillvalue="")
        cells = {name.partition(":")[0]: column for name, column in zip(table[0], columns, strict=False)}
        return cls(size, rows, cells)

    def width(self, spec: FeatureSpec) -> int:
        """About how many numbers the feature makes of a value."""
        return encoding_of(spec.type).expected(spec, self.cells.get(spec.column, ()))


def refuse_if_too_large(need: Need, folder: Path, memory: int | None = None) -> None:
    """Raises JobError where the machine has less memory, or the folder's disk less room, than is needed.

    A job that was given a bound, ``memory``, makes its batches smaller instead.
    """
    there = machine_memory() if memory is None else None
    if there is not None and need.memory > there:
        raise JobError(
            f"processing this export takes about {need.memory / GB:.1f} GB of memory, and this machine has "
            f"{there / GB:.1f} GB; choose a larger processingInstanceType, or export fewer properties"
        )
    free = shutil.disk_usage(folder).free
    if need.disk > free:
        raise JobError(
            f"processing this export takes about {need.disk / GB:.1f} GB of disk, and {free / GB:.1f} GB are free "
            f"at {folder}; make room, or raise processingInstanceVolumeSizeInGB"
        )


def machine_memory() -> int | None:
    """Memory this process may use at most: of the machine, or of its control group; None where nobody says."""
    limits = []
    with contextlib.suppress(ValueError, OSError):
        limits.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    group = Path("/sys/fs/cgroup/memory.max")
    if group.exists() and (text := group.read_text().strip()).isdigit():
        limits.append(int(text))
    return min(limits) if limits else None


def peak_memory() -> int:
    """The most memory this process has had resident so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def folder_bytes(folder: Path) -> int:
    """The size of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def recommend(graph: GraphData, estimated: Need, disk_used: int) -> InstanceRecommendation:
    """The instance to train on, with the estimates and what this job really took.

    Training holds the features, the edges in both directions, and an embedding, its gradient and two moments a node.
    """
    nodes = sum(graph.num_nodes.values())
    edges = sum(len(ends) for ends in graph.edges.values())
    features = sum(array.nbytes for kind in graph.features.values() for array in kind.values())
    features += sum(array.nbytes for kind in graph.edge_features.values() for array in kind.values())
    memory = TRAINING_BASE + 2 * features + edges * 2 * 3 * 8 + nodes * TRAINING_HIDDEN * 4 * 4
    # the input, the model with its embeddings, and both once more in the archive that is made of it
    disk = 2 * (disk_used + nodes * TRAINING_HIDDEN * 4 + MODEL_FILES)
    memory_gb, disk_gb = -(-memory // GB), -(-disk // GB)
    return InstanceRecommendation(
        instance=_smallest((*_GPU_INSTANCES, *_GPU_LARGE), memory_gb),
        cpu_instance=_smallest((*_CPU_INSTANCES, *_CPU_LARGE), memory_gb),
        disk_size=disk_gb,
        mem_size=memory_gb,
        estimated={
            "processing_memory": estimated.memory,
            "processing_disk": estimated.disk,
            "training_memory": memory,
            "training_disk": disk,
        },
        measured={"processing_memory": peak_memory(), "processing_disk": disk_used},
    )


def _smallest(instances: tuple[tuple[int, str], ...], memory_gb: int) -> str:
    for size, name in instances:
        if size >= 1.25 * memory_gb:
            return name
    return instances[-1][1]
