"""What was there before a moment, of the live neighbourhood that a request brings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..features import BadValue
from ..features.inference import as_text
from ..graph import EdgeType
from ..processing.times.moments import moment
from .subgraph import edge_type_of, objects


def earlier(document: Mapping[str, Any], times: Sequence[Mapping[str, Any]], before: float) -> dict[str, Any]:
    """The ``graph`` member of a request without what came at a moment or later.

    An edge is as new as the newest of itself and its ends. What says no time is as old as any; what says one that
    cannot be read is left out.

    Args:
        document: see ``read_subgraph``.
        times: which ``property`` says when for each ``type``, a node type or the triple of an edge type.
        before: the moment, as data processing has times.

    Raises:
        Incompatible: the document is not of this form.
    """
    columns = {kind if isinstance(kind := one["type"], str) else EdgeType(*kind): one["property"] for one in times}

    def came(kind: str | EdgeType, item: Mapping[str, Any]) -> float:
        return -np.inf if kind not in columns else time_of((item.get("properties") or {}).get(columns[kind]))

    nodes, late = [], set()
    for node in objects(document, "nodes"):
        kind = str(node.get("nodeType"))
        if came(kind, node) < before:
            nodes.append(node)
        else:
            late.add((kind, str(node.get("nodeId"))))
    edges = []
    for edge in objects(document, "edges"):
        edge_type = edge_type_of(edge.get("edgeType"))
        ends = (edge_type.source, str(edge.get("headNodeId"))), (edge_type.target, str(edge.get("tailNodeId")))
        if came(edge_type, edge) < before and late.isdisjoint(ends):
            edges.append(edge)
    return {**document, "nodes": nodes, "edges": edges}


def time_of(value: Any) -> float:
    """A property as a time: −inf where there is none, inf where it cannot be read."""
    text = as_text(value[0] if isinstance(value, list) and value else value)
    try:
        return -np.inf if text is None else moment(text)
    except BadValue:
        return np.inf
