"""How much memory a procedure will take, before it runs; and refusing what cannot fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import psutil

from training_scripts.graph_ml.schemas.catalog.pipelines import NODE_FEATURES, PipelineDefinition
from workflow.catalog.errors import ProcedureRefused

GRAPH_ARC: Final = 32  # an arc: two ends of 8 bytes, a weight, and its place in a matrix
BLOCK: Final = 1024  # rows of a block of all pairs
UNKNOWN_WIDTH: Final = (10, 500)  # of a property whose length is not known before it was computed


@dataclass(frozen=True)
class Estimate:
    """Least and most bytes, in parts by name, for a graph of a size."""

    nodes: int
    relationships: int
    parts: Mapping[str, tuple[int, int]]

    @property
    def least(self) -> int:
        """Bytes that are needed in any case."""
        return sum(low for low, _ in self.parts.values())

    @property
    def most(self) -> int:
        """Bytes that are needed at worst."""
        return sum(high for _, high in self.parts.values())

    def columns(self, free: int) -> dict[str, Any]:
        """As ``estimate`` answers; ``free`` are the bytes that there are."""
        tree = "\n".join([f"Memory Estimation: {_between(self.least, self.most)}", *map(_line, self.parts.items())])
        components = [{"name": name, "memoryUsage": _between(*part)} for name, part in self.parts.items()]
        return {
            "requiredMemory": _between(self.least, self.most),
            "treeView": tree + "\n",
            "mapView": {
                "name": "Memory Estimation",
                "memoryUsage": _between(self.least, self.most),
                "components": components,
            },
            "bytesMin": self.least,
            "bytesMax": self.most,
            "nodeCount": self.nodes,
            "relationshipCount": self.relationships,
            "heapPercentageMin": round(100 * self.least / free, 1),
            "heapPercentageMax": round(100 * self.most / free, 1),
        }

    def check(self, what: str, free: int) -> None:
        """Raise ProcedureRefused where even the least is more than there is."""
        if self.least > free:
            raise ProcedureRefused(
                f"{what} needs at least {_text(self.least)} ({self.least} bytes), and {_text(free)} ({free} bytes) are "
                "free; use a smaller graph or smaller options, or pass `sudo: true` to try nevertheless"
            )


def _line(part: tuple[str, tuple[int, int]]) -> str:
    return f"|-- {part[0]}: {_between(*part[1])}"


def _text(count: int) -> str:
    size = float(count)
    for unit in ("Bytes", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit in ("Bytes", "KiB") else f"{size:.1f} {unit}".replace(".0 ", " ")
        size /= 1024
    return f"{size:.1f} TiB"


def _between(low: int, high: int) -> str:
    return _text(low) if _text(low) == _text(high) else f"[{_text(low)} ... {_text(high)}]"


def free_memory() -> int:
    """Bytes that the machine can still give."""
    return int(psutil.virtual_memory().available)


def _wide(each: int) -> Callable[[int, int, Mapping[str, Any]], tuple[int, int]]:
    return lambda nodes, arcs, options: (each * nodes, each * nodes)


def _embedding(nodes: int, arcs: int, options: Mapping[str, Any]) -> tuple[int, int]:
    # the result and two work arrays in single precision
    size = 4 * nodes * options["embeddingDimension"]
    return 2 * size, 3 * size


def _walks(nodes: int, arcs: int, options: Mapping[str, Any]) -> tuple[int, int]:
    walks = 8 * nodes * options["walksPerNode"] * options["walkLength"]
    return 4 * nodes * options["embeddingDimension"] + walks, 4 * walks * options["windowSize"]


def _neighbours(nodes: int, arcs: int, options: Mapping[str, Any]) -> tuple[int, int]:
    return 16 * nodes * min(options["topK"], nodes), (1 << 26) + 48 * nodes * options["topK"]


def _bits(nodes: int, arcs: int, options: Mapping[str, Any]) -> tuple[int, int]:
    width = int((options.get("generateFeatures") or options.get("binarizeFeatures") or {}).get("dimension", 64))
    return nodes * width, 17 * nodes * width + 8 * arcs


_ALGORITHMS: Final[dict[str, Callable[[int, int, Mapping[str, Any]], tuple[int, int]]]] = {
    "fastRP": _embedding,
    "node2vec": _walks,
    "hashgnn": _bits,
    "knn": _neighbours,
    "nodeSimilarity": _neighbours,
    "betweenness": lambda nodes, arcs, options: (8 * nodes, 64 * 48 * nodes),
    "closeness": lambda nodes, arcs, options: (8 * nodes, 64 * 24 * nodes),
    "closeness.harmonic": lambda nodes, arcs, options: (8 * nodes, 64 * 24 * nodes),
    "triangleCount": lambda nodes, arcs, options: (8 * nodes, 64 * arcs + 8 * nodes),
    "localClusteringCoefficient": lambda nodes, arcs, options: (16 * nodes, 64 * arcs + 16 * nodes),
}


def of_algorithm(name: str, nodes: int, arcs: int, options: Mapping[str, Any]) -> Estimate:
    """What an algorithm takes on a graph of some size."""
    result = _ALGORITHMS.get(name, _wide(48))(nodes, arcs, options)
    return Estimate(nodes, arcs, {"graph": (8 * arcs, GRAPH_ARC * arcs), name: result})


def _steps(pipeline: PipelineDefinition, nodes: int, arcs: int) -> tuple[int, int]:
    found = [of_algorithm(step.algorithm, nodes, arcs, step.config) for step in pipeline.steps]
    return max((one.least for one in found), default=0), max((one.most for one in found), default=0)


def feature_width(pipeline: PipelineDefinition, widths: Mapping[str, int]) -> tuple[int, int]:
    """How many numbers a link feature vector has, at least and at most.

    Args:
        widths: of the properties of the graph.
    """
    known = dict(widths)
    for step in pipeline.steps:
        if "embeddingDimension" in step.config:
            known[step.config["mutateProperty"]] = step.config["embeddingDimension"]
    least = most = 0
    for feature in pipeline.features:
        if feature.name not in NODE_FEATURES or feature.name == "COSINE":
            least, most = least + 1, most + 1
            continue
        for name in feature.properties:
            low, high = (known[name],) * 2 if name in known else UNKNOWN_WIDTH
            least, most = least + low, most + high
    return max(1, least), max(1, most)


def of_training(pipeline: PipelineDefinition, nodes: int, arcs: int, pairs: int, widths: Mapping[str, int]) -> Estimate:
    """What a training takes: the most expensive step, or the features of the pairs with the work on them.

    Args:
        pairs: training and test pairs together.
    """
    low, high = feature_width(pipeline, widths)
    steps = _steps(pipeline, nodes, arcs)
    features = (8 * pairs * low, 3 * 8 * pairs * high + (1 << 20))
    return Estimate(
        nodes,
        arcs,
        {
            "split relationships": (16 * pairs, 16 * (pairs + 4 * arcs)),
            "node property steps or training": (max(steps[0], features[0]), max(steps[1], features[1])),
        },
    )


def of_prediction(
    pipeline: PipelineDefinition, nodes: int, arcs: int, options: Mapping[str, Any], widths: Mapping[str, int]
) -> Estimate:
    """What a prediction takes: the most expensive step, and the search."""
    low, high = feature_width(pipeline, widths)
    steps = _steps(pipeline, nodes, arcs)
    if options.get("sampleRate", 1) < 1:
        kept = 16 * nodes * (options.get("topK") or 10)
        search = (kept, kept + 16 * 360 * nodes + 8 * 65536 * high)
    else:
        rows = min(nodes, BLOCK)
        kept = 24 * (options.get("topN") or 1)
        search = (kept + 4 * rows * nodes, kept + 16 * rows * nodes + 8 * min(65536, nodes * nodes) * high)
    return Estimate(
        nodes, arcs, {"node property steps": steps, "search": search, "features": (4 * nodes * low, 8 * nodes * high)}
    )
