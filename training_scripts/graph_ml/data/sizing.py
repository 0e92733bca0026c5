"""How much memory and disk a job needs: estimated before it begins, measured when it is done."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..container import JobError
from ..schemas import InstanceRecommendation
from .graph import GraphData

MB, GB = 1 << 20, 1 << 30

# Measured: what the libraries take, and the working copies of a text column.
PROCESSING_BASE = 320 * MB
PROCESSING_FACTOR = 4
STAGING_FACTOR = 1.5
GZIP_FACTOR = 5
TRAINING_BASE = 700 * MB
TRAINING_HIDDEN = 128
_CPU_INSTANCES = ((8, "ml.m5.large"), (16, "ml.m5.xlarge"), (32, "ml.m5.2xlarge"), (64, "ml.m5.4xlarge"))
_CPU_LARGE = ((192, "ml.m5.12xlarge"), (384, "ml.m5.24xlarge"), (768, "ml.r5.24xlarge"))
_GPU_INSTANCES = ((16, "ml.g4dn.xlarge"), (32, "ml.g4dn.2xlarge"), (64, "ml.g4dn.4xlarge"))
_GPU_LARGE = ((192, "ml.g4dn.12xlarge"), (384, "ml.p3.16xlarge"), (732, "ml.p3dn.24xlarge"))


@dataclass(frozen=True)
class Need:
    """Bytes that a job will take."""

    memory: int
    disk: int


def input_bytes(files: Iterable[Path]) -> int:
    """The size of some CSV files once unpacked; the size of a packed one is guessed from its own."""
    return sum(path.stat().st_size * (GZIP_FACTOR if path.suffix == ".gz" else 1) for path in files)


def processing_need(size: int) -> Need:
    """What processing an export of this many bytes takes."""
    return Need(PROCESSING_BASE + PROCESSING_FACTOR * size, int(STAGING_FACTOR * size) + 16 * MB)


def refuse_if_too_large(need: Need, folder: Path) -> None:
    """Raises JobError where the machine has less memory, or the folder's disk less room, than is needed."""
    there = machine_memory()
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
    disk = 2 * disk_used + nodes * TRAINING_HIDDEN * 4 + GB
    memory_gb, disk_gb = -(-memory // GB), max(5, -(-disk // GB))
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
