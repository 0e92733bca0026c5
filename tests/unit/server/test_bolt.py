"""Bolt as Neo4j's own Python driver speaks it, and what only a client of bytes can do."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import neo4j
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from neo4j import exceptions as neo
from neo4j.time import Date, DateTime, Duration, Time

from tests.bolt_server import BoltServer, BoltServers
from tests.raw_http import exactly
from tests.waiting import until
from workflow.cypher.engine import CypherEngine
from workflow.cypher.planning.procedures import Procedure, library
from workflow.cypher.wire import framing
from workflow.cypher.wire.framing import MAGIC, VERSIONS, BoltVersion, Dechunker, chunked
from workflow.cypher.wire.packstream import Structure, pack, unpack
from workflow.server.access.budget import FREE_BYTES, Budget
from workflow.server.bolt import conversation

ENDLESS = "UNWIND range(1, 1000000) AS a UNWIND range(1, 1000000) AS b RETURN count(b)"


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., BoltServer]]:
    with BoltServers(tmp_path) as servers:
        yield servers.begin


@pytest.fixture
def server(serve: Callable[..., BoltServer]) -> BoltServer:
    return serve()


@pytest.fixture
def driver(server: BoltServer) -> Iterator[neo4j.Driver]:
    with server.driver() as found:
        yield found


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_is_spoken(serve: Callable[..., BoltServer], version: BoltVersion, monkeypatch: Any) -> None:
    monkeypatch.setattr(framing, "VERSIONS", (version,))
    monkeypatch.setattr(framing, "_RANGES", bytes((0, 0, version.minor, version.major)))
    with serve().driver() as driver:
        assert driver.get_server_info().protocol_version == version
        records, summary, _ = driver.execute_query(
            "CREATE (a:A:B {n: 1})-[r:R {w: 0.5}]->(b) RETURN a, r, b, $moment AS m, [1, null, {k: 'ä'}] AS l",
            moment=DateTime(2024, 2, 29, 12, 30, 15, 7),
        )
        (record,) = records
        assert (record["a"].labels, dict(record["a"])) == ({"A", "B"}, {"n": 1})
        assert (record["r"].type, record["r"].start_node, record["r"].end_node) == ("R", record["a"], record["b"])
        assert record["m"] == DateTime(2024, 2, 29, 12, 30, 15, 7)
        assert record["l"] == [1, None, {"k": "ä"}]
        assert summary.counters.nodes_created == 2
        with pytest.raises(neo.CypherSyntaxError) as caught:
            driver.execute_query("RETURN m")
        assert caught.value.code == "Neo.ClientError.Statement.SyntaxError"
        assert driver.execute_query("RETURN 1 AS x").records[0]["x"] == 1


def test_ids_are_integers_and_element_ids_the_graphs_own(driver: neo4j.Driver) -> None:
    (record,) = driver.execute_query(
        "CREATE (a {`~id`: 'v1'})-[r:R {`~id`: 'e1'}]->(b) RETURN a, r, id(a) AS i"
    ).records
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        assert (record["a"].id, type(record["i"])) == (record["i"], int)
    assert (record["a"].element_id, record["r"].element_id) == ("v1", "e1")
    found = driver.execute_query("MATCH (n) WHERE id(n) IN $ids RETURN elementId(n) AS e", ids=[record["i"]]).records
    assert [one["e"] for one in found] == ["v1"]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("date('2024-02-29')", Date(2024, 2, 29)),
        ("localtime('12:31:14.645')", Time(12, 31, 14, 645_000_000)),
        ("localdatetime('1969-12-31T23:59:59')", DateTime(1969, 12, 31, 23, 59, 59)),
        ("duration('P1M2DT3.5S')", Duration(months=1, days=2, seconds=3, nanoseconds=500_000_000)),
        ("2 ^ 0.5", 2**0.5),
        ("-9223372036854775808", -(2**63)),
        ("{a: [{b: date('2020-01-01')}]}", {"a": [{"b": Date(2020, 1, 1)}]}),
    ],
)
def test_values_go_both_ways(driver: neo4j.Driver, expression: str, value: Any) -> None:
    records = driver.execute_query(
        f"RETURN {expression} AS x, $value AS y, {expression} = $value AS same", value=value
    ).records
    assert (records[0]["x"], records[0]["y"]) == (value, value)
    if not isinstance(value, Duration | dict):
        assert records[0]["same"] is True


def test_moments_with_a_zone_keep_it(driver: neo4j.Driver) -> None:
    text = "2024-07-01T12:00:00+02:00[Europe/Stockholm]"
    (record,) = driver.execute_query("RETURN datetime($t) AS x, time('12:00+01:00') AS t", t=text).records
    assert record["x"].iso_format() == "2024-07-01T12:00:00.000000000+02:00"
    assert record["t"].iso_format() == "12:00:00.000000000+01:00"
    back = driver.execute_query("RETURN toString($x) AS t, $x = datetime($t) AS same", x=record["x"], t=text).records[0]
    assert (back["t"], back["same"]) == (text.replace(":00+", "+"), True)


def test_a_path_is_walked_against_its_arrows_too(driver: neo4j.Driver) -> None:
    driver.execute_query("CREATE (a {n: 1})-[:R]->(b {n: 2})<-[:S]-(c {n: 3})")
    (record,) = driver.execute_query("MATCH p = ({n: 1})--()--({n: 3}) RETURN p").records
    path = record["p"]
    assert [node["n"] for node in path.nodes] == [1, 2, 3]
    assert [(one.type, one.start_node["n"]) for one in path.relationships] == [("R", 1), ("S", 3)]


@pytest.mark.parametrize("fetch_size", [1, 7, 1000, -1])
def test_rows_are_streamed_in_the_parts_that_are_asked_for(driver: neo4j.Driver, fetch_size: int) -> None:
    with driver.session(fetch_size=fetch_size) as session:
        count = 40 if fetch_size == 1 else 2500
        assert [row["n"] for row in session.run("UNWIND range(1, $c) AS n RETURN n", c=count)] == list(
            range(1, count + 1)
        )
        result = session.run("UNWIND range(1, 5000) AS n RETURN n")
        assert [row["n"] for row in result.fetch(3)] == [1, 2, 3]
        result.consume()  # the rest is thrown away
        assert session.run("RETURN 1 AS x").single()["x"] == 1


def test_large_answers_and_parameters_pass(driver: neo4j.Driver) -> None:
    texts = ["x" * 200_000 for _ in range(60)]  # 12 MB: several parts, several chunks each
    (record,) = driver.execute_query("RETURN $texts AS texts", texts=texts).records
    assert record["texts"] == texts
    rows = driver.execute_query("UNWIND $texts AS t RETURN t", texts=texts).records
    assert [row["t"] for row in rows] == texts


def test_a_transaction_is_kept_or_undone_as_a_whole(driver: neo4j.Driver) -> None:
    with driver.session() as session:
        with session.begin_transaction() as tx:
            tx.run("CREATE (:A)")
            assert tx.run("MATCH (n) RETURN count(*) AS c").single()["c"] == 1
            assert driver.execute_query("MATCH (n) RETURN count(*) AS c").records[0]["c"] == 0  # others do not see it
            tx.commit()
        assert session.run("MATCH (n) RETURN count(*) AS c").single()["c"] == 1
        with session.begin_transaction() as tx:
            tx.run("CREATE (:B)")
            tx.rollback()
        failing = session.begin_transaction()
        failing.run("CREATE (:B)")
        with pytest.raises(neo.ClientError):
            failing.run("RETURN 1 / 0").consume()
        failing.close()
        assert session.run("MATCH (n) RETURN count(*) AS c").single()["c"] == 1


def test_two_results_of_a_transaction_are_read_side_by_side(driver: neo4j.Driver) -> None:
    with driver.session(fetch_size=10) as session, session.begin_transaction() as tx:
        first = tx.run("UNWIND range(1, 50) AS n RETURN n")
        second = tx.run("CREATE (n:New) RETURN 1 AS one")
        assert next(iter(first))["n"] == 1
        assert second.single()["one"] == 1
        assert sum(row["n"] for row in first) == 50 * 51 // 2 - 1


def test_writers_that_meet_are_told_to_try_again_and_managed_transactions_do(driver: neo4j.Driver) -> None:
    driver.execute_query("CREATE (:Counter {n: 0})")
    with driver.session() as one, driver.session() as other:
        tx = one.begin_transaction()
        tx.run("MATCH (c:Counter) SET c.n = c.n + 1").consume()
        tries: list[int] = []

        def work(inner: neo4j.ManagedTransaction) -> None:
            tries.append(1)
            inner.run("MATCH (c:Counter) SET c.n = c.n + 10").consume()
            if len(tries) == 1:
                tx.commit()

        other.execute_write(work)
        assert len(tries) == 2
    assert driver.execute_query("MATCH (c:Counter) RETURN c.n AS n").records[0]["n"] == 11


@pytest.mark.parametrize(
    ("query", "kind", "code"),
    [
        ("MATCH (n", neo.CypherSyntaxError, "Statement.SyntaxError"),
        ("RETURN toInteger([])", neo.CypherTypeError, "Statement.TypeError"),
        ("RETURN 1 / 0", neo.ClientError, "Statement.ArithmeticError"),
        ("RETURN $missing", neo.ClientError, "Statement.ParameterMissing"),
        ("CALL no.such()", neo.ClientError, "Procedure.ProcedureNotFound"),
        ("CREATE (a)-[:R]->(b) DELETE a", neo.ConstraintError, "Schema.ConstraintValidationFailed"),
    ],
)
def test_errors_have_the_classes_of_the_driver(driver: neo4j.Driver, query: str, kind: Any, code: str) -> None:
    with driver.session() as session:
        with pytest.raises(kind) as caught:
            session.run(query).consume()
        assert caught.value.code == f"Neo.ClientError.{code}"
        assert session.run("RETURN 1 AS x").single()["x"] == 1


def test_rows_before_a_failure_arrive(driver: neo4j.Driver) -> None:
    with driver.session(fetch_size=2) as session:
        result = session.run("UNWIND [1, 2, 4, 0] AS n RETURN 4 / n AS x")
        found = []
        with pytest.raises(neo.ClientError, match="zero"):
            found.extend(row["x"] for row in result)
        assert found == [4, 2, 1]


def test_the_summary_says_what_was_done(driver: neo4j.Driver) -> None:
    summary = driver.execute_query("CREATE (a:A {n: 1})-[:R]->(b) REMOVE a:A RETURN a").summary
    counters = summary.counters
    assert (counters.nodes_created, counters.relationships_created, counters.labels_added) == (2, 1, 1)
    assert (counters.labels_removed, counters.properties_set, counters.contains_updates) == (1, 1, True)
    assert (summary.query_type, summary.database) == ("rw", "neo4j")
    assert driver.execute_query("MATCH (n) DETACH DELETE n").summary.query_type == "w"
    assert not driver.execute_query("RETURN 1").summary.counters.contains_updates
    plan = driver.execute_query("EXPLAIN CREATE (n)").summary.plan
    assert plan is not None
    assert plan["operatorType"] == "Create"
    assert driver.execute_query("MATCH (n) RETURN n").records == []
    profile = driver.execute_query("PROFILE UNWIND [1, 2] AS x RETURN x").summary.profile
    assert profile is not None
    assert (profile["rows"], profile["children"][0]["operatorType"]) == (2, "Unwind")


def test_a_session_that_reads_does_not_write(driver: neo4j.Driver) -> None:
    with driver.session(default_access_mode=neo4j.READ_ACCESS) as session:
        with pytest.raises(neo.ClientError) as caught:
            session.run("CREATE (n)").consume()
        assert caught.value.code == "Neo.ClientError.Statement.AccessMode"


def test_databases_are_graphs_by_name(driver: neo4j.Driver) -> None:
    driver.execute_query("CREATE (:Other)", database_="gother")
    for name in ("neo4j", "g", None):
        assert driver.execute_query("MATCH (n) RETURN count(*) AS c", database_=name).records[0]["c"] == 0
    assert driver.execute_query("MATCH (n) RETURN count(*) AS c", database_="gother").records[0]["c"] == 1
    with pytest.raises(neo.ClientError) as caught:
        driver.execute_query("RETURN 1", database_="nowhere")
    assert caught.value.code == "Neo.ClientError.Database.DatabaseNotFound"


def test_a_routing_driver_is_sent_to_where_it_came_from(server: BoltServer) -> None:
    with server.driver("neo4j") as driver:
        driver.verify_connectivity()
        assert driver.execute_query("RETURN 1 AS x", routing_="r").records[0]["x"] == 1
        with driver.session(database="gother") as session:
            assert session.execute_write(lambda tx: tx.run("RETURN 2 AS x").single()["x"]) == 2


def test_a_time_limit_ends_a_query(driver: neo4j.Driver) -> None:
    with driver.session() as session:
        with pytest.raises(neo.ClientError) as caught:
            session.run(neo4j.Query(ENDLESS, timeout=0.05)).consume()
        assert caught.value.code == "Neo.ClientError.Transaction.TransactionTimedOut"


def test_the_list_of_queries_has_those_of_bolt_and_ends_them(server: BoltServer, driver: neo4j.Driver) -> None:
    caught: list[Exception] = []

    def ask() -> None:
        try:
            driver.execute_query(ENDLESS)
        except neo.Neo4jError as error:
            caught.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    queries = server.services.cypher_queries
    while not (running := queries.all()):
        pass
    assert running[0].as_status()["queryString"] == ENDLESS
    queries.cancel(running[0].id)
    thread.join(10)
    assert getattr(caught[0], "code", "") == "Neo.ClientError.Transaction.Terminated"
    assert queries.all() == []


def test_users_show_their_password(serve: Callable[..., BoltServer]) -> None:
    server = serve(users={"ann": "secret"})
    for auth in (None, ("ann", "wrong"), ("bob", "secret"), neo4j.bearer_auth("token")):
        with server.driver(auth=auth) as driver, pytest.raises(neo.AuthError):
            driver.verify_connectivity()
    with server.driver(auth=("ann", "secret")) as driver:
        assert driver.execute_query("RETURN 1 AS x").records[0]["x"] == 1
        assert driver.verify_authentication(("ann", "secret"))
        with driver.session(auth=("ann", "wrong")) as session, pytest.raises(neo.AuthError):
            session.run("RETURN 1").consume()


def test_a_signature_stands_for_a_password(serve: Callable[..., BoltServer]) -> None:
    server = serve(access_keys={"AK": "key"})

    def signed(secret: str) -> neo4j.Auth:
        """As the user guide has it: the headers of a signed GET /opencypher, as JSON."""
        request = AWSRequest("GET", f"https://127.0.0.1:{server.port}/opencypher")
        request.headers["Host"] = f"127.0.0.1:{server.port}"
        SigV4Auth(Credentials("AK", secret), "neptune-db", "us-east-1").add_auth(request)
        headers = {name: request.headers[name] for name in ("Authorization", "X-Amz-Date", "Host")}
        return neo4j.Auth("basic", "username", json.dumps({**headers, "HttpMethod": "GET"}), "realm")

    with server.driver(auth=signed("key")) as driver:
        assert driver.execute_query("RETURN 1 AS x").records[0]["x"] == 1
    with server.driver(auth=signed("other")) as driver, pytest.raises(neo.AuthError):
        driver.verify_connectivity()


def test_what_runs_is_listed_and_the_system_database_is_only_read(driver: neo4j.Driver) -> None:
    text = "SHOW TRANSACTIONS YIELD currentQuery, database, elapsedTime WHERE currentQuery STARTS WITH 'SHOW'"
    (row,) = driver.execute_query(text, database_="system").records
    assert (row["currentQuery"], row["database"]) == (text, "neo4j")
    assert row["elapsedTime"] < Duration(minutes=5)
    names = driver.execute_query("SHOW DATABASES YIELD name, default, home ORDER BY name").records
    found = [tuple(one.values()) for one in names]
    assert found == [("gother", False, False), ("neo4j", True, True), ("system", False, False)]
    with pytest.raises(neo.ClientError) as refused:
        driver.execute_query("CREATE (:A)", database_="system")
    assert refused.value.code == "Neo.ClientError.Statement.AccessMode"


def test_a_transaction_says_whose_it_is_and_where_it_comes_from(serve: Callable[..., BoltServer]) -> None:
    text = "SHOW TRANSACTIONS YIELD username, clientAddress, connectionId, metaData"
    with serve(users={"ann": "secret"}).driver(auth=("ann", "secret")) as driver, driver.session() as session:
        with session.begin_transaction(metadata={"app": "report", "n": 3}) as transaction:
            (row,) = transaction.run(text)
        assert (row["username"], row["metaData"]) == ("ann", {"app": "report", "n": 3})
        host, _, port = row["clientAddress"].rpartition(":")
        assert (host, port.isdecimal(), row["connectionId"][:5]) == ("127.0.0.1", True, "bolt-")
        (row,) = session.run(neo4j.Query(text, metadata={"of": "one"}))  # type: ignore[arg-type]
        assert row["metaData"] == {"of": "one"}
    with serve().driver(auth=("ann", "any")) as driver:
        (row,) = driver.execute_query(text).records
        assert (row["username"], row["metaData"]) == ("", {})  # nobody has checked who that is


@pytest.mark.parametrize("version", [BoltVersion(4, 4), BoltVersion(5, 4), BoltVersion(5, 8)])
def test_a_procedure_without_an_answer_says_why_in_the_summary(
    serve: Callable[..., BoltServer], version: BoltVersion, monkeypatch: Any
) -> None:
    def silent(run: Any, calls: Any) -> list[Any]:
        run.outcome.silences["it is silent"] += 2
        return [[] for _ in calls]

    monkeypatch.setattr(framing, "VERSIONS", (version,))
    monkeypatch.setattr(framing, "_RANGES", bytes((0, 0, version.minor, version.major)))
    server = serve()
    engines = server.service.runner.engines
    table = library(Procedure("toy.ask", (), (("x", "string"),), call_many=silent))
    engines["g"] = CypherEngine(engines["g"].graph, "neptune", table)  # type: ignore[index]
    with server.driver() as driver:
        records, summary, _ = driver.execute_query("CALL toy.ask() YIELD x RETURN x")
        (told,) = [one for one in summary.gql_status_objects if one.gql_status[:2] == "03"]
        assert (records, told.raw_severity) == ([], "INFORMATION")
        assert "2 x it is silent" in told.status_description
    if version >= (5, 2):
        with server.driver(notifications_min_severity="OFF") as driver:
            _, summary, _ = driver.execute_query("CALL toy.ask() YIELD x RETURN x")
            assert [one.gql_status for one in summary.gql_status_objects] == ["02000"]


def test_a_drawing_of_the_schema_comes_as_nodes_and_relationships(driver: neo4j.Driver) -> None:
    driver.execute_query("CREATE (:A:B)-[:R]->(c:C)-[:R]->(:C), (c)-[:S]->(c), (:Alone)")
    (row,) = driver.execute_query("CALL db.schema.visualization()").records
    assert {(*one.labels, one["name"]) for one in row["nodes"]} == {
        (label, label) for label in ("A", "B", "C", "Alone")
    }
    found = {(one.start_node["name"], one.type, one.end_node["name"]) for one in row["relationships"]}
    assert found == {("A", "R", "C"), ("B", "R", "C"), ("C", "R", "C"), ("C", "S", "C")}


@pytest.mark.parametrize(("choice", "found"), [("integer", int), ("neptune", str)])
def test_a_setting_chooses_what_id_gives(serve: Callable[..., BoltServer], choice: str, found: type) -> None:
    with serve(bolt_ids=choice).driver() as driver:
        (row,) = driver.execute_query("CREATE (n {`~id`: 'v1'}) RETURN id(n) AS id, elementId(n) AS text").records
        assert type(row["id"]) is found
        assert row["text"] == "v1"
        text = "MATCH (n) WHERE id(n) = $id RETURN count(*) AS c"
        assert driver.execute_query(text, id=row["id"]).records[0]["c"] == 1
        assert driver.execute_query(text, id="v1").records[0]["c"] == (choice == "neptune")


@pytest.mark.parametrize("name", ["system", "neo4j", "gother", None])
def test_every_database_is_routed_to_under_the_address_of_the_client(server: BoltServer, name: str | None) -> None:
    with Client(server) as client:
        client.send((0x66, {"address": "db.example:7687"}, [], {"db": name}))
        table = client.answer()[1]["rt"]
        assert table["db"] == (name or "neo4j")
        assert {(one["role"], *one["addresses"]) for one in table["servers"]} == {
            (role, "db.example:7687") for role in ("READ", "WRITE", "ROUTE")
        }


# -- what drivers do not do


class Client:
    """Messages one by one."""

    def __init__(self, server: BoltServer, *, greet: bool = True) -> None:
        self.socket = socket.create_connection(("127.0.0.1", server.port), 10)
        self.socket.sendall(MAGIC + bytes.fromhex("00000405") + bytes(12))
        assert exactly(self.socket, 4) == bytes.fromhex("00000405")
        self._dechunker = Dechunker(1 << 30)
        self._waiting: list[Any] = []
        if greet:
            self.send((0x01, {"user_agent": "test/1"}), (0x6A, {"scheme": "none"}))
            assert [self.answer()[0], self.answer()[0]] == ["SUCCESS", "SUCCESS"]

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: Any) -> None:
        self.socket.close()

    def send(self, *messages: tuple[Any, ...]) -> None:
        self.socket.sendall(
            b"".join(chunked(pack(Structure(tag, fields))) for tag, *rest in messages for fields in [tuple(rest)])
        )

    def answer(self) -> tuple[str, Any]:
        while not self._waiting:
            data = self.socket.recv(65536)
            if not data:
                return ("END", None)
            self._waiting += self._dechunker.feed(data)
        found = unpack(self._waiting.pop(0))
        names = {0x70: "SUCCESS", 0x71: "RECORD", 0x7E: "IGNORED", 0x7F: "FAILURE"}
        return names[found.tag], found.fields[0] if found.fields else None

    def answers(self, count: int) -> list[str]:
        return [self.answer()[0] for _ in range(count)]


RUN, PULL, RESET, BEGIN, COMMIT, DISCARD = 0x10, 0x3F, 0x0F, 0x11, 0x12, 0x2F


def test_reset_interrupts_what_runs_and_what_waits_is_ignored(server: BoltServer) -> None:
    with Client(server) as client:
        client.send((RUN, ENDLESS, {}, {}), (PULL, {"n": -1}), (RUN, "RETURN 1", {}, {}))
        assert client.answer()[0] == "SUCCESS"  # of RUN
        client.send((RESET,), (RUN, "RETURN 1 AS x", {}, {}), (PULL, {"n": -1}))
        assert client.answers(3) == ["IGNORED", "IGNORED", "SUCCESS"]  # PULL, RUN, RESET
        assert client.answer()[1]["fields"] == ["x"]
        assert client.answer() == ("RECORD", [1])
        assert client.answer()[0] == "SUCCESS"
    assert server.services.cypher_queries.all() == []


def test_after_a_failure_everything_is_ignored_until_reset(server: BoltServer) -> None:
    with Client(server) as client:
        client.send((RUN, "RETURN m", {}, {}), (PULL, {"n": -1}), (BEGIN, {}))
        assert client.answers(3) == ["FAILURE", "IGNORED", "IGNORED"]
        client.send((RESET,), (BEGIN, {}))
        assert client.answers(2) == ["SUCCESS", "SUCCESS"]


def test_a_query_that_writes_is_committed_before_its_rows_are_sent(server: BoltServer) -> None:
    with Client(server) as client, Client(server) as other:
        client.send((RUN, "UNWIND range(1, 5) AS n CREATE (a) RETURN n", {}, {}), (PULL, {"n": 1}))
        assert client.answers(3) == ["SUCCESS", "RECORD", "SUCCESS"]
        other.send((RUN, "MATCH (n) RETURN count(*)", {}, {}), (PULL, {"n": -1}))
        assert other.answer()[0] == "SUCCESS"
        assert other.answer() == ("RECORD", [5])


def test_results_are_named_and_may_be_thrown_away_in_parts(server: BoltServer) -> None:
    with Client(server) as client:
        client.send((BEGIN, {}), (RUN, "UNWIND range(1, 9) AS n RETURN n", {}, {}), (RUN, "RETURN 'b' AS b", {}, {}))
        assert client.answer()[0] == "SUCCESS"
        assert [client.answer()[1]["qid"], client.answer()[1]["qid"]] == [0, 1]
        client.send((DISCARD, {"n": 7, "qid": 0}), (PULL, {"n": 1, "qid": 0}), (PULL, {"n": -1, "qid": 1}))
        assert client.answer() == ("SUCCESS", {"has_more": True})
        assert client.answer() == ("RECORD", [8])
        assert client.answer() == ("SUCCESS", {"has_more": True})
        assert client.answer() == ("RECORD", ["b"])


@pytest.mark.parametrize(
    "messages",
    [
        [(PULL, {"n": 1})],  # there is no result
        [(COMMIT,)],  # and no transaction
        [(BEGIN, {}), (BEGIN, {})],
        [(RUN, "RETURN 1", {}, {}), (RUN, "RETURN 2", {}, {})],
        [(RUN, "RETURN 1", {}, {}), (PULL, {"n": 0})],
        [(0x33,)],  # no message at all
        [(RUN, 1, {}, {})],
    ],
)
def test_what_the_protocol_does_not_have_ends_the_connection(server: BoltServer, messages: list[Any]) -> None:
    with Client(server) as client:
        client.send(*messages)
        assert client.answers(len(messages) - 1) == ["SUCCESS"] * (len(messages) - 1)
        kind, members = client.answer()
        assert kind == "FAILURE"
        assert members["code"].startswith("Neo.ClientError.Request.Invalid")
        assert client.answer()[0] == "END"


def test_nothing_is_answered_before_the_client_has_said_who_it_is(server: BoltServer) -> None:
    with Client(server, greet=False) as client:
        client.send((RUN, "RETURN 1", {}, {}))
        assert client.answers(2) == ["FAILURE", "END"]
    with Client(server, greet=False) as client:
        client.send((0x01, {"user_agent": "x" * 100_000}))  # too long for somebody unknown
        assert client.answers(2) == ["FAILURE", "END"]


def test_a_client_that_goes_away_ends_its_query_and_undoes_its_transaction(server: BoltServer) -> None:
    with Client(server) as client:
        client.send(
            (BEGIN, {}), (RUN, "CREATE (n)", {}, {}), (PULL, {"n": -1}), (RUN, ENDLESS, {}, {}), (PULL, {"n": -1})
        )
        assert client.answers(4) == ["SUCCESS"] * 4
    until(lambda: not server.services.cypher_queries.all(), "the query to end")
    with Client(server) as client:
        client.send((RUN, "MATCH (n) RETURN count(*)", {}, {}), (PULL, {"n": -1}))
        assert [client.answer()[0], client.answer()] == ["SUCCESS", ("RECORD", [0])]


def test_a_transaction_that_nobody_uses_is_undone(server: BoltServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation, "IDLE_TRANSACTION_S", 0.05)
    with Client(server) as client:
        client.send((BEGIN, {}), (RUN, "CREATE (n)", {}, {}), (PULL, {"n": -1}))
        assert client.answers(3) == ["SUCCESS"] * 3
        threading.Event().wait(0.3)
        client.send((COMMIT,))
        kind, members = client.answer()
        assert (kind, members["code"]) == ("FAILURE", "Neo.ClientError.Transaction.TransactionTimedOut")
        client.send((RESET,))
        assert client.answer()[0] == "SUCCESS"
        client.send((RUN, "MATCH (n) RETURN count(*)", {}, {}), (PULL, {"n": -1}))
        assert [client.answer()[0], client.answer()] == ["SUCCESS", ("RECORD", [0])]


def test_a_connection_that_says_nothing_is_ended(server: BoltServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation, "LOGIN_S", 0.05)
    with Client(server, greet=False) as client:
        assert client.answer()[0] == "END"


def test_a_service_without_graphs_of_its_own_says_so(serve: Callable[..., BoltServer]) -> None:
    server = serve()
    empty = replace(server.services, cypher={})
    server.service.runner.engines = empty.cypher
    with server.driver() as driver, pytest.raises(neo.ClientError, match="keeps none"):
        driver.execute_query("RETURN 1")


# -- what all connections keep


@pytest.fixture
def narrow(server: BoltServer) -> BoltServer:
    """A server that keeps 1 MiB for all its clients."""
    server.service.budget = Budget(1 << 20)
    return server


def refusal_of(client: Client) -> str:
    kind, told = client.answer()
    assert kind == "FAILURE"
    return str(told["message"])


def test_a_message_that_is_not_whole_counts_among_what_all_connections_keep(narrow: BoltServer) -> None:
    with Client(narrow) as client, Client(narrow) as other:
        # one byte more than there is room for, so that the service has read all when it answers
        message = pack(Structure(RUN, ("RETURN 1", {"x": "x" * (2 << 20)}, {})))[: FREE_BYTES + (1 << 20) + 1]
        client.socket.sendall(chunked(message)[:-2])
        assert "The service keeps" in refusal_of(client)
        assert client.answer() == ("END", None)
        other.send((RUN, "RETURN 1 AS x", {}, {}))
        assert other.answers(1) == ["SUCCESS"]
        assert narrow.service.budget.held == 0


def test_messages_that_wait_for_their_turn_count_until_they_are_answered(narrow: BoltServer) -> None:
    with Client(narrow) as client:
        large = "x" * (300 << 10)
        for _ in range(5):  # one after the other they fit
            client.send((RUN, "RETURN size($x) AS x", {"x": large}, {}), (PULL, {"n": -1}))
            assert client.answers(3) == ["SUCCESS", "RECORD", "SUCCESS"]
        assert narrow.service.budget.held == 0
        client.send((RUN, ENDLESS, {}, {}), (PULL, {"n": -1}))
        assert client.answers(1) == ["SUCCESS"]
        client.send(*[(RUN, "RETURN size($x) AS x", {"x": large}, {})] * 3)
        client.socket.sendall(chunked(pack(Structure(RUN, ("RETURN 1", {"x": large}, {}))))[: (188 << 10) + 100])
        # the query that runs is ended with its connection, and its failure comes first
        assert client.answers(1) == ["FAILURE"]
        assert client.answers(3) == ["IGNORED"] * 3
        assert "The service keeps" in refusal_of(client)
    assert narrow.services.cypher_queries.all() == []


def test_rows_that_a_transaction_keeps_for_its_client_count(narrow: BoltServer) -> None:
    with Client(narrow) as client:
        rows = "UNWIND range(1, 20000) AS n RETURN n, 'a text of some thirty or forty bytes, or even of a hundred' AS t"
        client.send((BEGIN, {}), (RUN, rows, {}, {}), (RUN, "RETURN 1 AS x", {}, {}), (PULL, {"n": -1, "qid": 0}))
        assert client.answers(3) == ["SUCCESS", "SUCCESS", "SUCCESS"]
        assert "The service keeps" in refusal_of(client)
        client.send((RESET,), (RESET,), (RUN, "RETURN 1 AS x", {}, {}), (PULL, {"n": -1}))
        assert client.answers(5) == ["SUCCESS", "SUCCESS", "SUCCESS", "RECORD", "SUCCESS"]
        assert narrow.service.budget.held == 0


def test_rows_that_nobody_fetches_count_and_those_that_do_not_fit_are_refused(narrow: BoltServer) -> None:
    with Client(narrow) as client:
        # a row of some 1.4 MB
        client.send((RUN, "UNWIND [1, 2] AS n RETURN range(1, 300000) AS xs", {}, {}), (PULL, {"n": -1}))
        assert client.answers(1) == ["SUCCESS"]
        assert "The service keeps" in refusal_of(client)
        client.send((RESET,), (RESET,))
        assert client.answers(2) == ["SUCCESS", "SUCCESS"]
        assert narrow.service.budget.held == 0
        client.send((RUN, "UNWIND [1, 2] AS n RETURN range(1, 100000) AS xs", {}, {}), (PULL, {"n": -1}))
        assert client.answers(4) == ["SUCCESS", "RECORD", "RECORD", "SUCCESS"]


class Nobody:
    """A writer whose client fetches everything at once."""

    def __init__(self) -> None:
        self.sent = 0
        self.transport = self

    def get_extra_info(self, name: str) -> None:
        return None

    def get_write_buffer_size(self) -> int:
        return 0

    def write(self, data: bytes) -> None:
        self.sent += data.count(b"\x00\x00")

    async def drain(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """Nothing is held."""

    async def wait_closed(self) -> None:
        """Nothing is held."""


def test_many_small_messages_leave_every_other_connection_its_turn(server: BoltServer) -> None:
    """Those that are answered at once, such as RESET, never wait for anything by themselves."""
    messages, turns = 4000, 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def talk() -> Nobody:
        reader, writer = asyncio.StreamReader(limit=1 << 24), Nobody()
        hello = chunked(pack(Structure(0x01, ({"user_agent": "x"},))))
        reader.feed_data(hello + chunked(pack(Structure(RESET, ()))) * messages)
        reader.feed_eof()
        beside = asyncio.ensure_future(others())
        version: Any = BoltVersion(4, 4)
        await conversation.BoltConversation(server.service, version, reader, writer).converse()  # type: ignore[arg-type]
        beside.cancel()
        return writer

    writer = asyncio.run(talk())
    assert writer.sent >= messages
    # one turn for 16 answers, and one for every 8 KiB that were read: 4,000 messages of six bytes are three of these
    assert turns >= messages // 16
