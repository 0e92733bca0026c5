"""Real servers of other makers as child processes: started once, found again in a cache, stopped with the tests."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

FIRST_START_S = 900  # builds and downloads included
MISSING: dict[str, str] = {}


class PeerMissing(Exception):
    """A server could not be started here; the reason is its starter's last words."""


def cache() -> Path:
    """Where binaries and jars are kept between runs."""
    return Path(os.environ.get("DESPINA_PEERS_CACHE") or Path.home() / ".cache" / "despina-peers")


def python_with(name: str, *packages: str, timeout_s: float = 600) -> Path:
    """The interpreter of an environment that holds some packages, made at the first use; skips aloud where it cannot.

    Args:
        name: of its folder in the cache, and of what the summary says is missing.
        packages: as pip takes them.
        timeout_s: seconds that pip may take.
    """
    folder = cache() / name
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        try:
            subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True, capture_output=True)
            install = [python, "-m", "pip", "install", "-q", *packages]
            subprocess.run(install, check=True, capture_output=True, timeout=timeout_s)
        except (subprocess.SubprocessError, OSError) as error:
            MISSING[name] = str(getattr(error, "stderr", b"") or error)[-300:]
            pytest.skip(f"{name}: {MISSING[name]}")
        (folder / "ready").touch()
    return python


def packages_at(name: str, marker: str, *packages: str, options: Sequence[str] = ()) -> Path:
    """A folder of packages for ``PYTHONPATH``, installed at the first use; skips aloud where they cannot be.

    Args:
        name: of the folder in the cache, and of what the summary says is missing.
        marker: what is in the folder once the packages are.
        packages: as pip takes them.
        options: more of pip's options.
    """
    folder = cache() / name
    if not (folder / marker).is_dir():
        install = [sys.executable, "-m", "uv", "pip", "install", "-q", *options, "--target", str(folder), *packages]
        if subprocess.run(install, check=False, capture_output=True).returncode:
            MISSING[name] = why = "it could not be installed"
            pytest.skip(f"{name}: {why}")
    return folder


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def peer(name: str, *options: str, ready: Callable[[int], bool] = listens) -> Iterator[int]:
    """Run ``<name>_server.py`` of this folder until the block ends; yields its port.

    Raises PeerMissing where the toolchain is not there or the server does not come up; the summary names it.
    """
    port = free_port()
    workdir = cache() / name
    workdir.mkdir(parents=True, exist_ok=True)
    log = workdir / "server.log"
    starter = Path(__file__).with_name(f"{name}_server.py")
    command = [sys.executable, str(starter), str(workdir), "--port", str(port), *options]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        deadline = time.monotonic() + FIRST_START_S
        while not ready(port):
            if process.poll() is not None or time.monotonic() > deadline:
                words = log.read_text(errors="replace").strip().splitlines()
                MISSING[name] = words[-1] if words else f"it did not answer within {FIRST_START_S} s"
                raise PeerMissing(f"{name}: {MISSING[name]}")
            time.sleep(0.2)
        yield port
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
