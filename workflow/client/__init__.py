"""The client side: Neptune's data API and Gremlin, to our service or, with another address, to a real cluster."""

from workflow.client.charts import confusion_chart, link_chart, ranking_histogram, scatter_chart, training_curve
from workflow.client.connection import Connection
from workflow.client.service import LocalService, local_service, start_service
from workflow.client.workflow import Workflow

__all__ = [
    "Connection",
    "LocalService",
    "Workflow",
    "confusion_chart",
    "link_chart",
    "local_service",
    "ranking_histogram",
    "scatter_chart",
    "start_service",
    "training_curve",
]
