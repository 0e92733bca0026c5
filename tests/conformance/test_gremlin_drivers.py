"""gremlinpython's client against a running service: every serializer, answers, transactions, errors."""

from __future__ import annotations

import base64
import concurrent.futures
import json
import os
import socket
import urllib.request
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from gremlin_python.driver import serializer
from gremlin_python.driver.client import Client
from gremlin_python.driver.driver_remote_connection import DriverRemoteConnection
from gremlin_python.driver.protocol import GremlinServerError
from gremlin_python.process.anonymous_traversal import traversal
from gremlin_python.process.graph_traversal import __
from gremlin_python.process.strategies import OptionsStrategy, ReadOnlyStrategy
from gremlin_python.process.traversal import P, T, TextP
from gremlin_python.statics import BigDecimal, SingleByte, SingleChar, long
from gremlin_python.structure.graph import Vertex

from tests.raw_http import exactly, through
from tests.waiting import until
from workflow.client.service import local_service

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")

SERIALIZERS = {
    "graphbinary": serializer.GraphBinarySerializersV1,
    "graphson3": serializer.GraphSONSerializersV3d0,
    "graphson2": serializer.GraphSONSerializersV2d0,
}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Host and port of a service in the tinkerpop profile."""
    home = tmp_path_factory.mktemp("tinkerpop")
    with local_service(home, "--in-memory", "--profile", "tinkerpop", "--graphs", "graph,modern") as url:
        yield url.removeprefix("http://")


@pytest.fixture(scope="module")
def neptune(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with local_service(tmp_path_factory.mktemp("neptune"), "--in-memory") as url:
        yield url.removeprefix("http://")


@pytest.fixture(params=sorted(SERIALIZERS))
def form(request: pytest.FixtureRequest) -> Any:
    return SERIALIZERS[request.param]


@pytest.fixture
def client(address: str, form: Any) -> Iterator[Client]:
    client = Client(f"ws://{address}/gremlin", "g", message_serializer=form(), pool_size=1)
    yield client
    client.close()


@pytest.fixture
def remote(address: str, form: Any) -> Iterator[DriverRemoteConnection]:
    remote = DriverRemoteConnection(f"ws://{address}/gremlin", "g", message_serializer=form())
    yield remote
    remote.close()


@pytest.fixture
def g(remote: DriverRemoteConnection) -> Any:
    g = traversal().with_remote(remote)
    g.V().drop().iterate()
    return g


def all_of(client: Client, text: str, *args: Any) -> list[Any]:
    return list(client.submit(text, *args).all().result(30))


def failure(client: Client, text: str, *args: Any) -> GremlinServerError:
    with pytest.raises(GremlinServerError) as caught:
        all_of(client, text, *args)
    return caught.value


def test_values_keep_their_worth_both_ways(g: Any, form: Any) -> None:
    values = [1, long(2**40), 0.5, "Zürich 🚲", True, None, [1, "x"], {"a": 1}, uuid.UUID(int=5)]
    if form is not SERIALIZERS["graphson2"]:
        values += [datetime(2024, 2, 29, tzinfo=UTC), SingleByte(5), SingleChar("c"), BigDecimal(2, 225)]
    found = g.inject(*values).to_list()
    assert [v.value if isinstance(v, BigDecimal) else v for v in found] == [
        Decimal("2.25") if isinstance(v, BigDecimal) else v for v in values
    ]


def test_elements_come_with_their_properties(g: Any) -> None:
    made = g.add_v("person").property(T.id, "p1").property("name", "marko").next()
    assert (made.id, made.label) == ("p1", "person")
    (vertex,) = g.V("p1").to_list()
    assert [(p.key, p.value) for p in vertex.properties] == [("name", "marko")]
    assert g.with_("materializeProperties", "tokens").V("p1").next().properties == []


def test_a_vertex_found_is_a_vertex_that_can_be_asked_for(g: Any) -> None:
    a, b = g.add_v("a").next(), g.add_v("b").next()
    edge = g.add_e("knows").from_(Vertex(a.id)).to(Vertex(b.id)).property("since", 2009).next()
    assert (edge.outV.id, edge.inV.id, edge.label) == (a.id, b.id, "knows")
    path = g.V(a).out_e("knows").in_v().path().by(T.label).next()
    assert list(path) == ["a", "knows", "b"]


def test_predicates_and_strategies_reach_the_engine(g: Any, form: Any) -> None:
    for n in range(10):
        g.add_v("n").property("x", n).property("s", f"name {n}").iterate()
    assert sorted(g.V().has("x", P.between(2, 5)).values("x").to_list()) == [2, 3, 4]
    assert sorted(g.V().has("x", P.within(1, 2).or_(P.gt(8))).values("x").to_list()) == [1, 2, 9]
    assert g.V().has("s", TextP.ending_with("7")).values("x").to_list() == [7]
    assert g.with_strategies(OptionsStrategy(evaluationTimeout=5000)).V().count().next() == 10
    with pytest.raises(GremlinServerError):
        g.with_strategies(ReadOnlyStrategy()).add_v("no").iterate()
    assert g.V().where(__.values("x").is_(3)).count().next() == 1


def test_equal_results_may_come_as_one_with_a_bulk(g: Any) -> None:
    assert g.inject(*["a"] * 1000).barrier().to_list() == ["a"] * 1000


@pytest.mark.parametrize("count", [0, 1, 64, 65, 1000])
def test_every_result_arrives_whatever_the_batch(client: Client, count: int) -> None:
    text = f"g.inject({','.join(map(str, range(count)))})" if count else "g.inject(1).limit(0)"
    for options in ({}, {"batchSize": 7}):
        assert all_of(client, text, None, options) == list(range(count))


def test_large_answers_arrive_in_frames_the_driver_takes(client: Client) -> None:
    text = "x" * 100_000
    found = all_of(
        client, "g.inject(t).repeat(union(identity(),identity())).times(8)", {"t": text}, {"batchSize": 10_000}
    )
    assert found == [text] * 256


def test_bindings_are_put_in(client: Client) -> None:
    assert all_of(client, "g.inject(x, y)", {"x": 1, "y": "two"}) == [1, "two"]


def test_errors_come_as_status_and_text(client: Client) -> None:
    assert failure(client, "g.V(").status_code == 597
    error = failure(client, "g.inject(1).nope()")
    assert error.status_code == 597
    assert error.status_attributes["exceptions"]
    other = failure(client, "g.inject(1).fail('on purpose')")
    assert (other.status_code, "on purpose" in other.status_message) == (595, True)
    endless = "g.inject(1).repeat(identity()).until(constant(false).is(true))"
    assert failure(client, endless, None, {"evaluationTimeout": 100}).status_code == 598
    assert all_of(client, "g.inject(1)") == [1]


def test_an_unknown_source_is_told_as_graph_notebook_expects(address: str) -> None:
    client = Client(f"ws://{address}/gremlin", "nope", pool_size=1)
    error = failure(client, "g.V()")
    assert error.status_code == 499
    assert "is not configured on the server" in error.status_message
    client.close()


def test_transactions_commit_and_roll_back(g: Any) -> None:
    for end, expected in (("rollback", 0), ("commit", 1)):
        tx = g.tx()
        inside = tx.begin()
        inside.add_v("x").iterate()
        assert inside.V().count().next() == 1
        assert g.V().count().next() == 0
        getattr(tx, end)()
        assert g.V().count().next() == expected


def test_a_session_of_texts_is_one_transaction_until_commit(address: str, form: Any, g: Any) -> None:
    session = Client(f"ws://{address}/gremlin", "g", session=str(uuid.uuid4()), message_serializer=form())
    all_of(session, "g.addV('x')")
    assert g.V().count().next() == 0
    all_of(session, "g.tx().commit()")
    assert g.V().count().next() == 1
    session.close()


def test_a_session_that_is_closed_commits_in_neptune(neptune: str) -> None:
    plain = Client(f"ws://{neptune}/gremlin", "g")
    before = all_of(plain, "g.V().count()")[0]
    session = Client(f"ws://{neptune}/gremlin", "g", session=str(uuid.uuid4()))
    all_of(session, "g.addV('x')")
    session.close()
    assert all_of(plain, "g.V().count()") == [before + 1]
    plain.close()


def test_neptune_tells_errors_as_json(neptune: str) -> None:
    client = Client(f"ws://{neptune}/gremlin", "g", pool_size=1)
    error = failure(client, "g.V(")
    assert error.status_code == 498
    assert json.loads(str(error)[5:])["code"] == "MalformedQueryException"
    client.close()


def test_many_connections_are_answered_at_once(address: str, g: Any) -> None:
    client = Client(f"ws://{address}/gremlin", "g", pool_size=8, max_workers=16)
    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda n: all_of(client, f"g.inject({n})")[0], range(200)))
    assert found == list(range(200))
    client.close()


def test_a_slow_query_does_not_keep_others_waiting(address: str) -> None:
    slow, quick = (Client(f"ws://{address}/gremlin", "g", pool_size=1) for _ in range(2))
    endless = "g.inject(1).repeat(identity()).until(constant(false).is(true))"
    pending = slow.submit(endless, None, {"evaluationTimeout": 3000}).all()
    assert all_of(quick, "g.inject(1)") == [1]
    assert not pending.done()
    with urllib.request.urlopen(f"http://{address}/gremlin/status") as answer:
        (query,) = json.load(answer)["queries"]
    cancel = urllib.request.Request(f"http://{address}/gremlin/status/{query['queryId']}", method="DELETE")
    with urllib.request.urlopen(cancel) as answer:
        assert json.load(answer)["status"] == "200 OK"
    with pytest.raises(GremlinServerError):
        pending.result(30)
    slow.close()
    quick.close()


def test_a_client_that_leaves_ends_its_query(address: str) -> None:
    with websocket(address) as connection:
        endless = "g.inject(1).repeat(identity()).until(constant(false).is(true))"
        connection.sendall(frame({"op": "eval", "args": {"gremlin": endless}}))
        wait_for_queries(address, 1)
    wait_for_queries(address, 0)


def test_the_http_frame_of_the_driver_is_answered(address: str, form: Any) -> None:
    client = Client(f"http://{address}/", "g", message_serializer=form(), pool_size=1)
    assert all_of(client, "g.inject(1, 2)") == [1, 2]
    with pytest.raises(GremlinServerError) as caught:
        all_of(client, "g.V(")
    assert caught.value.status_code == 400
    client.close()
    remote = DriverRemoteConnection(f"http://{address}/", "g", message_serializer=form())
    assert traversal().with_remote(remote).inject("a", "a").barrier().to_list() == ["a", "a"]
    remote.close()


# -- sockets of our own, for what drivers do not do


def websocket(address: str, line: str = "/gremlin", *headers: str) -> socket.socket:
    """A connection after the upgrade; raises ConnectionError where the service refuses it."""
    host, port = address.split(":")
    connection = socket.create_connection((host, int(port)), 10)
    key = base64.b64encode(os.urandom(16)).decode()
    lines = [
        f"GET {line} HTTP/1.1",
        "Host: db.local.us-east-1.neptune.amazonaws.com",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}",
        "Sec-WebSocket-Version: 13",
        *headers,
    ]
    connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
    answer = through(connection, b"\r\n\r\n")
    if b" 101 " not in answer.split(b"\r\n")[0]:
        connection.close()
        raise ConnectionError(answer.split(b"\r\n")[0].decode())
    return connection


def frame(message: dict[str, Any]) -> bytes:
    """A masked text frame with a request."""
    data = json.dumps({"requestId": str(uuid.uuid4()), "processor": "", **message}).encode()
    mask = b"\x01\x02\x03\x04"
    masked = bytes(byte ^ mask[n % 4] for n, byte in enumerate(data))
    return b"\x81" + bytes([0x80 | 126]) + len(data).to_bytes(2, "big") + mask + masked


def next_frame(connection: socket.socket) -> bytes:
    """The data of the next frame, which a server does not mask."""
    size = exactly(connection, 2)[1]
    if size > 125:
        size = int.from_bytes(exactly(connection, 2 if size == 126 else 8), "big")
    return exactly(connection, size)


def wait_for_queries(address: str, count: int) -> None:
    def all_run() -> bool:
        with urllib.request.urlopen(f"http://{address}/gremlin/status") as answer:
            return bool(json.load(answer)["runningQueryCount"] == count)

    until(all_run, f"{count} running queries")


@pytest.mark.parametrize("line", ["/gremlin", "ws://db.local.us-east-1.neptune.amazonaws.com:8182/gremlin"])
def test_proxies_may_write_the_request_line_in_full_and_any_host(address: str, line: str) -> None:
    with websocket(address, line) as connection:
        connection.sendall(frame({"op": "eval", "args": {"gremlin": "g.inject('a')"}}))
        assert b'"code":200' in next_frame(connection)


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://db.local.us-east-1.neptune.amazonaws.com", "http://localhost:1"]
)
def test_a_page_of_another_origin_gets_no_connection(address: str, origin: str) -> None:
    with pytest.raises(ConnectionError, match="403"):
        websocket(address, "/gremlin", f"Origin: {origin}")


def test_connections_are_cheap(address: str) -> None:
    for _ in range(100):  # what %seed does for every line of its file
        with websocket(address) as connection:
            connection.sendall(frame({"op": "eval", "args": {"gremlin": "g.inject('a')"}}))
            assert b'"code":200' in next_frame(connection)


def test_the_service_outlives_whatever_it_is_sent(address: str, tmp_path: Path) -> None:
    for data in (b"\x81\x80\0\0\0\0", b"\x82\x81\0\0\0\0\xff", b"\xff" * 20, b"\x81\x85\0\0\0\0{{{{{"):
        with websocket(address) as connection:
            connection.sendall(data)
            assert next_frame(connection)  # a refusal
    with websocket(address) as connection:
        connection.sendall(frame({"op": "eval", "args": {"gremlin": "g.inject('a')"}}))
        assert b'"code":200' in next_frame(connection)


def test_a_driver_shows_its_password_when_it_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESPINA_USERS", "ann:secret")
    with local_service(tmp_path, "--in-memory") as url:
        address = f"ws://{url.removeprefix('http://')}/gremlin"
        for form in SERIALIZERS.values():
            client = Client(address, "g", message_serializer=form(), username="ann", password="secret", pool_size=1)
            assert all_of(client, "g.inject(1)") == [1]
            assert all_of(client, "g.inject(2)") == [2]
            client.close()
        wrong = Client(address, "g", username="ann", password="guess", pool_size=1)
        assert failure(wrong, "g.inject(1)").status_code == 401
        wrong.close()
        silent = Client(address, "g", pool_size=1)
        with pytest.raises(Exception, match="credentials"):
            all_of(silent, "g.inject(1)")
        silent.close()
