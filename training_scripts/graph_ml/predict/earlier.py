"""What was there before a moment, of the live neighbourhood that a request brings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..features.inference import as_text
from ..graph import EdgeType
from ..schemas.times import UNKNOWN, TimeColumn, TimeReading
from .subgraph import edge_type_of, objects


def earlier(document: Mapping[str, Any], times: Sequence[Mapping[str, Any]], before: float) -> dict[str, Any]:
    """The ``graph`` member of a request without what came at a moment or later.

    An edge is as new as the newest of itself and its ends. What says no time is as old as any; what says one that
    cannot be read is left out.

    Args:
        document: see ``read_subgraph``.
        times: which ``property`` says when for each ``type``, a node type or the triple of an edge type, and how it
            is read.
        before: the moment, as data processing has times.

    Raises:
        Incompatible: the document is not of this form.
    """
    columns = {column.type: column for column in map(TimeColumn.model_validate, times)}

    def came(kind: str | EdgeType, item: Mapping[str, Any]) -> float:
        column = columns.get(kind)
        return -np.inf if column is None else time_of((item.get("properties") or {}).get(column.property), column)

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


def time_of(value: Any, reading: TimeReading = UNKNOWN) -> float:
    """A property as a time: −inf where there is none, inf where it cannot be read."""
    return reading.came(as_text(value[0] if isinstance(value, list) and value else value))
