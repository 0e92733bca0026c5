"""openCypher over Neptune's HTTP, in every form that clients send, through the real routes."""

from __future__ import annotations

import asyncio
import json
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request

from tests.waiting import PATIENCE_S, until_async, until_on_loop
from workflow.cypher.engine import CypherEngine
from workflow.cypher.planning.procedures import Procedure, library
from workflow.errors import WorkflowError
from workflow.graphs.store.store import EmbeddedGraph
from workflow.server import streams
from workflow.server.access.budget import Budget
from workflow.server.cypher import http as cypher_http
from workflow.server.errors import http_error, workflow_error
from workflow.server.neptune.routes import routes
from workflow.server.services import Services
from workflow.settings import Profile, Settings

ENDLESS = "UNWIND range(1, 1000000) AS a UNWIND range(1, 1000000) AS b RETURN count(b)"
PATHS = ("/openCypher", "/opencypher", "/openCypher/")

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Client(httpx.AsyncClient):
    services: Services

    async def rows(self, text: str, **parameters: Any) -> Any:
        answer = await self.post("/openCypher", data={"query": text, "parameters": json.dumps(parameters)})
        assert answer.status_code == 200, answer.text
        return answer.json()["results"]


def client_of(home: Path, profile: Profile) -> Client:
    graph, other = EmbeddedGraph("g", profile), EmbeddedGraph("other", profile)
    cypher = {"g": CypherEngine(graph, profile), "gother": CypherEngine(other, profile)}
    graphs = {"g": graph, "gother": other}
    services = Services(Settings(home=home, profile=profile), None, {}, graphs, cypher=cypher)  # type: ignore[arg-type]
    app = Starlette(
        routes=routes(services), exception_handlers={WorkflowError: workflow_error, HTTPException: http_error}
    )
    client = Client(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8182")
    client.services = services
    return client


@pytest.fixture
def client(tmp_path: Path) -> Client:
    return client_of(tmp_path, "neptune")


async def test_a_procedure_without_an_answer_says_why_beside_the_results(client: Client) -> None:
    def silent(run: Any, calls: Any) -> list[Any]:
        run.outcome.silences['it is "silent"'] += 1
        return [[] for _ in calls]

    table = library(Procedure("toy.ask", (), (("x", "string"),), call_many=silent))
    engines: Any = client.services.cypher
    engines["g"] = CypherEngine(engines["g"].graph, "neptune", table)
    for text, told in (("CALL toy.ask() YIELD x RETURN x", {"warnings": ['it is "silent"']}), ("RETURN 1 AS x", {})):
        answer = (await client.post("/openCypher", data={"query": text})).json()
        assert {name: value for name, value in answer.items() if name != "results"} == told


@pytest.mark.parametrize("path", PATHS)
async def test_a_query_comes_as_form_as_json_bare_and_in_the_address(client: Client, path: str) -> None:
    query, wanted = "RETURN $n + 1 AS x", {"results": [{"x": 3}]}
    text = json.dumps({"n": 2})
    for answer in (
        await client.post(path, data={"query": query, "parameters": text}),
        await client.post(path, json={"query": query, "parameters": text}),  # as boto3
        await client.post(path, json={"query": query, "parameters": {"n": 2}}),
        await client.get(path, params={"query": query, "parameters": text}),
        await client.post(
            path, params={"parameters": text}, content=query, headers={"content-type": "application/opencypher"}
        ),
    ):
        assert answer.status_code == 200
        assert answer.headers["content-type"].lower() == "application/json;charset=utf-8"
        assert answer.json() == wanted


async def test_elements_are_written_as_the_guide_writes_them(client: Client) -> None:
    await client.rows(
        "CREATE ({`~id`: 'a', name: 'Ada'})-[:KNOWS {`~id`: 'e', since: 2001}]->(:Person:Admin {`~id`: 'b'})"
    )
    ada = {"~id": "a", "~entityType": "node", "~labels": ["vertex"], "~properties": {"name": "Ada"}}
    bob = {"~id": "b", "~entityType": "node", "~labels": ["Person", "Admin"], "~properties": {}}
    edge = {
        "~id": "e", "~entityType": "relationship", "~start": "a", "~end": "b", "~type": "KNOWS",
        "~properties": {"since": 2001},
    }  # fmt: skip
    assert await client.rows("MATCH p = (a)-[r]->(b) RETURN r, a, id(b) AS i, p, nodes(p) AS n") == [
        {"r": edge, "a": ada, "i": "b", "p": [ada, edge, bob], "n": [ada, bob]}
    ]


async def test_columns_keep_their_order(client: Client) -> None:
    answer = await client.post("/openCypher", data={"query": "RETURN 1 AS z, 2 AS a, 3 AS m"})
    assert answer.text == '{"results": [{"z": 1, "a": 2, "m": 3}]}'


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("datetime('2024-04-02T01:59:59+02:00')", "2024-04-01T23:59:59.000Z"),  # of UTC, with milliseconds
        ("date('2024-04-01')", "2024-04-01"),
        ("duration('P1Y2M')", "P1Y2M"),
        ("0.0 / 0", "NaN"),
        ("[1.0, -1 / 0.0, {a: null}]", [1.0, "-Infinity", {"a": None}]),
        ("9223372036854775807", 2**63 - 1),
        ("'ä\\n\"'", 'ä\n"'),
    ],
)
async def test_values_are_json(client: Client, expression: str, value: Any) -> None:
    assert await client.rows(f"RETURN {expression} AS x") == [{"x": value}]


async def test_a_query_without_return_answers_no_rows(client: Client) -> None:
    assert await client.rows("CREATE (n)") == []


async def test_get_only_reads(client: Client) -> None:
    answer = await client.get("/openCypher", params={"query": "CREATE (n)"})
    assert (answer.status_code, answer.json()["code"]) == (400, "ReadOnlyViolationException")
    assert await client.rows("MATCH (n) RETURN count(*) AS n") == [{"n": 0}]


async def test_a_node_of_neptune_has_a_label_always_and_one_of_others_need_not(client: Client, tmp_path: Path) -> None:
    await client.rows("CREATE (n {k: 1})")
    assert await client.rows("MATCH (n) RETURN labels(n) AS l") == [{"l": ["vertex"]}]
    answer = await client.post("/openCypher", data={"query": "MATCH (n) REMOVE n:vertex"})
    assert answer.json()["code"] == "ConstraintViolationException"
    assert "last label" in answer.json()["detailedMessage"]
    other = client_of(tmp_path, "tinkerpop")
    await other.rows("CREATE (n)")
    assert await other.rows("MATCH (n) RETURN labels(n) AS l") == [{"l": []}]


async def test_another_graph_is_named_in_the_request(client: Client) -> None:
    await client.post("/openCypher", data={"query": "CREATE (n)", "graph": "gother"})
    assert await client.rows("MATCH (n) RETURN count(*) AS n") == [{"n": 0}]
    answer = await client.post("/openCypher", data={"query": "MATCH (n) RETURN count(*) AS n", "graph": "gother"})
    assert answer.json()["results"] == [{"n": 1}]
    answer = await client.post("/openCypher", data={"query": "RETURN 1", "graph": "nowhere"})
    assert answer.json()["code"] == "InvalidParameterException"


@pytest.mark.parametrize(
    ("query", "status", "code", "begins"),
    [
        ("MATCH (n RETURN n", 400, "MalformedQueryException", "Invalid input"),  # what graph-notebook looks for
        ("RETURN m", 400, "MalformedQueryException", "The name m is not known"),
        ("RETURN 1 % 0", 400, "BadRequestException", ""),
        (
            "UNWIND range(1, 1000000) AS a UNWIND range(1, 1000) AS b RETURN sum(b)",
            500,
            "TimeLimitExceededException",
            "",
        ),
        ("", 400, "MissingParameterException", "query is missing"),
    ],
)
async def test_errors_have_neptunes_codes(client: Client, query: str, status: int, code: str, begins: str) -> None:
    hint = "USING QUERY:TIMEOUTMILLISECONDS 20 " if status == 500 else ""
    answer = await client.post("/openCypher", data={"query": hint + query})
    body = answer.json()
    assert (answer.status_code, body["code"]) == (status, code)
    assert body["detailedMessage"].startswith(begins)
    assert body["requestId"]


async def test_a_failed_write_leaves_nothing(client: Client) -> None:
    answer = await client.post("/openCypher", data={"query": "CREATE (n) WITH n UNWIND [1, 0] AS x RETURN 1 / x"})
    assert answer.status_code == 400
    assert await client.rows("MATCH (n) RETURN count(*) AS n") == [{"n": 0}]


async def test_a_long_answer_is_sent_as_it_comes_and_an_error_stands_at_its_end(client: Client) -> None:
    text = "x" * 1000
    rows = await client.rows("UNWIND range(1, 9000) AS n RETURN n, $t AS t", t=text)  # 9 MB: three chunks
    assert [row["n"] for row in rows] == list(range(1, 9001))
    query = "UNWIND range(0, 6000) AS n RETURN 1 / (6000 - n) AS n, $t AS t"
    answer = await client.post("/openCypher", data={"query": query, "parameters": json.dumps({"t": text})})
    assert answer.status_code == 200  # it had begun
    last = json.loads(answer.text.splitlines()[-1])
    assert last["code"] == "BadRequestException"


async def running(client: Client, path: str = "/openCypher/status") -> str:
    async def queries() -> list[Any]:
        return list((await client.get(path)).json()["queries"])

    return str((await until_async(queries, "the query to run"))[0]["queryId"])


@pytest.mark.parametrize("way", ["boto3", "graph-notebook", "get"])
@pytest.mark.parametrize("silent", [False, True])
async def test_running_queries_are_listed_and_cancelled(client: Client, way: str, silent: bool) -> None:
    asked = asyncio.create_task(client.post("/openCypher", data={"query": ENDLESS}))
    id = await running(client)
    listed = (await client.post("/openCypher/status", data={"includeWaiting": "True"})).json()
    assert (listed["acceptedQueryCount"], listed["runningQueryCount"]) == (1, 1)
    assert listed["queries"][0]["queryString"] == ENDLESS
    one = (await client.get(f"/opencypher/status/{id}")).json()
    assert one["queryId"] == id
    assert one == {**(await client.post("/openCypher/status", data={"queryId": id})).json(), **one}
    if way == "boto3":
        answer = await client.delete(f"/opencypher/status/{id}", params={"silent": str(silent).lower()})
    elif way == "graph-notebook":
        form = {"queryId": id, "cancelQuery": "True", "silent": str(silent)}
        answer = await client.post("/openCypher/status", data=form)
    else:
        fields = {"queryId": id, "cancelQuery": "true", "silent": str(silent).lower()}
        answer = await client.get("/openCypher/status", params=fields)
    assert answer.json() == {"status": "200 OK", "payload": True}
    ended = await asked
    if silent:
        assert (ended.status_code, ended.json()) == (200, {"results": []})
    else:
        assert (ended.status_code, ended.json()["code"]) == (500, "CancelledByUserException")
    assert client.services.cypher_queries.all() == []


async def test_the_queries_of_the_other_language_are_not_listed(client: Client) -> None:
    client.services.queries.accept("g.V()")
    assert (await client.get("/openCypher/status")).json()["acceptedQueryCount"] == 0


async def test_a_plan_tells_the_steps_and_where_it_ran_their_rows(client: Client) -> None:
    await client.rows("UNWIND range(1, 3) AS n CREATE (:P {n: n})")
    query = "MATCH (a:P) WHERE a.n > 1 WITH a.n AS n RETURN sum(n) AS s"
    plain = await client.post("/opencypher/explain", json={"query": query, "explain": "static"})
    assert [line.split("|")[4].strip() for line in plain.text.splitlines() if line.startswith("| ")] == [
        "Name", "Match", "With", "Return",
    ]  # fmt: skip
    html = await client.post(
        "/openCypher", data={"query": query, "explain": "dynamic"}, headers={"accept": "text/html"}
    )  # as graph-notebook asks
    assert html.headers["content-type"].startswith("text/html")
    assert "scan the nodes with label P for a" in html.text
    ran = await client.post("/openCypher/explain", data={"query": query, "explain": "details"})
    counted = [line.split("|") for line in ran.text.splitlines() if line.startswith("| ") and "Units" not in line]
    assert [(cells[7].strip(), cells[8].strip()) for cells in counted if cells[7].strip()] == [
        ("1", "2"), ("2", "2"), ("2", "1"),
    ]  # fmt: skip
    wrong = await client.post("/openCypher", data={"query": query, "explain": "aloud"})
    assert wrong.json()["code"] == "InvalidParameterException"


async def test_a_static_plan_changes_nothing(client: Client) -> None:
    await client.post("/openCypher", data={"query": "CREATE (n)", "explain": "static"})
    assert await client.rows("MATCH (n) RETURN count(*) AS n") == [{"n": 0}]


async def test_a_service_without_graphs_of_its_own_says_so(tmp_path: Path) -> None:
    services = Services(Settings(home=tmp_path), None, {}, {})  # type: ignore[arg-type]
    app = Starlette(routes=routes(services), exception_handlers={WorkflowError: workflow_error})
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
        answer = await client.post("/openCypher", data={"query": "RETURN 1"})
        assert answer.json()["code"] == "UnsupportedOperationException"


async def test_answers_that_nobody_fetches_have_a_budget_for_all_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "CHUNK_BYTES", 100_000)
    monkeypatch.setattr(streams, "CHUNK_S", 60.0)
    budget = Budget(400_000)
    services = replace(client_of(tmp_path, "neptune").services, budget=budget)
    handlers = cypher_http.handlers(services)
    fetch, bodies = asyncio.Event(), list[str]()

    async def ask() -> None:
        body = [{"type": "http.request", "body": b"query=UNWIND range(1, 60000) AS x RETURN x", "more_body": False}]
        found = bytearray()

        async def receive() -> Any:
            return body.pop() if body else await asyncio.Event().wait()

        async def send(message: Any) -> None:
            if message["type"] == "http.response.body":
                await fetch.wait()
                found.extend(message["body"])

        scope = {"type": "http", "method": "POST", "path": "/openCypher", "headers": [], "query_string": b""}
        response = await handlers.query(Request(scope, receive, send))
        await response(scope, receive, send)
        bodies.append(found.decode())

    # each keeps up to five parts of 100,000 bytes, less the free ones: two of them are more than the budget has
    asking = [asyncio.ensure_future(ask()) for _ in range(4)]
    await until_on_loop(lambda: budget.held > 400_000, "the budget to be filled")
    fetch.set()
    await asyncio.wait_for(asyncio.gather(*asking), PATIENCE_S)
    refused = [body for body in bodies if "TooManyRequestsException" in body]
    assert len(refused) >= 1
    assert all(body.endswith('{"x": 60000}]}') for body in bodies if body not in refused)
    assert budget.held == 0
    assert services.cypher_queries.all() == []


async def test_a_large_request_is_read_beside_others_and_too_many_values_are_refused(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[str] = []
    read = cypher_http.members_of

    def members_of(body: bytes) -> Any:
        threads.append(threading.current_thread().name)
        return read(body)

    monkeypatch.setattr(cypher_http, "members_of", members_of)
    assert await client.rows("RETURN size($x) AS n", x="y" * 100_000) == [{"n": 100_000}]
    assert threads[0].startswith("opencypher")
    monkeypatch.setattr("workflow.values.limits.MOST_COMMAS", 1000)
    for body in ({"query": "RETURN 1", "parameters": {"x": [1] * 1002}}, {"x": [1] * 1002}):
        answer = await client.post("/openCypher", json=body)
        assert answer.status_code == 400
        assert "commas" in answer.text
    text = json.dumps({"x": [1] * 1002})
    answer = await client.post("/openCypher", data={"query": "RETURN 1", "parameters": text})
    assert answer.status_code == 400
    assert "commas" in answer.text


async def test_a_parameter_of_thousands_of_digits_is_refused_in_a_sentence(client: Client) -> None:
    text = json.dumps({"x": 0}).replace("0", "9" * 5000)
    answer = await client.post("/openCypher", data={"query": "RETURN $x", "parameters": text})
    assert answer.status_code == 400
    assert "4300 digits" in answer.json()["detailedMessage"]
