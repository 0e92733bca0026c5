"""Patterns that are found for many rows at once give the rows, in the order, in which they are found one by one."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from workflow.cypher.engine import CypherEngine
from workflow.cypher.errors import CypherArithmeticError, CypherTypeError
from workflow.cypher.running import clauses, tables
from workflow.cypher.running.options import CypherOptions
from workflow.errors import TimeLimitExceeded
from workflow.graphs.store.store import EmbeddedGraph

NODES, EDGES = 16, 40
BEFORE = (
    "MATCH (a:A)", "MATCH (a) WITH a ORDER BY a.i DESC", "MATCH (a {i: 3})",
    "UNWIND [1, 2, 2, 99] AS x MATCH (a {i: x})",
    "MATCH (a:A) OPTIONAL MATCH (a)-[:T]->(b:B)", "UNWIND range(0, 200) AS x MATCH (a {i: x % 7})",
)  # fmt: skip
PATTERNS = (
    "(a)-[:R]->(c)", "(a)-[r]-(c:B)", "(a)-[r:R]-(c)-[s:R]-(d)", "(a)<-[:S]-(c)-[:S]->(a)", "(a)-[:R]->(c)-->(d:A)",
    "(a)-[:S*0..2]->(c)", "(a)-[:R]->(c)-[t:S*]->(d:B)", "(a)-[:R*1..2]-(c)-[:R]->(d)", "(a)-[r:R|S {w: 1}]->(c)",
    "(a)-[:R]->(c), (c)-[:S]->(d)", "(a)-[:R]->(c), (d {i: 4})", "p = (a)-[:R]->(c)-[:S]->(d)",
    "(c)-[:R]->(a)-[:R]->(d)", "(a)-[:!S]->(c)", "(c:B)-[:R]->(d:A)", "(c)-[:R]->(d)<-[:S]-(c)",
    "shortestPath((a)-[*..3]-(c:B))", "(a)-[:R]->(c {k: a.k})",
)  # fmt: skip
WHERES = ("", "c.k > 1", "2 >= c.k", "c.k = 1 AND a.i < 20", "c <> a", "a = c", "c.s STARTS WITH 'x'", "c.f < 1.5",
          "c.i > a.i", "NOT c.k IN [0, 2]", "c.none IS NULL", "EXISTS { (c)-[:T]->() }", "c.k < $n", "c.k < null",
          "rand() < 2", "c IN near", "a.s = c.s", "c.s = 'x'", "c.k > 1 OR a.i = 3", "1 <= c.k < 3")  # fmt: skip
BEHIND = (
    "*", "c.i AS x ORDER BY c.k DESC, x LIMIT 3", "c.k AS c, a.i AS i ORDER BY c.k, i LIMIT 4",
    "a.i AS i, c.i AS x ORDER BY c.f LIMIT 2", "c.k AS k ORDER BY k DESC SKIP 1 LIMIT 2", "count(*) AS n",
    "c.i AS x ORDER BY c.f DESC, c.i LIMIT 0", "DISTINCT c.k AS k ORDER BY k LIMIT 2",
    "c.s AS s ORDER BY c.s, c.i LIMIT 3",
)  # fmt: skip


def graph(seed: int) -> CypherEngine:
    chance = random.Random(seed)
    parts = []
    for number in range(NODES):
        labels = "".join(f":{label}" for label in "AB" if chance.random() < 0.6)
        values = {"k": chance.randint(0, 3), "f": chance.randint(0, 6) / 2, "s": chance.choice(("'x'", "'y'", "'xz'"))}
        held = "".join(f", {key}: {value}" for key, value in values.items() if chance.random() < 0.8)
        parts.append(f"(n{number}{labels} {{i: {number}{held}}})")
    for _ in range(EDGES):
        source, target = chance.randrange(NODES), chance.randrange(NODES)  # loops, and several between two
        parts.append(f"(n{source})-[:{chance.choice('RST')} {{w: {chance.randint(0, 2)}}}]->(n{target})")
    engine = CypherEngine(EmbeddedGraph("g", "neptune"), "neptune")
    list(engine.run("CREATE " + ", ".join(parts), CypherOptions()).rows)
    return engine


def found(engine: CypherEngine, text: str, **options: Any) -> list[str]:
    result = engine.run(text, CypherOptions(parameters={"n": 2}, **options))
    return [repr([row[name] for name in result.columns]) for row in result.rows]


def questions(count: int) -> Iterator[str]:
    chance = random.Random(7)
    for _ in range(count):
        before, pattern, where = chance.choice(BEFORE), chance.choice(PATTERNS), chance.choice(WHERES)
        optional = chance.choice(("", "", "OPTIONAL "))
        if "near" in where:
            before += chance.choice((" WITH *, [(a)--(z) | z] + [null, 1] AS near", " WITH *, null AS near"))
        yield f"{before} {optional}MATCH {pattern}{' WHERE ' * bool(where)}{where} RETURN {chance.choice(BEHIND)}"


@pytest.mark.parametrize("part_of_all", [1 << 20, 0], ids=["along arrays", "along lists"])
def test_tables_give_the_rows_that_are_found_one_by_one(monkeypatch: pytest.MonkeyPatch, part_of_all: int) -> None:
    engine = graph(1)
    every = list(questions(160))
    monkeypatch.setattr(clauses, "table_graph", lambda run: None)
    alone = [found(engine, one) for one in every]
    monkeypatch.undo()
    monkeypatch.setattr(tables, "PART_OF_ALL", part_of_all or 1)
    if not part_of_all:
        monkeypatch.setattr(tables, "numbers", lambda table, name, key: None)
    monkeypatch.setattr(tables, "PIECE", 40)  # tables are cut everywhere
    monkeypatch.setattr(tables, "MOST_TRAILS", 12)  # and some nodes have more
    monkeypatch.setattr(clauses, "FIRST_BATCH", 3)
    different = [one for one, rows in zip(every, alone, strict=True) if found(engine, one) != rows]
    assert different == []
    assert sum(map(len, alone)) > 500


def test_a_limit_leaves_rows_out_before_they_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = graph(2)
    made = 0
    rows = tables.Table.rows

    def counted(table: tables.Table, names: Any = None) -> Iterator[Any]:
        nonlocal made
        for one in rows(table, names):
            made += 1
            yield one

    monkeypatch.setattr(tables.Table, "rows", counted)
    text = "MATCH (a) WITH a MATCH (a)-->(b)-->(c) RETURN c.i AS i ORDER BY c.i DESC"
    every = found(engine, text)
    whole, made = made, 0
    assert found(engine, text + " LIMIT 1") == every[:1]
    assert made < whole / 3


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("MATCH (a) WITH a MATCH (a)-->(b) RETURN 1 / (b.i - b.i) AS x ORDER BY b.i LIMIT 1", CypherArithmeticError),
        ("MATCH (a) WITH a.i AS a MATCH (a)-->(b) RETURN b", CypherTypeError),
    ],
)
def test_what_fails_row_by_row_fails_in_tables(text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        found(graph(3), text)


def test_a_time_limit_ends_a_query_that_goes_along_tables() -> None:
    text = (
        "MATCH (a) WITH a MATCH (a)--(b)--(c)--(d)--(e)--(f)--(g)--(h)--(i) WHERE i.i > h.i + 1000 RETURN count(i) AS n"
    )
    with pytest.raises(TimeLimitExceeded):
        found(graph(4), text, timeout_s=0.05)
