"""``/health`` and ``/ready`` for whoever watches the process, ``/metrics`` for Prometheus."""

from __future__ import annotations

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from workflow.server.operations.metrics import exposition
from workflow.server.operations.requests import RequestCounts
from workflow.server.services import Services


def routes(services: Services, counts: RequestCounts) -> list[BaseRoute]:
    """Health says that the process answers, readiness that it takes work; both say nothing else, to anybody."""

    async def health(request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def ready(request: Request) -> Response:
        if services.ready.is_set() and not services.stopping.is_set():
            return JSONResponse({"status": "ready"})
        return JSONResponse({"status": "not ready"}, 503)

    async def metrics(request: Request) -> Response:
        content, media_type = await to_thread.run_sync(exposition, services, counts)
        return Response(content, media_type=media_type)

    return [
        Route("/health", health, methods=["GET"]),
        Route("/ready", ready, methods=["GET"]),
        Route("/metrics", metrics, methods=["GET"]),
    ]
