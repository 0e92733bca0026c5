"""Other edge types that repeat the links to be predicted, and copies within their own type."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...distinct import among, among_sorted, distinct
from ...graph import EdgeType, GraphData, Target
from ...links import TWIN, Pairs, between, codes, numbered
from ...pairs import NodeSpace
from ..split import groups_of
from .finding import Finding, IntArray, Material

#: share of repeated links from which on a warning is due
WORTH_A_WARNING = 0.01


def twins(material: Material) -> Iterator[Finding]:
    """For every link target, the share of its pairs that each other edge type repeats, in either direction."""
    graph = material.graph
    space = NodeSpace(dict(graph.num_nodes))
    predicted = {target.type for target in graph.targets if target.task == "link_prediction"}

    def pairs(kind: EdgeType) -> IntArray:
        return distinct(codes(numbered(graph, kind, space), space.total, ordered=False))

    for target in graph.targets:
        if target.task != "link_prediction":
            continue
        others = [kind for kind in graph.edge_types if kind != target.type and between(kind, target.edge_type)]
        links = pairs(target.edge_type) if others else np.empty(0, np.int64)
        for kind in others:
            share = float(among_sorted(links, pairs(kind)).mean()) if len(links) else 0.0
            if share:
                yield Finding(_repeats(kind, target.edge_type, share, kind in predicted), share >= WORTH_A_WARNING)


def _repeats(kind: EdgeType, target: EdgeType, share: float, predicted: bool) -> str:
    does = (
        "it takes no part in the model"
        if share >= TWIN and not predicted
        else "its edges beside held-out links take no part until the model is finished"
    )
    return f"{kind} repeats {share:.1%} of the links {target}, which would give them away: {does}"


def copies(material: Material) -> Iterator[Finding]:
    """Edges of a target that repeat another one between the same two vertices, in either direction."""
    graph = material.graph
    for target in graph.targets:
        if isinstance(target.type, str) or not len(graph.edges[target.type]):
            continue
        groups = groups_of(graph, target)
        groups.sort()
        share = np.count_nonzero(groups[1:] == groups[:-1]) / len(groups)
        if share:
            yield Finding(
                f"{target}: {share:.1%} of the edges repeat another one between the same two vertices, in either "
                "direction; such edges are kept in one part of the split",
                warns=False,
            )
        if target in material.given:
            yield from _crossing(graph, target)


def _crossing(graph: GraphData, target: Target) -> Iterator[Finding]:
    """A split that was given may have parted copies; ours never does."""
    groups, split = groups_of(graph, target), graph.splits[target]
    for name, part, before in (
        ("validation", split.valid, [split.train]),
        ("test", split.test, [split.train, split.valid]),
    ):
        seen = groups[np.concatenate([np.asarray(one, dtype=np.int64) for one in before])]
        share = float(among(groups[part], seen).mean()) if len(part) else 0.0
        if share:
            yield Finding(
                f"{target}: {share:.1%} of the {name} edges have a copy or an opposite in a part before, by the split "
                "that was given; they take no part there, but for opposite statements of a directed graph"
            )


def loops(material: Material) -> Iterator[Finding]:
    """Edges from a vertex to itself are no links to predict."""
    graph, space = material.graph, NodeSpace(dict(material.graph.num_nodes))
    for target in graph.targets:
        if target.task == "link_prediction":
            pairs: Pairs = numbered(graph, target.edge_type, space)
            if number := int(np.count_nonzero(pairs.source == pairs.target)):
                yield Finding(f"{target}: {number} edges lead from a vertex to itself; they are not learned")
