"""What every query language promises, asked of each of them over one embedded graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from workflow.errors import CancelledByUser, ReadOnlyViolation, TimeLimitExceeded, WorkflowError
from workflow.graphs.store.store import EmbeddedGraph
from workflow.queries.runner import LanguageRunner
from workflow.queries.running import QueryRegistry, RunningQuery
from workflow.queries.sessions import QuerySession
from workflow.settings import Profile

Session = QuerySession[Any]
Open = Callable[[Profile], LanguageRunner[Any, Any]]


@dataclass(frozen=True)
class Asked:
    """A query, and how it is asked."""

    text: str
    running: RunningQuery
    session: Session | None
    read_only: bool
    timeout_ms: float | None


class LanguageContract:
    """A language supplies ``opened``, its runner over a graph, its texts, and ``results`` of one of them.

    Attributes:
        count: asks for the number of vertices.
        add: adds one.
        add_and_fail: adds one, and then cannot go on.
        never: asks for more than anybody waits for.
    """

    count: str
    add: str
    add_and_fail: str
    never: str

    def opened(self, graph: EmbeddedGraph, profile: Profile, registry: QueryRegistry) -> LanguageRunner[Any, Any]:
        raise NotImplementedError

    def results(self, runner: Any, asked: Asked) -> Iterator[Any]:
        raise NotImplementedError

    @pytest.fixture
    def graph(self) -> EmbeddedGraph:
        return EmbeddedGraph("g", "neptune")

    @pytest.fixture
    def open_runner(self, graph: EmbeddedGraph) -> Open:
        return lambda profile: self.opened(graph, profile, QueryRegistry())

    def ask(
        self,
        runner: LanguageRunner[Any, Any],
        text: str,
        session: Session | None = None,
        *,
        read_only: bool = False,
        timeout_ms: float | None = None,
    ) -> list[Any]:
        running = runner.registry.accept(text)
        try:
            return list(self.results(runner, Asked(text, running, session, read_only, timeout_ms)))
        finally:
            runner.registry.finish(running)

    def test_what_a_query_writes_is_there_when_it_has_ended(self, open_runner: Open) -> None:
        runner = open_runner("neptune")
        assert self.ask(runner, self.count) == [0]
        self.ask(runner, self.add)
        assert self.ask(runner, self.count) == [1]

    def test_a_query_that_fails_leaves_nothing(self, open_runner: Open, graph: EmbeddedGraph) -> None:
        with pytest.raises(WorkflowError):
            self.ask(open_runner("neptune"), self.add_and_fail)
        assert graph.vertex_count() == 0

    def test_a_query_that_may_only_read_does_not_write(self, open_runner: Open, graph: EmbeddedGraph) -> None:
        with pytest.raises(ReadOnlyViolation):
            self.ask(open_runner("neptune"), self.add, read_only=True)
        assert graph.vertex_count() == 0

    def test_others_see_nothing_of_a_session_until_it_commits(self, open_runner: Open) -> None:
        runner, session = open_runner("tinkerpop"), Session("s")
        self.ask(runner, self.add, session)
        assert self.ask(runner, self.count, session) == [1]
        assert self.ask(runner, self.count) == [0]
        session.commit()
        assert self.ask(runner, self.count) == [1]

    @pytest.mark.parametrize("profile", ["neptune", "tinkerpop"])
    def test_a_failure_undoes_the_whole_session_in_neptune_alone(self, open_runner: Open, profile: Profile) -> None:
        runner, session = open_runner(profile), Session("s")
        self.ask(runner, self.add, session)
        with pytest.raises(WorkflowError):
            self.ask(runner, self.add_and_fail, session)
        session.commit()
        (count,) = self.ask(runner, self.count)
        assert (count == 0) == (profile == "neptune")

    def test_a_query_that_was_asked_to_stop_stops(self, open_runner: Open) -> None:
        runner = open_runner("neptune")
        running = runner.registry.accept(self.never)
        running.cancelled.set()
        with pytest.raises(CancelledByUser):
            list(self.results(runner, Asked(self.never, running, None, read_only=False, timeout_ms=None)))
        assert running.started_at is not None  # so that the list of those that run knew it

    def test_a_query_ends_when_its_time_is_up(self, open_runner: Open) -> None:
        with pytest.raises(TimeLimitExceeded, match="limit of 1 ms"):
            self.ask(open_runner("neptune"), self.never, timeout_ms=1)
