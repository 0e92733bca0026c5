"""The Starlette application: every route module's routes behind the same guard and the same error answers."""

from __future__ import annotations

import importlib
import importlib.util

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import BaseRoute

from workflow.errors import WorkflowError
from workflow.server.auth import Guard, Policy
from workflow.server.errors import http_error, unexpected_error, workflow_error
from workflow.server.origins import AbsoluteFormPaths
from workflow.server.services import Services

# each has ``routes(services) -> list[BaseRoute]``; the first match wins
ROUTE_MODULES = ("ui", "ml", "loader", "status", "export", "gremlin_http", "gremlin_websocket")


def create_app(services: Services) -> Starlette:
    """All routes over one set of services."""
    routes: list[BaseRoute] = []
    for name in ROUTE_MODULES:
        module = f"workflow.server.{name}"
        if importlib.util.find_spec(module) is not None:
            routes.extend(importlib.import_module(module).routes(services))
    app = Starlette(
        routes=routes,
        middleware=[Middleware(AbsoluteFormPaths), Middleware(Guard, Policy.of(services.settings))],
        exception_handlers={WorkflowError: workflow_error, HTTPException: http_error, Exception: unexpected_error},
    )
    app.state.services = services
    return app
