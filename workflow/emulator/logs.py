"""Job logs in CloudWatch Logs: the groups and streams in which SageMaker leaves them."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

_log = logging.getLogger(__name__)

BATCH = 1000  # lines of one PutLogEvents
LONGEST_LINE = 250_000


class CloudWatchLogs:
    """Sends log files to a CloudWatch Logs endpoint, which may be the emulator's own port.

    Args:
        client: boto3's ``logs`` client.
    """

    def __init__(self, client: Any) -> None:
        self._client = client

    def send(self, group: str, stream: str, path: Path) -> None:
        """Put the lines of a file into a stream; a log that cannot be sent is no reason for a job to fail."""
        if not path.is_file():
            return
        now = int(time.time() * 1000)
        lines = path.read_text(errors="replace").splitlines()
        events = [{"timestamp": now, "message": line[:LONGEST_LINE]} for line in lines if line.strip()]
        try:
            self._make(self._client.create_log_group, logGroupName=group)
            self._make(self._client.create_log_stream, logGroupName=group, logStreamName=stream)
            for start in range(0, len(events), BATCH):
                batch = events[start : start + BATCH]
                self._client.put_log_events(logGroupName=group, logStreamName=stream, logEvents=batch)
        except Exception as error:  # noqa: BLE001 - the edge to another service
            _log.warning("the log of %s could not be sent: %s", stream, error)

    def _make(self, create: Any, **names: str) -> None:
        try:
            create(**names)
        except self._client.exceptions.ResourceAlreadyExistsException:
            return
