"""A write whose reading stops early is a write, by every way to stop, every step that writes and every transport."""

from __future__ import annotations

import json
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from gremlin_python.driver.client import Client

from tests.conformance.early_ends import TERMINALS, WRITES, Ask, expected, stored
from workflow.client.service import local_service

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


@pytest.fixture(scope="module", params=["neptune", "tinkerpop"])
def address(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = tmp_path_factory.mktemp(request.param)
    with local_service(home, "--in-memory", "--profile", request.param) as url:
        yield url.removeprefix("http://")


@pytest.fixture(scope="module")
def websocket(address: str) -> Iterator[Ask]:
    client = Client(f"ws://{address}/gremlin", "g", pool_size=1)
    yield lambda text: list(client.submit(text).all().result(30))
    client.close()


def posted(address: str, content_type: str) -> Ask:
    def ask(text: str) -> list[Any]:
        body = json.dumps({"gremlin": text}).encode()
        headers = {"Content-Type": content_type, "Accept": content_type}
        with urllib.request.urlopen(urllib.request.Request(f"http://{address}/gremlin", body, headers)) as answer:
            found = json.load(answer)
        assert found["status"]["code"] in (200, 204), found
        return list(found["result"]["data"])

    return ask


def by_http(address: str) -> Ask:
    return posted(address, "application/json")


def by_version_4(address: str) -> Ask:
    return posted(address, "application/vnd.gremlin-v4.0+json;types=false")


def by_boto3(address: str) -> Ask:
    client = boto3.client("neptunedata", endpoint_url=f"http://{address}", region_name="us-east-1")
    return lambda text: list(client.execute_gremlin_query(gremlinQuery=text)["result"]["data"])


def by_script(address: str) -> Ask:
    """The text is the first of two statements, which are one transaction."""
    ask = by_http(address)
    return lambda text: ask(text if text.endswith(("count()", "drop().iterate()")) else f"{text}; g.inject(1)")


@pytest.mark.parametrize("transport", [by_http, by_version_4, by_boto3, by_script])
@pytest.mark.parametrize("name", WRITES)
def test_what_was_pulled_is_stored(address: str, transport: Callable[[str], Ask], name: str) -> None:
    ask = transport(address)
    found = {terminal: stored(ask, WRITES[name], terminal, "'1'") for terminal in TERMINALS}
    assert found == {terminal: expected(name, terminal) for terminal in TERMINALS}


@pytest.mark.parametrize("name", WRITES)
def test_what_was_pulled_over_websocket_is_stored(websocket: Ask, name: str) -> None:
    found = {terminal: stored(websocket, WRITES[name], terminal, "'1'") for terminal in TERMINALS}
    assert found == {terminal: expected(name, terminal) for terminal in TERMINALS}


@pytest.mark.parametrize("name", WRITES)
def test_what_was_pulled_in_a_session_is_stored_by_its_commit(address: str, websocket: Ask, name: str) -> None:
    for terminal in TERMINALS:
        session = Client(f"ws://{address}/gremlin", "g", session=str(uuid.uuid4()))

        def inside(text: str, session: Client = session) -> list[Any]:
            try:
                return list(session.submit(text).all().result(30))
            finally:
                session.submit("g.tx().commit()").all().result(30)

        answer = stored(inside, WRITES[name], terminal, "'1'", commit=websocket)
        session.close()
        if name == "drop" and terminal == "next()":
            continue  # what an error leaves of a session differs by profile, and is tested with sessions
        assert answer == expected(name, terminal), terminal


@pytest.mark.parametrize("end", ["next('a')", "next(1,2)", "next(1.5)", "next(true)", "hasNext(1)", "toList(2)"])
def test_a_terminal_with_arguments_it_does_not_take_is_refused(websocket: Ask, end: str) -> None:
    with pytest.raises(Exception, match=r"expected|next\(\)"):
        websocket(f"g.inject(1,2).{end}")
