"""Every row of the inference truth table: Neptune ML queries over a library of books and readers.

The library and the ways in are in ``conftest.py``.
"""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from workflow.errors import WorkflowError
from workflow.graphs.elements import Edge, Property, Vertex, VertexProperty
from workflow.graphs.elements import Path as GraphPath
from workflow.gremlin.engine import Engine
from workflow.gremlin.lang import parse
from workflow.predictions.gremlin import PredictionExtension
from workflow.predictions.service import EndpointService

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")

Ask = Callable[[str], list[Any]]
Check = Callable[[list[Any]], bool]

SHELVES = ("Drama", "Essay", "Poetry")  # book_n stands on number n mod 3, with a score of 0.6 for even n, else 0.4
C = 'with("Neptune#ml.classification")'
R = 'with("Neptune#ml.regression")'
P = 'with("Neptune#ml.prediction")'
IND = 'with("Neptune#ml.inductiveInference")'
D = 'with("Neptune#ml.deterministic")'


def _kinds(values: list[Any], *kinds: type) -> bool:
    return [type(value) for value in values] == list(kinds)


def _properties(found: list[Any], kind: type, *pairs: tuple[str, Any]) -> bool:
    """Whether these are properties of the kind, with keys and values of exactly these types."""
    made = [(one.key, one.value) for one in found]
    return (
        _kinds(found, *[kind] * len(pairs))
        and made == list(pairs)
        and [type(value) for _, value in made] == [type(value) for _, value in pairs]
    )


def _one_shelf(found: list[Any]) -> bool:
    return _properties(found, VertexProperty, ("shelf", "Essay"))


def _row_9(found: list[Any]) -> bool:
    # book_10, book_20 … book_90 have no shelf stored, nor has book_new, which the model does not know
    expected = [{"n": f"Book {n}", "p": [SHELVES[n % 3]]} for n in range(10, 91, 10)]
    return found == [*expected, {"n": "New", "p": []}]


def _row_12(found: list[Any]) -> bool:
    (one,) = found
    return list(one) == ["b", "p"] and _kinds([one["b"]], Vertex) and one["b"].id == "book_1" and _one_shelf([one["p"]])


def _row_15(found: list[Any]) -> bool:
    vertex, shelf = found[0].objects
    return _kinds(found, GraphPath) and _kinds([vertex], Vertex) and vertex.id == "book_1" and _one_shelf([shelf])


def _row_49(found: list[Any]) -> bool:
    (one,) = found
    return _kinds([one["s"], one["t"]], Vertex, Vertex) and (one["s"].id, one["t"].id) == ("reader_1", "book_2")


def _row_50(found: list[Any]) -> bool:
    stops = found[0].objects
    return (
        _kinds(found, GraphPath)
        and _kinds(list(stops), Vertex, Vertex, Vertex)
        and [one.id for one in stops] == ["reader_1", "book_2", "author_1"]
    )


ROWS: list[tuple[int, str, str, Check]] = [
    (1, "ep-nc", f"V('book_1').properties('shelf').{C}", _one_shelf),
    (2, "ep-nc", f"V('book_1','book_2','book_3').properties('shelf').{C}.value()",
     lambda found: found == ["Essay", "Poetry", "Drama"]),
    (3, "ep-nc", f"with('Neptune#ml.limit',2).V('book_1').properties('shelf').{C}.value()",
     lambda found: found == ["Essay", "Poetry"]),
    (4, "ep-nc", f"with('Neptune#ml.limit',50).V('book_1').properties('shelf').{C}.value()",
     lambda found: found == ["Essay", "Poetry", "Drama"]),
    (6, "ep-nc", "with('Neptune#ml.limit',3).with('Neptune#ml.threshold',0.5D)"
     f".V('book_1').properties('shelf').{C}.value()", lambda found: found == []),
    (6, "ep-nc", "with('Neptune#ml.limit',3).with('Neptune#ml.threshold',0.5D)"
     f".V('book_2').properties('shelf').{C}.value()", lambda found: found == ["Poetry"]),
    (7, "ep-nc", f"V('book_1').properties('shelf','Neptune#ml.score').{C}",
     lambda found: _properties(found, VertexProperty, ("shelf", "Essay"), ("Neptune#ml.score", 0.4))),
    (8, "ep-nc", f"with('Neptune#ml.limit',2).V('book_1').properties('shelf','Neptune#ml.score').{C}.value()",
     lambda found: found == ["Essay", 0.4, "Poetry", 0.3]),
    (9, "ep-nc", f"V().hasLabel('book').hasNot('shelf').project('n','p').by('name').by(properties('shelf').{C}"
     ".value().fold())", _row_9),
    (10, "ep-nc", f"V('book_1','book_2').properties('shelf').{C}.has(value, within('Drama','Essay'))",
     _one_shelf),
    (11, "ep-nc", f"V().hasLabel('book').as('b').properties('shelf').{C}.value().is('Poetry').select('b')"
     ".values('name')", lambda found: found == [f"Book {n}" for n in range(2, 91, 3)]),
    (12, "ep-nc", f"V('book_1').as('b').properties('shelf').{C}.as('p').select('b','p')", _row_12),
    (13, "ep-nc", f"V('book_1').union(properties('shelf').{C}, properties('shelf'))",
     lambda found: _properties(found, VertexProperty, ("shelf", "Essay"), ("shelf", "Stored"))),
    (14, "ep-nc", f"V('book_1').properties('shelf').{C}.key()", lambda found: found == ["shelf"]),
    (15, "ep-nc", f"V('book_1').properties('shelf').{C}.path()", _row_15),
    (16, "ep-nc", f"V().properties('shelf').{C}",
     lambda found: _properties(found, VertexProperty, *[("shelf", SHELVES[n % 3]) for n in range(1, 91)])),
    (17, "ep-nc", f"V('nobody').properties('shelf').{C}", lambda found: found == []),
    (18, "ep-nc", f"V('book_new').properties('shelf').{C}", lambda found: found == []),
    (19, "ep-nc", f"V('book_new').properties('shelf').{C}.{IND}",
     lambda found: _properties(found, VertexProperty, ("shelf", "Drama"))),
    (20, "ep-nc", f"V('book_new').properties('shelf').{C}.{IND}.{D}",
     lambda found: _properties(found, VertexProperty, ("shelf", "Drama"))),
    (21, "ep-nc", f"V('book_1').properties('shelf').{C}.{D}", _one_shelf),
    (34, "https://runtime.sagemaker.us-east-1.amazonaws.com/endpoints/ep-nc-2026-endpoint/invocations",
     f"V('book_1').properties('shelf').{C}", _one_shelf),
    (36, "ep-nr", f"V('book_1').properties('price').{R}",
     lambda found: _properties(found, VertexProperty, ("price", 0.5))),
    (37, "ep-nr", f"V().hasLabel('book').properties('price').{R}.value().is(gte(20))",
     lambda found: found == [n / 2 for n in range(40, 91)]),
    (38, "ep-nr", f"V('book_1','book_2').properties('price').{R}.hasValue(lte(20.0D))",
     lambda found: _properties(found, VertexProperty, ("price", 0.5), ("price", 1.0))),
    (39, "ep-nr", f"with('Neptune#ml.limit',5).V('book_1').properties('price').{R}.value()",
     lambda found: found == [0.5]),
    (40, "ep-nr", f"V().hasLabel('book').project('n','p').by('name').by(properties('price').{R}.value())"
     ".order().by('p',desc).limit(10)",
     lambda found: found == [{"n": f"Book {n}", "p": n / 2} for n in range(90, 80, -1)]),
    (42, "ep-ec", f"E('read_1','read_2').properties('mood').{C}",
     lambda found: _properties(found, Property, ("mood", "Tense"), ("mood", "Calm"))),
    (43, "ep-ec", f"V('reader_1').outE('read').properties('mood','Neptune#ml.score').{C}.value()",
     lambda found: found == ["Tense", 0.8, "Calm", 0.8, "Tense", 0.8]),
    (44, "ep-ec", f"V('reader_1').outE('read').as('e').properties('mood').{C}.value().is('Calm').select('e').inV()"
     ".values('name')", lambda found: found == ["Book 9"]),
    (45, "ep-er", f"E('read_1').properties('stars').{R}.value().is(gte(4))", lambda found: found == []),
    (45, "ep-er", f"E('read_6').properties('stars').{R}.value().is(gte(4))", lambda found: found == [5.0]),
    (46, "ep-er", f"V('reader_1').outE('read').as('e').properties('stars').{R}.value().order().by(desc).limit(3)"
     ".as('s').select('e').inV().project('b','s').by('name').by(select('s'))",
     lambda found: found == [{"b": "Book 16", "s": 2.0}, {"b": "Book 9", "s": 1.0}, {"b": "Book 2", "s": 0.0}]),
    (47, "ep-lp", f"V('reader_1').out('read').{P}.hasLabel('book')",
     lambda found: _kinds(found, Vertex) and found[0].id == "book_2"),
    (48, "ep-lp", f"with('Neptune#ml.limit',5).V('book_1','book_2').in('read').{P}.hasLabel('reader').id()",
     lambda found: found == [f"reader_{n}" for n in (2, 3, 4, 5, 6, 3, 4, 5, 6, 7)]),
    (49, "ep-lp", f"V('reader_1').as('s').out('read').{P}.hasLabel('book').as('t').select('s','t')",
     _row_49),
    (50, "ep-lp", f"V('reader_1').out('read').{P}.hasLabel('book').out('by').path()",
     _row_50),
    (51, "ep-lp", f"V('reader_1').out('read').{P}.with('Neptune#ml.filterExistingEdges').hasLabel('book').id()",
     lambda found: found == ["book_23"]),  # 2, 9 and 16 are read, the next in the endpoint's list is 1 + 7·3 + 1
    (52, "ep-lp", f"V('reader_new').out('read').{P}.hasLabel('book')", lambda found: found == []),
    (53, "ep-lp", f"V('reader_new').out('read').{P}.{IND}.hasLabel('book').id()", lambda found: found == ["book_3"]),
    (60, "ep-nc", "V('book_1').values('name')", lambda found: found == ["Book 1"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("endpoint", "query", "check"), [pytest.param(*row[1:], id=f"{row[0]}-{n}") for n, row in enumerate(ROWS)]
)
def test_a_row_gives_what_the_table_says(ask: Ask, endpoint: str, query: str, check: Check) -> None:
    found = ask(f'g.with("Neptune#ml.endpoint", "{endpoint}").{query}')
    assert check(found), found


def test_row_22_adds_a_book_and_tells_its_shelf(ask: Ask) -> None:
    query = (
        "g.with('Neptune#ml.endpoint','ep-nc').addV('book').property(id,'book_x').property('name','Just out').as('n')"
        f".V('reader_1').addE('read').to('n').V('book_x').properties('shelf').{C}.{IND}.value()"
    )
    try:
        assert ask(query) == ["Drama"]
        assert ask("g.V('book_x').values('name')") == ["Just out"]
        assert ask("g.V('reader_1').outE('read').as('e').inV().hasId('book_x').select('e').label()") == ["read"]
    finally:
        ask("g.V('book_x').drop()")


NOT_FITTING = "Incompatible data from external service. Please check your service configuration and query again."

REFUSED: list[tuple[int, str, str, str, str]] = [
    (5, "ep-nc", f"with('Neptune#ml.limit',101).V('book_1').properties('shelf').{C}", "InvalidParameterException",
     "Neptune#ml.limit must be a whole number from 1 to 100, found 101."),
    (23, "ep-nc", f"V('book_1').properties('shelf','price').{C}", "InvalidParameterException",
     "ML inference queries are currently supported for one property key."),
    (24, "ep-nc", f"V('book_1').properties().{C}", "MissingParameterException",
     "Property key needs to be specified using properties() step for ML inference queries."),
    (25, "ep-nc", f"V('book_1').properties('Neptune#ml.score').{C}", "MissingParameterException",
     "Property key needs to be specified along with Neptune#ml.score property key while using the properties() step "
     "for Neptune ML inference queries."),
    (26, "ep-nc", f"V('book_1').properties('shelf','price','Neptune#ml.score').{C}", "InvalidParameterException",
     "Neptune ML inference queries are currently supported for one property key and one Neptune#ml.score property "
     "key."),
    (27, "ep-nc", f"V('book_1').properties('price').{C}", "ConstraintViolationException", NOT_FITTING),
    (28, "ep-nc", f"V('book_1').repeat(properties('shelf').{C}).times(2)", "UnsupportedOperationException",
     "Neptune ML inference queries are currently not supported inside a repeat step."),
    (29, "ep-nc", f"V('book_1').union(properties('shelf').{C}, properties('price').{R})", "InvalidParameterException",
     "Both regression and classification ML predicates cannot be specified in the query."),
    (30, "ep-nc", f"V('book_1').project('a','b').by(properties('shelf').{C}.value()).by(properties('shelf').{C}"
     ".value())", "UnsupportedOperationException",
     "Neptune ML inference queries are currently supported only with one ML inference query per gremlin query."),
    (31, "", f"V('book_1').properties('shelf').{C}", "MissingParameterException",
     "No endpoint provided for external service query."),
    (32, "nope", f"V('book_1').properties('shelf').{C}", "BadRequestException", "Endpoint nope not found."),
    (33, "bad name!", f"V('book_1').properties('shelf').{C}", "InvalidParameterException",
     "Invalid endpoint provided for external service query."),
    (35, "ep-nc", f"with('Neptune#ml.iamRoleArn','not-an-arn').V('book_1').properties('shelf').{C}",
     "InvalidParameterException", "Invalid IAM role ARN provided for external service query."),
    (41, "ep-nr", f"V('book_1').properties('price').{C}", "ConstraintViolationException", NOT_FITTING),
    (54, "ep-lp", f"V('reader_1').out().{P}.hasLabel('book')", "MissingParameterException",
     "Edge label needs to be specified while using in() or out() step for ML inference queries."),
    (55, "ep-lp", f"V('reader_1').out('read').{P}", "UnsupportedOperationException",
     "Predicted vertex label needs to be specified using has() step for ML inference queries."),
    (56, "ep-lp", f"V('reader_1').out('read','lent').{P}.hasLabel('book')", "InvalidParameterException",
     "ML inference are currently supported only with one edge label."),
    (57, "ep-lp", f"V('reader_1').out('read').{P}.hasLabel('book','film')", "InvalidParameterException",
     "ML inference are currently supported only with one vertex label constraint."),
    (58, "ep-lp", f"V('reader_1').both('read').{P}.hasLabel('book')", "UnsupportedOperationException",
     "ML inference queries are currently not supported with both() step."),
    (59, "ep-nc", f"V('reader_1').out('read').{P}.hasLabel('book')", "ConstraintViolationException", NOT_FITTING),
]  # fmt: skip


@pytest.mark.parametrize(
    ("endpoint", "query", "code", "text"), [pytest.param(*row[1:], id=str(row[0])) for row in REFUSED]
)
@pytest.mark.parametrize("starts", ["as given", "none"])
def test_a_row_is_refused_as_the_table_says(
    ask: Ask, endpoint: str, query: str, code: str, text: str, starts: str
) -> None:
    """Also where nothing arrives at the inference step."""
    named = f'with("Neptune#ml.endpoint", "{endpoint}").' if endpoint else ""
    if starts == "none":
        query = query.replace("V('book_1')", "V('nobody')").replace("V('reader_1')", "V('nobody')")
    with pytest.raises(WorkflowError) as caught:
        ask(f"g.{named}{query}")
    assert caught.value.code == code
    assert caught.value.message.startswith(text)
    if text != NOT_FITTING:
        assert caught.value.message == text


@pytest.mark.parametrize(
    ("endpoint", "query", "code", "text"), [pytest.param(*row[1:], id=str(row[0])) for row in REFUSED]
)
def test_boto3_raises_the_modelled_exception_of_a_row(
    library_address: str, endpoint: str, query: str, code: str, text: str
) -> None:
    client = boto3.client(
        "neptunedata",
        endpoint_url=f"http://{library_address}",
        region_name="us-east-1",
        config=Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1}),
    )
    named = f'with("Neptune#ml.endpoint", "{endpoint}").' if endpoint else ""
    with pytest.raises(ClientError) as caught:
        client.execute_gremlin_query(gremlinQuery=f"g.{named}{query}")
    assert type(caught.value) is getattr(client.exceptions, code)
    body: dict[str, Any] = {**caught.value.response}
    assert body["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert body["code"] == body["Error"]["Code"] == code
    assert body["detailedMessage"].startswith(text)
    assert re.fullmatch(r"[0-9a-f-]{36}", body["requestId"])


BAD, ROLE = "with('Neptune#ml.endpoint','bad name!')", "with('Neptune#ml.iamRoleArn','not-an-arn')"
NOPE = "with('Neptune#ml.endpoint','nope')"
SHELF = f"properties('shelf').{C}"
SEVERAL_WRONGS: list[tuple[str, str]] = [
    (f"{BAD}.V().union({SHELF}, properties('shelf').{R}, {SHELF})", "Both regression and classification"),
    (f"{BAD}.V().repeat({SHELF}).times(2).{SHELF}", "only with one ML inference query"),
    (f"{BAD}.V().repeat(both('read').{P}).times(2)", "not supported inside a repeat step"),
    (f"{BAD}.V().both().{P}", "not supported with both() step"),
    (f"{BAD}.{ROLE}.V().properties().{C}", "Property key needs to be specified using properties() step"),
    (f"{BAD}.V().out().{P}", "Edge label needs to be specified"),
    (f"{BAD}.V().out('a','b').{P}", "only with one edge label"),
    (f"{BAD}.{ROLE}.V().out('a').{P}.hasLabel('b','c')", "only with one vertex label constraint"),
    (f"{BAD}.{ROLE}.V().{SHELF}", "Invalid endpoint provided"),
    (f"{NOPE}.{ROLE}.V().{SHELF}", "Invalid IAM role ARN provided"),
    (f"{ROLE}.V().{SHELF}", "No endpoint provided"),
    (f"{NOPE}.V().properties('nothing').{C}.{IND}", "Endpoint nope not found."),
]


@pytest.mark.parametrize(("query", "text"), SEVERAL_WRONGS)
def test_of_several_wrongs_the_first_in_neptunes_order_is_told(ask: Ask, query: str, text: str) -> None:
    with pytest.raises(WorkflowError, match=re.escape(text)):
        ask(f"g.{query}")


def test_every_row_of_the_table_is_here() -> None:
    assert {row[0] for row in ROWS} | {22} | {row[0] for row in REFUSED} == set(range(1, 61))


def test_untyped_answers_over_http_look_as_the_specification_prints_them(library_address: str) -> None:
    def ask(query: str) -> list[Any]:
        body = json.dumps({"gremlin": f"g.with('Neptune#ml.endpoint',{query}"}).encode()
        request = urllib.request.Request(f"http://{library_address}/gremlin", body, {"Accept": "application/json"})
        with urllib.request.urlopen(request) as answer:
            data: list[Any] = json.load(answer)["result"]["data"]
        return data

    shelf, score = ask(f"'ep-nc').V('book_1').properties('shelf','Neptune#ml.score').{C}")
    assert type(shelf.pop("id")) is type(score.pop("id")) is int
    assert shelf == {"value": "Essay", "label": "shelf"}
    assert score == {"value": 0.4, "label": "Neptune#ml.score"}
    assert ask(f"'ep-ec').E('read_1').properties('mood').{C}") == [{"key": "mood", "value": "Tense"}]
    book = {"id": "book_2", "label": "book", "type": "vertex"}
    hop = f"V('reader_1').out('read').{P}.hasLabel('book')"
    assert ask(f"'ep-lp').with('materializeProperties','tokens').{hop}") == [book]
    (found,) = ask(f"'ep-lp').{hop}")
    properties = found.pop("properties")
    assert found == book
    assert {key: [one["value"] for one in held] for key, held in properties.items()} == {
        "name": ["Book 2"],
        "shelf": ["Stored"],
    }


def test_a_default_endpoint_answers_the_query_that_names_none(library: Any) -> None:
    service = EndpointService(library, default_endpoint="ep-nc")
    engine = Engine(library.graph, "neptune", extension=PredictionExtension(service))
    traversal = parse(f"g.V('book_1').properties('shelf').{C}.value()")[0].traversal
    assert [t.value for t in engine.run(traversal)] == ["Essay"]
    service.close()


def test_deterministic_queries_send_the_same_neighbourhood_and_others_draw_a_new_one(library: Any) -> None:
    endpoint = library.endpoints["ep-nc"]
    # the author of book_3 wrote 90 books, of which 5 are taken
    query = f"g.with('Neptune#ml.endpoint','ep-nc').V('book_3').properties('shelf').{C}.{IND}"
    for _ in range(2):
        library(f"{query}.{D}")
    first, second = endpoint.calls[-2:]
    assert first == second
    assert {node["nodeId"] for node in first["data"]["graph"]["nodes"]} > {"book_3", "author_1"}
    for _ in range(3):
        library(query)
    drawn = [{node["nodeId"] for node in call["data"]["graph"]["nodes"]} for call in endpoint.calls[-3:]]
    assert not drawn[0] == drawn[1] == drawn[2]  # all three alike: once in 44 million ^ 2


def test_deterministic_means_nothing_where_no_neighbourhood_is_sent(library: Any) -> None:
    library(f"g.with('Neptune#ml.endpoint','ep-nc').V('book_1').properties('shelf').{C}.{D}")
    assert "graph" not in library.endpoints["ep-nc"].calls[-1]["data"]


def test_a_stored_value_does_not_keep_the_model_from_being_asked(library: Any) -> None:
    calls = len(library.endpoints["ep-nc"].calls)
    assert library(f"g.with('Neptune#ml.endpoint','ep-nc').V('book_1').properties('shelf').{C}.value()") == ["Essay"]
    assert len(library.endpoints["ep-nc"].calls) == calls + 1


def test_edges_stay_edges(library: Any) -> None:
    found = library(f"g.with('Neptune#ml.endpoint','ep-ec').E('read_1').properties('mood').{C}")
    assert isinstance(found[0].element, Edge)
