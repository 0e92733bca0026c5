"""Every row of the inference truth table: Neptune ML queries over a library of books and readers.

The endpoints are fakes that know their answers by heart, so that what is judged is the query side: what is asked, what
comes back as which type, what is refused in which words.
"""

from __future__ import annotations

import importlib.util
import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import uvicorn
from gremlin_python.driver.client import Client
from gremlin_python.driver.protocol import GremlinServerError
from gremlin_python.structure import graph as gremlin

from workflow.errors import WorkflowError
from workflow.graphs.model import Edge, Property, Vertex, VertexProperty
from workflow.graphs.model import Path as GraphPath
from workflow.graphs.store import EmbeddedGraph
from workflow.gremlin.engine import Engine
from workflow.gremlin.lang import parse
from workflow.inference.base import EndpointRecord
from workflow.inference.service import EndpointService
from workflow.server.app import create_app
from workflow.server.gremlin_queries import QueryRegistry
from workflow.server.services import Services
from workflow.settings import Settings
from workflow.storage.local import LocalStorage

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")

BOOKS, READERS = 90, 60
SHELVES = ("Drama", "Essay", "Poetry")
C = 'with("Neptune#ml.classification")'
R = 'with("Neptune#ml.regression")'
P = 'with("Neptune#ml.prediction")'
IND = 'with("Neptune#ml.inductiveInference")'
D = 'with("Neptune#ml.deterministic")'


def _shelves(n: int) -> list[tuple[str, float]]:
    """Three classes, the best of book_n is number n mod 3; with 0.6 above the middle threshold for even n only."""
    best = 0.6 if n % 2 == 0 else 0.4
    return [(SHELVES[n % 3], best), (SHELVES[(n + 1) % 3], 0.3), (SHELVES[(n + 2) % 3], 0.1)]


def _library() -> EmbeddedGraph:
    graph = EmbeddedGraph("g", "neptune")
    tx = graph.begin()
    rows = {}
    for n in range(1, BOOKS + 1):
        row = rows[f"book_{n}"] = tx.add_vertex(f"book_{n}", "book")
        tx.set_vertex_property(row, "name", f"Book {n}", "single")
        if n % 10 != 0:
            tx.set_vertex_property(row, "shelf", "Stored", "single")
    for n in range(1, READERS + 1):
        rows[f"reader_{n}"] = tx.add_vertex(f"reader_{n}", "reader")
    rows["book_new"] = tx.add_vertex("book_new", "book")
    tx.set_vertex_property(rows["book_new"], "name", "New", "single")
    rows["reader_new"] = tx.add_vertex("reader_new", "reader")
    author = tx.add_vertex("author_1", "author")
    for n in range(1, BOOKS + 1):
        tx.add_edge(f"by_{n}", "by", rows[f"book_{n}"], author)
    number = 0
    for n in range(1, READERS + 1):
        for m in range(3):
            number += 1
            book = rows[f"book_{(n + 7 * m) % BOOKS + 1}"]
            tx.add_edge(f"read_{number}", "read", rows[f"reader_{n}"], book)
    tx.add_edge("read_new", "read", rows["reader_new"], rows["book_new"])
    tx.commit()
    return graph


def _description(task: str, **target: Any) -> dict[str, Any]:
    return {
        "id": f"m-{task}",
        "task": task,
        "targets": [target],
        "created_ms": 17,
        "details": {"inductive": True, "hops": 2, "fanouts": [5, 5]},
    }


READ = {"source": "reader", "relation": "read", "target": "book"}


class Library:
    """The graph, its engine and its five endpoints."""

    def __init__(self, fake: Any) -> None:
        books = {f"book_{n}": n for n in range(1, BOOKS + 1)}
        reads = [f"read_{n}" for n in range(1, 3 * READERS + 1)]
        tails = {
            f"reader_{n}": [(f"book_{(n + 7 * m) % BOOKS + 1}", 0.9 - m / 100) for m in range(BOOKS // 2)]
            for n in range(1, READERS + 1)
        }
        heads = {
            book: [(f"reader_{(n + m) % READERS + 1}", 0.9 - m / 100) for m in range(40)] for book, n in books.items()
        }
        answers = {
            "ep-nc": (
                fake.classes({book: _shelves(n) for book, n in books.items()}, "node_class", ("Drama", 0.7)),
                _description("node_class", node_type="book", property="shelf"),
            ),
            "ep-nr": (
                fake.classes({book: [(n / 2, None)] for book, n in books.items()}, "node_regression"),
                _description("node_regression", node_type="book", property="price"),
            ),
            "ep-ec": (
                fake.classes({e: [("Calm" if n % 2 else "Tense", 0.8)] for n, e in enumerate(reads)}, "edge_class"),
                _description("edge_class", edge_type=READ, property="mood"),
            ),
            "ep-er": (
                fake.classes({e: [(n % 6 * 1.0, None)] for n, e in enumerate(reads)}, "edge_regression"),
                _description("edge_regression", edge_type=READ, property="stars"),
            ),
            "ep-lp": (
                fake.links(tails, heads, [("book_3", 0.9), ("book_4", 0.8)]),
                _description("link_prediction", edge_type=READ),
            ),
        }
        self.endpoints = {name: fake.FakeEndpoint(answer) for name, (answer, _) in answers.items()}
        self._records = {
            name: EndpointRecord(name, f"{name}-2026-endpoint", self.endpoints[name].url, description)
            for name, (_, description) in answers.items()
        }
        self.service = EndpointService(self)
        self.graph = _library()
        self.engine = Engine(self.graph, "neptune", prediction=self.service)

    def find(self, id_or_name: str) -> EndpointRecord | None:
        return self._records.get(id_or_name.removesuffix("-2026-endpoint"))

    def __call__(self, text: str) -> list[Any]:
        traversal = parse(text)[0].traversal
        return [t.value for t in self.engine.run(traversal) for _ in range(t.bulk)]

    def close(self) -> None:
        self.service.close()
        for endpoint in self.endpoints.values():
            endpoint.close()


def _fake() -> ModuleType:
    path = Path(__file__).parents[1] / "fake_endpoint.py"
    spec = importlib.util.spec_from_file_location("fake_endpoint", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def library() -> Iterator[Library]:
    library = Library(_fake())
    yield library
    library.close()


class OverWebSocket:
    """The same library through a service and gremlinpython; what comes back is turned into our classes."""

    def __init__(self, library: Library, home: Path) -> None:
        self._graph = library.graph
        services = Services(
            Settings(home), LocalStorage(home), {"g": library.engine}, {"g": library.graph}, queries=QueryRegistry()
        )
        listener = socket.create_server(("127.0.0.1", 0))
        self._server = uvicorn.Server(uvicorn.Config(create_app(services), log_config=None, lifespan="off"))
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [listener]})
        self._thread.start()
        self._client = Client(f"ws://127.0.0.1:{listener.getsockname()[1]}/gremlin", "g", pool_size=1)

    def __call__(self, text: str) -> list[Any]:
        try:
            return [self._ours(value) for value in self._client.submit(text).all().result()]
        except GremlinServerError as error:
            if error.status_code != 499:  # the service's code for a user's mistake
                raise
            detail = json.loads(error.status_message)
            refused = WorkflowError(detail["detailedMessage"])
            refused.code = detail["code"]  # type: ignore[misc]
            raise refused from error

    def _ours(self, value: Any) -> Any:
        if isinstance(value, gremlin.Vertex):
            row = self._graph.vertex_row(value.id)
            assert row is not None
            return Vertex(self._graph, row)
        if isinstance(value, gremlin.VertexProperty):
            return VertexProperty(value.id, value.label, value.value, None)
        if isinstance(value, gremlin.Property):
            return Property(value.key, value.value, None)
        if isinstance(value, gremlin.Path):
            return GraphPath(tuple(map(self._ours, value.objects)), ())
        if isinstance(value, dict):
            return {key: self._ours(one) for key, one in value.items()}
        return value

    def close(self) -> None:
        self._client.close()
        self._server.should_exit = True
        self._thread.join()


@pytest.fixture(scope="module", params=["engine", "websocket"])
def ask(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], list[Any]]]:
    """The queries' way in: straight into the engine, or as an ordinary client's."""
    library = Library(_fake())
    if request.param == "engine":
        yield library
    else:
        front = OverWebSocket(library, tmp_path_factory.mktemp("home"))
        yield front
        front.close()
    library.close()


def _kinds(values: list[Any], *kinds: type) -> bool:
    return [type(value) for value in values] == list(kinds)


def _one_shelf(found: list[Any]) -> bool:
    return _kinds(found, VertexProperty) and found[0].key == "shelf" and found[0].value == SHELVES[1]


def _row_12(found: list[Any]) -> bool:
    return len(found) == 1 and isinstance(found[0]["b"], Vertex) and isinstance(found[0]["p"], VertexProperty)


def _row_15(found: list[Any]) -> bool:
    return _kinds(found, GraphPath) and [type(one) for one in found[0].objects] == [Vertex, VertexProperty]


def _row_9(found: list[Any]) -> bool:
    # book_10, book_20 … book_90 have no shelf stored, nor has book_new, which the model does not know
    lists = {one["n"]: one["p"] for one in found}
    return len(found) == 10 and lists.pop("New") == [] and all(len(p) == 1 and p[0] in SHELVES for p in lists.values())


def _descending(found: list[Any], key: str, most: int) -> bool:
    values = [one[key] for one in found]
    return 0 < len(values) <= most and values == sorted(values, reverse=True)


def _row_22(found: list[Any]) -> bool:
    return found == ["Drama"]


Ask = Callable[[str], list[Any]]
Check = Callable[[list[Any]], bool]

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
     lambda found: _kinds(found, VertexProperty, VertexProperty)
     and [one.key for one in found] == ["shelf", "Neptune#ml.score"] and found[1].value == 0.4),
    (8, "ep-nc", f"with('Neptune#ml.limit',2).V('book_1').properties('shelf','Neptune#ml.score').{C}.value()",
     lambda found: found == ["Essay", 0.4, "Poetry", 0.3]),
    (9, "ep-nc", f"V().hasLabel('book').hasNot('shelf').project('n','p').by('name').by(properties('shelf').{C}"
     ".value().fold())", _row_9),
    (10, "ep-nc", f"V('book_1','book_2').properties('shelf').{C}.has(value, within('Drama','Essay'))",
     lambda found: _kinds(found, VertexProperty) and found[0].value == "Essay"),
    (11, "ep-nc", f"V().hasLabel('book').as('b').properties('shelf').{C}.value().is('Poetry').select('b')"
     ".values('name')", lambda found: found == [f"Book {n}" for n in range(2, 91, 3)]),
    (12, "ep-nc", f"V('book_1').as('b').properties('shelf').{C}.as('p').select('b','p')", _row_12),
    (13, "ep-nc", f"V('book_1').union(properties('shelf').{C}, properties('shelf'))",
     lambda found: [one.value for one in found] == ["Essay", "Stored"]),
    (14, "ep-nc", f"V('book_1').properties('shelf').{C}.key()", lambda found: found == ["shelf"]),
    (15, "ep-nc", f"V('book_1').properties('shelf').{C}.path()", _row_15),
    (16, "ep-nc", f"V().properties('shelf').{C}",
     lambda found: len(found) == BOOKS and {one.key for one in found} == {"shelf"}),
    (17, "ep-nc", f"V('nobody').properties('shelf').{C}", lambda found: found == []),
    (18, "ep-nc", f"V('book_new').properties('shelf').{C}", lambda found: found == []),
    (19, "ep-nc", f"V('book_new').properties('shelf').{C}.{IND}", lambda found: _kinds(found, VertexProperty)),
    (20, "ep-nc", f"V('book_new').properties('shelf').{C}.{IND}.{D}", lambda found: _kinds(found, VertexProperty)),
    (21, "ep-nc", f"V('book_1').properties('shelf').{C}.{D}", _one_shelf),
    (22, "ep-nc", "addV('book').property(id,'book_x').property('name','New').as('n').V('reader_1').addE('read')"
     f".to('n').V('book_x').properties('shelf').{C}.{IND}.value()", _row_22),
    (34, "https://runtime.sagemaker.us-east-1.amazonaws.com/endpoints/ep-nc-2026-endpoint/invocations",
     f"V('book_1').properties('shelf').{C}", _one_shelf),
    (36, "ep-nr", f"V('book_1').properties('price').{R}",
     lambda found: _kinds(found, VertexProperty) and found[0].value == 0.5),
    (37, "ep-nr", f"V().hasLabel('book').properties('price').{R}.value().is(gte(20))",
     lambda found: found == [n / 2 for n in range(40, 91)]),
    (38, "ep-nr", f"V('book_1','book_2').properties('price').{R}.hasValue(lte(20.0D))",
     lambda found: _kinds(found, VertexProperty, VertexProperty)),
    (39, "ep-nr", f"with('Neptune#ml.limit',5).V('book_1').properties('price').{R}.value()",
     lambda found: found == [0.5]),
    (40, "ep-nr", f"V().hasLabel('book').project('n','p').by('name').by(properties('price').{R}.value())"
     ".order().by('p',desc).limit(10)", lambda found: len(found) == 10 and _descending(found, "p", 10)),
    (42, "ep-ec", f"E('read_1','read_2').properties('mood').{C}",
     lambda found: _kinds(found, Property, Property) and [one.value for one in found] == ["Tense", "Calm"]),
    (43, "ep-ec", f"V('reader_1').outE('read').properties('mood','Neptune#ml.score').{C}.value()",
     lambda found: _kinds(found, str, float, str, float, str, float)),
    (44, "ep-ec", f"V('reader_1').outE('read').as('e').properties('mood').{C}.value().is('Calm').select('e').inV()"
     ".values('name')", lambda found: found == ["Book 9"]),
    (45, "ep-er", f"E('read_1').properties('stars').{R}.value().is(gte(4))", lambda found: found == []),
    (45, "ep-er", f"E('read_6').properties('stars').{R}.value().is(gte(4))", lambda found: found == [5.0]),
    (46, "ep-er", f"V('reader_1').outE('read').as('e').properties('stars').{R}.value().order().by(desc).limit(3)"
     ".as('s').select('e').inV().project('b','s').by('name').by(select('s'))",
     lambda found: len(found) == 3 and _descending(found, "s", 3)),
    (47, "ep-lp", f"V('reader_1').out('read').{P}.hasLabel('book')",
     lambda found: _kinds(found, Vertex) and found[0].id == "book_2"),
    (48, "ep-lp", f"with('Neptune#ml.limit',5).V('book_1','book_2').in('read').{P}.hasLabel('reader').id()",
     lambda found: found == [f"reader_{n}" for n in (2, 3, 4, 5, 6, 3, 4, 5, 6, 7)]),
    (49, "ep-lp", f"V('reader_1').as('s').out('read').{P}.hasLabel('book').as('t').select('s','t')",
     lambda found: [(one["s"].id, one["t"].id) for one in found] == [("reader_1", "book_2")]),
    (50, "ep-lp", f"V('reader_1').out('read').{P}.hasLabel('book').out('by').path()",
     lambda found: [one.id for one in found[0].objects] == ["reader_1", "book_2", "author_1"]),
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


def test_every_row_of_the_table_is_here() -> None:
    assert {row[0] for row in ROWS} | {row[0] for row in REFUSED} == set(range(1, 61))


def test_a_default_endpoint_answers_the_query_that_names_none(library: Library) -> None:
    service = EndpointService(library, default_endpoint="ep-nc")
    engine = Engine(library.graph, "neptune", prediction=service)
    traversal = parse(f"g.V('book_1').properties('shelf').{C}.value()")[0].traversal
    assert [t.value for t in engine.run(traversal)] == ["Essay"]
    service.close()


def test_deterministic_inductive_queries_send_the_same_neighbourhood(library: Library) -> None:
    endpoint = library.endpoints["ep-nc"]
    query = f"g.with('Neptune#ml.endpoint','ep-nc').V('book_3').properties('shelf').{C}.{IND}.{D}"
    library(query)
    library(query)
    first, second = endpoint.calls[-2:]
    assert first == second
    assert {node["nodeId"] for node in first["data"]["graph"]["nodes"]} > {"book_3", "author_1"}


def test_a_thousand_predictions_in_one_query_cost_one_call_each_thousand(library: Library) -> None:
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


def test_candidates_that_left_the_graph_make_room_for_the_next_best(library: Library) -> None:
    for n in range(1, 15):  # the first fourteen candidates of book_40, more than the spare ones asked for
        library(f"g.V('reader_{(40 + n - 1) % READERS + 1}').drop()")
    found = library(
        "g.with('Neptune#ml.endpoint','ep-lp').with('Neptune#ml.limit', 2).V('book_40').in('read')"
        f".{P}.hasLabel('reader').id()"
    )
    assert found == ["reader_55", "reader_56"]


def test_an_answer_says_which_model_gave_it_when_asked(library: Library) -> None:
    query = f"g.with('Neptune#ml.endpoint','ep-nc').with('Despina#ml.provenance').V('book_1').properties('shelf').{C}"
    origin = {"endpoint": "ep-nc", "model": "m-node_class", "modelCreated": 17, "graphSnapshot": None}
    assert library(query)[0].meta == origin
    assert library(query + ".cap('Despina#ml.provenance')") == [origin]


def test_a_predicted_vertex_knows_its_score(library: Library) -> None:
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


def test_the_relation_between_two_vertices_can_be_asked_for(library: Library) -> None:
    query = (
        "g.with('Neptune#ml.endpoint','ep-lp').with('Neptune#ml.limit', 2).V('reader_1')"
        ".properties('Despina#ml.relation', 'Neptune#ml.score').with('Despina#ml.relation', 'book_2').value()"
    )
    assert library(query) == ["read", 0.75, "lent", 0.25]
    assert library.endpoints["ep-lp"].calls[-1]["data"]["edges"] == [{"headNodeId": "reader_1", "tailNodeId": "book_2"}]


def test_edges_stay_edges(library: Library) -> None:
    found = library(f"g.with('Neptune#ml.endpoint','ep-ec').E('read_1').properties('mood').{C}")
    assert isinstance(found[0].element, Edge)
