"""A query language of four words, as somebody outside the tree would bring one.

``count`` gives the number of vertices, ``add`` makes one and counts, ``add fail`` makes one and then cannot go on,
``forever`` counts without end.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import count
from typing import Any, TypedDict

from workflow.errors import MalformedQuery, QueryFailed, ReadOnlyViolation
from workflow.graphs.store.store import EmbeddedGraph
from workflow.neptune import Operation
from workflow.neptune.fields import Lenient, Text
from workflow.queries.attempts import Attempt, HeldTransaction, run_query
from workflow.queries.run import Run
from workflow.queries.runner import LanguageRunner
from workflow.queries.running import RunningQuery
from workflow.queries.sessions import QuerySession
from workflow.server.neptune.routes import ApiCall
from workflow.server.services import Services


class CountingRunner(LanguageRunner[EmbeddedGraph, HeldTransaction]):
    """Runs the words on the graphs of a service."""

    def results(
        self,
        text: str,
        running: RunningQuery,
        session: QuerySession[HeldTransaction] | None = None,
        *,
        read_only: bool = False,
        timeout_ms: float | None = None,
    ) -> Iterator[int]:
        running.begin()
        run = Run(timeout_s=self.timeout_s(timeout_ms), began_at=running.started_at, cancelled=running.cancelled)
        words, graph = text.split(), self.engines["g"]
        if not words or not {*words} <= {"count", "add", "fail", "forever"}:
            raise MalformedQuery(f"{text[:80]!r} is no query; say count, add or forever")
        writes = "add" in words
        if writes and read_only:
            raise ReadOnlyViolation(f"{text!r} writes, and this request may only read")
        start = partial(_rows, run, words)
        if session is None:
            return run_query(graph, start, writes=writes)
        held = session.on("g", partial(HeldTransaction, graph))

        def statement() -> Iterator[int]:
            with held.statement(writes=writes) as transaction:
                yield from run_query(graph, start, writes=writes, transaction=transaction)

        return self.statements(session, statement)


def _rows(run: Run, words: list[str], attempt: Attempt) -> Iterator[int]:
    run.check()
    if "add" in words:
        assert attempt.transaction is not None
        attempt.transaction.add_vertex(None, "thing")
    if "fail" in words:
        raise QueryFailed("this query cannot go on")
    graph: Any = attempt.graph
    yield from run.each(count()) if "forever" in words else [graph.vertex_count()]


class Question(Lenient):
    query: Text


class Answer(TypedDict):
    results: list[int]


class _Handlers:
    def __init__(self, services: Services) -> None:
        graphs: Any = services.graphs
        self._runner = CountingRunner(graphs, services.settings.profile, services.queries, 0)

    def query(self, request: Question, call: ApiCall) -> Answer:
        running = self._runner.registry.accept(request.query)
        try:
            return {"results": list(self._runner.results(request.query, running))}
        finally:
            self._runner.registry.finish(running)


handlers = _Handlers
"""What the row of the table of operations is answered by."""

ROW = Operation("ExecuteCounting", "POST", "/counting", Question, Answer, f"{__name__}:query")
