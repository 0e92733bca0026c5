"""Cypher text to its tree: precedence, patterns, clauses, and errors that say where and why."""

from __future__ import annotations

from typing import Any

import pytest

from workflow.cypher.errors import CypherSyntaxError
from workflow.cypher.lang import parse
from workflow.cypher.lang import tree as t
from workflow.errors import QueryTooLarge


def clauses(text: str) -> tuple[t.Clause, ...]:
    (part,) = parse(text).query.parts
    return part


def value(expression: str) -> Any:
    """The tree of an expression, as nested tuples without places."""
    (clause,) = clauses(f"RETURN {expression}")
    assert isinstance(clause, t.Return)
    return shown(clause.projection.items[0].value)


def shown(node: Any) -> Any:
    match node:
        case t.Constant():
            return node.value
        case t.Variable():
            return node.name
        case t.Parameter():
            return f"${node.name}"
        case t.PropertyAccess():
            return (".", shown(node.subject), node.key)
        case t.Unary():
            return (node.operator, shown(node.operand))
        case t.Binary():
            return (node.operator, shown(node.left), shown(node.right))
        case t.Comparison():
            return ("compare", shown(node.first), *((operator, shown(one)) for operator, one in node.rest))
        case t.IsNull():
            return ("is not null" if node.negated else "is null", shown(node.operand))
        case t.ListLiteral():
            return [shown(one) for one in node.items]
        case t.MapLiteral():
            return {key: shown(one) for key, one in node.entries}
        case t.Call():
            return (node.name, *map(shown, node.arguments))
        case t.HasLabels():
            return ("labels", shown(node.subject), shown(node.labels))
        case t.Label():
            return node.name
        case t.LabelAll():
            return ("&", *map(shown, node.operands))
        case t.LabelAny():
            return ("|", *map(shown, node.operands))
        case t.LabelNot():
            return ("!", shown(node.operand))
    return node


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a OR b XOR c AND NOT d", ("OR", "a", ("XOR", "b", ("AND", "c", ("NOT", "d"))))),
        ("NOT a = b", ("NOT", ("compare", "a", ("=", "b")))),
        ("1 < 2 <= 3", ("compare", 1, ("<", 2), ("<=", 3))),
        ("a = b IN c", ("compare", "a", ("=", ("IN", "b", "c")))),
        ("1 + 2 IN [3]", ("IN", ("+", 1, 2), [3])),
        ("a STARTS WITH b + 'x'", ("STARTS WITH", "a", ("+", "b", "x"))),
        ("a.b IS NOT NULL", ("is not null", (".", "a", "b"))),
        ("1 - 2 - 3", ("-", ("-", 1, 2), 3)),
        ("2 ^ 3 ^ 2", ("^", ("^", 2, 3), 2)),  # the left one first, as Neo4j has it: 64.0
        ("-2 ^ 2", ("^", -2, 2)),  # a sign is tighter than a power: 4.0
        ("-a ^ 2", ("^", ("-", "a"), 2)),
        ("- -1", ("-", -1)),
        ("1 + 2 * 3 % 4", ("+", 1, ("%", ("*", 2, 3), 4))),
        ("a ENDS WITH 'x' = true", ("compare", ("ENDS WITH", "a", "x"), ("=", True))),
        ("n:A:B AND m", ("AND", ("labels", "n", ("&", "A", "B")), "m")),
        ("$p + {q}", ("+", "$p", "$q")),
        ("{a: 1, `b c`: {d: null}}", {"a": 1, "b c": {"d": None}}),
        ("a.b.c(1, 2)", ("a.b.c", 1, 2)),
        ("`in` + end", ("+", "in", "end")),  # words of the language are names where no clause needs them
    ],
)
def test_operators_bind_as_opencypher_says(text: str, tree: Any) -> None:
    assert value(text) == tree


@pytest.mark.parametrize(
    ("text", "number"),
    [("0x1F", 31), ("0o17", 15), ("1e3", 1000.0), (".5", 0.5), ("-9223372036854775808", -(2**63)), ("007", 7)],
)
def test_numbers_have_their_values(text: str, number: float) -> None:
    found = value(text)
    assert found == number
    assert type(found) is type(number)


def test_escapes_in_texts_are_resolved() -> None:
    assert value(r"'it\'s \\ \t \u00e9 \U0001F600'") == "it's \\ \t é 😀"
    assert value(r"'\uD83D\uDE00'") == "😀"


@pytest.mark.parametrize(
    ("text", "detail", "column"),
    [
        ("RETURN 9223372036854775808", "IntegerOverflow", 8),
        pytest.param("RETURN " + "9" * 5000, "IntegerOverflow", 8, id="thousands of digits"),
        ("RETURN -9223372036854775809", "IntegerOverflow", 9),
        ("RETURN 1e400", "FloatingPointOverflow", 8),
        ("RETURN 0x1G", "InvalidNumberLiteral", 8),
        ("RETURN {1a: 2}", "UnexpectedSyntax", 9),
        (r"RETURN '\u00fg'", "InvalidUnicodeLiteral", 9),
        ("RETURN 42 — 41", "InvalidUnicodeCharacter", 11),
        ("MATCH (a)-[:T 1..2]->(b) RETURN a", "InvalidRelationshipPattern", 15),
        ("MATCH (a)-[*-1]->() RETURN a", "InvalidRelationshipPattern", 13),
        ("MATCH (n)", "InvalidClauseComposition", 1),
        ("RETURN 1 MATCH (n) RETURN n", "InvalidClauseComposition", 10),
        ("CREATE (a) MATCH (b) RETURN b", "InvalidClauseComposition", 12),
        ("RETURN 1 AS a UNION RETURN 2 AS a UNION ALL RETURN 3 AS a", "InvalidClauseComposition", 35),
        ("FOREACH (x IN [1] | MATCH (n))", "InvalidClauseComposition", 21),
        ("MATCH (n) RETURN n n", "UnexpectedSyntax", 20),
        ("RETURN [1, 2", "UnexpectedSyntax", 13),
        ("RETURN 'open", "UnexpectedSyntax", 8),
        ("", "UnexpectedSyntax", 1),
    ],
)
def test_an_error_says_where_and_by_the_kits_word_what(text: str, detail: str, column: int) -> None:
    with pytest.raises(CypherSyntaxError) as caught:
        parse(text)
    assert (caught.value.detail, caught.value.line, caught.value.column) == (detail, 1, column)
    assert detail in caught.value.message


def test_lines_are_counted_from_one() -> None:
    with pytest.raises(CypherSyntaxError) as caught:
        parse("MATCH (n)\n// a comment\nRETURN n +")
    assert (caught.value.line, caught.value.column) == (3, 11)


def pattern(text: str) -> t.PathPattern:
    match = clauses(f"MATCH {text} RETURN 1")[0]
    assert isinstance(match, t.Match)
    return match.patterns[0]


@pytest.mark.parametrize(
    ("text", "way"),
    [
        ("(a)-->(b)", "out"), ("(a)<--(b)", "in"), ("(a)--(b)", "both"), ("(a)<-->(b)", "both"),
        ("(a) - [ r ] -> (b)", "out"), ("(a)<-[r]-(b)", "in"),
    ],
)  # fmt: skip
def test_arrows_say_the_way(text: str, way: str) -> None:
    assert pattern(text).relationships[0].way == way


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("*", (None, None)),
        ("*2", (2, 2)),
        ("*1..3", (1, 3)),
        ("*..3", (None, 3)),
        ("*0..", (0, None)),
        ("* 1 .. 3", (1, 3)),
    ],
)
def test_a_star_says_how_many_relationships(text: str, length: tuple[int | None, int | None]) -> None:
    found = pattern(f"(a)-[r:T {text} {{x: 1}}]->(b)").relationships[0]
    assert found.length is not None
    assert (found.length.least, found.length.most) == length
    assert shown(found.properties) == {"x": 1}


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("(n:A:B)", ("&", "A", "B")), ("(n:A|B&!C)", ("|", "A", ("&", "B", ("!", "C")))),
        ("(n:(A|B)&C)", ("&", ("|", "A", "B"), "C")), ("(n:%)", None), ("(:`a b`)", "a b"),
    ],
)  # fmt: skip
def test_label_expressions_nest(text: str, labels: Any) -> None:
    found = pattern(text).nodes[0].labels
    assert found is not None
    assert shown(found) == labels


def test_types_may_repeat_their_colon() -> None:
    types = pattern("(a)-[:T1|:T2|T3]-(b)").relationships[0].types
    assert shown(types) == ("|", "T1", "T2", "T3")


def test_a_pattern_has_a_name_parentheses_and_shortest_paths() -> None:
    named = pattern("p = ((a)-->(b)<--(c))")
    assert named.variable is not None
    assert (named.variable.name, len(named.nodes), len(named.relationships)) == ("p", 3, 2)
    assert pattern("p = allShortestPaths((a)-[*]-(b))").shortest == "all"


def test_conditions_stand_inside_of_patterns() -> None:
    path = pattern("(n:A WHERE n.x > 1)-[r WHERE r.y]->(where)")
    assert shown(path.nodes[0].condition) == ("compare", (".", "n", "x"), (">", 1))
    assert shown(path.relationships[0].condition) == (".", "r", "y")
    assert shown(path.nodes[1].variable) == "where"


def test_old_parameters_stand_for_maps_and_values() -> None:
    assert pattern("(n {props})").nodes[0].properties == t.Parameter(9, "props")
    assert shown(pattern("(n {a: {b}})").nodes[0].properties) == {"a": "$b"}


def test_a_pattern_where_a_value_stands_is_told_from_parentheses() -> None:
    assert isinstance(value("(a)-->(b)"), t.PatternExpression)
    assert value("(a) - (b)") == ("-", "a", "b")
    assert value("(a) < -(b)") == ("compare", "a", ("<", ("-", "b")))
    assert value("(a.b)") == (".", "a", "b")
    assert isinstance(value("({x: ({y: 1})})"), dict)


def test_comprehensions_are_told_from_lists() -> None:
    listed = value("[x IN xs WHERE x:A | x.b]")
    assert isinstance(listed, t.ListComprehension)
    assert shown(listed.condition) == ("labels", "x", "A")  # the bar ends the condition
    assert shown(listed.value) == (".", "x", "b")
    paths = value("[p = (a)-[:T]->(b) WHERE b.x | p]")
    assert isinstance(paths, t.PatternComprehension)
    assert value("[(a), (b)]") == ["a", "b"]


def test_quantifiers_reduce_and_case() -> None:
    quantifier = value("none(x IN [1] WHERE x = 2)")
    assert isinstance(quantifier, t.Quantifier)
    assert quantifier.kind == "none"
    assert isinstance(value("reduce(a = 0, x IN xs | a + x)"), t.Reduce)
    case = value("CASE x WHEN 1 THEN 'a' ELSE 'b' END")
    assert isinstance(case, t.Case)
    assert (shown(case.subject), shown(case.otherwise), len(case.branches)) == ("x", "b", 1)
    assert isinstance(value("count( * )"), t.CountAll)
    assert value("any(1)") == ("any", 1)


def test_subqueries_hold_patterns_or_queries() -> None:
    pattern_alone = value("EXISTS { (a)-->(b) WHERE b.x }")
    assert isinstance(pattern_alone, t.Subquery)
    assert isinstance(pattern_alone.query.parts[0][0], t.Match)
    counted = value("COUNT { MATCH (a) RETURN a UNION MATCH (b) RETURN b }")
    assert isinstance(counted, t.Subquery)
    assert (counted.kind, len(counted.query.parts), counted.query.distinct) == ("count", 2, True)
    with pytest.raises(CypherSyntaxError, match="only reads"):
        value("EXISTS { CREATE (n) }")


def test_map_projections_have_four_kinds_of_entries() -> None:
    found = value("n {.a, .*, b, c: 1}")
    assert isinstance(found, t.MapProjection)
    assert [None if one is None else (one[0], shown(one[1])) for one in found.entries] == [
        ("a", (".", "n", "a")), None, ("b", "b"), ("c", 1),
    ]  # fmt: skip


def test_columns_are_named_as_they_are_written() -> None:
    (clause,) = clauses("RETURN  count( * ), a.b  AS x, `c d`, 1 +2 /* so */ ORDER BY x DESC SKIP 1 LIMIT $n")
    assert isinstance(clause, t.Return)
    assert [item.name for item in clause.projection.items] == ["count( * )", "x", "c d", "1 +2"]
    assert clause.projection.order[0].descending
    assert shown(clause.projection.limit) == "$n"


def test_every_clause_is_read() -> None:
    text = """
    EXPLAIN USING QUERY:TIMEOUTMILLISECONDS 100
    OPTIONAL MATCH (a)-[r]->(b), (c) USING INDEX c:L(k) WHERE a.x
    UNWIND [1] AS i
    CALL db.p(1) YIELD out AS o, second WHERE o > 1
    CALL { WITH i RETURN i AS j }
    CALL (i) { RETURN 1 AS k }
    WITH DISTINCT *, i AS m WHERE m
    CREATE (n:L {k: 1})-[:T]->(o2)
    MERGE (q {k: 1}) ON CREATE SET q.a = 1 ON MATCH SET q += {b: 2}, q:X:Y
    SET n = $map, n.`k k` = 2, (n).z = 1
    REMOVE n.k, n:L
    FOREACH (x IN [1] | SET n.x = x DELETE n)
    DETACH DELETE n, q
    RETURN *;
    """
    statement = parse(text)
    assert (statement.mode, statement.hints) == ("explain", (("timeoutmilliseconds", "100"),))
    kinds = [type(one).__name__ for one in statement.query.parts[0]]
    assert kinds == [
        "Match", "Unwind", "CallProcedure", "CallSubquery", "CallSubquery", "With", "Create", "MergePattern", "Set",
        "Remove", "Foreach", "Delete", "Return",
    ]  # fmt: skip
    call = statement.query.parts[0][2]
    assert isinstance(call, t.CallProcedure)
    assert call.yields is not None
    assert (call.name, [one.column for one in call.yields]) == ("db.p", ["out", "second"])


def test_a_procedure_alone_may_leave_its_arguments_out() -> None:
    (call,) = clauses("CALL db.labels")
    assert isinstance(call, t.CallProcedure)
    assert (call.arguments, call.yields) == (None, None)
    with pytest.raises(CypherSyntaxError, match="YIELD"):
        parse("CALL db.labels() YIELD * RETURN 1")


def test_children_of_a_node_are_all_found() -> None:
    (clause,) = clauses("RETURN [a, {b: c}] AS d")

    def names(node: t.Node) -> list[str]:
        own = [node.name] if isinstance(node, t.Variable) else []
        return own + [name for child in t.children(node) for name in names(child)]

    assert names(clause) == ["a", "c", "d"]


@pytest.mark.parametrize(
    "text",
    [
        "RETURN " + "(" * 200 + "1" + ")" * 200,
        "RETURN " + "[" * 200 + "]" * 200,
        "RETURN " + "({a: " * 200 + "1" + "})" * 200,
        "MATCH (n:" + "!" * 5000 + "A) RETURN n",
        "RETURN " + "EXISTS { MATCH (a) WHERE " * 100 + "1" + "}" * 100,
        "RETURN " + "f(1 OR 1 XOR 1 AND 1 = 1 IN 1 + 1 * 1 ^ " * 200,
    ],
)
def test_deep_nesting_is_refused_quickly(text: str) -> None:
    with pytest.raises(QueryTooLarge):
        parse(text)


def test_long_chains_are_read_without_nesting() -> None:
    assert parse("RETURN " + " + ".join(["1"] * 5000)).mode == "run"
    assert parse("RETURN " + "NOT " * 5000 + "true").mode == "run"
