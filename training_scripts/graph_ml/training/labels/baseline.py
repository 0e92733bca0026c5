"""A baseline that answers in place of a network, in a model folder and on a later graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...artifacts import ModelFolder, ModelWriter
from ...graph import GraphData, Target
from ...judging.labels import features_of, side_by_side
from ...links import numbered
from ...models.baselines import Array, Asked, Baseline, Doubles
from ...pairs import NodeSpace, PairGraph
from ...pairs.graph import Floats, Ints
from ...predict.baseline import load_baseline


def save_baseline(
    writer: ModelWriter, floor: str, baseline: Baseline, predictions: Doubles, graph: GraphData, target: Target
) -> dict[str, Any]:
    """Keep a baseline and its answers about all items.

    Args:
        writer: where to.
        floor: its name among floors.
        baseline: what it has learned.
        predictions: its answers, (items, outputs).
        graph: with the items.
        target: what is predicted.

    Returns:
        What ``model.json`` says of it, as a member ``baseline``.
    """
    writer.tensors("baseline", baseline.arrays)
    answers = baseline.unsure(predictions).astype(np.float32)
    columns: dict[str, dict[str, int]] = {}
    if isinstance(target.type, str):
        writer.array("predictions", answers)
        columns["item"] = widths(graph.features.get(target.type, {}))
    else:
        writer.array("baseline/answers", answers)
        for role, kind in (("source", target.type.source), ("target", target.type.target)):
            features = graph.features.get(kind, {})
            columns[role] = widths(features)
            if baseline.reads_features and columns[role]:
                writer.array(f"baseline/{role}", side_by_side(features, graph.num_nodes[kind]))
    said = {"floor": floor, "kind": baseline.kind, "labels": baseline.labels, "features": columns}
    return {"baseline": said}


def asked_now(graph: GraphData, target: Target, space: NodeSpace) -> Asked:
    """All vertices of a node target as they are at the end of the data."""
    span = space.range(target.node_type)
    features = side_by_side(graph.features.get(target.node_type, {}), graph.num_nodes[target.node_type])
    history = graph.histories.get(target)
    if history is not None:
        features = np.concatenate([features, graph.past_now(history, target.node_type)], axis=1)
    return Asked(np.arange(span.start, span.stop)[:, None], features)


def widths(features: Mapping[str, Floats]) -> dict[str, int]:
    """Columns of each feature, (n, d), in the order in which they stand side by side."""
    return {name: int(values.shape[1]) for name, values in sorted(features.items()) if values.shape[1]}


def refresh_baseline(
    model: ModelFolder, graph: GraphData, target: Target, writer: ModelWriter, ends: Ints
) -> dict[str, Any]:
    """Keep the baseline of a model with answers about the items of a later graph.

    Args:
        model: the trained model.
        graph: the later graph.
        target: what is predicted.
        writer: where to.
        ends: numbers of the vertices that make up each item, in the later graph, (items, 1) or (items, 2).

    Raises:
        ValueError: the later graph gives other features.
    """
    old, new = NodeSpace(dict(model.description.node_types)), NodeSpace(dict(graph.num_nodes))
    baseline = load_baseline(model)
    of_nodes = isinstance(target.type, str)
    features = asked_now(graph, target, new).features if of_nodes else features_of(graph, target)
    if baseline.reads_features and features.shape[1] != len(baseline.arrays["centre"]):
        raise ValueError(
            f"{target} has {features.shape[1]} columns of features; the model was trained on "
            f"{len(baseline.arrays['centre'])}: process the graph with the same configuration, from the previous "
            "processing job"
        )
    known = np.full(new.total, -1, dtype=np.int64)
    for kind in set(old.counts) & set(new.counts):
        span, count = new.range(kind), min(old.counts[kind], new.counts[kind])
        known[span.start : span.start + count] = old.offsets[kind] + np.arange(count)
    around: tuple[Ints, ...] = ()
    if ends.shape[1] == 1:
        neighbours = known_neighbours(graph, new, known)
        around = tuple(neighbours[number] for number in ends[:, 0].tolist())
    raw = baseline.raw(Asked(known[ends], features, around))
    answers = baseline.calibrated(raw)
    if baseline.kind == "propagated" and not isinstance(target.type, str):
        # an edge that had a label in training keeps it, and is not told by its ends
        rows = {edge: row for row, edge in enumerate(model.texts("edges"))}
        before = np.array([rows.get(edge, -1) for edge in graph.edge_ids.get(target.type, [])], dtype=np.int64)
        if len(before) == len(answers):
            answers[before >= 0] = model.array("baseline/answers")[before[before >= 0]]
    grown = Baseline(baseline.kind, baseline.labels, regrown(baseline, known, ends, raw))
    floor = str(model.description.details["baseline"]["floor"])
    return save_baseline(writer, floor, grown, answers, graph, target)


def known_neighbours(graph: GraphData, space: NodeSpace, known: Ints) -> list[Ints]:
    """Old numbers of the neighbours, along any edge, that training knew, (k,) for every vertex."""
    edges = [numbered(graph, kind, space) for kind in graph.edge_types]
    adjacency = PairGraph.from_lists([(part.source, part.target) for part in edges], space.total).adjacency
    found = [known[part] for part in np.split(adjacency.indices, adjacency.indptr[1:-1])]
    return [part[part >= 0] for part in found]


def regrown(baseline: Baseline, known: Ints, ends: Ints, raw: Doubles) -> dict[str, Array]:
    """The arrays by vertices, (vertices, …), in numbers of a later graph; of new ones their answers, the mean, or 0.

    Args:
        baseline: what was learned.
        known: numbers in training of the later graph's vertices, −1 for new ones, (vertices,).
        ends: numbers of the vertices that make up each item, (items, 1) or (items, 2).
        raw: answers about the items before they are calibrated, (items, outputs).
    """
    arrays = dict(baseline.arrays)
    if baseline.kind == "bias":
        for name in ("given", "got"):
            arrays[name] = np.where(known >= 0, arrays[name][known], 0.0)
    if baseline.kind == "propagated":
        arrays["answers"] = np.where(known[:, None] >= 0, arrays["answers"][known], arrays["mean"])
        if ends.shape[1] == 1:
            arrays["answers"][ends[:, 0]] = raw
    return arrays
