"""The cloud from the client's side: where a workflow runs, what it would call and cost, and its infrastructure."""

from workflow.client.cloud.local import LocalCloud, start_cloud

__all__ = ["LocalCloud", "start_cloud"]
