"""The gateway and the remote export before a real Gremlin Server and a real JanusGraph."""

from __future__ import annotations

import csv
import json
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from gremlin_python.driver.driver_remote_connection import DriverRemoteConnection
from gremlin_python.process.anonymous_traversal import traversal
from gremlin_python.process.traversal import T

from tests import fake_endpoint
from tests.peers.peer import PeerMissing, peer
from tests.waiting import until
from workflow.client.service import local_service
from workflow.errors import QueryFailed, UnsupportedOperation
from workflow.export import parse_request, write_export
from workflow.gateway.engine import GatewayEngine
from workflow.graphs.sources.gremlin import GremlinDatabase, GremlinSource
from workflow.gremlin.export_filter import checked_for_remote
from workflow.gremlin.lang import parse
from workflow.gremlin.wire.client import GraphSONMessages
from workflow.predictions.endpoint import EndpointRecord
from workflow.predictions.gremlin import PredictionExtension
from workflow.predictions.service import EndpointService

pytestmark = pytest.mark.peers

PEOPLE = {"marko": 29, "vadas": 27, "josh": 32, "peter": 35}
KNOWS = [("marko", "vadas", 0.5), ("marko", "josh", 1.0)]
P = 'with("Neptune#ml.prediction")'
C = 'with("Neptune#ml.classification")'


@dataclass
class Bench:
    """A database of another maker with a small graph in it, our engine before it, and two endpoints."""

    url: str
    engine: GatewayEngine
    ids: dict[str, Any]
    endpoints: dict[str, Any]

    def __call__(self, text: str) -> list[Any]:
        return [t.value for t in self.engine.run(parse(text)[0].traversal) for _ in range(t.bulk)]

    def names(self, text: str) -> list[Any]:
        return self(text + ".values('name')")


@pytest.fixture(scope="module", params=["gremlin", "janusgraph"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    try:
        with peer(request.param) as port:
            yield from _bench(f"ws://127.0.0.1:{port}", fake_endpoint)
    except PeerMissing as missing:
        pytest.skip(str(missing))


def _bench(url: str, fake: Any) -> Iterator[Bench]:
    database = GremlinDatabase(url, message_format=GraphSONMessages())
    endpoints: dict[str, Any] = {}
    records: dict[str, EndpointRecord] = {}

    class Directory:
        def find(self, name: str) -> EndpointRecord | None:
            return records.get(name)

    service = EndpointService(Directory())
    engine = GatewayEngine(database, "neptune", extension=PredictionExtension(service))
    bench = Bench(url, engine, {}, endpoints)

    def is_there() -> bool:  # the port listens before the graph is there
        try:
            bench("g.V().drop()")
        except Exception:
            return False
        return True

    until(is_there, "the graph of the peer")
    for name, age in PEOPLE.items():
        bench.ids[name] = bench(f"g.addV('person').property('name', '{name}').property('age', {age}).id()")[0]
    bench.ids["lop"] = bench("g.addV('software').property('name', 'lop').id()")[0]
    for source, target, weight in KNOWS:
        bench(
            f"g.V().has('name', '{source}').as('a').V().has('name', '{target}').addE('knows').from('a')"
            f".property('weight', {weight}d)"
        )
    bench("g.V().has('name', 'josh').as('a').V().has('name', 'lop').addE('created').from('a')")
    ids = {name: str(id) for name, id in bench.ids.items()}
    ranking = [(ids["marko"], 0.95), (ids["vadas"], 0.9), ("123456", 0.85), (ids["josh"], 0.8), (ids["peter"], 0.7)]
    endpoints["lp"] = fake.FakeEndpoint(fake.links({ids["marko"]: ranking, ids["vadas"]: ranking[3:]}))
    endpoints["nc"] = fake.FakeEndpoint(
        fake.classes({ids[name]: [("old" if age > 30 else "young", 0.8)] for name, age in PEOPLE.items()}, "node_class")
    )
    knows = {"source": "person", "relation": "knows", "target": "person"}
    for name, task, target in [
        ("lp", "link_prediction", {"edge_type": knows}),
        ("nc", "node_class", {"node_type": "person", "property": "kind"}),
    ]:
        description = {"id": f"m-{name}", "task": task, "targets": [target]}
        records[name] = EndpointRecord(name, name, endpoints[name].url, description)
    try:
        yield bench
    finally:
        service.close()
        database.close()
        for endpoint in endpoints.values():
            endpoint.close()


def test_plain_queries_run_in_the_database(bench: Bench) -> None:
    assert bench("g.V().count()") == [5]
    assert bench("g.V().has('age', gt(28)).order().by('age').values('name')") == ["marko", "josh", "peter"]
    assert bench("g.E().hasLabel('knows').values('weight').sum()") == [1.5]
    assert bench("g.V().hasLabel('person').groupCount().by('age').unfold().count()") == [4]


def test_errors_of_the_database_keep_their_words(bench: Bench) -> None:
    with pytest.raises(QueryFailed, match="math"):
        bench("g.V().values('name').math('_ + 1')")


def test_a_link_is_predicted_before_the_database(bench: Bench) -> None:
    start = "g.with('Neptune#ml.endpoint', 'lp').with('Neptune#ml.limit', 2).V().has('name', 'marko').out('knows')"
    assert bench.names(f"{start}.{P}.hasLabel('person')") == ["vadas", "josh"]
    assert bench.names(f"{start}.{P}.with('Neptune#ml.filterExistingEdges').hasLabel('person')") == ["peter"]


def test_paths_and_labels_go_on_behind_the_prediction(bench: Bench) -> None:
    start = "g.with('Neptune#ml.endpoint', 'lp').V().has('name', 'vadas').as('a').out('knows')"
    assert bench(f"{start}.{P}.hasLabel('person').out('created').path().by('name')")[0].objects == (
        "vadas",
        "josh",
        "lop",
    )
    assert bench(f"{start}.{P}.hasLabel('person').as('b').select('a', 'b').by('name')") == [{"a": "vadas", "b": "josh"}]


def test_children_that_predict_are_asked_in_one_call(bench: Bench) -> None:
    calls = len(bench.endpoints["nc"].calls)
    found = bench(
        "g.with('Neptune#ml.endpoint', 'nc').V().hasLabel('person').order().by('name').project('n', 'k').by('name')"
        f".by(properties('kind').{C}.value())"
    )
    assert [(one["n"], one["k"]) for one in found] == [
        ("josh", "old"),
        ("marko", "young"),
        ("peter", "old"),
        ("vadas", "young"),
    ]
    assert len(bench.endpoints["nc"].calls) == calls + 1


def test_filters_on_a_prediction_lead_back_to_the_vertex(bench: Bench) -> None:
    query = (
        "g.with('Neptune#ml.endpoint', 'nc').V().hasLabel('person').order().by('name').as('v').properties('kind')"
        f".{C}.value().is('old').select('v')"
    )
    assert bench.names(query) == ["josh", "peter"]


def test_what_the_gateway_cannot_do_is_refused(bench: Bench) -> None:
    start = "g.with('Neptune#ml.endpoint', 'nc').V()"
    with pytest.raises(UnsupportedOperation, match=r"aggregate\(\) cannot stand before"):
        bench(f"{start}.aggregate('x').properties('kind').{C}.value()")
    with pytest.raises(UnsupportedOperation, match="nothing can be written behind"):
        bench(f"{start}.properties('kind').{C}.value().as('k').addV('x')")


def test_a_remote_export_holds_what_the_database_holds(bench: Bench, tmp_path: Path) -> None:
    target = {"edge": ["person", "knows", "person"], "type": "link_prediction"}
    body = {"outputS3Path": "s3://lab/x", "additionalParams": {"neptune_ml": {"targets": [target]}}}
    database = GremlinDatabase(bench.url)
    try:
        for concurrency, page in [(1, 2), (3, 2)]:  # one query each, and pages of two side by side
            folder = tmp_path / str(concurrency)
            folder.mkdir()
            outcome = write_export(GremlinSource(database, concurrency, page), parse_request(body), folder)
            assert (outcome.stats["stats"]["nodes"], outcome.stats["stats"]["edges"]) == (5, 3)
            with (folder / "nodes/person.consolidated.csv").open() as stream:
                assert {(row["name"], int(row["age"])) for row in csv.DictReader(stream)} == set(PEOPLE.items())
            with (folder / "edges/%28person%29-knows-%28person%29.consolidated.csv").open() as stream:
                rows = list(csv.DictReader(stream))
            names = {str(id): name for name, id in bench.ids.items()}
            assert sorted((names[r["~from"]], names[r["~to"]], float(r["weight"])) for r in rows) == sorted(KNOWS)
    finally:
        database.close()


@pytest.mark.parametrize(
    ("params", "nodes", "edges"),
    [
        ({"gremlinNodeFilter": "has('age', gt(28)).where(__.bothE())"}, {"marko", "josh"}, 1),
        ({"gremlinEdgeFilter": 'has("weight", gt(0.75d))'}, {"marko", "vadas", "josh", "peter", "lop"}, 1),
        ({"nodeLabels": ["person"]}, {"marko", "vadas", "josh", "peter"}, 2),
        ({"edgeLabels": ["knows"]}, {"marko", "vadas", "josh", "peter", "lop"}, 2),
    ],
)
@pytest.mark.parametrize(("concurrency", "page"), [(1, 2), (3, 2)])
def test_filters_of_a_remote_export_run_in_the_database(
    bench: Bench, tmp_path: Path, params: dict[str, Any], nodes: set[str], edges: int, concurrency: int, page: int
) -> None:
    request = parse_request({"outputS3Path": "s3://lab/x", "params": params, "additionalParams": {"neptune_ml": {}}})
    steps = [
        checked_for_remote(request.selection.node_steps, "V"),
        checked_for_remote(request.selection.edge_steps, "E"),
    ]
    database = GremlinDatabase(bench.url)
    try:
        outcome = write_export(GremlinSource(database, concurrency, page, *steps), request, tmp_path)
    finally:
        database.close()
    found = set()
    for path in (tmp_path / "nodes").iterdir():
        with path.open() as stream:
            found |= {row["name"] for row in csv.DictReader(stream)}
    assert (found, outcome.stats["stats"]["edges"]) == (nodes, edges)


def test_the_service_is_a_gateway_for_ordinary_clients(bench: Bench, tmp_path: Path) -> None:
    with local_service(tmp_path / "home", "--gremlin", bench.url) as url:
        remote = DriverRemoteConnection(url.replace("http", "ws") + "/gremlin", "g")
        try:
            g = traversal().with_(remote)
            assert g.V().has_label("person").count().next() == 4
            found = g.V().has("name", "marko").project("id", "label").by(T.id).by(T.label).next()
            assert (str(found["id"]), found["label"]) == (str(bench.ids["marko"]), "person")
        finally:
            remote.close()
        request = {"outputS3Path": "s3://lab/out", "params": {"endpoint": "127.0.0.1", "profile": "neptune_ml"}}
        job = _json(f"{url}/neptune-export", request)["jobId"]
        until(lambda: _json(f"{url}/neptune-export/{job}")["status"] in ("succeeded", "failed"), "the export")
        status = _json(f"{url}/neptune-export/{job}")
        assert status["status"] == "succeeded", status
        assert status["stats"]["nodes"] == 5


def _json(url: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data), timeout=30) as answer:
        return json.load(answer)
