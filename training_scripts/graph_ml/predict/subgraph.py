"""The live neighbourhood that an inductive request carries: vertices and edges, some newer than the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..features import FeatureEncoder
from ..graph import EdgeType
from ..links import Pairs
from ..pairs import NodeSpace
from ..pairs.graph import Floats, Ints
from ..text_files import places_of
from .base import Incompatible

Index = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True)
class Subgraph:
    """A neighbourhood in numbers: known vertices keep theirs, new ones follow the last known one, type after type.

    Args:
        members: node type → id → number, of every vertex of the subgraph, in the order of the numbers.
        firsts: node type → number of its first new vertex.
        total: vertices with the new ones.
        edges: edge type → pairs, edges that the model has seen included; ``edge_properties`` and ``edge_ids`` are
            theirs, an id is empty where a request names none.
        properties: node type → id → property → values, of every vertex that came with some.
        features: node type → feature name → encoded values of the members, float32 (members, d).
    """

    members: Mapping[str, Mapping[str, int]]
    firsts: Mapping[str, int]
    total: int
    edges: Mapping[EdgeType, Pairs]
    properties: Mapping[str, Mapping[str, Mapping[str, list[Any]]]]
    edge_properties: Mapping[EdgeType, list[Mapping[str, list[Any]]]] = field(default_factory=dict)
    edge_ids: Mapping[EdgeType, list[str]] = field(default_factory=dict)
    features: Mapping[str, Mapping[str, Floats]] = field(default_factory=dict)

    def number(self, node_type: str, node_id: str) -> int | None:
        """The number of a vertex of the subgraph, None if it is none."""
        return self.members.get(node_type, {}).get(node_id)

    def numbers(self, node_type: str, space: NodeSpace) -> Ints:
        """The numbers of the members of a type, (m,), ascending."""
        return np.fromiter(self.members[node_type].values(), dtype=np.int64, count=len(self.members[node_type]))

    def has_edge(self, edge_type: EdgeType, edge_id: str) -> bool:
        """Whether the edge with this id came with the request."""
        return bool(edge_id) and edge_id in self.edge_ids.get(edge_type, ())

    def edge_values(self, edge_type: EdgeType, head: str, tail: str, edge_id: str = "") -> Mapping[str, list[Any]]:
        """The properties of the edge with an id, or of the first one between two vertices; none without an edge."""
        if self.has_edge(edge_type, edge_id):
            return self.edge_properties[edge_type][self.edge_ids[edge_type].index(edge_id)]
        ends = self.number(edge_type.source, head), self.number(edge_type.target, tail)
        pairs = self.edges.get(edge_type, Pairs.join([]))
        for row, found in enumerate(zip(pairs.source.tolist(), pairs.target.tolist(), strict=True)):
            if found == ends:
                return self.edge_properties[edge_type][row]
        return {}

    @property
    def fresh(self) -> dict[str, npt.NDArray[np.bool_]]:
        """Which members are new, by node type."""
        return {
            kind: np.array([number >= self.firsts[kind] for number in found.values()], dtype=bool)
            for kind, found in self.members.items()
        }

    def encoded(self, encoder: FeatureEncoder) -> Subgraph:
        """With the features of all members, encoded as data processing did; missing properties count as missing.

        Raises:
            Incompatible: a value cannot be encoded.
        """
        try:
            features = {
                kind: encoder.encode(kind, [self.properties[kind].get(node, {}) for node in found])
                for kind, found in self.members.items()
            }
        except ValueError as error:
            raise Incompatible(str(error)) from error
        return replace(self, features=features)


def index_of(ids: Mapping[str, Sequence[str]]) -> Index:
    """The place of each id within its type; an empty id, of a vertex that is gone, has none."""
    return {kind: places_of(values) for kind, values in ids.items()}


def hide_gone(scores: Floats, ids: Sequence[str], index: Mapping[str, int]) -> None:
    """Set the scores of candidates that are gone to −inf, in place.

    Args:
        scores: float32, shape (…, candidates).
        ids: of the candidates, empty for one that is gone.
        index: the same as places; as long as ``ids`` where none is gone.
    """
    if len(index) < len(ids):
        gone = np.ones(len(ids), dtype=bool)
        gone[np.fromiter(index.values(), dtype=np.int64, count=len(index))] = False
        scores[..., gone] = -np.inf


def read_subgraph(document: Mapping[str, Any], space: NodeSpace, index: Index) -> Subgraph:
    """Read the ``graph`` member of a request.

    ``nodes`` are {nodeId, nodeType, properties}; ``edges`` are {edgeType, headNodeId, tailNodeId, properties} with
    [source type, relation, target type] as the type. Vertices and edges of types that the model has not seen are left
    out: it has learned nothing about them.

    Raises:
        Incompatible: the document is not of this form.
    """
    given = objects(document, "nodes")
    properties: dict[str, dict[str, dict[str, list[Any]]]] = {name: {} for name in space.counts}
    for node in given:
        kind = str(node.get("nodeType"))
        if kind in space.counts:
            values = node.get("properties") or {}
            properties[kind][str(node.get("nodeId"))] = {
                str(key): list(value) if isinstance(value, list) else [value] for key, value in values.items()
            }
    triples = []
    for edge in objects(document, "edges"):
        edge_type = edge_type_of(edge.get("edgeType"))
        if edge_type.source in space.counts and edge_type.target in space.counts:
            head, tail = str(edge.get("headNodeId")), str(edge.get("tailNodeId"))
            triples.append((edge_type, head, tail, edge.get("properties") or {}, str(edge.get("edgeId") or "")))
            properties[edge_type.source].setdefault(head, {})
            properties[edge_type.target].setdefault(tail, {})

    members: dict[str, dict[str, int]] = {}
    firsts, total, offsets = {}, space.total, space.offsets
    for kind in space.counts:
        known = {node: offsets[kind] + index[kind][node] for node in properties[kind] if node in index[kind]}
        new = [node for node in properties[kind] if node not in index[kind]]
        firsts[kind] = total
        members[kind] = dict(sorted(known.items(), key=lambda item: item[1]))
        members[kind].update({node: total + position for position, node in enumerate(new)})
        total += len(new)
    lists: dict[EdgeType, list[tuple[int, int]]] = {}
    values_of: dict[EdgeType, list[Mapping[str, list[Any]]]] = {}
    ids_of: dict[EdgeType, list[str]] = {}
    for edge_type, source, target, values, edge_id in triples:
        ends = members[edge_type.source][source], members[edge_type.target][target]
        lists.setdefault(edge_type, []).append(ends)
        values_of.setdefault(edge_type, []).append(values)
        ids_of.setdefault(edge_type, []).append(edge_id)
    edges = {edge_type: Pairs(*np.array(pairs, dtype=np.int64).T) for edge_type, pairs in lists.items()}
    return Subgraph(members, firsts, total, edges, properties, values_of, ids_of)


def objects(document: Mapping[str, Any], member: str) -> list[Mapping[str, Any]]:
    """A list of objects in the ``graph`` member of a request, empty where it is not there.

    Raises:
        Incompatible: it is something else.
    """
    found = document.get(member) or []
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise Incompatible(f"'graph.{member}' must be a list of objects")
    return found


def edge_type_of(value: Any) -> EdgeType:
    """The type that an edge of a request names.

    Raises:
        Incompatible: it is no triple.
    """
    if isinstance(value, list) and len(value) == 3:
        return EdgeType(*map(str, value))
    raise Incompatible("'edgeType' of an edge in 'graph' is a triple [source type, relation, target type]")
