"""A query on a graph: as often as it must run, and what it leaves behind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from workflow.errors import CancelledByUser, MemoryLimitExceeded, QueryFailed, TimeLimitExceeded
from workflow.graphs.store.store import EmbeddedGraph
from workflow.graphs.store.views import StoredGraph
from workflow.queries import run
from workflow.queries.attempts import Attempt, HeldTransaction, run_query
from workflow.queries.run import Run
from workflow.queries.runner import LanguageRunner
from workflow.queries.running import Cancellation, QueryRegistry
from workflow.queries.sessions import QuerySession
from workflow.queries.suspension import AnswerNeeded


class Answering:
    def __init__(self) -> None:
        self.suspends = False
        self.answers: list[Any] = []

    def ask(self, needed: AnswerNeeded) -> None:
        self.answers.append(needed.question)

    def note(self, needed: AnswerNeeded, answer: Any) -> None: ...


def vertices(graph: EmbeddedGraph) -> int:
    return graph.vertex_count()


def write(graph: EmbeddedGraph) -> None:
    transaction = graph.begin()
    transaction.add_vertex(None, "a")
    transaction.commit()


def test_a_reader_keeps_its_version_while_others_write() -> None:
    graph = EmbeddedGraph("g", "neptune")

    def start(attempt: Attempt) -> Iterator[int]:
        assert isinstance(attempt.graph, StoredGraph)
        write(graph)
        yield attempt.graph.vertex_count()
        write(graph)
        yield attempt.graph.vertex_count()

    assert list(run_query(graph, start, writes=False)) == [0, 0]
    assert vertices(graph) == 2


def test_a_writer_is_undone_at_a_question_and_begins_again_with_its_answer() -> None:
    graph, answering = EmbeddedGraph("g", "neptune"), Answering()

    def start(attempt: Attempt) -> Iterator[int]:
        assert attempt.transaction is not None
        attempt.transaction.add_vertex(None, "a")
        if not answering.answers:
            assert answering.suspends
            raise AnswerNeeded("what")
        assert isinstance(attempt.graph, StoredGraph)
        yield attempt.graph.vertex_count()
        assert not answering.suspends  # from the first result on everything is asked at once

    assert list(run_query(graph, start, writes=True, answering=answering)) == [1]
    assert (answering.answers, vertices(graph)) == (["what"], 1)


@pytest.mark.parametrize("ends", ["error", "close"])
def test_a_writer_that_does_not_end_leaves_nothing(ends: str) -> None:
    graph = EmbeddedGraph("g", "neptune")

    def start(attempt: Attempt) -> Iterator[int]:
        assert attempt.transaction is not None
        attempt.transaction.add_vertex(None, "a")
        yield 1
        raise ValueError

    results = run_query(graph, start, writes=True)
    next(results)
    if ends == "close":
        results.close()  # type: ignore[attr-defined]
    else:
        with pytest.raises(ValueError):
            next(results)
    assert vertices(graph) == 0
    write(graph)  # nobody holds the writer's turn any more


def test_an_unanswerable_question_is_its_callers() -> None:
    def start(attempt: Attempt) -> Iterator[int]:
        yield from ()
        raise AnswerNeeded("what")

    with pytest.raises(AnswerNeeded):
        list(run_query(EmbeddedGraph("g", "neptune"), start, writes=False))


def test_others_see_nothing_of_an_open_transaction_between_its_statements() -> None:
    graph = EmbeddedGraph("g", "neptune")
    opened = HeldTransaction(graph)
    with opened.statement(writes=True) as first:
        assert first is not None
        first.add_vertex(None, "a")
    assert vertices(graph) == 0
    with opened.statement(writes=False) as second:
        assert second is first
        assert isinstance(second.graph, StoredGraph)
        assert second.graph.vertex_count() == 1
    opened.commit()
    opened.rollback()  # nothing is left to undo
    assert vertices(graph) == 1


def test_every_statement_of_a_transaction_may_write_and_between_two_none_may() -> None:
    graph = EmbeddedGraph("g", "neptune")
    opened = HeldTransaction(graph)
    for label in ("a", "b"):
        with opened.statement(writes=True) as transaction:
            assert transaction is not None
            transaction.add_vertex(None, label)
        with pytest.raises(QueryFailed, match="suspended"):
            transaction.add_vertex(None, "between")
    opened.commit()
    assert vertices(graph) == 2


def test_a_run_ends_by_its_clock_and_by_others(monkeypatch: pytest.MonkeyPatch) -> None:
    cancelled = Cancellation()
    mine = Run(timeout_s=10, began_at=100.0, cancelled=cancelled)
    monkeypatch.setattr(run.time, "monotonic", lambda: 104.0)
    mine.check()
    assert mine.left_s() == 6.0
    monkeypatch.setattr(run.time, "monotonic", lambda: 111.0)
    assert mine.left_s() == 0.0
    with pytest.raises(TimeLimitExceeded, match="10000 ms"):
        mine.check()
    cancelled.set()
    with pytest.raises(CancelledByUser):
        mine.check()
    cancelled.error = MemoryLimitExceeded("too much")
    with pytest.raises(MemoryLimitExceeded, match="too much"):
        mine.check()
    assert Run().left_s() is None


@pytest.mark.parametrize(
    ("profile", "default_ms", "asked_ms", "limit_s"),
    [
        ("neptune", 60_000, None, 60), ("neptune", 60_000, 500, 0.5), ("neptune", 60_000, 90_000, 60),
        ("neptune", 60_000, 0, 60), ("neptune", 0, 90_000, 90), ("neptune", 0, None, None),
        ("tinkerpop", 60_000, 90_000, 90), ("tinkerpop", 60_000, 0, None), ("tinkerpop", 60_000, True, 60),
        ("tinkerpop", 60_000, "1", 60), ("tinkerpop", 60_000, -1, 60),
    ],
)  # fmt: skip
def test_a_query_may_ask_for_less_time_and_in_one_profile_for_more(
    profile: Any, default_ms: float, asked_ms: Any, limit_s: float | None
) -> None:
    assert LanguageRunner[Any, Any]({}, profile, QueryRegistry(), default_ms).timeout_s(asked_ms) == limit_s


class Transaction:
    def __init__(self) -> None:
        self.ended = ""

    def commit(self) -> None:
        self.ended = "committed"

    def rollback(self) -> None:
        self.ended = "undone"


@pytest.mark.parametrize(
    ("profile", "scripted", "lost", "ended"),
    [
        ("neptune", True, False, "committed"), ("neptune", True, True, "undone"), ("neptune", False, False, "undone"),
        ("tinkerpop", True, False, "undone"),
    ],
)  # fmt: skip
def test_the_end_of_a_session_commits_where_neptune_does(profile: Any, scripted: bool, lost: bool, ended: str) -> None:
    session = QuerySession[Transaction]("s")
    transaction = session.on("g", Transaction)
    assert session.on("g", Transaction) is transaction
    session.scripted = scripted
    LanguageRunner[Any, Transaction]({}, profile, QueryRegistry(), 0).close(session, lost=lost)
    assert transaction.ended == ended


@pytest.mark.parametrize(
    ("profile", "forgiving", "ended"), [("neptune", False, "undone"), ("neptune", True, ""), ("tinkerpop", False, "")]
)
def test_a_failed_statement_ends_its_session_in_neptune_alone(profile: Any, forgiving: bool, ended: str) -> None:
    session = QuerySession[Transaction]("s", forgiving=forgiving)
    transaction = session.on("g", Transaction)
    runner = LanguageRunner[Any, Transaction]({}, profile, QueryRegistry(), 0)

    def failing() -> Iterator[int]:
        yield 1
        raise ValueError

    with pytest.raises(ValueError):
        list(runner.statements(session, failing))
    assert transaction.ended == ended


def test_statements_of_one_request_stand_or_fall_together() -> None:
    runner = LanguageRunner[Any, Transaction]({}, "tinkerpop", QueryRegistry(), 0)
    made = [Transaction(), Transaction()]

    def results(session: QuerySession[Transaction], fails: bool) -> Iterator[int]:
        session.on("g", lambda: made[fails])
        yield 1
        if fails:
            raise ValueError

    assert list(runner.as_one_transaction(lambda session: results(session, False))) == [1]
    with pytest.raises(ValueError):
        list(runner.as_one_transaction(lambda session: results(session, True)))
    assert [one.ended for one in made] == ["committed", "undone"]


def test_a_registry_counts_what_it_has_accepted_also_after_it_ended() -> None:
    registry = QueryRegistry()
    assert registry.accepted_total == 0
    registry.finish(registry.accept("g.V()"))
    registry.accept("g.E()")
    assert registry.accepted_total == 2


def test_a_registry_lists_queries_that_wait_where_it_is_asked_to() -> None:
    registry = QueryRegistry()
    running, waiting = registry.accept("g.V()", "runs"), registry.accept("g.E()", "waits")
    running.begin()

    def listed(status: dict[str, object]) -> list[str]:
        queries = status["queries"]
        assert isinstance(queries, list)
        return [query["queryId"] for query in queries]

    assert listed(registry.status()) == ["runs"]
    assert listed(registry.status(include_waiting=True)) == ["runs", waiting.id]
    assert (registry.status()["acceptedQueryCount"], registry.status()["runningQueryCount"]) == (2, 1)
