"""The page at ``/``: jobs with live progress, endpoints, and a Gremlin box whose answers are drawn."""

from workflow.server.ui.routes import routes

__all__ = ["routes"]
