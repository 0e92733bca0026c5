"""Questions that share one call of an endpoint: everybody gets the answer they would have got alone."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow.predictions.merging import MOST_SHARED, companions, merged, shares
from workflow.predictions.question import (
    EdgeInput,
    EdgeType,
    LinkQuery,
    NodeInput,
    Prediction,
    Predictions,
    PropertyQuery,
    Question,
    RelationQuery,
    Subgraph,
)
from workflow.predictions.requests import inputs_of

IDS = st.sampled_from([f"u{n}" for n in range(6)])
SOME = st.lists(IDS, min_size=1, max_size=4, unique=True).map(tuple)
TOPK = st.sampled_from([1, 9])
TIMES = st.sampled_from([None, 0.5, 3.0])
KNOWS, READ = EdgeType("User", "KNOWS", "User"), EdgeType("User", "READ", "Book")


@st.composite
def link_queries(draw: st.DrawFn) -> LinkQuery:
    inputs = draw(SOME)
    excluded = draw(st.dictionaries(st.sampled_from(inputs), st.lists(IDS, max_size=2), max_size=2))
    return LinkQuery(
        draw(st.sampled_from(["FRIEND", "READ"])),
        draw(st.sampled_from(["out", "in"])),
        draw(st.sampled_from(["User", "Book"])),
        inputs,
        draw(TOPK),
        excluded,
        draw(st.sampled_from([None, None, Subgraph()])),
        draw(TIMES),
    )


NODES = st.builds(
    lambda ids, kind, task, key, topk, time: PropertyQuery(
        task, key, tuple(NodeInput(id, kind) for id in ids), topk, None, time
    ),
    SOME,
    st.sampled_from(["User", "Book"]),
    st.sampled_from(["node_class", "node_regression"]),
    st.sampled_from(["age", "genre"]),
    TOPK,
    TIMES,
)
EDGES = st.builds(
    lambda ids, kind, topk: PropertyQuery(
        "edge_class", "genre", tuple(EdgeInput(id, kind, "u1", "u2") for id in ids), topk
    ),
    SOME,
    st.sampled_from([KNOWS, READ]),
    TOPK,
)
RELATIONS = st.builds(
    lambda ids, topk, graph: RelationQuery(tuple((id, "u9") for id in ids), topk, subgraph=graph),
    SOME,
    TOPK,
    st.sampled_from([None, None, Subgraph()]),
)
QUESTIONS: st.SearchStrategy[Question] = st.one_of(link_queries(), NODES, EDGES, RELATIONS)


def answered(question: Question) -> Predictions:
    """As an endpoint would: what comes back depends on the input and on everything that is said about the call."""

    def result(one: Any) -> tuple[Prediction, ...]:
        said: Any = ()
        if isinstance(question, LinkQuery):
            left_out = tuple(question.exclude.get(one, ()))
            said = (question.relation, question.way, question.candidate_type, left_out, question.subgraph)
        elif isinstance(question, PropertyQuery):
            said = (question.task, question.property)
        else:
            said = question.subgraph
        return (Prediction(repr((one, said, question.topk)), 0.5),)

    return Predictions(tuple(result(one) for one in inputs_of(question)), "m", 1)


@given(st.lists(QUESTIONS, min_size=1, max_size=8))
def test_a_shared_answer_is_what_each_would_have_got_alone(questions: list[Question]) -> None:
    first, *waiting = questions
    group = [first, *(waiting[place] for place in companions(first, waiting))]
    whole = merged(group)
    assert shares(group, whole, answered(whole)) == [answered(one) for one in group]


ALIKE = st.builds(
    lambda inputs, excluded: LinkQuery(
        "FRIEND", "out", "User", inputs, 1, {id: names for id, names in excluded.items() if id in inputs}
    ),
    st.lists(st.sampled_from(["u0", "u1", "u2"]), min_size=1, max_size=2, unique=True).map(tuple),
    st.dictionaries(st.sampled_from(["u0", "u1", "u2"]), st.lists(st.sampled_from(["x", "y"]), max_size=1), max_size=2),
)


@given(st.lists(ALIKE, min_size=2, max_size=5))
def test_clients_that_differ_in_their_exclusions_alone_each_get_theirs(questions: list[LinkQuery]) -> None:
    first, *waiting = questions
    group = [first, *(waiting[place] for place in companions(first, waiting))]
    whole = merged(group)
    assert shares(group, whole, answered(whole)) == [answered(one) for one in group]


@pytest.mark.parametrize(
    ("mine", "others", "together"),
    [
        # who excludes something else for the same vertex asks alone, also where one excludes nothing
        ({"a": ["x"]}, [({"a": ["y"]}, "a")], []),
        ({"a": ["x"]}, [({}, "a")], []),
        ({}, [({"a": ["x"]}, "a")], []),
        ({"a": ["x"]}, [({"a": ["x"]}, "a")], [0]),
        # for another vertex it may exclude what it likes, and the next one must agree with both
        ({"a": ["x"]}, [({"b": ["y"]}, "b"), ({"b": ["x"]}, "b"), ({"b": ["y"]}, "b")], [0, 2]),
        ({}, [({}, "b"), ({"b": ["y"]}, "b")], [0]),
    ],
)
def test_who_shares_a_call_agrees_on_what_is_excluded(
    mine: dict[str, list[str]], others: list[tuple[dict[str, list[str]], str]], together: list[int]
) -> None:
    def asks(id: str, exclude: dict[str, list[str]]) -> LinkQuery:
        return LinkQuery("l", "out", "t", (id,), 1, exclude)

    assert companions(asks("a", mine), [asks(id, exclude) for exclude, id in others]) == together


@given(st.lists(QUESTIONS, min_size=1, max_size=8))
def test_whoever_asks_the_same_always_goes_along(questions: list[Question]) -> None:
    first, *waiting = questions
    alone = first.subgraph is not None
    found = companions(first, waiting)
    same = [place for place, one in enumerate(waiting) if one == first]
    assert found == [] if alone else set(same) <= set(found)


def test_a_shared_call_stays_small_and_asks_about_each_input_once() -> None:
    def asks(*ids: int) -> LinkQuery:
        return LinkQuery("l", "out", "t", tuple(f"v{id}" for id in ids), 1)

    waiting = [asks(0), asks(*range(MOST_SHARED - 1)), asks(1), asks(*range(MOST_SHARED + 1))]
    assert companions(asks(0), waiting) == [0, 2]
    assert merged([asks(0), asks(1), asks(0, 2)]) == asks(0, 1, 2)


def test_a_shared_call_waits_as_long_as_the_most_patient() -> None:
    short, long, endless = (LinkQuery("l", "out", "t", ("v",), 1, timeout_s=time) for time in (1, 5, None))
    assert merged([short, long]).timeout_s == 5
    assert merged([short, endless]).timeout_s is None
