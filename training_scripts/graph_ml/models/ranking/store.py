"""The pair ranker in a model folder: graphs, factors and attributes as arrays, the scorer among the weights."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from ...artifacts import ModelFolder, ModelWriter
from ...judging.metrics import Exclusions
from ...links import ALL_EDGES, OWN_VIEW, LinkProblem
from ...pairs import ALONG, Affinity, Arrows, AttributeSpace, Factors, PairFeatures, PairGraph, PairSettings, View
from ...pairs.attributes import AttributeBlock
from .scorer import PairRanker, PairScorer


def save_ranker(writer: ModelWriter, place: str, ranker: PairRanker) -> dict[str, Any]:
    """Keep a ranker below ``place``; what is returned belongs into the description and is needed to load it."""
    features = ranker.features
    writer.tensors(f"{place}.scorer", ranker.scorer.tensors())
    for view in features.views:
        writer.matrix(f"{place}/{view.name}/adjacency", view.graph.adjacency)
        if view.factors is not None:
            writer.array(f"{place}/{view.name}/left", view.factors.left)
            writer.array(f"{place}/{view.name}/right", view.factors.right)
    if features.bag is not None:
        writer.matrix(f"{place}/bag", features.bag)
    if features.numbers is not None:
        writer.array(f"{place}/numbers", features.numbers)
    if features.affinity is not None:
        writer.array(f"{place}/affinity", features.affinity.weights)
    if features.arrows is not None:
        writer.matrix(f"{place}/arrows", features.arrows.matrix)
    columns = []
    for position, column in enumerate(features.attributes.columns):
        writer.tensors(f"{place}.attributes.{position}", {"mean": column.mean, "scale": column.scale})
        columns.append(
            {
                "node_type": column.node_type,
                "name": column.name,
                "start": column.start,
                "width": column.width,
                "bag": column.bag,
            }
        )
    return {
        "chosen": ranker.chosen,
        "lift": ranker.lift,
        "views": [view.name for view in features.views],
        "features": list(features.names),
        "settings": asdict(features.settings),
        "typed": features.typed,
        "attributes": columns,
    }


def load_ranker(folder: ModelFolder, place: str, details: dict[str, Any]) -> PairRanker:
    """The opposite of ``save_ranker``."""
    views, settings = [], PairSettings(**details["settings"])
    for name in details["views"]:
        factors = None
        if folder.has(f"{place}/{name}/left"):
            factors = Factors(
                np.array(folder.array(f"{place}/{name}/left")), np.array(folder.array(f"{place}/{name}/right"))
            )
        graph = PairGraph.from_adjacency(folder.matrix(f"{place}/{name}/adjacency"))
        views.append(View(name, graph, factors, settings.sketched(graph)))
    columns = []
    for position, entry in enumerate(details["attributes"]):
        fitted = folder.tensors(f"{place}.attributes.{position}")
        columns.append(AttributeBlock(mean=fitted["mean"], scale=fitted["scale"], **entry))
    bag = folder.matrix(f"{place}/bag") if folder.has(f"{place}/bag") else None
    numbers = np.array(folder.array(f"{place}/numbers")) if folder.has(f"{place}/numbers") else None
    weights = np.array(folder.array(f"{place}/affinity")) if folder.has(f"{place}/affinity") else None
    features = PairFeatures(
        tuple(views),
        bag,
        numbers,
        PairSettings(**details["settings"]),
        Arrows.of(folder.matrix(f"{place}/arrows")) if folder.has(f"{place}/arrows") else None,
        along=ALONG[0] in details["features"],
        typed=details["typed"],
        attributes=AttributeSpace(tuple(columns)),
        affinity=None if weights is None else Affinity.of(weights, bag, numbers),
    )
    scorer = PairScorer.from_tensors(folder.tensors(f"{place}.scorer"))
    return PairRanker(features, scorer, details["chosen"], details["lift"])


def save_links(writer: ModelWriter, position: int, problem: LinkProblem) -> None:
    """Keep all known links of a problem, and the partners of each node as lists that an endpoint maps."""
    place, links = f"links/{position}", problem.everything
    writer.array(f"{place}/source", links.source)
    writer.array(f"{place}/target", links.target)
    tails, heads = problem.partners()
    for name, lists in (("tails", tails), *([] if heads is tails else [("heads", heads)])):
        writer.array(f"{place}/{name}/indptr", lists.indptr)
        writer.array(f"{place}/{name}/indices", lists.indices)


def load_partners(folder: ModelFolder, place: str) -> tuple[Exclusions, Exclusions] | None:
    """The partners of each node below ``place``, mapped; None where a pipeline kept none."""
    if not folder.has(f"{place}/tails"):
        return None
    names = ("tails", "heads" if folder.has(f"{place}/heads") else "tails")
    tails, heads = (
        Exclusions(folder.array(f"{place}/{n}/indptr"), folder.array(f"{place}/{n}/indices")) for n in names
    )
    return tails, heads


def save_floor(writer: ModelWriter, place: str, name: str, graph: PairGraph) -> dict[str, Any]:
    """Keep a floor on a graph, ``ease`` or ``all.ease``; the graph of all edges is kept once for all edge types.

    Returns:
        What belongs into the description and is needed to load it.
    """
    shared = name.startswith(f"{ALL_EDGES}.")
    where = f"links/{ALL_EDGES}" if shared else f"{place}/floor"
    if not writer.has(where):
        writer.matrix(where, graph.adjacency)
    return {"name": name, "graph": where}


def load_floor(folder: ModelFolder, details: dict[str, Any], graphs: dict[str, PairGraph]) -> PairRanker:
    """The opposite of ``save_floor``; graphs that are read are kept in ``graphs`` by place."""
    where = details["graph"]
    if where not in graphs:
        graphs[where] = PairGraph.from_adjacency(folder.matrix(where))
    nothing = np.zeros(0, dtype=np.float32)
    view = View(details["name"].rpartition(".")[0] or OWN_VIEW, graphs[where])
    return PairRanker(PairFeatures((view,)), PairScorer(nothing, nothing, {}), details["name"])
