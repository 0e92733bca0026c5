"""Model transform: a trained model on a new graph. Embeddings and structures are made again, weights stay."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..artifacts import ModelFolder, ModelWriter
from ..container import Container, JobError
from ..devices import NoSuchDevice, device_of, tensor_on
from ..graph import EdgeType, GraphData, History, Split, Target
from ..graph.data import labels_told
from ..group import ALONE, Group
from ..judging.report import write_model_report
from ..links import LinkProblem, numbered
from ..message_passing import choose_backend
from ..models.network.heads import Head, joined
from ..models.network.network import Network, edge_matrix, load_network, save_network, usable
from ..models.ranking.store import load_ranker, save_links
from ..pairs import NodeSpace
from ..sampling import MessageGraph
from ..schemas import HistoryEntry, Metrics, ModelDescription, files
from .labels.baseline import refresh_baseline
from .labels.past import save_history
from .links.gnn import GnnLinks, edge_features
from .links.ranked import RankedLinks
from .links.stacked import StackedLinks
from .links.trained import TrainedLinks, with_floor

Details = dict[str, Any]
#: folder of the graph beside a model that can answer as of an earlier moment
GRAPH = files.GRAPH


@dataclass(frozen=True)
class Place:
    """Where vectors are computed: the device, and the processes that share them."""

    device: torch.device
    group: Group


def transform(container: Container, scripts: Path, arguments: Sequence[str] = ()) -> None:
    """Read ``processing/model`` and ``processing/input``, write the refreshed model to ``processing/output``.

    Raises:
        JobError: the model does not fit the graph, or there is no such device; the text says which.
    """
    try:
        device = device_of(container.hyperparameters(arguments).get("device", "auto"), container.environ)
    except NoSuchDevice as error:
        raise JobError(str(error)) from error
    progress = container.progress()
    progress("reading model and graph")
    try:
        model, graph = ModelFolder(container.processing("model")), GraphData.read(container.processing("input"))
    except FileNotFoundError as error:
        raise JobError(str(error)) from error
    missing = set(model.description.node_types) - set(graph.num_nodes)
    if missing:
        raise JobError(f"the new graph lacks node types of the model: {', '.join(sorted(missing))}")
    graph, unknown = known_part(graph, model.description)
    group = Group.joined(container.environ, device)
    # several processes share the vectors; the first writes them
    output = container.processing("output")
    writer = ModelWriter(output if group.first else output.with_name(f"output-{group.rank}"))
    place = Place(device, group)
    progress("computing embeddings and structures")
    try:
        if model.description.task == "link_prediction":
            details = refresh_links(model, graph, writer, place)
        else:
            details = refresh_labels(model, graph, writer, place)
        for word in ("timed", "times"):
            details.pop(word, None)
        details |= keep_graph(writer, graph, details)
    except ValueError as error:
        raise JobError(str(error)) from error
    group.leave()
    if not group.first:
        shutil.rmtree(writer.folder)
        return
    metrics = model.metrics
    for split in ("valid", "test"):
        if model.has(f"report/{split}_ranks"):
            writer.array(f"report/{split}_ranks", model.array(f"report/{split}_ranks"))
    writer.ids(graph.live_ids)
    writer.code(scripts)
    for folder in (container.processing("input"), model.folder):
        if (folder / "encoders.json").exists():
            writer.file("encoders.json", (folder / "encoders.json").read_text(encoding="utf-8"))
            break
    description = refreshed(model.description, graph, details)
    notes = [*metrics.notes, "embeddings and structures are those of a later graph; the figures are those of training"]
    warnings = [*metrics.warnings]
    if unknown:
        warnings.append(f"the model has never seen {', '.join(unknown)}, and leaves them out; train again to use them")
    told = {"notes": list(dict.fromkeys(notes)), "warnings": list(dict.fromkeys(warnings))}
    metrics = Metrics.model_validate({**metrics.model_dump(), **told})
    writer.finish(description, metrics)
    progress("writing the report")
    write_model_report(writer.folder)
    progress("finished", 1, 1)


def as_of(model: ModelFolder, moment: float, folder: Path) -> None:
    """Write a model as it would answer at a moment: what it has learned, over the graph that was there before.

    Args:
        model: has its graph with it.
        moment: nothing that came then or later is looked at.
        folder: of the new model.

    Raises:
        ValueError: nothing was there that the model could answer from.
    """
    graph = GraphData.read(model.folder / GRAPH).before(moment)
    writer = ModelWriter(folder)
    place = Place(torch.device("cpu"), ALONE)
    links = model.description.task == "link_prediction"
    details = (refresh_links if links else refresh_labels)(model, graph, writer, place)
    writer.ids(graph.live_ids)
    if (model.folder / "encoders.json").exists():
        writer.file("encoders.json", (model.folder / "encoders.json").read_text(encoding="utf-8"))
    description = refreshed(model.description, graph, details)
    same = {"created_ms": model.description.created_ms, "graph_snapshot_ms": model.description.graph_snapshot_ms}
    writer.finish(description.model_copy(update=same), model.metrics)


def keep_graph(writer: ModelWriter, graph: GraphData, details: Details) -> Details:
    """Keep a graph that has times beside its model, so that the model can answer as of an earlier moment.

    A model that has learned a vector for each vertex, and nothing else, cannot.

    Returns:
        What ``model.json`` says of it.
    """
    kinds = {entry["scorer"].get("trained", entry["scorer"])["kind"] for entry in details.get("links", ())}
    if not graph.times or not ("network" in details or kinds == {"ranker"}):
        return {}
    bare = replace(graph, raw={}, edge_raw={}, cuts={}, horizons={}, histories={}, warnings=())
    history, none = history_in(details), np.empty(0, dtype=np.int64)
    told = None if history is None else labels_told(history)
    labels = {target: labels for target, labels in graph.labels.items() if target == told}
    bare = replace(bare, labels=labels, splits=dict.fromkeys(labels, Split(none, none, none)))
    bare.write(writer.staging / GRAPH)
    # an endpoint that is asked about a neighbourhood must know which of it was there
    return {"timed": True, **({"times": graph.info["times"]} if "times" in graph.info else {})}


def history_in(details: Details) -> History | None:
    """What ``model.json`` says that the model looks at of the past, None for nothing."""
    return History(HistoryEntry.model_validate(details["history"])) if "history" in details else None


def known_part(graph: GraphData, description: ModelDescription) -> tuple[GraphData, list[str]]:
    """(the graph without the node and edge types that a model has never seen, the names of those)."""
    nodes = [kind for kind in graph.node_types if kind in description.node_types]
    kinds = [kind for kind in graph.edge_types if kind in description.edge_types]
    unknown = [*(set(graph.node_types) - set(nodes)), *map(str, set(graph.edge_types) - set(kinds))]
    if not unknown:
        return graph, []
    known = replace(
        graph,
        node_ids={kind: graph.node_ids[kind] for kind in nodes},
        num_nodes={kind: graph.num_nodes[kind] for kind in nodes},
        features={kind: graph.features[kind] for kind in nodes if kind in graph.features},
        edges={kind: graph.edges[kind] for kind in kinds},
        edge_features={kind: graph.edge_features[kind] for kind in kinds if kind in graph.edge_features},
    )
    return known, sorted(unknown)


def refreshed(description: ModelDescription, graph: GraphData, details: Details) -> ModelDescription:
    """The description on the new graph: same model, new sizes, time and snapshot."""
    snapshot = graph.info.get("graph_snapshot_ms")
    return description.model_copy(
        update={
            "node_types": dict(graph.num_nodes),
            "edge_types": list(graph.edge_types),
            "created_ms": int(time.time() * 1000),
            "dataset_hash": graph.dataset_hash,
            "graph_snapshot_ms": snapshot if isinstance(snapshot, int) else None,
            "details": details,
        }
    )


def refresh_links(model: ModelFolder, graph: GraphData, writer: ModelWriter, place: Place) -> Details:
    """A model of links with all links of the new graph, computed on a device."""
    details = model.description.details
    problems = [known_links(graph, entry) for entry in details["links"]]
    trained = stored(model, graph, problems, details, place)
    links = []
    for position, (problem, entry) in enumerate(zip(problems, details["links"], strict=True)):
        save_links(writer, position, problem)
        scorer = trained.save(writer, position)
        if "trained" in entry["scorer"]:
            floor, weight = entry["scorer"]["floor"]["name"], entry["scorer"]["weight"]
            scorer = with_floor(writer, position, problem, floor, scorer, weight)
        links.append({**entry, "scorer": scorer})
    return {**trained.finish(writer), "links": links}


def known_links(graph: GraphData, entry: Details) -> LinkProblem:
    """All edges of a predicted type as known links.

    Raises:
        ValueError: the graph has no such edges.
    """
    edge_type, space = EdgeType(*entry["edge_type"]), NodeSpace(dict(graph.num_nodes))
    if edge_type not in graph.edges or not len(graph.edges[edge_type]):
        raise ValueError(f"the new graph has no edges of type {edge_type}, which the model predicts")
    pairs = numbered(graph, edge_type, space)
    pairs = pairs[pairs.source != pairs.target]
    left_out = tuple(EdgeType(*kind) for kind in entry.get("left_out", ()))
    others = [kind for kind in graph.edge_types if kind != edge_type and kind not in left_out]
    context = {kind: numbered(graph, kind, space) for kind in others}
    return LinkProblem.known_links(edge_type, space, pairs, context, entry["directed"], left_out)


def stored(
    model: ModelFolder, graph: GraphData, problems: list[LinkProblem], details: Details, place: Place
) -> TrainedLinks:
    """The trained model as it was before it was written, on the new graph."""
    scorers = [entry["scorer"].get("trained", entry["scorer"]) for entry in details["links"]]
    kind = scorers[0]["kind"]
    if kind == "ranker":
        return rankers(model, graph, problems, scorers)
    if kind == "embedding":
        return network_links(model, graph, problems, scorers, details, place)
    stack = StackedLinks(
        rankers(model, graph, problems, [entry["parts"][0] for entry in scorers]),
        network_links(model, graph, problems, [entry["parts"][1] for entry in scorers], details, place),
    )
    for position, entry in enumerate(scorers):
        stack.scales[position], stack.weights[position] = 1.0, entry["weights"][1]
    return stack


def rankers(model: ModelFolder, graph: GraphData, problems: list[LinkProblem], scorers: list[Details]) -> RankedLinks:
    """Pair rankers; their features must be those of training.

    Raises:
        ValueError: the new graph gives other features.
    """
    attributes = {name: dict(values) for name, values in graph.features.items()}
    found = [load_ranker(model, f"links/{i}", entry["ranker"]) for i, entry in enumerate(scorers)]
    ranked = RankedLinks(problems, found, attributes, model.description.seed)
    for position, entry in enumerate(scorers):
        names = list(ranked.on_all_links(position).features.names)
        if names != entry["ranker"]["features"]:
            raise ValueError(
                f"the new graph gives pair features {names}; the model was trained on {entry['ranker']['features']}: "
                "process it with the same configuration, from the previous processing job"
            )
    return ranked


def network_links(
    model: ModelFolder,
    graph: GraphData,
    problems: list[LinkProblem],
    scorers: list[Details],
    details: Details,
    place: Place,
) -> GnnLinks:
    """A graph network of links with its decoders, on a device."""
    relations = [tensor_on(model.tensors(f"links/{i}.decoder")["relation"], place.device) for i in range(len(problems))]
    network = network_of(model, graph, details, place)
    return GnnLinks(problems, network, relations, scorers[0]["decoder"], model.description.model)


def network_of(model: ModelFolder, graph: GraphData, details: Details, place: Place) -> Network:
    """The trained network over the nodes of the new graph, on a device.

    Raises:
        ValueError: the model has no network, but a vector that was learned for each node.
    """
    if "network" not in details:
        raise ValueError(
            f"a {model.description.model} model learns a vector for each vertex and cannot be carried over to a later "
            "graph; train it again"
        )
    features = {kind: dict(values) for kind, values in graph.features.items()}
    space = NodeSpace(dict(graph.num_nodes))
    wanted = {EdgeType(*entry[:3]) for entry in details["network"]["edge_widths"]}
    edges = {kind: matrix for kind, matrix in edge_features(graph).items() if kind in wanted}
    messages = 2 * sum(len(pairs) for pairs in graph.edges.values())
    backend = choose_backend(messages, place.device.type)
    network = load_network(model, details["network"], space, features, backend, edges=edges, device=place.device)
    network.group = place.group
    return network


def with_history(graph: GraphData, target: Target, details: Details) -> GraphData:
    """The later graph with what the model looks at of the past, ``details`` brought up to its end.

    Raises:
        ValueError: the graph has no times of edges that the model looks at.
    """
    history = history_in(details)
    if history is None:
        return replace(graph, histories={})
    if lacking := sorted({str(s.edge_type) for s in history.entry.strands if s.edge_type not in graph.times}):
        raise ValueError(
            f"the model looks at when edges of type {', '.join(lacking)} came, and the new graph does not say: process "
            "it with the same configuration"
        )
    told = labels_told(history)
    if told is not None and told not in graph.labels:
        raise ValueError(
            f"the model looks at property {told.property_name!r} of earlier edges of type {told.type}, and the new "
            "graph has no such labels: process it with the same configuration"
        )
    details["now"] = graph.now
    return replace(graph, histories={target: history})


def refresh_labels(model: ModelFolder, graph: GraphData, writer: ModelWriter, place: Place) -> Details:
    """A model of a property with vectors of all vertices of the new graph, computed on a device."""
    details = dict(model.description.details)
    network = network_of(model, graph, details, place)
    directed = {EdgeType(*entry[:3]): bool(entry[3]) for entry in details["network"]["directed"]}
    messages = MessageGraph.over(graph, network.space, directed)
    head = Head(weights=model.tensors("head"), **details["head"])
    writer.tensors("head", head.weights)
    vectors = network.embed(messages)
    writer.array("embeddings", vectors)
    of = model.description.targets[0]
    target = Target(model.description.task, of.edge_type or of.node_type or "", of.property)
    graph = with_history(graph, target, details)
    past = save_history(writer, graph, graph.histories.get(target))
    if node_type := of.node_type:
        rows = vectors[network.space.range(node_type)]
        writer.array("predictions", head(joined([rows], past.get(node_type, rows[:, :0]))))
    details["network"] = save_network(writer, network, messages.directed)
    kind = of.edge_type
    ends = np.arange(network.space.total)[:, None]
    if node_type:
        ends = ends[network.space.range(node_type)]
    if kind is not None:
        if kind not in graph.edges:
            raise ValueError(f"the new graph has no edges of type {kind}, whose property the model predicts")
        features = usable(graph.edge_features.get(kind, {}))
        if list(features) != details["edge_features"]:
            raise ValueError(
                f"edges of type {kind} have features {list(features)}; trained on {details['edge_features']}"
            )
        pairs = numbered(graph, kind, network.space)
        extra = edge_matrix(features)
        own = np.zeros((len(pairs), 0), dtype=np.float32) if extra is None else extra
        ends = np.stack([pairs.source, pairs.target], axis=1)
        writer.array("edges/ends", ends)
        writer.array("edges/extra", np.concatenate([own, graph.history_of(target)], axis=1))
        writer.texts("edges", graph.edge_ids.get(kind, []))
    if "baseline" in details:
        details |= refresh_baseline(model, graph, target, writer, ends)
    return details
