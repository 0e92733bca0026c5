"""Procedures of the graph catalog."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np

from training_scripts.graph_ml.schemas.catalog.options import Option
from workflow.catalog.errors import NameMissing, ProcedureRefused
from workflow.catalog.graphs import degree_distribution, density, schema_of, shown_labels
from workflow.catalog.memory import Estimate
from workflow.catalog.native import project, wanted_elements
from workflow.catalog.procedures.values import (
    CONFIGURATION,
    ESTIMATE,
    GRAPH_NAME,
    Answer,
    moment,
    names_of,
    plain,
    row,
    rows,
)
from workflow.catalog.procedures.writing import write_node_properties, write_relationships
from workflow.catalog.projected import EVERYTHING, ProjectedGraph
from workflow.catalog.requests import configuration, millis_since, options_of
from workflow.catalog.service import GraphAnalytics
from workflow.cypher.planning.procedures import Argument, Procedure

DROPPED: Final = (
    *(("graphName", "string"), ("database", "string"), ("databaseLocation", "string"), ("memoryUsage", "string")),
    *(("sizeInBytes", "integer"), ("nodeCount", "integer"), ("relationshipCount", "integer")),
    *(("configuration", "map"), ("density", "float"), ("creationTime", "any"), ("modificationTime", "any")),
    *(("schema", "map"), ("schemaWithOrientation", "map")),
)
LISTED: Final = (("degreeDistribution", "map"), *DROPPED)
PROJECTED: Final = (
    *(("nodeProjection", "map"), ("relationshipProjection", "map"), ("graphName", "string")),
    *(("nodeCount", "integer"), ("relationshipCount", "integer"), ("projectMillis", "integer")),
)
PROJECT_OPTIONS: Final = {
    "nodeProperties": Option("any"),
    "relationshipProperties": Option("any"),
    "validateRelationships": Option("boolean", False),
    "readConcurrency": Option("integer", 4, least=1),
    "concurrency": Option("integer", None, least=1),
    "nodeCount": Option("integer", None, least=0),
    "relationshipCount": Option("integer", None, least=0),
    "jobId": Option("any"),
    "logProgress": Option("boolean", True),
    "sudo": Option("boolean", False),
    "username": Option("text"),
}
_ENDS: Final = (("sourceNodeId", "integer"), ("targetNodeId", "integer"), ("relationshipType", "string"))


def _optional(name: str, kind: str, default: Any) -> Argument:
    return Argument(name, kind, default, optional=True)


class GraphProcedures:
    """The procedures of one database's graphs."""

    def __init__(self, analytics: GraphAnalytics, database: str) -> None:
        self.analytics, self.graphs, self.database = analytics, analytics.graphs, database

    def rows(self) -> Iterable[Procedure]:
        """All of them."""
        elements = (Argument("nodeProjection", "any"), Argument("relationshipProjection", "any"))
        drops = (
            *(Argument("graphName", "any"), _optional("failIfMissing", "boolean", True)),
            *(_optional("dbName", "string", ""), _optional("username", "string", "")),
        )
        exists = (("graphName", "string"), ("exists", "boolean"))
        yield Procedure("gds.graph.project", (GRAPH_NAME, *elements, CONFIGURATION), PROJECTED, self.project)
        yield Procedure("gds.graph.project.estimate", (*elements, CONFIGURATION), ESTIMATE, self.project_estimate)
        yield Procedure("gds.graph.list", (_optional("graphName", "string", None),), LISTED, self.list)
        yield Procedure("gds.graph.exists", (GRAPH_NAME,), exists, self.exists)
        yield Procedure("gds.graph.drop", drops, DROPPED, self.drop)
        yield from self._of_nodes()
        yield from self._of_relationships()

    def _of_nodes(self) -> Iterable[Procedure]:
        properties, labels = Argument("nodeProperties", "any"), _optional("nodeLabels", "any", [EVERYTHING])
        one = (("nodeId", "integer"), ("propertyValue", "any"), ("nodeLabels", "list"))
        several = (("nodeId", "integer"), ("nodeProperty", "string"), *one[1:])
        written = (
            *(("writeMillis", "integer"), ("graphName", "string"), ("nodeProperties", "list")),
            *(("propertiesWritten", "integer"), ("configuration", "map")),
        )
        dropped = (("graphName", "string"), ("nodeProperties", "list"), ("propertiesRemoved", "integer"))
        selected = (GRAPH_NAME, properties, labels, CONFIGURATION)
        yield Procedure("gds.graph.nodeProperties.stream", selected, several, self.stream_properties)
        yield Procedure("gds.graph.nodeProperty.stream", selected, one, self.stream_property)
        yield Procedure("gds.graph.nodeProperties.write", selected, written, self.write_properties, "WRITE")
        given = (GRAPH_NAME, properties, CONFIGURATION)
        yield Procedure("gds.graph.nodeProperties.drop", given, dropped, self.drop_properties)

    def _of_relationships(self) -> Iterable[Procedure]:
        types, value = _optional("relationshipTypes", "any", [EVERYTHING]), ("propertyValue", "any")
        name = "gds.graph.relationship"
        one, several = Argument("relationshipProperty", "string"), Argument("relationshipProperties", "any")
        written = (
            *(("writeMillis", "integer"), ("graphName", "string"), ("relationshipType", "string")),
            *(("relationshipProperty", "string"), ("relationshipsWritten", "integer")),
            *(("propertiesWritten", "integer"), ("configuration", "map")),
        )
        dropped = (("graphName", "string"), ("relationshipType", "string"), ("deletedRelationships", "integer"))
        type_ = Argument("relationshipType", "string")
        writes = (GRAPH_NAME, type_, _optional("relationshipProperty", "string", ""), CONFIGURATION)
        yield Procedure(f"{name}s.stream", (GRAPH_NAME, types, CONFIGURATION), _ENDS, self.stream_relationships)
        yield Procedure(
            f"{name}Property.stream",
            (GRAPH_NAME, one, types, CONFIGURATION),
            (*_ENDS, value),
            self.stream_relationship_property,
        )
        yield Procedure(
            f"{name}Properties.stream",
            (GRAPH_NAME, several, types, CONFIGURATION),
            (*_ENDS, ("relationshipProperty", "string"), value),
            self.stream_relationship_properties,
        )
        yield Procedure(f"{name}.write", writes, written, self.write_relationship, "WRITE")
        yield Procedure(
            f"{name}s.drop", (GRAPH_NAME, type_), (*dropped, ("deletedProperties", "map")), self.drop_relationships
        )

    # -- projecting

    def project(self, run: Any, name: str, nodes: Any, types: Any, given: Any) -> Answer:
        """Project labels and types."""
        began = time.monotonic()
        options = options_of(PROJECT_OPTIONS, plain(given))
        self.graphs.check_free(name)
        labels = wanted_elements(plain(nodes), options["nodeProperties"], nodes=True)
        wanted = wanted_elements(plain(types), options["relationshipProperties"], nodes=False)
        draft = project(run.graph, labels, wanted, splits_labels=run.splits_labels)
        described = {
            "nodeProjection": {key: one.described(nodes=True) for key, one in labels.items()},
            "relationshipProjection": {key: one.described(nodes=False) for key, one in wanted.items()},
        }
        made = self.graphs.project(name, draft, {**configuration(options), **described})
        counts = {"nodeCount": made.node_count, "relationshipCount": made.relationship_count}
        yield row(PROJECTED, {**described, "graphName": name, **counts, "projectMillis": millis_since(began)})

    def project_estimate(self, run: Any, nodes: Any, types: Any, given: Any) -> Answer:
        """What a projection takes; one of a size is asked for by ``nodeCount`` and ``relationshipCount``."""
        options = options_of(PROJECT_OPTIONS, plain(given))
        count, arcs = options["nodeCount"], options["relationshipCount"] or 0
        if count is None:
            labels = wanted_elements(plain(nodes), options["nodeProperties"], nodes=True)
            wanted = wanted_elements(plain(types), options["relationshipProperties"], nodes=False)
            draft = project(run.graph, labels, wanted, splits_labels=run.splits_labels)
            count = len(draft.ids)
            arcs = sum(len(one.source) * (2 if one.orientation == "UNDIRECTED" else 1) for one in draft.types.values())
        found = Estimate(count, arcs, {"nodes": (8 * count, 24 * count), "relationships": (8 * arcs, 32 * arcs)})
        yield row(ESTIMATE, found.columns(self.analytics.free_memory()))

    # -- the catalog

    def _listed(self, graph: ProjectedGraph, *, distribution: bool) -> dict[str, Any]:
        size = graph.size_bytes
        found = {
            "graphName": graph.name,
            "database": self.database,
            "databaseLocation": "local",
            "memoryUsage": f"{size / 1024:.0f} KiB",
            "sizeInBytes": size,
            "nodeCount": graph.node_count,
            "relationshipCount": graph.relationship_count,
            "configuration": graph.configuration,
            "density": density(graph),
            "creationTime": moment(graph.created_ms),
            "modificationTime": moment(graph.modified_ms),
            "schema": schema_of(graph.description),
            "schemaWithOrientation": schema_of(graph.description, oriented=True),
        }
        return {**found, "degreeDistribution": degree_distribution(graph)} if distribution else found

    def list(self, run: Any, name: str | None) -> Answer:
        """All graphs, or that of a name; none where there is none."""
        found = self.graphs.list() if name is None else [self.graphs.find(name)]
        return rows(LISTED, (self._listed(one, distribution=True) for one in found if one is not None))

    def exists(self, run: Any, name: str) -> Answer:
        """Whether there is a graph of a name."""
        yield name, self.graphs.find(name) is not None

    def drop(self, run: Any, names: Any, fails: bool, database: str, user: str) -> Answer:
        """Forget one or several graphs; what they were."""
        wanted = names_of(names, "graphName")
        for one in wanted:
            if fails and self.graphs.find(one) is None:
                raise NameMissing("A graph", one)
        for one in wanted:
            found = self.graphs.drop(one, fail_if_missing=fails)
            if found is not None:
                cells = row(DROPPED, self._listed(found, distribution=False))
                found.remove()
                yield cells

    # -- properties of nodes

    def _selected(self, name: str, properties: Any, labels: Any) -> tuple[ProjectedGraph, Any, Any]:
        graph = self.graphs.get(name)
        wanted, carried = names_of(properties, "nodeProperties"), names_of(labels, "nodeLabels")
        graph.check_labels(carried)
        graph.check_properties(wanted)
        return graph, wanted, np.flatnonzero(graph.mask(carried))

    def stream_properties(self, run: Any, name: str, properties: Any, labels: Any, given: Any) -> Answer:
        """Values of node properties, a row a node and property."""
        graph, wanted, places = self._selected(name, plain(properties), labels)
        marked = _labels_where_wanted(graph, plain(given))
        ids = graph.ids()[places].tolist()
        columns = [graph.array(graph.description.node_properties[key].file)[places].tolist() for key in wanted]
        for at, (place, id) in enumerate(zip(places.tolist(), ids, strict=True)):
            for key, values in zip(wanted, columns, strict=True):
                yield id, key, values[at], marked[place] if marked else []

    def stream_property(self, run: Any, name: str, property_: Any, labels: Any, given: Any) -> Answer:
        """Values of one node property, a row a node."""
        for id, _, value, carried in self.stream_properties(run, name, property_, labels, given):
            yield id, value, carried

    def write_properties(self, run: Any, name: str, properties: Any, labels: Any, given: Any) -> Answer:
        """Write node properties of a projection to the database; a map says under which names."""
        began, named = time.monotonic(), _renamed(plain(properties))
        graph, wanted, places = self._selected(name, named, labels)
        ids, written = graph.ids()[places], 0
        for key in wanted:
            values = graph.array(graph.description.node_properties[key].file)[places]
            written += write_node_properties(run, named[key], ids, values)
        yield millis_since(began), name, wanted, written, plain(given) or {}

    def drop_properties(self, run: Any, name: str, properties: Any, given: Any) -> Answer:
        """Take node properties out of a projection."""
        graph, wanted = self.graphs.get(name), names_of(plain(properties), "nodeProperties")
        yield name, wanted, graph.drop_properties(wanted, self.graphs.clock())

    # -- relationships

    def _types(self, name: str, types: Any) -> tuple[ProjectedGraph, Any]:
        graph, wanted = self.graphs.get(name), names_of(types, "relationshipTypes")
        graph.check_types(wanted)
        return graph, [*graph.description.relationships] if EVERYTHING in wanted else wanted

    def stream_relationships(self, run: Any, name: str, types: Any, given: Any) -> Answer:
        """All relationships, those that are undirected both ways."""
        graph, wanted = self._types(name, types)
        ids = graph.ids()
        for key in wanted:
            one = graph.description.relationships[key]
            source, target = ids[graph.array(one.source)].tolist(), ids[graph.array(one.target)].tolist()
            yield from ((a, b, key) for a, b in zip(source, target, strict=True))

    def stream_relationship_properties(self, run: Any, name: str, properties: Any, types: Any, given: Any) -> Answer:
        """Values of relationship properties, a row a relationship and property."""
        graph, wanted = self._types(name, types)
        keys = names_of(plain(properties), "relationshipProperties")
        for key in keys:
            if not any(key in graph.description.relationships[one].properties for one in wanted):
                raise ProcedureRefused(f"Could not find the relationship property `{key}` in {', '.join(wanted)}")
        ids = graph.ids()
        for type_ in wanted:
            one = graph.description.relationships[type_]
            source, target = ids[graph.array(one.source)].tolist(), ids[graph.array(one.target)].tolist()
            columns = [(key, graph.array(one.properties[key].file).tolist()) for key in keys if key in one.properties]
            for at, (a, b) in enumerate(zip(source, target, strict=True)):
                for key, values in columns:
                    yield a, b, type_, key, values[at]

    def stream_relationship_property(self, run: Any, name: str, property_: Any, types: Any, given: Any) -> Answer:
        """Values of one relationship property."""
        for a, b, type_, _, value in self.stream_relationship_properties(run, name, property_, types, given):
            yield a, b, type_, value

    def write_relationship(self, run: Any, name: str, type_: str, property_: str, given: Any) -> Answer:
        """Write the relationships of a type to the database, an undirected one once."""
        began = time.monotonic()
        graph, _ = self._types(name, type_)
        one, ids = graph.description.relationships[type_], graph.ids()
        if property_ and property_ not in one.properties:
            raise ProcedureRefused(f"Could not find the relationship property `{property_}` in {type_}")
        source, target = ids[graph.array(one.source)], ids[graph.array(one.target)]
        values = graph.array(one.properties[property_].file) if property_ else None
        if one.orientation == "UNDIRECTED":
            half = len(source) // 2
            source, target, values = source[:half], target[:half], None if values is None else values[:half]
        count = write_relationships(run, type_, property_, source, target, values)
        yield millis_since(began), name, type_, property_ or None, count, count if property_ else 0, plain(given) or {}

    def drop_relationships(self, run: Any, name: str, type_: str) -> Answer:
        """Take a relationship type out of a projection."""
        gone = self.graphs.get(name).drop_relationships(type_, self.graphs.clock())
        yield name, type_, gone.count, dict.fromkeys(gone.properties, gone.count)


def _renamed(given: Any) -> dict[str, str]:
    """Properties to write, each with the name it gets: from a text, a list of texts and maps, or a map."""
    parts = given if isinstance(given, list) else [given]
    return {key: name for one in parts for key, name in (one if isinstance(one, Mapping) else {one: one}).items()}


def _labels_where_wanted(graph: ProjectedGraph, given: Any) -> Any:
    wanted = bool((given or {}).get("listNodeLabels", (given or {}).get("list_node_labels", False)))
    return [shown_labels(one) for one in graph.labels_of_nodes()] if wanted else None
