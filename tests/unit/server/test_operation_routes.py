"""Routes are made from the table of operations: one more operation is a row and a module."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, TypedDict

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from workflow.errors import WorkflowError
from workflow.neptune import OPERATIONS, Operation, Refusal
from workflow.neptune.fields import Count, Lenient, Text
from workflow.server.errors import workflow_error
from workflow.server.neptune.routes import ApiCall, OperationHandlers, routes
from workflow.server.services import Services
from workflow.settings import Settings
from workflow.storage.local import LocalStorage


class CountWords(Lenient):
    text: Text
    least: Count = 1


class Words(TypedDict):
    words: int
    path: str


class Toy:
    def count(self, request: CountWords, call: ApiCall) -> Words:
        return {"words": max(request.least, len(request.text.split())), "path": call.path}


ROW = Operation("CountWords", "POST", "/words/{text}", CountWords, Words, "toy.words:count", aliases=("/words?text",))


@pytest.fixture
def services(tmp_path: Path) -> Services:
    return Services(Settings(home=tmp_path), LocalStorage(tmp_path), {}, {})


class Client:
    """Requests to an application in this process."""

    def __init__(self, app: Any) -> None:
        self._app = app

    def request(self, method: str, path: str, json: Any = None) -> Any:
        async def ask() -> Any:
            transport = httpx.ASGITransport(self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
                return (await client.request(method, path, json=json)).json()

        return asyncio.run(ask())


@pytest.fixture
def client(services: Services, monkeypatch: pytest.MonkeyPatch) -> Client:
    module: Any = ModuleType("toy.words")
    module.handlers = lambda services: Toy()
    monkeypatch.setitem(sys.modules, "toy", ModuleType("toy"))
    monkeypatch.setitem(sys.modules, "toy.words", module)
    refused = Operation("Sing", "GET", "/song", Lenient, Words, Refusal("nobody sings here"))
    app = Starlette(routes=routes(services, [ROW, refused]), exception_handlers={WorkflowError: workflow_error})
    return Client(app)


def test_an_operation_from_outside_the_tree_is_a_row_and_a_module(client: Client) -> None:
    assert client.request("POST", "/words/a b c") == {"words": 3, "path": "/words/a b c"}
    assert client.request("POST", "/words?text=a", {"least": "4"}) == {"words": 4, "path": "/words"}


def test_its_members_are_checked_and_missing_ones_named(client: Client) -> None:
    assert client.request("POST", "/words/x", {"least": "many"})["code"] == "InvalidParameterException"
    assert "text" in client.request("POST", "/words")["message"]


def test_a_refused_operation_says_why_whatever_the_method(client: Client) -> None:
    for method in ("GET", "POST", "DELETE"):
        answer = client.request(method, "/song")
        assert (answer["code"], answer["message"]) == ("UnsupportedOperationException", "nobody sings here")


@pytest.mark.parametrize("row", OPERATIONS.values(), ids=OPERATIONS)
def test_every_row_names_a_handler_that_is_there(row: Operation, services: Services) -> None:
    assert isinstance(row.handler, Refusal) or callable(OperationHandlers(services).endpoint(row))


def test_a_handler_that_is_not_there_is_noticed_when_the_routes_are_made(services: Services) -> None:
    row = Operation("A", "GET", "/a", Lenient, Words, "engine:nowhere")
    with pytest.raises(AttributeError, match="nowhere"):
        routes(services, [row])


def test_paths_of_queries_are_looked_at_first_and_short_ids_last(services: Services) -> None:
    paths = [route.path for route in routes(services) if isinstance(route, Route)]
    fixed, open_ended = [path for path in paths if "{" not in path], [path for path in paths if "{" in path]
    assert paths == [*fixed, *open_ended]
    assert fixed == sorted(fixed, key=len)
    assert open_ended == sorted(open_ended, key=len, reverse=True)  # an id is any text, slashes among it
    assert paths.index("/gremlin") < 15
