"""Which step of a query is the inference step, what it becomes, and what is refused in which words."""

from __future__ import annotations

from typing import Any

import pytest

from workflow.errors import InvalidParameter, MissingParameter, UnsupportedOperation, WorkflowError
from workflow.gremlin.lang import parse
from workflow.gremlin.planning.compile import Compiler
from workflow.gremlin.steps.facts import named
from workflow.gremlin.traversal import Instruction, Strategy, Traversal
from workflow.predictions.gremlin.folding import fold_predictions
from workflow.predictions.gremlin.spec import PredictionSpec
from workflow.predictions.gremlin.steps import STEPS

C = 'with("Neptune#ml.classification")'
R = 'with("Neptune#ml.regression")'
P = 'with("Neptune#ml.prediction")'
EP = 'g.with("Neptune#ml.endpoint", "ep").'


def _parsed(text: str) -> Traversal:
    traversal = parse(text)[0].traversal
    assert isinstance(traversal, Traversal)
    return traversal


def _fold(text: str, **options: Any) -> Traversal:
    return fold_predictions(_parsed(text), options)


def _spec(traversal: Traversal) -> PredictionSpec:
    found = [step.args[0] for step in traversal.steps if step.name in ("predict", "predictAhead")]
    assert isinstance(found[0], PredictionSpec)
    return found[0]


def _names(traversal: Traversal) -> list[str]:
    return [step.name for step in traversal.steps]


def test_a_query_without_inference_is_left_alone() -> None:
    traversal = _parsed(EP + "V('1').out('x').with('evaluationTimeout', 3).values('name')")
    assert fold_predictions(traversal, {}) is traversal


def test_classification_becomes_one_step() -> None:
    folded = _fold(EP + f"with('Neptune#ml.limit', 3).V('1').properties('p', 'Neptune#ml.score').{C}.value()")
    assert _names(folded) == ["V", "predict", "value"]
    assert _spec(folded) == PredictionSpec("classification", "ep", limit=3, property="p", with_score=True)


def test_options_of_the_request_and_of_bytecode_count() -> None:
    steps = (Instruction("V"), Instruction("properties", ("p",)), Instruction("with", ("Neptune#ml.regression",)))
    strategy = Strategy("OptionsStrategy", {"Neptune#ml.endpoint": "bytes", "Neptune#ml.limit": 5})
    traversal = Traversal(steps, (Instruction("withStrategies", (strategy,)),))
    assert _spec(fold_predictions(traversal, {})).endpoint == "bytes"
    assert _spec(fold_predictions(traversal, {"Neptune#ml.endpoint": "request"})).endpoint == "request"


def test_options_of_the_step_win_over_those_of_the_source() -> None:
    folded = _fold(
        EP + f"with('Neptune#ml.threshold', 0.9D).V().properties('p').with('Neptune#ml.threshold', 0.5D).{C}"
    )
    assert _spec(folded).threshold == 0.5


def test_modulators_come_in_any_order_and_false_is_absent() -> None:
    folded = _fold(
        EP + f"V().properties('p').with('Neptune#ml.inductiveInference').with('Neptune#ml.deterministic', false).{C}"
    )
    assert (_spec(folded).inductive, _spec(folded).deterministic) == (True, False)


@pytest.mark.parametrize("key", ["inductiveInference", "deterministic", "prediction", "classification", "regression"])
def test_a_word_of_a_step_before_the_first_step_is_refused_with_where_it_belongs(key: str) -> None:
    said = rf"Neptune#ml\.{key} has no effect before the first step .*; write \.with\('Neptune#ml\.{key}'\) after"
    for rest in (f"V('a').out('L').{P}.hasLabel('T')", "V('a').out('L')"):
        with pytest.raises(InvalidParameter, match=said):
            _fold(f"{EP}with('Neptune#ml.{key}').{rest}")
        strategy = Strategy("OptionsStrategy", {f"Neptune#ml.{key}": True})
        steps = _parsed(EP + rest).steps
        with pytest.raises(InvalidParameter, match=said):
            fold_predictions(Traversal(steps, (Instruction("withStrategies", (strategy,)),)), {})
    assert _fold(f"{EP}with('Neptune#ml.{key}', false).V()").steps


@pytest.mark.parametrize(
    ("hop", "rest", "left"),
    [
        ("hasLabel('T')", ".id()", ["V", "predict", "id"]),
        ("has(T.label, 'T')", "", ["V", "predict"]),
        ("has('T', 'name', 'x')", ".id()", ["V", "predict", "has", "id"]),
        ("hasLabel(eq('T'))", "", ["V", "predict"]),
        ("as('x').hasLabel('T')", ".as('y')", ["V", "predict", "as", "as"]),
        ("hasLabel('T').hasLabel('T')", "", ["V", "predict"]),
    ],
)
def test_the_label_behind_a_hop_is_taken_in(hop: str, rest: str, left: list[str]) -> None:
    folded = _fold(EP + f"V().in('L').{P}.{hop}{rest}")
    assert _names(folded) == left
    assert _spec(folded) == PredictionSpec("links", "ep", way="in", relation="L", candidate_label="T")


@pytest.mark.parametrize(
    ("query", "names", "way"),
    [
        (f"V().project('n','p').by('name').by(properties('s').{C}.value())", ["V", "predictAhead", "project"], []),
        (f"V().as('r').project('p').by(select('r').properties('s').{C})", ["V", "as", "predictAhead"], ["select"]),
        (f"V().out('L').local(outE('M').properties('s').{C}.value())", ["V", "out", "predictAhead"], ["outE"]),
        (f"V().project('x').by(map(out('L').properties('s').{C}))", ["V", "predictAhead", "project"], ["out"]),
        (f"V().union(properties('s').{C}, properties('s'))", ["V", "predictAhead", "union"], []),
        (f"V().where(out('L').{P}.hasLabel('T'))", ["V", "predictAhead", "where"], []),
    ],
)
def test_children_that_run_one_by_one_are_asked_ahead(query: str, names: list[str], way: list[str]) -> None:
    folded = _fold(EP + query)
    assert _names(folded)[: len(names)] == names
    ahead = next(step for step in folded.steps if step.name == "predictAhead")
    assert _names(ahead.args[1]) == way


def test_what_was_asked_ahead_is_answered_input_by_input_and_all_else_is_gathered_first() -> None:
    child = f"properties('s').{C}"
    alone, ahead = _fold(f"{EP}V().{child}"), _fold(f"{EP}V().map({child})")
    steps = {}
    for name, traversal in (
        ("alone", alone),
        ("ahead", next(step for step in ahead.steps if step.name == "map").args[0]),
    ):
        (predict,) = (step for step in traversal.steps if step.name == "predict")
        steps[name] = STEPS["predict"](Compiler(), "predict", predict.args)
    assert (steps["alone"].barrier, steps["ahead"].barrier) == (True, False)


@pytest.mark.parametrize(
    "query",
    [
        f"V().project('p').by(aggregate('x').properties('s').{C})",
        f"addV('a').as('n').map(properties('s').{C})",
        f"V().select('a', 'b').by(properties('s').{C})",
        f"V().project('p').by(sample(1).properties('s').{C})",
    ],
)
def test_what_must_not_run_twice_is_not_asked_ahead(query: str) -> None:
    assert "predictAhead" not in _names(_fold(EP + query))


REFUSALS = [
    # (query after the endpoint option, class, text) in the numbering of the guide's table of exceptions
    (
        f"V('1').properties('s','p').{C}",
        InvalidParameter,
        "ML inference queries are currently supported for one property key.",
    ),
    (
        f"V('1').out('read','lent').{P}.hasLabel('book')",
        InvalidParameter,
        "ML inference are currently supported only with one edge label.",
    ),
    (
        f"V('1').out('read').{P}.hasLabel('book','film')",
        InvalidParameter,
        "ML inference are currently supported only with one vertex label constraint.",
    ),
    (
        f"V('1').out('read').{P}.hasLabel('book').hasLabel('film')",
        InvalidParameter,
        "ML inference are currently supported only with one vertex label constraint.",
    ),
    (
        f"V('1').union(properties('s').{C}, properties('p').{R})",
        InvalidParameter,
        "Both regression and classification ML predicates cannot be specified in the query.",
    ),
    (
        f"V('1').properties('s').{C}.{R}",
        InvalidParameter,
        "Both regression and classification ML predicates cannot be specified in the query.",
    ),
    (
        f"V('1').properties('s','p','Neptune#ml.score').{C}",
        InvalidParameter,
        "Neptune ML inference queries are currently supported for one property key and one Neptune#ml.score "
        "property key.",
    ),
    (
        f"V('1').properties().{C}",
        MissingParameter,
        "Property key needs to be specified using properties() step for ML inference queries.",
    ),
    (
        f"V('1').out().{P}.hasLabel('book')",
        MissingParameter,
        "Edge label needs to be specified while using in() or out() step for ML inference queries.",
    ),
    (
        f"V('1').properties('Neptune#ml.score').{C}",
        MissingParameter,
        "Property key needs to be specified along with Neptune#ml.score property key while using the properties() "
        "step for Neptune ML inference queries.",
    ),
    (
        f"V('1').both('read').{P}.hasLabel('book')",
        UnsupportedOperation,
        "ML inference queries are currently not supported with both() step.",
    ),
    (
        f"V('1').out('read').{P}",
        UnsupportedOperation,
        "Predicted vertex label needs to be specified using has() step for ML inference queries.",
    ),
    (
        f"V('1').repeat(properties('s').{C}).times(2)",
        UnsupportedOperation,
        "Neptune ML inference queries are currently not supported inside a repeat step.",
    ),
    (
        f"V('1').project('a','b').by(properties('s').{C}.value()).by(properties('s').{C}.value())",
        UnsupportedOperation,
        "Neptune ML inference queries are currently supported only with one ML inference query per gremlin query.",
    ),
    (
        f"with('Neptune#ml.endpoint', 'bad name!').V('1').properties('s').{C}",
        InvalidParameter,
        "Invalid endpoint provided for external service query.",
    ),
    (
        f"with('Neptune#ml.limit', 101).V('1').properties('s').{C}",
        InvalidParameter,
        "Neptune#ml.limit must be a whole number from 1 to 100, found 101.",
    ),
    (
        f"with('Neptune#ml.limit', 0).V('1').properties('s').{C}",
        InvalidParameter,
        "Neptune#ml.limit must be a whole number from 1 to 100, found 0.",
    ),
    (
        f"with('Neptune#ml.threshold', 'high').V('1').properties('s').{C}",
        InvalidParameter,
        "Neptune#ml.threshold must be a number, found 'high'.",
    ),
    (
        f"with('Neptune#ml.threshold', NaN).V('1').properties('s').{C}",
        InvalidParameter,
        "Neptune#ml.threshold must be a number, found nan.",
    ),
    (
        f"V('1').outE('x').{P}.hasLabel('book')",
        UnsupportedOperation,
        "Neptune#ml.prediction belongs to out() or in(), not to outE().",
    ),
]


@pytest.mark.parametrize(("query", "error", "text"), REFUSALS)
def test_wrong_queries_are_refused_in_neptunes_words(query: str, error: type[WorkflowError], text: str) -> None:
    with pytest.raises(error) as caught:
        _fold(EP + query)
    assert caught.value.message == text


def test_unknown_keys_are_named_with_the_likely_one_and_those_there_are() -> None:
    said = r"Neptune#ml.clasification is not known; did you mean Neptune#ml.classification\? known are .*#ml.limit"
    with pytest.raises(InvalidParameter, match=said):
        _fold(EP + "V().properties('s').with('Neptune#ml.clasification')")


def test_an_unknown_key_is_refused_in_a_query_that_predicts_nothing_too() -> None:
    with pytest.raises(InvalidParameter, match=r"did you mean Neptune#ml.endpoint\?"):
        _fold("g.with('Neptune#ml.endpiont', 'x').V().out('FRIEND')")


def test_a_limit_of_regression_is_ignored() -> None:
    assert _spec(_fold(EP + f"with('Neptune#ml.limit', 500).V().properties('p').{R}")).limit == 1


def test_values_stands_for_properties_and_value() -> None:
    assert _names(_fold(EP + f"V().values('p').{R}")) == ["V", "predict", "value"]


def test_a_decimal_is_a_threshold_like_a_double() -> None:
    assert _spec(_fold(EP + f"with('Neptune#ml.threshold', 0.5M).V().properties('p').{C}")).threshold == 0.5


@pytest.mark.parametrize("name", sorted(named(lambda facts: facts.may_write and facts.family)))
def test_a_query_that_writes_asks_nothing_ahead(name: str) -> None:
    # to ask ahead is to run the begin of the query twice, which a step that writes must not
    traversal = _parsed(EP + f"V().project('x').by(properties('s').{C}.value())")
    assert "predictAhead" in _names(fold_predictions(traversal, {}))
    for writing in (Instruction(name), Instruction("sideEffect", (Traversal((Instruction(name),)),))):
        longer = Traversal((*traversal.steps, writing), traversal.source)
        assert "predictAhead" not in _names(fold_predictions(longer, {}))
