"""``/ml/*``: the sixteen machine-learning operations, as boto3 and graph-notebook call them."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from workflow.jobs.service import JobService
from workflow.neptune import OPERATIONS, Operation, decode
from workflow.neptune.responses import DETAILS_HEADER
from workflow.server.neptune.bodies import body_of, flag
from workflow.server.services import Services


def routes(services: Services) -> list[BaseRoute]:
    """One route an operation; a path takes any text as id, so that a wrong one is refused in Neptune's words."""
    jobs = services.jobs
    if jobs is None:
        return []
    rows = sorted(OPERATIONS.values(), key=lambda row: -len(row.path))
    return [Route(row.path.replace("{id}", "{id:path}"), _endpoint(row, jobs), methods=[row.method]) for row in rows]


def _endpoint(operation: Operation, jobs: JobService) -> Any:
    async def answer(request: Request) -> Response:
        members = await _members(operation, request)
        decoded = decode(operation, members)
        result = await anyio.to_thread.run_sync(jobs.perform, operation, decoded)
        return JSONResponse(result.to_json(details=flag(request.headers, DETAILS_HEADER)))

    return answer


async def _members(operation: Operation, request: Request) -> dict[str, object]:
    """Path, query and body as one object; a body counts by its path, since half of the clients send no content type."""
    query = dict(parse_qsl(request.url.query, keep_blank_values=True))
    if operation.method != "POST":
        return {**query, **request.path_params}
    return {**query, **await body_of(request)}
