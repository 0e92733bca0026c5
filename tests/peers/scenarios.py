"""Runs TinkerPop's own scenarios, as Gremlin text through gremlinpython, against our server."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gremlin_python.driver.aiohttp.transport import AiohttpTransport
from gremlin_python.driver.client import Client
from gremlin_python.driver.driver_remote_connection import DriverRemoteConnection
from gremlin_python.driver.protocol import GremlinServerError
from gremlin_python.process.anonymous_traversal import traversal
from gremlin_python.process.graph_traversal import GraphTraversalSource, __
from gremlin_python.process.traversal import P

from tests.peers import gherkin, toy_graphs
from tests.peers.scenario_values import literal, matched, parse, same
from workflow.client.service import local_service

KNOWN_GAPS = Path(__file__).with_name("known_gaps.txt")
TABLES = {
    "modern": toy_graphs.modern,
    "classic": toy_graphs.classic,
    "crew": toy_graphs.crew,
    "sink": toy_graphs.sink,
}
TIMEOUT_S = 20
# gremlinpython has no type for these results, TinkerGraph no null as a value, and OLAP runs elsewhere
LEFT_OUT = frozenset({"StepSubgraph", "StepTree", "AllowNullPropertyValues", "GraphComputerOnly"})


class Mismatch(AssertionError):
    """A result other than the scenario's."""


@dataclass
class Server:
    """Connections to the service under test, one a graph."""

    url: str
    _clients: dict[str, Client] = field(default_factory=dict)
    _remotes: dict[str, DriverRemoteConnection] = field(default_factory=dict)
    _elements: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)

    @staticmethod
    def source(graph: str) -> str:
        return "ggraph" if graph == "empty" else f"g{graph}"

    def g(self, graph: str) -> GraphTraversalSource:
        if graph not in self._remotes:
            self._remotes[graph] = DriverRemoteConnection(self.url, self.source(graph), pool_size=1)
        return traversal().with_(self._remotes[graph])

    def submit(self, graph: str, text: str, bindings: dict[str, Any]) -> list[Any]:
        if graph not in self._clients:
            transport = {"transport_factory": lambda: AiohttpTransport(read_timeout=TIMEOUT_S)}
            self._clients[graph] = Client(self.url, self.source(graph), pool_size=1, **transport)
        options = {"language": "gremlin-lang", "evaluationTimeout": TIMEOUT_S * 1000}
        return list(self._clients[graph].submit(text, bindings or None, options).all().result(TIMEOUT_S))

    def close(self) -> None:
        for connection in (*self._clients.values(), *self._remotes.values()):
            connection.close()

    def elements(self, graph: str, kind: str) -> dict[str, Any]:
        """Vertices, edges or vertex properties by the names that features give them."""
        if graph == "empty" or (graph, kind) not in self._elements:
            self._elements[graph, kind] = getattr(self, f"_{kind}")(self.g(graph))
        return self._elements[graph, kind]

    @staticmethod
    def _v(g: GraphTraversalSource) -> dict[str, Any]:
        rows = g.V().has("name").project("v", "n").by(__.identity()).by("name").to_list()
        return {row["n"]: row["v"] for row in rows}

    @staticmethod
    def _e(g: GraphTraversalSource) -> dict[str, Any]:
        end = "values"
        out, into = __.out_v(), __.in_v()
        named = [getattr(side, end)("name").fold() for side in (out, into)]
        rows = g.E().project("e", "o", "i").by(__.identity()).by(named[0]).by(named[1]).to_list()
        return {f"{r['o'][0]}-{r['e'].label}->{r['i'][0]}": r["e"] for r in rows if r["o"] and r["i"]}

    @staticmethod
    def _vp(g: GraphTraversalSource) -> dict[str, Any]:
        rows = g.V().has("name").project("n", "p").by("name").by(__.properties().fold()).to_list()
        return {f"{row['n']}-{p.key}->{_written(p.value)}": p for row in rows for p in row["p"]}


def _written(value: Any) -> Any:
    if isinstance(value, float):
        return f"d[{value}].d"
    return f"d[{value}].i" if isinstance(value, int) and not isinstance(value, bool) else value


@dataclass
class Run:
    """One scenario, step by step."""

    scenario: gherkin.Scenario
    server: Server
    parameters: dict[str, Any] = field(default_factory=dict)
    side_effects: dict[str, Any] = field(default_factory=dict)
    results: list[Any] = field(default_factory=list)
    failure: GremlinServerError | None = None
    pending: str = ""

    def execute(self) -> None:
        """Raises Mismatch, or what the server answered where an answer was expected."""
        for step in self.scenario.steps:
            for pattern, act in ACTS:
                match = re.match(pattern, step.text, re.S)
                if match:
                    act(self, step, *match.groups())
                    break
            else:
                raise Mismatch(f"a step this runner does not know: {step.text}")

    def value(self, text: str) -> Any:
        return parse(text, lambda kind: self.server.elements(self.scenario.graph, kind))

    def ask(self, text: str) -> list[Any]:
        if self.side_effects:
            before = "".join(f".withSideEffect({literal(k)},{literal(v)})" for k, v in self.side_effects.items())
            text = "g" + before + text[1:]
        used = {k: v for k, v in self.parameters.items() if re.search(rf"\b{re.escape(k)}\b", text)}
        return self.server.submit(self.scenario.graph, text, used)

    # -- the steps

    def initialise(self, step: gherkin.Step) -> None:
        self.ask(step.doc)

    def define(self, step: gherkin.Step, what: str, name: str, text: str) -> None:
        target = self.parameters if what == "parameter" else self.side_effects
        target[name] = self.value(text.replace('\\"', '"'))

    def define_predicate(self, step: gherkin.Step, name: str, predicate: str, text: str) -> None:
        self.parameters[name] = getattr(P, predicate)(self.value(text.replace('\\"', '"')))

    def remember(self, step: gherkin.Step) -> None:
        self.pending = step.doc

    def iterate(self, step: gherkin.Step, how: str) -> None:
        try:
            self.results = self.ask(self.pending)
        except GremlinServerError as error:
            self.failure = error
        else:
            if how == "next":
                self.results = list(self.results[0])

    def expect_error(self, step: gherkin.Step, how: str | None, text: str | None) -> None:
        if self.failure is None:
            raise Mismatch(f"no error was raised; got {self.results!r}")
        if how and text:
            wanted, said = text.replace('\\"', '"'), str(self.failure)
            body = said.split(": ", 1)[-1].rstrip()
            holds = {"containing": wanted in said, "starting": body.startswith(wanted), "ending": body.endswith(wanted)}
            if not holds[how]:
                raise Mismatch(f"the error {said!r} is not {how} {wanted!r}")

    def expect(self, step: gherkin.Step, how: str) -> None:
        if self.failure is not None:
            raise self.failure
        rows = [self.value(row[0]) for row in step.table[1:]]
        if how == "of":
            right = all(any(same(result, row) for row in rows) for result in self.results)
        elif how == "ordered":
            right = same(self.results, rows)
        else:
            right = matched(self.results, rows)
        if not right:
            raise Mismatch(f"{self.results!r} is not {how} {rows!r}")

    def expect_count(self, step: gherkin.Step, count: str) -> None:
        if self.failure is not None:
            raise self.failure
        if len(self.results) != int(count):
            raise Mismatch(f"{len(self.results)} results, not {count}")

    def expect_graph(self, step: gherkin.Step, count: str, text: str) -> None:
        found = self.ask(text.replace('\\"', '"') + ".count()")[0]
        if found != int(count):
            raise Mismatch(f"the count of {text} is {found}, not {count}")

    def skip(self, step: gherkin.Step, *_: str) -> None:
        """Said for readers."""


ACTS: list[tuple[str, Any]] = [
    (r"the \w+ graph$", Run.skip),
    (r"the graph initializer of$", Run.initialise),
    (r'using the (parameter|side effect) (\w+) defined as "(.*)"$', Run.define),
    (r'using the parameter (\w+) of P\.(\w+)\("(.*)"\)$', Run.define_predicate),
    (r"the traversal of$", Run.remember),
    (r"iterated (to list|next)$", Run.iterate),
    (r'the traversal will raise an error(?: with message (\w+) text of "(.*)")?$', Run.expect_error),
    (r"nothing should happen because", Run.skip),
    (r"the result should be (empty|ordered|unordered|of)$", Run.expect),
    (r"the result should have a count of (\d+)$", Run.expect_count),
    (r'the graph should return (\d+) for count of "(.*)"$', Run.expect_graph),
]


def runnable(scenario: gherkin.Scenario) -> bool:
    """Whether a client in Python can say a scenario, and read what it gives."""
    if any(step.text == "an unsupported test" for step in scenario.steps) or scenario.tags & LEFT_OUT:
        return False
    return not any("the result should be a " in step.text for step in scenario.steps)


@contextmanager
def served(home: Path, graphs: Collection[str], source: zipfile.ZipFile) -> Iterator[Server]:
    """A service of ours with some of the toy graphs, filled."""
    names = ",".join(("graph", *graphs))
    with local_service(home, "--profile", "tinkerpop", "--in-memory", "--graphs", names) as url:
        server = Server("ws" + url.removeprefix("http") + "/gremlin")
        for name in graphs:
            grateful = name == "grateful"
            rows = toy_graphs.from_graphson(source.read(gherkin.GRATEFUL).decode()) if grateful else TABLES[name]()
            toy_graphs.fill(server.g(name), rows)
        yield server
        server.close()


def outcome(scenario: gherkin.Scenario, server: Server) -> str:
    """What went wrong in a scenario; empty where nothing did."""
    try:
        if scenario.graph == "empty":
            server.g("empty").V().drop().to_list()
        Run(scenario, server).execute()
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:300]
    return ""


def known_gaps() -> set[str]:
    """The scenarios that do not pass yet."""
    return {line for line in KNOWN_GAPS.read_text().splitlines() if line and not line.startswith("#")}
