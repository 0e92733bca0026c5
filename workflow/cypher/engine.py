"""The engine: answers openCypher on one graph."""

from __future__ import annotations

import re
import time
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from workflow.cypher.lang import Statement, parse
from workflow.cypher.lang.tree import Query
from workflow.cypher.planning.checks import check
from workflow.cypher.planning.plan import PlanStep
from workflow.cypher.planning.procedures import Library
from workflow.cypher.running.blocks import RowBlock, single_rows
from workflow.cypher.running.clauses import Planner, writing
from workflow.cypher.running.options import CypherOptions
from workflow.cypher.running.outcome import RunOutcome
from workflow.cypher.running.projecting import Operator
from workflow.cypher.running.run import CypherRun, Row
from workflow.cypher.running.writing import check_condemned
from workflow.errors import QueryTooLarge, UnsupportedOperation
from workflow.queries.attempts import Attempt, HeldTransaction, run_query
from workflow.settings import Profile

if TYPE_CHECKING:
    from workflow.graphs.protocols import Transaction, WritableGraph

PLANS_KEPT = 512
# an index is made at the first question that needs one: what asks for it is answered, and does nothing
_SCHEMA: Final = re.compile(
    r"\s*(?:CREATE|DROP)\s+(?:(?:RANGE|TEXT|LOOKUP|BTREE|POINT)\s+)?(INDEX|CONSTRAINT)\b(?:.*\b(?:FOR|ON)\b|\s+\w+\s*)",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True)
class CheckedStatement:
    """A statement that was checked, ready to run."""

    statement: Statement
    columns: tuple[str, ...]
    operator: Operator
    writes: bool
    steps: tuple[PlanStep, ...]

    @property
    def timeout_s(self) -> float | None:
        """What the query's own hint says about its time."""
        asked = dict(self.statement.hints).get("timeoutmilliseconds", "")
        return int(asked) / 1000 if asked.isdecimal() and int(asked) else None


@dataclass(frozen=True)
class CypherResult:
    """The columns of an answer and its rows, which come lazily; each has the columns in order.

    ``outcome`` is complete when the last row was taken. EXPLAIN gives no rows. Rows are taken one by one as ``rows``,
    or as ``parts``, where many that were made together are one block; by one of both, once.
    """

    plan: CheckedStatement
    parts: Iterator[Row | RowBlock]
    outcome: RunOutcome

    @property
    def columns(self) -> tuple[str, ...]:
        return self.plan.columns

    @cached_property
    def rows(self) -> Iterator[Row]:
        return self._single()

    def _single(self) -> Iterator[Row]:
        try:
            yield from single_rows(self.parts)
        finally:
            self.close()

    def close(self) -> None:
        """Stop where it is; outside of a session what was written is undone."""
        if isinstance(self.parts, Generator):
            self.parts.close()


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
        schema = _SCHEMA.match(text)
        if schema is not None:
            if schema[1].upper() == "CONSTRAINT":
                raise UnsupportedOperation(
                    "Constraints are not kept by this service: only ids are unique; look with MERGE before you create"
                )
            return CheckedStatement(Statement(text, "run", (), Query(0, (), False)), (), _nothing, False, ())
        statement = parse(text)
        columns = check(statement, self.library, names)
        planner = Planner(text, self.library)
        operator = planner.query(statement.query, outermost=True)
        return CheckedStatement(statement, columns, operator, writing(statement.query, self.library), planner.steps)

    def run(
        self, text: str, options: CypherOptions | None = None, transaction: Transaction | None = None
    ) -> CypherResult:
        """The answer. Errors that need no graph are raised at once.

        Without a transaction a query that writes is one of its own: it is committed when the last row was taken, and
        rolled back on an error or when the rows are closed before.
        """
        options = options or CypherOptions()
        plan = self.prepare(text, options.parameters)
        outcome = outcome_of(plan, options)
        return CypherResult(plan, self._rows(plan, options, transaction, outcome), outcome)

    def session(self) -> CypherSession:
        """Several statements as one transaction."""
        return CypherSession(self)

    def _rows(
        self, plan: CheckedStatement, options: CypherOptions, transaction: Transaction | None, outcome: RunOutcome
    ) -> Iterator[Row | RowBlock]:
        if plan.statement.mode == "explain":
            return
        timeout_s = min((one for one in (options.timeout_s, plan.timeout_s) if one is not None), default=None)
        began_at = options.began_at or time.monotonic()

        def start(attempt: Attempt) -> Iterator[Row | RowBlock]:
            outcome.begin()
            run = CypherRun(
                self.graph,
                options.parameters,
                ids=options.ids,
                splits_labels=self.profile_name == "neptune",  # the other one keeps labels whole
                default_label=options.default_label,
                outcome=outcome,
                read_only=options.read_only,
                takes_blocks=options.blocks,
                user=options.user,
                timeout_s=timeout_s,
                limit_asked=options.limit_asked or timeout_s != options.timeout_s,
                began_at=began_at,
                cancelled=options.cancelled,
                attempt=attempt,
            )
            row: Any
            for row in plan.operator(run, iter(({},))):
                yield row if type(row) is RowBlock else {column: row[column] for column in plan.columns}
            if plan.writes:
                check_condemned(run)

        try:
            yield from run_query(
                self.graph,
                start,
                writes=plan.writes and not options.read_only,
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
        outcome = outcome_of(plan, options)
        return CypherResult(plan, self._rows(plan, options, outcome), outcome)

    def _rows(self, plan: CheckedStatement, options: CypherOptions, outcome: RunOutcome) -> Iterator[Row | RowBlock]:
        writes = plan.writes and not options.read_only and plan.statement.mode != "explain"
        with self._open.statement(writes=writes) as transaction:
            yield from self.engine._rows(plan, options, transaction, outcome)

    def commit(self) -> None:
        """Make the changes durable; nothing happens where there are none."""
        self._open.commit()

    def rollback(self) -> None:
        """Undo the changes; nothing happens where there are none."""
        self._open.rollback()


def _nothing(run: CypherRun, rows: Iterator[Row]) -> Iterator[Row]:
    return iter(())


def outcome_of(plan: CheckedStatement, options: CypherOptions) -> RunOutcome:
    """A fresh outcome, with costs where the request or PROFILE wants them."""
    return RunOutcome(costs={} if options.measured or plan.statement.mode == "profile" else None)
