"""The runner of one machine: jobs and trials are child processes of the service."""

from workflow.runners.local.runner import LocalRunner

__all__ = ["LocalRunner"]
