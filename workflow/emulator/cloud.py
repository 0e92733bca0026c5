"""What every part of the emulator needs: records, storage, images, faults, and how jobs are run here."""

from __future__ import annotations

import logging
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from workflow.emulator.containers.images import Image, Images
from workflow.emulator.containers.isolation import Isolation
from workflow.emulator.faults import Faults
from workflow.emulator.records import Kind, Records
from workflow.storage import Storage

_log = logging.getLogger(__name__)

PIPELINE_KEY = "emulated-pipeline"  # of what a pipeline does in the name of its role
OWN_KEY = "emulator"  # of what SageMaker itself does in the name of a job's role: files in and out, logs
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "emulated-job", "AWS_SECRET_ACCESS_KEY": "emulated"}  # of the job's own code


class LogSink(Protocol):
    """Where the log of a host goes beside its file."""

    def send(self, group: str, stream: str, path: Path) -> None:
        """Put the lines of a file into a log stream."""


@dataclass(frozen=True)
class Pace:
    """How long things take here, in seconds: AWS needs minutes for what takes a moment on one machine."""

    starting_s: float = 0.0
    grace_s: float = 10.0
    health_s: float = 120.0


@dataclass(frozen=True)
class Cloud:
    """The emulated region.

    Attributes:
        folder: the working folders of jobs and endpoints.
        addresses: the endpoint variables that lead a job back here.
    """

    records: Records
    storage: Storage
    images: Images
    faults: Faults
    folder: Path
    region: str
    isolation: Isolation
    addresses: Mapping[str, str]
    logs: LogSink
    pace: Pace = Pace()

    def environment(self, image: Image, more: Mapping[str, str]) -> dict[str, str]:
        """All that a process of a job sees."""
        place = {"AWS_REGION": self.region, "AWS_DEFAULT_REGION": self.region, **CREDENTIALS, **self.addresses}
        return self.images.environment(image, {**place, **more})


class JobStopped(Exception):
    """A job was asked to stop, or the emulator ends."""


@dataclass
class Threads:
    """The threads of running jobs: one a job, each with an event that asks it to stop."""

    closing: threading.Event = field(default_factory=threading.Event)
    _stops: dict[tuple[str, str], threading.Event] = field(default_factory=dict)
    _threads: dict[tuple[str, str], threading.Thread] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)  # guards _stops and _threads

    def start(self, kind: Kind, name: str, work: Callable[[threading.Event], None]) -> None:
        """Run ``work`` in a thread of its own; it is given the event that asks it to stop, set where all are to end."""
        key, stop = (kind.name, name), threading.Event()

        def run() -> None:
            try:
                work(stop)
            except Exception:  # noqa: BLE001 - the edge of a thread
                _log.exception("%s %s: its thread failed", *key)
            finally:
                with self._lock:
                    if self._stops.get(key) is stop:
                        del self._stops[key], self._threads[key]

        thread = threading.Thread(target=run, name=f"job-{kind.name}-{name}", daemon=True)
        with self._lock:
            self._stops[key], self._threads[key] = stop, thread
            if self.closing.is_set():
                stop.set()
        thread.start()

    def stop(self, kind: Kind, name: str) -> None:
        """Ask a job to stop; nothing happens where it does not run."""
        with self._lock:
            stop = self._stops.get((kind.name, name))
        if stop is not None:
            stop.set()

    def wait(self, kind: Kind, name: str, timeout_s: float | None = None) -> None:
        """Return once a job has ended."""
        with self._lock:
            thread = self._threads.get((kind.name, name))
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout_s)

    def close(self, timeout_s: float = 20.0) -> None:
        """Stop everything, also what starts from now on, and wait; what does not end is logged with its place."""
        with self._lock:
            self.closing.set()
            stops, threads = list(self._stops.values()), list(self._threads.values())
        for stop in stops:
            stop.set()
        deadline = time.monotonic() + timeout_s
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
            if thread.is_alive():
                frame = sys._current_frames().get(thread.ident or 0)
                place = "".join(traceback.format_stack(frame)) if frame is not None else ""
                _log.warning("%s did not end within %g s of being asked to stop\n%s", thread.name, timeout_s, place)


def pause(stop: threading.Event, seconds: float) -> None:
    """Let time pass. Raises JobStopped where the job is asked to stop meanwhile."""
    if stop.wait(seconds) if seconds > 0 else stop.is_set():
        raise JobStopped
