"""``gds.graph.project`` as the aggregation it is: the rows of a query become a projected graph."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from training_scripts.graph_ml.schemas.catalog.options import Option
from workflow.catalog.errors import ProcedureRefused
from workflow.catalog.graphs import GraphCatalog
from workflow.catalog.procedures.values import plain
from workflow.catalog.projected import ALL_LABELS, EVERYTHING
from workflow.catalog.projecting import DraftProperty, DraftType, GraphDraft
from workflow.catalog.requests import configuration, millis_since, options_of
from workflow.cypher.functions.aggregates import Aggregate

ROW_KEYS: Final = (
    *("sourceNodeLabels", "targetNodeLabels", "sourceNodeProperties", "targetNodeProperties"),
    *("relationshipType", "relationshipProperties"),
)
OPTIONS: Final = {
    "undirectedRelationshipTypes": Option("names", []),
    "inverseIndexedRelationshipTypes": Option("names", []),
    "readConcurrency": Option("integer", 4, least=1),
    "concurrency": Option("integer", None, least=1),
    "jobId": Option("any"),
    "sudo": Option("boolean", False),
    "username": Option("text"),
    "logProgress": Option("boolean", True),
    "memory": Option("text"),
    "batchSize": Option("integer", None, least=1),
}


class RowsOfGraph:
    """Nodes, and a relationship for each row with a target."""

    def __init__(self) -> None:
        self.labels: dict[int, set[str]] = {}
        self.properties: dict[int, dict[str, Any]] = {}
        self.ends: dict[str, list[tuple[int, int]]] = {}
        self.columns: dict[str, list[dict[str, Any]]] = {}

    def add(self, source: Any, target: Any, data: Any) -> None:
        """One row. Raises ProcedureRefused."""
        values = plain(data) or {}
        for key in values:
            if key not in ROW_KEYS:
                known = ", ".join(ROW_KEYS)
                raise ProcedureRefused(f"Unexpected key `{key}` in the data of a projection; there are {known}")
        one = self._node(source, values.get("sourceNodeLabels"), values.get("sourceNodeProperties"))
        if target is None:
            return
        other = self._node(target, values.get("targetNodeLabels"), values.get("targetNodeProperties"))
        type_ = values.get("relationshipType") or ALL_LABELS
        self.ends.setdefault(type_, []).append((one, other))
        self.columns.setdefault(type_, []).append(values.get("relationshipProperties") or {})

    def _node(self, node: Any, labels: Any, properties: Any) -> int:
        id = plain(node)
        if isinstance(id, bool) or not isinstance(id, int):
            raise ProcedureRefused(f"A node of a projection is a node or an integer, not {node!r}")
        carried = self.labels.setdefault(id, set())
        if isinstance(labels, str | list):
            carried.update([labels] if isinstance(labels, str) else labels)
        if properties:
            self.properties.setdefault(id, {}).update(properties)
        return id

    def draft(self, undirected: list[str]) -> GraphDraft:
        """The graph in the making. Raises ProcedureRefused for an undirected type that no row has."""
        ids = sorted(self.labels)
        known = dict.fromkeys(label for id in ids for label in sorted(self.labels[id]))
        masks = {label: np.array([label in self.labels[id] for id in ids], dtype=np.bool_) for label in known}
        bare = np.array([not self.labels[id] for id in ids], dtype=np.bool_)
        if bare.any():
            masks[ALL_LABELS] = bare
        draft = GraphDraft(np.array(ids, dtype=np.int64), masks)
        for key in dict.fromkeys(key for found in self.properties.values() for key in found):
            carriers = [id for id in ids if key in self.properties.get(id, ())]
            carried = sorted({label for id in carriers for label in self.labels[id] or {ALL_LABELS}})
            values = [self.properties.get(id, {}).get(key) for id in ids]
            draft.properties[key] = DraftProperty(values, None, carried)
        for type_, ends in self.ends.items():
            source, target = np.array(ends, dtype=np.int64).T
            keys = dict.fromkeys(key for one in self.columns[type_] for key in one)
            columns = {key: DraftProperty([one.get(key) for one in self.columns[type_]]) for key in keys}
            both = EVERYTHING in undirected or type_ in undirected
            draft.types[type_] = DraftType("UNDIRECTED" if both else "NATURAL", source, target, columns)
        for type_ in undirected:
            if type_ != EVERYTHING and type_ not in draft.types:
                said = ", ".join(draft.types) or "none"
                raise ProcedureRefused(
                    f"`undirectedRelationshipTypes` names {type_!r}, which no row has; there are {said}"
                )
        return draft


class GraphFromRows(Aggregate):
    """Gathers the rows of one query."""

    def __init__(self, graphs: GraphCatalog) -> None:
        self.graphs, self.gathered, self.began = graphs, RowsOfGraph(), time.monotonic()
        self.name: str | None = None
        self.given: Any = None

    def add(self, *values: Any) -> None:
        name, source, target, data, given = (*values, None, None, None)[:5]
        if self.name is None:
            self.graphs.check_free(name)
        elif name != self.name:
            raise ProcedureRefused(f"One query projects one graph, not `{self.name}` and `{name}`")
        self.name, self.given = name, given
        self.gathered.add(source, target, data)

    def result(self) -> Mapping[str, Any] | None:
        """What was projected; null for no rows. Raises ProcedureRefused."""
        if self.name is None:
            return None
        options = options_of(OPTIONS, plain(self.given))
        made = self.graphs.project(
            self.name, self.gathered.draft(options["undirectedRelationshipTypes"]), configuration(options)
        )
        return {
            "graphName": made.name,
            "nodeCount": made.node_count,
            "relationshipCount": made.relationship_count,
            "projectMillis": millis_since(self.began),
            "configuration": configuration(options),
            "query": "",
        }
