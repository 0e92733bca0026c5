"""Tells observers of jobs, one after the other and aside: neither their time nor their failures are the job's."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from workflow.jobs.model import LIVES, JobRecord

_log = logging.getLogger(__name__)
END_S = 5.0  # for what is still to be told when the service ends


class JobObserver(Protocol):
    """Is told of jobs in the order of what happens to them, by one thread. What it raises is logged."""

    def began(self, job: JobRecord) -> None:
        """A job runs; again after a restart of the service."""

    def ended(self, job: JobRecord) -> None:
        """A job has ended, one way or the other."""


class Observing:
    """The listener of a job store."""

    def __init__(self, observers: Sequence[JobObserver]) -> None:
        self._observers = observers
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="observers")

    def __call__(self, job: JobRecord) -> None:
        """Note a change of a job; returns at once."""
        if job.kind == "endpoints":
            return
        if job.is_final:
            self._thread.submit(self._tell, "ended", job)
        elif job.state == LIVES[job.kind].running and job.started_ms is not None:
            self._thread.submit(self._tell, "began", job)

    def _tell(self, what: str, job: JobRecord) -> None:
        for observer in self._observers:
            try:
                getattr(observer, what)(job)
            except Exception as error:  # noqa: BLE001 - the edge to other people's services
                name = type(observer).__name__
                _log.warning("%s was not told that %s %s %s: %s", name, job.kind, job.id, what, error)

    def close(self) -> None:
        """Tell what is left, for a moment."""
        closing = threading.Thread(target=self._thread.shutdown, name="observers-closing", daemon=True)
        closing.start()
        closing.join(END_S)
