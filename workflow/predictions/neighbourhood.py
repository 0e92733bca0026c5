"""The live neighbourhood of vertices, as inductive inference sends it to an endpoint."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from training_scripts.graph_ml.schemas.times import UNKNOWN, TimeReading
from workflow.graphs.elements import Graph
from workflow.predictions.endpoint import ModelCard
from workflow.predictions.moments import came
from workflow.predictions.question import EdgeType, Subgraph, SubgraphEdge, SubgraphNode

DEFAULT_FANOUT = 10
#: what says when of a type that does not say it
ALWAYS = ("", UNKNOWN)


def node_type(label: str) -> str:
    """A vertex label of the graph as the training data names it: several labels sorted and joined by ``;``."""
    if "::" not in label and ";" not in label:
        return label
    return ";".join(one.replace(";", r"\;") for one in sorted(label.split("::")))


def edge_type(graph: Graph, row: int) -> EdgeType:
    """The edge type of an edge as the training data names it."""
    return EdgeType(
        node_type(graph.vertex_label(graph.edge_source(row))),
        graph.edge_label(row),
        node_type(graph.vertex_label(graph.edge_target(row))),
    )


@dataclass(frozen=True)
class Before:
    """What of a graph was there before a ``moment``: all without a time, and what came earlier with both its ends.

    ``times`` names the property that says when, and how it is read, by vertex type and edge type.
    """

    moment: float
    times: Mapping[str | EdgeType, tuple[str, TimeReading]]

    @classmethod
    def of(cls, as_of: float | None, card: ModelCard) -> Before | None:
        """As a model tells it; None for the graph as it is."""
        return None if as_of is None else cls(as_of, {kind: (named, reading) for kind, named, reading in card.times})

    def edge(self, graph: Graph, row: int) -> bool:
        """Whether an edge and both its ends were there."""
        named, reading = self.times.get(edge_type(graph, row), ALWAYS)
        if named and not came(graph.edge_values(row).get(named), reading) < self.moment:
            return False
        return self._vertex(graph, graph.edge_source(row)) and self._vertex(graph, graph.edge_target(row))

    def _vertex(self, graph: Graph, row: int) -> bool:
        named, reading = self.times.get(node_type(graph.vertex_label(row)), ALWAYS)
        if not named:
            return True
        said = next((one.value for one in graph.vertex_properties(row) if one.label == named), None)
        return came(said, reading) < self.moment


def neighbourhood(
    graph: Graph,
    starts: Iterable[int],
    hops: int,
    fanouts: Sequence[int],
    rng: random.Random | None,
    before: Before | None = None,
) -> Subgraph:
    """The vertices and edges around some vertices.

    Args:
        graph: read as the query sees it.
        starts: vertex rows.
        hops: how far to go.
        fanouts: at most how many edges of one label and direction are followed from a vertex, hop by hop; the last
            number serves for further hops.
        rng: draws the edges; None takes those with the smallest ids, so that an unchanged graph gives the same answer.
        before: what may be chosen; None chooses of all.
    """
    seen = dict.fromkeys(starts)
    edges: dict[int, None] = {}
    frontier = list(seen)
    for hop in range(hops):
        fanout = (fanouts[min(hop, len(fanouts) - 1)] if fanouts else DEFAULT_FANOUT) or DEFAULT_FANOUT
        reached: dict[int, None] = {}
        for row in frontier:
            for edge in _chosen(graph, row, fanout, rng, before):
                edges[edge] = None
                for end in (graph.edge_source(edge), graph.edge_target(edge)):
                    if end not in seen:
                        reached[end] = None
        seen |= reached
        frontier = list(reached)
    return Subgraph(tuple(_node(graph, row) for row in seen), tuple(_edge(graph, row) for row in edges))


def _chosen(graph: Graph, row: int, fanout: int, rng: random.Random | None, before: Before | None) -> list[int]:
    by_kind: dict[tuple[str, str], list[int]] = defaultdict(list)
    for way in ("out", "in"):
        for edge in graph.incident(row, "out" if way == "out" else "in"):
            if before is None or before.edge(graph, edge):
                by_kind[way, graph.edge_label(edge)].append(edge)
    chosen: list[int] = []
    for several in by_kind.values():
        if fanout < 0 or len(several) <= fanout:
            chosen += several
        elif rng is None:
            chosen += sorted(several, key=lambda edge: str(graph.edge_id(edge)))[:fanout]
        else:
            chosen += rng.sample(several, fanout)
    return chosen


def _node(graph: Graph, row: int) -> SubgraphNode:
    properties: dict[str, list[Any]] = defaultdict(list)
    for one in graph.vertex_properties(row):
        properties[one.label].append(one.value)
    return SubgraphNode(str(graph.vertex_id(row)), node_type(graph.vertex_label(row)), dict(properties))


def _edge(graph: Graph, row: int) -> SubgraphEdge:
    return SubgraphEdge(
        id=str(graph.edge_id(row)),
        type=edge_type(graph, row),
        source=str(graph.vertex_id(graph.edge_source(row))),
        target=str(graph.vertex_id(graph.edge_target(row))),
        properties={key: [value] for key, value in graph.edge_values(row).items()},
    )
