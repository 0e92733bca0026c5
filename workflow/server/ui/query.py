"""Runs the query of the page's box, in whichever language, and gathers what its answer shows."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Any, Literal

from workflow.cypher.semantics.paths import CypherPath
from workflow.errors import InvalidParameter, WorkflowError
from workflow.graphs.elements import Path
from workflow.graphs.naming import GUESSED, Naming
from workflow.gremlin.lang import parse
from workflow.gremlin.steps.facts import may_write
from workflow.predictions.reasons import reasons
from workflow.queries.language import is_cypher
from workflow.server.cypher.execution import CypherRequest, CypherRunner
from workflow.server.gremlin.execution import QueryRequest, QueryRunner
from workflow.server.services import Services
from workflow.server.ui.drawing import drawing
from workflow.server.ui.examples import predicted_labels
from workflow.server.ui.formatting import table

MAX_ROWS = 200
MAX_DOWNLOADED = 100_000


@dataclass(frozen=True)
class BoxQuery:
    """A query of the box.

    Attributes:
        source: traversal source, or graph.
        id: what it can be cancelled by.
        page: from 1; which of the pages of results is shown.
        rows: results of a page.
        naming: what vertices are called.
        user: who asks, where they had to say so.
    """

    text: str
    source: str = "g"
    id: str | None = None
    page: int = 1
    rows: int = MAX_ROWS
    naming: Naming = GUESSED
    user: str = ""

    @property
    def first(self) -> int:
        """How many results stand on the pages before."""
        return (self.page - 1) * self.rows


@dataclass(frozen=True)
class ShownAnswer:
    """A page of the results of a query, as a table and, if more than one vertex is in them, as a drawing.

    ``cut``: there are more. ``writes``: the query changes the graph, so it is not asked again for another page.
    """

    asked: BoxQuery
    columns: list[str]
    rows: list[list[Any]]
    cut: bool
    drawing: str
    description: str
    milliseconds: float
    writes: bool = False
    because: tuple[str, ...] = ()  # why there is nothing

    @property
    def told(self) -> str:
        """How much there is, in words."""
        count = len(self.rows)
        if self.asked.page > 1:
            numbers = f"results {self.asked.first + 1} to {self.asked.first + count}{'' if self.cut else ', the last'}"
            return f"{numbers}, in {self.milliseconds} ms"
        results = f"{count}{'+' if self.cut else ''} result{'' if count == 1 else 's'} in {self.milliseconds} ms"
        return results + (f"; the first {count} are shown" if self.cut else "")


class WritesOnce(InvalidParameter):
    """A query that changes the graph was to be asked a second time, for a page or a file."""

    def __init__(self) -> None:
        super().__init__("This query writes, and would write again; only what reads has further pages and files.")


def run_query(services: Services, asked: BoxQuery) -> ShownAnswer:
    """Run a query for one page of its results. Raises WorkflowError."""
    return (_run_cypher if is_cypher(asked.text) else _run_gremlin)(services, asked)


def _run_cypher(services: Services, asked: BoxQuery) -> ShownAnswer:
    settings, registry = services.settings, services.cypher_queries
    runner = CypherRunner(services.cypher, settings.profile, registry, settings.query_timeout_ms, ids="text")
    running = registry.accept(asked.text, asked.id)
    began = time.perf_counter()
    try:
        result = runner.result(CypherRequest(asked.text, graph=asked.source, user=asked.user), running)
        writes = bool(result.plan.writes)
        if writes and asked.page > 1:
            result.rows.close()  # type: ignore[attr-defined]  # before its first row nothing is written
            raise WritesOnce
        results = list(islice(result.rows, asked.first, asked.first + asked.rows + 1))
        if writes or len(results) <= asked.rows:
            for _ in result.rows:  # a query that writes is committed at its end
                pass
        else:
            result.rows.close()  # type: ignore[attr-defined]  # a generator; closing it ends the query
        spent = time.perf_counter() - began
        shown = results[: asked.rows]
        elements = [one for row in shown for value in row.values() for one in _elements(value)]
        drawn = drawing(elements, naming=asked.naming).as_json()
        columns, rows = table([{name: _shown(value) for name, value in row.items()} for row in shown], asked.naming)
    finally:
        registry.finish(running)
    answer = _answer(asked, columns or list(result.columns), rows, len(results) > asked.rows, drawn, spent, writes)
    return answer if results else replace(answer, because=tuple(result.outcome.told))


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


def _run_gremlin(services: Services, asked: BoxQuery) -> ShownAnswer:
    settings = services.settings
    runner = QueryRunner(services.engines, settings.profile, services.queries, settings.query_timeout_ms)
    writes = _writes(asked.text)
    if writes and asked.page > 1:
        raise WritesOnce
    running = services.queries.accept(asked.text, asked.id)
    began = time.perf_counter()
    try:
        found = runner.results(QueryRequest(asked.text, aliases={"g": asked.source}), running)
        most = asked.first + asked.rows + 1
        unbulked = (traverser.value for traverser in found for _ in range(min(traverser.bulk, most)))
        results = list(islice(unbulked, asked.first, most))
        found.close()  # type: ignore[attr-defined]  # a generator; closing it ends the query
        spent = time.perf_counter() - began
        cut, results = len(results) > asked.rows, results[: asked.rows]
        drawn = drawing(results, predicted_labels(asked.text), asked.naming).as_json()
        columns, rows = table(results, asked.naming)
    finally:
        services.queries.finish(running)
    answer = _answer(asked, columns, rows, cut, drawn, spent, writes)
    if results or writes or asked.page > 1:
        return answer
    return replace(answer, because=tuple(reasons(partial(_values, services, asked.source), asked.text)))


def _values(services: Services, source: str, text: str) -> list[Any]:
    """What Gremlin gives, for a second look at a query that found nothing."""
    settings = services.settings
    runner = QueryRunner(services.engines, settings.profile, services.queries, settings.query_timeout_ms)
    running = services.queries.accept(text)
    try:
        return [found.value for found in runner.results(QueryRequest(text, aliases={"g": source}), running)]
    finally:
        services.queries.finish(running)


def _writes(text: str) -> bool:
    """Whether Gremlin may change the graph; of what cannot be read, running it tells why."""
    try:
        return any(may_write(script.traversal.steps) for script in parse(text))
    except WorkflowError:
        return False


def _answer(
    asked: BoxQuery,
    columns: list[str],
    rows: list[list[Any]],
    cut: bool,
    drawn: dict[str, Any],
    spent: float,
    writes: bool,
) -> ShownAnswer:
    predicted = sum(edge["predicted"] for edge in drawn["edges"])
    known = len(drawn["edges"]) - predicted
    return ShownAnswer(
        asked=asked,
        columns=columns,
        rows=rows,
        cut=cut,
        drawing=json.dumps(drawn) if len(drawn["vertices"]) > 1 else "",
        description=f"Graph of {len(drawn['vertices'])} vertices, {known} known and {predicted} predicted edges",
        milliseconds=round(spent * 1000, 1),
        writes=writes,
    )


def as_file(services: Services, asked: BoxQuery, format: Literal["csv", "json"]) -> bytes:
    """All results of a query that reads, at most ``MAX_DOWNLOADED``: a line or an object each.

    Raises WorkflowError; WritesOnce for a query that writes.
    """
    if _would_write(services, asked):
        raise WritesOnce
    answer = run_query(services, replace(asked, page=1, rows=MAX_DOWNLOADED))
    if format == "json":
        records = [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]
        return json.dumps(records, indent=1, ensure_ascii=False).encode()
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(answer.columns)
    writer.writerows(answer.rows)
    return out.getvalue().encode()


def _would_write(services: Services, asked: BoxQuery) -> bool:
    if not is_cypher(asked.text):
        return _writes(asked.text)
    try:
        run_query(services, replace(asked, page=2, rows=1))
    except WritesOnce:
        return True
    return False
