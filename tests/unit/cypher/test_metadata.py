"""What tools ask first: labels, types and keys of the graph, and lists of what a service has."""

from __future__ import annotations

from typing import Any

import pytest

from workflow.cypher.engine import CypherEngine
from workflow.cypher.errors import CypherSyntaxError
from workflow.cypher.metadata.listings import Listings
from workflow.cypher.metadata.schema import schema_rows
from workflow.cypher.planning.procedures import library
from workflow.cypher.running.options import CypherOptions
from workflow.graphs.store.store import EmbeddedGraph
from workflow.queries.running import QueryRegistry


class Tool:
    """Asks a graph of three people and a town."""

    def __init__(self) -> None:
        self.running = QueryRegistry()
        listings = Listings(["g", "gother"], self.running, "db.example:7687", lambda: table)
        table = library(*schema_rows(), *listings.rows())
        self.engine = CypherEngine(EmbeddedGraph("g", "neptune"), "neptune", table)
        self(
            "CREATE (:Person:Admin {name: 'Ada', age: 36}), (:Person {name: 'Bob'}), (:Person {name: 'Eve', age: 1.5})"
        )
        self("MATCH (a {name: 'Ada'}), (b {name: 'Bob'}) CREATE (a)-[:KNOWS {since: 2001}]->(b)-[:LIVES_IN]->(:Town)")
        self("CREATE (g:Gone {gone: 1}) DELETE g")

    def __call__(self, text: str, **parameters: Any) -> list[Any]:
        """Rows as tuples; a single column bare."""
        answer = self.engine.run(text, CypherOptions(parameters=parameters))
        self.columns = answer.columns
        rows = [tuple(row[name] for name in answer.columns) for row in answer.rows]
        return [row[0] for row in rows] if len(answer.columns) == 1 else rows


@pytest.fixture
def tool() -> Tool:
    return Tool()


def test_labels_types_and_keys_are_those_in_use(tool: Tool) -> None:
    assert tool("CALL db.labels()") == ["Admin", "Person", "Town"]
    assert tool("CALL db.relationshipTypes() YIELD relationshipType AS t RETURN t") == ["KNOWS", "LIVES_IN"]
    assert tool("CALL db.propertyKeys()") == ["age", "name", "since"]


def test_the_question_with_which_a_browser_begins_is_answered(tool: Tool) -> None:
    text = (
        "CALL db.labels() YIELD label RETURN {name: 'labels', data: collect(label)[..1000]} AS result UNION ALL "
        "CALL db.relationshipTypes() YIELD relationshipType AS t RETURN {name: 'types', data: collect(t)} AS result "
        "UNION ALL CALL db.propertyKeys() YIELD propertyKey AS k RETURN {name: 'keys', data: collect(k)} AS result"
    )
    assert [len(row["data"]) for row in tool(text)] == [3, 2, 3]
    assert tool("CALL dbms.components() YIELD name, edition") == [("Neo4j Kernel", "community")]
    assert tool("CALL db.ping()") == [True]
    assert tool("CALL db.awaitIndexes(10)") == []


def test_properties_are_told_by_labels_and_by_type(tool: Tool) -> None:
    assert tool("CALL db.schema.nodeTypeProperties()") == [
        (":`Person`", ["Person"], "age", ["Double"], False),
        (":`Person`", ["Person"], "name", ["String"], True),
        (":`Admin`:`Person`", ["Admin", "Person"], "age", ["Long"], True),
        (":`Admin`:`Person`", ["Admin", "Person"], "name", ["String"], True),
        (":`Town`", ["Town"], None, None, False),
    ]
    assert tool("CALL db.schema.relTypeProperties()") == [
        (":`KNOWS`", "since", ["Long"], True),
        (":`LIVES_IN`", None, None, False),
    ]


def test_procedures_and_functions_are_listed_with_the_columns_asked_for(tool: Tool) -> None:
    tool("SHOW PROCEDURES")
    assert tool.columns == ("name", "description", "mode", "worksOnSystem")
    names = tool("SHOW PROCEDURES YIELD name")
    assert names == sorted(names)
    assert {"db.labels", "dbms.components"} < set(names)
    assert not any(name.startswith("SHOW") for name in names)
    found = tool(
        "SHOW PROCEDURES EXECUTABLE BY CURRENT USER YIELD name, signature AS s WHERE name = 'db.awaitIndexes' RETURN s"
    )
    assert found == ["db.awaitIndexes(timeOutSeconds = 300 :: INTEGER) :: VOID"]
    assert tool("SHOW FUNCTIONS YIELD * WHERE aggregating RETURN count(*) AS n") == [10]
    assert tool("SHOW USER DEFINED FUNCTIONS") == []
    assert tool("SHOW BUILT IN FUNCTIONS YIELD name ORDER BY name DESC SKIP 1 LIMIT 2") == ["type", "trim"]
    assert {"labels", "toUpper", "percentileCont"} < set(tool("SHOW FUNCTION YIELD name"))
    names = tool("SHOW FUNCTIONS YIELD name")
    assert len(names) == len({name.lower() for name in names})


def test_databases_are_those_of_the_service(tool: Tool) -> None:
    assert tool("SHOW DATABASES YIELD name, home, address") == [
        ("neo4j", True, "db.example:7687"),
        ("gother", False, "db.example:7687"),
        ("system", False, "db.example:7687"),
    ]
    assert tool("SHOW DEFAULT DATABASE YIELD name") == ["neo4j"]
    assert [row[0] for row in tool("SHOW DATABASE gother")] == ["gother"]
    assert [row[0] for row in tool("SHOW DATABASES WHERE NOT home")] == ["gother", "system"]
    assert len(tool.columns) == 13


def test_indexes_and_constraints_are_none_and_have_their_columns(tool: Tool) -> None:
    assert tool("SHOW RANGE INDEXES YIELD name, labelsOrTypes, properties RETURN *") == []
    assert tool.columns == ("labelsOrTypes", "name", "properties")
    assert tool("SHOW ALL CONSTRAINTS") == []
    assert tool.columns[:4] == ("id", "name", "type", "entityType")


def test_queries_that_run_are_transactions(tool: Tool) -> None:
    running = tool.running.accept("MATCH (n) RETURN n")
    assert tool("SHOW TRANSACTIONS YIELD currentQuery") == []  # it waits
    running.begin()
    assert tool("SHOW TRANSACTIONS YIELD transactionId, currentQuery, status") == [
        (running.id, "MATCH (n) RETURN n", "Running")
    ]
    assert tool(f"SHOW TRANSACTION '{running.id}' YIELD transactionId") == [running.id]
    assert tool("SHOW TRANSACTIONS 'other' YIELD transactionId") == []


@pytest.mark.parametrize(
    "text", ["SHOW", "SHOW COLOURS", "SHOW FULLTEXT PROCEDURES", "SHOW INDEXES YIELD", "SHOW show INDEXES"]
)
def test_a_command_that_there_is_not_is_refused(tool: Tool, text: str) -> None:
    with pytest.raises(CypherSyntaxError):
        tool(text)


def test_a_column_that_a_command_does_not_give_is_refused(tool: Tool) -> None:
    with pytest.raises(CypherSyntaxError, match="no colour"):
        tool("SHOW INDEXES YIELD colour")
