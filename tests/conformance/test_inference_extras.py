"""What a prediction costs in calls, and what Neptune does not have: scores of links, relations, provenance."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")

Ask = Callable[[str], list[Any]]

READERS = 60
C = 'with("Neptune#ml.classification")'
R = 'with("Neptune#ml.regression")'
P = 'with("Neptune#ml.prediction")'


def test_a_thousand_predictions_in_one_query_cost_one_call_each_thousand(library: Any) -> None:
    for endpoint, query, count in [
        ("ep-nc", f"V().hasLabel('book').project('n','p').by('name').by(properties('shelf').{C}.value())", 91),
        ("ep-nr", f"V().hasLabel('book').order().by(properties('price').{R}.value(), desc).limit(3)", 3),
        ("ep-lp", f"V().hasLabel('reader').as('r').project('r','b').by(id).by(select('r').out('read').{P}"
         ".hasLabel('book').id().fold())", 61),
        ("ep-ec", f"V('reader_1','reader_2').project('m').by(outE('read').properties('mood').{C}.value().fold())", 2),
    ]:  # fmt: skip
        calls = len(library.endpoints[endpoint].calls)
        assert len(library(f"g.with('Neptune#ml.endpoint','{endpoint}').{query}")) == count
        assert len(library.endpoints[endpoint].calls) - calls == 1


@pytest.mark.parametrize(
    "query",
    [
        f"coalesce(values('shelf'), properties('shelf').{C}.value())",
        f"choose(has('shelf'), values('shelf'), properties('shelf').{C}.value())",
        f"choose(hasNot('shelf'), properties('shelf').{C}.value(), values('shelf'))",
        f"or(has('shelf'), properties('shelf').{C})",
        f"and(hasNot('shelf'), properties('shelf').{C}.value().is('Essay'))",
    ],
)
def test_nothing_is_asked_about_what_another_branch_takes(library: Any, query: str) -> None:
    calls = library.endpoints["ep-nc"].calls
    before = len(calls)
    library(f"g.with('Neptune#ml.endpoint','ep-nc').V().hasLabel('book').{query}")
    asked = [node["nodeId"] for call in calls[before:] for node in call["data"]["nodes"]]
    assert asked == [*(f"book_{n}" for n in range(10, 91, 10)), "book_new"]
    assert len(calls) - before == 1


def test_candidates_that_left_the_graph_make_room_for_the_next_best(library: Any) -> None:
    for n in range(1, 15):  # the first fourteen candidates of book_40, more than the spare ones asked for
        library(f"g.V('reader_{(40 + n - 1) % READERS + 1}').drop()")
    found = library(
        "g.with('Neptune#ml.endpoint','ep-lp').with('Neptune#ml.limit', 2).V('book_40').in('read')"
        f".{P}.hasLabel('reader').id()"
    )
    assert found == ["reader_55", "reader_56"]


def test_an_answer_says_which_model_gave_it_when_asked(library: Any) -> None:
    query = f"g.with('Neptune#ml.endpoint','ep-nc').with('Despina#ml.provenance').V('book_1').properties('shelf').{C}"
    origin = {"endpoint": "ep-nc", "model": "m-node_class", "modelCreated": 17, "graphSnapshot": 16}
    assert library(query)[0].meta == origin
    assert library(query + ".cap('Despina#ml.provenance')") == [origin]


def test_an_empty_answer_has_its_origin_too(library: Any) -> None:
    query = f"g.with('Neptune#ml.endpoint','ep-nc').with('Despina#ml.provenance').V('nobody').properties('shelf').{C}"
    (origin,) = library(query + ".cap('Despina#ml.provenance')")
    assert (origin["endpoint"], origin["model"], origin["graphSnapshot"]) == ("ep-nc", "m-node_class", 16)


@pytest.mark.parametrize(
    ("endpoint", "query", "reasons"),
    [
        ("ep-nc", f"V('nobody').properties('shelf').{C}", {"no vertex or edge reached the prediction": 1}),
        ("ep-nc", f"V('book_1', 'book_new').properties('shelf').{C}", {"the model was trained before it came": 1}),
        ("ep-nc", f"V('book_1', 'reader_1').properties('shelf').{C}", {"the model is for another label": 1}),
        (
            "ep-lp",
            f"V('reader_1', 'reader_2').out('read').{P}.with('Neptune#ml.threshold', 1.0D).hasLabel('book')",
            {"nothing reaches the threshold": 2},
        ),
        ("ep-nc", f"V('book_1').properties('shelf').{C}", None),
    ],
)
def test_an_empty_answer_says_why_when_asked(
    library: Any, endpoint: str, query: str, reasons: dict[str, int] | None
) -> None:
    text = f"g.with('Neptune#ml.endpoint','{endpoint}').with('Despina#ml.provenance').{query}"
    (origin,) = library(text + ".fold().cap('Despina#ml.provenance')")
    told = origin.get("reasons")
    if reasons is None:
        assert told is None
    else:
        assert {key: count for text, count in told.items() for key in reasons if text.startswith(key)} == reasons
        assert len(told) == len(reasons)


def test_a_client_sees_where_an_answer_comes_from_and_only_when_it_asks(ask: Ask) -> None:
    property = f"V('book_1').properties('shelf').{C}.valueMap()"
    edge = f"E('read_1').properties('mood').{C}.fold().cap('Despina#ml.provenance')"
    asked, plain = "g.with('Despina#ml.provenance').with('Neptune#ml.endpoint',", "g.with('Neptune#ml.endpoint',"
    origin = {"endpoint": "ep-nc", "model": "m-node_class", "modelCreated": 17, "graphSnapshot": 16}
    assert ask(f"{asked}'ep-nc').{property}") == [origin]
    assert ask(f"{asked}'ep-ec').{edge}") == [{**origin, "endpoint": "ep-ec", "model": "m-edge_class"}]
    assert ask(f"{plain}'ep-nc').{property}") == [{}]
    with pytest.raises(Exception, match=r"key does not exist in the side-effects: Despina#ml\.provenance"):
        ask(f"{plain}'ep-ec').{edge}")


def test_a_predicted_vertex_knows_its_score(library: Any) -> None:
    start = (
        "g.with('Neptune#ml.endpoint','ep-lp').with('Neptune#ml.limit', 3).V('reader_1','reader_2').out('read')"
        f".{P}.hasLabel('book')"
    )
    assert library(f"{start}.values('Neptune#ml.score')") == [0.9, 0.89, 0.88, 0.9, 0.89, 0.88]
    found = library(f"{start}.project('b','s').by(id).by('Neptune#ml.score').order().by('s', desc).limit(2)")
    assert [(one["b"], one["s"]) for one in found] == [("book_2", 0.9), ("book_3", 0.9)]
    assert library(f"{start}.has('Neptune#ml.score', gt(0.89)).id()") == ["book_2", "book_3"]
    assert library(f"{start}.as('x').out('by').select('x').values('Neptune#ml.score').max()") == [0.9]
    assert library("g.V('book_1').values('Neptune#ml.score')") == []


def test_the_relation_between_two_vertices_can_be_asked_for(library: Any) -> None:
    query = (
        "g.with('Neptune#ml.endpoint','ep-lp').with('Neptune#ml.limit', 2).V('reader_1')"
        ".properties('Despina#ml.relation', 'Neptune#ml.score').with('Despina#ml.relation', 'book_2').value()"
    )
    assert library(query) == ["read", 0.75, "lent", 0.25]
    assert library.endpoints["ep-lp"].calls[-1]["data"]["edges"] == [{"headNodeId": "reader_1", "tailNodeId": "book_2"}]


RELATION = "properties('Despina#ml.relation').with('Despina#ml.relation', 'OTHER')"


def test_a_relation_is_asked_for_many_vertices_at_once_and_never_with_oneself(library: Any) -> None:
    calls = len(library.endpoints["ep-lp"].calls)
    query = f"g.with('Neptune#ml.endpoint','ep-lp').V('book_2','book_50','book_60').{RELATION}.value()"
    assert library(query.replace("OTHER", "book_50")) == ["read", "read"]
    (call,) = library.endpoints["ep-lp"].calls[calls:]
    assert [edge["headNodeId"] for edge in call["data"]["edges"]] == ["book_2", "book_60"]


def test_a_vertex_that_has_left_the_graph_is_related_to_nothing(library: Any) -> None:
    library("g.addV('book').property(id,'book_gone')")
    query = "g.with('Neptune#ml.endpoint','ep-lp').V('reader_1')." + RELATION.replace("OTHER", "book_gone")
    assert len(library(query)) == 1
    library("g.V('book_gone').drop()")
    assert library(query) == []


def test_an_inductive_relation_sends_the_neighbourhood(library: Any) -> None:
    query = "g.with('Neptune#ml.endpoint','ep-lp').V('reader_new')." + RELATION.replace("OTHER", "book_2")
    library(f"{query}.with('Neptune#ml.inductiveInference')")
    sent = library.endpoints["ep-lp"].calls[-1]["data"]["graph"]
    assert {edge["edgeId"] for edge in sent["edges"]} >= {"read_new"}
    library(query)
    assert "graph" not in library.endpoints["ep-lp"].calls[-1]["data"]
