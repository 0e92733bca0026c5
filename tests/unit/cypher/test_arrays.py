"""Plans over arrays answer as the ordinary operators do, over small random graphs with everything that is hard."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from workflow.cypher.engine import CypherEngine, CypherSession
from workflow.cypher.errors import CypherArithmeticError, CypherTypeError
from workflow.cypher.running import arrays, clauses
from workflow.cypher.running.array_plan import ArrayPlan
from workflow.cypher.running.options import CypherOptions
from workflow.cypher.semantics.relations import equivalence_key
from workflow.errors import ConcurrentModification
from workflow.graphs.elements import Vertex
from workflow.graphs.store.store import EmbeddedGraph

WALKS = (
    "(a)", "(a:A)", "(a)-[:R]->(b)", "(a)-->(b)", "(a)<-[r:S]-(b:A)", "(a)-[:R]-(b)", "(a:A:B)-[:R|S]-(b)",
    "(a)-[:R]->(b)-[:R]->(c)", "(a)-->(b)<--(c)", "(a)--(b)--(c)", "(a:A)-[:R]-(b)-[:R|S]-(c:B)",
    "(a)-[:R]->(b)-[:S]->(c)-[:R]->(d)", "(a)-->(b)-->(c)-->(d:A)", "(a)--(b)--(c)--(d)", "(a)<--(b)-->(c)--(d {k: 1})",
    "(a {k: 1})-->(b)-->(c)", "(a)-->(b)-->(c {k: 2})", "(a)-->()-->(c)",
)  # fmt: skip
WHERES = ("", "a.k = 1", "a.k > 1 AND a.f < 2.5", "a.s = 'x'", "a.s STARTS WITH 'x'", "a.k IN [1, 2]", "a:B OR a.k = 0",
          "a.f >= 1", "a.k IS NULL", "a.m = 1", "a.k <> 1", "$n = a.k", "a.none = 1")  # fmt: skip
WANTED = (
    "count(*) AS n", "a.k AS k, count(*) AS n", "a.k AS k, a.s AS s, sum(a.f) AS f, avg(a.k) AS v ORDER BY k, s",
    "min(a.k) AS l, max(a.f) AS h, count(a.s) AS c", "count(DISTINCT a) AS n, sum(a.k) AS s", "a AS a, count(*) AS n",
    "a.k AS k, a.s AS s", "a AS a ORDER BY a LIMIT 3", "a.m AS m, count(*) AS n", "sum(a.m) AS n",
    "a.none AS x, count(*) AS n", "a.s AS s ORDER BY a.k, a.f DESC", "a.k AS k ORDER BY a.s DESC, k LIMIT 4",
    "a.f AS f ORDER BY a.none, f DESC SKIP 2", "a AS a, a.k AS k ORDER BY a.m DESC, a LIMIT 2",
    "a.k AS a ORDER BY a DESC", "a.s AS s SKIP 1 LIMIT 3", "a.k AS k LIMIT 0", "a.k AS k ORDER BY a.k + 1",
    "count(*) AS n, a.f AS f ORDER BY n DESC, f SKIP 1 LIMIT 2",
)  # fmt: skip


def graph(chance: random.Random, *, loops: bool) -> str:
    count = chance.randint(3, 9)
    parts = []
    for number in range(count):
        labels = "".join(f":{label}" for label in "AB" if chance.random() < 0.6)
        values = {
            "k": str(chance.randint(0, 3)), "f": str(chance.randint(0, 6) / 2),
            "s": chance.choice(("'x'", "'y'", "'xz'")),
            "m": chance.choice(("1", "1.0", "'1'", "true")),
        }  # fmt: skip
        held = ", ".join(f"{key}: {value}" for key, value in values.items() if chance.random() < 0.7)
        parts.append(f"(n{number}{labels} {{{held}}})")
    for _ in range(chance.randint(0, 14)):
        source, target = chance.randrange(count), chance.randrange(count)
        if source != target or loops:
            parts.append(f"(n{source})-[:{chance.choice('RST')}]->(n{target})")
    return "CREATE " + ", ".join(parts)


def rows(engine: CypherEngine | CypherSession, text: str, **options: Any) -> list[Any]:
    result = engine.run(text, CypherOptions(parameters={"n": 2}, **options))
    try:
        return [tuple(row[name] for name in result.columns) for row in result.rows]
    except CypherTypeError:
        return [("an error",)]


def keys(found: list[Any]) -> list[Any]:
    return [tuple(equivalence_key(_rounded(one)) for one in row) for row in found]


def same(values: list[Any]) -> Any:
    return Counter(keys(values))


def _rounded(value: Any) -> Any:
    if isinstance(value, Vertex):
        return value.id  # the same one in another version of the graph
    return round(value, 9) if isinstance(value, float) else value


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> Counter[bool]:
    """How often arrays answered, and how often they could not."""
    seen: Counter[bool] = Counter()
    walk = arrays._walk

    def counted(plan: ArrayPlan, run: Any, step: int) -> Any:
        try:
            found = walk(plan, run, step)
        except arrays.NotAsArrays:
            seen[False] += 1
            raise
        seen[True] += 1
        return found

    monkeypatch.setattr(arrays, "_walk", counted)
    return seen


@pytest.mark.parametrize("seed", range(12))
def test_arrays_and_rows_answer_alike(seed: int, taken: Counter[bool], monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(seed)
    monkeypatch.setattr(arrays, "BLOCK", chance.choice((1, 3, 1 << 20)))  # pieces of every size
    monkeypatch.setattr(arrays, "PART", chance.choice((1, 2, 1 << 14)))
    monkeypatch.setattr(arrays, "FEW_LOOKUPS", chance.choice((0, 2, 1000)))
    store = EmbeddedGraph("g", "neptune")
    list(CypherEngine(store, "neptune").run(graph(chance, loops=seed % 3 == 0)).rows)
    fast = CypherEngine(store, "neptune")
    questions = []
    for walk in WALKS:
        for where in (*chance.sample(WHERES, 4), ""):
            for wanted in chance.sample(WANTED, 4):
                condition = f" WHERE {where}" if where else ""
                questions.append(f"MATCH {walk}{condition} RETURN {wanted}")
    answers = [rows(fast, text) for text in questions]
    assert taken[True] > len(questions) / 4
    assert [keys(rows(fast, text, blocks=True)) for text in questions] == list(map(keys, answers))
    for read_only in (False, True):
        session = fast.session()
        for text, found in list(zip(questions, answers, strict=True))[::5]:
            if "LIMIT" not in text and "SKIP" not in text:  # ties may fall either way
                assert same(rows(session, text, read_only=read_only)) == same(found), text
        session.rollback()
    monkeypatch.setattr(clauses, "array_plan", lambda *_: None)
    slow = CypherEngine(store, "neptune")
    for text, found in zip(questions, answers, strict=True):
        expected = rows(slow, text)
        if "ORDER BY" in text and not any(hop in text for hop in ("->", "<-", "--", "]-")):
            assert keys(found) == keys(expected), text  # of one node: in the same order, ties as they were created
        elif "LIMIT" in text or "SKIP" in text:  # ties may fall either way
            assert len(found) == len(expected), text
        else:
            assert same(found) == same(expected), text


def test_rows_that_are_limited_come_in_their_order(taken: Counter[bool]) -> None:
    engine = CypherEngine(EmbeddedGraph("g", "neptune"), "neptune")
    list(engine.run("UNWIND range(1, 100) AS n CREATE (:P {n: n, g: n % 3})").rows)
    assert rows(engine, "MATCH (p:P) RETURN p.n AS n ORDER BY n DESC SKIP 2 LIMIT 2") == [(98,), (97,)]
    assert rows(engine, "MATCH (p:P) RETURN p.g AS g, count(*) AS c ORDER BY g") == [(0, 33), (1, 34), (2, 33)]
    assert rows(engine, "MATCH (p:P) WITH p.g AS g, sum(p.n) AS s WITH g, s ORDER BY s LIMIT 1 RETURN g, s") == [
        (2, 1650)
    ]
    assert taken == {True: 3}


def test_what_was_written_before_is_seen_and_no_change_is_planned_so(taken: Counter[bool]) -> None:
    engine = CypherEngine(EmbeddedGraph("g", "neptune"), "neptune")
    list(engine.run("CREATE (:P {n: 1})-[:R]->(:P {n: 2})").rows)
    session = engine.session()
    list(session.run("CREATE (:P {n: 3})").rows)
    assert [row["c"] for row in session.run("MATCH (p:P) RETURN count(*) AS c").rows] == [3]
    session.rollback()
    list(engine.run("MATCH (p:P) WITH p.n AS n, count(*) AS c CREATE (:Q {n: n + c})").rows)
    assert rows(engine, "MATCH (q:Q) RETURN count(*) AS c, sum(q.n) AS s") == [(2, 5)]


def test_rows_are_sorted_by_what_is_not_returned(taken: Counter[bool]) -> None:
    engine = CypherEngine(EmbeddedGraph("g", "neptune"), "neptune")
    list(engine.run("UNWIND range(1, 100) AS n CREATE (:P {n: n, x: (n * 37) % 101})").rows)
    # 37 * 11 = 407 = 3 mod 101 and so on: of 1, 2, 3 times the inverse of 37, which is 71
    assert rows(engine, "MATCH (p:P) RETURN p.n ORDER BY p.x LIMIT 3") == [(71,), (41,), (11,)]
    assert rows(engine, "MATCH (p:P) RETURN p.n ORDER BY p.x DESC SKIP 97") == [(11,), (41,), (71,)]
    assert taken == {True: 2}


def test_nulls_and_what_is_no_number_come_last_and_first_when_descending(taken: Counter[bool]) -> None:
    engine = CypherEngine(EmbeddedGraph("g", "neptune"), "neptune")
    list(engine.run("UNWIND [1.5, null, 0.0 / 0.0, -2.0] AS x CREATE (:P {n: coalesce(toString(x), '-'), x: x})").rows)
    names = [one for (one,) in rows(engine, "MATCH (p:P) RETURN p.n ORDER BY p.x")]
    assert names == ["-2.0", "1.5", "NaN", "-"]
    assert [one for (one,) in rows(engine, "MATCH (p:P) RETURN p.n ORDER BY p.x DESC")] == names[::-1]
    assert taken == {True: 2}


def test_the_largest_integers_sort_by_their_value(taken: Counter[bool]) -> None:
    engine = CypherEngine(EmbeddedGraph("g", "neptune"), "neptune")
    list(engine.run(f"UNWIND [0, {2**63 - 1}, -{2**63 - 1} - 1, {2**63 - 2}] AS x CREATE (:P {{x: x}})").rows)
    ordered = [(2**63 - 1,), (2**63 - 2,), (0,), (-(2**63),)]
    assert rows(engine, "MATCH (p:P) RETURN p.x AS y ORDER BY p.x DESC") == ordered
    assert rows(engine, "MATCH (p:P) RETURN p.x AS y ORDER BY y") == ordered[::-1]
    assert taken == {True: 2}


def test_a_transaction_counts_as_arrays_and_meets_who_writes_the_labels_types_and_keys_of_that(
    taken: Counter[bool],
) -> None:
    engine = CypherEngine(EmbeddedGraph("g", "neptune"), "neptune")
    list(engine.run("CREATE (:P {n: 1})-[:R]->(:Q {n: 2})").rows)
    one = engine.session()
    list(one.run("CREATE (:P {n: 3})").rows)
    assert rows(one, "MATCH (p:P) RETURN count(*), sum(p.n)") == [(2, 4)]
    assert rows(one, "MATCH (p:P)-[:R]->(q) RETURN count(*)") == [(1,)]
    assert taken == {True: 2}
    assert rows(one, "MATCH (p:P {n: 1})-[:R]->()-[:R]->(q) RETURN count(*)") == [(0,)]
    assert taken == {True: 2, False: 1}
    list(engine.run("CREATE (:Other {m: 1})-[:S]->(:Other)").rows)
    one.commit()
    two = engine.session()
    assert rows(two, "MATCH (p:P) RETURN count(*)") == [(2,)]
    list(two.run("CREATE (:Count {n: 2})").rows)
    list(engine.run("CREATE (:P {n: 4})").rows)
    with pytest.raises(ConcurrentModification):
        two.commit()


def test_a_sum_beyond_64_bits_is_an_error(taken: Counter[bool]) -> None:
    engine = CypherEngine(EmbeddedGraph("g", "neptune"), "neptune")
    list(engine.run("UNWIND range(1, 3) AS n CREATE (:P {n: 9223372036854775806})").rows)
    with pytest.raises(CypherArithmeticError):
        rows(engine, "MATCH (p:P) RETURN sum(p.n) AS s")
    assert rows(engine, "MATCH (p:P) RETURN max(p.n) AS s, count(p.n) AS c") == [(2**63 - 2, 3)]
