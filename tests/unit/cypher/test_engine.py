"""openCypher over an embedded graph, end to end: what queries answer, write, refuse and leave."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from workflow.cypher.engine import CypherEngine
from workflow.cypher.errors import (
    ConstraintFailed,
    CypherArithmeticError,
    CypherSemanticError,
    CypherSyntaxError,
    CypherTypeError,
    EntityNotFound,
    ParameterMissing,
    ProcedureError,
)
from workflow.cypher.functions.aggregates import Collect
from workflow.cypher.functions.function import Function
from workflow.cypher.planning.procedures import (
    Argument,
    Library,
    NamedAggregation,
    NamedFunction,
    Procedure,
    library,
)
from workflow.cypher.running import writing
from workflow.cypher.running.options import CypherOptions
from workflow.cypher.running.run import CypherRun
from workflow.cypher.running.writing import Writing
from workflow.errors import (
    CancelledByUser,
    ConstraintViolation,
    QueryTooLarge,
    ReadOnlyViolation,
    TimeLimitExceeded,
    UnsupportedOperation,
)
from workflow.graphs.elements import Edge, Vertex
from workflow.graphs.store.store import EmbeddedGraph
from workflow.gremlin.engine import Engine
from workflow.gremlin.lang import parse as gremlin

PEOPLE = """
CREATE (ada:Person:Admin {name: 'Ada', age: 36}), (bob:Person {name: 'Bob', age: 41}), (eve:Person {name: 'Eve'}),
       (ada)-[:KNOWS {since: 2001}]->(bob), (bob)-[:KNOWS {since: 2010}]->(eve), (eve)-[:LIKES]->(ada),
       (bob)-[:LIKES]->(bob)
"""


class Bench:
    def __init__(self, profile: Any = "neptune", library: Library | None = None) -> None:
        self.graph = EmbeddedGraph("g", profile)
        self.engine = CypherEngine(self.graph, profile, library)

    def __call__(self, query: str, **parameters: Any) -> list[Any]:
        """Rows as tuples; a single column bare."""
        answer = self.engine.run(query, CypherOptions(parameters=parameters))
        rows = [tuple(row[name] for name in answer.columns) for row in answer.rows]
        return [row[0] for row in rows] if len(answer.columns) == 1 else rows


@pytest.fixture(params=["neptune", "tinkerpop"])
def bench(request: pytest.FixtureRequest) -> Bench:
    made = Bench(request.param)
    made(PEOPLE)
    return made


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("MATCH (n:Person) RETURN n.name ORDER BY n.name", ["Ada", "Bob", "Eve"]),
        ("MATCH (n:Admin) RETURN n.name", ["Ada"]),
        ("MATCH (n:Person&!Admin) RETURN count(*)", [2]),
        ("MATCH (a)-[r:KNOWS]->(b) WHERE r.since > 2005 RETURN a.name, b.name", [("Bob", "Eve")]),
        ("MATCH (a {name: 'Ada'})-[:KNOWS*]->(b) RETURN b.name ORDER BY b.name", ["Bob", "Eve"]),
        ("MATCH (a {name: 'Ada'})-[*0..1]-(b) RETURN count(b)", [3]),
        ("MATCH (a)-[]-(a) RETURN a.name", ["Bob"]),  # a loop is met once
        ("MATCH (a)-[r]->(b)-[s]->(c) RETURN count(*)", [5]),  # no relationship twice in one pattern
        ("OPTIONAL MATCH (n:Nobody) RETURN n", [None]),
        (
            "MATCH (a:Person) OPTIONAL MATCH (a)-[:LIKES]->(b) RETURN a.name, b.name ORDER BY a.name",
            [("Ada", None), ("Bob", "Bob"), ("Eve", "Ada")],
        ),
        ("MATCH p = shortestPath((a {name:'Ada'})-[*]->(b {name:'Eve'})) RETURN length(p)", [2]),
        ("MATCH (a:Person) RETURN a.age IS NULL AS none, count(*) AS n ORDER BY none", [(False, 2), (True, 1)]),
        ("MATCH (a:Person) WITH a ORDER BY a.name DESC LIMIT 2 RETURN collect(a.name)", [["Eve", "Bob"]]),
        ("MATCH (a) WHERE EXISTS { (a)-[:KNOWS]->() } RETURN a.name ORDER BY a.name", ["Ada", "Bob"]),
        ("MATCH (a) RETURN a.name, COUNT { (a)--() } AS n ORDER BY n, a.name", [("Ada", 2), ("Eve", 2), ("Bob", 3)]),
        ("MATCH (a {name:'Bob'}) RETURN [(a)<-[:KNOWS]-(b) | b.name] AS l", [["Ada"]]),
        ("MATCH (n) WITH DISTINCT labels(n) AS l RETURN l ORDER BY size(l)", [["Person"], ["Person", "Admin"]]),
        ("UNWIND [1, 2, 2] AS x RETURN sum(DISTINCT x), avg(x), max(x)", [(3, 5 / 3, 2)]),
        ("RETURN 1 AS x UNION ALL RETURN 1 AS x UNION ALL RETURN 2 AS x", [1, 1, 2]),
        ("RETURN 1 AS x UNION RETURN 1.0 AS x", [1]),
        ("WITH 2 AS x RETURN CASE (x + 1) WHEN 3 THEN 'three' END, CASE (x) WHEN 1 THEN 1 END", [("three", None)]),
        ("UNWIND range(1, 3) AS x CALL { WITH x RETURN x * 10 AS y } RETURN x, y", [(1, 10), (2, 20), (3, 30)]),
        (
            "RETURN all(x IN [1, null] WHERE x = 1), [x IN [1, 2] WHERE x > 1 | x + 1], reduce(s = 0, x IN [1] | s)",
            [(None, [3], 0)],
        ),
        ("RETURN date('2020-01-31') + duration('P1M') = date('2020-02-29')", [True]),
        (
            "MATCH (n {name: 'Ada'}) RETURN n {.name, old: n.age > 30, .missing}",
            [{"name": "Ada", "old": True, "missing": None}],
        ),
    ],
)
def test_queries_that_read(bench: Bench, text: str, rows: list[Any]) -> None:
    assert bench(text) == rows


def test_columns_keep_the_text_of_their_expressions(bench: Bench) -> None:
    answer = bench.engine.run("RETURN 1 + 2, count( * ) AS n, 'x' AS `a b`")
    assert answer.columns == ("1 + 2", "n", "a b")


def test_what_was_created_is_there_for_gremlin(bench: Bench) -> None:
    engine = Engine(bench.graph, bench.engine.profile_name)
    found = engine.run(gremlin("g.V().has('name','Ada').out('KNOWS').values('age')")[0].traversal)
    assert [t.value for t in found] == [41]


def test_merge_finds_or_creates_row_by_row(bench: Bench) -> None:
    merge = "MERGE (n:Key {k: k}) ON CREATE SET n.new = true ON MATCH SET n.seen = true"
    # the third row finds what the first created, and RETURN begins when all rows are merged
    assert bench(f"UNWIND ['x', 'y', 'x'] AS k {merge} RETURN n.seen") == [True, None, True]
    assert bench("MATCH (n:Key) RETURN count(n)") == [2]


def test_changes_are_seen_by_what_follows_and_by_no_match_before(bench: Bench) -> None:
    create = "MATCH (n:Person) CREATE (:Copy {of: n.name})"
    assert bench(f"{create} WITH count(*) AS c MATCH (m:Copy) RETURN c, count(m)") == [(3, 3)]
    bench("MATCH (n) CREATE (:More)")
    assert bench("MATCH (n:More) RETURN count(*)") == [6]


def test_set_and_remove_change_properties_and_labels(bench: Bench) -> None:
    bench("MATCH (n {name: 'Eve'}) SET n.age = 20, n += {x: 1, name: null}, n:New:Newer REMOVE n:Person")
    assert bench("MATCH (n:New) RETURN labels(n), properties(n)") == [(["New", "Newer"], {"age": 20, "x": 1})]
    bench("MATCH (n:New) SET n = {only: 1}")
    assert bench("MATCH (n:New) RETURN properties(n)") == [{"only": 1}]
    assert bench("OPTIONAL MATCH (n:Nobody) SET n.x = 1 RETURN n") == [None]


def test_a_node_goes_with_its_relationships_or_not_at_all(bench: Bench) -> None:
    with pytest.raises(ConstraintFailed, match="DETACH DELETE"):
        bench("MATCH (n {name: 'Ada'}) DELETE n")
    assert bench("MATCH (n) RETURN count(n)") == [3]  # undone
    bench("MATCH (n {name: 'Ada'})-[r]-() DELETE n, r")
    bench("MATCH (n) DETACH DELETE n")
    assert bench("MATCH (n) RETURN count(n)") == [0]


def test_what_was_deleted_cannot_be_read(bench: Bench) -> None:
    with pytest.raises(EntityNotFound, match="DeletedEntityAccess"):
        bench("MATCH (n {name: 'Ada'}) DETACH DELETE n RETURN n.name")
    assert bench("MATCH ()-[r:KNOWS {since: 2001}]->() DELETE r RETURN type(r)") == ["KNOWS"]


def test_a_query_that_fails_leaves_nothing(bench: Bench) -> None:
    with pytest.raises(CypherTypeError):
        bench("UNWIND [1, {a: 1}] AS x CREATE (:Half {x: x})")
    assert bench("MATCH (n:Half) RETURN count(n)") == [0]


def test_rows_that_are_not_taken_are_not_written(bench: Bench) -> None:
    answer = bench.engine.run("UNWIND [1, 2] AS x CREATE (n:Part {x: x}) RETURN n")
    next(answer.rows)
    answer.rows.close()  # type: ignore[attr-defined]
    assert bench("MATCH (n:Part) RETURN count(n)") == [0]


def test_a_session_is_one_transaction(bench: Bench) -> None:
    session = bench.engine.session()
    list(session.run("CREATE (:Mine)").rows)
    assert [row["c"] for row in session.run("MATCH (n:Mine) RETURN count(n) AS c").rows] == [1]
    assert bench("MATCH (n:Mine) RETURN count(n)") == [0]
    session.commit()
    assert bench("MATCH (n:Mine) RETURN count(n)") == [1]
    list(session.run("MATCH (n:Mine) DELETE n").rows)
    session.rollback()
    assert bench("MATCH (n:Mine) RETURN count(n)") == [1]


def test_integers_are_stored_with_64_bits_and_ids_can_be_chosen() -> None:
    bench = Bench()
    created = bench("CREATE (n {`~id`: 'mine', big: 3000000000}) RETURN id(n), elementId(n), n.big")
    assert created == [("mine", "mine", 3_000_000_000)]
    assert bench("MATCH (n) WHERE id(n) = $id RETURN n.`~id`", id="mine") == ["mine"]
    options = CypherOptions(ids="integer")
    answer = bench.engine.run("MATCH (n) WHERE id(n) = 0 RETURN id(n) AS i", options)
    assert [row["i"] for row in answer.rows] == [0]


def test_temporal_values_survive_storage(bench: Bench) -> None:
    bench("CREATE (:T {at: datetime('2015-07-21T21:40:32.142000001[Europe/Stockholm]'), for: duration('P1M2DT3S')})")
    assert bench("MATCH (t:T) RETURN toString(t.at), toString(t.for), t.at.timezone") == [
        ("2015-07-21T21:40:32.142000001+02:00[Europe/Stockholm]", "P1M2DT3S", "Europe/Stockholm")
    ]


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("RETURN x", "UndefinedVariable"),
        ("MATCH (n) WHERE (n)-->(m) RETURN n", "UndefinedVariable"),
        ("MATCH (n) MATCH ()-[n]-() RETURN n", "VariableTypeConflict"),
        ("WITH 1 AS n MATCH (n) RETURN n", "VariableTypeConflict"),
        ("MATCH (a) CREATE (a)", "VariableAlreadyBound"),
        ("MATCH p = (p)--() RETURN p", "VariableAlreadyBound"),
        ("MATCH (a)-[r]-()-[r]-() RETURN a", "RelationshipUniquenessViolation"),
        ("RETURN NOT 1", "InvalidArgumentType"),
        ("RETURN 1 IN 2", "InvalidArgumentType"),
        ("MATCH (n) RETURN type(n)", "InvalidArgumentType"),
        ("RETURN any(x IN ['a'] WHERE x % 2 = 0)", "InvalidArgumentType"),
        ("MATCH (n) WHERE n RETURN n", "InvalidArgumentType"),
        ("MATCH (n) WHERE count(n) > 1 RETURN n", "InvalidAggregation"),
        ("RETURN count(count(*))", "NestedAggregation"),
        ("MATCH (n) RETURN n.a + count(*)", "AmbiguousAggregationExpression"),
        ("RETURN count(rand())", "NonConstantExpression"),
        ("MATCH (n) RETURN n LIMIT n.x", "NonConstantExpression"),
        ("RETURN 1 AS a LIMIT -1", "NegativeIntegerArgument"),
        ("RETURN 1 AS a, 2 AS a", "ColumnNameConflict"),
        ("MATCH (n) WITH n.a RETURN 1", "NoExpressionAlias"),
        ("MATCH () RETURN *", "NoVariablesInScope"),
        ("RETURN 1 AS a UNION RETURN 2 AS b", "DifferentColumnsInUnion"),
        ("CREATE ()-->()", "NoSingleRelationshipType"),
        ("CREATE ()-[:A]-()", "RequiresDirectedRelationship"),
        ("CREATE ()-[:A*2]->()", "CreatingVarLength"),
        ("MATCH (n $p) RETURN n", "InvalidParameterUse"),
        ("MATCH (n) DELETE n:A", "InvalidDelete"),
        ("RETURN nothing()", "UnknownFunction"),
        ("RETURN size()", "InvalidNumberOfArguments"),
        ("MATCH (n) RETURN (n)-->()", "UnexpectedSyntax"),
        ("MATCH (n) RETURN DISTINCT n.a ORDER BY n.b", "UndefinedVariable"),
    ],
)
def test_what_means_nothing_is_refused_before_it_runs(text: str, detail: str) -> None:
    with pytest.raises(CypherSyntaxError) as caught:
        Bench().engine.prepare(text)
    assert caught.value.detail == detail
    assert "line 1, column" in caught.value.message


def test_types_of_parameters_are_refused_when_it_runs(bench: Bench) -> None:
    with pytest.raises(CypherTypeError):
        bench("RETURN NOT $x", x=1)
    with pytest.raises(ParameterMissing, match=r"\$missing"):
        bench("RETURN $missing")
    with pytest.raises(CypherSyntaxError, match="NegativeIntegerArgument"):
        bench("MATCH (n) RETURN n LIMIT $n", n=-1)


def test_time_cancellation_and_reading_only_end_a_query(bench: Bench) -> None:
    endless = "UNWIND range(1, 1000000) AS x UNWIND range(1, 1000000) AS y RETURN sum(y)"
    with pytest.raises(TimeLimitExceeded):
        list(bench.engine.run(endless, CypherOptions(timeout_s=0.05)).rows)
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(CancelledByUser):
        list(bench.engine.run(endless, CypherOptions(cancelled=cancelled)).rows)
    with pytest.raises(ReadOnlyViolation):
        list(bench.engine.run("CREATE (n)", CypherOptions(read_only=True)).rows)
    with pytest.raises(QueryTooLarge):
        bench("RETURN " + "+".join(["1"] * 20_000))


def test_procedures_are_called_for_each_row_with_their_columns() -> None:
    def call(run: Any, count: int, text: str) -> Any:
        return [(n, text * n) for n in range(1, count + 1)]

    arguments = (Argument("count", "integer"), Argument("text", "string", "x", optional=True))
    columns = (("n", "integer"), ("made", "string"))
    bench = Bench(library=library(Procedure("t.make", arguments, columns, call)))
    assert bench("CALL t.make(2)") == [(1, "x"), (2, "xx")]
    assert bench("UNWIND [1, 2] AS c CALL t.make(c, 'y') YIELD made AS m WHERE size(m) > 1 RETURN c, m") == [(2, "yy")]
    assert bench("CALL t.make", count=1, text="z") == [(1, "z")]
    for text, detail in [
        ("CALL t.make()", "InvalidNumberOfArguments"),
        ("CALL t.make('a')", "InvalidArgumentType"),
        ("UNWIND [1] AS x CALL t.make YIELD n RETURN n", "InvalidArgumentPassingMode"),
        ("WITH 1 AS n CALL t.make(1) YIELD n RETURN n", "VariableAlreadyBound"),
    ]:
        with pytest.raises(CypherSyntaxError, match=detail):
            bench(text)
    with pytest.raises(ProcedureError):
        bench("CALL t.none()")


def test_a_service_adds_functions_and_aggregations_by_rows_of_a_table() -> None:
    class Joined(Collect):
        def add(self, *values: Any) -> None:
            super().add("-".join(map(str, values)))

    bench = Bench(
        library=library(
            NamedFunction("t.own.twice", Function(lambda value: value * 2, 1, 1)),
            NamedAggregation("t.joined", lambda run: Joined(), 1, 2, "list"),
        )
    )
    assert bench("RETURN t.own.twice(4) + 1") == [9]
    assert bench("UNWIND [1, null, 3] AS x RETURN t.joined(x, x + 1) AS l") == [["1-2", "3-4"]]
    assert bench("UNWIND [1, 2, 3] AS x RETURN x % 2 AS k, size(t.joined(x)) AS n ORDER BY k") == [(0, 1), (1, 2)]
    for text, detail in [
        ("RETURN t.own.TWICE(4)", "UnknownFunction"),  # names with dots keep their case
        ("RETURN t.joined(1, 2, 3)", "InvalidNumberOfArguments"),
        ("UNWIND [1] AS x WITH x WHERE t.joined(x) = [] RETURN x", "InvalidAggregation"),
    ]:
        with pytest.raises(CypherSyntaxError, match=detail):
            bench(text)


def test_a_name_stands_in_the_table_once_and_is_none_of_the_languages_aggregations() -> None:
    twice = Procedure("t.a", (), (), lambda run: ())
    with pytest.raises(ValueError, match=r"t\.a"):
        library(twice, twice)
    with pytest.raises(ValueError, match="Count"):
        library(NamedAggregation("Count", lambda run: Collect(), 1, 1))


def test_a_procedure_says_its_signature_as_lists_of_procedures_show_it() -> None:
    arguments = (Argument("name", "string"), Argument("options", "map", {}, optional=True))
    assert Procedure("t.a", arguments, (("n", "integer"),), lambda run: ()).signature == (
        "t.a(name :: STRING, options = {} :: MAP) :: (n :: INTEGER)"
    )
    assert Procedure("t.b", (), (), lambda run: ()).signature == "t.b() :: VOID"


def test_elements_come_as_references_of_the_graph(bench: Bench) -> None:
    ((node, edge),) = bench("MATCH (n {name: 'Ada'})-[r:KNOWS]->() RETURN n, r")
    assert isinstance(node, Vertex)
    assert isinstance(edge, Edge)
    assert edge.out_vertex == node


def test_an_index_is_taken_for_granted_and_a_constraint_refused_aloud(bench: Bench) -> None:
    assert bench("CREATE INDEX person_name IF NOT EXISTS FOR (p:Person) ON (p.name)") == []
    assert bench("CREATE RANGE INDEX FOR ()-[r:KNOWS]-() ON (r.since)") == []
    assert bench("DROP INDEX person_name") == []
    with pytest.raises(UnsupportedOperation, match="only ids are unique"):
        bench("CREATE CONSTRAINT FOR (p:Person) REQUIRE p.name IS UNIQUE")
    with pytest.raises(CypherSyntaxError):
        bench("CREATE INDEX")
    assert bench("MATCH (n) RETURN count(*)") == [3]


def test_a_condition_behind_distinct_may_have_names_of_its_own(bench: Bench) -> None:
    condition = "EXISTS { MATCH (n)--(z) WHERE z.age > 40 } AND any(x IN [1] WHERE x = 1)"
    assert bench(f"MATCH (n) WITH DISTINCT n, n.name AS name WHERE {condition} RETURN name ORDER BY name") == [
        "Ada", "Bob", "Eve",
    ]  # fmt: skip
    with pytest.raises(CypherSyntaxError, match="UndefinedVariable"):
        bench("MATCH (n) WITH DISTINCT n.name AS name WHERE EXISTS { MATCH (y) WHERE y.name = n.name } RETURN name")


@pytest.mark.parametrize(
    "text",
    [
        "UNWIND $rows AS r CREATE (:B {k: r.k, s: r.s})",
        "UNWIND $rows AS r CREATE (b:B {k: r.k, s: r.s}) SET b.seen = true RETURN b.k, b.s",
        "UNWIND $rows AS r CREATE (b:B:C {k: r.k}), (d:D {of: r.s}) CREATE (b)-[:R]->(d)",
        "UNWIND $rows AS r MATCH (p:Person {name: 'Ada'}) CREATE (:B {k: r.k, age: p.age}), (p)-[:MADE]->(:E)",
        "UNWIND $rows AS r CREATE (:B {k: r.k, n: COUNT { MATCH (:B) }})",
        "UNWIND $rows AS r CREATE (b:B {k: r.k, a: r.k, a: r.s}) WITH b WHERE b.k > 1 DETACH DELETE b",
        "FOREACH (r IN $rows | CREATE (:B {k: r.k}))",
        "UNWIND $rows AS r CREATE ({k: r.k})",
        "UNWIND $rows AS r MATCH (p:Person) CREATE (p)-[:MADE {k: r.k, s: r.s}]->(:E)<-[e:OF]-(p) SET e.k = r.k",
        "UNWIND $rows AS r MATCH (p:Person {name: 'Ada'}) CREATE (p)-[e:R {k: r.k}]->(p) SET e += r, e.k = null",
        "UNWIND $rows AS r CREATE (a:A)-[:R]->(b:B {k: r.k}), (a)-[:R]->(:C), (b)-[:R]->(a) RETURN labels(a)",
        "UNWIND $rows AS r CREATE (a:A)-[e:R $map]->(:B) SET e = r, e.z = r.k + 1 RETURN properties(e)",
        "UNWIND $rows AS r OPTIONAL MATCH (p {name: r.s}) CREATE (b:B)-[:R {n: p.name}]->(c:C {k: r.k})",
        "MATCH (p:Person) SET p = {name: p.name}, p.age = 5",
        "UNWIND $rows AS r MATCH (p:Person) SET p += r",
        "UNWIND $rows AS r MATCH (p:Person {name: 'Bob'}) SET p = r",
        "MATCH (p:Person), (q:Person) SET p.age = 1, q.age = 2",
        "MATCH (p:Person) OPTIONAL MATCH (p)-[e:KNOWS]->() SET e.since = 1, e.w = null",
        "MATCH (p:Person) SET p.age = p.age + 1, p:Old",
        "MATCH (p:Person)-[e]->() WITH p, e, {a: 1, age: null, name: 'x'} AS m SET p += m",
        "MATCH (p:Person)-[e]->() SET e = $map RETURN properties(e)",
        "MATCH (p:Person) SET p.found = COUNT { (p)-->({found: 1}) }, p.found = 1",
    ],
)
@pytest.mark.parametrize("at_once", [2, 8192])
def test_what_is_written_together_is_what_is_written_row_by_row(
    text: str, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "AT_ONCE", at_once)
    rows = [{"k": 1, "s": "x"}, {"k": 2, "s": None}, {"k": 3, "s": [1, 2]}]

    def written() -> Any:
        made = Bench()
        made(PEOPLE)
        given = {"rows": rows, "map": {"k": 7, "l": [1, 2], "n": None}}
        answer = made.engine.run(text, CypherOptions(parameters=given, default_label="vertex"))
        found = list(answer.rows)
        nodes = made("MATCH (n) RETURN labels(n), properties(n)")
        hops = made("MATCH (a)-[r]->(b) RETURN type(r), properties(r), properties(a), properties(b)")
        return found, answer.outcome.counters, sorted(map(repr, nodes)), sorted(map(repr, hops))

    together = written()
    monkeypatch.setattr(Writing, "created_together", lambda *_: None)
    monkeypatch.setattr(Writing, "set_together", lambda *_: None)
    assert together == written()


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("UNWIND [1, 2] AS r OPTIONAL MATCH (p {name: 'nobody'}) CREATE (p)-[:R]->(:B)", CypherSemanticError),
        ("UNWIND [1, {}] AS v MATCH (p {name: 'Ada'}) CREATE (p)-[:R {v: v}]->(p)", CypherTypeError),
        ("UNWIND [{a: 1}, 2] AS r CREATE (n:New) SET n = r", CypherTypeError),
        ("UNWIND [1, {}] AS v CREATE (n:New) SET n.v = v", CypherTypeError),
        ("UNWIND [1, 0] AS v CREATE (n:New) SET n.v = 1 / v", CypherArithmeticError),
    ],
)
def test_what_fails_for_one_of_many_rows_leaves_nothing(bench: Bench, text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        bench(text)
    assert bench("MATCH (n) OPTIONAL MATCH (n)-[r]->() RETURN count(DISTINCT n) AS n, count(r) AS r") == [(3, 4)]


def test_each_row_may_bring_a_map_of_its_own() -> None:
    bench = Bench()
    bench("CREATE ($one)", one={"a": 1})
    bench("UNWIND [{a: 2}, {b: 'x', a: null}, {}] AS r CREATE (n:M) SET n = r")
    bench("UNWIND [1, 2] AS r CREATE (:M $map)", map={"c": [r"y"], "d": None})
    assert sorted(map(repr, bench("MATCH (n) RETURN properties(n)"))) == sorted(
        map(repr, [{"a": 1}, {"a": 2}, {"b": "x"}, {}, {"c": ["y"]}, {"c": ["y"]}])
    )


def test_ids_that_are_given_are_kept_and_a_second_of_them_undoes_all() -> None:
    bench = Bench()
    bench("UNWIND ['p', 'q'] AS id CREATE (:I {`~id`: id, k: id})")
    assert bench("MATCH (n:I) RETURN id(n), n.k ORDER BY id(n)") == [("p", "p"), ("q", "q")]
    with pytest.raises(ConstraintViolation):
        bench("UNWIND ['r', 'p'] AS id CREATE (:I {`~id`: id})")
    with pytest.raises(CypherTypeError):
        bench("UNWIND [1, {}] AS v CREATE (:V {v: v})")
    assert bench("MATCH (n) RETURN count(*)") == [2]


@pytest.mark.parametrize("order", ["v", "v DESC", "v DESC, n", "w, v DESC", "w DESC, n DESC", "v, w"])
@pytest.mark.parametrize("cut", ["LIMIT 7", "SKIP 3 LIMIT 4", "LIMIT 0", "LIMIT 1000"])
def test_the_first_of_sorted_rows_are_those_of_all_sorted_rows(order: str, cut: str) -> None:
    bench = Bench()
    rows = (
        "UNWIND range(0, 60) AS n WITH n, CASE WHEN n % 7 = 3 THEN null ELSE n * 5 % 11 END AS v, toString(n % 4) AS w "
    )
    every = bench(f"{rows} RETURN n ORDER BY {order}")
    start, count = (3, 4) if "SKIP" in cut else (0, int(cut.split()[1]))
    found = bench(f"{rows} RETURN n ORDER BY {order} {cut}")
    assert found == every[start : start + count]


def test_the_services_limit_does_not_count_while_another_process_works_and_the_clients_does() -> None:
    graph, long_ago = EmbeddedGraph("g", "neptune"), time.monotonic() - 100
    of_service, of_client = (
        CypherRun(graph, {}, timeout_s=60, began_at=long_ago, limit_asked=asked) for asked in (False, True)
    )
    for run in (of_service, of_client):
        with pytest.raises(TimeLimitExceeded):
            run.check()
    of_service.check_elsewhere()
    of_service.check()  # it begins again for the rest of the query
    with pytest.raises(TimeLimitExceeded):
        of_client.check_elsewhere()
    ended = threading.Event()
    ended.set()
    with pytest.raises(CancelledByUser):
        CypherRun(graph, {}, timeout_s=60, limit_asked=False, cancelled=ended).check_elsewhere()


def test_what_is_cut_off_by_a_limit_is_projected_after_the_order() -> None:
    graph = EmbeddedGraph("g", "neptune")
    engine = CypherEngine(graph, "neptune")
    list(engine.run("UNWIND range(1, 5) AS x CREATE (:N {a: x, b: -x, c: 'c' + x})", CypherOptions()).rows)
    cases = {
        "MATCH (n:N) RETURN n.c AS c, n.a AS a, coalesce(n.z, n.b) AS b ORDER BY n.a DESC SKIP 1 LIMIT 2": [
            {"c": "c4", "a": 4, "b": -4},
            {"c": "c3", "a": 3, "b": -3},
        ],
        # a name of the projection in the order, one that hides a name of the row, and an order by what is projected
        "MATCH (n:N) RETURN n.c AS c, n.b AS b ORDER BY b + n.a, c DESC LIMIT 1": [{"c": "c5", "b": -5}],
        "MATCH (n:N) RETURN n.c AS n, n.b AS m ORDER BY n LIMIT 1": [{"n": "c1", "m": -1}],
        "MATCH (n:N) WITH n.b AS b, n.c AS c ORDER BY n.a LIMIT 2 WHERE c <> 'c1' RETURN b, c": [{"b": -2, "c": "c2"}],
    }
    for text, expected in cases.items():
        assert list(engine.run(text, CypherOptions()).rows) == expected, text


def test_the_plans_that_are_kept_stay_bounded(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workflow.cypher.engine.PLANS_KEPT", 4)
    for number in range(20):
        assert bench(f"RETURN {number}") == [number]
        assert len(bench.engine._plans) <= 4
