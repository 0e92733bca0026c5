"""Predictions in openCypher: what an endpoint is asked, in how many calls, and what rows come of its answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from training_scripts.graph_ml.schemas.times import TimeReading
from workflow.cypher.engine import CypherEngine
from workflow.cypher.planning.procedures import library
from workflow.cypher.running.options import CypherOptions
from workflow.errors import ConstraintViolation, InvalidParameter
from workflow.graphs.store.store import EmbeddedGraph
from workflow.predictions.cypher import prediction_rows
from workflow.predictions.endpoint import EndpointRecord, ModelCard, ModelTarget
from workflow.predictions.question import EdgeType, LinkQuery, Prediction, Predictions, PropertyQuery, Question
from workflow.predictions.reasons import ALL_TAKEN, ALONE, BELOW, NOTHING, OTHER_LABEL, UNSEEN

WATCHED = EdgeType("Person", "WATCHED", "Movie")
LINKS = ModelCard("m1", "link_prediction", (ModelTarget(edge_type=WATCHED),), snapshot_ms=0, created_ms=1)
GENRES = ModelCard("m2", "node_class", (ModelTarget(node_type="Movie", property="genre"),), snapshot_ms=86_400_000)
SCORES = ModelCard("m3", "edge_regression", (ModelTarget(edge_type=WATCHED, property="stars"),))


class Endpoint:
    """A service of one endpoint that remembers what it is asked."""

    def __init__(self, card: ModelCard | None) -> None:
        self.card = card
        self.asked: list[Any] = []

    def check_role(self, role_arn: str | None) -> None:
        return

    def resolve(self, endpoint: str | None) -> EndpointRecord:
        return EndpointRecord(str(endpoint), str(endpoint), "http://localhost")

    def describe(self, endpoint: EndpointRecord) -> ModelCard | None:
        return self.card

    def predict(self, endpoint: EndpointRecord, question: Question) -> Predictions:
        self.asked.append(question)
        if isinstance(question, LinkQuery):
            best = [Prediction(f"m{n}", 0.9 - n / 10) for n in range(4)]
            out = tuple(
                tuple(one for one in best if one.value not in question.exclude.get(id, ()))[: question.topk]
                for id in question.inputs
            )
            return Predictions(out, "m1", 1)
        assert isinstance(question, PropertyQuery)
        if question.task == "node_class":
            both = (Prediction("comedy", 0.7), Prediction("drama", 0.3))
            return Predictions(tuple(both[: question.topk] for _ in question.inputs), "m2", 1)
        return Predictions(tuple((Prediction(4.5, None),) for _ in question.inputs), "m3", 1)


class Bench:
    def __init__(self, card: ModelCard | None) -> None:
        self.service = Endpoint(card)
        self.graph = EmbeddedGraph("g", "neptune")
        self.engine = CypherEngine(self.graph, "neptune", library(*prediction_rows(self.service)))
        self("UNWIND range(0, 2) AS i CREATE (:Movie {`~id`: 'm' + toString(i), n: i})")
        self("UNWIND range(0, 2) AS i CREATE (:Person {`~id`: 'p' + toString(i), n: i})")
        self("MATCH (p:Person {n: 0}), (m:Movie {n: 0}) CREATE (p)-[:WATCHED]->(m)")

    def __call__(self, text: str, **parameters: Any) -> list[tuple[Any, ...]]:
        result = self.engine.run(text, CypherOptions(parameters))
        return [tuple(row[column] for column in result.columns) for row in result.rows]


def test_links_are_asked_for_once_and_known_ones_are_left_out() -> None:
    bench = Bench(LINKS)
    rows = bench(
        "MATCH (p:Person) CALL despina.ml.predictLinks('e', p, 'WATCHED', {limit: 2}) "
        "YIELD node, score, model, snapshot "
        "RETURN p.n, node.n, round(score * 10), model, toString(snapshot) ORDER BY p.n, score DESC"
    )
    # person 0 has watched m0; m3 is not in the graph
    wanted = [(0, 1, 8), (0, 2, 7), (1, 0, 9), (1, 1, 8), (2, 0, 9), (2, 1, 8)]
    assert rows == [(*row, "m1", "1970-01-01T00:00Z") for row in wanted]
    (question,) = bench.service.asked
    assert question.inputs == ("p0", "p1", "p2")
    assert question.exclude == {"p0": ["m0"]}
    assert (question.way, question.candidate_type) == ("out", "Movie")


def test_options_of_links() -> None:
    bench = Bench(LINKS)
    query = "MATCH (p:Person {n: 0}) CALL despina.ml.predictLinks('e', p, 'WATCHED', $o) YIELD node RETURN node.n"
    assert bench(query, o={"limit": 9, "threshold": 0.75}) == [(1,)]
    assert bench(query, o={"excludeExisting": False}) == [(0,)]
    backwards = (
        "MATCH (m:Movie {n: 0}) CALL despina.ml.predictLinks('e', m, 'WATCHED', {direction: 'INCOMING'}) YIELD node"
    )
    assert bench(f"{backwards} RETURN node") == []  # the endpoint names movies, which are not there as persons
    assert bench.service.asked[-1].candidate_type == "Person"


@pytest.mark.parametrize(
    ("card", "text", "told"),
    [
        (LINKS, "MATCH (p:Nobody) CALL despina.ml.predictLinks('e', p, 'WATCHED') YIELD node RETURN node", [NOTHING]),
        (LINKS, "MATCH (p:Person) CALL despina.ml.predictLinks('e', p, 'WATCHED', {threshold: 1}) YIELD node RETURN 1",
         [f"3 x {BELOW}"]),
        # of m0 the endpoint names movies alone, and person 0 is not asked about: a movie is nobody's end there
        (LINKS, "MATCH (m:Movie {n: 0}) CALL despina.ml.predictLinks('e', m, 'WATCHED', {direction: 'INCOMING'}) "
         "YIELD node RETURN 1", [ALL_TAKEN]),
        (LINKS, "MATCH (m:Movie {n: 0}) CALL despina.ml.predictLinks('e', m, 'WATCHED') YIELD node RETURN 1",
         [OTHER_LABEL]),
        (GENRES, "MATCH (m:Movie {n: 0}) CALL despina.ml.classify('e', m, 'genre', {threshold: .9}) YIELD value "
         "RETURN value", [BELOW]),
        (GENRES, "MATCH (m:Nobody) CALL despina.ml.classify('e', m, 'genre') YIELD value RETURN value", [NOTHING]),
        (GENRES, "MATCH (m:Movie) CALL despina.ml.classify('e', m, 'genre') YIELD value RETURN value", []),
    ],
)  # fmt: skip
def test_a_prediction_without_an_answer_says_why(card: ModelCard, text: str, told: list[str]) -> None:
    result = Bench(card).engine.run(text, CypherOptions())
    assert bool(list(result.rows)) is not bool(told)
    assert result.outcome.told == told


@pytest.mark.parametrize(("inductive", "reason"), [("false", UNSEEN), ("true", ALONE)])
def test_an_element_that_the_model_does_not_know_is_told(inductive: str, reason: str) -> None:
    bench = Bench(replace(GENRES, inductive=True))
    bench.service.predict = lambda endpoint, question: Predictions(((),), "m2", 1)  # type: ignore[method-assign]
    options = f"{{inductive: {inductive}}}"
    result = bench.engine.run(
        f"MATCH (m:Movie {{n: 0}}) CALL despina.ml.classify('e', m, 'genre', {options}) YIELD value RETURN value"
    )
    assert list(result.rows) == []
    assert result.outcome.told == [reason.format("the option `inductive`")]


def test_more_rows_than_a_call_takes_are_asked_in_several() -> None:
    bench = Bench(LINKS)
    bench("UNWIND range(3, 1202) AS i CREATE (:Person {`~id`: 'p' + toString(i), n: i})")
    rows = bench("MATCH (p:Person) CALL despina.ml.predictLinks('e', p, 'WATCHED') YIELD node RETURN count(*)")
    assert rows == [(1203,)]
    assert [len(one.inputs) for one in bench.service.asked] == [1000, 203]


def test_classes_and_numbers() -> None:
    bench = Bench(GENRES)
    query = "MATCH (m:Movie) CALL despina.ml.classify('e', m, 'genre', {limit: 2}) YIELD value, score, model, snapshot"
    rows = bench(f"{query} RETURN m.n, value, score, model, toString(snapshot) ORDER BY m.n, score DESC")
    assert rows[:2] == [
        (0, "comedy", 0.7, "m2", "1970-01-02T00:00Z"),
        (0, "drama", 0.3, "m2", "1970-01-02T00:00Z"),
    ]
    assert len(rows) == 6
    assert len(bench.service.asked) == 1
    edges = Bench(SCORES)
    query = "MATCH (:Person)-[w:WATCHED]->() CALL despina.ml.regress('e', w, 'stars') YIELD value, score, model"
    assert edges(f"{query} RETURN value, score, model") == [(4.5, None, "m3")]
    (question,) = edges.service.asked
    assert (question.task, question.inputs[0].type) == ("edge_regression", WATCHED)


def test_null_has_no_prediction() -> None:
    bench = Bench(GENRES)
    assert bench("OPTIONAL MATCH (m:Nothing) CALL despina.ml.classify('e', m, 'genre') YIELD value RETURN value") == []
    assert bench.service.asked == []


@pytest.mark.parametrize(
    ("card", "call", "said"),
    [
        (GENRES, "predictLinks('e', p, 'WATCHED')", "trained for node_class"),
        (LINKS, "predictLinks('e', p, 'LIKES')", "does not predict 'LIKES'.*it predicts WATCHED"),
        (LINKS, "predictLinks('e', p, 'WATCHED', {limit: 0})", "`limit` is a whole number"),
        (LINKS, "predictLinks('e', p, 'WATCHED', {top: 1})", "Unknown option 'top'"),
        (LINKS, "predictLinks('e', p, 'WATCHED', {inductive: true})", "came after its training"),
        (None, "predictLinks('e', p, 'WATCHED')", "option `label`"),
        (LINKS, "classify('e', p, 'genre')", "trained for link_prediction"),
        (GENRES, "classify('e', p, 'colour')", "predicts genre"),
        (GENRES, "classify('e', 3, 'genre')", "a node or a relationship"),
    ],
)
def test_refusals(card: ModelCard | None, call: str, said: str) -> None:
    with pytest.raises(InvalidParameter, match=said):
        Bench(card)(f"MATCH (p:Person) CALL despina.ml.{call} YIELD score RETURN score")


@pytest.mark.parametrize(
    ("moment", "seconds"),
    [
        ("datetime('1970-01-02T00:00:00Z')", 86_400.0),
        ("localdatetime('1970-01-01T00:00:05')", 5.0),
        ("date('1970-01-03')", 172_800.0),
        ("'1970-01-02'", 86_400.0),
        ("12", 12.0),
    ],
)
def test_an_endpoint_is_asked_as_of_a_moment(moment: str, seconds: float) -> None:
    bench = Bench(replace(LINKS, timed=True))
    call = f"CALL despina.ml.predictLinks('e', p, 'WATCHED', {{limit: 9, asOf: {moment}}}) YIELD node"
    # p0 has watched m0 now; whether it had then is for the endpoint to say
    assert bench(f"MATCH (p:Person {{n: 0}}) {call} RETURN node.n ORDER BY node.n") == [(0,), (1,), (2,)]
    (question,) = bench.service.asked
    assert (question.as_of, question.mask, question.exclude) == (seconds, True, {})


def test_values_are_asked_as_of_a_moment_too() -> None:
    bench = Bench(replace(GENRES, timed=True))
    bench("MATCH (m:Movie) CALL despina.ml.classify('e', m, 'genre', {asOf: 3}) YIELD value RETURN value")
    assert [question.as_of for question in bench.service.asked] == [3.0]


def test_an_inductive_question_as_of_a_moment_brings_what_was_there_then() -> None:
    card = replace(LINKS, timed=True, inductive=True, hops=1, fanouts=(5,), times=((WATCHED, "at", TimeReading()),))
    bench = Bench(card)
    for n, at in ((0, 2), (1, 3), (2, 4)):
        bench(f"MATCH (p:Person {{n: 1}}), (m:Movie {{n: {n}}}) CREATE (p)-[:WATCHED {{at: {at}}}]->(m)")
    options = "{limit: 9, asOf: 4, inductive: true}"
    bench(
        f"MATCH (p:Person {{n: 1}}) CALL despina.ml.predictLinks('e', p, 'WATCHED', {options}) YIELD node RETURN node"
    )
    (question,) = bench.service.asked
    assert sorted(edge.target for edge in question.subgraph.edges) == ["m0", "m1"]
    assert question.as_of == 4.0


def test_a_moment_is_refused_where_the_model_has_no_time_or_does_not_know_what_says_when() -> None:
    query = "MATCH (p:Person) CALL despina.ml.predictLinks('e', p, 'WATCHED', $o) YIELD node RETURN node"
    with pytest.raises(ConstraintViolation, match="`asOf` needs a model of a graph with times"):
        Bench(LINKS)(query, o={"asOf": 3})
    with pytest.raises(ConstraintViolation, match="which properties say when"):
        Bench(replace(LINKS, timed=True, inductive=True))(query, o={"asOf": 3, "inductive": True})
    with pytest.raises(InvalidParameter, match="`asOf` takes a date"):
        Bench(replace(LINKS, timed=True))(query, o={"asOf": [3]})
