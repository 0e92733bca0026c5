"""Vertices and edges that a target passes over, since they have further labels."""

from __future__ import annotations

from collections.abc import Iterator

from ...graph import EdgeType
from .finding import Finding, Material

SEPARATORS = (";", "::")


def passed_over(material: Material) -> Iterator[Finding]:
    """A target is of one exact set of labels; types with all its labels and more have no part in it."""
    graph = material.graph
    for target in graph.targets:
        if isinstance(target.type, EdgeType):
            others = [
                (str(kind), len(graph.edges[kind]), "edges")
                for kind in graph.edge_types
                if kind.relation == target.type.relation
                and kind != target.type
                and labels_of(kind.source) >= labels_of(target.type.source)
                and labels_of(kind.target) >= labels_of(target.type.target)
            ]
        else:
            others = [
                (kind, graph.num_nodes[kind], "vertices")
                for kind in graph.node_types
                if kind != target.type and labels_of(kind) >= labels_of(target.type)
            ]
        taken = {other.type if isinstance(other.type, str) else str(other.type) for other in graph.targets}
        for kind, count, words in others:
            if count and kind not in taken:
                yield Finding(
                    f"{target}: {count} {words} of type {kind} are passed over, since their labels differ; name that "
                    "type as a target too to learn from them"
                )


def labels_of(name: str) -> frozenset[str]:
    """The labels in the name of a node type."""
    for separator in SEPARATORS:
        name = name.replace(separator, "\n")
    return frozenset(name.split("\n"))
