"""The client side: Neptune's data API and Gremlin, to our service or, with another address, to a real cluster."""

from workflow.client.connection import Connection
from workflow.client.workflow import Workflow

__all__ = ["Connection", "Workflow"]
