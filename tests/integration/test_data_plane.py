"""Loader, engine status, reset, statistics, summary and streams, through boto3 and in graph-notebook's forms."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.waiting import until
from workflow.client.service import local_service
from workflow.jobs.loads import UNFINISHED

NODES = "~id,~label,name:String(single),tag:String\na,Person;Friend,Ann,x\nb,Person,Bob,\nc,City,,\n"
EDGES = "~id,~from,~to,~label,since:Int\ne,a,b,knows,2001\nf,a,c,lives,\n"


@pytest.fixture
def service(home: Path) -> Iterator[str]:
    with local_service(home) as url:
        yield str(url)


@pytest.fixture(scope="module")
def idle_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """For requests that change nothing."""
    with local_service(tmp_path_factory.mktemp("home")) as url:
        yield str(url)


@pytest.fixture
def client(service: str) -> Any:
    # an answer of 5xx would be asked again, which hides it
    config = Config(retries={"total_max_attempts": 1})
    return boto3.client("neptunedata", endpoint_url=service, region_name="us-east-1", config=config)


@pytest.fixture
def source(service: str, home: Path) -> str:
    folder = home / "s3" / "lake" / "in"
    folder.mkdir(parents=True)
    (folder / "1-edges.csv").write_text(EDGES)
    (folder / "2-nodes.csv").write_text(NODES)
    return "s3://lake/in"


def ask(service: str, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, Any]:
    request = urllib.request.Request(service.rstrip("/") + path, body, headers, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def load(client: Any, source: str) -> dict[str, Any]:
    started = client.start_loader_job(
        source=source, format="csv", s3BucketRegion="us-east-1", iamRoleArn="arn:aws:iam::1"
    )
    assert started["status"] == "200 OK"
    load_id = started["payload"]["loadId"]

    def ended() -> dict[str, Any] | None:
        payload: dict[str, Any] = client.get_loader_job_status(loadId=load_id, details=True, errors=True)["payload"]
        return payload if payload["overallStatus"]["status"] not in UNFINISHED else None

    return until(ended, "the end of the load") or {}


def test_boto3_loads_lists_and_reads_the_summary(client: Any, source: str) -> None:
    payload = load(client, source)
    assert payload["overallStatus"]["status"] == "LOAD_COMPLETED"
    ids = client.list_loader_jobs(limit=5, includeQueuedLoads=True)["payload"]["loadIds"]
    assert len(ids) == 1
    with pytest.raises(client.exceptions.BadRequestException):
        client.cancel_loader_job(loadId=ids[0])
    with pytest.raises(client.exceptions.BulkLoadIdNotFoundException):
        client.get_loader_job_status(loadId="nothing")
    summary = client.get_propertygraph_summary(mode="detailed")["payload"]["graphSummary"]
    assert (summary["numNodes"], summary["numEdges"]) == (3, 2)
    assert summary["nodeLabels"] == ["City", "Friend", "Person"]
    assert summary["edgeLabels"] == ["knows", "lives"]
    assert summary["nodeProperties"] == [{"name": 2}, {"tag": 1}]
    assert summary["edgeProperties"] == [{"since": 1}]
    assert (summary["totalNodePropertyValues"], summary["totalEdgePropertyValues"]) == (3, 1)
    structures = {
        (tuple(one["nodeProperties"]), tuple(one["distinctOutgoingEdgeLabels"])): one["count"]
        for one in summary["nodeStructures"]
    }
    assert structures == {(("name", "tag"), ("knows", "lives")): 1, (("name",), ()): 1, ((), ()): 1}
    assert {tuple(one["edgeProperties"]): one["count"] for one in summary["edgeStructures"]} == {("since",): 1, (): 1}


def test_boto3_manages_statistics(client: Any, source: str) -> None:
    load(client, source)
    found = client.get_propertygraph_statistics()["payload"]
    assert (found["active"], found["autoCompute"]) == (True, True)
    assert found["signatureInfo"] == {"signatureCount": 3, "instanceCount": 3, "predicateCount": 5}
    client.manage_propertygraph_statistics(mode="disableAutoCompute")
    assert client.get_propertygraph_statistics()["payload"]["autoCompute"] is False
    client.delete_propertygraph_statistics()
    with pytest.raises(client.exceptions.StatisticsNotAvailableException):
        client.get_propertygraph_summary()
    assert client.manage_propertygraph_statistics(mode="refresh")["payload"]["statisticsId"]
    assert client.get_propertygraph_summary()["payload"]["graphSummary"]["numNodes"] == 3


def test_boto3_reads_the_change_stream_in_pages(client: Any, source: str) -> None:
    with pytest.raises(client.exceptions.StreamRecordsNotFoundException):
        client.get_propertygraph_stream(iteratorType="TRIM_HORIZON")
    load(client, source)
    first = client.get_propertygraph_stream(iteratorType="TRIM_HORIZON", limit=4)
    assert [one["data"]["type"] for one in first["records"]] == ["vl", "vl", "vp", "vp"]
    assert first["records"][0]["data"] == {
        "id": "a",
        "type": "vl",
        "key": "label",
        "value": {"value": "Person", "dataType": "String"},
    }
    last = first["lastEventId"]
    rest = client.get_propertygraph_stream(
        iteratorType="AFTER_SEQUENCE_NUMBER", commitNum=last["commitNum"], opNum=last["opNum"], limit=100
    )
    assert [one["data"]["type"] for one in rest["records"]] == ["vl", "vp", "vl", "e", "ep", "e"]
    assert rest["records"][3]["data"]["from"] == "a"
    # the two files are one commit each
    assert [one.get("isLastOp", False) for one in rest["records"]] == [False, False, True, False, False, True]
    latest = client.get_propertygraph_stream(iteratorType="LATEST")
    assert [one["data"]["id"] for one in latest["records"]] == ["f"]
    again = client.get_propertygraph_stream(iteratorType="AT_SEQUENCE_NUMBER", commitNum=2, opNum=2, limit=1)
    assert again["records"][0]["eventId"] == {"commitNum": 2, "opNum": 2}
    with pytest.raises(client.exceptions.StreamRecordsNotFoundException):
        client.get_propertygraph_stream(iteratorType="AT_SEQUENCE_NUMBER", commitNum=99, opNum=1)


def test_boto3_resets_in_two_steps(client: Any, source: str) -> None:
    load(client, source)
    with pytest.raises(client.exceptions.InvalidParameterException):
        client.execute_fast_reset(action="performDatabaseReset", token="guess")
    token = client.execute_fast_reset(action="initiateDatabaseReset")["payload"]["token"]
    assert client.execute_fast_reset(action="performDatabaseReset", token=token)["status"] == "200 OK"
    assert client.get_propertygraph_summary()["payload"]["graphSummary"]["numNodes"] == 0
    with pytest.raises(client.exceptions.InvalidParameterException):
        client.execute_fast_reset(action="performDatabaseReset", token=token)
    assert load(client, source)["overallStatus"]["totalRecords"] == 5


def test_the_engine_says_what_it_is(client: Any) -> None:
    status = client.get_engine_status()
    assert status["status"] == "healthy"
    assert status["role"] == "writer"
    assert status["gremlin"]["version"].startswith("tinkerpop-3.")
    assert status["opencypher"]["version"].startswith("Neptune-9.0.")


@pytest.mark.parametrize("call", ["get_rdf_graph_summary", "get_sparql_statistics"])
def test_other_languages_are_refused_by_name(idle_service: str, call: str) -> None:
    client = boto3.client("neptunedata", endpoint_url=idle_service, region_name="us-east-1")
    with pytest.raises(client.exceptions.UnsupportedOperationException):
        getattr(client, call)()


def test_graph_notebooks_forms_are_understood(service: str, source: str) -> None:
    body = {
        "source": source,
        "format": "csv",
        "region": "us-east-1",
        "failOnError": "TRUE",
        "mode": "AUTO",
        "parallelism": "HIGH",
        "updateSingleCardinalityProperties": "TRUE",
        "queueRequest": "FALSE",
        "parserConfiguration": {},
        "edgeOnlyLoad": "FALSE",
        "dependencies": [],
    }
    status, answer = ask(service, "POST", "/loader", json.dumps(body).encode(), **{"Content-Type": "application/json"})
    assert (status, answer["status"]) == (200, "200 OK")
    load_id = answer["payload"]["loadId"]
    query = f"/loader?details=False&errors=False&page=1&errorsPerPage=10&loadId={load_id}"
    completed = "LOAD_COMPLETED"
    until(lambda: ask(service, "GET", query)[1]["payload"]["overallStatus"]["status"] == completed, completed)
    assert ask(service, "GET", "/loader")[1]["payload"]["loadIds"] == [load_id]
    assert ask(service, "DELETE", f"/loader?loadId={load_id}")[0] == 400
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert ask(service, "GET", "/pg/statistics")[1]["payload"]["signatureInfo"]["instanceCount"] == 3
    assert ask(service, "GET", "/pg/statistics/summary?mode=basic")[1]["payload"]["graphSummary"]["numEdges"] == 2
    # statistics calls send JSON without a content type
    assert ask(service, "POST", "/pg/statistics", b'{"mode": "refresh"}')[0] == 200
    assert ask(service, "POST", "/pg/statistics", b'{"mode": "sometimes"}')[0] == 400
    assert ask(service, "GET", "/rdf/statistics")[1]["code"] == "UnsupportedOperationException"
    token = ask(service, "POST", "/system", b"action=initiateDatabaseReset", **form)[1]["payload"]["token"]
    performed = f"action=performDatabaseReset&token={token}".encode()
    assert ask(service, "POST", "/system", performed, **form)[1]["status"] == "200 OK"
    assert ask(service, "GET", "/status")[1]["status"] == "healthy"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/loader", b"{"),
        ("POST", "/loader", b"[]"),
        ("POST", "/loader", b"\xff"),
        ("POST", "/loader", b"{}"),
        ("POST", "/loader", b'{"source": "/etc", "format": "csv"}'),
        ("POST", "/loader", b'{"source": "s3://nowhere/x", "format": "csv"}'),
        ("POST", "/loader", b'{"source": "s3://lake/%s", "format": "csv"}' % (b"x" * 300)),
        ("POST", "/loader", b'{"source": "s3://lake/\\ud800", "format": "csv"}'),
        ("DELETE", "/loader", None),
        ("GET", "/loader/a%2Fb", None),
        ("GET", "/loader?limit=0", None),
        ("GET", "/status/", None),
        ("GET", "/loader?loadId=x&page=minus", None),
        ("POST", "/system", b"{}"),
        ("POST", "/system", b"action=explode"),
        ("POST", "/system", b'{"action": "performDatabaseReset", "token": "\\ud800"}'),
        ("POST", "/gremlin/status", b"cancelQuery&queryId=none"),
        ("POST", "/gremlin/profile", b'{"gremlin": "g.V()", "profile.chop": "x"}'),
        ("POST", "/gremlin", b'{"gremlin": "g.inject(1).sum().max(2)"}'),
        ("GET", "/propertygraph/stream?limit=0&iteratorType=LATEST", None),
        ("GET", "/propertygraph/stream?iteratorType=SIDEWAYS", None),
        ("GET", "/propertygraph/stream", None),
        ("GET", "/pg/statistics/summary?mode=deep", None),
    ],
)
def test_a_users_mistake_is_never_a_5xx(idle_service: str, method: str, path: str, body: bytes | None) -> None:
    status, answer = ask(idle_service, method, path, body)
    assert 400 <= status < 500
    assert {"code", "detailedMessage", "message", "requestId"} <= answer.keys()
