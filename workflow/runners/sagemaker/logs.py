"""What a job has printed, from CloudWatch Logs."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from workflow.errors import WorkflowError
from workflow.runners.failures import last_lines
from workflow.runners.sagemaker.account import Clients, call

_log = logging.getLogger(__name__)

PROCESSING = "/aws/sagemaker/ProcessingJobs"
TRAINING = "/aws/sagemaker/TrainingJobs"
TRANSFORM = "/aws/sagemaker/TransformJobs"
ENDPOINTS = "/aws/sagemaker/Endpoints"


class CloudLogs:
    """Reads the logs of jobs and endpoints."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def fetch(self, group: str, prefix: str, path: Path) -> bool:
        """Write the streams of a job to a file; False where there are none. A log that is not had fails nothing."""
        lines: list[str] = []
        try:
            for stream in self._streams(group, prefix):
                lines += self._lines(group, stream)
        except WorkflowError as error:
            _log.debug("no log of %s: %s", prefix, error)
        if not lines:
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n")
        return True

    def tail(self, group: str, prefix: str, path: Path) -> str:
        """The last lines of a job that say something; the whole goes to a file."""
        return last_lines(path) if self.fetch(group, prefix, path) else ""

    def _streams(self, group: str, prefix: str) -> list[str]:
        client = self._clients.get("logs")
        request = {"logGroupName": group, **({"logStreamNamePrefix": prefix} if prefix else {})}
        answer = call(client, "describe_log_streams", patience_s=10.0, **request)
        return [str(stream["logStreamName"]) for stream in answer.get("logStreams", [])]

    def _lines(self, group: str, stream: str) -> list[str]:
        client, lines = self._clients.get("logs"), []
        request: dict[str, Any] = {"logGroupName": group, "logStreamName": stream, "startFromHead": True}
        token = None
        while True:
            answer = call(client, "get_log_events", patience_s=10.0, **request)
            lines += [str(event["message"]) for event in answer.get("events", [])]
            if answer.get("nextForwardToken") in (None, token):
                return lines
            token = request["nextToken"] = answer["nextForwardToken"]
