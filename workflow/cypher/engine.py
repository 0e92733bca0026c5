"""The engine: answers openCypher on one graph."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from workflow.cypher.lang import Statement, parse
from workflow.cypher.planning.checks import check
from workflow.cypher.planning.procedures import Library
from workflow.cypher.running.clauses import Operator, Planner, writing
from workflow.cypher.running.run import CypherRun, Ids, Row
from workflow.cypher.running.writing import check_condemned
from workflow.errors import QueryTooLarge
from workflow.queries.attempts import Attempt, HeldTransaction, run_query
from workflow.settings import Profile

if TYPE_CHECKING:
    from workflow.graphs.protocols import Transaction, WritableGraph

PLANS_KEPT = 512


@dataclass(frozen=True)
class CypherOptions:
    """What a request says about how its query runs; ``began_at`` is when the time began, in ``time.monotonic()``."""

    parameters: Mapping[str, Any] = field(default_factory=dict)
    timeout_s: float | None = None
    began_at: float | None = None
    cancelled: threading.Event | None = None
    read_only: bool = False
    ids: Ids = "text"


@dataclass(frozen=True)
class CheckedStatement:
    """A statement that was checked, ready to run."""

    statement: Statement
    columns: tuple[str, ...]
    operator: Operator
    writes: bool


@dataclass(frozen=True)
class CypherResult:
    """The columns of an answer and its rows, which come lazily; each has the columns in order."""

    columns: tuple[str, ...]
    rows: Iterator[Row]


class CypherEngine:
    """Answers openCypher on one graph. Safe to share between threads."""

    def __init__(self, graph: WritableGraph, profile: Profile, library: Library | None = None) -> None:
        self.graph = graph
        self.profile_name: Profile = profile
        self.library = library or Library()
        self._plans: dict[tuple[str, frozenset[str]], CheckedStatement] = {}  # one operation a use, no lock

    def prepare(self, text: str, parameters: Mapping[str, Any] | None = None) -> CheckedStatement:
        """Read and check; raises for whatever can be refused without running. Plans are kept by their text."""
        names = frozenset(parameters or ())
        plan = self._plans.get((text, names))
        if plan is None:
            try:
                plan = self._plan(text, names)
            except RecursionError as error:
                raise QueryTooLarge("The query is nested too deep to be run") from error
            if len(self._plans) >= PLANS_KEPT:
                self._plans.clear()
            self._plans[text, names] = plan
        return plan

    def _plan(self, text: str, names: frozenset[str]) -> CheckedStatement:
        statement = parse(text)
        columns = check(statement, self.library, names)
        operator = Planner(text, self.library).query(statement.query)
        return CheckedStatement(statement, columns, operator, writing(statement.query, self.library))

    def run(
        self, text: str, options: CypherOptions | None = None, transaction: Transaction | None = None
    ) -> CypherResult:
        """The answer. Errors that need no graph are raised at once.

        Without a transaction a query that writes is one of its own: it is committed when the last row was taken, and
        rolled back on an error or when the rows are closed before.
        """
        options = options or CypherOptions()
        plan = self.prepare(text, options.parameters)
        return CypherResult(plan.columns, self._rows(plan, options, transaction))

    def session(self) -> CypherSession:
        """Several statements as one transaction."""
        return CypherSession(self)

    def _rows(self, plan: CheckedStatement, options: CypherOptions, transaction: Transaction | None) -> Iterator[Row]:
        began_at = options.began_at or time.monotonic()

        def start(attempt: Attempt) -> Iterator[Row]:
            run = CypherRun(
                self.graph,
                options.parameters,
                ids=options.ids,
                splits_labels=self.profile_name == "neptune",  # the other one keeps labels whole
                read_only=options.read_only,
                timeout_s=options.timeout_s,
                began_at=began_at,
                cancelled=options.cancelled,
                attempt=attempt,
            )
            for row in plan.operator(run, iter(({},))):
                yield {column: row[column] for column in plan.columns}
            if plan.writes:
                check_condemned(run)

        try:
            yield from run_query(
                self.graph,
                start,
                writes=plan.writes and not options.read_only,
                timeout_s=options.timeout_s,
                transaction=transaction,
            )
        except RecursionError as error:
            raise QueryTooLarge("The query is nested too deep to be run") from error


class CypherSession:
    """One transaction over several statements. Used by one request at a time."""

    def __init__(self, engine: CypherEngine) -> None:
        self.engine = engine
        self._open = HeldTransaction(engine.graph)

    def run(self, text: str, options: CypherOptions | None = None) -> CypherResult:
        """The answer; what was written waits for commit."""
        options = options or CypherOptions()
        plan = self.engine.prepare(text, options.parameters)
        return CypherResult(plan.columns, self._rows(plan, options))

    def _rows(self, plan: CheckedStatement, options: CypherOptions) -> Iterator[Row]:
        with self._open.statement(writes=plan.writes, timeout_s=options.timeout_s) as transaction:
            yield from self.engine._rows(plan, options, transaction)

    def commit(self) -> None:
        """Make the changes durable; nothing happens where there are none."""
        self._open.commit()

    def rollback(self) -> None:
        """Undo the changes; nothing happens where there are none."""
        self._open.rollback()
