"""A database that speaks Bolt keeps the contract of graph sources, and takes results back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bolt_server import BoltServer, BoltServers
from tests.contracts.graph_source_contract import SourceDriverContract
from workflow.drivers import open_bolt, open_source
from workflow.errors import AccessDenied, BadRequest, QueryFailed
from workflow.graphs.source import SourceDriver

FILL = """
CREATE (a:Person:Student {`~id`: 'a', name: 'Ann', tag: ['x', 'y']}), (b:Person {`~id`: 'b', name: 'Bob', age: 30}),
  (c:City {`~id`: 'c'}), (a)-[:knows {`~id`: 'e1', since: 2001}]->(b), (b)-[:knows {`~id`: 'e2'}]->(b),
  (a)-[:`lives in` {`~id`: 'e3', weight: 0.5}]->(c)
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[BoltServer]:
    with BoltServers(tmp_path) as servers:
        yield servers.begin(users={"ada": "love:lace"})


@pytest.fixture
def database(server: BoltServer) -> Iterator[Any]:
    found = open_bolt(f"bolt://ada:love%3Alace@127.0.0.1:{server.port}")
    yield found
    found.close()


class TestBoltSource(SourceDriverContract):
    @pytest.fixture
    def driver(self, server: BoltServer, database: Any) -> Iterator[SourceDriver]:
        assert list(database.rows(FILL)) == []
        found = open_source(f"bolt://ada:love%3Alace@127.0.0.1:{server.port}")
        yield found
        found.close()


def test_predictions_and_embeddings_are_written_back_by_key(database: Any) -> None:
    list(database.rows("UNWIND ['Ann', 'Bob', 'Cy'] AS name CREATE (:`Odd``Label` {`a key`: name})"))
    label, key = "Odd`Label", "a key"
    links = [("Ann", "Bob", 0.9), ("Bob", "Cy", 0.7), ("Ann", "Bob", 0.8), ("Ann", "Nobody", 0.5)]
    assert database.write_links(label, key, "MAY_KNOW", links) == 4
    text = "MATCH (a)-[r:MAY_KNOW]->(b) RETURN a.`a key` AS a, b.`a key` AS b, r.probability AS p ORDER BY a, b"
    # the pair that came twice is one relationship, and nobody is made for a key that is not there
    assert [tuple(row.values()) for row in database.rows(text)] == [("Ann", "Bob", 0.8), ("Bob", "Cy", 0.7)]
    assert database.write_properties(label, key, "embedding", [("Ann", [1.0, 2.0]), ("Dee", [3.0])]) == 2
    text = f"MATCH (n:`Odd``Label`) WHERE n.embedding IS NOT NULL RETURN n.`{key}` AS k, n.embedding AS e ORDER BY k"
    assert [tuple(row.values()) for row in database.rows(text)] == [("Ann", [1.0, 2.0]), ("Dee", [3.0])]


def test_pairs_of_a_path_come_as_rows(database: Any) -> None:
    list(database.rows("CREATE (:P {x: [0, 1]})-[:WROTE]->(:R {score: 1.0})-[:OF]->(:Q {y: [1, 0]})"))
    text = "MATCH (p:P)-[:WROTE]->(r:R)-[:OF]->(q:Q) WHERE r.score > $least RETURN p.x + q.y AS x, r.score AS y"
    assert list(database.rows(text, {"least": 0})) == [{"x": [0, 1, 1, 0], "y": 1.0}]


def test_failures_say_which_database_and_why(server: BoltServer, database: Any) -> None:
    with pytest.raises(QueryFailed, match=r"127\.0\.0\.1.* refused a query"):
        list(database.rows("RETURN m"))
    wrong = open_bolt(f"bolt://ada:byron@127.0.0.1:{server.port}")
    with pytest.raises(AccessDenied, match="refused the credentials"):
        list(wrong.rows("RETURN 1"))
    wrong.close()
    nobody = open_bolt("bolt://127.0.0.1:1")
    with pytest.raises(BadRequest, match="cannot be reached"):
        list(nobody.rows("RETURN 1"))
    nobody.close()
