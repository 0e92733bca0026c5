"""``/loader``: bulk loads, in boto3's form (the id in the path) and graph-notebook's (the id in the query)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from workflow.errors import MissingParameter, UnsupportedOperation
from workflow.server.neptune.bodies import body_of, flag, number
from workflow.server.services import Services


def routes(services: Services) -> list[BaseRoute]:
    """Start, status, list and cancel."""

    def loads() -> Any:
        if services.loads is None:
            raise UnsupportedOperation("this service keeps no graph of its own, so there is nothing to load into")
        return services.loads

    async def start(request: Request) -> Response:
        return await _answer(partial(loads().start, await body_of(request)))

    async def get(request: Request) -> Response:
        query = request.query_params
        load_id = request.path_params.get("load_id") or query.get("loadId")
        if not load_id:
            limit = number(query, "limit", 100, 1, 100)
            return await _answer(partial(loads().list, limit, flag(query, "includeQueuedLoads", True)))
        return await _answer(
            partial(
                loads().status,
                load_id,
                flag(query, "details"),
                flag(query, "errors"),
                number(query, "page", 1, 1, 1 << 31),
                number(query, "errorsPerPage", 10, 1, 1000),
            )
        )

    async def cancel(request: Request) -> Response:
        load_id = request.path_params.get("load_id") or request.query_params.get("loadId")
        if not load_id:
            raise MissingParameter("loadId is required: DELETE /loader/{loadId} or /loader?loadId=…")
        return await _answer(partial(loads().cancel, load_id))

    return [
        Route("/loader", start, methods=["POST"]),
        Route("/loader", get, methods=["GET"]),
        Route("/loader", cancel, methods=["DELETE"]),
        Route("/loader/{load_id:path}", get, methods=["GET"]),
        Route("/loader/{load_id:path}", cancel, methods=["DELETE"]),
    ]


async def _answer(work: Callable[[], dict[str, Any]]) -> Response:
    return JSONResponse(await to_thread.run_sync(work))
