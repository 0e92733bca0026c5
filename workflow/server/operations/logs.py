"""The log of the service: lines with time, level and request id, as text or as JSON.

The id of a request is that of its answer's ``x-amzn-RequestId``. Threads that work for a request know it; those of jobs
have none.
"""

from __future__ import annotations

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import IO

from workflow.settings import Settings

REQUEST_ID: ContextVar[str] = ContextVar("request id", default="")
ACCESS = logging.getLogger("workflow.access")


class _WithRequest(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = REQUEST_ID.get() or "-"
        return True


class JsonLines(logging.Formatter):
    """An object a line: ``time``, ``level``, ``logger``, ``message``, ``request_id`` and ``exception``."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "members", {}),
        }
        if getattr(record, "request_id", "-") != "-":
            line["request_id"] = record.request_id  # type: ignore[attr-defined]
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class TextLines(logging.Formatter):
    """``2026-01-05T10:00:00.123Z INFO workflow.jobs.service [request id] what happened``."""

    def __init__(self) -> None:
        super().__init__("%(moment)s %(levelname)s %(name)s [%(request_id)s] %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC)
        record.moment = f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
        return super().format(record)


def configure(settings: Settings, stream: IO[str] | None = None) -> logging.Handler:
    """Send what ``workflow`` and the web server log to standard error, as the settings say; gives the handler."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines() if settings.log_format == "json" else TextLines())
    handler.addFilter(_WithRequest())
    for name in ("workflow", "uvicorn"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.propagate = False
        logger.setLevel(settings.log_level.upper())
    ACCESS.setLevel(logging.INFO if settings.access_log else logging.CRITICAL)
    return handler
