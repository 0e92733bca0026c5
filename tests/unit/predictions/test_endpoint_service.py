"""How endpoints are named and asked, and what becomes of their answers."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import fake_endpoint as fake
from tests.raw_http import through
from workflow.errors import BadRequest, ConstraintViolation, InvalidParameter, MissingParameter
from workflow.predictions.connections import ConnectionPool, EndpointConnection, EndpointUnreachable
from workflow.predictions.endpoint import EndpointRecord, ModelTarget
from workflow.predictions.question import (
    EdgeInput,
    EdgeType,
    LinkQuery,
    NodeInput,
    Prediction,
    PropertyQuery,
    RelationQuery,
    Subgraph,
    SubgraphEdge,
    SubgraphNode,
)
from workflow.predictions.requests import SubgraphTooLarge, model_card, read_answer
from workflow.predictions.service import EndpointService


class Directory:
    """Endpoints by id and name."""

    def __init__(self, *records: EndpointRecord) -> None:
        self._known = {key: record for record in records for key in (record.id, record.name)}

    def find(self, id_or_name: str) -> EndpointRecord | None:
        return self._known.get(id_or_name)


RECORD = EndpointRecord("ep", "ep-2026-endpoint", "http://127.0.0.1:1")


@pytest.fixture
def start() -> Iterator[Callable[..., Any]]:
    opened: list[Any] = []

    def start(answer: Callable[[dict[str, Any]], dict[str, Any]]) -> tuple[EndpointService, EndpointRecord, Any]:
        endpoint = fake.FakeEndpoint(answer)
        record = EndpointRecord("ep", "ep-2026-endpoint", endpoint.url)
        service = EndpointService(Directory(record))
        opened.extend((service, endpoint))
        return service, record, endpoint

    yield start
    for one in opened:
        one.close()


@pytest.mark.parametrize(
    "name",
    ["ep", "ep-2026-endpoint", "https://runtime.sagemaker.us-east-1.amazonaws.com/endpoints/ep-2026-endpoint/invocations"],
)  # fmt: skip
def test_an_endpoint_goes_by_id_name_and_url(name: str) -> None:
    assert EndpointService(Directory(RECORD)).resolve(name) is RECORD


def test_the_default_endpoint_stands_in() -> None:
    assert EndpointService(Directory(RECORD), default_endpoint="ep").resolve(None) is RECORD
    with pytest.raises(MissingParameter, match=r"^No endpoint provided for external service query.$"):
        EndpointService(Directory(RECORD)).resolve(None)


def test_unknown_endpoints_are_named_as_given() -> None:
    with pytest.raises(BadRequest, match=r"^Endpoint https://h/endpoints/nope/invocations not found.$"):
        EndpointService(Directory(RECORD)).resolve("https://h/endpoints/nope/invocations")


@pytest.mark.parametrize(
    "name", ["", "bad name!", "https://host/elsewhere/ep", "http://", "a/b", "-x", "https://h/endpoints/"]
)
def test_malformed_endpoints_are_refused(name: str) -> None:
    with pytest.raises(InvalidParameter, match=r"^Invalid endpoint provided for external service query.$"):
        EndpointService(Directory(RECORD)).resolve(name)


def test_roles_are_checked_for_their_form_only() -> None:
    service = EndpointService(Directory())
    service.check_role(None)
    service.check_role("arn:aws-cn:iam::1234567890:role/path/ml-role")
    for wrong in ("not-an-arn", "arn:aws:s3:::bucket", ""):
        with pytest.raises(InvalidParameter, match=r"^Invalid IAM role ARN provided for external service query.$"):
            service.check_role(wrong)


def test_tails_are_asked_in_the_published_form(start: Any) -> None:
    service, record, endpoint = start(fake.links({"u1": [("u5", 0.93), ("u6", 0.5)]}))
    answer = service.predict(record, LinkQuery("FRIEND", "out", "User", ("u1", "u2"), 2, {"u1": ["u6"]}))
    assert endpoint.calls == [
        {
            "version": "v1",
            "mode": "predict_tail",
            "data": {
                "globalParameters": {"topk": 2, "edgeType": "FRIEND", "tailNodeType": "User", "exclude_flag": "none"},
                "edges": [{"headNodeId": "u1"}, {"headNodeId": "u2"}],
                "exclude": {"u1": ["u6"]},
            },
        }
    ]
    assert answer.results == ((Prediction("u5", 0.93),), ())
    assert (answer.model_id, answer.created_ms) == ("m-link_prediction", 17)


def test_heads_are_asked_from_the_other_side(start: Any) -> None:
    service, record, endpoint = start(fake.links({}, {"b1": [("r1", 0.5)]}))
    assert service.predict(record, LinkQuery("read", "in", "reader", ("b1",), 1)).results[0][0].value == "r1"
    assert endpoint.calls[0]["mode"] == "predict_head"
    assert endpoint.calls[0]["data"]["globalParameters"]["headNodeType"] == "reader"
    assert endpoint.calls[0]["data"]["edges"] == [{"tailNodeId": "b1"}]


def test_properties_of_nodes_and_edges_are_asked_by_type(start: Any) -> None:
    service, record, endpoint = start(fake.classes({"1": [("Poetry", 0.8)], "e": [(4.5, None)]}, "node_class"))
    nodes = PropertyQuery("node_class", "shelf", (NodeInput("1", "book"), NodeInput("2", "book")), 1)
    assert service.predict(record, nodes).results == ((Prediction("Poetry", 0.8),), ())
    read = EdgeType("reader", "read", "book")
    edges = PropertyQuery("edge_regression", "stars", (EdgeInput("e", read, "r", "b"),), 1)
    assert service.predict(record, edges).results == ((Prediction(4.5, None),),)
    assert endpoint.calls[0]["data"]["nodes"] == [{"nodeId": "1"}, {"nodeId": "2"}]
    assert endpoint.calls[1]["data"]["edges"] == [{"edgeId": "e", "headNodeId": "r", "tailNodeId": "b"}]
    assert endpoint.calls[1]["data"]["globalParameters"]["edgeType"] == "read"


def test_a_subgraph_travels_with_plain_values(start: Any) -> None:
    service, record, endpoint = start(fake.classes({}, "node_class", ("Drama", 0.5)))
    subgraph = Subgraph(
        (SubgraphNode("n", "book", {"name": ["x"], "at": [Path("p")]}),),
        (SubgraphEdge("e", EdgeType("r", "read", "book"), "a", "n", {"w": [1.5]}),),
    )
    query = PropertyQuery("node_class", "shelf", (NodeInput("n", "book"),), 1, subgraph)
    assert service.predict(record, query).results == ((Prediction("Drama", 0.5),),)
    assert endpoint.calls[0]["data"]["graph"] == {
        "nodes": [{"nodeId": "n", "nodeType": "book", "properties": {"name": ["x"], "at": ["p"]}}],
        "edges": [
            {
                "edgeId": "e",
                "edgeType": ["r", "read", "book"],
                "headNodeId": "a",
                "tailNodeId": "n",
                "properties": {"w": [1.5]},
            }
        ],
    }


def test_a_subgraph_beyond_six_mebibytes_is_not_sent(start: Any) -> None:
    service, record, endpoint = start(fake.classes({}, "node_class"))
    huge = Subgraph((SubgraphNode("n", "book", {"text": ["x" * (6 << 20)]}),))
    with pytest.raises(SubgraphTooLarge, match="ask for fewer"):
        service.predict(record, PropertyQuery("node_class", "s", (NodeInput("n", "book"),), 1, huge))
    assert endpoint.calls == []


def test_many_inputs_are_split_into_calls_of_a_thousand(start: Any) -> None:
    service, record, endpoint = start(fake.links({"7": [("x", 0.5)]}))
    answer = service.predict(record, LinkQuery("l", "out", "t", tuple(map(str, range(2500))), 1))
    assert [len(call["data"]["edges"]) for call in endpoint.calls] == [1000, 1000, 500]
    assert len(answer.results) == 2500
    assert answer.results[7] == (Prediction("x", 0.5),)


def test_connections_are_kept_between_calls(start: Any) -> None:
    service, record, endpoint = start(fake.links({}))
    for _ in range(5):
        service.predict(record, LinkQuery("l", "out", "t", ("1",), 1))
    assert endpoint.connections == 1


def test_concurrent_callers_do_not_share_a_connection(start: Any) -> None:
    service, record, _ = start(fake.links({str(n): [(f"t{n}", 0.5)] for n in range(40)}))
    wrong: list[int] = []

    def ask(n: int) -> None:
        found = service.predict(record, LinkQuery("l", "out", "t", (str(n),), 1)).results
        if found != ((Prediction(f"t{n}", 0.5),),):
            wrong.append(n)

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_restarted_endpoint_is_reached_again_over_a_stale_connection() -> None:
    """The first connection answers once and is closed by the other side without a word."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        for _ in range(2):
            connection, _ = listener.accept()
            through(connection, b"{}")  # head and body
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
            connection.close()

    thread = threading.Thread(target=serve)
    thread.start()
    pool = ConnectionPool(5)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/invocations"
    try:
        assert pool.post(url, b"{}") == (200, b"{}")
        assert pool.post(url, b"{}") == (200, b"{}")
    finally:
        thread.join()
        listener.close()
        pool.close()


def test_head_and_body_of_a_call_leave_in_one_write() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)  # where a write is a packet
    with ours, theirs:
        theirs.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        connection = EndpointConnection("endpoint")
        connection.sock = ours
        assert connection.post("/invocations", b'{"asked": 1}').read() == b"{}"
        packet, _ = theirs.recvfrom(65536)
    assert packet.startswith(b"POST /invocations HTTP/1.1\r\n")
    assert packet.endswith(b'\r\n\r\n{"asked": 1}')


def test_an_endpoint_that_is_gone_is_the_users_to_look_at() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(EndpointUnreachable, match="look at its status"):
        ConnectionPool(5).post(f"http://127.0.0.1:{port}/invocations", b"{}")


def test_a_silent_endpoint_runs_into_the_time_out() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        pytest.raises(EndpointUnreachable, match=r"no answer within 0\.05 s"),
    ):
        ConnectionPool(0.05).post(f"http://127.0.0.1:{listener.getsockname()[1]}/invocations", b"{}")


def test_an_incompatible_request_is_a_constraint_violation(start: Any) -> None:
    def refuse(body: dict[str, Any]) -> dict[str, Any]:
        raise fake.Refusal(400, {"error": "this model predicts links", "kind": "incompatible"})

    service, record, _ = start(refuse)
    with pytest.raises(
        ConstraintViolation,
        match=r"^Incompatible data from external service\. Please check your service configuration and query again\. "
        "this model predicts links$",
    ):
        service.predict(record, LinkQuery("l", "out", "t", ("1",), 1))


def test_a_failing_endpoint_is_quoted(start: Any) -> None:
    def fail(body: dict[str, Any]) -> dict[str, Any]:
        raise fake.Refusal(500, {"error": "out of memory"})

    service, record, _ = start(fail)
    with pytest.raises(BadRequest, match="failed with status 500: out of memory"):
        service.predict(record, RelationQuery((("a", "b"),), 1))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"output": {"nodes": [{}]}}',
        b'{"output": {"nodes": []}}',
        b'{"output":{"nodes":[{"results":[1]}]}}',
    ],
)
def test_answers_of_another_form_are_incompatible(body: bytes) -> None:
    with pytest.raises(ConstraintViolation):
        read_answer(body, 1)


def test_a_model_description_becomes_a_card() -> None:
    card = model_card(
        {
            "id": "m",
            "task": "link_prediction",
            "targets": [{"edge_type": {"source": "a", "relation": "r", "target": "b"}, "property": ""}],
            "created_ms": 5,
            "graph_snapshot_ms": 4,
            "hyperparameters": {"num-layer": 2, "fanout": "15,10"},
            "details": {"inductive": True},
        }
    )
    assert card is not None
    assert card.targets == (ModelTarget(edge_type=EdgeType("a", "r", "b")),)
    assert (card.hops, card.fanouts, card.inductive, card.snapshot_ms) == (2, (15, 10), True, 4)
    assert model_card({}) is None
    other = model_card(json.loads('{"task": "node_classification", "targets": [{"node_type": "n", "property": "p"}]}'))
    assert other is not None
    assert (other.task, other.targets, other.inductive) == ("node_class", (ModelTarget("n", None, "p"),), False)
