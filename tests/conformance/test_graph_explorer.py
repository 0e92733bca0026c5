"""What AWS's Graph Explorer asks over HTTP, and reads out of the answers: elements that carry their properties.

The queries have the shapes of its ten templates: counts, both schemas, search, neighbours, their numbers, details of
vertices and edges, and connections of edge types, scanned and sampled.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from gremlin_python.driver.client import Client

from workflow.client.service import local_service

TYPED = "application/vnd.gremlin-v3.0+json"
FILL = (
    "g.addV('airport').property(id,'a').property('code','OSL').property('runways',2)"
    ".addV('airport').property(id,'b').property('code','ARN').property('runways',3)"
    ".addV('country').property(id,'n').property('name','Norway').iterate();"
    "g.V('a').addE('route').to(__.V('b')).property(id,'e1').property('dist',239).iterate();"
    "g.V('n').addE('contains').to(__.V('a')).property(id,'e2').iterate()"
)


@pytest.fixture(scope="module", params=["neptune", "tinkerpop"])
def address(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with local_service(tmp_path_factory.mktemp("home"), "--in-memory", "--profile", request.param) as url:
        post(url, FILL, TYPED)
        yield url


def post(address: str, query: str, accept: str, path: str = "/gremlin", **members: Any) -> Any:
    body = json.dumps({"gremlin": query, **members}).encode()
    request = urllib.request.Request(
        address.rstrip("/") + path, body, {"Content-Type": "application/json", "Accept": accept}
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def ask(address: str, query: str) -> list[Any]:
    """The results as Graph Explorer reads them: maps out of lists of keys and values, elements as they come."""
    answer = post(address, query, TYPED, queryId="5c1f1d2e-8f6f-4d1a-9f0e-0d8b1a6f2c11")
    assert answer["status"]["code"] == 200
    return list(plain(answer["result"]["data"]))


def plain(value: Any) -> Any:
    kind, inner = (value.get("@type"), value.get("@value")) if isinstance(value, dict) else (None, value)
    match kind:
        case "g:List" | "g:Set":
            return [plain(item) for item in inner]
        case "g:Map":
            keys = [plain(key) for key in inner[::2]]
            return {tuple(k) if isinstance(k, list) else k if not isinstance(k, dict) else tuple(
                (name, tuple(item)) if isinstance(item, list) else (name, item) for name, item in k.items()
            ): plain(item) for k, item in zip(keys, inner[1::2], strict=True)}  # fmt: skip
        case "g:Vertex":
            properties = inner.get("properties", {})
            return {"v": inner["id"], "label": inner["label"]} | {
                key: [plain(one["@value"]["value"]) for one in several] for key, several in properties.items()
            }
        case "g:Edge":
            properties = inner.get("properties", {})
            ends = {"from": inner["outV"], "to": inner["inV"], "labels": (inner["outVLabel"], inner["inVLabel"])}
            return {"e": inner["id"], "label": inner["label"], **ends} | {
                key: plain(one["@value"]["value"]) for key, one in properties.items()
            }
        case _:
            return inner if kind else value


OSLO = {"v": "a", "label": "airport", "code": ["OSL"], "runways": [2]}
ARLANDA = {"v": "b", "label": "airport", "code": ["ARN"], "runways": [3]}
NORWAY = {"v": "n", "label": "country", "name": ["Norway"]}
ROUTE = {"e": "e1", "label": "route", "from": "a", "to": "b", "labels": ("airport", "airport"), "dist": 239}
CONTAINS = {"e": "e2", "label": "contains", "from": "n", "to": "a", "labels": ("country", "airport")}

QUERIES: dict[str, list[Any]] = {
    "g.V().groupCount().by(label)": [{"airport": 2, "country": 1}],
    "g.E().groupCount().by(label)": [{"route": 1, "contains": 1}],
    'g.V().union(__.hasLabel("airport").limit(1),__.hasLabel("country").limit(1)).fold().project("airport","country")'
    '.by(unfold().hasLabel("airport")).by(unfold().hasLabel("country"))': [{"airport": OSLO, "country": NORWAY}],
    'g.V().limit(1).project("route","contains").by(V().bothE("route").limit(1)).by(V().bothE("contains").limit(1))': [
        {"route": ROUTE, "contains": CONTAINS}
    ],
    'g.V().hasLabel("airport").or(has(id,containing("SL")),has("code",containing("SL"))).range(0,10)': [OSLO],
    'g.V("a").as("start").both().hasLabel("airport").and(has("runways",gt(2)), has("code",containing("R")))'
    '.filter(__.not(__.hasId("n"))).dedup().range(0, 10).as("neighbor").project("vertex", "edges").by()'
    '.by(__.select("start").bothE().where(otherV().where(eq("neighbor"))).dedup().fold())': [
        {"vertex": ARLANDA, "edges": [ROUTE]}
    ],
    'g.V("a","b").group().by(id).by(both().dedup().groupCount().by(label))': [
        {"a": {"airport": 1, "country": 1}, "b": {"airport": 1}}
    ],
    'g.V("b","n")': [ARLANDA, NORWAY],
    'g.E("e1","e2")': [ROUTE, CONTAINS],
    'g.E().groupCount().by(project("e","s","t").by(label()).by(outV().label().fold()).by(inV().label().fold()))': [
        {
            (("e", "route"), ("s", ("airport",)), ("t", ("airport",))): 1,
            (("e", "contains"), ("s", ("country",)), ("t", ("airport",))): 1,
        }
    ],
    'g.V().limit(1).union(V().outE("route").limit(5), V().outE("contains").limit(5)).group().by(label())'
    '.by(project("s","t").by(outV().label().fold()).by(inV().label().fold()).groupCount())': [
        {
            "route": {(("s", ("airport",)), ("t", ("airport",))): 1},
            "contains": {(("s", ("country",)), ("t", ("airport",))): 1},
        }
    ],
}


@pytest.mark.parametrize("query", QUERIES)
def test_a_template_is_answered_with_what_it_shows(address: str, query: str) -> None:
    assert ask(address, query) == QUERIES[query]


@pytest.mark.parametrize("path", ["/gremlin", "/gremlin/"])
@pytest.mark.parametrize(
    "accept",
    [
        "application/json",
        TYPED,
        "application/vnd.gremlin-v1.0+json",
        "application/vnd.gremlin-v2.0+json",
        "application/vnd.gremlin-v3.0+json;types=false",
        "application/vnd.gremlin-v4.0+json",
        "application/vnd.gremlin-v4.0+json;types=false",
    ],
)
def test_elements_carry_their_properties_in_every_format(address: str, accept: str, path: str) -> None:
    for steps, value in (("V('a')", "OSL"), ("E('e1')", "239"), ("V('a').outE().inV().path()", "ARN")):
        told = post(address, f"g.{steps}", accept, path)["result"]  # the rest holds a random identity of the request
        assert value in json.dumps(told)
        told = post(address, f"g.with('materializeProperties','tokens').{steps}", accept, path)["result"]
        assert value not in json.dumps(told)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_a_websocket_answers_under_both_addresses(address: str) -> None:
    for path in ("/gremlin", "/gremlin/"):
        client = Client(address.replace("http", "ws", 1).rstrip("/") + path, "g")
        assert client.submit("g.V().count()").all().result(30) == [3]
        client.close()


def test_the_status_words_its_features_as_a_cluster_does(address: str) -> None:
    with urllib.request.urlopen(address.rstrip("/") + "/status") as answer:
        features = json.load(answer)["features"]
    assert features == {
        "SlowQueryLogs": "disabled",
        "ResultCache": {"status": "disabled"},
        "IAMAuthentication": "disabled",
        "Streams": "enabled",
        "AuditLog": "disabled",
    }
