"""The gateway and the remote export, with a service of our own as the remote database."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests import fake_endpoint as fake
from tests.contracts.graph_source_contract import SourceDriverContract, fill
from workflow.client.service import local_service
from workflow.drivers import open_source
from workflow.errors import BadRequest, ExportFailed, QueryFailed, UnsupportedOperation, WorkflowError
from workflow.export import parse_request, write_export
from workflow.gateway.engine import GatewayEngine
from workflow.graphs.elements import Vertex
from workflow.graphs.source import SourceDriver
from workflow.graphs.sources.gremlin import DatabaseUnreachable, GremlinDatabase, GremlinSource, id_text, remote_error
from workflow.graphs.store.persistence import open_graph
from workflow.gremlin.engine import QueryOptions
from workflow.gremlin.lang import parse
from workflow.gremlin.traversal import Instruction, Strategy, Traversal
from workflow.gremlin.wire.client import GraphSONMessages
from workflow.predictions.endpoint import EndpointRecord
from workflow.predictions.gremlin import PredictionExtension
from workflow.predictions.service import EndpointService

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")

P = 'with("Neptune#ml.prediction")'
C = 'with("Neptune#ml.classification")'
GRAPH = [
    "addV('person').property(id,'m').property('name','marko').property('age',29)",
    "addV('person').property(id,'v').property('name','vadas').property('age',27)",
    "addV('person').property(id,'j').property('name','josh').property('age',32)",
    "addV('software::tool').property(id,'l').property('name','lop').property('lang','java').property('lang','c')",
    "V('m').addE('knows').to(V('v')).property(id,'1').property('weight',0.5d)",
    "V('m').addE('knows').to(V('j')).property(id,'2').property('weight',1.0d)",
    "V('j').addE('created').to(V('l')).property(id,'3')",
]


class Bench:
    """A gateway with endpoints behind it and a database behind that."""

    def __init__(self, url: str, fake: ModuleType) -> None:
        self.url = url
        self.database = GremlinDatabase(url, message_format=GraphSONMessages())
        ranking = [("m", 0.95), ("v", 0.9), ("gone", 0.85), ("j", 0.8)]
        kinds = {"m": [("old", 0.8)], "v": [("young", 0.6)], "j": [("old", 0.7)]}
        self.endpoints = {
            "lp": fake.FakeEndpoint(fake.links({"m": ranking, "v": ranking[3:]}, fresh=[("j", 0.5)])),
            "nc": fake.FakeEndpoint(fake.classes(kinds, "node_class", ("new", 0.5))),
        }
        knows = {"source": "person", "relation": "knows", "target": "person"}
        inductive = {"inductive": True, "hops": 2, "fanouts": [5]}
        self._descriptions: dict[str, dict[str, Any]] = {
            "lp": {"id": "m", "task": "link_prediction", "targets": [{"edge_type": knows}], "details": inductive},
            "nc": {"id": "m", "task": "node_class", "targets": [{"node_type": "person", "property": "kind"}],
                   "details": inductive},
        }  # fmt: skip
        self.service = EndpointService(self)
        self.engine = GatewayEngine(self.database, "neptune", extension=PredictionExtension(self.service))

    def find(self, name: str) -> EndpointRecord | None:
        known = self._descriptions.get(name)
        return None if known is None else EndpointRecord(name, name, self.endpoints[name].url, known)

    def __call__(self, text: str, options: QueryOptions | None = None) -> list[Any]:
        traversal = parse(text)[0].traversal
        return [t.value for t in self.engine.run(traversal, options) for _ in range(t.bulk)]

    def close(self) -> None:
        self.service.close()
        self.database.close()
        for endpoint in self.endpoints.values():
            endpoint.close()


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with local_service(tmp_path_factory.mktemp("remote"), "--in-memory") as url:
        bench = Bench(url.replace("http", "ws", 1), fake)
        for statement in GRAPH:
            bench(f"g.{statement}")
        yield bench
        bench.close()


def test_plain_queries_are_forwarded_with_their_types(bench: Bench) -> None:
    assert bench("g.V().count()") == [4]
    assert bench("g.V('m').values('age', 'name')") == [29, "marko"]
    assert bench("g.with('evaluationTimeout', 5000).E('2').values('weight')") == [1.0]
    assert bench("g.V('l').valueMap('lang')") == [{"lang": ["java", "c"]}]


def test_a_database_writes_as_often_as_results_are_wanted(bench: Bench) -> None:
    bench("g.inject(1,2,3).addV('early')", QueryOptions(wanted=2))
    assert bench("g.V().hasLabel('early').count()") == [2]
    bench("g.V().hasLabel('early').drop()")
    assert bench("g.V().order().by(id).id()", QueryOptions(wanted=2)) == ["j", "l"]


def test_errors_of_the_database_come_back(bench: Bench) -> None:
    with pytest.raises(WorkflowError, match="nowhere"):
        bench("g.V().nowhere()")
    with pytest.raises(QueryFailed, match="math"):
        bench("g.V().values('name').math('_ + 1')")


def test_links_are_predicted_on_the_databases_vertices(bench: Bench) -> None:
    start = "g.with('Neptune#ml.endpoint','lp').with('Neptune#ml.limit',2).V('m').as('a').out('knows')"
    assert bench(f"{start}.{P}.hasLabel('person').values('name')") == ["vadas", "josh"]
    assert bench(f"{start}.{P}.with('Neptune#ml.filterExistingEdges').hasLabel('person')") == []
    assert bench(f"{start}.{P}.hasLabel('person').as('b').select('a','b').by('name')") == [
        {"a": "marko", "b": "vadas"},
        {"a": "marko", "b": "josh"},
    ]
    assert [one.objects for one in bench(f"{start}.{P}.hasLabel('person').out('created').path().by('name')")] == [
        ("marko", "josh", "lop")
    ]
    assert bench(f"{start}.{P}.hasLabel('person').values('Neptune#ml.score')") == [0.9, 0.8]


def test_what_follows_may_ask_the_database_for_more(bench: Bench) -> None:
    start = "g.with('Neptune#ml.endpoint','lp').with('Neptune#ml.limit',2).V('m').out('knows')"
    behind = f"{start}.{P}.hasLabel('person')"
    assert bench(f"{behind}.both().dedup().order().by('name').values('name')") == ["lop", "marko"]
    assert bench(f"{behind}.outE().id()") == ["3"]
    assert bench(f"{behind}.inE('knows').values('weight')") == [0.5, 1.0]
    assert bench(f"{behind}.bothE().count()") == [3]
    assert bench(f"{behind}.elementMap('name').select('name')") == ["vadas", "josh"]
    assert bench(f"{behind}.limit(1).V().count()") == [4]
    assert bench(f"{behind}.limit(1).V('l').hasLabel('tool').values('lang').fold()") == [["java", "c"]]
    assert bench(f"{behind}.limit(1).V().has('name','lop').in().values('name')") == ["josh"]


def test_children_are_asked_ahead_in_one_call(bench: Bench) -> None:
    calls = len(bench.endpoints["nc"].calls)
    found = bench(
        "g.with('Neptune#ml.endpoint','nc').V().hasLabel('person').order().by('name').project('n','k').by('name')"
        f".by(properties('kind').{C}.value())"
    )
    assert [tuple(one.values()) for one in found] == [("josh", "old"), ("marko", "old"), ("vadas", "young")]
    assert len(bench.endpoints["nc"].calls) == calls + 1


def test_inductive_inference_reads_the_neighbourhood_from_the_database(bench: Bench) -> None:
    query = f"V('l').in('created').properties('kind').{C}.with('Neptune#ml.inductiveInference').value()"
    assert bench(f"g.with('Neptune#ml.endpoint','nc').{query}") == ["old"]
    sent = bench.endpoints["nc"].calls[-1]["data"]["graph"]
    assert {node["nodeId"] for node in sent["nodes"]} == {"j", "m", "l", "v"}
    assert {(edge["edgeId"], *edge["edgeType"]) for edge in sent["edges"]} == {
        ("1", "person", "knows", "person"),
        ("2", "person", "knows", "person"),
        ("3", "person", "created", "software;tool"),
    }
    assert {"name": ["lop"], "lang": ["java", "c"]} in [node["properties"] for node in sent["nodes"]]


def test_bytecode_options_stay_here_and_strategies_travel(bench: Bench) -> None:
    steps = (
        Instruction("V", ("m",)),
        Instruction("properties", ("kind",)),
        Instruction("with", ("Neptune#ml.classification",)),
    )
    options = Strategy("OptionsStrategy", {"Neptune#ml.endpoint": "nc"})
    found = list(bench.engine.run(Traversal(steps, (Instruction("withStrategies", (options,)),))))
    assert [t.value.value for t in found] == ["old"]


def test_what_a_gateway_cannot_do_is_refused_before_anything_runs(bench: Bench) -> None:
    start = "g.with('Neptune#ml.endpoint','nc').V()"
    for query, text in [
        (f"{start}.aggregate('x').properties('kind').{C}", r"aggregate\(\) cannot stand before"),
        (f"{start}.group('x').by('name').properties('kind').{C}", r"group\(\) cannot stand before"),
        (f"{start}.properties('kind').{C}.value().as('k').addV('x')", "nothing can be written behind"),
    ]:
        with pytest.raises(UnsupportedOperation, match=text):
            bench(query)
    with pytest.raises(UnsupportedOperation, match="nothing can be written"):
        bench("g.addV('x')", QueryOptions(read_only=True))
    assert bench("g.V().hasLabel('x').count()") == [0]


def test_a_session_cannot_take_back_what_was_forwarded(bench: Bench) -> None:
    session = bench.engine.session()
    list(session.run(parse("g.addV('temporary')")[0].traversal))
    with pytest.raises(UnsupportedOperation, match="what was written stays written"):
        session.rollback()
    session.rollback()
    assert bench("g.V().hasLabel('temporary').drop()") == []


def test_explain_tells_the_two_parts(bench: Bench) -> None:
    text = bench.engine.explain(parse(f"g.with('Neptune#ml.endpoint','nc').V('m').properties('kind').{C}")[0].traversal)
    assert text.splitlines()[0].endswith("/gremlin: V()")
    assert text.splitlines()[1] == "Answered here: predict()"
    assert bench.engine.profile(parse("g.V().values('name')")[0].traversal).results == 4


def test_results_of_the_database_are_references(bench: Bench) -> None:
    vertex = bench("g.V('m')")[0]
    assert not isinstance(vertex, Vertex)
    assert (vertex.id, vertex.label) == ("m", "person")


@contextmanager
def _reader(bench: Bench) -> Iterator[GremlinDatabase]:
    database = GremlinDatabase(bench.url)
    try:
        yield database
    finally:
        database.close()


@pytest.mark.parametrize(("concurrency", "page"), [(1, 2), (3, 2), (2, 1000)])
def test_a_remote_export_is_whole(bench: Bench, tmp_path: Path, concurrency: int, page: int) -> None:
    request = parse_request({"outputS3Path": "s3://lab/x", "additionalParams": {"neptune_ml": {}}})
    with _reader(bench) as database:
        outcome = write_export(GremlinSource(database, concurrency, page), request, tmp_path)
    assert (outcome.stats["stats"]["nodes"], outcome.stats["stats"]["edges"]) == (4, 3)
    with (tmp_path / "nodes/software%3Btool.consolidated.csv").open() as stream:
        assert list(csv.reader(stream)) == [["~id", "~label", "name", "lang"], ["l", "software;tool", "lop", "java;c"]]
    edges = tmp_path / "edges/%28person%29-knows-%28person%29.consolidated.csv"
    with edges.open() as stream:
        assert sorted((r["~id"], r["~from"], r["~to"], r["weight"]) for r in csv.DictReader(stream)) == [
            ("1", "m", "v", "0.5"),
            ("2", "m", "j", "1.0"),
        ]


@pytest.mark.parametrize(
    ("params", "nodes", "edges"),
    [
        ({"gremlinNodeFilter": "has('name', within('josh', 'lop'))"}, ["j", "l"], ["3"]),
        ({"gremlinEdgeFilter": 'has("weight", gte(0.5d))'}, ["j", "l", "m", "v"], ["1", "2"]),
        ({"nodeLabels": ["tool"], "scope": "nodes"}, ["l"], []),
        ({"filter": {"nodes": [{"label": ["tool", "software"]}]}}, ["l"], []),
        ({"edgeLabels": ["created"]}, ["j", "l", "m", "v"], ["3"]),
        ({"skip": 1, "limit": 2, "nodeLabels": ["person"]}, 2, None),
    ],
)
@pytest.mark.parametrize(("concurrency", "page"), [(1, 2), (3, 2)])
def test_a_remote_export_holds_what_its_filters_leave(
    bench: Bench, tmp_path: Path, params: dict[str, Any], nodes: Any, edges: Any, concurrency: int, page: int
) -> None:
    request = parse_request({"outputS3Path": "s3://lab/x", "params": params, "additionalParams": {"neptune_ml": {}}})
    chosen = request.selection
    with _reader(bench) as database:
        source = GremlinSource(database, concurrency, page, nodes=chosen.node_steps, edges=chosen.edge_steps)
        outcome = write_export(source, request, tmp_path)
    found: dict[str, list[str]] = {"nodes": [], "edges": []}
    for path in tmp_path.rglob("*.csv"):
        with path.open() as stream:
            found[path.parent.name] += [row["~id"] for row in csv.DictReader(stream)]
    if edges is None:
        assert outcome.stats["stats"]["nodes"] == nodes
    else:
        assert (sorted(found["nodes"]), sorted(found["edges"])) == (nodes, edges)


class TestGremlinSource(SourceDriverContract):
    @pytest.fixture(scope="class")
    def url(self, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
        home = tmp_path_factory.mktemp("source") / "home"
        graph = open_graph(home / "graphs" / "g")
        fill(graph)
        graph.close()
        with local_service(home) as url:
            yield url.replace("http", "ws")

    @pytest.fixture
    def driver(self, url: str) -> Iterator[SourceDriver]:
        driver = open_source(url)
        yield driver
        driver.close()


def test_labels_travel_to_the_database_as_nothing_but_text(bench: Bench) -> None:
    asked = []

    class Listening(GremlinDatabase):
        def rows(self, query: str, bindings: Any = None) -> Iterator[Any]:
            asked.append(query)
            if "groupCount" in query:
                yield from [{"k": "it's\\", "n": 1}, {"k": "${x}", "n": 1}]

    database = Listening(bench.url)
    with GremlinSource(database, 1).snapshot() as snapshot:
        list(snapshot.nodes([("it's\\",)]))
    database.close()
    assert asked[-1].startswith(r"g.V().where(label().is(within('it\'s\\'))).project(")


def test_a_database_that_changes_its_order_between_pages_is_noticed(bench: Bench, tmp_path: Path) -> None:
    class Restless(GremlinDatabase):
        def text(self, query: str, bindings: Any = None) -> list[Any]:
            found = super().text(query, bindings)
            return super().text("g.V().limit(2)" + query[query.index(".project") :]) if ".range(" in query else found

    database = Restless(bench.url)
    request = parse_request({"outputS3Path": "s3://lab/x", "additionalParams": {"neptune_ml": {}}})
    try:
        with pytest.raises(ExportFailed, match=r"on two pages.*'concurrency' of 1"):
            write_export(GremlinSource(database, 2, 2), request, tmp_path)
    finally:
        database.close()


def test_an_unreachable_database_is_named() -> None:
    database = GremlinDatabase("ws://127.0.0.1:1")
    with pytest.raises(DatabaseUnreachable, match=r"ws://127.0.0.1:1/gremlin cannot be reached"):
        database.text("g.V()")
    database.close()
    with pytest.raises(BadRequest, match="no address of a Gremlin database"):
        GremlinDatabase("http://example")


def test_secrets_in_an_address_are_used_and_not_shown() -> None:
    database = GremlinDatabase("wss://me:p%40ss@db.example:8182")
    assert (database.url, database.host) == ("wss://db.example:8182/gremlin", "db.example")
    assert (database._username, database._password) == ("me", "p@ss")
    assert GremlinDatabase("ws://h/other/path").url == "ws://h/other/path"


def test_neptunes_errors_are_read_out_of_their_json() -> None:
    assert remote_error(499, '{"detailedMessage": "no", "code": "x"}').message == "no"
    assert remote_error(401, "go away").code == "AccessDeniedException"
    assert remote_error(598, "late").code == "TimeLimitExceededException"


def test_ids_of_a_type_of_their_own_become_text() -> None:
    assert id_text({"@type": "janusgraph:RelationIdentifier", "@value": {"relationId": "8y-eo"}}) == "8y-eo"
    assert id_text(7) == "7"
