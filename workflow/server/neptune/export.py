"""The export service over HTTP: ``/neptune-export``, also below ``/v1`` as its own host on AWS has it."""

from __future__ import annotations

from functools import partial
from typing import Any

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from workflow.errors import UnsupportedOperation
from workflow.server.neptune.bodies import body_of
from workflow.server.services import Services


def routes(services: Services) -> list[BaseRoute]:
    """Start, status, cancel and list, under both prefixes."""

    async def start(request: Request) -> Response:
        body = await body_of(request)
        exports = _exports(services)
        return JSONResponse(await to_thread.run_sync(partial(exports.start, body, request.url.hostname)))

    async def listing(request: Request) -> Response:
        return JSONResponse({"ids": await to_thread.run_sync(_exports(services).list)})

    async def status(request: Request) -> Response:
        return JSONResponse(await to_thread.run_sync(_exports(services).status, request.path_params["job_id"]))

    async def cancel(request: Request) -> Response:
        return JSONResponse(await to_thread.run_sync(_exports(services).cancel, request.path_params["job_id"]))

    found: list[BaseRoute] = []
    for prefix in ("/neptune-export", "/v1/neptune-export"):
        found += [
            Route(prefix, start, methods=["POST"]),
            Route(prefix, listing, methods=["GET"]),
            Route(prefix + "/{job_id:path}", status, methods=["GET"]),
            Route(prefix + "/{job_id:path}", cancel, methods=["DELETE"]),
        ]
    return found


def _exports(services: Services) -> Any:
    if services.exports is None:
        raise UnsupportedOperation("this service has no export; start it with a graph")
    return services.exports
