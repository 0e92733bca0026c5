"""The live neighbourhood that an inductive request carries: vertices and edges, some newer than the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..data import EdgeType
from ..links import Pairs
from ..pairs import NodeSpace
from ..pairs.graph import Floats
from .base import Incompatible

Index = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True)
class Subgraph:
    """A neighbourhood in numbers: known vertices keep theirs, new ones follow the last known one, type after type.

    Args:
        new: node type → ids of new vertices, in the order of their numbers.
        firsts: node type → number of its first new vertex.
        total: vertices with the new ones.
        edges: edge type → pairs, edges that the model has seen included.
        properties: node type → id → property → values, of every vertex that came with some.
        features: node type → feature name → encoded values of the new vertices, float32 (n, d).
    """

    new: Mapping[str, list[str]]
    firsts: Mapping[str, int]
    total: int
    edges: Mapping[EdgeType, Pairs]
    properties: Mapping[str, Mapping[str, Mapping[str, list[Any]]]]
    features: Mapping[str, Mapping[str, Floats]] = field(default_factory=dict)

    def number(self, node_type: str, node_id: str) -> int | None:
        """The number of a new vertex, None if it is none."""
        ids = self.new.get(node_type, [])
        return self.firsts[node_type] + ids.index(node_id) if node_id in ids else None


def read_subgraph(document: Mapping[str, Any], space: NodeSpace, index: Index) -> Subgraph:
    """Read the ``graph`` member of a request.

    ``nodes`` are objects of ``id`` (or ``nodeId``), ``type`` and ``properties``; ``edges`` of ``type`` (a triple, or an
    object of source, relation and target), ``source`` and ``target`` ids. Vertices and edges of types that the model
    has not seen are left out: it has learned nothing about them.

    Raises:
        Incompatible: the document is not of this form.
    """
    new: dict[str, list[str]] = {name: [] for name in space.counts}
    properties: dict[str, dict[str, dict[str, list[Any]]]] = {name: {} for name in space.counts}
    for node in _objects(document, "nodes"):
        node_id, node_type = str(node.get("id", node.get("nodeId", ""))), str(node.get("type", ""))
        if node_type not in space.counts:
            continue
        if node_id not in index[node_type] and node_id not in new[node_type]:
            new[node_type].append(node_id)
        given = node.get("properties") or {}
        properties[node_type][node_id] = {
            str(key): list(value) if isinstance(value, list) else [value] for key, value in given.items()
        }
    firsts, total = {}, space.total
    for name, ids in new.items():
        firsts[name] = total
        total += len(ids)
    offsets = space.offsets
    places = {name: {node_id: firsts[name] + i for i, node_id in enumerate(ids)} for name, ids in new.items()}

    def number(node_type: str, node_id: str) -> int | None:
        known = index[node_type].get(node_id) if node_type in index else None
        return offsets[node_type] + known if known is not None else places.get(node_type, {}).get(node_id)

    lists: dict[EdgeType, list[tuple[int, int]]] = {}
    for edge in _objects(document, "edges"):
        kind = _edge_type(edge.get("type", edge.get("edgeType")))
        ends = number(kind.source, str(edge.get("source"))), number(kind.target, str(edge.get("target")))
        if ends[0] is not None and ends[1] is not None:
            lists.setdefault(kind, []).append((ends[0], ends[1]))
    edges = {kind: Pairs(*np.array(pairs, dtype=np.int64).T) for kind, pairs in lists.items()}
    return Subgraph(new, firsts, total, edges, properties)


def _objects(document: Mapping[str, Any], member: str) -> list[Mapping[str, Any]]:
    found = document.get(member) or []
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise Incompatible(f"'graph.{member}' must be a list of objects")
    return found


def _edge_type(value: Any) -> EdgeType:
    if isinstance(value, list) and len(value) == 3:
        return EdgeType(*map(str, value))
    if isinstance(value, dict) and {"source", "relation", "target"} <= value.keys():
        return EdgeType(str(value["source"]), str(value["relation"]), str(value["target"]))
    raise Incompatible("the type of an edge in 'graph.edges' is a triple [source type, relation, target type]")
