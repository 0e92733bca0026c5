"""What tools ask first has Neo4j's columns, and of the same graph Neo4j's answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import neo4j
import pytest

from tests.bolt_server import BoltServers

SOME = (
    "CREATE (a:Person:Admin {name: 'Ada', age: 36, born: date('1990-01-02')}), (b:Person {name: 'Bob', likes: ['x']}), "
    "(a)-[:KNOWS {since: 2001}]->(b)-[:LIVES_IN]->(:Town), (:Person {name: 'Eve', age: 1.5})"
)


@pytest.fixture(scope="module")
def theirs(neo4j_port: int) -> Iterator[neo4j.Session]:
    options = {"notifications_min_severity": "OFF"}
    with neo4j.GraphDatabase.driver(f"bolt://127.0.0.1:{neo4j_port}", **options) as driver, driver.session() as session:
        session.run("MATCH (n) DETACH DELETE n").consume()
        session.run(SOME).consume()
        yield session
        session.run("MATCH (n) DETACH DELETE n").consume()


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[neo4j.Session]:
    home = tmp_path_factory.mktemp("home")
    with BoltServers(home) as servers, servers.begin().driver() as driver, driver.session() as session:
        session.run(SOME).consume()
        yield session


@pytest.mark.parametrize(
    "command",
    [
        "SHOW PROCEDURES", "SHOW PROCEDURES YIELD *", "SHOW FUNCTIONS", "SHOW FUNCTIONS YIELD *", "SHOW INDEXES",
        "SHOW INDEXES YIELD *", "SHOW CONSTRAINTS", "SHOW CONSTRAINTS YIELD *", "SHOW DATABASES", "SHOW TRANSACTIONS",
        "CALL db.labels()", "CALL db.relationshipTypes()", "CALL db.propertyKeys()", "CALL db.schema.visualization()",
        "CALL db.schema.nodeTypeProperties()", "CALL db.schema.relTypeProperties()", "CALL dbms.components()",
        "CALL db.ping()", "CALL db.info()",
    ],
)  # fmt: skip
def test_the_columns_are_those_of_neo4j(ours: neo4j.Session, theirs: neo4j.Session, command: str) -> None:
    assert ours.run(command).keys() == theirs.run(command).keys()


@pytest.mark.parametrize(
    "text",
    [
        "CALL db.schema.nodeTypeProperties()",
        "CALL db.schema.relTypeProperties()",
        "CALL db.labels() YIELD label WHERE label IN ['Person', 'Admin', 'Town'] RETURN label",
        "SHOW DATABASES YIELD name, type, access, role, writer, currentStatus, default, home WHERE name <> 'gother'",
        "SHOW HOME DATABASE YIELD name",
    ],
)
def test_the_answers_are_those_of_neo4j(ours: neo4j.Session, theirs: neo4j.Session, text: str) -> None:
    def told(session: neo4j.Session) -> list[Any]:
        rows = [[sorted(one) if isinstance(one, list) else one for one in row.values()] for row in session.run(text)]
        return sorted(rows, key=repr)

    assert told(ours) == told(theirs)
