"""Run scenarios of openCypher's kit on an engine in this process, or over Bolt through Neo4j's driver."""

from __future__ import annotations

import re
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

import neo4j

from tests.peers.kit_scenarios import KitScenario, KitStep, kit_graph
from tests.peers.kit_values import Form, form_of, parameter, unordered, written
from workflow.cypher.engine import CypherEngine
from workflow.cypher.planning.procedures import Argument, Library, Procedure, library
from workflow.cypher.running.options import CypherOptions
from workflow.errors import WorkflowError
from workflow.graphs.store.store import EmbeddedGraph

KNOWN_GAPS = Path(__file__).with_name("kit_gaps.txt")
EMPTY = "MATCH (n) DETACH DELETE n"
# what the kit looks at before and after a query: the members of each set are counted
OBSERVED: Mapping[str, str] = {
    "nodes": "MATCH (n) RETURN id(n) AS x",
    "relationships": "MATCH ()-[r]->() RETURN id(r) AS x",
    "labels": "MATCH (n) UNWIND labels(n) AS x RETURN DISTINCT x",
    "properties": "MATCH (n) UNWIND keys(n) AS k RETURN ['n', id(n), k, n[k]] AS x UNION ALL "
    "MATCH ()-[r]->() UNWIND keys(r) AS k RETURN ['r', id(r), k, r[k]] AS x",
}
ERROR = re.compile(r"an? (\w+) should be raised at (?:any time|compile time|runtime): (\S+)")
PROCEDURE = re.compile(r"there exists a procedure ([\w.]+)\((.*?)\) :: (?:\((.*)\)|VOID)\s*:?$")
Answer = tuple[list[str], list[tuple[Form, ...]]]


class QueryRefused(Exception):
    """An error of the query: its class in the kit's words, and all that was said."""

    def __init__(self, kind: str, said: str) -> None:
        super().__init__(f"{kind}: {said}")
        self.kind, self.said = kind, said


class KitSubject(Protocol):
    """What the kit is run on."""

    def ask(self, query: str, parameters: Mapping[str, Any]) -> Answer:
        """Columns and rows. Raises QueryRefused."""

    def offer(self, table: Library) -> None:
        """What queries can call from now on."""


class EngineSubject:
    """The engine in this process."""

    def __init__(self) -> None:
        self._graph = EmbeddedGraph("g", "neptune")
        self._engine = CypherEngine(self._graph, "neptune")

    def offer(self, table: Library) -> None:
        self._engine = CypherEngine(self._graph, "neptune", table)

    def ask(self, query: str, parameters: Mapping[str, Any]) -> Answer:
        try:
            result = self._engine.run(query, CypherOptions(parameters=parameters, ids="integer", timeout_s=30))
            rows = [tuple(form_of(row[name]) for name in result.columns) for row in result.rows]
        except WorkflowError as error:
            raise QueryRefused(getattr(error, "kind", ""), error.message) from error
        return list(result.columns), rows


class BoltSubject:
    """A server, through the driver.

    Args:
        session: whose queries are asked one by one.
        offer: gives the server what its queries can call.
    """

    # the kit's class of an error where the code of Bolt has another word
    NAMES: Mapping[str, str] = {
        "ConstraintValidationFailed": "ConstraintVerificationFailed",
        "ProcedureNotFound": "ProcedureError",
    }

    def __init__(self, session: neo4j.Session, offer: Callable[[Library], None]) -> None:
        self._session = session
        self.offer = offer

    def ask(self, query: str, parameters: Mapping[str, Any]) -> Answer:
        try:
            result = self._session.run(query, dict(parameters))
            columns = list(result.keys())
            rows = [tuple(form_of(record[at]) for at in range(len(columns))) for record in result]
        except neo4j.exceptions.Neo4jError as error:
            word = (error.code or "").rpartition(".")[2]
            raise QueryRefused(self.NAMES.get(word, word), error.message or "") from error
        return columns, rows


def known_gaps() -> set[str]:
    """The names of scenarios that do not pass yet."""
    lines = KNOWN_GAPS.read_text().splitlines()
    return {line for line in lines if line and not line.startswith("# ")}


def kit_outcome(scenario: KitScenario, subject: KitSubject, source: zipfile.ZipFile) -> str:
    """What is wrong; empty where the scenario passes."""
    try:
        _Run(subject, source).play(scenario.steps)
    except QueryRefused as error:
        return f"an error that the kit does not expect: {error}"
    except AssertionError as error:
        return str(error) or "an assertion failed"
    return ""


class _Run:
    def __init__(self, subject: KitSubject, source: zipfile.ZipFile) -> None:
        self._subject, self._source = subject, source
        self._parameters: dict[str, Any] = {}
        self._procedures: list[Procedure] = []
        self._answer: Answer = ([], [])
        self._refused: QueryRefused | None = None
        self._before: dict[str, set[Form]] = {}

    def play(self, steps: Iterable[KitStep]) -> None:
        self._subject.ask(EMPTY, {})
        for step in steps:
            self._step(step)
        if self._procedures:
            self._subject.offer(Library())
        if self._refused is not None:
            raise self._refused

    def _step(self, step: KitStep) -> None:
        text = step.text
        if found := re.fullmatch(r"the ([\w-]+) graph", text):
            for statement in kit_graph(self._source, found[1]):
                self._subject.ask(statement, {})
        elif text == "having executed:":
            self._subject.ask(step.block, {})
        elif text == "parameters are:":
            self._parameters = {name: parameter(written(value)) for name, value in step.rows}
        elif found := PROCEDURE.match(text):
            self._procedures.append(test_procedure(found[1], found[2], found[3] or "", step.rows))
            self._subject.offer(library(*self._procedures))
        elif text.startswith(("executing query:", "executing control query:")):
            self._before = self._observed()
            self._run(step.block or text.partition(":")[2].strip())
        elif found := ERROR.match(text):
            assert self._refused is not None, f"no error; wanted {found[1]} ({found[2]}), got {self._answer[1]}"
            refused, self._refused = self._refused, None
            assert refused.kind == found[1], f"wanted {found[1]} ({found[2]}), got {refused}"
            assert found[2] in ("*", refused.said) or found[2] in refused.said, f"{found[2]} is not said: {refused}"
        elif text not in ("an empty graph", "any graph"):
            if self._refused is not None:
                raise self._refused
            self._judge(text, step.rows)

    def _run(self, query: str) -> None:
        try:
            self._answer = self._subject.ask(query, self._parameters)
        except QueryRefused as error:
            self._refused = error

    def _judge(self, text: str, table: tuple[tuple[str, ...], ...]) -> None:
        if "side effects" in text:
            wanted = {} if text.startswith("no ") else {name: int(count) for name, count in table}
            after = self._observed()
            changes = Counter({f"+{name}": len(after[name] - self._before[name]) for name in OBSERVED})
            changes |= Counter({f"-{name}": len(self._before[name] - after[name]) for name in OBSERVED})
            assert +changes == wanted, f"side effects {dict(+changes)}, not {wanted}"
            return
        if text == "the result should be empty":
            assert self._answer[1] == []
            return
        assert text.startswith("the result should be"), f"a step that is not known: {text}"
        columns, rows = self._answer
        assert columns == list(table[0]), f"columns {columns}, not {table[0]}"
        expected = [tuple(map(written, row)) for row in table[1:]]
        if "ignoring element order" in text:
            rows, expected = ([tuple(map(unordered, row)) for row in side] for side in (rows, expected))
        same = rows == expected if "in order" in text else Counter(rows) == Counter(expected)
        assert same, f"rows {rows[:5]}, not {expected[:5]}"

    def _observed(self) -> dict[str, set[Form]]:
        return {name: {row[0] for row in self._subject.ask(query, {})[1]} for name, query in OBSERVED.items()}


def test_procedure(name: str, takes: str, gives: str, table: tuple[tuple[str, ...], ...]) -> Procedure:
    """A procedure that looks its answer up in a table: the columns of the arguments, then those of the answer."""

    def typed(text: str) -> list[tuple[str, str]]:
        parts = [part.partition("::") for part in text.split(",") if part.strip()]
        return [(one.strip(), kind.strip().rstrip("?").lower()) for one, _, kind in parts]

    arguments, columns = typed(takes), typed(gives)
    rows = [tuple(parameter(written(cell)) for cell in row) for row in table[1:]]

    def call(run: Any, *values: Any) -> list[tuple[Any, ...]]:
        return [row[len(arguments) :] for row in rows if row[: len(arguments)] == values]

    return Procedure(name, tuple(Argument(one, kind) for one, kind in arguments), tuple(columns), call)


test_procedure.__test__ = False  # type: ignore[attr-defined]
