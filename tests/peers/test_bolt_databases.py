"""Workflows over databases of other makers that speak Bolt: what is read of them, and what is written back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.peers.arcadedb_server import DATABASE, PASSWORD, USER
from tests.peers.peer import PeerMissing, listens, peer
from workflow.client.bolt.tables import database_tables, path_tables
from workflow.drivers import open_bolt
from workflow.errors import WorkflowError

pytestmark = pytest.mark.peers
FILL = """
CREATE (a:Person {name: 'Ann', likes: [1.0, 0.0]}), (b:Person {name: 'Bob', likes: [0.0, 1.0], age: 30}),
  (p:Product {name: 'Pen', style: [0.0, 1.0]}), (a)-[:KNOWS {since: 2001}]->(b),
  (a)-[:WROTE]->(r:Review {score: 0.0})-[:OF]->(p), (b)-[:WROTE]->(s:Review {score: 1.0})-[:OF]->(p)
"""


def address(port: int) -> str:
    return f"bolt://{USER}:{PASSWORD}@127.0.0.1:{port}/{DATABASE}"


def has_its_database(port: int) -> bool:
    """Whether ArcadeDB answers about its database, which it makes after it listens."""
    if not listens(port):
        return False
    database = open_bolt(address(port))
    try:
        return list(database.rows("RETURN 1 AS one")) == [{"one": 1}]
    except WorkflowError:
        return False
    finally:
        database.close()


@pytest.fixture(scope="module", params=["neo4j", "arcadedb"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A database of its own kind, empty but for a few people and what they wrote of a pen."""
    with ExitStack() as stack:
        if request.param == "neo4j":
            found = f"bolt://127.0.0.1:{request.getfixturevalue('neo4j_port')}"
        else:
            try:
                found = address(stack.enter_context(peer("arcadedb", ready=has_its_database)))
            except PeerMissing as missing:
                pytest.skip(str(missing))
        database = open_bolt(found)
        stack.callback(database.close)
        list(database.rows("MATCH (n) DETACH DELETE n"))
        list(database.rows(FILL))
        yield found
        list(database.rows("MATCH (n) DETACH DELETE n"))


def test_labels_types_and_properties_are_read(url: str) -> None:
    nodes, edges = database_tables(url)
    assert sum(len(frame) for frame in nodes) == 5
    assert sorted(label for frame in nodes for label in frame["~label"]) == [
        *("Person", "Person", "Product", "Review", "Review")
    ]
    (knows,) = [frame for frame in edges if set(frame["~label"]) == {"KNOWS"}]
    assert knows["since:Long"].tolist() == [2001]
    ids = {id for frame in nodes for id in frame["~id"]}
    assert {end for frame in edges for end in (*frame["~from"], *frame["~to"])} <= ids
    assert sum(len(frame) for frame in edges) == 5


def test_paths_are_read_as_rows_and_as_edges(url: str) -> None:
    path = "MATCH (a:Person)-[:WROTE]->(r:Review)-[:OF]->(p:Product) "
    (reviews,), none = path_tables(url, {"review": path + "RETURN a.likes + p.style AS x, r.score AS y ORDER BY y"})
    assert none == []
    assert reviews[["x_0", "x_1", "x_2", "x_3", "y"]].values.tolist() == [[1, 0, 0, 1, 0], [0, 1, 0, 1, 1]]
    nodes, (edges,) = path_tables(url, {"reviewed": path + "RETURN a, p, r.score AS score ORDER BY score"})
    assert edges["score"].tolist() == [0.0, 1.0]
    assert sorted(name for frame in nodes for name in frame["name"]) == ["Ann", "Bob", "Pen"]


def test_links_values_and_vectors_are_written_back_by_the_databases_own_ids(url: str) -> None:
    database = open_bolt(url)
    try:
        ids = {row["name"]: row["id"] for row in database.rows(
            "MATCH (n) WHERE n.name IS NOT NULL RETURN n.name AS name, elementId(n) AS id"
        )}  # fmt: skip
        links = [{"source": ids["Bob"], "target": ids["Ann"], "value": 0.5}]
        assert [database.write_links_by_id("MAY_KNOW", links) for _ in range(2)] == [1, 1]
        text = "MATCH (a)-[r:MAY_KNOW]->(b) RETURN a.name AS a, b.name AS b, r.probability AS p"
        assert [tuple(row.values()) for row in database.rows(text)] == [("Bob", "Ann", 0.5)]
        vectors = [{"id": ids["Ann"], "value": [1.0, 2.0]}]
        assert database.write_values_by_id("vector", vectors) == 1
        (found,) = database.rows("MATCH (n:Person {name: 'Ann'}) RETURN n.vector AS vector")
        assert list(found["vector"]) == [1.0, 2.0]
        (edge,) = database.rows("MATCH (:Person)-[r:KNOWS]->() RETURN elementId(r) AS id")
        assert database.write_values_by_id("told", [{"id": edge["id"], "value": 3.0}], edges=True) == 1
        assert list(database.rows("MATCH ()-[r:KNOWS]->() RETURN r.told AS told")) == [{"told": 3.0}]
    finally:
        database.close()
