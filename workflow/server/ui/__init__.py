"""The page at ``/``: jobs with live progress, endpoints, and a box for queries whose answers are drawn."""

from workflow.server.ui.routes import routes

__all__ = ["routes"]
