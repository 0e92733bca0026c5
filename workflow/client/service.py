"""A service of one's own, for as long as a block lasts."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from workflow.errors import WorkflowError

READY = "Despina listens on "


class ServiceDidNotStart(WorkflowError):
    """The service ended, or said nothing, before it answered."""

    def __init__(self, home: Path, said: str) -> None:
        super().__init__(f"The service on {home} did not start: {said.strip() or 'it said nothing'}")


@contextmanager
def local_service(home: Path, *options: str, timeout_s: float = 60) -> Iterator[str]:
    """Run ``despina serve`` on a free loopback port; yields its address, stops it and its jobs at the end.

    Args:
        home: where the service keeps everything; created if missing.
        options: further options of ``despina serve``.
        timeout_s: how long it may take until it answers. Raises ServiceDidNotStart.
    """
    home.mkdir(parents=True, exist_ok=True)
    log = home / "service.log"
    command: Sequence[str] = [
        sys.executable,
        "-m",
        "workflow.cli",
        "serve",
        "--port",
        "0",
        "--home",
        str(home),
        *options,
    ]
    with log.open("ab") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, env={**os.environ})  # noqa: S603
    try:
        yield _address(process, log, home, timeout_s)
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _address(process: subprocess.Popen[bytes], log: Path, home: Path, timeout_s: float) -> str:
    if process.stdout is None:  # asked for above
        raise ServiceDidNotStart(home, "its output could not be read")
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        readable, _, _ = select.select([process.stdout], [], [], 0.2)
        line = process.stdout.readline().decode() if readable else ""
        if line.startswith(READY):
            return line.removeprefix(READY).strip()
        if process.poll() is not None:
            break
    tail = log.read_text(errors="replace").splitlines()[-5:]
    raise ServiceDidNotStart(home, "\n".join(tail))
