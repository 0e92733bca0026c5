"""A projection names nodes by ids, which belong to no other node while it is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from workflow.catalog.errors import ProcedureRefused

if TYPE_CHECKING:
    from tests.unit.catalog.conftest import Database


def ids(database: Database, name: str) -> list[int]:
    return [row["id"] for row in database("MATCH (n {name: $name}) RETURN id(n) AS id", {"name": name})]


def replaced(database: Database, name: str, other: str) -> tuple[int, int]:
    """Delete a node and add another; the ids of both."""
    (gone,) = ids(database, name)
    database("MATCH (n {name: $name}) DETACH DELETE n", {"name": name})
    for added in ("between", other):  # a row is free once the commit after the last reader has come
        database("CREATE (:Late {name: $name})", {"name": added})
    return gone, ids(database, other)[0]


def test_no_node_gets_the_id_of_a_deleted_one_that_a_projection_names(people: Database) -> None:
    gone, late = replaced(people, "Alice", "Zoe")
    projected = {row["nodeId"] for row in people("CALL gds.degree.stream('myGraph')")}
    assert gone in projected
    assert late not in projected
    with pytest.raises(ProcedureRefused, match=f"has a node {gone} that the database has not"):
        people("CALL gds.degree.write('myGraph', {writeProperty: 'degree'})")


def test_ids_are_given_again_once_the_last_projection_is_dropped(people: Database) -> None:
    people("CALL gds.graph.drop('myGraph') YIELD graphName")
    gone, late = replaced(people, "Alice", "Zoe")
    assert late == gone


def test_a_reset_of_the_database_ends_its_projections(people: Database) -> None:
    people.graph.reset()
    assert people("CALL gds.graph.list() YIELD graphName") == []
    assert people.one("CALL gds.graph.exists('myGraph') YIELD exists") == {"exists": False}
    assert not list(people.analytics.graphs.folder.iterdir())
    people("CREATE (:Person {name: 'Ada'})")
    people("CALL gds.graph.project('myGraph', 'Person', '*')")
    assert people.one("CALL gds.graph.drop('myGraph') YIELD nodeCount") == {"nodeCount": 1}
    gone, late = replaced(people, "Ada", "Zoe")
    assert late == gone
