"""The Starlette application: every route module's routes behind the same guard and the same error answers."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect
from starlette.routing import BaseRoute

from workflow.errors import WorkflowError
from workflow.server import ui
from workflow.server.access.auth import Guard, Policy
from workflow.server.access.budget import Bounded
from workflow.server.access.origins import AbsoluteFormPaths
from workflow.server.errors import client_gone, http_error, unexpected_error, workflow_error
from workflow.server.gremlin import websocket as gremlin_websocket
from workflow.server.neptune import export
from workflow.server.neptune import routes as neptune
from workflow.server.operations import routes as operations
from workflow.server.operations.requests import Observed, RequestCounts
from workflow.server.services import Services

# each has ``routes(services) -> list[BaseRoute]``; the first match wins
_MODULES = (ui, neptune, export, gremlin_websocket)


def create_app(services: Services) -> Starlette:
    """All routes over one set of services."""
    counts = RequestCounts()
    routes: list[BaseRoute] = [route for module in _MODULES for route in module.routes(services)]
    routes += operations.routes(services, counts)
    app = Starlette(
        routes=routes,
        middleware=[
            Middleware(Observed, counts),
            Middleware(Bounded, services.budget),
            Middleware(AbsoluteFormPaths),
            Middleware(Guard, Policy.of(services.settings)),
        ],
        exception_handlers={
            WorkflowError: workflow_error,
            HTTPException: http_error,
            ClientDisconnect: client_gone,
            Exception: unexpected_error,
        },
    )
    app.router.redirect_slashes = False  # Neptune redirects nothing, and its clients follow nothing
    app.state.services = services
    return app
