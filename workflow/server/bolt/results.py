"""An open result of a Bolt connection: its rows as messages, taken in parts, and what is told at its end."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from workflow.cypher.planning.plan import PlanStep
from workflow.cypher.running.blocks import RowBlock
from workflow.cypher.running.outcome import RunOutcome, StepCost
from workflow.cypher.wire.framing import BoltVersion
from workflow.cypher.wire.messages import records
from workflow.errors import MemoryLimitExceeded, WorkflowError
from workflow.queries.running import RunningQuery
from workflow.server.access.budget import OverBudget, WorkerHolding

if TYPE_CHECKING:
    from workflow.cypher.engine import CypherResult

PART_BYTES: Final = 4 * 1024 * 1024
PART_S: Final = 0.2  # rows of a slow query do not wait longer than this to be sent
MOST_AT_ONCE: Final = 1000  # rows between two looks at the clock
NO_PREDICTION: Final = "Neo.ClientNotification.Statement.NoPrediction"
MOST_HELD: Final = 1 << 30  # bytes of rows that are made before anybody takes them


class BoltResult:
    """Used by one worker thread at a time.

    Args:
        result: not begun yet.
        running: its entry in the list of queries.
        convert: makes values that PackStream can write.
        whole: all rows are made at once: those of a query that writes are sent when it is committed, and in a
            transaction the next statement must not wait for a client that has not taken the rows of this one.
        account: of rows that are made and not taken yet.
    """

    def __init__(
        self,
        result: CypherResult,
        running: RunningQuery,
        convert: Callable[[Any], Any],
        account: WorkerHolding,
        *,
        whole: bool,
    ) -> None:
        self.result = result
        self.running = running
        self.begun_at = monotonic()
        self.given = 0
        self.finished = False
        self._parts: Iterator[list[bytes]] = self._records(convert)
        self._whole = whole
        self._account = account
        self._ready: deque[bytes] = deque()
        self._ready_bytes = 0
        self._over = False
        self._error: Exception | None = None

    def _records(self, convert: Callable[[Any], Any]) -> Iterator[list[bytes]]:
        """Rows as they were made: many together, or one by one."""
        try:
            for part in self.result.parts:
                yield records(part.columns if isinstance(part, RowBlock) else [[one] for one in part.values()], convert)
        finally:
            self.result.close()

    def take(self, count: int) -> tuple[list[bytes], bool]:
        """The next rows, at most ``count`` (-1 for all there are), and whether there may be more of them.

        A part of what was asked for comes where that takes long. Raises what the query raises, once the rows before it
        were given.
        """
        if self._whole:
            self.drain()
        part: list[bytes] = []
        size, until = 0, monotonic() + PART_S
        while count < 0 or len(part) < count:
            if not self._has_more():
                break
            few = MOST_AT_ONCE if count < 0 else min(MOST_AT_ONCE, count - len(part))
            messages = [self._ready.popleft() for _ in range(min(few, len(self._ready)))]
            part += messages
            taken = sum(map(len, messages))
            size, self._ready_bytes = size + taken, self._ready_bytes - taken
            if size >= PART_BYTES or monotonic() > until:
                break
        self._count()
        self.given += len(part)
        more = self._has_more()
        if not part and self._error is not None:
            raise self._error
        return part, more or self._error is not None

    def drain(self) -> None:
        """Make all rows now. A query that fails fails when its rows are taken."""
        while not self._over:
            self._make()
            if self._ready_bytes > MOST_HELD:
                self._refuse(
                    MemoryLimitExceeded(
                        f"The answer is larger than {MOST_HELD >> 20} MiB, which is too much for one that is made as a "
                        "whole; take it outside of a transaction"
                    )
                )

    def _refuse(self, error: WorkflowError) -> None:
        """Stop, and keep none of the rows."""
        self.close()
        self._ready.clear()
        self._error = error

    def discard(self) -> None:
        """Nobody wants the rest; a query that writes does so all the same. Raises what the query raises."""
        if self._whole:
            self.drain()
        else:
            self.close()
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """Stop the query where it is, and undo what it wrote outside of a transaction."""
        self._over = True
        with suppress(Exception):  # nobody is left to be told
            self._parts.close()  # type: ignore[attr-defined]

    def forget(self) -> None:
        """Nobody takes any of it any more."""
        self._account.close()

    def _has_more(self) -> bool:
        while not self._ready and not self._over:
            self._make()
        return bool(self._ready)

    def _make(self) -> None:
        """Make the next rows ready; there are none where the query has ended."""
        try:
            made = next(self._parts)
        except StopIteration:
            self._over = True
        except Exception as error:  # noqa: BLE001 - told when the rows before it were given
            self._over = True
            self._error = error
        else:
            self._ready += made
            self._ready_bytes += sum(map(len, made))
            self._count()

    def _count(self) -> None:
        try:
            self._account.holds(self._ready_bytes)
        except OverBudget as error:
            self._refuse(error)

    def summary(
        self, version: BoltVersion, database: str, bookmark: str | None, *, notifies: bool = True
    ) -> dict[str, Any]:
        """What is told at the end; ``notifies``: also why predictions have no answer."""
        plan, counters = self.result.plan, self.result.outcome.counters.as_dict()
        told: dict[str, Any] = {
            "type": ("rw" if plan.columns else "w") if plan.writes else "r",
            "t_last": round(1000 * (monotonic() - self.begun_at)),
            "db": database,
        }
        if bookmark is not None:
            told["bookmark"] = bookmark
        if counters:
            told["stats"] = {name.replace("_", "-"): count for name, count in counters.items()} | {
                "contains-updates": True
            }
        if plan.statement.mode != "run":
            told["profile" if plan.statement.mode == "profile" else "plan"] = described(
                plan.steps, self.result.outcome, plan.columns
            )
        silences = self.result.outcome.told if notifies else []
        if version >= (5, 6):
            told["statuses"] = [_status(bool(plan.columns), self.given), *map(_silence_status, silences)]
        elif silences:
            told["notifications"] = [_notification(one) for one in silences]
        return told


def _status(has_columns: bool, given: int) -> dict[str, Any]:
    code, text = ("00001", "note: successful completion - omitted result")
    if has_columns:
        code, text = ("00000", "note: successful completion") if given else ("02000", "note: no data")
    return {"gql_status": code, "status_description": text, "diagnostic_record": {}}


def _notification(reason: str) -> dict[str, Any]:
    """Why a prediction has no answer, as drivers tell their users."""
    return {
        "code": NO_PREDICTION,
        "title": "A prediction has no answer",
        "description": reason,
        "severity": "INFORMATION",
        "category": "GENERIC",
    }


def _silence_status(reason: str) -> dict[str, Any]:
    """The same as later versions tell it."""
    return {
        "gql_status": "03N60",
        "status_description": f"info: a prediction has no answer. {reason}",
        "neo4j_code": NO_PREDICTION,
        "title": "A prediction has no answer",
        "description": reason,
        "diagnostic_record": {"_severity": "INFORMATION", "_classification": "GENERIC"},
    }


def described(steps: tuple[PlanStep, ...], outcome: RunOutcome, columns: tuple[str, ...]) -> dict[str, Any]:
    """The plan as drivers show it: the last step is the root, and has the one before it and those inside it below."""
    below: list[dict[str, Any]] = []
    for step in steps:
        inside = [described(step.children, outcome, ())] if step.children else []
        below = [_operator(step, outcome, [*below, *inside])]
    root = below[0] if below else {"operatorType": "Empty", "args": {}, "children": [], "identifiers": []}
    root["identifiers"] = list(columns)
    return root


def _operator(step: PlanStep, outcome: RunOutcome, children: list[dict[str, Any]]) -> dict[str, Any]:
    text = "\n".join((step.text, *step.ways))
    found: dict[str, Any] = {"operatorType": step.name, "identifiers": [], "children": children}
    found["args"] = {"Details": text, "string-representation": text}
    if outcome.costs is not None:
        cost = outcome.costs.get(step.number, StepCost())
        found |= {"rows": cost.rows, "dbHits": 0, "time": int(cost.seconds * 1e9)}
        found["args"] |= {"Rows": cost.rows, "Time": int(cost.seconds * 1e9)}
    return found


def fresh_bookmark() -> str:
    """A text that is sent back with the next transaction; every transaction sees all that was committed before."""
    return f"despina:{time.time_ns():x}"
