"""Runs the query of the page's box, in whichever language, and gathers what its answer shows."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from workflow.cypher.semantics.paths import CypherPath
from workflow.graphs.elements import Path
from workflow.server.cypher.execution import CypherRequest, CypherRunner
from workflow.server.gremlin.execution import QueryRequest, QueryRunner
from workflow.server.services import Services
from workflow.server.ui.drawing import drawing
from workflow.server.ui.examples import predicted_labels
from workflow.server.ui.formatting import table

MAX_ROWS = 200


@dataclass(frozen=True)
class ShownAnswer:
    """The first results of a query, as a table and, if more than one vertex is in them, as a drawing."""

    columns: list[str]
    rows: list[list[Any]]
    cut: bool
    drawing: str
    description: str
    milliseconds: float


# no traversal begins with a word of these
_CYPHER = re.compile(
    r"\s*(//[^\n]*\n\s*|/\*.*?\*/\s*)*(MATCH|OPTIONAL|CREATE|MERGE|UNWIND|WITH|RETURN|CALL|FOREACH|EXPLAIN|PROFILE|USING)\b",
    re.IGNORECASE | re.DOTALL,
)


def is_cypher(text: str) -> bool:
    """Whether a query is openCypher, by the word that it begins with."""
    return _CYPHER.match(text) is not None


def run_query(services: Services, text: str, source: str, id: str | None = None) -> ShownAnswer:
    """Run a query; ``id`` is what it can be cancelled by. Raises WorkflowError."""
    return (_run_cypher if is_cypher(text) else _run_gremlin)(services, text, source, id)


def _run_cypher(services: Services, text: str, source: str, id: str | None) -> ShownAnswer:
    settings, registry = services.settings, services.cypher_queries
    runner = CypherRunner(services.cypher, settings.profile, registry, settings.query_timeout_ms, ids="text")
    running = registry.accept(text, id)
    began = time.perf_counter()
    try:
        result = runner.result(CypherRequest(text, graph=source), running)
        results = list(islice(result.rows, MAX_ROWS + 1))
        if result.plan.writes or len(results) <= MAX_ROWS:
            for _ in result.rows:  # a query that writes is committed at its end
                pass
        else:
            result.rows.close()  # type: ignore[attr-defined]  # a generator; closing it ends the query
        spent = time.perf_counter() - began
        shown = results[:MAX_ROWS]
        drawn = drawing([one for row in shown for value in row.values() for one in _elements(value)]).as_json()
        columns, rows = table([{name: _shown(value) for name, value in row.items()} for row in shown])
    finally:
        registry.finish(running)
    return _answer(columns or list(result.columns), rows, len(results) > MAX_ROWS, drawn, spent)


def _elements(value: Any) -> Iterator[Any]:
    """The nodes and relationships in a value."""
    if isinstance(value, CypherPath):
        yield from (*value.nodes, *value.relationships)
    elif isinstance(value, list):
        for one in value:
            yield from _elements(one)
    else:
        yield value


def _shown(value: Any) -> Any:
    """A path as the table knows it."""
    if not isinstance(value, CypherPath):
        return value
    objects: list[Any] = [value.nodes[0]]
    for edge, node in zip(value.relationships, value.nodes[1:], strict=True):
        objects += (edge, node)
    return Path(tuple(objects), tuple(frozenset[str]() for _ in objects))


def _run_gremlin(services: Services, text: str, source: str, id: str | None) -> ShownAnswer:
    settings = services.settings
    runner = QueryRunner(services.engines, settings.profile, services.queries, settings.query_timeout_ms)
    running = services.queries.accept(text, id)
    began = time.perf_counter()
    try:
        found = runner.results(QueryRequest(text, aliases={"g": source}), running)
        unbulked = (traverser.value for traverser in found for _ in range(min(traverser.bulk, MAX_ROWS + 1)))
        results = list(islice(unbulked, MAX_ROWS + 1))
        found.close()  # type: ignore[attr-defined]  # a generator; closing it ends the query
        spent = time.perf_counter() - began
        cut, results = len(results) > MAX_ROWS, results[:MAX_ROWS]
        drawn = drawing(results, predicted_labels(text)).as_json()
        columns, rows = table(results)
    finally:
        services.queries.finish(running)
    return _answer(columns, rows, cut, drawn, spent)


def _answer(columns: list[str], rows: list[list[Any]], cut: bool, drawn: dict[str, Any], spent: float) -> ShownAnswer:
    predicted = sum(edge["predicted"] for edge in drawn["edges"])
    known = len(drawn["edges"]) - predicted
    return ShownAnswer(
        columns=columns,
        rows=rows,
        cut=cut,
        drawing=json.dumps(drawn) if len(drawn["vertices"]) > 1 else "",
        description=f"Graph of {len(drawn['vertices'])} vertices, {known} known and {predicted} predicted edges",
        milliseconds=round(spent * 1000, 1),
    )
