"""A child process behind its guard: started with a clean environment, watched, stopped, and accounted for."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

GUARD = Path(__file__).with_name("guard.py")
POLL_S = 0.05


@dataclass(frozen=True)
class Ending:
    """How a child ended; ``outcome`` says whose doing it was."""

    outcome: str  # "exited", "timeout", "cancelled"
    exit_code: int | None
    signal: int | None
    peak_memory_bytes: int
    wall_s: float

    @property
    def succeeded(self) -> bool:
        """Whether it ended by itself with exit code 0."""
        return self.outcome == "exited" and self.exit_code == 0


def run_guarded(
    command: Sequence[str],
    environment: Mapping[str, str],
    folder: Path,
    log: Path,
    *,
    timeout_s: float,
    cancelled: threading.Event,
    grace_s: float = 10.0,
) -> Ending:
    """Run a command until it ends, its time is up, or ``cancelled`` is set.

    Args:
        command: program and arguments; no shell is involved.
        environment: the whole environment of the child.
        folder: its working folder; also holds the guard's status file.
        log: gets stdout and stderr, appended.
        grace_s: between SIGTERM and SIGKILL.
    """
    status = folder / "ended.json"
    status.unlink(missing_ok=True)
    log.parent.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    with log.open("ab") as output:
        guard = subprocess.Popen(  # noqa: S603 - our own guard, a list of arguments
            [sys.executable, "-I", "-S", str(GUARD), str(status), str(grace_s), *command],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            cwd=folder,
            env=dict(environment),
            start_new_session=True,
        )
    assert guard.stdin is not None
    outcome = "exited"
    deadline = began + timeout_s
    try:
        while guard.poll() is None:
            asked = cancelled.wait(POLL_S) if outcome == "exited" else False
            if outcome == "exited" and (asked or time.monotonic() > deadline):
                outcome = "cancelled" if asked else "timeout"
                with contextlib.suppress(BrokenPipeError):
                    guard.stdin.write(b"t")
                    guard.stdin.flush()
            elif outcome != "exited":
                time.sleep(POLL_S)
    finally:
        with contextlib.suppress(BrokenPipeError):
            guard.stdin.close()
        guard.wait()
    wall_s = time.monotonic() - began
    try:
        ended = json.loads(status.read_text())
    except (OSError, ValueError):  # the guard itself was killed; its child died with it
        killed_by = -guard.returncode if guard.returncode < 0 else None
        return Ending(outcome, None if killed_by else guard.returncode or 1, killed_by, 0, wall_s)
    return Ending(outcome, ended["exit_code"], ended["signal"], ended["peak_memory_bytes"], wall_s)
