"""pageRank, peerPressure, connectedComponent and shortestPath on graphs small enough to do by hand."""

from __future__ import annotations

from typing import Any

import pytest

from workflow.errors import QueryFailed
from workflow.graphs.store.store import EmbeddedGraph
from workflow.gremlin.engine import Engine
from workflow.gremlin.lang import parse


class Db:
    """A path 1 → 2 → 3 beside a lone 4, and its engine."""

    def __init__(self) -> None:
        self.engine = Engine(EmbeddedGraph(name="g", profile="tinkerpop"), "tinkerpop")
        vertices = ".".join(f"addV('v').property(T.id, {i})" for i in range(1, 5))
        self(f"g.{vertices}.addE('a').from(__.V(1)).to(__.V(2)).addE('b').from(__.V(2)).to(__.V(3)).property('w', 5)")

    def __call__(self, text: str) -> list[Any]:
        found: list[Any] = []
        for traverser in self.engine.run(parse(text)[0].traversal):
            found += [traverser.value] * traverser.bulk
        return found


@pytest.fixture
def db() -> Db:
    return Db()


def test_ranks_add_up_to_one_and_grow_along_edges(db: Db) -> None:
    ranks = dict(
        zip(db("g.V().id()"), db("g.V().pageRank().values('gremlin.pageRankVertexProgram.pageRank')"), strict=True)
    )
    assert sum(ranks.values()) == pytest.approx(1.0)
    assert ranks[3] > ranks[2] > ranks[1] == pytest.approx(ranks[4])


def test_ranks_start_from_the_traversers_that_come_in(db: Db) -> None:
    # one unit at 1, all of it passed on (alpha 1) for one round: it lies at 2
    text = "g.V(1).pageRank(1.0).with('~tinkerpop.pageRank.times', 1).with('~tinkerpop.pageRank.propertyName', 'r')"
    assert db(f"{text}.union(identity(), out()).values('r')") == [0.0, 1.0]


def test_computed_properties_are_not_kept(db: Db) -> None:
    db("g.V().connectedComponent().count()")
    assert db("g.V().properties().count()") == [0]


def test_components_are_named_by_their_smallest_id(db: Db) -> None:
    key = "gremlin.connectedComponentVertexProgram.component"
    assert db(f"g.V().connectedComponent().values('{key}')") == ["1", "1", "1", "4"]
    edges = "with('~tinkerpop.connectedComponent.edges', __.bothE('b'))"
    assert db(f"g.V().connectedComponent().{edges}.values('{key}')") == ["1", "2", "2", "4"]


def test_peers_agree_on_a_cluster(db: Db) -> None:
    # 2 hears 1 and itself: one vote each, so the smaller name; a round later 3 hears it too
    key = "gremlin.peerPressureVertexProgram.cluster"
    assert db(f"g.V().peerPressure().has('{key}').values('{key}')") == [1, 1, 1, 4]


def test_shortest_paths_go_both_ways_unless_told_otherwise(db: Db) -> None:
    def ids(text: str) -> list[list[int]]:
        return sorted([vertex.id for vertex in path.objects] for path in db(text))

    assert ids("g.V(3).shortestPath()") == [[3], [3, 2], [3, 2, 1]]
    assert ids("g.V(3).shortestPath().with('~tinkerpop.shortestPath.edges', Direction.OUT)") == [[3]]
    assert ids("g.V(1).shortestPath().with('~tinkerpop.shortestPath.target', __.hasId(3))") == [[1, 2, 3]]
    assert ids("g.V(1).shortestPath().with('~tinkerpop.shortestPath.maxDistance', 1)") == [[1], [1, 2]]


def test_ties_are_all_told(db: Db) -> None:
    db("g.addV('v').property(T.id, 5).addE('c').from(__.V(1)).addE('c').from(__.V(5)).to(__.V(3))")
    assert db("g.V(1).shortestPath().with('~tinkerpop.shortestPath.target', __.hasId(3)).count()") == [2]


def test_paths_can_be_weighted_and_can_show_their_edges(db: Db) -> None:
    db("g.V(1).addE('long').to(__.V(3)).property('w', 9)")
    db("g.E().hasLabel('a').property('w', 1)")
    text = "g.V(1).shortestPath().with('~tinkerpop.shortestPath.target', __.hasId(3))"
    assert [len(path) for path in db(text)] == [2]
    weighted = (
        f"{text}.with('~tinkerpop.shortestPath.distance', 'w').with('~tinkerpop.shortestPath.includeEdges', true)"
    )
    # 1 + 5 over two edges beats 9 over one: three vertices and two edges
    assert [len(path) for path in db(weighted)] == [5]


def test_programs_refuse_what_is_no_vertex(db: Db) -> None:
    with pytest.raises(QueryFailed, match="works on vertices"):
        db("g.V().id().pageRank()")
