"""Which part of a graph is exported: scope, labels, ``filter``, Gremlin filters, and how many.

What is named by several parameters must pass all of them, as in Neptune's exporter.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from workflow.errors import InvalidParameter
from workflow.export.labels import split_labels
from workflow.export.parameters import choice_of, integer_of, object_of, text_of
from workflow.graphs.source import EdgeKind, LabelSet

Scope = Literal["all", "nodes", "edges"]


@dataclass(frozen=True, slots=True)
class NodeFilter:
    """An entry of ``filter.nodes``: nodes that have at least these labels, and which of their properties; None: all."""

    labels: frozenset[str]
    properties: tuple[str, ...] | None = None

    def takes(self, labels: LabelSet) -> bool:
        return self.labels.issubset(labels)


@dataclass(frozen=True, slots=True)
class EdgeFilter:
    """An entry of ``filter.edges``; the ends must have at least these labels."""

    label: str
    source: frozenset[str] = frozenset()
    target: frozenset[str] = frozenset()
    properties: tuple[str, ...] | None = None

    def takes(self, kind: EdgeKind) -> bool:
        source, label, target = kind
        return label == self.label and self.source.issubset(source) and self.target.issubset(target)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which part of the graph is exported; None means everything of that kind.

    ``skip`` and ``limit`` count nodes and edges apart, after all other filters.
    """

    scope: Scope = "all"
    node_labels: frozenset[str] | None = None
    edge_labels: frozenset[str] | None = None
    nodes: tuple[NodeFilter, ...] | None = None
    edges: tuple[EdgeFilter, ...] | None = None
    node_steps: str = ""
    edge_steps: str = ""
    skip: int = 0
    limit: int | None = None

    def takes_node(self, labels: LabelSet) -> bool:
        """Whether nodes of a label set are exported, as far as labels decide it."""
        if self.scope == "edges":
            return False
        if self.node_labels is not None and self.node_labels.isdisjoint(labels):
            return False
        return self.nodes is None or any(node.takes(labels) for node in self.nodes)

    def takes_edge(self, kind: EdgeKind) -> bool:
        """Whether edges of a kind are exported, as far as labels decide it."""
        if self.scope == "nodes":
            return False
        if self.edge_labels is not None and kind[1] not in self.edge_labels:
            return False
        return self.edges is None or any(edge.takes(kind) for edge in self.edges)

    def node_properties(self, labels: LabelSet) -> tuple[str, ...] | None:
        """The properties to write of nodes of a label set, in order; None for all."""
        return _united([one.properties for one in self.nodes or () if one.takes(labels)])

    def edge_properties(self, kind: EdgeKind) -> tuple[str, ...] | None:
        """The properties to write of edges of a kind, in order; None for all."""
        return _united([one.properties for one in self.edges or () if one.takes(kind)])

    @property
    def kinds(self) -> frozenset[str]:
        """``nodes``, ``edges`` or both: what is to be exported at all."""
        wanted = {
            "nodes": self.scope != "edges" and self.nodes != (),
            "edges": self.scope != "nodes" and self.edges != (),
        }
        return frozenset(kind for kind, asked in wanted.items() if asked)

    @property
    def picks_nodes(self) -> bool:
        """Whether single nodes are left out, not whole label sets."""
        return bool(self.node_steps) or self.skip > 0 or self.limit is not None

    def read(self, count: int) -> int:
        """How many of so many must be read to skip some and have as many as ``limit`` says."""
        return count if self.limit is None else min(count, self.skip + self.limit)


def _united(properties: list[tuple[str, ...] | None]) -> tuple[str, ...] | None:
    given = [one for one in properties if one is not None]
    if not given or len(given) < len(properties):
        return None
    return tuple(dict.fromkeys(name for one in given for name in one))


def parse_selection(params: Mapping[str, Any]) -> Selection:
    """The parameters that choose. Raises InvalidParameter."""
    scope: Any = choice_of(params, "scope", ("all", "nodes", "edges"))
    filters = object_of(params, "filter") or object_of(params, "config")
    if unknown := sorted(map(str, filters.keys() - {"nodes", "edges"})):
        raise InvalidParameter(f"'filter' has 'nodes' and 'edges', not {', '.join(map(repr, unknown))}")
    nodes, edges = _entries(filters, "nodes"), _entries(filters, "edges")
    both = text_of(params, "gremlinFilter")
    return Selection(
        scope=scope,
        node_labels=_names(params, "nodeLabels"),
        edge_labels=_names(params, "edgeLabels"),
        # a kind that the filter does not name is not exported
        nodes=tuple(map(_node_filter, nodes)) if filters else None,
        edges=tuple(map(_edge_filter, edges)) if filters else None,
        node_steps=text_of(params, "gremlinNodeFilter") or both,
        edge_steps=text_of(params, "gremlinEdgeFilter") or both,
        skip=integer_of(params, "skip", least=0) or 0,
        limit=integer_of(params, "limit"),
    )


def _names(params: Mapping[str, Any], name: str) -> frozenset[str] | None:
    value = params.get(name)
    if value is None or value == "" or value == []:
        return None
    values = re.split(r"\s*,\s*", value) if isinstance(value, str) else value
    if not isinstance(values, list) or not all(isinstance(value, str) and value for value in values):
        raise InvalidParameter(f"'{name}' must be an array of labels, found {value!r}")
    return frozenset(values)


def _entries(filters: Mapping[str, Any], kind: str) -> list[Mapping[str, Any]]:
    entries = filters.get(kind) or []
    if not isinstance(entries, list) or not all(isinstance(entry, Mapping) and entry.get("label") for entry in entries):
        raise InvalidParameter(f"'filter.{kind}' must be an array of objects with a 'label'")
    return entries


def _node_filter(entry: Mapping[str, Any]) -> NodeFilter:
    return NodeFilter(_labels(entry["label"], "filter.nodes"), _properties(entry, "filter.nodes"))


def _edge_filter(entry: Mapping[str, Any]) -> EdgeFilter:
    label, properties = entry["label"], _properties(entry, "filter.edges")
    if isinstance(label, str):
        return EdgeFilter(label, properties=properties)
    if isinstance(label, Mapping) and isinstance(label.get("~label"), str):
        source, target = label.get("~fromLabels") or [], label.get("~toLabels") or []
        where = "filter.edges"
        return EdgeFilter(label["~label"], _labels(source, where), _labels(target, where), properties)
    raise InvalidParameter(f"'filter.edges' names an edge by its label, or by an object with '~label', found {label!r}")


def _labels(value: object, where: str) -> frozenset[str]:
    if isinstance(value, str):
        return frozenset(split_labels(value))
    if isinstance(value, list) and all(isinstance(one, str) and one for one in value):
        return frozenset(value)
    raise InvalidParameter(f"'{where}' must name a label or an array of labels, found {value!r}")


def _properties(entry: Mapping[str, Any], where: str) -> tuple[str, ...] | None:
    """The names: as texts, or as the objects of a ``config.json``, whose types are found from the values anyway."""
    value = entry.get("properties")
    if value is None:
        return None
    if isinstance(value, list):
        names = [one.get("property") if isinstance(one, Mapping) else one for one in value]
        if all(isinstance(name, str) for name in names):
            return tuple(map(str, names))
    raise InvalidParameter(f"'properties' of '{where}' must be an array of names, found {value!r}")
