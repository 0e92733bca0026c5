"""Faults that a test, or somebody who wants to see how their workflow bears them, asks for; none by default.

Each is asked for through ``PUT /_emulator/faults`` with ``{"fault": …, "match": <regular expression over the
resource's name>, "times": n, "seconds": s}``, and happens ``times`` times.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from workflow.emulator.errors import ApiError, invalid

Fault = Literal[
    "throttling",  # the call is refused with ThrottlingException
    "server_error",  # the call is refused with InternalFailure, status 500
    "quota",  # the call is refused with ResourceLimitExceeded
    "capacity",  # the job fails with a CapacityError before it starts
    "interruption",  # a spot job is interrupted once it trains, and starts again
    "slow_start",  # the job stays in Starting for so many seconds
    "slow_download",  # its input takes so many seconds more
    "image_pull",  # the job fails because its image cannot be pulled
    "kill",  # the container is ended by SIGKILL
    "lost_endpoint",  # the container of an endpoint is ended; the endpoint starts it again
    "unhealthy",  # the container of an endpoint never answers its ping
    "invocation_error",  # an invocation is answered with 500 by the container
]
CALLS: dict[Fault, tuple[str, str, int]] = {
    "throttling": ("ThrottlingException", "Rate exceeded", 400),
    "server_error": ("InternalFailure", "The request processing has failed because of an unknown error.", 500),
    "quota": ("ResourceLimitExceeded", "The account-level service limit was exceeded; ask for an increase.", 400),
}


@dataclass
class _Asked:
    fault: Fault
    match: re.Pattern[str]
    times: int
    seconds: float


class Faults:
    """The faults still to happen. Safe to share between threads."""

    def __init__(self) -> None:
        self._asked: list[_Asked] = []
        self._lock = threading.Lock()  # guards _asked

    def ask(self, document: Mapping[str, Any]) -> None:
        """Raises ApiError for a fault that is not known."""
        fault: Any = document.get("fault")
        if fault not in get_args(Fault):
            raise invalid(f"fault {fault!r} is unknown; it is one of {', '.join(get_args(Fault))}")
        asked = _Asked(
            fault,
            re.compile(str(document.get("match", ""))),
            int(document.get("times", 1)),
            float(document.get("seconds", 1.0)),
        )
        with self._lock:
            self._asked.append(asked)

    def clear(self) -> None:
        """Forget what has not happened."""
        with self._lock:
            self._asked.clear()

    def happens(self, fault: Fault, name: str) -> float | None:
        """Whether a fault happens to a resource now, and for how many seconds; counts it."""
        with self._lock:
            for asked in self._asked:
                if asked.fault == fault and asked.times > 0 and asked.match.search(name):
                    asked.times -= 1
                    return asked.seconds
        return None

    def check_call(self, operation: str, name: str) -> None:
        """Raises ApiError where a call of this operation on this resource is to be refused."""
        for fault, (code, message, status) in CALLS.items():
            if self.happens(fault, f"{operation} {name}") is not None:
                raise ApiError(code, message, status)
