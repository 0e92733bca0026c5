"""``gds.graph.project.cypher``: a projection by two queries, one of nodes and one of relationships."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

from training_scripts.graph_ml.schemas.catalog.options import Option
from workflow.catalog.errors import ProcedureRefused
from workflow.catalog.graphs import GraphCatalog
from workflow.catalog.procedures.aggregation import RowsOfGraph
from workflow.catalog.procedures.values import CONFIGURATION, GRAPH_NAME, Answer, plain, row
from workflow.catalog.requests import configuration, millis_since, options_of
from workflow.cypher.lang import parse
from workflow.cypher.planning.checks import check
from workflow.cypher.planning.procedures import Argument, Library, Procedure
from workflow.cypher.running.clauses import Planner, writing
from workflow.cypher.running.run import CypherRun

COLUMNS: Final = (
    *(("nodeQuery", "string"), ("relationshipQuery", "string"), ("graphName", "string")),
    *(("nodeCount", "integer"), ("relationshipCount", "integer"), ("projectMillis", "integer")),
)
OPTIONS: Final = {
    "parameters": Option("map", {}),
    "validateRelationships": Option("boolean", True),
    "readConcurrency": Option("integer", 4, least=1),
    "jobId": Option("any"),
    "sudo": Option("boolean", False),
    "username": Option("text"),
    "logProgress": Option("boolean", True),
}
OWN: Final = ("id", "labels", "source", "target", "type")
"""Columns with a meaning; all others are properties."""


class QueryProjection:
    """The procedure over one database's graphs."""

    def __init__(self, graphs: GraphCatalog) -> None:
        self.graphs = graphs

    def rows(self) -> Iterator[Procedure]:
        """All of them."""
        queries = (Argument("nodeQuery", "string"), Argument("relationshipQuery", "string"))
        yield Procedure("gds.graph.project.cypher", (GRAPH_NAME, *queries, CONFIGURATION), COLUMNS, self.project)

    def project(self, run: Any, name: str, nodes: str, relationships: str, given: Any) -> Answer:
        """Project what two queries give: ``id`` and ``labels``, then ``source``, ``target`` and ``type``."""
        began = time.monotonic()
        options = options_of(OPTIONS, plain(given))
        self.graphs.check_free(name)
        gathered = RowsOfGraph()
        for one in answers(run, nodes, options["parameters"], ("id",)):
            gathered.add(one["id"], None, {"sourceNodeLabels": one.get("labels"), "sourceNodeProperties": _rest(one)})
        known = set(gathered.labels)
        for one in answers(run, relationships, options["parameters"], ("source", "target")):
            ends = one["source"], one["target"]
            if not known.issuperset(ends):
                if options["validateRelationships"]:
                    raise ProcedureRefused(
                        f"The relationship query gives the pair {ends}, an end of which the node query has not; narrow "
                        "it, or pass `validateRelationships: false`"
                    )
                continue
            data = {"relationshipType": one.get("type"), "relationshipProperties": _rest(one)}
            gathered.add(*ends, data)
        shown = {"nodeQuery": nodes, "relationshipQuery": relationships}
        made = self.graphs.project(name, gathered.draft([]), {**configuration(options), **shown})
        counts = {"nodeCount": made.node_count, "relationshipCount": made.relationship_count}
        yield row(COLUMNS, {**shown, "graphName": name, **counts, "projectMillis": millis_since(began)})


def _rest(one: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in one.items() if key not in OWN}


def answers(
    run: CypherRun, text: str, parameters: Mapping[str, Any], needed: tuple[str, ...]
) -> Iterator[dict[str, Any]]:
    """The rows of a query that reads, on the version of the graph that another run reads; ``id()`` is a number.

    Raises ProcedureRefused for one that writes or lacks a needed column, and what a query raises.
    """
    statement, library = parse(text), Library()
    columns = check(statement, library, list(parameters))
    missing = [name for name in needed if name not in columns]
    if missing or writing(statement.query, library):
        why = f"has no column `{missing[0]}`" if missing else "writes"
        raise ProcedureRefused(f"The query {text!r} {why}; it must read, and give {', '.join(needed)}")
    inner = CypherRun(
        run.graph,  # type: ignore[arg-type]  # a version is read, and never written
        parameters,
        ids="integer",
        splits_labels=run.splits_labels,
        read_only=True,
        timeout_s=run.left_s(),
        cancelled=run.cancelled,
    )
    operator = Planner(text, library).query(statement.query)
    for one in operator(inner, iter(({},))):
        yield {column: plain(one[column]) for column in columns}
