"""Gremlin over HTTP in every form that clients send, through the real application stack."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from tests.waiting import until_async
from workflow.errors import WorkflowError
from workflow.graphs.store.store import EmbeddedGraph
from workflow.gremlin.engine import Engine
from workflow.gremlin.semantics.values import Long
from workflow.gremlin.wire import BINARY_V1, BINARY_V4, GRAPHSON_V3, GRAPHSON_V3_UNTYPED, GRAPHSON_V4
from workflow.gremlin.wire.graphbinary.version4 import GraphBinary4Reader
from workflow.queries.running import QueryRegistry
from workflow.server.errors import http_error, workflow_error
from workflow.server.gremlin.execution import QueryRunner
from workflow.server.gremlin.http4 import TransactionNotFound, TransactionTable
from workflow.server.neptune.routes import routes
from workflow.server.services import Services
from workflow.settings import Settings

ENDLESS = "g.inject(1).repeat(identity()).until(constant(false).is(true))"


@pytest.fixture
def services(tmp_path: Path) -> Services:
    graph = EmbeddedGraph("g", "neptune")
    settings = Settings(home=tmp_path)
    engines = {"g": Engine(graph, "neptune")}
    return Services(settings, None, engines, {"g": graph}, queries=QueryRegistry())  # type: ignore[arg-type]


@pytest.fixture
def client(services: Services) -> httpx.AsyncClient:
    app = Starlette(
        routes=routes(services),
        exception_handlers={WorkflowError: workflow_error, HTTPException: http_error},
    )
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8182")


pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def ask(client: httpx.AsyncClient, text: str, **headers: str) -> httpx.Response:
    return await client.post("/gremlin", content=json.dumps({"gremlin": text}), headers=headers)


async def test_json_without_a_content_type_is_answered_untyped(client: httpx.AsyncClient) -> None:
    answer = await ask(client, "g.inject(1, 'a')\n")
    assert answer.status_code == 200
    body = answer.json()
    assert body["result"] == {"data": [1, "a"], "meta": {}}
    assert body["status"] == {"message": "", "code": 200, "attributes": {}}
    assert len(body["requestId"]) == 36


async def test_an_empty_answer_says_why_to_those_who_ask_for_details(client: httpx.AsyncClient) -> None:
    text = "g.with('Neptune#ml.endpoint', 'lp').V('nobody')"
    assert (await ask(client, text)).json()["status"]["attributes"] == {}
    told = (await ask(client, text, **{"Despina-Details": "true"})).json()
    (reason,) = told["status"]["attributes"]["reasons"]
    assert reason.startswith("Neptune#ml.endpoint had no effect, for nothing in the query predicts")
    assert told["result"]["data"] == []
    found = await ask(client, "g.inject(1)", **{"Despina-Details": "true"})
    assert found.json()["status"]["attributes"] == {}


@pytest.mark.parametrize(
    ("path", "hint"),
    [("/ml/dataprocesing", "did you mean /ml/dataprocessing?"), ("/gremlim", "did you mean /gremlin?"),
     ("/nothing/like/it", "check the path.")],
)  # fmt: skip
async def test_a_path_that_there_is_not_is_answered_with_the_likely_one(
    client: httpx.AsyncClient, path: str, hint: str
) -> None:
    assert (await client.get(path)).json()["message"] == f"There is nothing at {path}; {hint}"


async def test_get_and_form_carry_a_query_too(client: httpx.AsyncClient) -> None:
    assert (await client.get("/gremlin", params={"gremlin": "g.inject(1)"})).json()["result"]["data"] == [1]
    assert (await client.post("/gremlin", data={"gremlin": "g.inject(1)"})).json()["result"]["data"] == [1]


@pytest.mark.parametrize(
    ("accept", "mime"),
    [
        ("", GRAPHSON_V3_UNTYPED),
        ("*/*", GRAPHSON_V3_UNTYPED),
        ("application/json", GRAPHSON_V3_UNTYPED),
        ("application/vnd.gremlin-v3.0+json; types=false", GRAPHSON_V3_UNTYPED),
        (GRAPHSON_V3, GRAPHSON_V3),
        ("text/html, application/vnd.gremlin-v2.0+json;types=false", "application/vnd.gremlin-v2.0+json;types=false"),
        (BINARY_V1, BINARY_V1),
    ],
)
async def test_accept_chooses_the_format(client: httpx.AsyncClient, accept: str, mime: str) -> None:
    answer = await ask(client, "g.inject(1)", accept=accept)
    assert answer.headers["content-type"] == mime


async def test_typed_answers_tag_their_structures(client: httpx.AsyncClient) -> None:
    body = (await ask(client, "g.inject(1)", accept=GRAPHSON_V3)).json()
    assert body["result"]["data"] == {"@type": "g:List", "@value": [{"@type": "g:Int32", "@value": 1}]}
    assert body["result"]["meta"] == {"@type": "g:Map", "@value": []}


async def test_paths_are_maps_of_labels_and_objects(client: httpx.AsyncClient) -> None:
    data = (await ask(client, "g.addV('book').property(id,'b').as('x').path()")).json()["result"]["data"]
    assert data == [{"labels": [["x"]], "objects": [{"id": "b", "label": "book", "type": "vertex"}]}]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ("", 400, "MissingParameterException"),
        ("{}", 400, "MissingParameterException"),
        ('{"gremlin":""}', 400, "MissingParameterException"),
        ('{"gremlin":5}', 400, "MissingParameterException"),
        ("{", 400, "MalformedQueryException"),
        ("nonsense", 400, "BadRequestException"),
        ('{"gremlin":"g.V("}', 400, "MalformedQueryException"),
        ('{"gremlin":"h.V()"}', 400, "BadRequestException"),
        ('{"gremlin":"g.V()","bindings":[1]}', 400, "BadRequestException"),
        ('{"gremlin":"g.V().nowhere()"}', 400, "MalformedQueryException"),
        # a query that cannot succeed must not be a 5xx: boto3 would send it again and again
        ('{"gremlin":"g.inject(\'a\').sum()"}', 400, "BadRequestException"),
        ('{"gremlin":"g.addE(\'x\')"}', 400, "BadRequestException"),
        ('{"gremlin":"g.addV().property(list,\'k\',1)"}', 400, "UnsupportedOperationException"),
        ('{"gremlin":"g.inject(1).fail(\'no\')"}', 500, "FailureByQueryException"),
    ],
)
async def test_errors_have_every_member(client: httpx.AsyncClient, body: str, status: int, code: str) -> None:
    answer = await client.post("/gremlin", content=body)
    assert answer.status_code == status
    assert answer.json()["code"] == code
    assert list(answer.json()) == ["code", "detailedMessage", "message", "requestId"]


async def test_a_format_nobody_writes_is_refused(client: httpx.AsyncClient) -> None:
    assert (await ask(client, "g.inject(1)", accept="text/html")).status_code == 400


async def test_get_does_not_write(client: httpx.AsyncClient) -> None:
    answer = await client.get("/gremlin", params={"gremlin": "g.addV('x')"})
    assert answer.status_code == 400
    assert answer.json()["code"] == "ReadOnlyViolationException"
    assert (await client.get("/gremlin/profile", params={"gremlin": "g.addV('x')"})).status_code == 400
    assert (await ask(client, "g.V().count()")).json()["result"]["data"] == [0]


async def test_the_frame_of_a_websocket_is_taken_as_a_body(client: httpx.AsyncClient) -> None:
    id = "41d2e28a-20a4-4ab0-b379-d810dede3786"
    message = {"requestId": id, "op": "eval", "processor": "", "args": {"gremlin": "g.inject('a')"}}
    frame = bytes([len(GRAPHSON_V3)]) + GRAPHSON_V3.encode() + json.dumps(message).encode()
    headers = {"content-type": GRAPHSON_V3, "accept": GRAPHSON_V3}
    body = (await client.post("/gremlin", content=frame, headers=headers)).json()
    assert (body["requestId"], body["status"]["code"], body["result"]["data"]["@value"]) == (id, 200, ["a"])
    broken = frame.replace(b"g.inject('a')", b"g.V(")
    failure = await client.post("/gremlin", content=broken, headers=headers)
    assert failure.status_code == 400
    assert failure.json()["requestId"] == id


async def test_a_page_of_another_origin_is_refused(client: httpx.AsyncClient) -> None:
    assert (await ask(client, "g.inject(1)", origin="http://evil.example")).status_code == 403
    assert (await ask(client, "g.inject(1)", origin="null")).status_code == 403
    assert (await ask(client, "g.inject(1)", origin="http://127.0.0.1:8182")).status_code == 200


async def test_a_made_up_host_is_fine_for_programs(client: httpx.AsyncClient) -> None:
    assert (await ask(client, "g.inject(1)", host="db.local.us-east-1.neptune.amazonaws.com")).status_code == 200


# -- running queries


@pytest.fixture
def endless(services: Services) -> Any:
    """The id of a query that runs."""
    running = services.queries.accept(ENDLESS, "q-1")
    running.begin()
    yield "q-1"
    services.queries.finish(running)


async def test_running_queries_are_listed_for_both_clients(client: httpx.AsyncClient, endless: str) -> None:
    for answer in (await client.post("/gremlin/status"), await client.get("/gremlin/status?includeWaiting=true")):
        body = answer.json()
        assert (body["acceptedQueryCount"], body["runningQueryCount"]) == (1, 1)
        assert body["queries"][0]["queryId"] == endless
        assert body["queries"][0]["queryString"] == ENDLESS
        assert body["queries"][0]["queryEvalStats"]["cancelled"] is False


async def test_waiting_queries_are_listed_on_request(client: httpx.AsyncClient, services: Services) -> None:
    waiting = services.queries.accept("g.V()")
    plain = (await client.post("/gremlin/status")).json()
    assert (plain["acceptedQueryCount"], plain["runningQueryCount"], plain["queries"]) == (1, 0, [])
    wide = (await client.post("/gremlin/status", data={"includeWaiting": "True"})).json()
    assert [query["queryId"] for query in wide["queries"]] == [waiting.id]


async def test_one_query_is_shown_by_path_and_by_form(client: httpx.AsyncClient, endless: str) -> None:
    assert (await client.get(f"/gremlin/status/{endless}")).json()["queryId"] == endless
    assert (await client.post("/gremlin/status", data={"queryId": endless})).json()["queryId"] == endless
    assert (await client.get("/gremlin/status/nope")).status_code == 400


async def test_cancel_in_both_forms(client: httpx.AsyncClient, services: Services) -> None:
    for n, cancel in enumerate(("DELETE", "POST", "flag")):
        query = services.queries.accept("g.V()", f"c{n}")
        if cancel == "DELETE":
            answer = await client.delete(f"/gremlin/status/{query.id}")
        elif cancel == "flag":
            answer = await client.get(f"/gremlin/status?cancelQuery&queryId={query.id}")
        else:
            answer = await client.post("/gremlin/status", data={"queryId": query.id, "cancelQuery": "True"})
        assert answer.json() == {"status": "200 OK", "payload": True}
        assert query.cancelled.is_set()
    assert (await client.delete("/gremlin/status/nope")).status_code == 400
    assert (await client.delete("/gremlin/status")).json()["code"] == "MissingParameterException"


async def test_a_query_keeps_the_id_it_brings_and_is_shown_by_its_beginning(client: httpx.AsyncClient) -> None:
    body = json.dumps({"gremlin": ENDLESS + " " * 2000, "queryId": "mine"})
    asked = asyncio.create_task(client.post("/gremlin", content=body))

    async def running() -> list[Any]:
        return list((await client.get("/gremlin/status")).json()["queries"])

    queries = await until_async(running, "the query to run")
    assert [query["queryId"] for query in queries] == ["mine"]
    assert len(queries[0]["queryString"]) == 1024
    assert (await client.delete("/gremlin/status/mine")).json()["payload"] is True
    assert (await asked).json()["code"] == "CancelledByUserException"


# -- plans


async def test_explain_has_its_marker_and_does_not_run(client: httpx.AsyncClient) -> None:
    body = json.dumps({"gremlin": "g.addV('x')\n", "explain.mode": "dynamic"})
    answer = await client.post("/gremlin/explain", content=body)
    assert "Neptune Gremlin Explain" in answer.text
    assert (await ask(client, "g.V().count()")).json()["result"]["data"] == [0]


async def test_profile_has_its_marker_and_lines_that_parse(client: httpx.AsyncClient) -> None:
    body = {
        "gremlin": "g.inject(1,2,3).is(gt(1))\n",
        "profile.results": True,
        "profile.chop": 250,
        "profile.serializer": GRAPHSON_V3,
        "profile.indexOps": True,
        "profile.debug": False,
    }
    text = (await client.post("/gremlin/profile", content=json.dumps(body))).text
    assert "Neptune Gremlin Profile" in text
    lines = dict(line.strip().split(": ", 1) for line in text.splitlines() if ": " in line)
    assert float(lines["Query Execution"].split()[0]) >= 0
    assert float(lines["Serialization"].split()[0]) >= 0
    assert int(lines["# of predicates"]) == 1
    assert int(lines["Count"]) == 2
    assert int(lines["Response size (bytes)"]) > 50
    assert int(lines["# of statement index ops"]) == 0
    assert lines["Response serializer"] == GRAPHSON_V3
    assert lines["Output"] == "[2, 3]"


@pytest.mark.parametrize("what", ["explain", "profile"])
async def test_of_several_statements_none_is_left_out_in_silence(client: httpx.AsyncClient, what: str) -> None:
    answer = await client.post(f"/gremlin/{what}", content='{"gremlin": "g.addV().next(); g.V().count()"}')
    assert (answer.status_code, answer.json()["code"]) == (400, "BadRequestException")
    assert "2 statements" in answer.json()["message"]
    assert (await client.post(f"/gremlin/{what}", content='{"gremlin": "g.V().count();\\n"}')).status_code == 200


async def test_a_profile_chops_long_results(client: httpx.AsyncClient) -> None:
    body = json.dumps({"gremlin": "g.inject('" + "x" * 100 + "')", "profile.chop": 10})
    text = (await client.post("/gremlin/profile", content=body)).text
    assert "Output: [xxxxxxxxx...\n" in text


# -- TinkerPop 4


async def test_version_4_answers_with_a_closing_status(client: httpx.AsyncClient) -> None:
    answer = await ask(client, "g.inject(1,'a')", accept=GRAPHSON_V4)
    assert answer.headers["content-type"] == GRAPHSON_V4
    assert "gremlin-requestid" in answer.headers
    assert answer.json() == {
        "result": {"data": {"@type": "g:List", "@value": [{"@type": "g:Int32", "@value": 1}, "a"]}},
        "status": {"code": 200},
    }


async def test_version_4_in_binary_has_marker_and_status(client: httpx.AsyncClient) -> None:
    content = (await ask(client, "g.inject(1,'a')", accept=BINARY_V4)).content
    assert content[:2] == b"\x84\x00"
    reader = GraphBinary4Reader(content, 2)
    assert [reader.value(), reader.value()] == [1, "a"]
    assert content[reader.position :].hex() == "fd0000" + "000000c8" + "01" + "01"


async def test_version_4_can_bulk(client: httpx.AsyncClient) -> None:
    body = json.dumps({"gremlin": "g.inject('a','a').barrier()", "bulkResults": True})
    content = (await client.post("/gremlin", content=body, headers={"accept": BINARY_V4})).content
    reader = GraphBinary4Reader(content, 2)
    assert content[1] == 1
    assert (reader.value(), reader.value()) == ("a", Long(2))


async def test_version_4_takes_parameters_as_gremlin_text(client: httpx.AsyncClient) -> None:
    body = json.dumps({"gremlin": "g.inject(x)", "parameters": '["x":"bound"]'})
    answer = await client.post("/gremlin", content=body, headers={"content-type": GRAPHSON_V4})
    assert answer.json()["result"]["data"] == ["bound"]


@pytest.mark.parametrize(("text", "status"), [("g.V(", 400), ("g.inject(1).fail('no')", 500)])
async def test_version_4_tells_errors_twice(client: httpx.AsyncClient, text: str, status: int) -> None:
    answer = await ask(client, text, accept=GRAPHSON_V4)
    assert answer.status_code == status
    assert answer.json()["status"]["code"] == status
    assert answer.json()["status"]["message"]


async def test_version_4_transactions_commit_and_roll_back(client: httpx.AsyncClient) -> None:
    async def say(text: str, **fields: str) -> httpx.Response:
        body = json.dumps({"gremlin": text, "g": "g", **fields})
        return await client.post("/gremlin", content=body, headers={"accept": GRAPHSON_V4 + ";types=false"})

    for end, expected in (("rollback", 0), ("commit", 1)):
        begun = await say("g.tx().begin()")
        id = begun.json()["result"]["data"][0]["transactionId"]
        assert begun.headers["x-transaction-id"] == id
        assert (await say("g.addV('x')", transactionId=id)).status_code == 200
        assert (await say("g.V(", transactionId=id)).status_code == 400
        assert (await say("g.V().count()", transactionId=id)).json()["result"]["data"] == [1]
        assert (await say(f"g.tx().{end}()", transactionId=id)).status_code == 200
        assert (await say("g.V().count()")).json()["result"]["data"] == [expected]
        assert (await say("g.V()", transactionId=id)).status_code == 404
    assert (await say("g.tx().commit()")).status_code == 400
    assert (await say("g.tx().begin()", transactionId="x")).status_code == 400


async def test_an_idle_transaction_expires_and_a_busy_one_does_not(services: Services) -> None:
    runner = QueryRunner(services.engines, "neptune", services.queries, 1000)
    table = TransactionTable(runner, idle_s=60, lifetime_s=600)
    idle, busy, old = (table.begin("g") for _ in range(3))
    now = time.monotonic()
    with table.use(busy, "g").lock:
        table._open[old].begun_at = now - 590
        assert {session.id for session in table.expired(now + 61)} == {idle, old}
    with pytest.raises(TransactionNotFound):
        table.use(idle, "g")
    assert table.use(busy, "g").id == busy
