"""The pair ranker in a model folder: graphs, factors and attributes as arrays, the scorer among the weights."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from ...artifacts import ModelFolder, ModelWriter
from ...pairs import AttributeSpace, Factors, PairFeatures, PairGraph, PairSettings, View
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
    if features.arrows is not None:
        writer.matrix(f"{place}/arrows", features.arrows)
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
        "views": [view.name for view in features.views],
        "features": list(features.names),
        "settings": asdict(features.settings),
        "typed": features.typed,
        "attributes": columns,
    }


def load_ranker(folder: ModelFolder, place: str, details: dict[str, Any]) -> PairRanker:
    """The opposite of ``save_ranker``."""
    views = []
    for name in details["views"]:
        factors = None
        if folder.has(f"{place}/{name}/left"):
            factors = Factors(
                np.array(folder.array(f"{place}/{name}/left")), np.array(folder.array(f"{place}/{name}/right"))
            )
        views.append(View(name, PairGraph.from_adjacency(folder.matrix(f"{place}/{name}/adjacency")), factors))
    columns = []
    for position, entry in enumerate(details["attributes"]):
        fitted = folder.tensors(f"{place}.attributes.{position}")
        columns.append(AttributeBlock(mean=fitted["mean"], scale=fitted["scale"], **entry))
    features = PairFeatures(
        tuple(views),
        folder.matrix(f"{place}/bag") if folder.has(f"{place}/bag") else None,
        np.array(folder.array(f"{place}/numbers")) if folder.has(f"{place}/numbers") else None,
        PairSettings(**details["settings"]),
        folder.matrix(f"{place}/arrows") if folder.has(f"{place}/arrows") else None,
        typed=details["typed"],
        attributes=AttributeSpace(tuple(columns)),
    )
    return PairRanker(features, PairScorer.from_tensors(folder.tensors(f"{place}.scorer")), details["chosen"])
