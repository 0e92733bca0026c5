"""The routes of every operation, made from the table in ``workflow.neptune.operations``."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from workflow.errors import UnsupportedOperation
from workflow.neptune import OPERATIONS, Operation, Refusal, decode
from workflow.neptune.operations import REFUSED_PATHS
from workflow.neptune.responses import DETAILS_HEADER, Answer
from workflow.server.neptune.bodies import body_of, flag
from workflow.server.services import Services

HANDLERS: Final = "workflow.server.neptune"
EVERY_METHOD: Final = ("GET", "POST", "PUT", "DELETE")

Endpoint = Callable[[Request], Any]


@dataclass(frozen=True)
class ApiCall:
    """How a request came, for the handlers that ask: which operation, under which path."""

    operation: Operation
    request: Request

    @property
    def path(self) -> str:
        """Of the request, as its client wrote it."""
        return self.request.url.path


def routes(services: Services, operations: Iterable[Operation] | None = None) -> list[BaseRoute]:
    """One route a path and method; a path takes any text as id, so that a wrong one is refused in Neptune's words.

    Args:
        operations: the rows of ``OPERATIONS`` where they are None.
    """
    found = OperationHandlers(services)
    ways: dict[tuple[str, str], list[tuple[str, Endpoint]]] = {}
    refused: dict[str, Refusal] = dict(REFUSED_PATHS)
    for operation in OPERATIONS.values() if operations is None else operations:
        for alias in (operation.path, *operation.aliases):
            method, _, address = alias.rpartition(" ")
            path, _, member = address.partition("?")
            if isinstance(operation.handler, Refusal):
                refused[path] = operation.handler
            else:
                ways.setdefault((path, method or operation.method), []).append((member, found.endpoint(operation)))
    served = [(path, _chosen(several), [method]) for (path, method), several in ways.items()]
    every = [(path, partial(_refuse, why), list(EVERY_METHOD)) for path, why in refused.items()]
    ordered: list[tuple[str, Endpoint, list[str]]] = sorted([*served, *every], key=lambda way: _order(way[0]))
    return [Route(path.replace("}", ":path}"), endpoint, methods=methods) for path, endpoint, methods in ordered]


def _order(path: str) -> tuple[bool, int]:
    """Paths without an id first, the short ones of queries before the others: every request looks down the list.

    Of those with an id the longest come first, since an id is any text.
    """
    return ("{" in path, -len(path) if "{" in path else len(path))


class OperationHandlers:
    """The handlers of operations; a module of them is imported and set up once a service."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._modules: dict[str, Any] = {}

    def endpoint(self, operation: Operation) -> Endpoint:
        """What answers an operation. Raises ModuleNotFoundError or AttributeError for a row whose handler is none."""
        assert isinstance(operation.handler, str)
        module, _, method = operation.handler.partition(":")
        name = module if "." in module else f"{HANDLERS}.{module}"
        if name not in self._modules:
            self._modules[name] = import_module(name).handlers(self._services)
        handler = getattr(self._modules[name], method)
        return handler if inspect.iscoroutinefunction(handler) else partial(_answer, operation, handler)


Handler = TypeVar("Handler", bound=Callable[..., Any])


def at_once(handler: Handler) -> Handler:
    """Mark a handler that only looks at what this process has at hand: the event loop calls it, no worker thread."""
    handler.at_once = True  # type: ignore[attr-defined]
    return handler


async def _answer(operation: Operation, handler: Callable[..., Any], request: Request) -> Response:
    """Read the members, do the work in a worker thread, and write its answer there: a page of a log has megabytes."""
    decoded = decode(operation, await _members(operation, request))
    call = ApiCall(operation, request)
    details = flag(request.headers, DETAILS_HEADER)

    def work() -> Response:
        answer = handler(decoded, call)
        return JSONResponse(answer.to_json(details=details) if isinstance(answer, Answer) else answer)

    return work() if getattr(handler, "at_once", False) else await to_thread.run_sync(work)


async def _members(operation: Operation, request: Request) -> dict[str, object]:
    """Path, query and body as one object; a body counts by its path, since half of the clients send no content type."""
    query = dict(parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True))
    body = await body_of(request) if operation.method == "POST" else {}
    return {**query, **body, **request.path_params}


def _chosen(ways: list[tuple[str, Endpoint]]) -> Endpoint:
    """Among operations that share a path and a method, that whose member the query names, else that without one."""
    if len(ways) == 1:
        return ways[0][1]
    plain = next((endpoint for member, endpoint in ways if not member), ways[0][1])

    async def choose(request: Request) -> Any:
        for member, endpoint in ways:
            if member and request.query_params.get(member):
                return await endpoint(request)
        return await plain(request)

    return choose


async def _refuse(why: Refusal, request: Request) -> Response:
    raise UnsupportedOperation(why.why)
