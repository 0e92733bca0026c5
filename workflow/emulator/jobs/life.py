"""What the lives of all jobs share: one is asked to stop only while it runs, and has failed where the emulator ended.

A job may end at any moment, in a thread of its own. So whoever changes what it was found to be looks and writes in one
step, through ``Records.change``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workflow.emulator.cloud import Cloud, Threads
from workflow.emulator.errors import invalid
from workflow.emulator.records import Document, Kind

RUNNING = ("InProgress", "Stopping")
CUT_SHORT = "InternalServerError: the emulator was ended while the job ran; start it again"


def check_running(kind: Kind, job: Mapping[str, Any]) -> None:
    """Raises ApiError for a job that has ended: it cannot be stopped any more."""
    status = job[kind.status_field]
    if status not in RUNNING:
        word = kind.arn_part.replace("-", " ")
        raise invalid(f"The request was rejected because the {word} is in status {status}.")


def ask_to_stop(cloud: Cloud, threads: Threads, kind: Kind, name: str) -> None:
    """Say that a job is stopping, and tell its thread. Raises ApiError for one that has ended."""

    def stopping(job: Document) -> Document:
        check_running(kind, job)
        return {kind.status_field: "Stopping"}

    cloud.records.change(kind, name, stopping)
    threads.stop(kind, name)


def cut_short(cloud: Cloud, kind: Kind) -> list[str]:
    """The names of the jobs that ran when the emulator ended."""
    return [str(job[kind.name_field]) for job in cloud.records.all(kind) if job[kind.status_field] in RUNNING]
