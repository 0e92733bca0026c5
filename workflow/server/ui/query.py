"""Runs the query of the Gremlin box and gathers what its answer shows."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from itertools import islice
from typing import Any

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


def run_query(services: Services, text: str, source: str, id: str | None = None) -> ShownAnswer:
    """Run a query; ``id`` is what it can be cancelled by. Raises WorkflowError."""
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
