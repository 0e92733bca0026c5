"""What ``/gremlin/status`` and ``/openCypher/status`` have in common: list, one query, cancel."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from starlette.requests import Request

from workflow.errors import InvalidParameter, MissingParameter
from workflow.queries.running import QueryRegistry, RunningQuery

Result = TypeVar("Result")


def status_answer(registry: QueryRegistry, method: str, id: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The answer of a status request; clients name the query by path as boto3, or by form as graph-notebook.

    Raises MissingParameter for a cancellation without a query, InvalidParameter for a query that does not run.
    """
    id = id or str(fields.get("queryId") or "")
    if method == "DELETE" or is_set(fields, "cancelQuery"):
        if not id:
            raise MissingParameter("queryId is missing: name the query to cancel")
        if not registry.cancel(id, silent=is_set(fields, "silent")):
            raise InvalidParameter(f"There is no running query with queryId {id!r}")
        return {"status": "200 OK", "payload": True}
    if id:
        query = registry.get(id)
        if query is None:
            raise InvalidParameter(f"There is no running query with queryId {id!r}")
        return query.as_status()
    return registry.status(include_waiting=is_set(fields, "includeWaiting"))


async def in_worker(
    workers: ThreadPoolExecutor, request: Request, running: RunningQuery, work: Callable[[], Result]
) -> Result:
    """Run blocking work in a worker thread; a client that hangs up cancels it."""
    future = asyncio.get_running_loop().run_in_executor(workers, work)
    while True:
        done, _ = await asyncio.wait((future,), timeout=1.0)
        if done:
            return await future
        if await request.is_disconnected():
            running.cancelled.set()


def is_set(fields: Mapping[str, Any], flag: str) -> bool:
    """Whether a flag is given, be it bare as in ``?cancelQuery``, or with the value true in any spelling."""
    return fields.get(flag) == "" or is_true(fields.get(flag))


def is_true(value: object) -> bool:
    return value is True or (isinstance(value, str) and value.lower() == "true")
