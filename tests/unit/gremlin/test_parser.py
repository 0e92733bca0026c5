"""Gremlin text becomes traversals, or an error that names the place."""

from __future__ import annotations

import contextlib
import datetime
import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workflow.errors import MalformedQuery, QueryTooLarge
from workflow.gremlin.lang import Limits, parse
from workflow.gremlin.semantics.values import (
    BigInteger,
    Byte,
    Cardinality,
    Column,
    Direction,
    Float,
    GSet,
    Long,
    Merge,
    Order,
    ReferenceVertex,
    Scope,
    Short,
    T,
)
from workflow.gremlin.traversal import CardinalityValue, Instruction, P, Strategy, TextP, Traversal, UnboundVariable


def only(text: str, **bindings: Any) -> Traversal:
    scripts = parse(text, bindings)
    assert len(scripts) == 1
    return scripts[0].traversal


def argument(literal: str, **bindings: Any) -> Any:
    return only(f"g.inject({literal})", **bindings).steps[0].args[0]


def test_a_chain_becomes_instructions_in_order() -> None:
    assert only("g.V(1).out('knows', \"likes\").values('name')").steps == (
        Instruction("V", (1,)),
        Instruction("out", ("knows", "likes")),
        Instruction("values", ("name",)),
    )


@pytest.mark.parametrize(
    ("text", "value", "kind"),
    [
        ("1", 1, int),
        ("-7", -7, int),
        ("2147483648", 2**31, Long),
        ("9223372036854775808", 2**63, BigInteger),
        ("1L", 1, Long),
        ("1i", 1, int),
        ("1s", 1, Short),
        ("1b", 1, Byte),
        ("1n", 1, BigInteger),
        ("1.5", 1.5, float),
        ("1.5f", 1.5, Float),
        ("1d", 1.0, float),
        ("1.50m", Decimal("1.50"), Decimal),
        ("1e3", 1000.0, float),
        ("0x1F", 31, int),
        ("-Infinity", -math.inf, float),
        ("true", True, bool),
    ],
)
def test_a_number_has_the_type_its_form_says(text: str, value: Any, kind: type) -> None:
    found = argument(text)
    assert found == value
    assert type(found) is kind


def test_a_number_too_large_for_its_suffix_is_refused() -> None:
    with pytest.raises(MalformedQuery, match="column 10: expected a number"):
        parse("g.inject(300b)")


def test_escapes_in_strings_are_resolved() -> None:
    assert argument(r"'it\'s\n\u00e9 \\ \"x\"'") == 'it\'s\né \\ "x"'


def test_a_surrogate_pair_is_one_character() -> None:
    assert argument(r"'\ud83d\ude00'") == "😀"


def test_collections_keep_their_kind() -> None:
    assert argument("[1, 'a', [2]]") == [1, "a", [2]]
    assert argument("[:]") == {}
    assert argument("[]") == []
    assert isinstance(argument("{1, 2, 1}"), GSet)
    assert list(argument("{1, 2, 1}")) == [1, 2]
    assert argument("[name: 'x', (T.id): 1, 'k': [a: 2]]") == {"name": "x", T.id: 1, "k": {"a": 2}}


def test_map_keys_of_several_number_types_stay_apart() -> None:
    found = argument("[1: 'int', 1L: 'long']")
    assert [(type(k), v) for k, v in found.items()] == [(int, "int"), (Long, "long")]


def test_ranges_count_up_and_down() -> None:
    assert argument("1..3") == [1, 2, 3]
    assert argument("3..1") == [3, 2, 1]
    assert argument("'a'..'c'") == ["a", "b", "c"]


def test_trailing_commas_do_no_harm() -> None:
    assert only("g.V([1, 2,],).out()").steps[0].args == ([1, 2],)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("T.id", T.id),
        ("id", T.id),
        ("Order.desc", Order.desc),
        ("decr", Order.desc),
        ("Scope.local", Scope.local),
        ("local", Scope.local),
        ("values", Column.values),
        ("Direction.OUT", Direction.OUT),
        ("Direction.from", Direction.OUT),
        ("IN", Direction.IN),
        ("Merge.onCreate", Merge.on_create),
        ("VertexProperty.Cardinality.single", Cardinality.single),
        ("org.apache.tinkerpop.gremlin.structure.T.label", T.label),
        ("WithOptions.tokens", "~tinkerpop.valueMap.tokens"),
    ],
)
def test_enumerations_are_read_short_and_qualified(text: str, value: Any) -> None:
    assert argument(text) == value


def test_a_name_before_a_bracket_is_a_step_and_not_an_enumeration() -> None:
    assert argument("id()") == Traversal((Instruction("id"),))


def test_predicates_connect() -> None:
    assert argument("P.gt(1).and(P.lt(5)).and(neq(3)).or(within([7, 8]))") == P(
        "or", (P("and", (P("gt", (1,)), P("lt", (5,)), P("neq", (3,)))), P("within", ([7, 8],)))
    )
    assert argument("within(1, 2)") == P("within", ([1, 2],))
    assert argument("gt(1).negate()") == P("lte", (1,))
    assert argument("not(eq(1))") == P("not", (P("eq", (1,)),))
    assert argument("TextP.startingWith('x')") == TextP("startingWith", ("x",))


def test_not_of_a_traversal_is_a_step() -> None:
    assert argument("not(out())") == Traversal((Instruction("not", (Traversal((Instruction("out"),)),)),))


def test_strategies_are_read_with_and_without_new() -> None:
    for text in ("new SeedStrategy(seed: 5)", "SeedStrategy(seed: 5)"):
        assert only(f"g.withStrategies({text}).V()").source[0].args == (Strategy("SeedStrategy", {"seed": 5}),)
    assert only("g.withStrategies(ReadOnlyStrategy).V()").source[0].args == (Strategy("ReadOnlyStrategy"),)


def test_python_spellings_are_the_same_steps() -> None:
    assert [s.name for s in only("g.V().has_label('a').as_('x').in_().group_count()").steps] == [
        "V",
        "hasLabel",
        "as",
        "in",
        "groupCount",
    ]


def test_bindings_stand_for_their_values() -> None:
    assert only("g.V(x).has('age', y)", x=[1, 2], y=P("gt", (3,))).steps[1].args == ("age", P("gt", (3,)))


def test_a_name_without_a_binding_stays_a_variable() -> None:
    assert argument("nobody") == UnboundVariable("nobody")


def test_dates_ids_cardinalities_and_vertices_are_literals() -> None:
    assert argument("datetime('2024-05-06T07:08:09Z')") == datetime.datetime(2024, 5, 6, 7, 8, 9, tzinfo=datetime.UTC)
    assert str(argument("UUID('0f4a1c9a-2b3c-4d5e-8f90-a1b2c3d4e5f6')")) == "0f4a1c9a-2b3c-4d5e-8f90-a1b2c3d4e5f6"
    assert argument("Cardinality.set('x')") == CardinalityValue(Cardinality.set, "x")
    assert argument("[name: single('x'), age: list(1)]") == {
        "name": CardinalityValue(Cardinality.single, "x"),
        "age": CardinalityValue(Cardinality.list, 1),
    }
    assert argument("new Vertex(1, 'person')") == ReferenceVertex(1, "person")


def test_statements_end_at_semicolons_and_new_lines() -> None:
    scripts = parse("g.addV('a');\ngmodern.V()\n  .count()\ng.V().drop().iterate() ; ")
    assert [(s.source_name, s.traversal.steps[0].name) for s in scripts] == [
        ("g", "addV"),
        ("gmodern", "V"),
        ("g", "V"),
    ]
    assert scripts[2].traversal.terminal == "iterate"


def test_two_statements_on_one_line_need_a_semicolon() -> None:
    with pytest.raises(MalformedQuery, match=r"line 1, column 7: expected '\.', ';' or a new line"):
        parse("g.V() g.E()")


def test_transactions_are_instructions_of_the_source() -> None:
    assert only("g.tx().commit()") == Traversal(source=(Instruction("tx", ("commit",)),))


def test_terminal_steps_are_kept_apart() -> None:
    found = only("g.V().next(5)")
    assert (found.terminal, found.terminal_args, len(found.steps)) == ("next", (5,), 1)


def test_comments_are_skipped() -> None:
    assert len(only("g.V() // all\n /* and\n on */ .count()").steps) == 2


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [("g.V(", 1, 5), ("g.V().\n  out('x", 2, 7), ("g.V().has('a' 'b')", 1, 15), ("", 1, 1), ("g.V().out(", 1, 11)],
)
def test_errors_name_line_and_column(text: str, line: int, column: int) -> None:
    with pytest.raises(MalformedQuery, match=f"line {line}, column {column}: expected"):
        parse(text)


def test_closures_are_refused() -> None:
    for text in ("g.V().map{it.get()}", "g.V().filter({it.get()})", "g.V().map({x -> x})"):
        with pytest.raises(MalformedQuery, match="Lambdas are not supported"):
            parse(text)


def test_depth_and_length_have_limits() -> None:
    with pytest.raises(QueryTooLarge, match="nested more than 3 deep"):
        parse("g.V().not(__.not(__.not(__.out())))", limits=Limits(max_depth=3))
    with pytest.raises(QueryTooLarge, match="at most 10 are allowed"):
        parse("g.V().out().out()", limits=Limits(max_length=10))


@settings(deadline=None)  # a busy machine is no error
@given(st.text(alphabet="g.V()[]{}'\"\\:,;1aP_-/*\n \u00e9", max_size=60))
def test_any_text_gives_a_script_or_an_error_of_ours(text: str) -> None:
    with contextlib.suppress(MalformedQuery, QueryTooLarge):
        parse("g." + text)


def test_a_child_of_a_source_is_refused() -> None:
    with pytest.raises(MalformedQuery, match="not spawned anonymously"):
        parse("g.V().where(g.V())")


@pytest.mark.parametrize("text", ["new Date()", "Date()", "datetime()", "new datetime()", "DateTime()"])
def test_a_date_without_arguments_is_now(text: str) -> None:
    before = datetime.datetime.now(datetime.UTC)
    (value,) = parse(f"g.inject({text})")[0].traversal.steps[0].args
    assert before <= value <= datetime.datetime.now(datetime.UTC)


@pytest.mark.parametrize(
    "text", ["new Date(true)", "new Date(null)", "new Date('')", "new Date(1,2)", "datetime('')", "datetime(null)",
             "datetime(0)", "datetime(true)", "new Date(unbound)", "UUID(1)", "UUID('a','b')"]
)  # fmt: skip
def test_what_is_no_date_is_refused_and_never_1970(text: str) -> None:
    with pytest.raises(MalformedQuery):
        parse(f"g.inject({text})")
