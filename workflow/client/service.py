"""A service of one's own: for as long as a block, a notebook or this process lasts."""

from __future__ import annotations

import atexit
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from workflow.client.workflow import Workflow
from workflow.errors import WorkflowError

READY = "Despina listens on "
STOP_TIMEOUT_S = 30


class ServiceDidNotStart(WorkflowError):
    """The service ended, or said nothing, before it answered."""

    def __init__(self, home: Path, said: str) -> None:
        super().__init__(f"The service on {home} did not start: {said.strip() or 'it said nothing'}")


class LocalService:
    """A running ``despina serve``; stopped by ``stop``, at the latest when this process ends."""

    def __init__(self, process: subprocess.Popen[bytes], url: str, home: Path) -> None:
        self._process, self.url, self.home = process, url, home
        atexit.register(self.stop)

    @property
    def pid(self) -> int:
        return self._process.pid

    def workflow(self, bucket: str = "s3://despina") -> Workflow:
        """The client of this service, reading and writing the same ``s3://`` addresses."""
        from workflow.drivers import open_storage
        from workflow.settings import Settings

        return Workflow(self.url, bucket=bucket, storage=open_storage(Settings(home=self.home)))

    def stop(self) -> None:
        """End the service, its jobs and its endpoints. Stopping twice is fine."""
        atexit.unregister(self.stop)
        _end(self._process)


def start_service(
    home: Path | None = None, *options: str, timeout_s: float = 60, environ: Mapping[str, str] | None = None
) -> LocalService:
    """Start ``despina serve`` on a free loopback port and return once it answers.

    Args:
        home: where the service keeps everything; created if missing, by default a new temporary folder.
        options: further options of ``despina serve``.
        timeout_s: how long it may take. Raises ServiceDidNotStart.
        environ: variables of the service beside those of this process.
    """
    home = Path(tempfile.mkdtemp(prefix="despina-")) if home is None else home
    home.mkdir(parents=True, exist_ok=True)
    log = home / "service.log"
    command = [sys.executable, "-m", "workflow.cli", "serve", "--port", "0", "--home", str(home), *options]
    with log.open("ab") as errors:
        process = subprocess.Popen(  # noqa: S603 - our own command
            command, stdout=subprocess.PIPE, stderr=errors, env={**os.environ, **(environ or {})}
        )
    try:
        return LocalService(process, _address(process, log, home, timeout_s), home)
    except BaseException:
        _end(process)
        raise


@contextmanager
def local_service(
    home: Path, *options: str, timeout_s: float = 60, environ: Mapping[str, str] | None = None
) -> Iterator[str]:
    """``start_service`` for as long as a block lasts; yields the address."""
    service = start_service(home, *options, timeout_s=timeout_s, environ=environ)
    try:
        yield service.url
    finally:
        service.stop()


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
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
