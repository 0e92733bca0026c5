"""Shortest paths along arrays and node by node are those that networkx finds."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

import networkx as nx
import pytest

from workflow.cypher.engine import CypherEngine
from workflow.graphs.store.store import EmbeddedGraph

WAYS = {"->": "-[:R*]->", "<-": "<-[:R*]-", "--": "-[:R*]-"}


def made(chance: random.Random) -> tuple[CypherEngine, Any]:
    """A random multigraph of relationships R, with some S between that are no way, and the same for networkx."""
    size = chance.randint(2, 90)
    engine, same = CypherEngine(EmbeddedGraph("g", "neptune"), "neptune"), nx.MultiDiGraph()
    same.add_nodes_from(range(size))
    pairs = [[chance.randrange(size), chance.randrange(size), kind] for kind in "RRRS" for _ in range(size)]
    list(engine.run(f"UNWIND range(0, {size - 1}) AS i CREATE (:N {{i: i}})").rows)
    for one, other, kind in pairs:
        if kind == "R":
            same.add_edge(one, other)
    for kind in "RS":
        ends = [[one, other] for one, other, of in pairs if of == kind]
        list(
            engine.run(f"UNWIND {ends} AS e MATCH (a:N {{i: e[0]}}), (b:N {{i: e[1]}}) CREATE (a)-[:{kind}]->(b)").rows
        )
    return engine, same


def ways_of(same: Any, start: int, end: int) -> tuple[int, int] | None:
    """Length and number of the shortest ways, each of several parallel edges being a way of its own."""
    if start == end or not nx.has_path(same, start, end):
        return None
    paths = list(nx.all_shortest_paths(nx.DiGraph(same) if same.is_directed() else nx.Graph(same), start, end))
    count = 0
    for path in paths:
        product = 1
        for one, other in pairwise(path):
            product *= same.number_of_edges(one, other)
        count += product
    return len(paths[0]) - 1, count


@pytest.mark.parametrize("held", [False, True], ids=["over arrays", "node by node"])
@pytest.mark.parametrize("seed", range(3))
def test_the_shortest_ways_are_those_of_networkx(seed: int, held: bool) -> None:
    chance = random.Random(seed)
    engine, same = made(chance)
    both = nx.MultiGraph()
    both.add_nodes_from(same)
    both.add_edges_from(same.edges())  # without keys, so that edges of opposite directions stay apart
    graphs = {"->": same, "<-": same.reverse(), "--": both}
    session = engine.session()  # in a transaction nodes are looked at one by one
    ask = session.run if held else engine.run
    for way, hops in WAYS.items():
        for _ in range(12):
            start, end = (chance.randrange(same.number_of_nodes()) for _ in "ab")
            text = f"MATCH (a:N {{i: {start}}}), (b:N {{i: {end}}}) MATCH p = %s((a){hops}(b)) RETURN length(p) AS l"
            one = [row["l"] for row in ask(text % "shortestPath").rows]
            every = [row["l"] for row in ask(text % "allShortestPaths").rows]
            expected = ways_of(graphs[way], start, end)
            assert one == ([] if expected is None else [expected[0]]), text
            assert every == ([] if expected is None else [expected[0]] * expected[1]), text
    session.rollback()


def test_relationships_of_a_way_lead_from_one_end_to_the_other() -> None:
    engine = CypherEngine(EmbeddedGraph("g", "neptune"), "neptune")
    list(engine.run("CREATE (a:N {i: 0}) WITH a UNWIND range(1, 60) AS i CREATE (a)-[:R]->(:N {i: i})").rows)
    list(engine.run("MATCH (b:N) WHERE b.i > 0 CREATE (b)-[:R {i: b.i}]->(:M {i: b.i})").rows)
    list(engine.run("MATCH (m:M) WHERE m.i = 7 CREATE (m)-[:R]->(:Z)").rows)
    text = "MATCH (a:N {i: 0}), (z:Z) MATCH p = shortestPath((a)-[:R*]->(z)) RETURN [n IN nodes(p) | n.i] AS found"
    assert [row["found"] for row in engine.run(text).rows] == [[0, 7, 7, None]]
