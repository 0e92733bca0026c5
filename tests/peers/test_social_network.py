"""LDBC's complex and short reads: our openCypher beside a real Neo4j, and our Gremlin beside our openCypher."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import neo4j
import pytest

from tests.peers import social_network as network
from workflow.cypher.engine import CypherEngine
from workflow.cypher.running.options import CypherOptions
from workflow.graphs.store.store import EmbeddedGraph
from workflow.gremlin.engine import Engine
from workflow.gremlin.lang import parse

SOME = 12  # people and messages that the short reads are asked of


@dataclass
class Ours:
    """Both languages over one graph."""

    graph: EmbeddedGraph
    spent_s: float = 0.0

    def cypher(self, text: str, parameters: dict[str, Any]) -> list[list[Any]]:
        options = CypherOptions(parameters=parameters, ids="integer", timeout_s=60)
        began = time.process_time()
        rows = [list(row.values()) for row in CypherEngine(self.graph, "neptune").run(text, options).rows]
        self.spent_s += time.process_time() - began
        return rows

    def gremlin(self, text: str, parameters: dict[str, Any]) -> list[list[Any]]:
        (script,) = parse(text, parameters)
        return [list(found.value.values()) for found in Engine(self.graph, "neptune").run(script.traversal)]


@pytest.fixture(scope="module")
def folder(data_folder: Path) -> Path:
    found = data_folder / "ldbc-snb-tiny"
    if not found.is_dir():
        pytest.skip("LDBC's social network is not there")
    return found


@pytest.fixture(scope="module")
def ours(folder: Path) -> Ours:
    made = Ours(EmbeddedGraph("g", "neptune"))
    for load in network.loads(folder):
        made.cypher(load.text, {"rows": load.rows})
    return made


@pytest.fixture(scope="module")
def theirs(folder: Path, neo4j_port: int) -> Iterator[neo4j.Session]:
    options = {"notifications_min_severity": "OFF"}
    with neo4j.GraphDatabase.driver(f"bolt://127.0.0.1:{neo4j_port}", **options) as driver, driver.session() as session:
        session.run("MATCH (n) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 10000 ROWS").consume()
        for labels in network.NODES.values():
            for label in labels.split(":"):
                session.run(f"CREATE INDEX {label}_id IF NOT EXISTS FOR (n:{label}) ON (n.id)").consume()
        session.run("CALL db.awaitIndexes()").consume()
        for load in network.loads(folder):
            session.run(load.text, rows=load.rows).consume()
        yield session
        session.run("MATCH (n) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 10000 ROWS").consume()
        for labels in network.NODES.values():
            for label in labels.split(":"):
                session.run(f"DROP INDEX {label}_id IF EXISTS").consume()


def asked(ours: Ours, folder: Path, kind: str, number: int) -> list[dict[str, Any]]:
    """The parameters of a read: those of the benchmark, or some people and messages."""
    if kind == "complex":
        return network.parameters(folder, number)
    label, key = ("Person", "personId") if number <= 3 else ("Message", "messageId")
    ids = [id for (id,) in ours.cypher(f"MATCH (n:{label}) RETURN n.id ORDER BY n.id", {})]
    return [{key: id} for id in ids[:: len(ids) // SOME]]


def told(value: Any) -> Any:
    """A value to compare; lists that were collected are in no order."""
    if isinstance(value, list):
        return sorted(map(told, value), key=repr)
    return round(value, 9) if isinstance(value, float) else value


READS = [("complex", number) for number in network.COMPLEX] + [("short", number) for number in network.SHORT]


@pytest.mark.parametrize(("kind", "number"), READS)
def test_a_read_in_cypher_is_answered_as_neo4j_answers_it(
    ours: Ours, theirs: neo4j.Session, folder: Path, kind: str, number: int, record_property: Any
) -> None:
    text = (network.COMPLEX if kind == "complex" else network.SHORT)[number]
    ours.spent_s, waited_s = 0.0, 0.0
    for parameters in asked(ours, folder, kind, number):
        began = time.perf_counter()
        expected = [list(record.values()) for record in theirs.run(text, parameters)]
        waited_s += time.perf_counter() - began
        found = ours.cypher(text, parameters)
        assert [list(map(told, row)) for row in found] == [list(map(told, row)) for row in expected], parameters
    record_property("ours_cpu_s", round(ours.spent_s, 3))
    record_property("neo4j_waited_s", round(waited_s, 3))


def test_every_read_stands_in_both_languages() -> None:
    assert set(network.GREMLIN) == {f"{kind} {number}" for kind, number in READS}


@pytest.mark.parametrize("name", network.GREMLIN)
def test_a_read_in_gremlin_is_answered_as_in_cypher(ours: Ours, folder: Path, name: str) -> None:
    text, columns = network.GREMLIN[name]
    kind, number = name.split()
    cypher = (network.COMPLEX if kind == "complex" else network.SHORT)[int(number)]
    for parameters in asked(ours, folder, kind, int(number)):
        expected = [[row[at] for at in columns] for row in ours.cypher(cypher, parameters)]
        assert ours.gremlin(text, parameters) == expected, parameters
