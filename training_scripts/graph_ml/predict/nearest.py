"""Nearest neighbours by the cosine of stored embeddings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from ..pairs import NodeSpace
from ..pairs.attributes import unit_dense
from ..pairs.graph import Floats
from ..schemas import GlobalParameters, ItemResult, ModelDescription, Prediction, QueryItem
from .base import Incompatible, best
from .subgraph import Index, hide_gone


class Embedded(Protocol):
    """A predictor with one vector a vertex."""

    description: ModelDescription
    ids: Mapping[str, Sequence[str]]
    index: Index
    embeddings: Floats | None


def nearest(model: Embedded, items: Sequence[QueryItem], parameters: GlobalParameters) -> list[ItemResult]:
    """The vertices of a type that are most like each item, never itself; scores are (1 + cosine) / 2.

    Raises:
        Incompatible: the model has no embeddings, or knows no such node type.
    """
    space = NodeSpace(model.description.node_types)
    wanted = parameters.tail_node_type or parameters.node_type or next(iter(space.counts))
    if model.embeddings is None:
        raise Incompatible("this model has no embeddings; train rgcn or graphsage for nearest neighbours")
    if wanted not in space.counts:
        raise Incompatible(f"this model knows no node type {wanted!r}; it knows {', '.join(space.counts)}")
    others = unit_dense(np.asarray(model.embeddings[space.range(wanted)]))
    results = []
    for item in items:
        node = item.node_id or ""
        found: list[Prediction] = []
        for node_type, index in model.index.items():
            if node not in index:
                continue
            own = np.asarray(model.embeddings[space.offsets[node_type] + index[node]])
            scores = (others @ unit_dense(own[None, :])[0]).astype(np.float32)
            hide_gone(scores, model.ids[wanted], model.index[wanted])
            if node_type == wanted:
                scores[index[node]] = -np.inf
            found = [
                Prediction(nodeId=model.ids[wanted][place], score=float((1 + scores[place]) / 2))
                for place in best(scores, parameters.topk).tolist()
            ]
            break
        kept = [p for p in found if parameters.threshold is None or (p.score or 0.0) >= parameters.threshold]
        results.append(ItemResult(nodeId=node, results=kept))
    return results
