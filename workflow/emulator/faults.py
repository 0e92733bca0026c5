"""Faults that a test, or somebody who wants to see how their workflow bears them, asks for; none by default.

Each is asked for through ``PUT /_emulator/faults`` with ``{"fault": …, "match": <regular expression over the
resource's name>, "times": n, "seconds": s}``, and happens ``times`` times.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from workflow.emulator.errors import ApiError, invalid

Fault = Literal[
    "throttling",  # the call is refused with ThrottlingException
    "server_error",  # the call is refused with InternalFailure, status 500
    "quota",  # the call is refused with ResourceLimitExceeded
    "unavailable",  # the call is refused with ServiceUnavailable, status 503
    "access_denied",  # the call is refused with AccessDeniedException
    "expired_token",  # the call is refused with ExpiredTokenException
    "refused",  # the call is refused with ValidationException
    "bad_gateway",  # something between answers 502 with a page
    "no_answer",  # the connection is closed before anything is done
    "lost_answer",  # the call is done, and its answer never arrives
    "slow_answer",  # the answer takes so many seconds
    "capacity",  # the job fails with a CapacityError before it starts
    "interruption",  # a spot job is interrupted once it trains, and starts again
    "slow_start",  # the job stays in Starting for so many seconds
    "slow_download",  # its input takes so many seconds more
    "image_pull",  # the job fails because its image cannot be pulled
    "kill",  # the container is ended by SIGKILL
    "internal_error",  # the job fails with an InternalServerError before it starts
    "input_denied",  # the job fails because its role may not read the input
    "output_denied",  # the job fails because its role may not write the output
    "disk_full",  # the job fails because its volume is full
    "time_limit",  # the job ends as one that ran past its limit
    "max_wait",  # a spot job ends as one that waited past its limit
    "stopped",  # somebody stops the job
    "lost_logs",  # what the job has printed never reaches CloudWatch
    "lost_endpoint",  # the container of an endpoint is ended; the endpoint starts it again
    "unhealthy",  # the container of an endpoint never answers its ping
    "invocation_error",  # an invocation is answered with 500 by the container
    "slow_s3",  # a call of S3 takes so many seconds more
    "s3_slow_down",  # a call of S3 is refused with SlowDown, status 503
    "s3_broken_off",  # the connection of a GetObject is closed in the middle
    "s3_damaged",  # a GetObject answers another content of the same length
]
CALLS: dict[Fault, tuple[str, str, int]] = {
    "throttling": ("ThrottlingException", "Rate exceeded", 400),
    "server_error": ("InternalFailure", "The request processing has failed because of an unknown error.", 500),
    "quota": ("ResourceLimitExceeded", "The account-level service limit was exceeded; ask for an increase.", 400),
    "unavailable": ("ServiceUnavailable", "The service is temporarily unavailable.", 503),
    "access_denied": ("AccessDeniedException", "User is not authorized to perform this operation.", 400),
    "expired_token": ("ExpiredTokenException", "The security token included in the request is expired.", 400),
    "refused": ("ValidationException", "1 validation error detected: the request is refused.", 400),
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

    def first(self, faults: Iterable[Fault], name: str) -> tuple[Fault, float] | None:
        """The first of several faults that happens now, with its seconds."""
        for fault in faults:
            seconds = self.happens(fault, name)
            if seconds is not None:
                return fault, seconds
        return None

    def check_call(self, operation: str, name: str) -> None:
        """Raises ApiError where a call of this operation on this resource is to be refused."""
        for fault, (code, message, status) in CALLS.items():
            if self.happens(fault, f"{operation} {name}") is not None:
                raise ApiError(code, message, status)
